//! Bundles made from the machine's busybox, and what changes their configuration and their files.

use std::{
    env, fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use super::shared::unique;
use super::{brig_program, busybox};
use serde_json::{Value, json};

/// Programs of busybox that are linked in a bundle.
const APPLETS: [&str; 32] = [
    "cat", "chmod", "cut", "dd", "echo", "env", "false", "grep", "hostname", "id", "kill", "ls", "mkdir",
    "mkfifo", "mount", "nproc", "ps", "pwd", "readlink", "rm", "sh", "sleep", "stat", "stty", "test",
    "touch", "tr", "true", "tty", "umount", "uname", "wc",
];

/// A folder that goes when the test ends, however it ends.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// An empty folder that everybody may enter.
    pub(crate) fn new(name: &str) -> Self {
        let path = env::temp_dir().join(unique(name));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A path in it.
    pub(crate) fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap_or_else(|error| println!("{}: {error}", self.0.display()));
    }
}

/// A bundle: `config.json` and `rootfs`. Make it before the [`Brig`] that uses it, so that it goes after that.
#[derive(Debug)]
pub(crate) struct Bundle(Folder);

impl Bundle {
    /// What `brig spec` writes, without a terminal and with a root that can be written to, around a busybox.
    pub(crate) fn busybox() -> Self {
        let bundle = Self(Folder::new("bundle"));
        let rootfs = bundle.rootfs();
        for directory in ["bin", "dev", "etc", "proc", "sys", "tmp"] {
            fs::create_dir_all(rootfs.join(directory)).unwrap();
        }
        fs::copy(busybox().unwrap(), rootfs.join("bin/busybox")).unwrap();
        for applet in APPLETS {
            symlink("busybox", rootfs.join("bin").join(applet)).unwrap();
        }
        fs::write(rootfs.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n").unwrap();
        let wrote =
            Command::new(brig_program()).args(["spec", "--bundle"]).arg(bundle.path()).status().unwrap();
        assert!(wrote.success());
        bundle.edit(|config| {
            config["process"]["terminal"] = json!(false);
            config["root"]["readonly"] = json!(false);
        })
    }

    /// The same, whose process is `args`.
    pub(crate) fn with_args(args: &[&str]) -> Self {
        Self::busybox().args(args)
    }

    /// Changes config.json.
    #[must_use]
    pub(crate) fn edit(self, change: impl FnOnce(&mut Value)) -> Self {
        self.change(change);
        self
    }

    /// Changes config.json, of a bundle that is in use.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Value)) {
        let path = self.path().join("config.json");
        let mut config = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        change(&mut config);
        fs::write(&path, config.to_string()).unwrap();
    }

    /// Sets `process.args`.
    #[must_use]
    pub(crate) fn args(self, args: &[&str]) -> Self {
        self.edit(|config| config["process"]["args"] = json!(args))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Its root file system.
    pub(crate) fn rootfs(&self) -> PathBuf {
        self.path().join("rootfs")
    }

    /// Whose process waits until it is ended.
    pub(crate) fn sleeper() -> Self {
        Self::with_args(&["sleep", "1000"])
    }

    /// Whose process is a shell that runs `script`.
    pub(crate) fn script(script: &str) -> Self {
        Self::with_args(&["sh", "-c", script])
    }

    /// Whose process has every capability there is.
    #[must_use]
    pub(crate) fn privileged(self) -> Self {
        self.edit(|config| {
            config["process"].as_object_mut().unwrap().remove("capabilities");
            config["process"]["noNewPrivileges"] = json!(false);
        })
    }

    /// In a new user namespace, whose ids start at 100000.
    #[must_use]
    pub(crate) fn in_user_namespace(self) -> Self {
        let map = json!([{ "containerID": 0, "hostID": 100_000, "size": 65_536 }]);
        give_to(&self.rootfs(), 100_000);
        fs::set_permissions(self.path(), fs::Permissions::from_mode(0o755)).unwrap();
        self.edit(|config| {
            set_namespace(config, "user", None);
            config["linux"]["uidMappings"] = map.clone();
            config["linux"]["gidMappings"] = map;
        })
    }

    /// With one more mount.
    #[must_use]
    pub(crate) fn mount(self, mount: Value) -> Self {
        self.edit(|config| config["mounts"].as_array_mut().unwrap().push(mount))
    }

    /// Without the mount at `destination`.
    #[must_use]
    pub(crate) fn without_mount(self, destination: &str) -> Self {
        self.edit(|config| {
            config["mounts"].as_array_mut().unwrap().retain(|mount| mount["destination"] != destination);
        })
    }
}

/// Gives a tree to a user and his group.
pub(crate) fn give_to(path: &Path, id: u32) {
    std::os::unix::fs::lchown(path, Some(id), Some(id)).unwrap();
    if path.symlink_metadata().unwrap().is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| give_to(&entry.unwrap().path(), id));
    }
}

/// A new namespace, or the one at `path`.
pub(crate) fn set_namespace(config: &mut Value, kind: &str, path: Option<&str>) {
    drop_namespace(config, kind);
    let entry = match path {
        Some(path) => json!({ "type": kind, "path": path }),
        None => json!({ "type": kind }),
    };
    config["linux"]["namespaces"].as_array_mut().unwrap().push(entry);
}

/// The caller's namespace.
pub(crate) fn drop_namespace(config: &mut Value, kind: &str) {
    config["linux"]["namespaces"].as_array_mut().unwrap().retain(|namespace| namespace["type"] != kind);
}
