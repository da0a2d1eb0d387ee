//! What the proxies in front may tell of whoever stands behind them.
//!
//! A header is anybody's word. It counts where a proxy of the operator's own wrote it, and nowhere
//! else.

use std::borrow::Cow;
use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use engine::context::CallerAddress;
use model::ip_range::IpRange;
use rustls::pki_types::CertificateDer;

use crate::client_certificates;
use crate::listen::PeerCertificates;

/// The one header that tells of an address. A proxy that writes this one hands on whatever a client
/// put into others, so `Forwarded` and its relatives say nothing.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies of the operator's own; without any, nobody's word counts.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies {
    networks: Vec<IpRange>,
    certificate_header: Option<HeaderName>,
}

impl TrustedProxies {
    /// Those of these networks.
    pub fn within(networks: Vec<IpRange>) -> Self {
        Self { networks, certificate_header: None }
    }

    /// They tell of the client's certificate by this header, and remove it from what clients send.
    #[must_use]
    pub fn telling_certificates_by(self, header: HeaderName) -> Self {
        Self { certificate_header: Some(header), ..self }
    }

    /// Whether they tell of certificates.
    pub(crate) fn tell_certificates(&self) -> bool {
        self.certificate_header.is_some()
    }

    /// The certificate of whoever sent a request. What a proxy itself presents is not the client's.
    pub(crate) fn certificates<'a>(
        &self,
        peer: IpAddr,
        presented: Option<&'a PeerCertificates>,
        headers: &HeaderMap,
    ) -> Cow<'a, [CertificateDer<'static>]> {
        if !self.include(peer.into()) {
            return Cow::Borrowed(presented.map_or(&[], |presented| &presented.0));
        }
        let Some(name) = &self.certificate_header else { return Cow::Borrowed(&[]) };
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => client_certificates::read_header(value).into_iter().collect(),
            // Of two, one may be the client's own.
            (None, _) | (Some(_), Some(_)) => Cow::Borrowed(&[]),
        }
    }

    fn include(&self, address: CallerAddress) -> bool {
        self.networks.iter().any(|network| network.contains(address.ip()))
    }

    /// Where a request comes from: the peer, or what stands before it in the line of trusted proxies.
    /// Each proxy adds the address that it was called from at the end, so the line is read backwards
    /// and no further than the first entry that is not one of them: what is left of that, whoever
    /// calls may have made up.
    pub(crate) fn caller(&self, peer: IpAddr, headers: &HeaderMap) -> CallerAddress {
        let mut caller = CallerAddress::from(peer);
        // RFC 9110 §5.3: several lines are one list, in their order.
        let lines = headers.get_all(FORWARDED_FOR).iter().rev().map(HeaderValue::as_bytes);
        let mut entries = lines.flat_map(|line| line.rsplit(|byte| *byte == b','));
        while self.include(caller) {
            let Some(before) = entries.next().and_then(read_address) else { break };
            caller = before;
        }
        caller
    }
}

/// Some proxies add the port.
fn read_address(entry: &[u8]) -> Option<CallerAddress> {
    let text = str::from_utf8(entry).ok()?.trim();
    let address = text.parse::<IpAddr>();
    let with_port = || text.parse::<std::net::SocketAddr>().map(|address| address.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<IpAddr>().ok();
    address.or_else(|_| with_port()).ok().or_else(bracketed).map(CallerAddress::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies() -> TrustedProxies {
        let networks = ["10.0.0.0/8", "2001:db8::/32"];
        TrustedProxies::within(networks.map(|text| text.parse().unwrap()).into())
    }

    #[track_caller]
    fn check(peer: &str, lines: &[&str], expected: &str) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, HeaderValue::from_str(line).unwrap());
        }
        let caller = proxies().caller(peer.parse().unwrap(), &headers);
        assert_eq!(caller.to_string(), expected, "{peer} {lines:?}");
    }

    #[test]
    fn a156_a_stranger_is_where_it_is() {
        check("203.0.113.7", &[], "203.0.113.7");
        check("203.0.113.7", &["198.51.100.1"], "203.0.113.7");
        check("203.0.113.7", &["10.0.0.1", "10.0.0.2"], "203.0.113.7");
        check("::ffff:203.0.113.7", &["198.51.100.1"], "203.0.113.7");
        let nobody = TrustedProxies::default();
        let headers = HeaderMap::from_iter([(FORWARDED_FOR, HeaderValue::from_static("10.9.9.9"))]);
        assert_eq!(nobody.caller([127, 0, 0, 1].into(), &headers).to_string(), "127.0.0.1");
    }

    #[test]
    fn a156_no_further_than_the_first_stranger() {
        check("10.0.0.1", &[], "10.0.0.1");
        check("10.0.0.1", &["198.51.100.1"], "198.51.100.1");
        check("10.0.0.1", &["192.0.2.1, 198.51.100.1"], "198.51.100.1");
        check("10.0.0.1", &["192.0.2.1, 198.51.100.1, 10.0.0.2"], "198.51.100.1");
        check("10.0.0.1", &["192.0.2.1,198.51.100.1", "10.0.0.2 ,\t10.0.0.3"], "198.51.100.1");
        check("10.0.0.1", &["10.0.0.9, 198.51.100.1"], "198.51.100.1");
        check("10.0.0.1", &["10.0.0.9, 10.0.0.8"], "10.0.0.9");
    }

    #[test]
    fn a156_what_is_no_address_ends_the_line() {
        for nonsense in ["", "unknown", "_hidden", "198.51.100.1.", "0x7f.1", "010.0.0.1", "1,,"] {
            check("10.0.0.1", &[&format!("192.0.2.1, {nonsense}")], "10.0.0.1");
            check("10.0.0.1", &[&format!("192.0.2.1, {nonsense}, 10.0.0.2")], "10.0.0.2");
        }
    }

    #[test]
    fn an_address_is_one_however_it_is_written() {
        check("::ffff:10.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1");
        check("10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1");
        check("10.0.0.1", &["[2001:DB9:0::1]"], "2001:db9::1");
        check("2001:db8::5", &["[2001:db9::1]:4711"], "2001:db9::1");
        check("2001:db8::5", &["[::ffff:c633:6401]:80"], "198.51.100.1");
    }
}
