//! Kernel parameters (`linux.sysctl`). Which of them are allowed is a matter of the rules.
//! Runs in: the parent; pure. Done in `brig-init`'s file of the same name.

use brig_handshake::task::Sysctl;

use crate::refusal::{Refusal, member};
use crate::spec::Linux;
use crate::text::text;

/// The parameters, in the order of the file.
pub(crate) fn plan<'a>(linux: &Linux<'_>) -> Result<Vec<Sysctl<'a>>, Refusal> {
    linux.sysctl.iter().map(|(name, value)| parameter(name, value)).collect()
}

fn parameter<'a>(name: &str, value: &str) -> Result<Sysctl<'a>, Refusal> {
    let at = member("linux.sysctl", name);
    Ok(Sysctl { path: text(path(name), format_args!("{at}"))?, value: text(value, format_args!("{at}"))? })
}

/// The path below `/proc/sys`. Of `.` and `/` the one that comes first separates, and the other stands for it where it
/// is part of a name: `net.ipv4.conf.eth0/1.forwarding` and `net/ipv4/conf/eth0.1/forwarding` are the same (sysctl(8)).
fn path(name: &str) -> String {
    match name.find(['.', '/']).map(|at| name.as_bytes()[at]) {
        Some(b'.') => name
            .chars()
            .map(|c| match c {
                '.' => '/',
                '/' => '.',
                other => other,
            })
            .collect(),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_separator_says_which_one_separates() {
        for (name, path_below_proc_sys) in [
            ("kernel.msgmax", "kernel/msgmax"),
            ("kernel/msgmax", "kernel/msgmax"),
            ("net.ipv4.conf.eth0/1.forwarding", "net/ipv4/conf/eth0.1/forwarding"),
            ("net/ipv4/conf/eth0.1/forwarding", "net/ipv4/conf/eth0.1/forwarding"),
        ] {
            assert_eq!(path(name), path_below_proc_sys);
        }
    }
}
