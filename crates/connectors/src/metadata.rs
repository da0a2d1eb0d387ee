//! OpenID Provider metadata (OpenID Connect Discovery §3), as a client reads it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use crate::reply::Reply;

const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// What a discovery document says, as far as we use it; the rest is kept.
///
/// Serializes to the whole document again, which is the shape of
/// `options.oidc_metadata`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderMetadata {
    /// The provider's name for itself, the `iss` of its ID tokens.
    pub issuer: String,
    /// Where the browser goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_endpoint: Option<String>,
    /// Where codes and refresh tokens are redeemed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_endpoint: Option<String>,
    /// Where the account is described.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub userinfo_endpoint: Option<String>,
    /// Where tokens are revoked (RFC 8414 §2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation_endpoint: Option<String>,
    /// Where the keys of its ID tokens are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// How clients authenticate at the token endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// Which PKCE methods it knows (RFC 8414 §2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_challenge_methods_supported: Option<Vec<String>>,
    /// Which `prompt` values it knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_values_supported: Option<Vec<String>>,
    /// Whether its authorization responses carry `iss` (RFC 9207 §3).
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
    /// Everything else it says.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

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
    #[error("the discovery document is malformed")]
    Malformed(#[source] serde_json::Error),
    /// The document speaks for another issuer than the one that was asked for.
    #[error("the discovery document speaks for another issuer")]
    OtherIssuer,
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
    let metadata: ProviderMetadata =
        serde_json::from_slice(reply.body).map_err(MetadataError::Malformed)?;
    // OpenID Connect Discovery §4.3: the issuer value returned MUST be identical
    // to the Issuer URL that was used as the prefix to /.well-known/openid-configuration.
    // A document on another host than its issuer is a thing in the field, so an
    // administrator may name the issuer instead.
    let expected = match configured_issuer {
        Some(issuer) => metadata.issuer == issuer,
        None => discovery_url_of(&metadata.issuer).as_ref() == Some(discovery_url),
    };
    if !expected {
        return Err(MetadataError::OtherIssuer);
    }
    Ok(metadata)
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
    use serde_json::json;

    use super::*;

    fn read(discovery_url: &str, configured: Option<&str>, body: &Value) -> Result<(), String> {
        let body = body.to_string();
        let reply =
            Reply { status: StatusCode::OK, headers: &HeaderMap::new(), body: body.as_bytes() };
        let outcome = read_metadata(&Url::parse(discovery_url).unwrap(), configured, &reply);
        outcome.map(drop).map_err(|error| error.to_string())
    }

    #[test]
    fn the_issuer_must_be_the_one_that_was_asked() {
        let other = Err("the discovery document speaks for another issuer".to_owned());
        let check = |url: &str, configured: Option<&str>, issuer: &str, expected| {
            assert_eq!(read(url, configured, &json!({"issuer": issuer})), expected, "{issuer}");
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
    fn the_document_is_kept_whole() {
        let document = json!({
            "issuer": "https://idp.example", "token_endpoint": "https://idp.example/token",
            "authorization_response_iss_parameter_supported": false,
            "claims_supported": ["sub"]
        });
        let metadata: ProviderMetadata = serde_json::from_value(document.clone()).unwrap();
        assert_eq!(serde_json::to_value(&metadata).unwrap(), document);
    }

    #[test]
    fn not_every_reply_is_a_document() {
        let url = "https://idp.example/.well-known/openid-configuration";
        let malformed = Err("the discovery document is malformed".to_owned());
        assert_eq!(read(url, None, &json!([])), malformed);
        assert_eq!(read(url, None, &json!({"token_endpoint": "https://idp.example"})), malformed);
    }
}
