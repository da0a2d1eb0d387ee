//! Discovery (OIDC Discovery §4), for providers whose files speak of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use connectors::Template;
use connectors::spec::{ClientAuthRule, PkceRule};
use serde_json::{Map, json};

use crate::app::App;
use crate::flavour::Flavour;

/// `GET {issuer}/.well-known/openid-configuration`.
pub(super) async fn configuration(
    Shared(app): Shared<Arc<App>>,
    Extension(flavour): Extension<Flavour>,
) -> Response {
    let Some(spec) = app.spec(flavour) else { return StatusCode::NOT_FOUND.into_response() };
    let issuer = app.issuer(flavour);
    let gaps: BTreeMap<String, String> = spec
        .variables
        .iter()
        .map(|(name, variable)| {
            (name.clone(), variable.default.as_ref().unwrap_or(&variable.example).clone())
        })
        .collect();
    let endpoints = spec.moved_to(&issuer).endpoints;
    let methods = match spec.client.auth {
        ClientAuthRule::Post => json!(["client_secret_post"]),
        ClientAuthRule::Basic | ClientAuthRule::BasicSecret => json!(["client_secret_basic"]),
        ClientAuthRule::Discovered => json!(["client_secret_basic", "client_secret_post"]),
    };
    let mut document = Map::from_iter([
        ("issuer".to_owned(), json!(issuer)),
        ("response_types_supported".to_owned(), json!(["code"])),
        ("subject_types_supported".to_owned(), json!(["public"])),
        ("id_token_signing_alg_values_supported".to_owned(), json!(["RS256"])),
        ("token_endpoint_auth_methods_supported".to_owned(), methods),
    ]);
    if spec.client.pkce != PkceRule::Off {
        document.insert("code_challenge_methods_supported".to_owned(), json!(["S256"]));
    }
    let at = |endpoint: &Option<Template>| endpoint.as_ref()?.fill(&gaps).ok();
    for (name, endpoint) in [
        ("authorization_endpoint", at(&endpoints.authorization)),
        ("token_endpoint", at(&endpoints.token)),
        ("userinfo_endpoint", at(&endpoints.userinfo)),
        ("revocation_endpoint", at(&endpoints.revocation)),
        ("jwks_uri", at(&endpoints.jwks)),
    ] {
        document.extend(endpoint.map(|endpoint| (name.to_owned(), json!(endpoint.to_string()))));
    }
    Json(document).into_response()
}
