//! Routes.

use std::net::IpAddr;

use netlink_packet_core::{DefaultNla, NLM_F_CREATE, NLM_F_EXCL};
use rustix::io::Errno;

use crate::address::{family, octets};
use crate::message::{Message, number};
use crate::socket::Socket;

/// A route to add to the main table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Where to; with a prefix of 0, everywhere.
    pub destination: IpAddr,
    /// Bits of it that matter.
    pub prefix: u8,
    /// By way of whom; `None`: it is on the link.
    pub gateway: Option<IpAddr>,
    /// Of several routes the one with the smallest is taken; `None`: the kernel's own choice.
    pub metric: Option<u32>,
}

impl Route {
    /// A default route.
    pub fn everywhere(gateway: IpAddr) -> Self {
        let destination = match gateway {
            IpAddr::V4(_) => IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED),
        };
        Self { destination, prefix: 0, gateway: Some(gateway), metric: None }
    }
}

impl Socket {
    /// Adds a route by way of a link, which is up.
    ///
    /// # Errors
    /// The kernel's answer: `NETUNREACH` for a gateway that cannot be reached by the routes that are there.
    pub fn add_route(&self, index: u32, route: &Route) -> Result<(), Errno> {
        let scope = if route.gateway.is_some() || route.destination.is_ipv6() { UNIVERSE } else { LINK };
        let mut head = vec![family(route.destination), route.prefix, 0, 0, MAIN, STATIC, scope, UNICAST];
        head.extend_from_slice(&[0; 4]);
        let mut attributes = vec![number(OIF, index)];
        if route.prefix > 0 {
            attributes.push(DefaultNla::new(DST, octets(route.destination)));
        }
        attributes.extend(route.gateway.map(|gateway| DefaultNla::new(GATEWAY, octets(gateway))));
        attributes.extend(route.metric.map(|metric| number(PRIORITY, metric)));
        self.change(Message { kind: NEWROUTE, head, attributes }, NLM_F_CREATE | NLM_F_EXCL)
    }
}

// linux/rtnetlink.h
const NEWROUTE: u16 = 24;
/// `RT_TABLE_MAIN`.
const MAIN: u8 = 254;
/// `RTPROT_STATIC`.
const STATIC: u8 = 4;
/// `RT_SCOPE_*`.
const UNIVERSE: u8 = 0;
const LINK: u8 = 253;
/// `RTN_UNICAST`.
const UNICAST: u8 = 1;
/// `RTA_*`.
const DST: u16 = 1;
const OIF: u16 = 4;
const GATEWAY: u16 = 5;
const PRIORITY: u16 = 6;
