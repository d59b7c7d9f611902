//! Addresses as people write them.
//! Runs in: the parent; pure.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// An address and how many of its bits are the network's: `10.88.0.2/24`, `fd00:88::2/64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    ip: IpAddr,
    prefix: u8,
}

impl Address {
    /// `None` for more bits than the address has.
    pub fn new(ip: IpAddr, prefix: u8) -> Option<Self> {
        (prefix <= bits(ip)).then_some(Self { ip, prefix })
    }

    /// The address.
    pub fn ip(self) -> IpAddr {
        self.ip
    }

    /// How many of its bits are the network's.
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// Whether `ip` is in this network.
    pub fn contains(self, ip: IpAddr) -> bool {
        self.ip.is_ipv4() == ip.is_ipv4() && (number(self.ip) ^ number(ip)) & self.mask() == 0
    }

    /// Whether it is the first of its network: the name of the network itself.
    pub fn is_first(self) -> bool {
        number(self.ip) & !self.mask() == 0
    }

    /// Whether it is the last of its network: in IPv4 the broadcast address.
    pub fn is_last(self) -> bool {
        number(self.ip) | self.mask() == u128::MAX
    }

    /// The bits of the network, with all ones in front of a shorter address.
    fn mask(self) -> u128 {
        u128::MAX.checked_shl(u32::from(bits(self.ip) - self.prefix)).unwrap_or(0)
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not an address and the bits of its network, such as 10.0.0.2/24");
        let (ip, prefix) =
            text.split_once('/').filter(|(_, prefix)| !prefix.starts_with('+')).ok_or_else(wrong)?;
        let (ip, prefix) = (ip.parse().map_err(|_| wrong())?, prefix.parse().map_err(|_| wrong())?);
        Self::new(ip, prefix).ok_or_else(|| format!("{text:?}: that address has {} bits", bits(ip)))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.prefix)
    }
}

fn bits(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

/// A shorter address with all ones in front.
fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(u32::from(ip)) | u128::MAX << 32,
        IpAddr::V6(ip) => u128::from(ip),
    }
}

/// A hardware address: `02:42:ac:11:00:02`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mac(pub [u8; 6]);

impl FromStr for Mac {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a hardware address, such as 02:42:ac:11:00:02");
        let mut octets = [0; 6];
        let mut parts = text.split(':');
        for octet in &mut octets {
            let part =
                parts.next().filter(|part| part.len() == 2 && !part.starts_with('+')).ok_or_else(wrong)?;
            *octet = u8::from_str_radix(part, 16).map_err(|_| wrong())?;
        }
        if parts.next().is_none() { Ok(Self(octets)) } else { Err(wrong()) }
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_and_hardware_addresses_are_written_as_they_were_read() {
        for text in ["10.88.0.2/24", "0.0.0.0/0", "fd00:88::2/64", "::1/128"] {
            assert_eq!(address(text).to_string(), text);
        }
        assert_eq!("02:42:AC:11:00:02".parse::<Mac>().unwrap().to_string(), "02:42:ac:11:00:02");
    }

    #[test]
    fn what_is_no_address_is_not_read() {
        for text in [
            "",
            "10.0.0.1",
            "10.0.0.1/",
            "10.0.0.1/33",
            "10.0.0.300/24",
            "fd00::1/129",
            "a/8",
            "10.0.0.1/-1",
            "10.0.0.1/+1",
        ] {
            assert!(text.parse::<Address>().unwrap_err().contains(&format!("{text:?}")), "{text}");
        }
        for text in [
            "",
            "02:42:ac:11:00",
            "02:42:ac:11:00:02:03",
            "2:42:ac:11:00:02",
            "0x:42:ac:11:00:02",
            "+2:42:ac:11:00:02",
        ] {
            assert!(text.parse::<Mac>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_network_contains_its_addresses_and_no_others() {
        for (network, ip, is) in [
            ("10.0.0.1/24", "10.0.0.255", true),
            ("10.0.0.1/24", "10.0.1.0", false),
            ("10.0.0.1/32", "10.0.0.1", true),
            ("10.0.0.1/32", "10.0.0.2", false),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("0.0.0.0/0", "::1", false),
            ("fd00::1/64", "fd00::ffff", true),
            ("fd00::1/64", "fd00:0:0:1::1", false),
            ("::/0", "fd00::1", true),
        ] {
            assert_eq!(address(network).contains(ip.parse().unwrap()), is, "{network} {ip}");
        }
    }

    #[test]
    fn the_first_and_the_last_address_of_a_network_are_known() {
        assert!(address("10.0.0.0/24").is_first() && !address("10.0.0.1/24").is_first());
        assert!(address("10.0.0.255/24").is_last() && !address("10.0.0.254/24").is_last());
        assert!(address("0.0.0.0/0").is_first() && address("fd00::/64").is_first());
    }
}
