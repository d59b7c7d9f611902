//! Addresses of links.

use std::net::IpAddr;

use netlink_packet_core::{DefaultNla, NLM_F_CREATE, NLM_F_EXCL, Nla};
use rustix::io::Errno;

use crate::message::{Message, bytes_of, number};
use crate::socket::Socket;

/// An address as a link has it, with all that is needed to give it to the link again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    family: u8,
    prefix: u8,
    scope: u8,
    flags: u32,
    /// Those of [`KEPT`].
    attributes: Vec<DefaultNla>,
}

impl Address {
    /// One that holds in its whole network: `10.0.0.2/24`.
    pub fn new(ip: IpAddr, prefix: u8) -> Self {
        let mut attributes = vec![DefaultNla::new(LOCAL, octets(ip)), DefaultNla::new(ADDRESS, octets(ip))];
        if let (IpAddr::V4(ip), 0..31) = (ip, prefix) {
            // As ip-address(8) does where it is told to: everybody else on the network expects it.
            let broadcast = u32::from(ip) | u32::MAX.checked_shr(prefix.into()).unwrap_or(0);
            attributes.push(DefaultNla::new(BROADCAST, broadcast.to_be_bytes().to_vec()));
        }
        Self { family: family(ip), prefix, scope: UNIVERSE, flags: 0, attributes }
    }

    /// Whether somebody gave it to the link for good, and not only within the link or this machine.
    pub fn is_lasting(&self) -> bool {
        self.flags & PERMANENT != 0 && self.scope == UNIVERSE
    }

    /// Whether it is this one, with a network of this size.
    pub fn is(&self, ip: IpAddr, prefix: u8) -> bool {
        let local = self.attributes.iter().find(|attribute| attribute.kind() == LOCAL);
        let address = || self.attributes.iter().find(|attribute| attribute.kind() == ADDRESS);
        self.prefix == prefix && local.or_else(address).is_some_and(|found| bytes_of(found) == octets(ip))
    }
}

/// The index of the link, and the address.
pub(crate) fn read(message: &Message) -> Option<(u32, Address)> {
    let [family, prefix, flags, scope, index @ ..] = *message.head.first_chunk::<8>()?;
    if message.kind != NEWADDR {
        return None;
    }
    let long = message.value(FLAGS).and_then(|value| crate::message::as_number(&value));
    let is_kept = |attribute: &&DefaultNla| KEPT.contains(&attribute.kind());
    let attributes = message.attributes.iter().filter(is_kept).cloned().collect();
    let address = Address { family, prefix, scope, flags: long.unwrap_or(flags.into()), attributes };
    Some((u32::from_ne_bytes(index), address))
}

impl Socket {
    /// The addresses of a link.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn addresses(&self, index: u32) -> Result<Vec<Address>, Errno> {
        let all = self.all(&Message { kind: GETADDR, head: vec![0; 8], attributes: Vec::new() })?;
        let of_link = all.iter().filter_map(read).filter(|(found, _)| *found == index);
        Ok(of_link.map(|(_, address)| address).collect())
    }

    /// Gives an address to a link. It can be used at once: nobody waits to see whether somebody else has it (ipv6(7)).
    ///
    /// # Errors
    /// The kernel's answer: `EXIST` if the link has it.
    pub fn add_address(&self, index: u32, address: &Address) -> Result<(), Errno> {
        let mut head = vec![address.family, address.prefix, 0, address.scope];
        head.extend_from_slice(&index.to_ne_bytes());
        let mut attributes = address.attributes.clone();
        attributes.push(number(FLAGS, address.flags & GIVEN | NODAD));
        self.change(Message { kind: NEWADDR, head, attributes }, NLM_F_CREATE | NLM_F_EXCL)
    }
}

/// `AF_INET`, `AF_INET6`.
pub(crate) fn family(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 2 } else { 10 }
}

pub(crate) fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

/// `RT_SCOPE_UNIVERSE`.
const UNIVERSE: u8 = 0;

// linux/rtnetlink.h
const NEWADDR: u16 = 20;
const GETADDR: u16 = 22;

// linux/if_addr.h: IFA_*, IFA_F_*
const ADDRESS: u16 = 1;
const LOCAL: u16 = 2;
const BROADCAST: u16 = 4;
const FLAGS: u16 = 8;
const RT_PRIORITY: u16 = 9;
const NODAD: u32 = 0x02;
const PERMANENT: u32 = 0x80;
/// `IFA_F_NODAD`, `IFA_F_HOMEADDRESS`, `IFA_F_NOPREFIXROUTE`, `IFA_F_MCAUTOJOIN`: what whoever gave the address wanted. The
/// other flags are what has become of it.
const GIVEN: u32 = NODAD | 0x10 | 0x200 | 0x400;

/// What an address takes along to another namespace: not the label, which may be the name that the link had.
const KEPT: [u16; 4] = [ADDRESS, LOCAL, BROADCAST, RT_PRIORITY];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_has_its_address_which_is_no_lasting_one() {
        let socket = Socket::open().unwrap();
        let lo = socket.link("lo").unwrap().unwrap();
        for address in socket.addresses(lo.index).unwrap() {
            assert!(address.is([127, 0, 0, 1].into(), 8) || !address.is_lasting() || address.family != 2);
        }
    }

    #[test]
    fn an_address_with_a_network_has_its_broadcast_address_and_others_have_none() {
        let broadcast = |prefix| {
            let address = Address::new([10, 1, 2, 3].into(), prefix);
            let found =
                address.attributes.iter().find(|attribute| attribute.kind() == BROADCAST).map(bytes_of);
            found.map(|bytes| <[u8; 4]>::try_from(bytes).unwrap())
        };
        assert_eq!(broadcast(24), Some([10, 1, 2, 255]));
        assert_eq!(broadcast(0), Some([255; 4]));
        assert_eq!((broadcast(31), broadcast(32)), (None, None));
    }
}
