//! What a veth pair may look like: everything that can be known before the kernel is asked.
//! Runs in: the parent; pure.

use std::net::IpAddr;

use super::{Address, Veth};
use crate::refusal::Refusal;
use crate::rules::is_interface_name;

pub(super) fn veth(veth: &Veth, at: &str) -> Result<(), Refusal> {
    name(&veth.name, at)?;
    veth.host_name.as_ref().map_or(Ok(()), |it| name(it, &format!("{at}.hostName")))?;
    mac(veth, at)?;
    mtu(veth, at)?;
    addresses(&veth.addresses, &format!("{at}.addresses"))?;
    addresses(&veth.host_addresses, &format!("{at}.hostAddresses"))?;
    if let Some(bridge) = &veth.bridge {
        name(&bridge.name, &format!("{at}.bridge.name"))?;
        if let Some(make) = &bridge.make {
            addresses(&make.addresses, &format!("{at}.bridge.make.addresses"))?;
        }
        if !veth.host_addresses.is_empty() {
            let words =
                format!("the host's end is a port of {}, which can have addresses itself", bridge.name);
            return Err(Refusal::at(format!("{at}.hostAddresses"), words));
        }
    }
    routes(veth, at)?;
    gateways(veth, at)
}

fn name(name: &str, at: &str) -> Result<(), Refusal> {
    if !is_interface_name(name) {
        return Err(Refusal::at(at, format!("{name:?} cannot be the name of a network interface")));
    }
    is_no_pattern(name, at)
}

/// The kernel would count until it finds a name that is free.
pub(super) fn is_no_pattern(name: &str, at: &str) -> Result<(), Refusal> {
    match name.contains('%') {
        true => Err(Refusal::at(at, format!("{name:?} is a pattern of names to the kernel, not a name"))),
        false => Ok(()),
    }
}

fn mac(veth: &Veth, at: &str) -> Result<(), Refusal> {
    match veth.mac {
        Some(mac) if mac.0 == [0; 6] || mac.0[0] & 1 == 1 => {
            Err(Refusal::at(format!("{at}.mac"), format!("{mac} is not the address of one interface")))
        }
        Some(_) | None => Ok(()),
    }
}

fn mtu(veth: &Veth, at: &str) -> Result<(), Refusal> {
    let has_ipv6 = veth.addresses.iter().chain(&veth.host_addresses).any(|address| address.ip().is_ipv6());
    // linux/if_ether.h; RFC 8200, section 5.
    let least = if has_ipv6 { 1280 } else { 68 };
    match veth.mtu {
        Some(mtu) if !(least..=65_535).contains(&mtu) => {
            let words = format!(
                "{mtu} is not in {least}..=65535{}",
                if has_ipv6 { ", as IPv6 wants it" } else { "" }
            );
            Err(Refusal::at(format!("{at}.mtu"), words))
        }
        Some(_) | None => Ok(()),
    }
}

fn addresses(addresses: &[Address], at: &str) -> Result<(), Refusal> {
    for (index, address) in addresses.iter().enumerate() {
        let (ip, refused) = (address.ip(), |words: &str| {
            Err(Refusal::at(format!("{at}[{index}]"), format!("{address} {words}")))
        });
        if ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::from([255; 4]) {
            return refused("is not the address of one interface");
        }
        // RFC 3021: a network of two addresses has neither.
        let is_whole = ip.is_ipv4() && address.prefix() < 31;
        if is_whole && address.is_first() {
            return refused("is the name of its network, not an address in it");
        }
        if is_whole && address.is_last() {
            return refused("is the broadcast address of its network");
        }
        if addresses.iter().take(index).any(|earlier| earlier.ip() == ip) {
            return refused("is given twice");
        }
    }
    Ok(())
}

fn routes(veth: &Veth, at: &str) -> Result<(), Refusal> {
    for (index, route) in veth.routes.iter().enumerate() {
        let at = |field: &str| format!("{at}.routes[{index}].{field}");
        if !route.destination.is_first() {
            let words = format!("{} has bits behind those of the network", route.destination);
            return Err(Refusal::at(at("destination"), words));
        }
        let Some(gateway) = route.gateway else { continue };
        if gateway.is_ipv4() != route.destination.ip().is_ipv4() {
            let words = format!("{gateway} is of another family than {}", route.destination);
            return Err(Refusal::at(at("gateway"), words));
        }
        let earlier = veth.routes.get(..index).unwrap_or_default();
        let on_link = earlier.iter().filter(|route| route.gateway.is_none()).map(|route| route.destination);
        is_near(gateway, veth, on_link, || at("gateway"))?;
    }
    Ok(())
}

fn gateways(veth: &Veth, at: &str) -> Result<(), Refusal> {
    for (index, gateway) in veth.gateways.iter().enumerate() {
        let path = || format!("{at}.gateways[{index}]");
        if veth.gateways.iter().take(index).any(|earlier| earlier.is_ipv4() == gateway.is_ipv4()) {
            return Err(Refusal::at(path(), format!("{gateway} is the second gateway of its family")));
        }
        let on_link =
            veth.routes.iter().filter(|route| route.gateway.is_none()).map(|route| route.destination);
        is_near(*gateway, veth, on_link, path)?;
    }
    Ok(())
}

/// A gateway must be on the network itself, or it could not be reached.
fn is_near(
    gateway: IpAddr,
    veth: &Veth,
    mut on_link: impl Iterator<Item = Address>,
    path: impl FnOnce() -> String,
) -> Result<(), Refusal> {
    let is_own = veth.addresses.iter().any(|address| address.ip() == gateway);
    let is_link_local = matches!(gateway, IpAddr::V6(ip) if ip.is_unicast_link_local());
    let is_in = |network: Address| network.contains(gateway);
    match is_link_local || veth.addresses.iter().copied().any(is_in) || on_link.any(is_in) {
        _ if is_own => Err(Refusal::at(path(), format!("{gateway} is the container's own address"))),
        true => Ok(()),
        false => {
            Err(Refusal::at(path(), format!("{gateway} is in none of the networks that the interface is in")))
        }
    }
}
