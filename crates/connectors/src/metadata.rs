//! The discovery document of a connection (OpenID Connect Discovery §4).

use protocol::oidc::discovery::{self, ProviderMetadata};
use serde::Deserialize;
use url::Url;

use crate::reply::Reply;

const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// Why a discovery document cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// Another status than 200.
    #[error("discovery answered with status {0}")]
    Status(u16),
    /// Longer than [`REPLY_BYTES_MAX`](crate::REPLY_BYTES_MAX).
    #[error("the discovery document is too long")]
    TooLarge,
    /// Not a JSON object with an issuer.
    #[error("the discovery document names no issuer")]
    NoIssuer(#[source] serde_json::Error),
    /// The document speaks for another issuer than the one that was asked for.
    #[error("the discovery document speaks for another issuer")]
    OtherIssuer,
    /// Something that we need is absent or malformed.
    #[error("the discovery document is of no use")]
    Document(#[source] discovery::MetadataError),
}

/// Reads the reply of a discovery URL.
///
/// `configured_issuer` is the connection's `options.issuer`, if it has one.
pub fn read_metadata(
    discovery_url: &Url,
    configured_issuer: Option<&str>,
    reply: &Reply<'_>,
) -> Result<ProviderMetadata, MetadataError> {
    if reply.status.as_u16() != 200 {
        return Err(MetadataError::Status(reply.status.as_u16()));
    }
    if reply.is_too_large() {
        return Err(MetadataError::TooLarge);
    }
    let Named { issuer } = serde_json::from_slice(reply.body).map_err(MetadataError::NoIssuer)?;
    // OpenID Connect Discovery §4.3: the issuer value returned MUST be identical
    // to the Issuer URL that was used as the prefix to /.well-known/openid-configuration.
    // A document on another host than its issuer is a thing in the field, so an
    // administrator may name the issuer instead.
    let expected = match configured_issuer {
        Some(configured) => issuer == configured,
        None => discovery_url_of(&issuer).as_ref() == Some(discovery_url),
    };
    if !expected {
        return Err(MetadataError::OtherIssuer);
    }
    ProviderMetadata::parse(reply.body, &issuer).map_err(MetadataError::Document)
}

#[derive(Deserialize)]
struct Named {
    issuer: String,
}

/// The discovery URL of an issuer, or the URL itself if it is one already.
pub(crate) fn discovery_url_of(issuer_or_url: &str) -> Option<Url> {
    let mut url = Url::parse(issuer_or_url).ok()?;
    if url.path().contains("/.well-known/") {
        return Some(url);
    }
    // OpenID Connect Discovery §4.1: if the issuer contains a path component, any
    // terminating / MUST be removed before appending.
    let path = format!("{}{WELL_KNOWN}", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Some(url)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};
    use serde_json::{Value, json};

    use super::*;

    fn read(discovery_url: &str, configured: Option<&str>, body: &Value) -> Result<(), String> {
        let body = body.to_string();
        let headers = HeaderMap::new();
        let reply = Reply { status: StatusCode::OK, headers: &headers, body: body.as_bytes() };
        let outcome = read_metadata(&Url::parse(discovery_url).unwrap(), configured, &reply);
        outcome.map(drop).map_err(|error| error.to_string())
    }

    #[test]
    fn the_issuer_must_be_the_one_that_was_asked() {
        let other = Err("the discovery document speaks for another issuer".to_owned());
        let check = |url: &str, configured: Option<&str>, issuer: &str, expected| {
            let body = crate::testing::with_metadata(&json!({"issuer": issuer}));
            assert_eq!(read(url, configured, &body), expected, "{issuer}");
        };
        let url = "https://idp.example/.well-known/openid-configuration";
        check(url, None, "https://idp.example", Ok(()));
        check(url, None, "https://idp.example/", Ok(()));
        check(url, None, "https://evil.example", other.clone());
        check(url, None, "https://idp.example/tenant", other.clone());
        check(url, None, "idp.example", other.clone());
        check(url, Some("https://idp.example"), "https://idp.example/", other.clone());
        check(url, Some("https://elsewhere.example"), "https://elsewhere.example", Ok(()));
        let url = "https://idp.example/a/.well-known/openid-configuration";
        check(url, None, "https://idp.example/a/", Ok(()));
        check(url, None, "https://idp.example", other);
    }

    #[test]
    fn not_every_reply_is_a_document() {
        let url = "https://idp.example/.well-known/openid-configuration";
        let check = |body: Value, expected: &str| {
            assert_eq!(read(url, None, &body), Err(expected.to_owned()));
        };
        check(json!([]), "the discovery document names no issuer");
        check(json!({"issuer": 1}), "the discovery document names no issuer");
        check(json!({"issuer": "https://idp.example"}), "the discovery document is of no use");
    }
}
