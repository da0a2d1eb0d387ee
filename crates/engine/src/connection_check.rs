//! Whether a connection is set up well, found out step by step: for an operator, who is told what to
//! change and where. Nothing is changed, here or at the provider.
//!
//! The provider is asked for its discovery document and its keys, where it has such, and for the tokens
//! of a code that nobody was given. A provider looks at the client first (RFC 6749 §3.2.1), so its
//! answer tells one that is refused from a code that is.

use std::sync::Arc;

use connectors::spec::PkceRule;
use connectors::{
    AuthorizeRequest, Facts, Moment, OptionsError, Pkce, Provider, Purpose, Reply, RequestBody,
    Rotation, Spec, TokenFault, authorize_url, code_request, read_token_reply,
};
use model::connection::{Connection, Strategy};
use model::tenant::Tenant;
use protocol::oauth::scope::{Scope, ScopeSet};
use protocol::oidc::discovery::ProviderMetadata;
use protocol::secret::{AuthorizationCode, CodeVerifier, LoginState};
use protocol::time::Timestamp;
use serde_json::Value;
use store::StoreError;
use store::connections::{self, StoredConnection};

mod finding;

pub use self::finding::{Credentials, Discovery, Finding, Offline, PkceUse, Report, Use, Verdict};
use crate::app::App;
use crate::context::Context;
use crate::keys::KeyError;
use crate::provider_documents::Wanted;
use crate::provider_journey::{CALLBACK_PATH, JourneyError, resolve_provider};

/// What a provider says of a redirect URI that is not registered with it.
const OTHER_REDIRECT_URI: [&str; 2] = ["redirect_uri_mismatch", "invalid_redirect_uri"];
/// What it says of the request, and neither of the client nor of the code.
const OF_THE_REQUEST: [&str; 5] = [
    "invalid_request",
    "invalid_scope",
    "invalid_target",
    "unsupported_grant_type",
    "unsupported_response_type",
];

/// Why nothing was looked at.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// There is no connection of the name.
    #[error("the tenant has no connection of this name")]
    UnknownConnection,
    /// It is our own database of users.
    #[error("the connection has no provider")]
    NotAProvider,
    /// The catalogue has no such provider.
    #[error("no provider of the strategy {0} is known")]
    UnknownStrategy(String),
    /// The tenant answers nowhere.
    #[error("the tenant has no base URL")]
    NoBaseUrl,
    /// The database or a key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl From<StoreError> for CheckError {
    fn from(error: StoreError) -> Self {
        Self::Key(error.into())
    }
}

/// Looks at the connection of a name.
pub async fn check(
    app: &App,
    tenant: Tenant,
    name: &str,
    now: Timestamp,
) -> Result<Report, CheckError> {
    let redirect_uris = tenant.base_urls.iter().map(|base| base.join(CALLBACK_PATH)).collect();
    let context = Context::of_ourselves(tenant).ok_or(CheckError::NoBaseUrl)?;
    let mut read = app.store.read().await?;
    let found = connections::find_by_name(&mut read, context.tenant_id(), name).await?;
    let stored = found.ok_or(CheckError::UnknownConnection)?;
    let id = &stored.connection.id;
    let applications = connections::clients(&mut read, context.tenant_id(), id).await?.len();
    drop(read);
    let Strategy::Provider(strategy) = &stored.connection.strategy else {
        return Err(CheckError::NotAProvider);
    };
    let spec = app.catalogue.get(strategy).cloned();
    let spec = spec.ok_or_else(|| CheckError::UnknownStrategy(strategy.clone()))?;

    let mut findings = vec![Finding::Use(served(&stored.connection, applications))];
    findings.extend(provider_findings(app, &context, &stored, &spec, now).await?);
    Ok(Report { connection: stored.connection, spec, redirect_uris, findings })
}

fn served(connection: &Connection, applications: usize) -> Use {
    match applications {
        _ if !connection.connected_accounts.active => Use::NotForAccounts,
        0 => Use::NoApplication,
        some => Use::Served(some),
    }
}

async fn provider_findings(
    app: &App,
    context: &Context,
    stored: &StoredConnection,
    spec: &Spec,
    now: Timestamp,
) -> Result<Vec<Finding>, CheckError> {
    let (discovery, metadata) = match discover(app, &stored.connection, spec, now).await {
        Ok(discovered) => discovered,
        Err(error) => return Ok(vec![Finding::Settings(Some(error))]),
    };
    let is_lost = matches!(discovery, Discovery::Failed(_));
    let mut findings = vec![Finding::Discovery(discovery)];
    if is_lost {
        return Ok(findings);
    }
    let provider = match resolve_provider(app, context, stored, &Facts::new(), now).await {
        Ok(provider) => provider,
        Err(JourneyError::Options(error)) => {
            findings.insert(0, Finding::Settings(Some(error)));
            return Ok(findings);
        }
        Err(JourneyError::Discovery(error)) => {
            return Ok(vec![Finding::Discovery(Discovery::Failed(error))]);
        }
        Err(JourneyError::NotAProvider) => return Err(CheckError::NotAProvider),
        Err(JourneyError::NoKey) => {
            findings.insert(0, Finding::Settings(None));
            findings.push(Finding::Credentials(Credentials::NoKey));
            return Ok(findings);
        }
        Err(JourneyError::Key(error)) => return Err(error.into()),
    };
    findings.insert(0, Finding::Settings(None));
    if let (true, Some(jwks)) = (provider.expects_id_token(), &provider.endpoints.jwks) {
        let documents = &app.provider_documents;
        let keys = documents.keys(&app.outbound, jwks.url(), Wanted::Recent, now).await;
        findings.push(Finding::Keys(keys.err()));
    }
    findings.push(Finding::Credentials(credentials(app, context, &provider, now).await));
    findings.extend(asked(app, context, &provider, metadata.as_deref()));
    findings.push(Finding::Pkce(pkce(&provider)));
    Ok(findings)
}

