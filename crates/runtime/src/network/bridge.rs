//! Bridges: found or made for the first container in them, removed with the last.
//! Runs in: the parent, on the host.
//!
//! Between looking whether a bridge has ports and removing it nobody may join it: whoever does one or the other holds a lock on
//! the store. Containers in different stores should not share a bridge that brig makes.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

use brig_netlink::{Address, Bridge, Link, Socket};
use brig_plan::network;
use rustix::fs::{CWD, FlockOperation, Mode, OFlags, flock, openat};
use rustix::io::Errno;

use super::HostLink;
use super::host_side::remove_link;
use super::veth::failed;
use crate::error::{Error, Result, best_effort};

/// The right to change which bridges there are, and who is in them.
#[derive(Debug)]
pub(super) struct Lock(OwnedFd);

impl Lock {
    pub(super) fn take(store: &Path) -> Result<Self> {
        let wrong = |errno| Error::os(format_args!("lock {}", store.display()), errno);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(CWD, store, flags, Mode::empty()).map_err(wrong)?;
        let (deadline, mut pause) = (Instant::now() + DEADLINE, SHORTEST);
        loop {
            match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self(directory)),
                // Whoever holds it makes a few system calls. flock(2) itself would wait without an end.
                Err(Errno::WOULDBLOCK) if Instant::now() < deadline => std::thread::sleep(pause),
                Err(Errno::WOULDBLOCK) => {
                    return Err(Error::deadline(format_args!("lock {}", store.display()), DEADLINE));
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(wrong(errno)),
            }
            pause = (pause * 2).min(LONGEST);
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        best_effort(flock(&self.0, FlockOperation::Unlock), "closing does the same, a little later");
    }
}

/// The index of the bridge that is wanted at `at`; made as `new`, if it may be made.
pub(super) fn find_or_make(
    socket: &Socket,
    wanted: &network::Bridge,
    new: Option<&HostLink<'_>>,
    at: &str,
    _: &Lock,
) -> Result<u32> {
    let name = &wanted.name;
    let at_name = format!("{at}.bridge.name");
    let look = || socket.link(name).map_err(|errno| failed("look for bridge", name, errno, &at_name));
    let (link, make) = match (look()?, &wanted.make, new) {
        (Some(link), _, _) if link.kind != "bridge" => {
            return Err(Error::from_network(
                format_args!("{name} is not a bridge ({at_name})"),
                Errno::EXIST,
            ));
        }
        (Some(link), None, _) => return Ok(link.index),
        (Some(link), Some(make), _) => (link, make),
        (None, Some(make), Some(new)) => {
            let bridge = Bridge { name, mac: new.mac()?, mtu: None };
            let made =
                socket.make_bridge(&bridge).map_err(|errno| failed("make bridge", name, errno, &at_name));
            made?;
            let link = look()?.ok_or_else(|| failed("make bridge", name, Errno::NODEV, &at_name))?;
            let mark = socket.set_alias(link.index, MARK);
            mark.map_err(|errno| failed("mark bridge", name, errno, &at_name))?;
            (Link { alias: MARK.to_owned(), ..link }, make)
        }
        (None, _, _) => {
            return Err(Error::from_network(
                format_args!("there is no bridge {name} ({at_name})"),
                Errno::NODEV,
            ));
        }
    };
    furnish(socket, &link, make, &format!("{at}.bridge.make"))?;
    Ok(link.index)
}

/// Gives a bridge that is brig's what it lacks. Somebody else's has to have it.
fn furnish(socket: &Socket, link: &Link, make: &network::MakeBridge, at: &str) -> Result<()> {
    let (name, is_ours) = (&link.name, link.alias == MARK);
    let has = socket.addresses(link.index).map_err(|errno| failed("look at bridge", name, errno, at))?;
    for (index, address) in make.addresses.iter().enumerate() {
        let at = format!("{at}.addresses[{index}]");
        if has.iter().any(|has| has.is(address.ip(), address.prefix())) {
            continue;
        }
        if !is_ours {
            let words = format!("bridge {name}, which is not brig's, has not the address {address} ({at})");
            return Err(Error::from_network(words, Errno::EXIST));
        }
        let added = socket.add_address(link.index, &Address::new(address.ip(), address.prefix()));
        added
            .map_err(|errno| failed(&format!("give {name} the address"), &address.to_string(), errno, &at))?;
    }
    if is_ours && !link.up {
        socket.set_up(link.index).map_err(|errno| failed("bring up bridge", name, errno, at))?;
    }
    Ok(())
}

/// Removes those of the bridges that brig made and that have no ports.
pub(super) fn remove_unused(socket: &Socket, bridges: &[HostLink<'_>], store: &Path) -> Result<()> {
    if bridges.is_empty() {
        return Ok(());
    }
    let _lock = Lock::take(store)?;
    for bridge in bridges {
        let name = bridge.name.to_string_lossy();
        let wrong = |errno| Error::os(format_args!("remove bridge {name}"), errno);
        let Some(link) = socket.link(&name).map_err(wrong)? else { continue };
        // Killed right after it was made, its creator left no mark on it.
        let is_ours = link.kind == "bridge" && (link.alias == MARK || bridge.is(&link));
        if is_ours && !has_ports(socket, link.index).map_err(wrong)? {
            remove_link(socket, link.index).map_err(wrong)?;
        }
    }
    Ok(())
}

fn has_ports(socket: &Socket, index: u32) -> Result<bool, Errno> {
    Ok(socket.links()?.iter().any(|link| link.master == Some(index)))
}

/// The remark on a bridge that brig made.
const MARK: &str = "made by brig";

/// How long others may work on the bridges.
const DEADLINE: Duration = Duration::from_secs(10);

/// Between two looks at the lock, growing.
const SHORTEST: Duration = Duration::from_micros(50);
const LONGEST: Duration = Duration::from_millis(10);
