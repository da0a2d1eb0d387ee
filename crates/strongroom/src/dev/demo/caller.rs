//! Who calls the demo's API: an access token verified (RFC 9068 §4, in Auth0's
//! dialect) and, where it is bound to a key, the DPoP proof (RFC 9449 §7).

use std::time::Duration;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use protocol::dpop::{DpopError, Proof, ProofContext};
use protocol::jose::jwk::{Jwk, JwkSet, Thumbprint};
use protocol::jose::jws::{Algorithm, ExpectedTyp, JwsError, Unverified};
use protocol::oauth::scope::ScopeSet;
use protocol::secret::AccessToken;
use protocol::time::Timestamp;
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use super::Clock;
use super::http::{self, CallError};

/// How long fetched keys are used: within this time a withdrawn key dies.
const KEYS_AGE_MAX: Duration = Duration::from_mins(10);

/// How soon an unknown key may cause another fetch: tokens with invented key
/// ids must not become a load on the issuer.
const KEYS_AGE_MIN: Duration = Duration::from_secs(10);

/// Somebody whose access token is good for this API.
pub(super) struct Caller {
    access_token: AccessToken,
    scope: ScopeSet,
}

impl Caller {
    pub(super) fn access_token(&self) -> &AccessToken {
        &self.access_token
    }

    pub(super) fn must_have_scope(&self, scope: &str) -> Result<(), Denied> {
        if self.scope.contains(scope) { Ok(()) } else { Err(Denied::InsufficientScope) }
    }
}

/// Verifies access tokens of one issuer for one API.
pub(super) struct TokenVerifier {
    http: reqwest::Client,
    issuer: Url,
    audience: String,
    clock: Clock,
    keys: Mutex<Option<Keys>>,
}

struct Keys {
    set: JwkSet,
    fetched_at: Timestamp,
}

impl TokenVerifier {
    pub(super) fn new(http: reqwest::Client, issuer: Url, audience: String, clock: Clock) -> Self {
        Self { http, issuer, audience, clock, keys: Mutex::new(None) }
    }

    /// `url` is the request's as the outside knows it.
    pub(super) async fn verify(
        &self,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
    ) -> Result<Caller, Denied> {
        let now = (self.clock)();
        let (scheme, access_token) = credentials(headers)?;
        let claims = self.verified_claims(&access_token, now).await?;
        // RFC 9449 §7.1: a bound token presented as Bearer is refused, and so
        // is the reverse.
        match (scheme, &claims.cnf) {
            (Scheme::Bearer, None) => {}
            (Scheme::Dpop, Some(Confirmation { jkt })) => {
                let context = ProofContext {
                    method: method.as_str(),
                    url,
                    now,
                    access_token: Some(access_token.expose()),
                };
                check_proof(headers, &context, jkt)?;
            }
            (Scheme::Bearer, Some(_)) | (Scheme::Dpop, None) => return Err(Denied::WrongScheme),
        }
        Ok(Caller { access_token, scope: claims.scope })
    }

    async fn verified_claims(&self, token: &AccessToken, now: Timestamp) -> Result<Claims, Denied> {
        let token = Unverified::parse(token.expose()).map_err(Denied::Token)?;
        let key = self.key(token.header().kid.as_deref(), now).await?;
        let claims: Claims = token
            .verify_with(&key, &[Algorithm::Rs256], ExpectedTyp::GenericJwt)
            .map_err(Denied::Token)?
            .into_claims();
        // RFC 9068 §4: the issuer MUST match exactly, the audience MUST contain
        // this API, and the current time MUST be before the expiry.
        if claims.iss != self.issuer.as_str() {
            return Err(Denied::WrongIssuer);
        }
        if !claims.aud.contains(&self.audience) {
            return Err(Denied::WrongAudience);
        }
        if now >= Timestamp::from_seconds(claims.exp) {
            return Err(Denied::Expired);
        }
        Ok(claims)
    }

    /// The issuer's key of this id, fetched if it must be. Callers wait for one
    /// fetch together.
    async fn key(&self, kid: Option<&str>, now: Timestamp) -> Result<Jwk, Denied> {
        let mut keys = self.keys.lock().await;
        if let Some(Keys { set, fetched_at }) = keys.as_ref() {
            let age = now.since(*fetched_at);
            match set.find(kid, Algorithm::Rs256) {
                Some(key) if age < KEYS_AGE_MAX => return Ok(key.clone()),
                None if age < KEYS_AGE_MIN => return Err(Denied::UnknownKey),
                Some(_) | None => {}
            }
        }
        let set = self.fetch_keys().await?;
        let key = set.find(kid, Algorithm::Rs256).cloned();
        *keys = Some(Keys { set, fetched_at: now });
        key.ok_or(Denied::UnknownKey)
    }

