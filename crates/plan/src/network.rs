//! The container's network: devices of the host that move into it (`linux.netDevices`), and veth pairs that are made for it.
//! Runs in: the parent; pure. Done in the runtime's file of the same name, over a socket that `brig-init` makes inside.
//!
//! Which devices may move, and what their names may look like, is in `rules/devices.rs`.

mod address;
mod annotation;
mod check;

pub use address::{Address, Mac};
pub use annotation::PREFIX as ANNOTATIONS;

use std::net::IpAddr;

use crate::host::Host;
use crate::kernel::clone;
use crate::namespaces::Listed;
use crate::options::Options;
use crate::plan::{NetDevice, NetworkPlan, PlannedVeth};
use crate::refusal::{Refusal, member};
use crate::spec::{Linux, Spec};

/// One thing to set up in the container's network namespace. From the caller's options, or from an annotation.
#[allow(clippy::large_enum_variant, reason = "there are a few, and they live briefly")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Network {
    /// The loopback interface, up. A namespace that is made for the container has it in any case; one that is joined has not.
    Loopback,
    /// A veth pair, one end of which is the container's.
    Veth(Veth),
}

/// A veth pair (veth(4)). It is removed with the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Veth {
    /// Name of the container's end, in the container.
    pub name: String,
    /// Name of the host's end; `None`: one that nobody else has.
    pub host_name: Option<String>,
    /// Hardware address of the container's end; `None`: the kernel's choice.
    pub mac: Option<Mac>,
    /// Longest packet, of both ends.
    pub mtu: Option<u32>,
    /// Addresses of the container's end.
    pub addresses: Vec<Address>,
    /// Where the default routes lead: at most one of each family.
    pub gateways: Vec<IpAddr>,
    /// Further routes by way of the container's end, in the order in which they are added; before the default routes.
    pub routes: Vec<Route>,
    /// Addresses of the host's end, where that is no port of a bridge.
    pub host_addresses: Vec<Address>,
    /// The bridge that the host's end becomes a port of.
    pub bridge: Option<Bridge>,
}

impl Veth {
    /// A pair of which the container's end is called `name`, and nothing more.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            host_name: None,
            mac: None,
            mtu: None,
            addresses: Vec::new(),
            gateways: Vec::new(),
            routes: Vec::new(),
            host_addresses: Vec::new(),
            bridge: None,
        }
    }
}

/// A route by way of the container's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Where to.
    pub destination: Address,
    /// By way of whom; `None`: whoever has the address is on the network itself.
    pub gateway: Option<IpAddr>,
    /// Of several routes the one with the smallest is taken.
    pub metric: Option<u32>,
}

/// A bridge of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bridge {
    /// Its name.
    pub name: String,
    /// How to make it where there is none; `None`: then there must be one.
    pub make: Option<MakeBridge>,
}

/// How a bridge is made. It is removed with the last container in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MakeBridge {
    /// Its addresses: the host's, in the containers' network.
    pub addresses: Vec<Address>,
}

/// What the parent sets up in the container's network namespace, and whether `brig-init` brings `lo` up there.
pub(crate) fn plan(
    spec: &Spec<'_>,
    linux: &Linux<'_>,
    listed: &Listed<'_>,
    host: &Host,
    options: &Options<'_>,
) -> Result<(NetworkPlan, bool), Refusal> {
    let mut inside = Taken::default();
    let mut plan = NetworkPlan { devices: devices(linux, &mut inside)?, veths: Vec::new() };
    let mut loopback = listed.creates(clone::NEWNET);
    let mut on_host = Taken::default();
    let given = (0..)
        .zip(options.networks)
        .map(|(index, network): (u32, _)| (format!("networks[{index}]"), network.clone()));
    for (at, network) in given.chain(annotation::networks(&spec.annotations)?) {
        if !listed.has(clone::NEWNET) {
            let words = "there is no network namespace for it in linux.namespaces";
            return Err(Refusal::at(at, words));
        }
        match network {
            Network::Loopback => loopback = true,
            Network::Veth(_) if host.euid != 0 => {
                return Err(Refusal::at(at, "only root can make a veth pair"));
            }
            Network::Veth(veth) => {
                check::veth(&veth, &at)?;
                inside.take(&veth.name, || at.clone())?;
                if let Some(name) = &veth.host_name {
                    on_host.take(name, || format!("{at}.hostName"))?;
                }
                plan.veths.push(PlannedVeth { veth, at });
            }
        }
    }
    Ok((plan, loopback))
}

fn devices(linux: &Linux<'_>, taken: &mut Taken) -> Result<Vec<NetDevice>, Refusal> {
    let device = |(name, device): &(crate::spec::Str<'_>, crate::spec::LinuxNetDevice<'_>)| {
        let at = member("linux.netDevices", name);
        let inside = if device.name.is_empty() { name } else { &device.name };
        check::is_no_pattern(inside, &at)?;
        taken.take(inside, || at.clone())?;
        Ok(NetDevice { name: name.to_string(), inside: inside.to_string(), at })
    };
    linux.net_devices.iter().map(device).collect()
}

/// Names of interfaces in one namespace that are given away.
#[derive(Default)]
struct Taken(Vec<String>);

impl Taken {
    fn take(&mut self, name: &str, path: impl FnOnce() -> String) -> Result<(), Refusal> {
        if name == LOOPBACK {
            return Err(Refusal::at(path(), "lo is the loopback interface of every network namespace"));
        }
        if self.0.iter().any(|taken| taken == name) {
            return Err(Refusal::at(path(), format!("two interfaces are called {name}")));
        }
        self.0.push(name.to_owned());
        Ok(())
    }
}

/// The interface that is in every network namespace.
const LOOPBACK: &str = "lo";
