//! Links, as the kernel calls interfaces.

use std::os::fd::{AsRawFd, BorrowedFd};

use netlink_packet_core::{DefaultNla, NLM_F_CREATE, NLM_F_EXCL};
use rustix::io::Errno;

use crate::message::{Message, as_number, as_text, nested, number, text, value_inside};
use crate::socket::Socket;

/// A link as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its number in its namespace.
    pub index: u32,
    /// Its name in its namespace.
    pub name: String,
    /// Whether it is up.
    pub up: bool,
    /// Its hardware address; empty where it has none.
    pub mac: Vec<u8>,
    /// The index of the bridge that it is a port of, or of another master.
    pub master: Option<u32>,
    /// What drives it: `veth`, `bridge`; empty for hardware.
    pub kind: String,
    /// The remark that somebody left on it.
    pub alias: String,
}

/// A veth pair to make: one end here, up; the other, its peer, in another namespace, and down: the kernel makes it first, and
/// one without a peer cannot be up.
#[derive(Debug)]
pub struct Veth<'v> {
    /// Name of the end here.
    pub name: &'v str,
    /// Hardware address of the end here.
    pub mac: [u8; 6],
    /// Bridge that the end here becomes a port of.
    pub master: Option<u32>,
    /// Longest packet of both.
    pub mtu: Option<u32>,
    /// Name of the peer.
    pub peer: &'v str,
    /// Hardware address of the peer; `None`: the kernel chooses.
    pub peer_mac: Option<[u8; 6]>,
    /// Namespace of the peer.
    pub namespace: BorrowedFd<'v>,
}

/// A bridge to make.
#[derive(Debug)]
pub struct Bridge<'b> {
    /// Its name.
    pub name: &'b str,
    /// Its hardware address, which otherwise changes with its ports.
    pub mac: [u8; 6],
    /// Longest packet.
    pub mtu: Option<u32>,
}

impl Link {
    /// From the kernel's message.
    pub(crate) fn read(message: &Message) -> Option<Self> {
        if message.kind != NEWLINK {
            return None;
        }
        let field = |at: usize| message.head.get(at..at + 4).and_then(as_number);
        let words = |kind| message.value(kind).map(|value| as_text(&value)).unwrap_or_default();
        let info = message.value(LINKINFO).unwrap_or_default();
        Some(Self {
            index: field(INDEX)?,
            name: words(IFNAME),
            up: field(FLAGS)? & UP != 0,
            mac: message.value(ADDRESS).unwrap_or_default(),
            master: message.value(MASTER).and_then(|value| as_number(&value)),
            kind: value_inside(&info, INFO_KIND).map(|kind| as_text(&kind)).unwrap_or_default(),
            alias: words(IFALIAS),
        })
    }
}

impl Socket {
    /// The link of this name; `None` if there is none.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn link(&self, name: &str) -> Result<Option<Link>, Errno> {
        match self.one(message(GETLINK, 0, 0, vec![text(IFNAME, name)])) {
            // A name that no link can have is no link's.
            Err(Errno::NODEV | Errno::RANGE | Errno::INVAL) => Ok(None),
            answer => Link::read(&answer?).map(Some).ok_or(Errno::PROTO),
        }
    }

    /// All links.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn links(&self) -> Result<Vec<Link>, Errno> {
        Ok(self.all(&message(GETLINK, 0, 0, Vec::new()))?.iter().filter_map(Link::read).collect())
    }

    /// Makes a veth pair.
    ///
    /// # Errors
    /// `EXIST` for a name that is taken, here or there; otherwise the kernel's answer.
    pub fn make_veth(&self, veth: &Veth<'_>) -> Result<(), Errno> {
        let mut inside =
            vec![text(IFNAME, veth.peer), number(NET_NS_FD, veth.namespace.as_raw_fd().cast_unsigned())];
        inside.extend(veth.peer_mac.map(|mac| DefaultNla::new(ADDRESS, mac.to_vec())));
        inside.extend(veth.mtu.map(|mtu| number(MTU, mtu)));
        let peer = nested(VETH_INFO_PEER, &head(0, 0), &inside);
        let mut attributes = vec![text(IFNAME, veth.name), DefaultNla::new(ADDRESS, veth.mac.to_vec())];
        attributes.extend(veth.mtu.map(|mtu| number(MTU, mtu)));
        attributes.extend(veth.master.map(|master| number(MASTER, master)));
        attributes.push(info("veth", &[nested(INFO_DATA, &[], &[peer])]));
        self.change(message(NEWLINK, 0, UP, attributes), NLM_F_CREATE | NLM_F_EXCL)
    }

    /// Makes a bridge. It is down.
    ///
    /// # Errors
    /// `EXIST` for a name that is taken; otherwise the kernel's answer.
    pub fn make_bridge(&self, bridge: &Bridge<'_>) -> Result<(), Errno> {
        let mut attributes = vec![text(IFNAME, bridge.name), DefaultNla::new(ADDRESS, bridge.mac.to_vec())];
        attributes.extend(bridge.mtu.map(|mtu| number(MTU, mtu)));
        attributes.push(info("bridge", &[]));
        self.change(message(NEWLINK, 0, 0, attributes), NLM_F_CREATE | NLM_F_EXCL)
    }

    /// Moves a link to another namespace and gives it a name there. It is down afterwards, and without addresses.
    ///
    /// # Errors
    /// The kernel's answer: `INVAL` for a link that has to stay where it is.
    pub fn move_link(&self, index: u32, name: &str, namespace: BorrowedFd<'_>) -> Result<(), Errno> {
        let attributes = vec![text(IFNAME, name), number(NET_NS_FD, namespace.as_raw_fd().cast_unsigned())];
        self.change(message(SETLINK, index, 0, attributes), 0)
    }

    /// Brings a link up.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn set_up(&self, index: u32) -> Result<(), Errno> {
        self.change(message(SETLINK, index, UP, Vec::new()), 0)
    }

    /// Leaves a remark on a link.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn set_alias(&self, index: u32, alias: &str) -> Result<(), Errno> {
        self.change(message(SETLINK, index, 0, vec![text(IFALIAS, alias)]), 0)
    }

    /// Removes a link.
    ///
    /// # Errors
    /// `NODEV` if it is gone; otherwise the kernel's answer.
    pub fn remove_link(&self, index: u32) -> Result<(), Errno> {
        self.change(message(DELLINK, index, 0, Vec::new()), 0)
    }
}

