//! The words of `mounts[].options`.
//! Runs in: the parent; pure. What they come to is done in `brig-init`'s mounts.

use brig_handshake::mounts::{SourceLink, TargetLink};

use crate::kernel::{attr, ms};
use crate::spec::Str;

/// What the options of one mount come to. Of words that contradict each other the last one counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MountOptions<'s> {
    /// `MS_*` that are asked for.
    pub(crate) set: u32,
    /// `MS_*` that are refused by name (`rw`, `suid`, …).
    pub(crate) cleared: u32,
    /// Propagation types, in order.
    pub(crate) propagation: Vec<u32>,
    /// `MOUNT_ATTR_*` to set on the mount and all below it.
    pub(crate) recursive_set: u64,
    /// `MOUNT_ATTR_*` to clear on the mount and all below it.
    pub(crate) recursive_clear: u64,
    /// `tmpcopyup`.
    pub(crate) copy_up: bool,
    /// `idmap` or `ridmap`.
    pub(crate) id_map: Option<IdMapOption<'s>>,
    /// What becomes of a source that is a symbolic link.
    pub(crate) source_link: SourceLink,
    /// What becomes of a destination that is one.
    pub(crate) target_link: TargetLink,
    /// Everything else: for the file system.
    pub(crate) data: Vec<&'s str>,
}

/// `idmap`, `ridmap`, and crun's `idmap=uids=…;gids=…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IdMapOption<'s> {
    /// `ridmap`: mounts below it as well.
    pub(crate) recursive: bool,
    /// What stands behind `=`.
    pub(crate) maps: Option<&'s str>,
}

/// Reads one word as such.
pub(crate) fn id_map(word: &str) -> Option<IdMapOption<'_>> {
    let (name, maps) = word.split_once('=').map_or((word, None), |(name, maps)| (name, Some(maps)));
    match name {
        "idmap" => Some(IdMapOption { recursive: false, maps }),
        "ridmap" => Some(IdMapOption { recursive: true, maps }),
        _ => None,
    }
}

enum Word {
    Set(u32),
    Clear(u32),
    Propagation(u32),
    SetBelow(u64),
    ClearBelow(u64),
    /// One value of the access time field.
    AtimeBelow(u64),
    CopyUp,
    SourceLink(SourceLink),
    TargetLink(TargetLink),
    Nothing,
}

/// Reads the words.
pub(crate) fn read<'s>(words: &'s [Str<'_>]) -> MountOptions<'s> {
    let mut options = MountOptions {
        set: 0,
        cleared: 0,
        propagation: Vec::new(),
        recursive_set: 0,
        recursive_clear: 0,
        copy_up: false,
        id_map: None,
        source_link: SourceLink::Followed,
        target_link: TargetLink::Followed,
        data: Vec::new(),
    };
    for word in words {
        match (known(word), id_map(word)) {
            (Some(known), _) => options.apply(known),
            (None, Some(id_map)) => options.id_map = Some(id_map),
            (None, None) => options.data.push(word),
        }
    }
    options
}

impl MountOptions<'_> {
    fn apply(&mut self, word: Word) {
        match word {
            Word::Set(flags) => {
                self.set |= flags;
                self.cleared &= !flags;
            }
            Word::Clear(flags) => {
                self.set &= !flags;
                self.cleared |= flags;
            }
            Word::Propagation(kind) => self.propagation.push(kind),
            Word::SetBelow(attrs) => {
                self.recursive_set |= attrs;
                self.recursive_clear &= !attrs;
            }
            Word::ClearBelow(attrs) => {
                self.recursive_set &= !attrs;
                self.recursive_clear |= attrs;
            }
            // A field, not bits: mount_setattr(2) wants all of it cleared with every value.
            Word::AtimeBelow(value) => {
                self.recursive_set = self.recursive_set & !attr::ATIME | value;
                self.recursive_clear |= attr::ATIME;
            }
            Word::CopyUp => self.copy_up = true,
            Word::SourceLink(link) => self.source_link = link,
            Word::TargetLink(link) => self.target_link = link,
            Word::Nothing => {}
        }
    }

    /// The attributes of a bind mount to set and to clear; `None` where its options name no flag at all, and the source's
    /// stay.
    ///
    /// One flag named means that those not named are off, as with mount(8); only the access time setting stays. In a user
    /// namespace the kernel locks most of the flags that a source has (mount_namespaces(7)), and there they stay unless
    /// they are cleared by name, which then fails. Words that only clear an access time flag change nothing.
    pub(crate) fn bind_attributes(&self, unnamed: Unnamed) -> Option<(u64, u64)> {
        const NOT_FLAGS: u32 = ms::BIND | ms::REC | ms::REMOUNT;
        if self.set & !NOT_FLAGS == 0 && self.cleared & !NOT_FLAGS == 0 {
            return None;
        }
        let mut set = attributes(self.set);
        let mut clear = attributes(self.cleared) | attr::NOSYMFOLLOW;
        if unnamed == Unnamed::Cleared {
            clear |= attr::RDONLY | attr::NOSUID | attr::NODEV | attr::NOEXEC;
        }
        clear &= !set;
        if self.set & (ms::NOATIME | ms::RELATIME | ms::STRICTATIME | ms::NODIRATIME) != 0 {
            let (value, directories) = self.atime();
            set |= value | directories;
            clear |= attr::ATIME | (attr::NODIRATIME & !directories);
        }
        Some((set, clear))
    }

    /// One value of the access time field out of flags of which several may be set: mount(2) gives `strictatime` the
    /// last word, and `noatime` the last but one.
    fn atime(&self) -> (u64, u64) {
        let value = match self.set {
            set if set & ms::STRICTATIME != 0 => attr::STRICTATIME,
            set if set & ms::NOATIME != 0 => attr::NOATIME,
            _ => 0,
        };
        (value, if self.set & ms::NODIRATIME != 0 { attr::NODIRATIME } else { 0 })
    }
}

