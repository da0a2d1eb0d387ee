//! Redeems authorization codes: RFC 6749 §4.1.3, RFC 7636 §4.6, RFC 9449 §10.
//!
//! A code is spent by the first attempt, whatever comes of it. A second attempt means that it
//! leaked, and ends what the first one got.

use model::grant::CodeGrant;
use model::log_event::LogEventKind;
use model::resource_server::ResourceServer;
use model::user::User;
use protocol::oauth::answer::TokenResponse;
use protocol::oauth::pkce::{self, CodeChallenge};
use protocol::oauth::token::{AuthorizationCodeGrant, GrantType};
use protocol::time::Timestamp;
use store::authorization_codes::{Redemption, redeem};
use store::{StoreError, WriteTx, grants, resource_servers, users};

use crate::access::{self, AccessError};
use crate::app::App;
use crate::audit::Event;
use crate::binding::Binding;
use crate::client_auth::AuthenticatedClient;
use crate::context::Context;
use crate::dpop::DpopBound;
use crate::issue::{self, Issue};
use crate::keys::KeyError;

/// Why a code is not redeemed. Everything but [`Self::GrantNotAllowed`] and [`Self::UserBlocked`]
/// looks the same to the caller.
#[derive(Debug, thiserror::Error)]
pub enum CodeError {
    /// The client may not use the grant.
    #[error("the authorization_code grant is not enabled for the client")]
    GrantNotAllowed,
    /// There is no such code.
    #[error("the code is unknown")]
    UnknownCode,
    /// Its time is over.
    #[error("the code has expired")]
    ExpiredCode,
    /// It was redeemed before.
    #[error("the code was redeemed before; what it gave is revoked")]
    ReplayedCode,
    /// It was given to another client.
    #[error("the code belongs to another client")]
    OtherClient,
    /// The redirect URI is not that of the authorization request.
    #[error("the redirect URI is not that of the authorization request")]
    RedirectUriMismatch,
    /// The verifier is missing, not expected, or not that of the challenge.
    #[error("the code verifier does not fit the challenge")]
    VerifierMismatch,
    /// The key is not that of the authorization request.
    #[error("the proof is not by the key that the authorization request named")]
    KeyMismatch,
    /// The person is gone.
    #[error("the user does not exist any more")]
    UserGone,
    /// The person is blocked.
    #[error("the user is blocked")]
    UserBlocked,
    /// The resource server cannot be accessed any more, or not in this way.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The database or a key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl From<StoreError> for CodeError {
    fn from(error: StoreError) -> Self {
        Self::Key(error.into())
    }
}

/// What a redeemed code stands for, now that everything was checked.
struct Redeemed {
    grant: CodeGrant,
    user: User,
    resource_server: Option<ResourceServer>,
    /// What the access token is bound to.
    binding: Option<Binding>,
}

/// Redeems a code.
pub async fn exchange(
    app: &App,
    context: &Context,
    client: &AuthenticatedClient,
    request: AuthorizationCodeGrant,
    proof: Option<&DpopBound>,
    now: Timestamp,
) -> Result<TokenResponse, CodeError> {
    let mut tx = app.store.write().await?;
    let redeemed = match check(&mut tx, context, client, request, proof, now).await {
        Ok(redeemed) => redeemed,
        Err(error @ (CodeError::Key(_) | CodeError::Access(AccessError::Store(_)))) => {
            return Err(error);
        }
        Err(error) => {
            // Committed with the failure: the code stays spent, and a replay's family revoked.
            let event = Event::new(LogEventKind::CodeExchangeFailed, context)
                .client(client.client())
                .describe(error.to_string());
            event.write(app, &mut tx, context, now).await?;
            tx.commit().await?;
            return Err(error);
        }
    };
    let client = client.client();
    let Redeemed { grant, user, resource_server, binding } = redeemed;
    let authorization = &grant.authorization;
    let family_key = proof.map(DpopBound::jkt);
    let refresh_token =
        issue::begin_family(app, &mut tx, context, client, &grant, family_key, now).await?;
    let keys = app.keys.of(&mut tx, context.tenant_id(), now).await?;
    let issue = Issue {
        client,
        user: &user,
        authorization,
        resource_server: resource_server.as_ref(),
        scope: &authorization.scope,
        binding: binding.as_ref(),
        nonce: grant.nonce.clone(),
        refresh_token,
    };
    let response = issue::token_response(app, &keys, context, issue, now)?;
    Event::new(LogEventKind::CodeExchange, context)
        .client(client)
        .user(&user)
        .access(authorization.audience.as_deref(), &authorization.scope)
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await?;
    Ok(response)
}

/// Spends the code, then checks everything that it is bound to: each binding alone refuses.
async fn check(
    tx: &mut WriteTx,
    context: &Context,
    client: &AuthenticatedClient,
    request: AuthorizationCodeGrant,
    proof: Option<&DpopBound>,
    now: Timestamp,
) -> Result<Redeemed, CodeError> {
    let AuthorizationCodeGrant { code, redirect_uri, code_verifier } = request;
    let tenant = context.tenant_id();
    let client = client.client();
    if !client.allows_grant(GrantType::AuthorizationCode) {
        return Err(CodeError::GrantNotAllowed);
    }
    let grant = match redeem(tx, tenant, &code.hashed(), now).await? {
        Redemption::Granted(grant) => *grant,
        Redemption::Expired => return Err(CodeError::ExpiredCode),
        Redemption::Unknown => return Err(CodeError::UnknownCode),
        // RFC 6749 §4.1.2: the server SHOULD revoke all tokens previously issued based on the code.
        Redemption::Replayed(grant) => {
            grants::revoke_family(tx, tenant, &grant.family_id, now).await?;
            return Err(CodeError::ReplayedCode);
        }
    };
    // RFC 6749 §4.1.3: the code was issued to the authenticated client.
    if grant.authorization.client_id != client.client_id {
        return Err(CodeError::OtherClient);
    }
    // RFC 6749 §4.1.3: the redirect URIs are identical.
    if redirect_uri.as_deref() != Some(grant.redirect_uri.as_str()) {
        return Err(CodeError::RedirectUriMismatch);
    }
    // RFC 7636 §4.6; and RFC 9700 §4.8.2: a verifier without a challenge is a downgrade.
    let challenge = grant.code_challenge.as_deref().map(CodeChallenge::parse).transpose();
    let challenge = challenge.or(Err(CodeError::VerifierMismatch))?;
    pkce::redeem(challenge.as_ref(), code_verifier.as_ref())
        .or(Err(CodeError::VerifierMismatch))?;
    // RFC 9449 §10: the key is the one that the authorization request named.
    if let Some(expected) = &grant.dpop_jkt
        && proof.map(DpopBound::jkt) != Some(expected)
    {
        return Err(CodeError::KeyMismatch);
    }
    let user = users::find(tx, tenant, &grant.authorization.user_id).await?;
    let user = user.ok_or(CodeError::UserGone)?;
    if user.blocked {
        return Err(CodeError::UserBlocked);
    }
    let resource_server = match &grant.authorization.audience {
        None => None,
        Some(audience) => {
            let found = resource_servers::find_by_identifier(tx, tenant, audience).await?;
            Some(found.ok_or_else(|| AccessError::UnknownAudience(audience.clone()))?)
        }
    };
    let binding = access::binding(context, client, resource_server.as_ref(), proof)?;
    Ok(Redeemed { grant, user, resource_server, binding })
}
