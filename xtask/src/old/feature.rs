//! Features of the kernel that can be taken away, and what docs/kernel-features.md promises for each.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;

use brig_seccomp::{Action, Arch, Profile, Rule, compile};
use brig_sys::seccomp::set_mode_filter;

/// One feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Feature {
    /// The word for it on the command line.
    pub(crate) name: &'static str,
    /// How docs/kernel-features.md writes it.
    pub(crate) row: &'static str,
    pub(crate) how: How,
}

/// How it is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// A filter of seccomp(2) answers ENOSYS to these calls.
    Calls(&'static [&'static str]),
    /// Whoever traces brig refuses clone3(2) with this flag as a kernel does whose `struct clone_args` has no cgroup.
    IntoCgroup,
    /// Whoever traces brig finds no file of this name.
    File(&'static str),
}

/// Why a test may fail without a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Excuse {
    /// What it needs was refused by the feature's name.
    Refused,
    /// It needs what nobody has who is under the filter that takes the feature away.
    Filter,
}

/// All of them.
pub(crate) const FEATURES: [Feature; 10] = [
    Feature { name: "openat2", row: "openat2(2)", how: How::Calls(&["openat2"]) },
    Feature { name: "mount_setattr", row: "mount_setattr(2)", how: How::Calls(&["mount_setattr"]) },
    Feature { name: "open_tree", row: "open_tree(2)", how: How::Calls(&["open_tree", "move_mount"]) },
    Feature { name: "fsopen", row: "fsopen(2)", how: How::Calls(&["fsopen", "fsconfig", "fsmount"]) },
    Feature { name: "clone3", row: "clone3(2)", how: How::Calls(&["clone3"]) },
    Feature { name: "pidfd_open", row: "pidfd_open(2)", how: How::Calls(&["pidfd_open"]) },
    Feature { name: "close_range", row: "close_range(2)", how: How::Calls(&["close_range"]) },
    Feature { name: "memfd_create", row: "memfd_create(2)", how: How::Calls(&["memfd_create"]) },
    Feature { name: "CLONE_INTO_CGROUP", row: "`CLONE_INTO_CGROUP`", how: How::IntoCgroup },
    Feature { name: "cgroup.kill", row: "`cgroup.kill`", how: How::File("cgroup.kill") },
];

/// `SECCOMP_RET_ERRNO` of a call that is not there.
const ENOSYS: u32 = 38;

impl Feature {
    /// The one of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        FEATURES.into_iter().find(|feature| feature.name == name)
    }

    /// Why a test that says `said` may fail without it.
    pub(super) fn excuse(self, said: &str) -> Option<Excuse> {
        /// One listener is all that a process can have.
        const SECOND: &str = "error loading seccomp filter into kernel: device or resource busy";
        /// ptrace(2), `PTRACE_O_SUSPEND_SECCOMP`: not for who is under a filter himself.
        const CRIU: &str = "suspending seccomp failed: Operation not permitted";
        match self.how {
            _ if self.is_named_in(said) => Some(Excuse::Refused),
            How::IntoCgroup | How::File(_) if said.contains(SECOND) => Some(Excuse::Filter),
            _ if said.contains(CRIU) => Some(Excuse::Filter),
            How::Calls(_) | How::IntoCgroup | How::File(_) => None,
        }
    }

    /// Whether `said` refuses something because of it, by its name.
    pub(crate) fn is_named_in(self, said: &str) -> bool {
        let How::Calls(calls) = self.how else { return false };
        let words = ["function not implemented (missing: ", "function not implemented (ENOSYS); missing: "];
        let Some((_, missing)) = words.iter().find_map(|words| said.split_once(words)) else { return false };
        calls.iter().any(|call| missing.contains(&format!("{call}(2) of Linux ")))
    }
}

/// What becomes of a call that is filtered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instead {
    /// It is not there.
    Refuse,
    /// Whoever has the listener says.
    Ask,
}

