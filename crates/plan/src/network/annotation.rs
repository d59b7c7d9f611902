//! `brig.network.NAME` in `annotations`: what is to be the container's interface NAME, as JSON.
//! Runs in: the parent; pure. What the values may be is in `check.rs`.

use std::fmt::Display;
use std::str::FromStr;

use super::{Bridge, LOOPBACK, MakeBridge, Network, Route, Veth};
use crate::load;
use crate::refusal::{Refusal, member};
use crate::spec::Str;
use crate::spec::network::{AnnotatedBridge, AnnotatedNetwork, AnnotatedRoute};

/// The prefix of all such annotations.
pub const PREFIX: &str = "brig.network.";

/// What they ask for, each with its place, in the order of the file.
pub(super) fn networks(annotations: &[(Str<'_>, Str<'_>)]) -> Result<Vec<(String, Network)>, Refusal> {
    let ours = annotations.iter().filter_map(|(key, value)| Some((key, key.strip_prefix(PREFIX)?, value)));
    ours.map(|(key, name, value)| {
        let at = member("annotations", key);
        let network = network(name, value, &at)?;
        Ok((at, network))
    })
    .collect()
}

fn network(name: &str, text: &str, at: &str) -> Result<Network, Refusal> {
    let network = load::network(text.as_bytes()).map_err(|refusal| within(at, &refusal))?;
    let is_loopback = name == LOOPBACK;
    match &*network.kind {
        "loopback" if is_loopback && network == AnnotatedNetwork::loopback() => Ok(Network::Loopback),
        "loopback" if is_loopback => Err(Refusal::at(at, "loopback has no settings")),
        "loopback" => Err(Refusal::at(at, "the loopback interface is called lo")),
        "veth" => veth(name, &network, at).map(Network::Veth),
        kind => Err(Refusal::at(format!("{at}.type"), format!("{kind:?} is neither veth nor loopback"))),
    }
}

fn veth(name: &str, network: &AnnotatedNetwork<'_>, at: &str) -> Result<Veth, Refusal> {
    let mac = match &*network.mac {
        "" => None,
        mac => Some(parsed(mac, || format!("{at}.mac"))?),
    };
    Ok(Veth {
        name: name.to_owned(),
        host_name: (!network.host_name.is_empty()).then(|| network.host_name.to_string()),
        mac,
        mtu: network.mtu,
        addresses: list(&network.addresses, at, "addresses")?,
        gateways: network
            .gateways
            .iter()
            .zip(0..)
            .map(|(text, index)| gateway(text, &format!("{at}.gateways[{index}]")))
            .collect::<Result<_, _>>()?,
        routes: network
            .routes
            .iter()
            .zip(0..)
            .map(|(route_text, index)| route(route_text, &format!("{at}.routes[{index}]")))
            .collect::<Result<_, _>>()?,
        host_addresses: list(&network.host_addresses, at, "hostAddresses")?,
        bridge: network.bridge.as_ref().map(|it| bridge(it, at)).transpose()?,
    })
}

fn route(route: &AnnotatedRoute<'_>, at: &str) -> Result<Route, Refusal> {
    let destination = match &*route.destination {
        "" => return Err(Refusal::at(format!("{at}.destination"), "is missing")),
        destination => parsed(destination, || format!("{at}.destination"))?,
    };
    let way = match &*route.gateway {
        "" => None,
        way => Some(gateway(way, &format!("{at}.gateway"))?),
    };
    Ok(Route { destination, gateway: way, metric: route.metric })
}

fn bridge(bridge: &AnnotatedBridge<'_>, at: &str) -> Result<Bridge, Refusal> {
    let make = bridge.make.as_ref().map(|make| {
        list(&make.addresses, &format!("{at}.bridge.make"), "addresses")
            .map(|addresses| MakeBridge { addresses })
    });
    Ok(Bridge { name: bridge.name.to_string(), make: make.transpose()? })
}

fn gateway(text: &str, at: &str) -> Result<std::net::IpAddr, Refusal> {
    text.parse().map_err(|_| Refusal::at(at, format!("{text:?} is not an address, such as 10.0.0.1")))
}

fn list<T: FromStr<Err: Display>>(texts: &[Str<'_>], at: &str, field: &str) -> Result<Vec<T>, Refusal> {
    let each =
        (0..).zip(texts).map(|(index, text): (u32, _)| parsed(text, || format!("{at}.{field}[{index}]")));
    each.collect()
}

fn parsed<T: FromStr<Err: Display>>(text: &str, path: impl FnOnce() -> String) -> Result<T, Refusal> {
    text.parse().map_err(|words: T::Err| Refusal::at(path(), words.to_string()))
}

/// A refusal of the annotation's own text, as one of the whole.
fn within(at: &str, refusal: &Refusal) -> Refusal {
    let path = match refusal.path() {
        "" => at.to_owned(),
        inner if inner.starts_with('[') => format!("{at}{inner}"),
        inner => format!("{at}.{inner}"),
    };
    Refusal::at(path, refusal.message())
}
