//! The one way out: every call to a provider goes through here.
//!
//! The name is resolved, every address is checked, and the connection goes to a checked address, so
//! that no name can lead inside by changing between check and use. Redirects are not followed, time
//! and size are bounded.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use http::{HeaderMap, Request, StatusCode};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use url::{Host, Url};
use zeroize::Zeroizing;

/// A call with its answer takes no longer.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// An answer is no longer, in bytes.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Where calls may lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// To public addresses, over TLS.
    Public,
    /// Also to this machine, in clear: for development.
    PublicAndLoopback,
}

/// The guarded client.
#[derive(Clone, Debug)]
pub struct Outbound {
    client: reqwest::Client,
    reach: Reach,
}

/// An answer, whole. It may hold tokens, so it is wiped when dropped and does not print.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status, self.body.len())
    }
}

/// Why there is no answer. Neither the URL nor anything that was sent is told.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The target is not one that calls may lead to.
    #[error("the address is not allowed")]
    Forbidden,
    /// Nobody answered in time.
    #[error("no answer in time")]
    TimedOut,
    /// The connection could not be made or broke.
    #[error("the provider could not be reached")]
    Unreachable,
    /// The answer is longer than we read.
    #[error("the answer is too long")]
    TooLong,
}

impl Outbound {
    /// Makes the client.
    ///
    /// # Errors
    /// If the TLS library refuses its configuration.
    pub fn new(reach: Reach) -> Result<Self, reqwest::Error> {
        Self::within(reach, CALL_TIMEOUT)
    }

    /// Makes a client whose calls take no longer than `call_timeout` each.
    ///
    /// # Errors
    /// If the TLS library refuses its configuration.
    pub fn within(reach: Reach, call_timeout: Duration) -> Result<Self, reqwest::Error> {
        #[expect(clippy::disallowed_methods, reason = "this is the guarded client")]
        let client = reqwest::Client::builder()
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIMEOUT.min(call_timeout))
            .timeout(call_timeout)
            .dns_resolver(Arc::new(CheckedResolver { reach }))
            .user_agent(concat!("strongroom/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .build()?;
        Ok(Self { client, reach })
    }

    /// Where calls may lead.
    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&self, request: Request<Vec<u8>>) -> Result<Answer, OutboundError> {
        let url = Url::parse(&request.uri().to_string()).or(Err(OutboundError::Forbidden))?;
        self.check(&url)?;
        let request = reqwest::Request::try_from(request).or(Err(OutboundError::Forbidden))?;
        let answer = self.client.execute(request).await.map_err(|error| cause(&error))?;
        let status = answer.status();
        let headers = answer.headers().clone();
        let mut body = Zeroizing::new(Vec::new());
        let mut chunks = answer.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| cause(&error))?;
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(OutboundError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, headers, body })
    }

    /// Whether a URL may be called, as far as can be said before its name is resolved.
    pub fn check(&self, url: &Url) -> Result<(), OutboundError> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OutboundError::Forbidden);
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            // A name with a closing dot is the same name to a resolver and another to a list.
            Some(Host::Domain(name)) if name.ends_with('.') => {
                return Err(OutboundError::Forbidden);
            }
            Some(Host::Domain(_)) => None,
            None => return Err(OutboundError::Forbidden),
        };
        let is_local = match address {
            Some(address) => address.is_loopback(),
            None => url.host_str() == Some("localhost"),
        };
        let scheme_allowed = match url.scheme() {
            "https" => true,
            "http" => self.reach == Reach::PublicAndLoopback && is_local,
            _ => false,
        };
        let address_allowed = address.is_none_or(|address| is_allowed(address, self.reach));
        if scheme_allowed && address_allowed { Ok(()) } else { Err(OutboundError::Forbidden) }
    }
}

fn cause(error: &reqwest::Error) -> OutboundError {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = source {
        if cause.is::<NoAllowedAddress>() {
            return OutboundError::Forbidden;
        }
        source = cause.source();
    }
    if error.is_timeout() { OutboundError::TimedOut } else { OutboundError::Unreachable }
}

