//! Issues our tokens for an authorization: access token, ID token, refresh token.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use model::client::Client;
use model::grant::{Authorization, CodeGrant, GrantFamily};
use model::ids::GrantFamilyId;
use model::resource_server::ResourceServer;
use model::user::User;
use protocol::jose::jwk::Thumbprint;
use protocol::oauth::answer::TokenResponse;
use protocol::oauth::scope::ScopeSet;
use protocol::oidc::StandardClaims;
use protocol::oidc::id_token::{ID_TOKEN_TYP, IdTokenClaims};
use protocol::secret::{Hashed, IdToken, RefreshToken, kind};
use protocol::time::Timestamp;
use store::{WriteTx, grants};
use vault::keyring::Purpose;

use crate::access::OFFLINE_ACCESS;
use crate::access_token::{self, NewAccessToken, Subject};
use crate::app::App;
use crate::binding::Binding;
use crate::context::Context;
use crate::keys::{KeyError, TenantKeys};

/// A user has no more living families of refresh tokens with one client; the oldest give way.
const FAMILIES_MAX: i64 = 200;
const REFRESH_TOKEN_PREFIX: &str = "srt_";
const SUCCESSOR_LABEL: &[u8] = b"refresh token successor";

/// What tokens are issued for.
#[derive(Debug)]
pub(crate) struct Issue<'a> {
    pub(crate) client: &'a Client,
    pub(crate) user: &'a User,
    pub(crate) authorization: &'a Authorization,
    /// Of the access token: the resource server, the scopes and what it is bound to.
    pub(crate) resource_server: Option<&'a ResourceServer>,
    pub(crate) scope: &'a ScopeSet,
    pub(crate) binding: Option<&'a Binding>,
    /// To echo in the ID token.
    pub(crate) nonce: Option<String>,
    pub(crate) refresh_token: Option<RefreshToken>,
}

/// Makes the answer of the token endpoint.
pub(crate) fn token_response(
    app: &App,
    keys: &TenantKeys,
    context: &Context,
    issue: Issue<'_>,
    now: Timestamp,
) -> Result<TokenResponse, KeyError> {
    let Issue {
        client,
        user,
        authorization,
        resource_server,
        scope,
        binding,
        nonce,
        refresh_token,
    } = issue;
    let new = NewAccessToken {
        subject: Subject::User(user.user_id.clone()),
        client_id: &client.client_id,
        resource_server,
        scope,
        binding,
        grant: None,
    };
    let access = access_token::issue(keys, context, &new, &*app.entropy, now)?;
    let id_token = if scope.contains("openid") {
        let claims = id_token_claims(context, client, user, authorization, scope, nonce, now);
        Some(IdToken::new(keys.signing_key().sign(ID_TOKEN_TYP, &claims)?))
    } else {
        None
    };
    Ok(TokenResponse {
        access_token: access.token.disclose(),
        refresh_token: refresh_token.map(RefreshToken::disclose),
        id_token: id_token.map(IdToken::disclose),
        token_type: Binding::token_type(binding),
        expires_in: access.expires_in.as_secs(),
        scope: scope.clone(),
        issued_token_type: None,
    })
}

fn id_token_claims(
    context: &Context,
    client: &Client,
    user: &User,
    authorization: &Authorization,
    scope: &ScopeSet,
    nonce: Option<String>,
    now: Timestamp,
) -> IdTokenClaims {
    let lifetime = Duration::from_secs(u64::from(client.jwt_configuration.lifetime_in_seconds));
    IdTokenClaims {
        iss: context.issuer().to_owned(),
        sub: user.user_id.to_string(),
        aud: client.client_id.to_string(),
        iat: now.as_seconds(),
        exp: now.saturating_add(lifetime).as_seconds(),
        nonce,
        sid: Some(authorization.session_id.to_string()),
        auth_time: Some(authorization.auth_time.as_seconds()),
        acr: None,
        amr: Vec::new(),
        org_id: None,
        org_name: None,
        person: standard_claims(user).limited_to(scope),
    }
}

/// What can be told of a person.
pub fn standard_claims(user: &User) -> StandardClaims {
    let profile = &user.profile;
    StandardClaims {
        name: profile.name.clone().or_else(|| profile.email.clone()),
        given_name: profile.given_name.clone(),
        family_name: profile.family_name.clone(),
        nickname: profile.nickname.clone(),
        picture: profile.picture.clone(),
        updated_at: Some(user.updated_at.to_rfc3339()),
        email: profile.email.clone(),
        email_verified: profile.email.is_some().then_some(profile.email_verified),
        phone_number: None,
        phone_number_verified: None,
    }
}

/// Begins a family of refresh tokens, if the authorization allows one, and gives its first token.
pub(crate) async fn begin_family(
    app: &App,
    tx: &mut WriteTx,
    context: &Context,
    client: &Client,
    grant: &CodeGrant,
    jkt: Option<&Thumbprint>,
    now: Timestamp,
) -> Result<Option<RefreshToken>, KeyError> {
    let CodeGrant { authorization, family_id, .. } = grant;
    if !authorization.scope.contains(OFFLINE_ACCESS) {
        return Ok(None);
    }
    let tenant = context.tenant_id();
    let family = GrantFamily {
        id: family_id.clone(),
        authorization: authorization.clone(),
        // RFC 9449 §5: refresh tokens of public clients are bound to the key; those of others are
        // bound to the client by its authentication.
        dpop_jkt: jkt.filter(|_| client.is_public()).cloned(),
        created_at: now,
        expires_at: client.refresh_token.absolute_lifetime().map(|life| now.saturating_add(life)),
        last_used_at: now,
        latest_generation: 0,
        revoked_at: None,
    };
    grants::insert_family(tx, tenant, &family).await?;
    let (user_id, client_id) = (&authorization.user_id, &client.client_id);
    grants::revoke_oldest(tx, tenant, user_id, client_id, FAMILIES_MAX, now).await?;
    let token: RefreshToken = app.entropy.secret(REFRESH_TOKEN_PREFIX);
    grants::insert_token(tx, tenant, &token.hashed(), family_id, 0, now).await?;
    Ok(Some(token))
}

/// The refresh token that follows another one of its family: 256 bits that only the holder of the
/// tenant's key can compute.
pub(crate) fn successor(
    keys: &TenantKeys,
    family_id: &GrantFamilyId,
    replaced: &Hashed<kind::RefreshToken>,
) -> Result<RefreshToken, KeyError> {
    let key = keys.newest(Purpose::Tickets)?;
    let parts = [SUCCESSOR_LABEL, family_id.as_str().as_bytes(), replaced.as_bytes()];
    let text = BASE64_URL_SAFE_NO_PAD.encode(key.mac(&parts));
    Ok(RefreshToken::new(format!("{REFRESH_TOKEN_PREFIX}{text}")))
}
