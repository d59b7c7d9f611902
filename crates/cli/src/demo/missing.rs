//! Why no container can be made here, in one line: which of the machine's switches is off. Runs in: parent.

use std::fs;

use brig_runtime::Error;
use rustix::{io::Errno, process::geteuid};

/// The caller, as far as it decides what is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    Root,
    Ordinary,
}

/// A file of the kernel, the value in it that forbids containers, to whom, and what to do.
struct Switch {
    file: &'static str,
    off: &'static str,
    concerns: Option<Caller>,
    words: &'static str,
}

const SWITCHES: [Switch; 3] = [
    Switch {
        file: "/proc/sys/user/max_user_namespaces",
        off: "0",
        // Root needs them where it is one of a user namespace itself; the first root does without.
        concerns: None,
        words: "user namespaces are switched off (sysctl user.max_user_namespaces is 0): root of the machine can do without",
    },
    Switch {
        file: "/proc/sys/kernel/unprivileged_userns_clone",
        off: "0",
        concerns: Some(Caller::Ordinary),
        words: "only root may make user namespaces (sysctl kernel.unprivileged_userns_clone is 0): try as root",
    },
    Switch {
        file: "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        off: "1",
        concerns: Some(Caller::Ordinary),
        words: "AppArmor keeps user namespaces from ordinary users (sysctl kernel.apparmor_restrict_unprivileged_userns is 1): \
                try as root",
    },
];

const NO_NAMESPACES: &str = "new namespaces are not permitted here: inside another container brig needs one without a seccomp \
                             filter against clone and unshare, as --privileged gives";
const HIDDEN_PROC: &str = "a new /proc or /sys may be mounted only where nothing in the old one is hidden: inside another \
                           container brig needs one without masked paths, as --privileged gives";
const NO_MAPS: &str = "ids may not be mapped: root has been left without a capability that this needs (CAP_SETUID, CAP_SETGID, \
                       CAP_SETFCAP)";
const NO_MOUNTS: &str = "mounting is not permitted here, even as root: inside another container brig needs one with \
                         CAP_SYS_ADMIN, as --privileged gives";

/// What is missing, if `error` tells.
pub(crate) fn words(error: &Error) -> Option<&'static str> {
    let caller = if geteuid().is_root() { Caller::Root } else { Caller::Ordinary };
    let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
    match error.errno() {
        Some(Errno::PERM | Errno::ACCESS | Errno::NOSPC | Errno::USERS) => {
            Some(switched_off(caller, read).unwrap_or_else(|| forbidden(&error.to_string(), caller)))
        }
        _ => None,
    }
}

fn switched_off(caller: Caller, read: impl Fn(&str) -> String) -> Option<&'static str> {
    let mut concerning = SWITCHES.iter().filter(|switch| switch.concerns.is_none_or(|whom| whom == caller));
    concerning.find(|switch| read(switch.file).trim() == switch.off).map(|switch| switch.words)
}

fn forbidden(error: &str, caller: Caller) -> &'static str {
    match (error, caller) {
        (error, _) if error.contains("src=proc") || error.contains("src=sysfs") => HIDDEN_PROC,
        (error, Caller::Root) if error.contains("id maps") => NO_MAPS,
        (error, Caller::Root) if error.contains("mount") => NO_MOUNTS,
        _ => NO_NAMESPACES,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_that_is_off_is_named_to_whom_it_concerns() {
        let all_off = |file: &str| if file.contains("apparmor") { "1\n" } else { "0\n" }.to_owned();
        assert!(switched_off(Caller::Ordinary, all_off).unwrap().contains("user.max_user_namespaces"));
        let apparmor = |file: &str| if file.contains("apparmor") { "1\n" } else { "" }.to_owned();
        assert_eq!(switched_off(Caller::Root, apparmor), None);
        assert!(switched_off(Caller::Ordinary, apparmor).unwrap().starts_with("AppArmor"));
        assert_eq!(switched_off(Caller::Ordinary, |_| String::new()), None);
    }

    #[test]
    fn what_failed_tells_what_is_forbidden() {
        let proc = "error mounting \"proc\" to rootfs at \"/proc\": mount src=proc, dst=/proc: operation not permitted";
        assert_eq!(forbidden(proc, Caller::Ordinary), HIDDEN_PROC);
        assert_eq!(forbidden("write the id maps: uid_map: operation not permitted", Caller::Root), NO_MAPS);
        assert_eq!(forbidden("clone: operation not permitted", Caller::Ordinary), NO_NAMESPACES);
    }
}
