//! The network of a container that is restored: images have none of it.
//! Runs in: the parent, on the host, and for a moment in a thread of it that stands in the container's network namespace.

use std::os::fd::OwnedFd;
use std::thread;

use brig_handshake::Step;
use brig_plan::plan::NetworkPlan;
use brig_sys::{netdevice, setns};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use rustix::process::Pid;

use super::super::Making;
use crate::error::{Error, Result};
use crate::network::{Network, Where};

/// Sets up what the bundle asks for, as a start does. A namespace that was joined still has the devices that were moved into it.
pub(super) fn set_up(making: &Making<'_>, pid: Pid) -> Result<Option<Network>> {
    let plan = making.plan;
    let joined = plan.start.join.iter().any(|join| join.kind == NETWORK);
    let devices = if joined { Vec::new() } else { plan.network.devices.clone() };
    let wanted = NetworkPlan { devices, veths: plan.network.veths.clone() };
    if !plan.task.loopback && wanted.is_empty() {
        return Ok(None);
    }
    let name = format!("/proc/{}/ns/net", pid.as_raw_nonzero());
    let namespace = openat(CWD, &name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    let namespace = namespace.map_err(|errno| Error::os(format_args!("open {name}"), errno))?;
    let inside = thread::scope(|scope| {
        let enter = || enter(&namespace, plan.task.loopback);
        let thread = thread::Builder::new().spawn_scoped(scope, enter);
        let thread = thread.map_err(|error| Error::io("start a thread", &error))?;
        let failed = |errno| Error::step(Step::Network, &name, errno);
        thread.join().unwrap_or(Err(Errno::IO)).map_err(failed)
    })?;
    if wanted.is_empty() {
        return Ok(None);
    }
    let at = Where { inside, name: &name, store: making.store.root() };
    Network::set_up(&wanted, &making.intent.network, at).map(Some)
}

/// Runs in a thread that ends with it. A socket stays in the namespace in which it was made.
fn enter(namespace: &OwnedFd, loopback: bool) -> Result<OwnedFd, Errno> {
    setns::setns(namespace, NETWORK)?;
    if loopback {
        let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
        netdevice::loopback_up(&socket)?;
    }
    socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)
}

/// `CLONE_NEWNET`.
const NETWORK: u32 = 0x4000_0000;
