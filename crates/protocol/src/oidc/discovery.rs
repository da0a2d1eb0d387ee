//! Provider metadata (OpenID Connect Discovery §3, RFC 8414 §2).

use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use url::Url;

/// Longest metadata document that we read, in bytes.
pub const METADATA_BYTES_MAX: usize = 128 * 1024;

/// Where a provider's endpoints are and what they can do: ours to publish, and
/// those of others to use. Members that we have no use for are not kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the members of a published document")]
pub struct ProviderMetadata {
    /// The issuer, compared with tokens as exact text; ours ends in a slash.
    pub issuer: String,
    /// Where logins begin.
    pub authorization_endpoint: Url,
    /// Where codes become tokens.
    pub token_endpoint: Url,
    /// Where the signing keys are.
    pub jwks_uri: Url,
    /// Where an access token tells about its person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub userinfo_endpoint: Option<Url>,
    /// Where tokens are revoked (RFC 7009).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation_endpoint: Option<Url>,
    /// Where clients push authorization requests (RFC 9126 §5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed_authorization_request_endpoint: Option<Url>,
    /// Where logouts begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_session_endpoint: Option<Url>,
    /// Scopes that one may ask for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes_supported: Vec<String>,
    /// Values of `response_type`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub response_types_supported: Vec<String>,
    /// Values of `response_mode`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub response_modes_supported: Vec<String>,
    /// Values of `grant_type`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grant_types_supported: Vec<String>,
    /// Whether clients share a person's `sub`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subject_types_supported: Vec<String>,
    /// Algorithms of ID tokens.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub id_token_signing_alg_values_supported: Vec<String>,
    /// How clients may authenticate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// Algorithms of client assertions (RFC 8414 §2).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub token_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// Claims that there may be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims_supported: Vec<String>,
    /// PKCE methods.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub code_challenge_methods_supported: Vec<String>,
    /// Algorithms of DPoP proofs (RFC 9449 §5.1).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dpop_signing_alg_values_supported: Vec<String>,
    /// Whether access tokens are bound to certificates (RFC 8705 §3.3). Published, never read.
    #[serde(skip_deserializing, skip_serializing_if = "std::ops::Not::not")]
    pub tls_client_certificate_bound_access_tokens: bool,
    /// Where certificates of clients are asked for. Published, never read.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub mtls_endpoint_aliases: Option<EndpointAliases>,
    /// Algorithms of signed authorization requests (RFC 9101 §10.1).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub request_object_signing_alg_values_supported: Vec<String>,
    /// Whether `request` is understood.
    #[serde(default)]
    pub request_parameter_supported: bool,
    /// Whether `request_uri` is understood.
    #[serde(default)]
    pub request_uri_parameter_supported: bool,
    /// Whether authorization answers carry `iss` (RFC 9207 §3).
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
}

/// Other addresses of endpoints, for clients with certificates (RFC 8705 §5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EndpointAliases {
    /// Where codes become tokens.
    pub token_endpoint: Url,
    /// Where tokens are revoked.
    pub revocation_endpoint: Url,
    /// Where clients push authorization requests.
    pub pushed_authorization_request_endpoint: Url,
    /// Where an access token tells about its person.
    pub userinfo_endpoint: Url,
}

impl ProviderMetadata {
    /// Reads another provider's document, fetched for `expected_issuer`.
    pub fn parse(json: &[u8], expected_issuer: &str) -> Result<Self, MetadataError> {
        if json.len() > METADATA_BYTES_MAX {
            return Err(MetadataError::TooLarge);
        }
        let metadata: Self = serde_json::from_slice(json)
            .map_err(|error| MetadataError::Malformed(error.classify()))?;
        // OpenID Connect Discovery §4.3: the issuer MUST be identical to the
        // one that the document was fetched for.
        if metadata.issuer != expected_issuer {
            return Err(MetadataError::WrongIssuer);
        }
        Ok(metadata)
    }
}

/// Where an issuer publishes its metadata (OpenID Connect Discovery §4.1).
pub fn metadata_url(issuer: &str) -> String {
    format!("{}/.well-known/openid-configuration", issuer.strip_suffix('/').unwrap_or(issuer))
}

/// Why a metadata document is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// Longer than [`METADATA_BYTES_MAX`].
    #[error("the metadata is longer than {METADATA_BYTES_MAX} bytes")]
    TooLarge,
    /// Not JSON, or a required member is absent or malformed.
    #[error("the metadata is malformed ({0:?})")]
    Malformed(Category),
    /// Another issuer's.
    #[error("the metadata is another issuer's")]
    WrongIssuer,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ISSUER: &str = "https://idp.example.com/";

    fn document() -> Value {
        json!({
            "issuer": ISSUER,
            "authorization_endpoint": "https://idp.example.com/authorize",
            "token_endpoint": "https://idp.example.com/token",
            "jwks_uri": "https://idp.example.com/keys",
            "userinfo_endpoint": "https://idp.example.com/me",
            "response_types_supported": ["code"],
            "something_else": {"a": 1},
        })
    }

    #[test]
    fn reads_what_it_needs() {
        let metadata = ProviderMetadata::parse(document().to_string().as_bytes(), ISSUER).unwrap();
        assert_eq!(metadata.token_endpoint.as_str(), "https://idp.example.com/token");
        assert_eq!(metadata.revocation_endpoint, None);
        assert_eq!(metadata.response_types_supported, ["code"]);
        let printed = serde_json::to_vec(&metadata).unwrap();
        assert_eq!(ProviderMetadata::parse(&printed, ISSUER), Ok(metadata));
    }

    #[test]
    fn refused_by_cause() {
        let check = |document: &Value, issuer: &str, expected| {
            let parsed = ProviderMetadata::parse(document.to_string().as_bytes(), issuer);
            assert_eq!(parsed, Err(expected));
        };
        check(&document(), "https://idp.example.com", MetadataError::WrongIssuer);
        check(&document(), "https://other.example.com/", MetadataError::WrongIssuer);
        for member in ["issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"] {
            let mut document = document();
            document[member] = json!("/relative");
            let expected = match member {
                "issuer" => MetadataError::WrongIssuer,
                _ => MetadataError::Malformed(Category::Data),
            };
            check(&document, ISSUER, expected);
            document.as_object_mut().unwrap().remove(member);
            check(&document, ISSUER, MetadataError::Malformed(Category::Data));
        }
        check(&json!([]), ISSUER, MetadataError::Malformed(Category::Data));
        let long = json!("x".repeat(METADATA_BYTES_MAX));
        check(&long, ISSUER, MetadataError::TooLarge);
    }

    #[test]
    fn where_metadata_is_published() {
        let expected = "https://idp.example.com/.well-known/openid-configuration";
        assert_eq!(metadata_url("https://idp.example.com/"), expected);
        assert_eq!(metadata_url("https://idp.example.com"), expected);
        assert_eq!(
            metadata_url("https://idp.example.com/a"),
            "https://idp.example.com/a/.well-known/openid-configuration"
        );
    }
}
