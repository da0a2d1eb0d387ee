//! Our own access tokens: made, and recognised again.

use std::time::Duration;

use model::ids::{ClientId, UserId};
use model::resource_server::{ResourceServer, TokenDialect};
use model::tenant::BaseUrl;
use protocol::jose::jws::{Algorithm, ExpectedTyp, JwsError, SigningError, Unverified};
use protocol::oauth::scope::ScopeSet;
use protocol::secret::AccessToken;
use protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::binding::{Binding, Confirmation};
use crate::context::Context;
use crate::entropy::Entropy;
use crate::keys::TenantKeys;

/// The lifetime of a token that is for `/userinfo` alone.
const USERINFO_TOKEN_LIFETIME: Duration = Duration::from_hours(24);
/// A token may say that it was made so far in the future: clocks of nodes differ.
const CLOCK_SKEW: Duration = Duration::from_mins(1);
const AUTH0_TYP: &str = "JWT";
const RFC9068_TYP: &str = "at+jwt";
const M2M_SUFFIX: &str = "@clients";

/// On whose behalf a token acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A person.
    User(UserId),
    /// A client by itself.
    Client(ClientId),
}

impl Subject {
    /// The `sub` claim. A client's ends in `@clients`, and no user id does: they begin with the name
    /// of a strategy and a bar.
    fn claim(&self) -> String {
        match self {
            Self::User(user_id) => user_id.to_string(),
            Self::Client(client_id) => format!("{client_id}{M2M_SUFFIX}"),
        }
    }

    fn read(sub: &str) -> Self {
        match sub.strip_suffix(M2M_SUFFIX) {
            Some(client_id) if !sub.contains('|') => Self::Client(client_id.into()),
            Some(_) | None => Self::User(sub.into()),
        }
    }
}

/// What a token is made of.
#[derive(Debug)]
pub struct NewAccessToken<'a> {
    /// On whose behalf.
    pub subject: Subject,
    /// To which client.
    pub client_id: &'a ClientId,
    /// For which resource server.
    pub resource_server: Option<&'a ResourceServer>,
    /// With which scopes.
    pub scope: &'a ScopeSet,
    /// Bound to what.
    pub binding: Option<&'a Binding>,
    /// The grant, where it is told (`gty`).
    pub grant: Option<&'static str>,
}

/// A token and how long it lives.
#[derive(Debug)]
pub struct IssuedAccessToken {
    /// The token.
    pub token: AccessToken,
    /// Its lifetime.
    pub expires_in: Duration,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    iat: i64,
    exp: i64,
    jti: String,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    azp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gty: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cnf: Option<Confirmation>,
    /// Never in a token of ours, and never passed over in one that claims to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    /// Likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    /// Whether a token is for `wanted`. Beside `/userinfo` it is for one API at most: with a token
    /// for two, either could act at the other.
    fn is(&self, wanted: &str, userinfo: &str) -> bool {
        let all = match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        };
        let apis = all.iter().filter(|one| *one != userinfo).count();
        apis <= 1 && all.iter().any(|one| one == wanted)
    }
}

/// The audience of `/userinfo` under a base URL.
pub fn userinfo_audience(base: &BaseUrl) -> String {
    base.join("userinfo")
}

/// Makes a token.
pub fn issue(
    keys: &TenantKeys,
    context: &Context,
    new: &NewAccessToken<'_>,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<IssuedAccessToken, SigningError> {
    let dialect = new.resource_server.map_or(TokenDialect::AccessToken, |api| api.token_dialect);
    let lifetime =
        new.resource_server.map_or(USERINFO_TOKEN_LIFETIME, ResourceServer::access_token_lifetime);
    let client_id = new.client_id.to_string();
    let (typ, azp, client_id) = match dialect {
        TokenDialect::AccessToken => (AUTH0_TYP, Some(client_id), None),
        TokenDialect::Rfc9068Profile => (RFC9068_TYP, None, Some(client_id)),
    };
    let claims = Claims {
        iss: context.issuer().to_owned(),
        sub: new.subject.claim(),
        aud: audience(context, new),
        iat: now.as_seconds(),
        exp: now.saturating_add(lifetime).as_seconds(),
        jti: entropy.id::<()>("", 22).to_string(),
        scope: new.scope.to_string(),
        azp,
        client_id,
        gty: new.grant.map(str::to_owned),
        cnf: new.binding.map(Confirmation::from),
        nbf: None,
        act: None,
    };
    let token = AccessToken::new(keys.signing_key().sign(typ, &claims)?);
    Ok(IssuedAccessToken { token, expires_in: lifetime })
}

