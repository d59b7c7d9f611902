//! `process.capabilities`: five lists of names to five masks.
//! Runs in: the parent; pure. Done in `brig-init`'s file of the same name.

use std::collections::BTreeSet;

use brig_handshake::process::Capabilities;

use crate::spec::LinuxCapabilities;

/// All capabilities, each at the place that is its number: capabilities(7), `linux/capability.h`.
const NAMES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// The name of capability `number` (capabilities(7)), or its number.
pub fn capability_name(number: u32) -> String {
    let name = usize::try_from(number).ok().and_then(|number| NAMES.get(number));
    name.map_or_else(|| number.to_string(), |name| (*name).to_owned())
}

/// The names of capabilities that a kernel has whose highest one is `last`.
pub(crate) fn names(mask: u64) -> impl Iterator<Item = &'static str> {
    NAMES.iter().enumerate().filter(move |(bit, _)| mask >> bit & 1 == 1).map(|(_, name)| *name)
}

/// Reads names, and remembers those that this kernel does not have.
#[derive(Debug)]
pub(crate) struct Reader<'s> {
    last: u8,
    unknown: BTreeSet<&'s str>,
}

impl<'s> Reader<'s> {
    /// For a kernel whose highest capability is `last`.
    pub(crate) fn new(last: u8) -> Self {
        Reader { last, unknown: BTreeSet::new() }
    }

    /// The mask of `names`.
    pub(crate) fn mask(&mut self, names: &'s [impl AsRef<str>]) -> u64 {
        names.iter().fold(0, |mask, name| mask | self.bit(name.as_ref()))
    }

    fn bit(&mut self, name: &'s str) -> u64 {
        match NAMES.iter().position(|known| *known == name) {
            Some(number) if number <= usize::from(self.last) => 1 << number,
            _ => {
                self.unknown.insert(name);
                0
            }
        }
    }

    /// One line about the names that were not known.
    pub(crate) fn warning(self) -> Option<String> {
        let unknown: Vec<_> = self.unknown.into_iter().collect();
        (!unknown.is_empty())
            .then(|| format!("ignoring unknown or unavailable capabilities: [{}]", unknown.join(" ")))
    }
}

/// The masks of the five sets.
pub(crate) fn plan(sets: &LinuxCapabilities<'_>, last: u8, warnings: &mut Vec<String>) -> Capabilities {
    let mut reader = Reader::new(last);
    let mut plan = Capabilities {
        bounding: reader.mask(&sets.bounding),
        effective: reader.mask(&sets.effective),
        inheritable: reader.mask(&sets.inheritable),
        permitted: reader.mask(&sets.permitted),
        ambient: reader.mask(&sets.ambient),
        last,
    };
    warnings.extend(reader.warning());
    drop_impossible_ambient(&mut plan, &sets.ambient, warnings);
    plan
}

/// "No capability can ever be ambient if it is not both permitted and inheritable" (capabilities(7)). What is left out of
/// those that `asked` names is told in that order, in the words that runc has from the kernel.
pub(crate) fn drop_impossible_ambient(
    plan: &mut Capabilities,
    asked: &[impl AsRef<str>],
    warnings: &mut Vec<String>,
) {
    let impossible = plan.ambient & !(plan.permitted & plan.inheritable);
    plan.ambient &= !impossible;
    let mut reader = Reader::new(plan.last);
    let names = asked.iter().map(AsRef::as_ref).filter(|name| reader.bit(name) & impossible != 0);
    warnings
        .extend(names.map(|name| format!("can't raise ambient capability {name}: operation not permitted")));
}
