//! Veth pairs: made with both ends in their places, then addresses and routes.
//! Runs in: the parent, on the host.

use std::os::fd::AsFd;
use std::path::Path;

use brig_handshake::Step;
use brig_netlink::{Address, Route, Veth};
use brig_plan::network;
use brig_plan::plan::PlannedVeth;
use rustix::io::Errno;

use super::bridge::{self, Lock};
use super::{HostLink, HostSide, Network, Side};
use crate::errno::errno_text;
use crate::error::{Error, Result};

impl Network {
    /// Makes all pairs that are planned.
    pub(super) fn make_veths(
        &self,
        veths: &[PlannedVeth],
        host_side: &HostSide<'_>,
        store: &Path,
    ) -> Result<()> {
        let mut bridges = host_side.bridges.iter();
        for (planned, host_end) in veths.iter().zip(&host_side.veths) {
            let PlannedVeth { veth, at } = planned;
            match &veth.bridge {
                None => self.make_pair(planned, host_end, None)?,
                Some(wanted) => {
                    let new = if wanted.make.is_some() { bridges.next() } else { None };
                    // Until the bridge has a port it could be removed.
                    let lock = Lock::take(store)?;
                    let index = bridge::find_or_make(&self.host.socket, wanted, new, at, &lock)?;
                    self.make_pair(planned, host_end, Some(index))?;
                }
            }
            self.furnish_ends(planned, host_end)?;
        }
        Ok(())
    }

    fn make_pair(
        &self,
        PlannedVeth { veth, at }: &PlannedVeth,
        host_end: &HostLink<'_>,
        bridge: Option<u32>,
    ) -> Result<()> {
        let name = host_end.name.to_string_lossy();
        let pair = Veth {
            name: &name,
            mac: host_end.mac()?,
            master: bridge,
            mtu: veth.mtu,
            peer: &veth.name,
            peer_mac: veth.mac.map(|mac| mac.0),
            namespace: self.inside.namespace.as_fd(),
        };
        self.host.socket.make_veth(&pair).map_err(|errno| match errno {
            Errno::EXIST => self.taken(veth, &name, at),
            errno => failed("make interface", &veth.name, errno, at),
        })
    }

    /// The kernel does not say at which end a name is taken.
    fn taken(&self, veth: &network::Veth, host_name: &str, at: &str) -> Error {
        let words = match self.inside.socket.link(&veth.name) {
            Ok(Some(_)) => format!("there is an interface {} in the container's namespace ({at})", veth.name),
            Ok(None) | Err(_) => format!("there is an interface {host_name} on the host ({at}.hostName)"),
        };
        Error::from_network(words, Errno::EXIST)
    }

    /// Addresses and routes.
    fn furnish_ends(&self, PlannedVeth { veth, at }: &PlannedVeth, host_end: &HostLink<'_>) -> Result<()> {
        let index = self.inside.index(&veth.name, at)?;
        self.inside.give(index, &veth.addresses, &format!("{at}.addresses"))?;
        let raised = self.inside.socket.set_up(index);
        raised.map_err(|errno| failed("bring up", &veth.name, errno, at))?;
        // The host's end was up before, without a carrier, and would throw packets away until the kernel's worker has noticed
        // the change. To look at it makes the kernel notice, since Linux 6.8.
        let host_index = self.host.index(&host_end.name.to_string_lossy(), at)?;
        self.host.give(host_index, &veth.host_addresses, &format!("{at}.hostAddresses"))?;
        for (place, route) in veth.routes.iter().enumerate() {
            let (ip, prefix) = (route.destination.ip(), route.destination.prefix());
            let wanted = Route { destination: ip, prefix, gateway: route.gateway, metric: route.metric };
            let added = self.inside.socket.add_route(index, &wanted);
            let at = format!("{at}.routes[{place}]");
            added.map_err(|errno| failed("add the route to", &route.destination.to_string(), errno, &at))?;
        }
        for (place, gateway) in veth.gateways.iter().enumerate() {
            let added = self.inside.socket.add_route(index, &Route::everywhere(*gateway));
            let at = format!("{at}.gateways[{place}]");
            added.map_err(|errno| {
                failed("add the default route by way of", &gateway.to_string(), errno, &at)
            })?;
        }
        Ok(())
    }
}

impl Side {
    fn index(&self, name: &str, at: &str) -> Result<u32> {
        let found = self.socket.link(name).map_err(|errno| failed("look for", name, errno, at))?;
        found.map(|link| link.index).ok_or_else(|| failed("look for", name, Errno::NODEV, at))
    }

    fn give(&self, index: u32, addresses: &[network::Address], at: &str) -> Result<()> {
        for (place, address) in addresses.iter().enumerate() {
            let given = self.socket.add_address(index, &Address::new(address.ip(), address.prefix()));
            let at = format!("{at}[{place}]");
            given.map_err(|errno| failed("add the address", &address.to_string(), errno, &at))?;
        }
        Ok(())
    }
}

/// What the kernel did not do, with what, and who asked for it.
pub(super) fn failed(what: &str, subject: &str, errno: Errno, at: &str) -> Error {
    let words = format!("{what} {subject}: {} ({at})", errno_text(errno.raw_os_error()));
    Error::from_network(words, errno)
}

impl Error {
    /// Something about a network interface, in words that are whole.
    pub(super) fn from_network(words: impl std::fmt::Display, errno: Errno) -> Self {
        let kind = crate::Kind::Step { step: Step::Network, errno: Some(errno) };
        Self::new(kind, format!("error creating network interfaces: {words}"))
    }
}