/// Resolves names and lets through allowed addresses only.
struct CheckedResolver {
    reach: Reach,
}

#[derive(Debug, thiserror::Error)]
#[error("the name leads to no allowed address")]
struct NoAllowedAddress;

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.reach;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> =
                found.filter(|address| is_allowed(address.ip(), reach)).collect();
            if allowed.is_empty() {
                return Err(NoAllowedAddress.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is on the public internet, or on this machine where that is allowed. Every
/// address that embeds an IPv4 address is judged by that.
fn is_allowed(address: IpAddr, reach: Reach) -> bool {
    if address.is_loopback() {
        return reach == Reach::PublicAndLoopback;
    }
    match address {
        IpAddr::V4(address) => is_public_v4(address.octets()),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// The special-purpose ranges of IANA's registry (RFC 6890 and its successors).
fn is_public_v4(octets: [u8; 4]) -> bool {
    !matches!(
        octets,
        [0 | 10 | 127 | 224..=255, ..]
            | [100, 64..=127, ..]
            | [169, 254, ..]
            | [172, 16..=31, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [192, 168, ..]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
    )
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let last_v4 = || {
        let [high, low] = [segments[6].to_be_bytes(), segments[7].to_be_bytes()];
        [high[0], high[1], low[0], low[1]]
    };
    match segments {
        // IPv4-mapped, IPv4-compatible and NAT64.
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => is_public_v4(last_v4()),
        // 6to4 carries the IPv4 address behind its prefix.
        [0x2002, high, low, ..] => {
            let [high, low] = [high.to_be_bytes(), low.to_be_bytes()];
            is_public_v4([high[0], high[1], low[0], low[1]])
        }
        // Teredo, benchmarking, documentation.
        [0x2001, 0 | 2 | 0xdb8, ..] | [0x3fff, 0..=0x0fff, ..] => false,
        // Global unicast is 2000::/3; everything else is special.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A128: every form in which a URL can name an inner address.
    #[test]
    fn a128_inner_addresses_are_refused_in_every_form() {
        let outbound = Outbound::new(Reach::Public).unwrap();
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "0.0.0.0",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:10.0.0.1]",
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[64:ff9b::a9fe:a9fe]",
            "[2002:7f00:1::]",
            "[2002:a9fe:a9fe::]",
            "[fe80::1]",
            "[fc00::1]",
            "[fd00:ec2::254]",
            "[ff02::1]",
            "[2001:db8::1]",
            "[2001::1]",
            "localhost.",
            "user@example.com",
            "user:pw@example.com",
        ] {
            let url = Url::parse(&format!("https://{host}/token")).unwrap();
            assert!(outbound.check(&url).is_err(), "{host}");
        }
        for url in ["http://example.com/", "ftp://example.com/", "file:///etc/passwd", "data:x,y"] {
            assert!(outbound.check(&Url::parse(url).unwrap()).is_err(), "{url}");
        }
        for url in ["https://example.com/", "https://93.184.216.34/", "https://[2606:4700::1]/"] {
            assert!(outbound.check(&Url::parse(url).unwrap()).is_ok(), "{url}");
        }
    }

    /// A128: a name that resolves inside is refused at the connection, after the check of the URL.
    #[tokio::test]
    async fn a128_a_name_that_leads_inside_is_refused() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let outbound = Outbound::new(Reach::Public).unwrap();
        let uri = format!("https://localhost:{port}/");
        let request = Request::get(uri).body(Vec::new()).unwrap();
        assert!(matches!(outbound.send(request).await, Err(OutboundError::Forbidden)));
    }

    #[test]
    fn loopback_is_for_development_and_clear_text_for_loopback() {
        let outbound = Outbound::new(Reach::PublicAndLoopback).unwrap();
        for (url, allowed) in [
            ("http://localhost:4001/token", true),
            ("http://127.0.0.1:4001/token", true),
            ("http://[::1]:4001/token", true),
            ("http://example.com/token", false),
            ("https://10.0.0.1/token", false),
        ] {
            assert_eq!(outbound.check(&Url::parse(url).unwrap()).is_ok(), allowed, "{url}");
        }
    }
}