/// Puts a filter against `calls` on this thread, and all that it starts. Returns the listener, if `flags` asks for one.
///
/// # Errors
/// The kernel refuses it.
pub(super) fn load(calls: &[&str], instead: Instead, flags: u32) -> Result<Option<OwnedFd>, String> {
    let (action, errno_ret) = match instead {
        Instead::Refuse => (Action::Errno, Some(ENOSYS)),
        Instead::Ask => (Action::Notify, None),
    };
    let profile = Profile {
        default_action: Action::Allow,
        default_errno_ret: None,
        architectures: vec![Arch::X86, Arch::X32],
        flags: None,
        rules: vec![Rule { names: calls.to_vec(), action, errno_ret, args: vec![] }],
    };
    let compiled = compile(&profile, Arch::X86_64).map_err(|error| error.to_string())?;
    set_mode_filter(flags, &compiled.to_bytes()).map_err(|errno| format!("seccomp: {errno}"))
}

/// What docs/kernel-features.md says of features.
#[derive(Debug)]
pub(crate) struct Promises(Vec<(String, String)>);

impl Promises {
    /// Reads it.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        let path = root.join("docs/kernel-features.md");
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self::of(&text))
    }

    /// The first and the last cell of every row; a row without the first goes on with what the one above is about.
    fn of(text: &str) -> Self {
        let mut rows: Vec<(String, String)> = Vec::new();
        for line in text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")) {
            let mut cells = line.split(" | ");
            let first = cells.next().unwrap_or_default().trim();
            let last = cells.last().unwrap_or_default().trim().to_owned();
            let feature = match (first, rows.last()) {
                ("|" | "", Some((above, _))) => above.clone(),
                (first, _) => first.to_owned(),
            };
            rows.push((feature, last));
        }
        Self(rows)
    }

    /// What is wrong with the promise, if nothing without the feature was refused, or something was.
    pub(crate) fn complaint(&self, feature: Feature, refused: usize) -> Option<String> {
        let rows = || self.0.iter().filter(|(name, _)| name.contains(feature.row));
        let says = |word: &str| rows().any(|(_, without)| without.contains(word));
        match refused {
            _ if rows().next().is_none() => Some(format!("there is no row about {}", feature.row)),
            _ if !says("*tested*") => Some(format!("no row about {} is marked *tested*", feature.row)),
            0 => None,
            _ if says("fails") || says("refused") => None,
            _ => Some(format!("no row says that something fails without {}", feature.row)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_very_feature() {
        let openat2 = Feature::named("openat2").unwrap();
        let said = "mkdir /x: function not implemented (missing: openat2(2) of Linux 5.6)";
        assert!(openat2.is_named_in(said));
        assert!(!Feature::named("clone3").unwrap().is_named_in(said));
        assert!(!openat2.is_named_in("openat2: function not implemented"));
        let another = "x: function not implemented; y is missing: openat2(2) of Linux 5.6";
        assert!(!openat2.is_named_in(another));
        let said =
            "kill cgroup: pid 7: function not implemented (ENOSYS); missing: pidfd_open(2) of Linux 5.3";
        assert!(Feature::named("pidfd_open").unwrap().is_named_in(said));
    }

    #[test]
    fn what_the_filter_itself_is_in_the_way_of_is_not_told() {
        let excuse = |name, said| Feature::named(name).unwrap().excuse(said);
        let second = "brig run failed: error loading seccomp filter into kernel: device or resource busy";
        assert_eq!(excuse("cgroup.kill", second), Some(Excuse::Filter));
        assert_eq!(excuse("CLONE_INTO_CGROUP", second), Some(Excuse::Filter));
        assert_eq!(excuse("openat2", second), None);
        let criu = "criu failed: type DUMP errno 0: suspending seccomp failed: Operation not permitted";
        assert_eq!(excuse("openat2", criu), Some(Excuse::Filter));
    }

    #[test]
    fn what_is_refused_has_a_row_that_says_so() {
        let text = "| openat2(2) | 5.6 | paths | `x.rs` | fails: *tested* |\n| | | files | `y.rs` | another way |\n\
                    | close_range(2) | 5.9 | x | `z.rs` | close(2): *tested* |\n";
        let promises = Promises::of(text);
        let of = |name, refused| promises.complaint(Feature::named(name).unwrap(), refused);
        assert_eq!(of("openat2", 3), None);
        assert_eq!(of("close_range", 0), None);
        assert!(of("close_range", 1).is_some());
        assert!(of("clone3", 0).unwrap().contains("no row"));
    }
}
