//! What a container has on the host's side of its network: chosen before it is made, kept in the record, removed with it.
//! Runs in: the parent, on the host.
//!
//! A link is ours if it has our name and the hardware address that was chosen for it by chance, and that it had from its first
//! moment on. So what a killed creator made is found, and what somebody else has called the same is left alone.

use std::borrow::Cow;
use std::path::Path;

use brig_handshake::{Step, Text, wire, wire_struct};
use brig_netlink::{Link, Socket};
use brig_plan::plan::{NetworkPlan, PlannedVeth};
use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};

use super::bridge;
use crate::error::{Error, Result};

wire_struct! {
    /// What is to be removed with a container.
    pub struct HostSide<'a> {
        /// The host's ends of veth pairs, in the order of the plan.
        pub veths: Vec<HostLink<'a>>,
        /// Bridges that were made if they were missing, once for each veth pair that wants one.
        pub bridges: Vec<HostLink<'a>>,
    }
}

wire_struct! {
    /// A link on the host.
    pub struct HostLink<'a> {
        /// Its name.
        pub name: Text<'a>,
        /// The hardware address that it was made with.
        pub mac: Cow<'a, [u8]>,
    }
}

impl HostSide<'_> {
    /// Chooses names, where the plan has none, and hardware addresses.
    pub(crate) fn choose(plan: &NetworkPlan) -> Result<HostSide<'static>> {
        let mut chosen = HostSide { veths: Vec::new(), bridges: Vec::new() };
        for PlannedVeth { veth, .. } in &plan.veths {
            let mac = random_mac()?;
            let name = veth.host_name.clone().unwrap_or_else(|| own_name(mac));
            chosen.veths.push(HostLink::new(&name, mac)?);
            if let Some(bridge) = veth.bridge.as_ref().filter(|bridge| bridge.make.is_some()) {
                chosen.bridges.push(HostLink::new(&bridge.name, random_mac()?)?);
            }
        }
        Ok(chosen)
    }

    /// Removes what is there: the pairs, and of the bridges that brig made those that have no port any more. The kernel may have
    /// removed a pair together with the container's namespace.
    ///
    /// # Errors
    /// `Step`, or `Deadline` if somebody else works on the bridges for too long.
    pub(crate) fn remove(&self, store: &Path) -> Result<()> {
        if self.veths.is_empty() {
            return Ok(());
        }
        let socket = Socket::open().map_err(|errno| Error::step(Step::Network, "", errno))?;
        for veth in &self.veths {
            let name = veth.name.to_string_lossy();
            let failed = |errno| Error::os(format_args!("remove network interface {name}"), errno);
            if let Some(link) = socket.link(&name).map_err(failed)?.filter(|link| veth.is(link)) {
                remove_link(&socket, link.index).map_err(failed)?;
            }
        }
        bridge::remove_unused(&socket, &self.bridges, store)
    }
}

impl HostLink<'_> {
    fn new(name: &str, mac: [u8; 6]) -> Result<HostLink<'static>> {
        let name = wire::text(name).ok_or_else(|| Error::step(Step::Network, name, Errno::INVAL))?;
        Ok(HostLink { name, mac: Cow::Owned(mac.to_vec()) })
    }

    /// Whether this link was made as it.
    pub(super) fn is(&self, link: &Link) -> bool {
        link.mac == *self.mac
    }

    /// Its hardware address.
    pub(super) fn mac(&self) -> Result<[u8; 6]> {
        <[u8; 6]>::try_from(&*self.mac).map_err(|_| Error::step(Step::Network, "", Errno::INVAL))
    }
}

/// It may be gone since it was looked at.
pub(super) fn remove_link(socket: &Socket, index: u32) -> Result<(), Errno> {
    match socket.remove_link(index) {
        Err(Errno::NODEV) => Ok(()),
        removed => removed,
    }
}

/// Of one interface, and locally administered: nobody was given it.
fn random_mac() -> Result<[u8; 6]> {
    let mut mac = [0; 6];
    match getrandom(&mut mac, GetRandomFlags::empty()) {
        Ok(6) => {}
        Ok(_) => return Err(Error::os("getrandom", Errno::IO)),
        Err(errno) => return Err(Error::os("getrandom", errno)),
    }
    mac[0] = mac[0] & 0xfc | 2;
    Ok(mac)
}

/// Fourteen letters, of the fifteen that the kernel takes.
fn own_name(mac: [u8; 6]) -> String {
    let [a, b, c, d, e, g] = mac;
    format!("vb{a:02x}{b:02x}{c:02x}{d:02x}{e:02x}{g:02x}")
}
