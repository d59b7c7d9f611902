//! Devices of the host that move into the container, and back where its start fails.
//! Runs in: the parent, on the host.
//!
//! What a container that was there leaves is the kernel's business: with the namespace, hardware goes back to the machine's
//! first one, and virtual devices cease to exist.

use std::os::fd::AsFd;

use brig_handshake::Step;
use brig_netlink::{Address, Link};
use brig_plan::plan::NetDevice;
use rustix::io::Errno;

use super::{Network, Side};
use crate::errno::errno_text;
use crate::error::{Error, Kind, Result};

/// A device that was moved into the container.
#[derive(Debug)]
pub(super) struct Moved {
    /// Its number in there.
    index: u32,
    /// As it was on the host.
    link: Link,
    addresses: Vec<Address>,
}

impl Network {
    /// Gives the host its devices back: the container does not come to be.
    pub(crate) fn take_back(self) {
        for Moved { index, link, addresses } in self.moved.iter().rev() {
            let given = self.inside.send(&self.host, *index, &link.name).and_then(|index| {
                self.host.furnish(index, addresses)?;
                if link.up { self.host.bring_up(index) } else { Ok(()) }
            });
            if let Err(failure) = given {
                log::warn!("network device {} is not given back: {}", link.name, failure.words);
            }
        }
    }

    /// All are looked for before the first is touched.
    pub(super) fn move_devices(&mut self, devices: &[NetDevice], namespace: &str) -> Result<()> {
        let mut found = Vec::with_capacity(devices.len());
        for device in devices {
            found.push(self.look(device).map_err(|failure| failure.of(device, namespace))?);
        }
        for (device, (link, addresses)) in devices.iter().zip(found) {
            self.move_device(device, link, addresses).map_err(|failure| failure.of(device, namespace))?;
        }
        Ok(())
    }

    fn move_device(
        &mut self,
        device: &NetDevice,
        link: Link,
        addresses: Vec<Address>,
    ) -> Result<(), Failure> {
        let sent = self.host.send(&self.inside, link.index, &device.inside);
        // Where only the answer got lost the device is there all the same: nobody else has that name in there.
        let there = || self.inside.socket.link(&device.inside).ok().flatten().map(|link| link.index);
        let Some(index) = sent.as_ref().ok().copied().or_else(there) else { return sent.map(drop) };
        let given = sent.and_then(|index| self.inside.furnish(index, &addresses));
        self.moved.push(Moved { index, link, addresses });
        given.and_then(|()| self.inside.bring_up(index))
    }

    /// A device that can be moved, and the addresses that go with it.
    fn look(&self, device: &NetDevice) -> Result<(Link, Vec<Address>), Failure> {
        let looking = |errno| Failure::new("look for it", errno);
        let Some(link) = self.host.socket.link(&device.name).map_err(looking)? else {
            return Err(Failure {
                words: format!(
                    "link not found for interface {} on runtime namespace: Link not found",
                    device.name
                ),
                errno: Errno::NODEV,
            });
        };
        if self.inside.socket.link(&device.inside).map_err(looking)?.is_some() {
            return Err(Failure {
                words: format!("there is an interface {} in that namespace", device.inside),
                errno: Errno::EXIST,
            });
        }
        let mut addresses = self.host.socket.addresses(link.index).map_err(looking)?;
        addresses.retain(Address::is_lasting);
        Ok((link, addresses))
    }
}

impl Side {
    /// Sends a device to the other side. Returns its number there; it is down, and without addresses.
    fn send(&self, other: &Self, index: u32, name: &str) -> Result<u32, Failure> {
        let failed = |errno| Failure::new("move it", errno);
        self.socket.move_link(index, name, other.namespace.as_fd()).map_err(failed)?;
        let arrived = other.socket.link(name).map_err(failed)?;
        Ok(arrived.ok_or_else(|| failed(Errno::NODEV))?.index)
    }

    /// Gives a device its addresses again.
    fn furnish(&self, index: u32, addresses: &[Address]) -> Result<(), Failure> {
        let add = |address| self.socket.add_address(index, address);
        addresses.iter().try_for_each(add).map_err(|errno| Failure::new("give it its address", errno))
    }

    fn bring_up(&self, index: u32) -> Result<(), Failure> {
        self.socket.set_up(index).map_err(|errno| Failure::new("bring it up", errno))
    }
}

/// Why something about a device failed.
struct Failure {
    words: String,
    errno: Errno,
}

impl Failure {
    fn new(what: &str, errno: Errno) -> Self {
        Self { words: format!("{what}: {}", text(errno)), errno }
    }

    fn of(self, device: &NetDevice, namespace: &str) -> Error {
        let NetDevice { name, at, .. } = device;
        // As runc has it, up to what was wrong.
        let words = format!(
            "error creating network interfaces: move netDevice {name} to namespace {namespace}: {} ({at})",
            self.words
        );
        Error::new(Kind::Step { step: Step::Network, errno: Some(self.errno) }, words)
    }
}

fn text(errno: Errno) -> &'static str {
    errno_text(errno.raw_os_error())
}
