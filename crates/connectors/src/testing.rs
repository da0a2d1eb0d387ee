//! Providers for the tests of this crate.

use std::sync::{Arc, LazyLock};

use protocol::jose::jwk::JwkSet;
use protocol::jose::jws::Es256SigningKey;
use protocol::oidc::id_token::{ExpectedIdToken, ProviderIdentity};
use protocol::secret::{ClientSecret, ProviderIdToken};
use protocol::time::Timestamp;
use serde_json::{Value, json};

use crate::assertion::Moment;
use crate::catalogue::Catalogue;
use crate::options::OptionsError;
use crate::provider::Provider;
use crate::spec::Spec;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::embedded().unwrap());

/// When requests are made in tests.
pub(crate) const MOMENT: Moment<'static> =
    Moment { jti: "jti-1", now: Timestamp::from_seconds(1_000) };

/// What the catalogue knows of a strategy.
pub(crate) fn spec(strategy: &str) -> Arc<Spec> {
    Arc::clone(CATALOGUE.get(strategy).unwrap())
}

/// A provider with a secret, from options to which a client id is added.
pub(crate) fn provider(strategy: &str, options: &Value) -> Provider {
    try_provider(strategy, options, Some("s3cr3t")).unwrap()
}

pub(crate) fn try_provider(
    strategy: &str,
    options: &Value,
    secret: Option<&str>,
) -> Result<Provider, OptionsError> {
    let mut options = options.as_object().unwrap().clone();
    options.entry("client_id").or_insert_with(|| json!("client-1"));
    let secret = secret.map(ClientSecret::new);
    Provider::resolve(&CATALOGUE, strategy, &options, secret, None)
}

/// The OpenID Provider of the tests, with further metadata.
pub(crate) fn oidc(metadata: &Value) -> Provider {
    provider("oidc", &json!({"oidc_metadata": with_metadata(metadata)}))
}

/// Metadata of the OpenID Provider of the tests, with more.
pub(crate) fn with_metadata(more: &Value) -> Value {
    let mut metadata = json!({
        "issuer": "https://idp.example",
        "authorization_endpoint": "https://idp.example/authorize",
        "token_endpoint": "https://idp.example/token",
        "userinfo_endpoint": "https://idp.example/userinfo",
        "jwks_uri": "https://idp.example/jwks",
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"]
    });
    for (name, value) in more.as_object().unwrap() {
        metadata[name] = value.clone();
    }
    metadata
}

/// A custom social connection with further options.
pub(crate) fn oauth2(more: &Value) -> Provider {
    let mut options = json!({
        "authorizationURL": "https://social.example/authorize?tenant=a",
        "tokenURL": "https://social.example/token",
        "userinfo_endpoint": "https://social.example/me"
    });
    for (name, value) in more.as_object().unwrap() {
        options[name] = value.clone();
    }
    provider("oauth2", &options)
}

/// A verified ID token with these claims: there is no other way to one.
pub(crate) fn identity(claims: &Value) -> ProviderIdentity {
    let key = Es256SigningKey::generate().unwrap();
    let mut all = json!({"iss": "https://idp.example", "aud": "client-1", "iat": 1, "exp": 600});
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    let token = ProviderIdToken::new(key.sign("JWT", &all).unwrap());
    let expected = ExpectedIdToken {
        issuer: "https://idp.example",
        client_id: "client-1",
        nonce: None,
        keys: &JwkSet::new(vec![key.public_jwk()]),
        now: Timestamp::from_seconds(60),
    };
    ProviderIdentity::verify(&token, &expected).unwrap()
}
