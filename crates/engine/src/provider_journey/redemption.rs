//! From an authorization code to an account.

use connectors::spec::Teller;
use connectors::{
    AccountReplies, Facts, Moment, Provider, ProviderAccount, ProviderRequest, Reply, RequestBody,
    SettledScopes, TokenReply, code_request, emails_request, read_account, read_facts,
    read_token_reply, userinfo_request,
};
use model::ids::TenantId;
use protocol::oauth::scope::ScopeSet;
use protocol::oidc::id_token::{ExpectedIdToken, IdTokenError, ProviderIdentity};
use protocol::secret::{AuthorizationCode, ProviderIdToken};
use protocol::time::Timestamp;

use super::ArrivalCause;
use super::luggage::Luggage;
use crate::app::App;
use crate::outbound::{Answer, OutboundError};
use crate::profile_script;
use crate::provider_documents::Wanted;

/// Whose account it is, and what it may be used for.
pub(super) struct Told {
    pub(super) account: ProviderAccount,
    pub(super) scopes: ScopeSet,
    /// What was asked for.
    pub(super) asked: ScopeSet,
    /// What was wanted and is not among them.
    pub(super) missing: ScopeSet,
    /// What is kept of the account beside.
    pub(super) facts: Facts,
}

/// Redeems a code.
pub(super) async fn redeem(
    app: &App,
    provider: &Provider,
    luggage: &Luggage,
    code: &AuthorizationCode,
    now: Timestamp,
) -> Result<TokenReply, ArrivalCause> {
    let Luggage { redirect_uri, verifier, .. } = luggage;
    let moment = Moment { jti: &app.entropy.uuid(), now };
    let request = code_request(provider, code, redirect_uri, verifier, moment)?;
    let answer = send(app, request).await?;
    Ok(read_token_reply(provider, &as_reply(&answer))?)
}

/// Finds out what a code was worth, and whose account it is about. `facts` came with the code.
pub(super) async fn tell(
    app: &App,
    tenant: &TenantId,
    provider: &Provider,
    luggage: &Luggage,
    reply: &TokenReply,
    mut facts: Facts,
    now: Timestamp,
) -> Result<Told, ArrivalCause> {
    let Luggage { nonce, scopes: asked, kept, .. } = luggage;
    let identity = match &reply.id_token {
        Some(token) if provider.expects_id_token() => {
            // A nonce goes out with the scope that asks for an ID token, and only then.
            let nonce = asked.contains("openid").then_some(nonce.as_str());
            Some(verify(app, provider, token, nonce, now).await?)
        }
        // Where no ID token is relied on, one that comes along is nobody's word.
        Some(_) | None => None,
    };
    let SettledScopes { granted: _, effective: scopes, missing } =
        provider.settle_scopes(asked, reply.granted.as_ref());
    let account = match &provider.fetch_user_profile {
        Some(script) => {
            let told = profile_script::fetch_profile(app, tenant, script, reply, &scopes).await?;
            let identity = identity.as_ref();
            let replies =
                AccountReplies { id_token: identity, script: Some(&told), ..Default::default() };
            read_account(provider, &replies)?
        }
        None => account(app, provider, reply, identity.as_ref()).await?,
    };
    facts.extend(read_facts(&provider.spec, Teller::Token, reply.extras.as_map()));
    facts.extend(read_facts(&provider.spec, Teller::Account, &account.profile));
    Ok(Told { account, scopes, asked: asked.clone(), missing: missing.without(kept), facts })
}

async fn account(
    app: &App,
    provider: &Provider,
    reply: &TokenReply,
    identity: Option<&ProviderIdentity>,
) -> Result<ProviderAccount, ArrivalCause> {
    let userinfo = match &provider.endpoints.userinfo {
        Some(_) => Some(send(app, userinfo_request(provider, &reply.access_token)?).await?),
        None => None,
    };
    let emails = match &provider.endpoints.emails {
        Some(_) => Some(send(app, emails_request(provider, &reply.access_token)?).await?),
        None => None,
    };
    let replies = AccountReplies {
        id_token: identity,
        script: None,
        token: Some(&reply.extras),
        userinfo: userinfo.as_ref().map(as_reply),
        emails: emails.as_ref().map(as_reply),
    };
    Ok(read_account(provider, &replies)?)
}

/// Verifies an ID token. The key that signed it may be younger than the key set that we have.
async fn verify(
    app: &App,
    provider: &Provider,
    token: &ProviderIdToken,
    nonce: Option<&str>,
    now: Timestamp,
) -> Result<ProviderIdentity, ArrivalCause> {
    let (Some(issuer), Some(jwks)) = (&provider.endpoints.issuer, &provider.endpoints.jwks) else {
        return Err(IdTokenError::UnknownKey.into());
    };
    let attempt = async |wanted| {
        let documents = &app.provider_documents;
        let keys = documents.keys(&app.outbound, jwks.url(), wanted, now).await?;
        let client_id = &provider.client_id;
        let expected = ExpectedIdToken { issuer, client_id, nonce, keys: &keys, now };
        Ok(ProviderIdentity::verify(token, &expected)?)
    };
    match attempt(Wanted::Recent).await {
        Err(ArrivalCause::IdToken(IdTokenError::UnknownKey)) => attempt(Wanted::Newer).await,
        verified => verified,
    }
}

async fn send(app: &App, request: ProviderRequest) -> Result<Answer, OutboundError> {
    app.outbound.send(request.map(RequestBody::into_bytes)).await
}

fn as_reply(answer: &Answer) -> Reply<'_> {
    let Answer { status, headers, body } = answer;
    Reply { status: *status, headers, body }
}
