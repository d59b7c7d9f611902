//! A bundle, a store, and who runs brig on them.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use serde_json::Value;

use crate::common::{Brig, Bundle};

/// One failure's surroundings. The bundle goes last.
pub(crate) struct Bench {
    pub(crate) brig: Brig,
    pub(crate) bundle: Bundle,
    config: String,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let bundle = Bundle::with_args(&["true"]);
        fs::set_permissions(bundle.path(), fs::Permissions::from_mode(0o755)).unwrap();
        // Which there is only on cgroup v2.
        let bundle = bundle.edit(|config| crate::common::drop_namespace(config, "cgroup"));
        let config = fs::read_to_string(bundle.path().join("config.json")).unwrap();
        Self { brig: Brig::new(), bundle, config }
    }

    pub(crate) fn path(&self) -> &Path {
        self.bundle.path()
    }

    /// config.json with this change.
    pub(crate) fn write(&self, change: impl FnOnce(&mut Value)) {
        fs::write(self.path().join("config.json"), &self.config).unwrap();
        self.bundle.change(change);
    }

    /// A file in the image.
    pub(crate) fn image(&self, name: &str, text: impl AsRef<[u8]>, mode: u32) {
        let path = self.bundle.rootfs().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// `brig run`, as root.
    pub(crate) fn run(&self, id: &str) -> Command {
        self.brig.command(&["run", "--bundle", self.path().to_str().unwrap(), id])
    }

    /// The same with another command, or with options.
    pub(crate) fn does(&self, words: &[&str], id: &str) -> Command {
        self.brig.command(&[words, &["--bundle", self.path().to_str().unwrap(), id]].concat())
    }

    /// A command behind `words`, a shell's script first.
    pub(crate) fn behind(script: &str, command: &Command) -> Command {
        let mut whole = Command::new("sh");
        whole.args(["-c", script, "sh"]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => whole.env(name, value),
                None => whole.env_remove(name),
            };
        }
        whole
    }

    /// `brig run` by an ordinary user, whose store is his own.
    pub(crate) fn run_as_nobody(&self, id: &str) -> Command {
        let root = self.brig.root();
        fs::create_dir_all(&root).unwrap();
        std::os::unix::fs::chown(&root, Some(65534), Some(65534)).unwrap();
        Self::behind(AS_NOBODY, &self.run(id))
    }

    /// The line without what differs from run to run.
    pub(crate) fn plain(&self, line: &str, id: &str) -> String {
        line.replace(self.path().to_str().unwrap(), "/bundle")
            .replace(self.brig.root().to_str().unwrap(), "/run/brig")
            .replace(id, "ID")
    }
}

pub(crate) const AS_NOBODY: &str =
    "unset XDG_RUNTIME_DIR; exec setpriv --reuid 65534 --regid 65534 --clear-groups \"$@\"";