fn audience(context: &Context, new: &NewAccessToken<'_>) -> Audience {
    let userinfo = userinfo_audience(&context.base);
    match new.resource_server {
        None => Audience::One(userinfo),
        Some(server) => {
            let server = context.tenant.local_audience(&server.identifier, &context.base);
            if new.scope.contains("openid") {
                Audience::Many(vec![server, userinfo])
            } else {
                Audience::One(server)
            }
        }
    }
}

/// A token of ours: its signature, issuer and time were checked, its audience was asked for.
#[derive(Clone, Debug)]
pub struct VerifiedAccessToken {
    /// On whose behalf it acts.
    pub subject: Subject,
    /// To which client it was given.
    pub client_id: ClientId,
    /// Its scopes.
    pub scope: ScopeSet,
    /// What it is bound to.
    pub binding: Option<Binding>,
    /// When it was made.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Why a token is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum AccessTokenError {
    /// It is no token of ours: malformed, of another kind, or not signed by us.
    #[error("the token is not one of ours: {0}")]
    NotOurs(#[from] JwsError),
    /// It names a signing key that is not published.
    #[error("the token names an unknown key")]
    UnknownKey,
    /// It was issued under another base URL or by another tenant.
    #[error("the token has another issuer")]
    WrongIssuer,
    /// It was made for another API.
    #[error("the token is for another audience")]
    WrongAudience,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// It says that it was made in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// It lacks what every access token of ours has.
    #[error("the token is not an access token")]
    NotAnAccessToken,
}

/// Recognises a token of ours that is for `audience`.
///
/// An ID token is signed with the same keys; it has no `scope`, no `jti` and no `azp`, and so does
/// not read as an access token (RFC 8725 §3.12).
pub fn verify(
    keys: &TenantKeys,
    context: &Context,
    token: &AccessToken,
    audience: &str,
    now: Timestamp,
) -> Result<VerifiedAccessToken, AccessTokenError> {
    let unverified = Unverified::parse(token.expose())?;
    let kid = unverified.header().kid.as_deref();
    let key = keys.published().find(kid, Algorithm::Rs256).ok_or(AccessTokenError::UnknownKey)?;
    let typ = match unverified.header().typ.as_deref() {
        Some(RFC9068_TYP) => RFC9068_TYP,
        Some(_) | None => AUTH0_TYP,
    };
    let claims: Claims =
        unverified.verify_with(key, &[Algorithm::Rs256], ExpectedTyp::Exactly(typ))?.into_claims();
    let Claims { iss, sub, aud, iat, exp, jti: _, scope, azp, client_id, gty: _, cnf, nbf, act } =
        claims;
    if iss != context.issuer() {
        return Err(AccessTokenError::WrongIssuer);
    }
    // RFC 8693 §4.1: with `act` somebody else acts for the subject. We give no such token; to pass
    // the claim over would make the other one the subject.
    if act.is_some() {
        return Err(AccessTokenError::NotAnAccessToken);
    }
    if !aud.is(audience, &userinfo_audience(&context.base)) {
        return Err(AccessTokenError::WrongAudience);
    }
    let expires_at = Timestamp::from_seconds(exp);
    if now >= expires_at {
        return Err(AccessTokenError::Expired);
    }
    let issued_at = Timestamp::from_seconds(iat);
    // RFC 7519 §4.1.5: a token is not accepted before `nbf`.
    let valid_from = nbf.map_or(issued_at, |nbf| issued_at.max(Timestamp::from_seconds(nbf)));
    if valid_from > now.saturating_add(CLOCK_SKEW) {
        return Err(AccessTokenError::NotYetValid);
    }
    let client_id = azp.or(client_id).ok_or(AccessTokenError::NotAnAccessToken)?;
    let binding = match cnf {
        None => None,
        Some(cnf) => Some(cnf.read().ok_or(AccessTokenError::NotAnAccessToken)?),
    };
    Ok(VerifiedAccessToken {
        subject: Subject::read(&sub),
        client_id: client_id.into(),
        scope: ScopeSet::parse_lenient(&scope),
        binding,
        issued_at,
        expires_at,
    })
}
