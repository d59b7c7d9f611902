//! The device of the host's that moves into containers: one end of a pair, with an address.

use std::fs;
use std::process::Command;

use crate::command::{output, succeed};

/// Its name on the host.
pub(super) const DEVICE: &str = "lent0";
/// The other end, which shows that there is a pair at all.
const PEER: &str = "lent1";
const ADDRESS: &str = "10.89.0.2/24";

/// Makes it, once more.
///
/// # Errors
/// ip(8) is missing, or the kernel has no pairs.
pub(super) fn make() -> Result<(), String> {
    remove()?;
    ip(&["link", "add", DEVICE, "type", "veth", "peer", "name", PEER])?;
    ip(&["address", "add", ADDRESS, "dev", DEVICE])?;
    ip(&["link", "set", PEER, "up"])?;
    ip(&["link", "set", DEVICE, "up"])
}

/// Removes it, wherever it is by now: it goes with its peer.
///
/// # Errors
/// It stays.
pub(super) fn remove() -> Result<(), String> {
    if !is_there(PEER) {
        return Ok(());
    }
    match ip(&["link", "delete", PEER]) {
        // The kernel was about to, as the last process of its namespace has ended.
        Err(_) if !is_there(PEER) => Ok(()),
        other => other,
    }
}

/// What is wrong with it after a start that failed: brig gives it back as it was.
pub(super) fn not_given_back() -> Option<String> {
    if !is_there(DEVICE) {
        return Some(format!("{DEVICE} is not given back"));
    }
    let shown = output(Command::new("ip").args(["address", "show", "dev", DEVICE]));
    let shown = shown.unwrap_or_else(|reason| reason);
    let is_up = shown.split(['<', ',', '>']).any(|flag| flag == "UP");
    let has_address = shown.split_whitespace().any(|word| word == ADDRESS);
    (!is_up || !has_address).then(|| format!("{DEVICE} is given back otherwise: {}", shown.trim()))
}

/// Whether `what` was left is one of the pair, which is no container's to remove.
pub(super) fn is_of_the_host(what: &str) -> bool {
    [DEVICE, PEER].iter().any(|name| what.strip_prefix("interface ") == Some(*name))
}

fn ip(words: &[&str]) -> Result<(), String> {
    succeed(Command::new("ip").args(words)).map(drop)
}

fn is_there(name: &str) -> bool {
    let text = fs::read_to_string("/proc/self/net/dev").unwrap_or_default();
    text.lines().any(|line| line.split(':').next().unwrap_or_default().trim() == name)
}