    async fn fetch_keys(&self) -> Result<JwkSet, Denied> {
        #[derive(Deserialize)]
        struct Metadata {
            issuer: String,
            jwks_uri: Url,
        }
        let url = self.issuer.join(".well-known/openid-configuration").map_err(Denied::Metadata)?;
        let metadata: Metadata = http::json(self.http.get(url)).await.map_err(Denied::Keys)?;
        // OpenID Connect Discovery §4.3: the issuer MUST be the one asked for.
        if metadata.issuer != self.issuer.as_str() {
            return Err(Denied::WrongIssuer);
        }
        http::json(self.http.get(metadata.jwks_uri)).await.map_err(Denied::Keys)
    }
}

#[derive(Clone, Copy)]
enum Scheme {
    Bearer,
    Dpop,
}

/// The one `Authorization` header.
fn credentials(headers: &HeaderMap) -> Result<(Scheme, AccessToken), Denied> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Denied::NoToken);
    };
    let (scheme, token) =
        value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or(Denied::NoToken)?;
    // RFC 9110 §11.1: the scheme is case-insensitive.
    let scheme = if scheme.eq_ignore_ascii_case("Bearer") {
        Scheme::Bearer
    } else if scheme.eq_ignore_ascii_case("DPoP") {
        Scheme::Dpop
    } else {
        return Err(Denied::NoToken);
    };
    Ok((scheme, AccessToken::new(token)))
}

/// The endpoint only reads, so that replaying a proof within its minute gains
/// nothing that the first answer did not give. An API that changes things would
/// remember each `jti` as well (RFC 9449 §11.1).
fn check_proof(
    headers: &HeaderMap,
    context: &ProofContext<'_>,
    bound_to: &Thumbprint,
) -> Result<(), Denied> {
    // RFC 9449 §4.3 (1): there is not more than one DPoP header.
    let mut values = headers.get_all("dpop").iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Denied::NoProof);
    };
    let value = value.to_str().ok().ok_or(Denied::NoProof)?;
    let proof = Proof::verify(value, context).map_err(Denied::Proof)?;
    // (12) the key to which the access token is bound is the proof's.
    if proof.jkt() == bound_to { Ok(()) } else { Err(Denied::WrongKey) }
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    exp: i64,
    #[serde(default = "ScopeSet::empty")]
    scope: ScopeSet,
    cnf: Option<Confirmation>,
}

/// RFC 7519 §4.1.3: an array of strings or, for one audience, a string.
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn contains(&self, audience: &String) -> bool {
        match self {
            Self::One(only) => only == audience,
            Self::Several(all) => all.contains(audience),
        }
    }
}

/// RFC 7800 §3.1 with the member of RFC 9449 §6.1.
#[derive(Deserialize)]
struct Confirmation {
    jkt: Thumbprint,
}

/// Why a caller is not let in.
#[derive(Debug, thiserror::Error)]
pub(super) enum Denied {
    #[error("no access token is presented")]
    NoToken,
    #[error("the access token is not a valid JWT")]
    Token(#[source] JwsError),
    #[error("the access token is signed by an unknown key")]
    UnknownKey,
    #[error("the access token is of another issuer")]
    WrongIssuer,
    #[error("the access token is for another API")]
    WrongAudience,
    #[error("the access token has expired")]
    Expired,
    #[error("the scheme does not fit the access token's binding")]
    WrongScheme,
    #[error("a bound token comes without its one proof")]
    NoProof,
    #[error("the DPoP proof is not valid")]
    Proof(#[source] DpopError),
    #[error("the access token is bound to another key")]
    WrongKey,
    #[error("the access token lacks the scope")]
    InsufficientScope,
    #[error("the issuer's metadata has no URL")]
    Metadata(#[source] url::ParseError),
    #[error("the issuer's keys cannot be had")]
    Keys(#[source] CallError),
}

impl Denied {
    /// Status and code: RFC 6750 §3.1 and RFC 9449 §7.1.
    pub(super) fn answer(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NoToken => (StatusCode::UNAUTHORIZED, "missing_token"),
            Self::Token(_)
            | Self::UnknownKey
            | Self::WrongIssuer
            | Self::WrongAudience
            | Self::Expired
            | Self::WrongScheme
            | Self::WrongKey => (StatusCode::UNAUTHORIZED, "invalid_token"),
            Self::NoProof | Self::Proof(_) => (StatusCode::UNAUTHORIZED, "invalid_dpop_proof"),
            Self::InsufficientScope => (StatusCode::FORBIDDEN, "insufficient_scope"),
            Self::Metadata(_) | Self::Keys(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable")
            }
        }
    }

    /// The value of `WWW-Authenticate`.
    pub(super) fn challenge(&self) -> HeaderValue {
        // RFC 6750 §3: a request without credentials gets no error code.
        HeaderValue::from_static(match self.answer().1 {
            "invalid_token" => r#"DPoP error="invalid_token", algs="ES256""#,
            "invalid_dpop_proof" => r#"DPoP error="invalid_dpop_proof", algs="ES256""#,
            "insufficient_scope" => r#"DPoP error="insufficient_scope", algs="ES256""#,
            _ => r#"Bearer, DPoP algs="ES256""#,
        })
    }
}
