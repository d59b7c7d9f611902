//! Why no container can be made here, in one line: what around brig forbids it. Runs in: parent.

use brig_runtime::Error;
use rustix::{io::Errno, process::geteuid};

/// The caller, as far as it decides what is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    Root,
    Ordinary,
}

const NO_NAMESPACES: &str = "new namespaces are not permitted here: inside another container brig needs one without a seccomp \
                             filter against clone and unshare, as --privileged gives";
const HIDDEN_PROC: &str = "a new /proc or /sys may be mounted only where nothing in the old one is hidden: inside another \
                           container brig needs one without masked paths, as --privileged gives";
const NO_MAPS: &str = "ids may not be mapped: root has been left without a capability that this needs (CAP_SETUID, CAP_SETGID, \
                       CAP_SETFCAP)";
const NO_MOUNTS: &str = "mounting is not permitted here, even as root: inside another container brig needs one with \
                         CAP_SYS_ADMIN, as --privileged gives";

/// What is missing, if `error` tells and does not say so itself.
pub(crate) fn words(error: &Error) -> Option<&'static str> {
    let caller = if geteuid().is_root() { Caller::Root } else { Caller::Ordinary };
    match error.errno() {
        Some(Errno::PERM | Errno::ACCESS | Errno::NOSPC | Errno::USERS) if error.hint().is_none() => {
            Some(forbidden(&error.to_string(), caller))
        }
        _ => None,
    }
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
    fn what_failed_tells_what_is_forbidden() {
        let proc = "error mounting \"proc\" to rootfs at \"/proc\": mount src=proc, dst=/proc: operation not permitted";
        assert_eq!(forbidden(proc, Caller::Ordinary), HIDDEN_PROC);
        assert_eq!(forbidden("write the id maps: uid_map: operation not permitted", Caller::Root), NO_MAPS);
        assert_eq!(forbidden("clone: operation not permitted", Caller::Ordinary), NO_NAMESPACES);
    }
}
