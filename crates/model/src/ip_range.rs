//! Addresses and networks, as operators list them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// One address or a network (CIDR), in the spelling in which it was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IpRange {
    net: IpNet,
    text: String,
}

impl IpRange {
    /// Whether an address is in it. An IPv4 address inside an IPv6 one is the IPv4 address, on both
    /// sides.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.net.contains(&address.to_canonical())
    }
}

impl FromStr for IpRange {
    type Err = InvalidIpRange;

    fn from_str(text: &str) -> Result<Self, InvalidIpRange> {
        let net = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address.to_canonical()),
            Err(_) => text.parse::<IpNet>().or(Err(InvalidIpRange))?,
        };
        Ok(Self { net: canonical(net).ok_or(InvalidIpRange)?, text: text.to_owned() })
    }
}

/// A network of IPv4 addresses inside IPv6 becomes the IPv4 network. One that is wider than all of
/// them together is neither.
fn canonical(net: IpNet) -> Option<IpNet> {
    const MAPPED_PREFIX: u8 = 96;
    match net.addr().to_canonical() {
        IpAddr::V4(address) if matches!(net, IpNet::V6(_)) => {
            IpNet::new(address.into(), net.prefix_len().checked_sub(MAPPED_PREFIX)?).ok()
        }
        IpAddr::V4(_) | IpAddr::V6(_) => Some(net),
    }
}

impl TryFrom<String> for IpRange {
    type Error = InvalidIpRange;

    fn try_from(text: String) -> Result<Self, InvalidIpRange> {
        text.parse()
    }
}

impl From<IpRange> for String {
    fn from(range: IpRange) -> Self {
        range.text
    }
}

impl fmt::Display for IpRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The text is neither an address nor a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is neither an IP address nor a network in CIDR notation")]
pub struct InvalidIpRange;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a83_edges_of_ranges() {
        for (range, address, expected) in [
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("192.0.2.7", "::ffff:192.0.2.7", true),
            ("::ffff:192.0.2.7", "192.0.2.7", true),
            ("192.0.2.0/30", "192.0.2.3", true),
            ("192.0.2.0/30", "192.0.2.4", false),
            ("192.0.2.5/30", "192.0.2.4", true),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "203.0.113.9", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("2001:db8::1", "2001:db8::1", true),
            ("::ffff:192.0.2.0/126", "192.0.2.3", true),
            ("::ffff:192.0.2.0/126", "192.0.2.4", false),
        ] {
            let contained = range.parse::<IpRange>().unwrap().contains(address.parse().unwrap());
            assert_eq!(contained, expected, "{address} in {range}");
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in ["", "x", "192.0.2", "192.0.2.256", "192.0.2.0/33", "::/129", "::ffff:0:0/90"] {
            assert_eq!(text.parse::<IpRange>(), Err(InvalidIpRange), "{text}");
        }
        let range: IpRange = "192.0.2.5/30".parse().unwrap();
        assert_eq!(serde_json::to_string(&range).unwrap(), "\"192.0.2.5/30\"");
    }
}
