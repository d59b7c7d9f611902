//! One mount, in syscall-ready form. Destinations stay text until they are resolved once, beneath the rootfs.

use alloc::vec::Vec;

use crate::wire::Text;
use crate::{wire_enum, wire_struct};

wire_struct! {
    /// One entry of `mounts`.
    pub struct Mount<'a> {
        /// Its place in `mounts` of config.json.
        pub index: u32,
        /// Where, as seen from inside; absolute.
        pub destination: Text<'a>,
        /// What.
        pub what: What<'a>,
        /// `MS_SHARED` and so on, each set with a call of its own, in order.
        pub propagation: Vec<u32>,
        /// Recursive attributes (`rro`, `rnosuid` …).
        pub recursive: Option<AttrChange>,
    }
}

wire_enum! {
    /// What is mounted.
    pub enum What<'a> {
        /// A new instance of a file system.
        Filesystem(value: Filesystem<'a>) = 1,
        /// Something that exists already.
        Bind(value: Bind<'a>) = 2,
        /// The unified cgroup hierarchy.
        Cgroup2(value: Cgroup2<'a>) = 3,
        /// A tmpfs with one directory for each cgroup v1 hierarchy.
        Cgroup1(value: Cgroup1<'a>) = 4,
    }
}

wire_struct! {
    /// mount_setattr(2): attributes to set and to clear.
    pub struct AttrChange {
        /// `MOUNT_ATTR_*`.
        pub set: u64,
        /// `MOUNT_ATTR_*`.
        pub clear: u64,
    }
}

wire_struct! {
    /// mount(2) of a new file system.
    pub struct Filesystem<'a> {
        /// First argument of mount(2).
        pub source: Text<'a>,
        /// Its type.
        pub fs_type: Text<'a>,
        /// `MS_*`.
        pub flags: u32,
        /// Options that the file system itself understands.
        pub data: Option<Text<'a>>,
        /// What its mount point may be.
        pub target: Target,
        /// What else to do with it.
        pub extra: Extra<'a>,
        /// `MS_*` for a remount after the root switch, when devices and links exist: what is to be read-only in the end.
        pub remount: Option<u32>,
    }
}

wire_enum! {
    /// What a mount point may be.
    pub enum Target {
        /// A directory, resolved beneath the rootfs, symbolic links included; made if missing.
        Directory = 1,
        /// A real directory reached without any symbolic link: proc and sysfs (CVE-2019-19921, CVE-2023-27561).
        OrdinaryDirectory = 2,
        /// As `Directory`; a directory that exists hands its mode to the new file system's root (tmpfs without `mode=`).
        DirectoryGivesMode = 3,
    }
}

wire_enum! {
    /// What else a new file system needs.
    pub enum Extra<'a> {
        /// Nothing.
        None = 0,
        /// `tmpcopyup`: the covered directory's contents are copied up.
        CopyUp = 1,
        /// mqueue takes no `context=`: its label is an extended attribute, set afterwards.
        Label(value: Text<'a>) = 2,
    }
}

wire_struct! {
    /// A bind mount.
    pub struct Bind<'a> {
        /// Host path, absolute.
        pub source: Text<'a>,
        /// `rbind`.
        pub recursive: bool,
        /// Attributes to set and clear on the top mount; `None` when the configuration names none, and the source's stay.
        pub attrs: Option<AttrChange>,
        /// Who opens the source.
        pub opener: Opener,
        /// What becomes of a source that is a symbolic link.
        pub source_link: SourceLink,
        /// What becomes of a destination that is one.
        pub target_link: TargetLink,
    }
}

wire_enum! {
    /// What becomes of a source that is a symbolic link.
    pub enum SourceLink {
        /// What it leads to is mounted.
        Followed = 1,
        /// It is mounted itself (`src-nofollow`).
        Mounted = 2,
        /// One that says the same is made at the destination, and nothing is mounted (`copy-symlink`).
        Copied = 3,
    }
}

wire_enum! {
    /// What becomes of a destination that is a symbolic link.
    pub enum TargetLink {
        /// What it leads to, beneath the rootfs, is mounted over.
        Followed = 1,
        /// It is mounted over itself, and has to be there (`dest-nofollow`).
        Covered = 2,
    }
}

wire_enum! {
    /// Who opens the source of a bind mount.
    pub enum Opener {
        /// `brig-init`.
        Init = 1,
        /// `brig-init`, and the parent where that is refused: the source may be out of reach for the container's root.
        InitThenParent = 2,
        /// The parent: the mount is id-mapped, which needs privilege over its file system.
        Parent = 3,
        /// `brig-init`, in the tree that it builds, and hands it to the parent: to be id-mapped.
        InitForParent = 4,
    }
}

wire_struct! {
    /// The unified hierarchy.
    pub struct Cgroup2<'a> {
        /// `MS_*`.
        pub flags: u32,
        /// Whether it is one of the container's own.
        pub instance: Instance,
        /// What is bound.
        pub source: Text<'a>,
    }
}

wire_enum! {
    /// How the unified hierarchy comes into the container.
    pub enum Instance {
        /// Mounted anew; bound where that is forbidden.
        New = 1,
        /// Bound. In the host's cgroup namespace a new instance would take the options of the host's own mount away,
        /// `nsdelegate` among them: there is one set of them (`apply_cgroup_root_flags` in the kernel).
        Bound = 2,
    }
}

wire_struct! {
    /// Version 1 hierarchies below a tmpfs.
    pub struct Cgroup1<'a> {
        /// `MS_*` of each hierarchy.
        pub flags: u32,
        /// The hierarchies.
        pub hierarchies: Vec<Hierarchy<'a>>,
        /// Links such as `cpu` to `cpu,cpuacct`: name, target.
        pub links: Vec<Link<'a>>,
        /// `MS_*` for the tmpfs after the root switch.
        pub remount: Option<u32>,
    }
}

wire_struct! {
    /// One version 1 hierarchy.
    pub struct Hierarchy<'a> {
        /// Directory below the tmpfs.
        pub name: Text<'a>,
        /// Options of a new instance (`cpu,cpuacct`, `none,name=systemd`), where a cgroup namespace makes that right.
        pub data: Option<Text<'a>>,
        /// Host directory to bind otherwise: the container's own group.
        pub source: Text<'a>,
        /// To bind if that is not there.
        pub fallback: Option<Text<'a>>,
    }
}

wire_struct! {
    /// A symbolic link.
    pub struct Link<'a> {
        /// Where it is.
        pub path: Text<'a>,
        /// What it says.
        pub target: Text<'a>,
    }
}
