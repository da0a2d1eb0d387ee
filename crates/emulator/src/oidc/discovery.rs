//! Discovery (OIDC Discovery §4) and the key set.

use std::sync::Arc;

use axum::extract::State as Shared;
use axum::{Extension, Json};
use protocol::jose::jwk::JwkSet;
use protocol::jose::jws::Algorithm;
use serde::Serialize;

use crate::app::App;
use crate::flavour::Flavour;

/// What this provider advertises; nothing that it does not do.
#[derive(Serialize)]
pub(crate) struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    userinfo_endpoint: String,
    revocation_endpoint: String,
    jwks_uri: String,
    scopes_supported: &'static [&'static str],
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; 1],
    grant_types_supported: [&'static str; 2],
    subject_types_supported: [&'static str; 1],
    id_token_signing_alg_values_supported: [&'static str; 1],
    token_endpoint_auth_methods_supported: [&'static str; 4],
    token_endpoint_auth_signing_alg_values_supported: [Algorithm; 4],
    code_challenge_methods_supported: [&'static str; 1],
    claims_supported: [&'static str; 12],
    prompt_values_supported: [&'static str; 4],
    authorization_response_iss_parameter_supported: bool,
    request_parameter_supported: bool,
    request_uri_parameter_supported: bool,
}

/// `GET {issuer}/.well-known/openid-configuration`.
pub(crate) async fn configuration(
    Shared(app): Shared<Arc<App>>,
    Extension(flavour): Extension<Flavour>,
) -> Json<Metadata> {
    let endpoints = flavour.endpoints(&app.base_url);
    let origin = app.base_url.origin().ascii_serialization();
    Json(Metadata {
        issuer: endpoints.issuer,
        authorization_endpoint: endpoints.authorization,
        token_endpoint: endpoints.token,
        userinfo_endpoint: endpoints.userinfo,
        revocation_endpoint: endpoints.revocation,
        jwks_uri: format!("{origin}{}", flavour.paths().jwks.unwrap_or_default()),
        scopes_supported: flavour.advertised_scopes(),
        response_types_supported: ["code"],
        response_modes_supported: ["query"],
        grant_types_supported: ["authorization_code", "refresh_token"],
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: ["RS256"],
        token_endpoint_auth_methods_supported: [
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
            "none",
        ],
        token_endpoint_auth_signing_alg_values_supported: Algorithm::ALL,
        code_challenge_methods_supported: ["S256"],
        claims_supported: [
            "iss",
            "sub",
            "aud",
            "azp",
            "iat",
            "exp",
            "auth_time",
            "nonce",
            "name",
            "preferred_username",
            "email",
            "email_verified",
        ],
        prompt_values_supported: ["none", "login", "consent", "select_account"],
        authorization_response_iss_parameter_supported: true,
        request_parameter_supported: false,
        request_uri_parameter_supported: false,
    })
}

/// `GET {jwks_uri}`.
pub(crate) async fn jwks(Shared(app): Shared<Arc<App>>) -> Json<JwkSet> {
    Json(JwkSet::new(vec![app.signing_key.public_jwk()]))
}
