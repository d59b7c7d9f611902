//! Walls between the container and what else is on the machine: users, processes, networks. Runs in: the container.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process,
    time::Duration,
};

use rustix::io::Errno;

use super::{Found, counted, listed, refused};
use crate::demo::{
    config,
    facts::{self, Facts, Ids},
};

/// Nobody's address: "TEST-NET-1" (RFC 5737).
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// If the wall stands nothing is waited for.
const PATIENCE: Duration = Duration::from_millis(200);

/// Each namespace has another number than the caller's.
pub(super) fn namespaces(host: &Facts) -> Found {
    let mut shared = Vec::new();
    for (name, number) in &host.namespaces {
        match facts::namespace(name) {
            Some((_, ours)) if ours != *number => {}
            Some(_) => shared.push(config::kind(name)),
            None => return Err(format!("/proc/self/ns/{name} cannot be read")),
        }
    }
    if !shared.is_empty() {
        return Err(format!("{}: the host's own", listed(&shared)));
    }
    let names: Vec<&str> = host.namespaces.iter().map(|(name, _)| config::kind(name)).collect();
    Ok(format!("{}: none is the host's", listed(&names)))
}

/// The ids in here are those that were given.
pub(super) fn users(host: &Facts) -> Found {
    let read = |path| fs::read_to_string(path).map_err(|error| format!("{path}: {error}"));
    let (uids, gids) = (read("/proc/self/uid_map")?, read("/proc/self/gid_map")?);
    match host.ids {
        Some(Ids { uid, gid, size }) if is_map(&uids, uid, size) && is_map(&gids, gid, size) => {
            Ok(match size {
                1 => format!("root in here is user {uid} outside, and there is no other user"),
                _ => format!("root in here is user {uid} outside"),
            })
        }
        Some(_) => Err(format!("ids are mapped otherwise than asked for: {}", uids.trim())),
        None => Err("root in here is root outside: this machine has user namespaces switched off".to_owned()),
    }
}

/// A line "container host size", and no other (user_namespaces(7)).
fn is_map(text: &str, host: u32, size: u32) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    words == ["0", &host.to_string(), &size.to_string()]
}

/// `/proc` shows this process and no other.
pub(super) fn processes(_: &Facts) -> Found {
    let entries = fs::read_dir("/proc").map_err(|error| format!("/proc: {error}"))?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let pids: Vec<u32> = names.filter_map(|name| name.parse().ok()).collect();
    match (process::id(), pids.as_slice()) {
        (1, [1]) => Ok("this one is number 1, and /proc shows no other".to_owned()),
        (own, _) => {
            Err(format!("this one is number {own}, and /proc shows {}", counted(pids.len(), "process")))
        }
    }
}

/// There is a loopback device that works, no other, and no way to anybody.
pub(super) fn network(_: &Facts) -> Found {
    let text = fs::read_to_string("/proc/net/dev").map_err(|error| format!("/proc/net/dev: {error}"))?;
    // Two lines of headings.
    let devices: Vec<&str> =
        text.lines().skip(2).filter_map(|line| line.split(':').next()).map(str::trim).collect();
    if devices != ["lo"] {
        return Err(format!("there is {}", listed(&devices)));
    }
    let outside = TcpStream::connect_timeout(&SocketAddr::from((ELSEWHERE, 80)), PATIENCE);
    refused(&format!("connecting to {ELSEWHERE}"), Errno::NETUNREACH, outside)?;
    let own = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    own.map_err(|error| format!("loopback does not work: {error}"))?;
    Ok(format!("only a loopback of its own; connecting to {ELSEWHERE}: unreachable"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_one_line_of_three_numbers() {
        assert!(is_map("         0       1234          1\n", 1234, 1));
        assert!(!is_map("0 1234 1\n1 5 1\n", 1234, 1));
        assert!(!is_map("0 0 4294967295", 0, 1));
    }

    #[test]
    fn the_callers_own_namespaces_are_no_wall() {
        let host = Facts::of_host(std::path::Path::new("/"));
        assert!(namespaces(&host).unwrap_err().ends_with(": the host's own"));
    }
}