/// What becomes of a bind mount's flags that the kernel may lock and that no option names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unnamed {
    /// They are cleared.
    Cleared,
    /// They are as they were: a user namespace is in play.
    Kept,
}

fn attributes(flags: u32) -> u64 {
    FLAG_ATTRIBUTES.iter().filter(|(flag, _)| flags & flag != 0).fold(0, |all, (_, attr)| all | attr)
}

/// Flags that are attributes of a mount, and mean the same alone; access times do not.
const FLAG_ATTRIBUTES: [(u32, u64); 5] = [
    (ms::RDONLY, attr::RDONLY),
    (ms::NOSUID, attr::NOSUID),
    (ms::NODEV, attr::NODEV),
    (ms::NOEXEC, attr::NOEXEC),
    (ms::NOSYMFOLLOW, attr::NOSYMFOLLOW),
];

fn known(word: &str) -> Option<Word> {
    let flag = flag(word).or_else(|| propagation(word).map(Word::Propagation));
    flag.or_else(|| below(word)).or(match word {
        "tmpcopyup" => Some(Word::CopyUp),
        // crun's.
        "src-nofollow" => Some(Word::SourceLink(SourceLink::Mounted)),
        "copy-symlink" => Some(Word::SourceLink(SourceLink::Copied)),
        "dest-nofollow" => Some(Word::TargetLink(TargetLink::Covered)),
        _ => None,
    })
}

/// Options that mount(8) has, without regard to the file system.
fn flag(word: &str) -> Option<Word> {
    use Word::{Clear, Set};
    Some(match word {
        "defaults" => Word::Nothing,
        "bind" => Set(ms::BIND),
        "rbind" => Set(ms::BIND | ms::REC),
        "remount" => Set(ms::REMOUNT),
        "ro" => Set(ms::RDONLY),
        "rw" => Clear(ms::RDONLY),
        "nosuid" => Set(ms::NOSUID),
        "suid" => Clear(ms::NOSUID),
        "nodev" => Set(ms::NODEV),
        "dev" => Clear(ms::NODEV),
        "noexec" => Set(ms::NOEXEC),
        "exec" => Clear(ms::NOEXEC),
        "sync" => Set(ms::SYNCHRONOUS),
        "async" => Clear(ms::SYNCHRONOUS),
        "dirsync" => Set(ms::DIRSYNC),
        "mand" => Set(ms::MANDLOCK),
        "nomand" => Clear(ms::MANDLOCK),
        "noatime" => Set(ms::NOATIME),
        "atime" => Clear(ms::NOATIME),
        "nodiratime" => Set(ms::NODIRATIME),
        "diratime" => Clear(ms::NODIRATIME),
        "relatime" => Set(ms::RELATIME),
        "norelatime" => Clear(ms::RELATIME),
        "strictatime" => Set(ms::STRICTATIME),
        "nostrictatime" => Clear(ms::STRICTATIME),
        "iversion" => Set(ms::I_VERSION),
        "noiversion" => Clear(ms::I_VERSION),
        "lazytime" => Set(ms::LAZYTIME),
        "nolazytime" => Clear(ms::LAZYTIME),
        "silent" => Set(ms::SILENT),
        "loud" => Clear(ms::SILENT),
        "nosymfollow" => Set(ms::NOSYMFOLLOW),
        "symfollow" => Clear(ms::NOSYMFOLLOW),
        _ => return None,
    })
}

/// `MS_*` of a propagation type, also that of `linux.rootfsPropagation`.
pub(crate) fn propagation(word: &str) -> Option<u32> {
    Some(match word {
        "private" => ms::PRIVATE,
        "rprivate" => ms::PRIVATE | ms::REC,
        "shared" => ms::SHARED,
        "rshared" => ms::SHARED | ms::REC,
        "slave" => ms::SLAVE,
        "rslave" => ms::SLAVE | ms::REC,
        "unbindable" => ms::UNBINDABLE,
        "runbindable" => ms::UNBINDABLE | ms::REC,
        _ => return None,
    })
}

/// Options for a mount and all below it (mount_setattr(2) with AT_RECURSIVE).
fn below(word: &str) -> Option<Word> {
    use Word::{AtimeBelow, ClearBelow, SetBelow};
    Some(match word {
        "rro" => SetBelow(attr::RDONLY),
        "rrw" => ClearBelow(attr::RDONLY),
        "rnosuid" => SetBelow(attr::NOSUID),
        "rsuid" => ClearBelow(attr::NOSUID),
        "rnodev" => SetBelow(attr::NODEV),
        "rdev" => ClearBelow(attr::NODEV),
        "rnoexec" => SetBelow(attr::NOEXEC),
        "rexec" => ClearBelow(attr::NOEXEC),
        "rnodiratime" => SetBelow(attr::NODIRATIME),
        "rdiratime" => ClearBelow(attr::NODIRATIME),
        "rnosymfollow" => SetBelow(attr::NOSYMFOLLOW),
        "rsymfollow" => ClearBelow(attr::NOSYMFOLLOW),
        "rnoatime" => AtimeBelow(attr::NOATIME),
        "rstrictatime" => AtimeBelow(attr::STRICTATIME),
        // Leaving any of the settings leads to relatime, the kernel's own default.
        "rrelatime" | "ratime" | "rnostrictatime" => AtimeBelow(0),
        "rnorelatime" => Word::Nothing,
        _ => return None,
    })
}
