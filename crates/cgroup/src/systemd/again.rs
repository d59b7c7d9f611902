//! systemd that goes away in the middle of a call: it re-executes itself when its package is upgraded, and hangs up on everybody.
//! Every call can be made again: a unit that is stopped stays so, properties stay set, and of a unit that was started our own
//! process says whether it is ours.
//! Runs in: the parent. Whatever is tried again is tried before the one deadline.

use std::fs;
use std::time::Duration;

use rustix::io::Errno;

use super::address::{Peer, Server};
use super::bus::Bus;
use super::failure::Failure;
use super::{Manager, OF_UNITS, is};
use crate::until::Until;

/// Whether this very call was made before, on a connection that is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Once,
    Again,
}

/// Whether a bus that knows no systemd is to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// There may be none.
    Unknown,
    /// There was one a moment ago, or its socket is there without a listener: it is about to come back.
    Awaited,
}

/// Connects to the first server that takes us. Where all that there is of systemd is a socket on which nobody listens, it is on
/// its way.
pub(super) fn connect(servers: &[Server], until: &Until) -> Result<(Bus, Presence), Failure> {
    loop {
        let mut refused = Presence::Unknown;
        match Bus::connect(servers, until, |server, errno| {
            if server.peer == Peer::Systemd && errno == Errno::CONNREFUSED {
                refused = Presence::Awaited;
            }
        }) {
            Ok(bus) => return Ok((bus, refused)),
            Err(failure) if refused == Presence::Unknown || until.is_over() => {
                return Err(failure);
            }
            Err(_) => pause(until)?,
        }
    }
}

impl Manager {
    /// Asks until there is an answer that is not that nobody is there.
    pub(super) fn until_answered<T>(
        &mut self,
        ask: impl Fn(&mut Manager) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        loop {
            match ask(self) {
                Err(failure) if self.is_gone(&failure) => self.come_back(failure)?,
                answered => return answered,
            }
        }
    }

    /// Whether a failure means that systemd went away, and not that it refuses.
    pub(super) fn is_gone(&self, failure: &Failure) -> bool {
        match failure {
            Failure::Closed | Failure::Call(Errno::PIPE | Errno::CONNRESET | Errno::NOTCONN) => true,
            Failure::Refused { name, .. } => {
                let absent = ABSENT.contains(&name.as_str()) || name.starts_with(SPAWN);
                LEFT.contains(&name.as_str()) || (absent && self.presence == Presence::Awaited)
            }
            Failure::Unreachable(_)
            | Failure::Call(_)
            | Failure::Rejected
            | Failure::Malformed
            | Failure::Job(_)
            | Failure::Deadline(_)
            | Failure::Lost(_) => false,
        }
    }

    /// Connects again. `last` is how systemd went.
    pub(super) fn come_back(&mut self, mut last: Failure) -> Result<(), Failure> {
        self.presence = Presence::Awaited;
        loop {
            self.pause()?;
            if self.until.is_over() {
                return Err(Failure::Lost(Box::new(last)));
            }
            match Bus::connect(&self.servers, &self.until, |_, _| {}) {
                Ok(bus) => {
                    self.bus = bus;
                    self.bus.watch_jobs();
                    return Ok(());
                }
                Err(failure) => last = failure,
            }
        }
    }

    pub(super) fn pause(&self) -> Result<(), Failure> {
        pause(&self.until)
    }

    /// Its `ActiveState`. A unit that systemd does not know is `inactive`.
    pub(super) fn unit_state(&mut self, unit: &str) -> Result<String, Failure> {
        match self.property_once(&path(unit), OF_UNITS, "ActiveState") {
            Err(failure) if !self.is_gone(&failure) && is_of_object(&failure) => Ok("inactive".to_owned()),
            state => state,
        }
    }
}

/// There is no event to wait for: neither that a socket is listened on nor that a job whose signal is lost has ended is told to
/// anybody. So it is asked for again, and not more often than this.
fn pause(until: &Until) -> Result<(), Failure> {
    until.or_within(PAUSE).poll(&mut Vec::new()).map(drop).map_err(Failure::Call)
}

fn is_of_object(failure: &Failure) -> bool {
    UNKNOWN_OBJECT.iter().any(|name| is(failure, name))
}

/// Whether a process is in the cgroup of a unit. Who made a unit of this name in the meantime does not have our process in it.
pub(super) fn is_in_unit(pid: u32, unit: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/cgroup")).is_ok_and(|text| names_unit(&text, unit))
}

/// cgroups(7): the line of cgroup v2 is `0::PATH`.
fn names_unit(text: &str, unit: &str) -> bool {
    let path = text.lines().find_map(|line| line.strip_prefix("0::"));
    path.and_then(|path| path.rsplit('/').next()) == Some(unit)
}

/// The object of a unit: whatever is neither a letter nor a digit is `_` and two hexadecimal digits, and so is a digit that comes
/// first.
fn path(unit: &str) -> String {
    let mut path = "/org/freedesktop/systemd1/unit/".to_owned();
    for (index, byte) in unit.bytes().enumerate() {
        if byte.is_ascii_alphabetic() || (index > 0 && byte.is_ascii_digit()) {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("_{byte:02x}"));
        }
    }
    path
}

/// systemd had the call, and left.
const LEFT: [&str; 2] = ["org.freedesktop.DBus.Error.NoReply", "org.freedesktop.DBus.Error.Disconnected"];

/// The bus has nobody of that name.
const ABSENT: [&str; 2] =
    ["org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner"];

/// It tried to start systemd, which is not how that starts.
const SPAWN: &str = "org.freedesktop.DBus.Error.Spawn.";

const UNKNOWN_OBJECT: [&str; 2] =
    ["org.freedesktop.DBus.Error.UnknownObject", "org.freedesktop.systemd1.NoSuchUnit"];

const PAUSE: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_in_a_unit_if_its_cgroup_is_the_unit_s_own() {
        let text = "1:name=systemd:/x\n0::/system.slice/brig-a.scope\n";
        assert!(names_unit(text, "brig-a.scope"));
        for other in ["a.scope", "system.slice", "", "x"] {
            assert!(!names_unit(text, other), "{other}");
        }
        assert!(!names_unit("1:name=systemd:/brig-a.scope\n", "brig-a.scope"));
        assert!(!names_unit("0::/brig-a.scope/below\n", "brig-a.scope"));
    }

    #[test]
    fn the_object_of_a_unit_has_its_name_escaped() {
        assert_eq!(path("brig-c1.scope"), "/org/freedesktop/systemd1/unit/brig_2dc1_2escope");
        assert_eq!(path("7_a"), "/org/freedesktop/systemd1/unit/_37_5fa");
    }
}