fn message(kind: u16, index: u32, flags: u32, attributes: Vec<DefaultNla>) -> Message {
    Message { kind, head: head(index, flags).to_vec(), attributes }
}

/// `struct ifinfomsg`: the flags to set, and the same once more as the mask of those that are meant.
fn head(index: u32, flags: u32) -> [u8; 16] {
    let mut head = [0; 16];
    for (at, number) in [(INDEX, index), (FLAGS, flags), (12, flags)] {
        if let Some(field) = head.get_mut(at..at + 4) {
            field.copy_from_slice(&number.to_ne_bytes());
        }
    }
    head
}

fn info(kind: &str, more: &[DefaultNla]) -> DefaultNla {
    let mut inside = vec![text(INFO_KIND, kind)];
    inside.extend_from_slice(more);
    nested(LINKINFO, &[], &inside)
}

/// Where `ifi_index` and `ifi_flags` stand in `struct ifinfomsg`.
const INDEX: usize = 4;
const FLAGS: usize = 8;

/// `IFF_UP`.
const UP: u32 = 1;

// linux/rtnetlink.h
const NEWLINK: u16 = 16;
const DELLINK: u16 = 17;
const GETLINK: u16 = 18;
const SETLINK: u16 = 19;

// linux/if_link.h: IFLA_*
const ADDRESS: u16 = 1;
const IFNAME: u16 = 3;
const MTU: u16 = 4;
const MASTER: u16 = 10;
const LINKINFO: u16 = 18;
const IFALIAS: u16 = 20;
const NET_NS_FD: u16 = 28;
/// Inside `LINKINFO`.
const INFO_KIND: u16 = 1;
const INFO_DATA: u16 = 2;
/// Inside `INFO_DATA` (linux/veth.h).
const VETH_INFO_PEER: u16 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_found_by_its_name_and_in_the_list() {
        let socket = Socket::open().unwrap();
        let lo = socket.link("lo").unwrap().unwrap();
        assert_eq!((lo.index, &lo.name[..], &lo.mac[..]), (1, "lo", &[0; 6][..]));
        assert!(socket.links().unwrap().contains(&lo));
    }

    #[test]
    fn a_name_that_no_link_has_is_none() {
        let socket = Socket::open().unwrap();
        assert_eq!(socket.link("brig-none").unwrap(), None);
        assert_eq!(socket.link("a name that is much too long").unwrap(), None);
        assert_eq!(socket.link("").unwrap(), None);
    }

    #[test]
    fn a_change_that_is_not_possible_is_the_kernels_errno() {
        let socket = Socket::open().unwrap();
        // No interface has the number 0x7fffffff.
        let answer = socket.set_up(0x7fff_ffff).unwrap_err();
        assert!(matches!(answer, Errno::NODEV | Errno::PERM), "{answer}");
    }
}