/// Reads the discovery document, if the connection has one.
async fn discover(
    app: &App,
    connection: &Connection,
    spec: &Spec,
    now: Timestamp,
) -> Result<(Discovery, Option<Arc<ProviderMetadata>>), OptionsError> {
    let options = &connection.options;
    let url = if spec.discovery { Provider::discovery_url(options)? } else { None };
    let Some(url) = url else { return Ok((Discovery::Unused, None)) };
    let issuer = options.get("issuer").and_then(Value::as_str);
    let read = app.provider_documents.metadata(&app.outbound, &url, issuer, now).await;
    Ok(match read {
        Ok(metadata) => (Discovery::Agrees(metadata.issuer.clone()), Some(metadata)),
        Err(error) if options.contains_key("oidc_metadata") => (Discovery::Copy(error), None),
        Err(error) => (Discovery::Failed(error), None),
    })
}

/// Redeems a code that nobody was given.
async fn credentials(
    app: &App,
    context: &Context,
    provider: &Provider,
    now: Timestamp,
) -> Credentials {
    let code: AuthorizationCode = app.entropy.secret("");
    let verifier: CodeVerifier = app.entropy.secret("");
    let redirect_uri = context.base.join(CALLBACK_PATH);
    let moment = Moment { jti: &app.entropy.uuid(), now };
    let request = match code_request(provider, &code, &redirect_uri, &verifier, moment) {
        Ok(request) => request,
        Err(error) => return Credentials::Request(error),
    };
    let answer = match app.outbound.send(request.map(RequestBody::into_bytes)).await {
        Ok(answer) => answer,
        Err(error) => return Credentials::Unreachable(error),
    };
    let reply = Reply { status: answer.status, headers: &answer.headers, body: &answer.body };
    match read_token_reply(provider, &reply) {
        Ok(_) => Credentials::AnyCode,
        Err(TokenFault::Permanent { code }) => Credentials::Accepted(code),
        Err(TokenFault::ClientRejected { code }) if OTHER_REDIRECT_URI.contains(&code.as_str()) => {
            Credentials::RedirectUri(code)
        }
        Err(TokenFault::ClientRejected { code }) if !OF_THE_REQUEST.contains(&code.as_str()) => {
            Credentials::Refused(code)
        }
        Err(TokenFault::ClientRejected { code } | TokenFault::Passing { code, .. }) => {
            Credentials::Unclear(code)
        }
    }
}

/// What a connect asks for that names no scopes.
fn asked(
    app: &App,
    context: &Context,
    provider: &Provider,
    metadata: Option<&ProviderMetadata>,
) -> [Finding; 2] {
    let state: LoginState = app.entropy.secret("");
    let code_verifier: CodeVerifier = app.entropy.secret("");
    let asked = authorize_url(
        provider,
        &AuthorizeRequest {
            purpose: Purpose::Connect { scopes: None, earlier: &ScopeSet::empty() },
            parameters: &[],
            redirect_uri: &context.base.join(CALLBACK_PATH),
            state: &state,
            nonce: "",
            code_verifier: &code_verifier,
        },
    )
    .scopes;
    let offline = offline(&provider.spec, &asked);
    let unlisted = unlisted(&provider.spec, &asked, metadata);
    [Finding::Scopes { asked, unlisted }, Finding::Offline(offline)]
}

fn offline(spec: &Spec, asked: &ScopeSet) -> Offline {
    let by = &spec.offline.scopes;
    if spec.refresh.rotates == Rotation::None {
        Offline::Never
    } else if !spec.offline.parameters.is_empty() || by.iter().any(|scope| asked.contains(scope)) {
        Offline::Asked
    } else if by.is_empty() {
        Offline::Always
    } else {
        Offline::NotAsked { by: by.clone(), is_certain: spec.knows_its_endpoints() }
    }
}

/// Those that nobody lists: not the provider, or, if it publishes nothing, not the catalogue. Where
/// neither has a list, nothing is missed.
fn unlisted(spec: &Spec, asked: &ScopeSet, metadata: Option<&ProviderMetadata>) -> ScopeSet {
    let published = metadata.map(|it| it.scopes_supported.as_slice()).unwrap_or_default();
    let words = &spec.scopes.words;
    let by_catalogue = |scope: &Scope| {
        let by_option = || spec.scopes.options.values().any(|set| set.contains(scope.as_str()));
        words.contains_key(scope.as_str())
            || spec.offline.scopes.iter().any(|known| known == scope.as_str())
            || spec.scopes.default.contains(scope.as_str())
            || spec.scopes.always.contains(scope.as_str())
            || by_option()
    };
    let is_listed = |scope: &Scope| match published {
        [] => words.is_empty() || by_catalogue(scope),
        published => published.iter().any(|known| known == scope.as_str()),
    };
    asked.iter().filter(|scope| !is_listed(scope)).cloned().collect()
}

fn pkce(provider: &Provider) -> PkceUse {
    match (provider.pkce, provider.spec.client.pkce) {
        (Pkce::S256, _) => PkceUse::On,
        (Pkce::Off, PkceRule::Off | PkceRule::S256) => PkceUse::NotOffered,
        (Pkce::Off, PkceRule::Option | PkceRule::Discovered) => PkceUse::NotChosen,
    }
}
