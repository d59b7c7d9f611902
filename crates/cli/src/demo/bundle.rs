//! A bundle and a store in a temporary folder, which go when the demo is over. Runs in: parent.
//! Nothing is mounted in it outside of the container: removing it removes nothing of the host's.

use std::{
    env, fs, io,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process, thread,
};

use rustix::process::geteuid;

use super::{
    config::{self, HOSTNAME, HostFiles, Inside, PROGRAM},
    facts::Facts,
};

/// The folder.
#[derive(Debug)]
pub(crate) struct Bundle {
    folder: PathBuf,
    id: String,
}

/// Folders of the rootfs: on most of them something new is mounted.
const FOLDERS: [&str; 9] = ["dev", "etc", "proc", "root", "run", "sys", "tmp", "usr", "var"];
/// Beside `/usr`, where programs and libraries are looked for: links into it, on most machines.
const BESIDE_USR: [&str; 6] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];
/// Which of several programs of one kind a name in `/usr/bin` stands for, on Debian and its kin.
const ALTERNATIVES: &str = "/etc/alternatives";
const FILES: [(&str, &str); 4] = [
    (
        "etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    ),
    ("etc/group", "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n"),
    ("etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"),
    ("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
];

impl Bundle {
    /// Where the folder will be: the caller's `$XDG_RUNTIME_DIR` if it has one, else where temporary files are.
    pub(crate) fn place() -> PathBuf {
        runtime_directory().unwrap_or_else(env::temp_dir)
    }

    /// An empty folder in `place`.
    ///
    /// # Errors
    /// Those of the file system.
    pub(crate) fn new_in(place: &Path) -> io::Result<Self> {
        for attempt in 0.. {
            let id = format!("brig-demo-{}-{attempt}", process::id());
            let folder = fs::canonicalize(place)?.join(&id);
            // Others may pass through, as the container's root is one of them when the caller is root; none may look.
            match fs::DirBuilder::new().mode(0o700).create(&folder) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 1000 => {}
                made => {
                    made?;
                    let bundle = Self { folder, id };
                    fs::set_permissions(bundle.path(), fs::Permissions::from_mode(0o711))?;
                    return Ok(bundle);
                }
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// The container's id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Where the container is recorded.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.join("store")
    }

    /// Where config.json and rootfs are.
    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    /// Fills it.
    ///
    /// # Errors
    /// Those of the disk; brig has no path of its own.
    pub(crate) fn fill(&self, facts: &Facts, inside: &Inside<'_>) -> io::Result<()> {
        let rootfs = self.folder.join("rootfs");
        make_folder(&rootfs)?;
        for name in FOLDERS {
            make_folder(&rootfs.join(name))?;
        }
        for (name, text) in FILES {
            write(&rootfs.join(name), text)?;
        }
        write(&rootfs.join("etc/hostname"), &format!("{HOSTNAME}\n"))?;
        let mut files = vec![HostFiles { source: "/usr".to_owned(), destination: "/usr".to_owned() }];
        for name in BESIDE_USR {
            files.extend(beside_usr(&rootfs, name)?);
        }
        if Path::new(ALTERNATIVES).is_dir() {
            make_folder(&rootfs.join("etc/alternatives"))?;
            files.push(HostFiles { source: ALTERNATIVES.to_owned(), destination: ALTERNATIVES.to_owned() });
        }
        write(&rootfs.join(PROGRAM.trim_start_matches('/')), "")?;
        files.push(HostFiles { source: own_program()?, destination: PROGRAM.to_owned() });
        write(&self.folder.join("config.json"), &config::json(facts, &files, inside))
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        let removed = fs::remove_dir_all(&self.folder);
        if let Err(error) = removed
            && !thread::panicking()
        {
            log::warn!("remove {}: {error}", self.folder.display());
        }
    }
}

/// Whatever the caller's umask: to the host the container's root may be anybody.
fn make_folder(path: &Path) -> io::Result<()> {
    fs::create_dir(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644))
}

/// A link as the host has it; what is a folder on the host has to be bound.
fn beside_usr(rootfs: &Path, name: &str) -> io::Result<Option<HostFiles>> {
    let (on_host, inside) = (Path::new("/").join(name), rootfs.join(name));
    match fs::read_link(&on_host) {
        Ok(target) => symlink(target, inside).map(|()| None),
        Err(_) if on_host.is_dir() => {
            make_folder(&inside)?;
            let path = on_host.display().to_string();
            Ok(Some(HostFiles { source: path.clone(), destination: path }))
        }
        Err(_) => Ok(None),
    }
}

fn own_program() -> io::Result<String> {
    let path = env::current_exe()?;
    path.into_os_string().into_string().map_err(|_| io::Error::other("the path of brig is not UTF-8"))
}

fn runtime_directory() -> Option<PathBuf> {
    let directory =
        env::var_os("XDG_RUNTIME_DIR").filter(|directory| !directory.is_empty() && !geteuid().is_root());
    directory.map(PathBuf::from).filter(|directory| directory.is_dir())
}
