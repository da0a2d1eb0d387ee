//! What we are and with which keys we sign: OpenID Connect Discovery, RFC 8414, RFC 7517.
//!
//! Only what works is named: an SDK takes every endpoint in here for an invitation.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderName, header};
use engine::app::App;
use model::tenant::BaseUrl;
use protocol::jose::jwk::JwkSet;
use protocol::jose::jws::Algorithm;
use protocol::oauth::token::GrantType;
use protocol::oidc::discovery::{EndpointAliases, ProviderMetadata};
use url::{ParseError, Url};

use crate::Edge;
use crate::asked::Asked;
use crate::error::{Json, OAuthError};

/// Keys and metadata change rarely; a verifier need not ask for each token.
const CACHEABLE: [(HeaderName, &str); 1] = [(header::CACHE_CONTROL, "public, max-age=15")];

/// `GET /.well-known/openid-configuration` and `GET /.well-known/oauth-authorization-server`
pub(crate) async fn metadata(
    State(edge): State<Arc<Edge>>,
    asked: Asked,
) -> Result<([(HeaderName, &'static str); 1], Json<ProviderMetadata>), OAuthError> {
    let metadata = describe(&edge, &asked.context.base);
    let metadata = metadata.map_err(|error| OAuthError::internal(&error))?;
    Ok((CACHEABLE, Json(metadata)))
}

/// `GET /.well-known/jwks.json`
pub(crate) async fn keys(
    State(app): State<Arc<App>>,
    asked: Asked,
) -> Result<([(HeaderName, &'static str); 1], Json<JwkSet>), OAuthError> {
    let keys = app.tenant_keys(asked.context.tenant_id(), asked.now).await;
    let keys = keys.map_err(|error| OAuthError::internal(&error))?;
    Ok((CACHEABLE, Json(keys.published().clone())))
}

fn describe(edge: &Edge, base: &BaseUrl) -> Result<ProviderMetadata, ParseError> {
    let url = |path: &str| Url::parse(&base.join(path));
    let takes_certificates = edge.certificates.has_aliases || edge.proxies.tell_certificates();
    let client_algorithms: Vec<String> = Algorithm::ALL.iter().map(ToString::to_string).collect();
    let list = |items: &[&str]| items.iter().map(|&item| item.to_owned()).collect();
    Ok(ProviderMetadata {
        issuer: base.issuer().to_owned(),
        authorization_endpoint: url("authorize")?,
        token_endpoint: url("oauth/token")?,
        jwks_uri: url(".well-known/jwks.json")?,
        userinfo_endpoint: Some(url("userinfo")?),
        revocation_endpoint: Some(url("oauth/revoke")?),
        pushed_authorization_request_endpoint: Some(url("oauth/par")?),
        end_session_endpoint: Some(url("oidc/logout")?),
        scopes_supported: list(&["openid", "profile", "email", "offline_access"]),
        response_types_supported: list(&["code"]),
        response_modes_supported: list(&["query", "fragment", "form_post", "web_message"]),
        grant_types_supported: GrantType::ALL.iter().map(ToString::to_string).collect(),
        subject_types_supported: list(&["public"]),
        id_token_signing_alg_values_supported: list(&["RS256"]),
        token_endpoint_auth_methods_supported: list(if takes_certificates {
            &[
                "client_secret_basic",
                "client_secret_post",
                "private_key_jwt",
                "tls_client_auth",
                "self_signed_tls_client_auth",
                "none",
            ]
        } else {
            &["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]
        }),
        token_endpoint_auth_signing_alg_values_supported: client_algorithms.clone(),
        request_object_signing_alg_values_supported: client_algorithms,
        claims_supported: list(&[
            "aud",
            "auth_time",
            "email",
            "email_verified",
            "exp",
            "family_name",
            "given_name",
            "iat",
            "iss",
            "name",
            "nickname",
            "picture",
            "sid",
            "sub",
            "updated_at",
        ]),
        code_challenge_methods_supported: list(&["S256"]),
        dpop_signing_alg_values_supported: list(&["ES256"]),
        tls_client_certificate_bound_access_tokens: takes_certificates,
        mtls_endpoint_aliases: aliases(edge, base)?,
        request_parameter_supported: true,
        request_uri_parameter_supported: false,
        authorization_response_iss_parameter_supported: true,
    })
}

/// RFC 8705 §5: where clients are asked for their certificate. The issuer stays the same.
fn aliases(edge: &Edge, base: &BaseUrl) -> Result<Option<EndpointAliases>, ParseError> {
    let Some(origin) = edge.certificates.alias_of(base) else { return Ok(None) };
    let url = |path: &str| Url::parse(&format!("{origin}/{path}"));
    Ok(Some(EndpointAliases {
        token_endpoint: url("oauth/token")?,
        revocation_endpoint: url("oauth/revoke")?,
        pushed_authorization_request_endpoint: url("oauth/par")?,
        userinfo_endpoint: url("userinfo")?,
    }))
}
