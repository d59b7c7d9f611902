//! The container's network: devices of the host that move into it (`linux.netDevices`).
//! Runs in: the parent; pure. Done in the runtime's file of the same name, over a socket that `brig-init` makes inside.
//!
//! Whether a network namespace is there to move them to, and what names may look like, is in `rules/devices.rs`.

use crate::plan::{NetDevice, NetworkPlan};
use crate::refusal::{Refusal, member};
use crate::spec::Linux;

/// What the parent sets up in the container's network namespace.
pub(crate) fn plan(linux: &Linux<'_>) -> Result<NetworkPlan, Refusal> {
    let mut taken = Taken::default();
    let mut devices = Vec::with_capacity(linux.net_devices.len());
    for (name, device) in &linux.net_devices {
        let at = member("linux.netDevices", name);
        let inside = if device.name.is_empty() { name } else { &device.name };
        if inside.contains('%') {
            let words = format!("{inside:?} is a pattern of names to the kernel, not a name");
            return Err(Refusal::at(at, words));
        }
        taken.take(inside, || at.clone())?;
        devices.push(NetDevice { name: name.to_string(), inside: inside.to_string(), at });
    }
    Ok(NetworkPlan { devices })
}

/// Names of interfaces in the container that are given away.
#[derive(Default)]
struct Taken(Vec<String>);

impl Taken {
    fn take(&mut self, name: &str, path: impl FnOnce() -> String) -> Result<(), Refusal> {
        if name == LOOPBACK {
            return Err(Refusal::at(path(), "lo is the loopback interface of every network namespace"));
        }
        if self.0.iter().any(|taken| taken == name) {
            return Err(Refusal::at(path(), format!("two interfaces of the container are called {name}")));
        }
        self.0.push(name.to_owned());
        Ok(())
    }
}

/// The interface that is in every network namespace.
const LOOPBACK: &str = "lo";
