// A root file system with the machine's busybox, and a store beside it. Included by tests, and by the examples in documentation.

/// A folder with `rootfs` and `store` in it, which goes with this value.
#[derive(Debug)]
pub(crate) struct Rootfs(std::path::PathBuf);

impl Rootfs {
    /// One of its own for everybody; `None`, having said why, where there is no busybox.
    pub(crate) fn new() -> Option<Self> {
        use std::sync::atomic::{AtomicU32, Ordering};
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let busybox = ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|path| std::fs::exists(path).unwrap_or(false));
        let Some(busybox) = busybox else {
            println!("SKIPPED: needs busybox-static");
            return None;
        };
        let name = format!("brig-library-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        let bin = folder.join("rootfs/bin");
        std::fs::create_dir_all(&bin).ok()?;
        for directory in ["dev", "etc", "proc", "sys", "tmp"] {
            std::fs::create_dir(folder.join("rootfs").join(directory)).ok()?;
        }
        std::fs::copy(busybox, bin.join("busybox")).ok()?;
        for applet in ["sh", "cat", "echo", "env", "false", "id", "ip", "kill", "ls", "mkdir", "pwd", "sleep", "stty", "touch", "tr", "true", "uname", "wc"] {
            std::os::unix::fs::symlink("busybox", bin.join(applet)).ok()?;
        }
        Some(Self(folder))
    }

    /// The root file system.
    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.0.join("rootfs")
    }

    /// A store.
    pub(crate) fn store(&self) -> brig_runtime::store::Store {
        brig_runtime::store::Store::open(self.0.join("store"))
    }
}

impl Drop for Rootfs {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            println!("{}: {error}", self.0.display());
        }
    }
}
