//! The container's network: devices of the host that move into it, and veth pairs that are made for it.
//! Runs in: the parent, on the host. In the container's namespace it works through a socket that `brig-init` made there.
//!
//! While it is created, what fails leaves nothing: moved devices go back ([`Network::take_back`]), pairs and bridges are removed
//! ([`HostSide::remove`]), which is also what `delete` does.

mod bridge;
mod devices;
mod host_side;
mod veth;

use std::os::fd::OwnedFd;
use std::path::Path;

use brig_handshake::Step;
use brig_netlink::Socket;
use brig_plan::plan::NetworkPlan;
use brig_sys::netdevice;
use rustix::io::Errno;

use crate::error::{Error, Result};
use devices::Moved;
pub use host_side::{HostLink, HostSide};

/// A network that was set up for a container that is on its way.
#[derive(Debug)]
pub(crate) struct Network {
    /// The runtime namespace.
    host: Side,
    /// The container's.
    inside: Side,
    moved: Vec<Moved>,
}

/// A network namespace, and a socket in it.
#[derive(Debug)]
struct Side {
    socket: Socket,
    namespace: OwnedFd,
}

/// Where a network is set up.
#[derive(Debug)]
pub(crate) struct Where<'w> {
    /// A socket in the container's namespace.
    pub(crate) inside: OwnedFd,
    /// What errors call that namespace.
    pub(crate) name: &'w str,
    /// The directory of the store.
    pub(crate) store: &'w Path,
}

impl Network {
    /// Carries out `plan`. Devices are back in their place where that fails; what is made has the names and addresses of
    /// `host_side`, by which it is removed.
    pub(crate) fn set_up(plan: &NetworkPlan, host_side: &HostSide<'_>, at: Where<'_>) -> Result<Self> {
        let failed = |errno| Error::step(Step::Network, "", errno);
        let host = Side::new(Socket::open().map_err(failed)?).map_err(failed)?;
        let inside = Socket::from_descriptor(at.inside).and_then(Side::new).map_err(failed)?;
        let mut network = Self { host, inside, moved: Vec::new() };
        let moved = network.move_devices(&plan.devices, at.name);
        match moved.and_then(|()| network.make_veths(&plan.veths, host_side, at.store)) {
            Ok(()) => Ok(network),
            Err(error) => {
                network.take_back();
                Err(error)
            }
        }
    }
}

impl Side {
    fn new(socket: Socket) -> Result<Self, Errno> {
        let namespace = netdevice::namespace_of(&socket)?;
        Ok(Self { socket, namespace })
    }
}
