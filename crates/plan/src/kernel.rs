//! Numbers of the kernel's interface that a plan contains. This crate calls nothing, so it has no bindings to take them from.
//! Runs in: nowhere; constants. They are the same on every architecture that brig knows.

/// Namespaces: clone(2), namespaces(7).
pub(crate) mod clone {
    pub(crate) const NEWTIME: u32 = 0x0000_0080;
    pub(crate) const NEWNS: u32 = 0x0002_0000;
    pub(crate) const NEWCGROUP: u32 = 0x0200_0000;
    pub(crate) const NEWUTS: u32 = 0x0400_0000;
    pub(crate) const NEWIPC: u32 = 0x0800_0000;
    pub(crate) const NEWUSER: u32 = 0x1000_0000;
    pub(crate) const NEWPID: u32 = 0x2000_0000;
    pub(crate) const NEWNET: u32 = 0x4000_0000;

    /// All of them, by the names that config.json has for them.
    pub(crate) const BY_NAME: [(&str, u32); 8] = [
        ("user", NEWUSER),
        ("cgroup", NEWCGROUP),
        ("ipc", NEWIPC),
        ("uts", NEWUTS),
        ("network", NEWNET),
        ("pid", NEWPID),
        ("mount", NEWNS),
        ("time", NEWTIME),
    ];
}

/// Mount flags: mount(2), and `linux/mount.h` for those that the page leaves out.
pub(crate) mod ms {
    pub(crate) const RDONLY: u32 = 1;
    pub(crate) const NOSUID: u32 = 2;
    pub(crate) const NODEV: u32 = 4;
    pub(crate) const NOEXEC: u32 = 8;
    pub(crate) const SYNCHRONOUS: u32 = 16;
    pub(crate) const REMOUNT: u32 = 32;
    pub(crate) const MANDLOCK: u32 = 64;
    pub(crate) const DIRSYNC: u32 = 128;
    pub(crate) const NOSYMFOLLOW: u32 = 256;
    pub(crate) const NOATIME: u32 = 1024;
    pub(crate) const NODIRATIME: u32 = 2048;
    pub(crate) const BIND: u32 = 4096;
    pub(crate) const REC: u32 = 16384;
    pub(crate) const SILENT: u32 = 32768;
    pub(crate) const UNBINDABLE: u32 = 1 << 17;
    pub(crate) const PRIVATE: u32 = 1 << 18;
    pub(crate) const SLAVE: u32 = 1 << 19;
    pub(crate) const SHARED: u32 = 1 << 20;
    pub(crate) const RELATIME: u32 = 1 << 21;
    pub(crate) const I_VERSION: u32 = 1 << 23;
    pub(crate) const STRICTATIME: u32 = 1 << 24;
    pub(crate) const LAZYTIME: u32 = 1 << 25;
}

/// Mount attributes: mount_setattr(2).
pub(crate) mod attr {
    pub(crate) const RDONLY: u64 = 0x01;
    pub(crate) const NOSUID: u64 = 0x02;
    pub(crate) const NODEV: u64 = 0x04;
    pub(crate) const NOEXEC: u64 = 0x08;
    /// The field that holds the access time setting, of which relatime is the zero.
    pub(crate) const ATIME: u64 = 0x70;
    pub(crate) const NOATIME: u64 = 0x10;
    pub(crate) const STRICTATIME: u64 = 0x20;
    pub(crate) const NODIRATIME: u64 = 0x80;
    pub(crate) const NOSYMFOLLOW: u64 = 0x0020_0000;
}

/// File types: inode(7).
pub(crate) mod stat {
    pub(crate) const IFIFO: u32 = 0o010_000;
    pub(crate) const IFCHR: u32 = 0o020_000;
    pub(crate) const IFBLK: u32 = 0o060_000;
    /// Permission bits, with set-id and sticky bits.
    pub(crate) const PERMISSIONS: u32 = 0o7777;
}

/// Permissions of keys: keyctl_setperm(3).
pub(crate) mod key {
    pub(crate) const OTHER_SEARCH: u32 = 0x0000_0008;
    pub(crate) const USER_SEARCH: u32 = 0x0008_0000;
}
