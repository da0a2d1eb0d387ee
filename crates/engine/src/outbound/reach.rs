//! Where calls may lead: rules, each with a name that operators and administrators are told.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use url::{Host, Url};

/// Where calls may lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// To public addresses, over TLS.
    Public,
    /// Also to this machine, in clear: for development.
    PublicAndLoopback,
    /// Also to networks that the operator named, over TLS.
    PublicAnd(Vec<IpNet>),
}

/// A rule that a target breaks. Its name tells nothing of what is at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// It is no URL with a host.
    NotAUrl,
    /// It is neither `https` nor, in development, `http` on this machine.
    NotHttps,
    /// A name or a password stands in it.
    CredentialsInUrl,
    /// The name ends with a dot: the same name to a resolver, another one to a list.
    TrailingDot,
    /// It is this machine.
    LoopbackAddress,
    /// It is a neighbour on the wire, as the cloud's metadata service is.
    LinkLocalAddress,
    /// It is in a private network.
    PrivateAddress,
    /// It is in another range that is no part of the public internet.
    SpecialAddress,
}

impl Rule {
    /// The published name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAUrl => "not_a_url",
            Self::NotHttps => "not_https",
            Self::CredentialsInUrl => "credentials_in_url",
            Self::TrailingDot => "trailing_dot",
            Self::LoopbackAddress => "loopback_address",
            Self::LinkLocalAddress => "link_local_address",
            Self::PrivateAddress => "private_address",
            Self::SpecialAddress => "special_address",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the address is not allowed: {}", self.as_str())
    }
}

impl std::error::Error for Rule {}

impl Reach {
    /// Whether a URL may be called, as far as can be said before its name is resolved.
    pub(super) fn admits_url(&self, url: &Url) -> Result<(), Rule> {
        let is_clear = match url.scheme() {
            "https" => false,
            "http" => true,
            _ => return Err(Rule::NotHttps),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Rule::CredentialsInUrl);
        }
        let (address, is_local) = match url.host().ok_or(Rule::NotAUrl)? {
            Host::Domain(name) if name.ends_with('.') => return Err(Rule::TrailingDot),
            Host::Domain(name) => (None, name == "localhost"),
            Host::Ipv4(address) => (Some(IpAddr::V4(address)), address.is_loopback()),
            Host::Ipv6(address) => (Some(IpAddr::V6(address)), address.is_loopback()),
        };
        if is_clear && !(is_local && *self == Self::PublicAndLoopback) {
            return Err(Rule::NotHttps);
        }
        address.map_or(Ok(()), |address| self.admits(address))
    }

    /// Whether an address may be called. One that embeds an IPv4 address is judged by that.
    pub(super) fn admits(&self, address: IpAddr) -> Result<(), Rule> {
        let address = match address {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => embedded(address).map_or(IpAddr::V6(address), IpAddr::V4),
        };
        let is_allowed = match self {
            Self::Public => false,
            Self::PublicAndLoopback => address.is_loopback(),
            Self::PublicAnd(networks) => networks.iter().any(|network| network.contains(&address)),
        };
        if is_allowed {
            return Ok(());
        }
        match address {
            IpAddr::V4(address) => public_v4(address.octets()),
            IpAddr::V6(address) => public_v6(address),
        }
    }
}

/// The special-purpose ranges of IANA's registry (RFC 6890 and its successors).
fn public_v4(octets: [u8; 4]) -> Result<(), Rule> {
    match octets {
        [127, ..] => Err(Rule::LoopbackAddress),
        [169, 254, ..] => Err(Rule::LinkLocalAddress),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => {
            Err(Rule::PrivateAddress)
        }
        [0 | 224..=255, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => Err(Rule::SpecialAddress),
        _ => Ok(()),
    }
}

fn public_v6(address: Ipv6Addr) -> Result<(), Rule> {
    if address.is_loopback() {
        return Err(Rule::LoopbackAddress);
    }
    let segments = address.segments();
    // Teredo, benchmarking, documentation.
    let is_special = matches!(segments, [0x2001, 0 | 2 | 0xdb8, ..] | [0x3fff, 0..=0x0fff, ..]);
    match segments[0] {
        0xfe80..=0xfebf => Err(Rule::LinkLocalAddress),
        0xfc00..=0xfdff => Err(Rule::PrivateAddress),
        // Global unicast is 2000::/3; everything else is special.
        0x2000..=0x3fff if !is_special => Ok(()),
        _ => Err(Rule::SpecialAddress),
    }
}

/// The IPv4 address that an IPv6 address stands for.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    // These two are none, though they look like it.
    if address.is_unspecified() || address.is_loopback() {
        return None;
    }
    let v4 = |high: u16, low: u16| Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match address.segments() {
        // IPv4-compatible, IPv4-mapped, NAT64.
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            v4(high, low)
        }
        // 6to4 carries it behind its prefix.
        [0x2002, high, low, ..] => v4(high, low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(reach: &Reach, url: &str) -> Option<&'static str> {
        reach.admits_url(&Url::parse(url).unwrap()).err().map(Rule::as_str)
    }

    #[test]
    fn loopback_is_for_development_and_clear_text_for_loopback() {
        let check = |url, expected| {
            assert_eq!(broken(&Reach::PublicAndLoopback, url), expected, "{url}");
        };
        check("http://localhost:4001/token", None);
        check("http://127.0.0.1:4001/token", None);
        check("http://[::1]:4001/token", None);
        check("https://127.0.0.1:4001/token", None);
        check("http://example.com/token", Some("not_https"));
        check("http://user@localhost/token", Some("credentials_in_url"));
        check("https://10.0.0.1/token", Some("private_address"));
        check("https://0.0.0.0/token", Some("special_address"));
    }

    #[test]
    fn an_operator_may_allow_networks_and_nothing_beside_them() {
        let networks = ["10.1.0.0/16", "fd00:1::/32", "169.254.7.7/32"];
        let reach = Reach::PublicAnd(networks.map(|network| network.parse().unwrap()).to_vec());
        let check = |url, expected| assert_eq!(broken(&reach, url), expected, "{url}");
        check("https://10.1.2.3/token", None);
        check("https://[::ffff:10.1.2.3]/token", None);
        check("https://[fd00:1::5]/token", None);
        check("https://169.254.7.7/token", None);
        check("https://example.com/token", None);
        check("http://10.1.2.3/token", Some("not_https"));
        check("https://10.2.0.1/token", Some("private_address"));
        check("https://[fd00:2::5]/token", Some("private_address"));
        check("https://169.254.169.254/", Some("link_local_address"));
        check("https://127.0.0.1/", Some("loopback_address"));
    }
}
