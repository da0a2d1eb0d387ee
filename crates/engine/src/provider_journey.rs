//! The journey of a browser to a provider and back, for a login and for a connect alike.
//!
//! 1. [`depart`] remembers who leaves for what (one row, bound to the browser) and answers where to:
//!    the provider's authorization endpoint, with `state`, `nonce` and a PKCE challenge of its own.
//! 2. The person agrees at the provider, which sends the browser to our one callback address.
//! 3. [`arrive`] consumes the row. Whatever is wrong with the answer is found before its code is
//!    spent: another browser, another issuer (RFC 9207), an error, a repeated parameter, and that
//!    nobody waits for it any more.
//! 4. It redeems the code, verifies the ID token, reads the account or lets the connection's script
//!    tell it, and says what the journey was for. What comes of that is for whoever sent the browser.

mod fault;
mod luggage;
mod redemption;
mod stray;

use std::sync::Arc;
use std::time::Duration;

use connectors::{
    Callback, ClientAuth, Facts, Provider, ProviderAccount, TokenReply, authorize_url,
    options_of_account, read_callback,
};
use model::connection::{Connection, Strategy};
use model::ids::UserId;
use protocol::oauth::scope::ScopeSet;
use protocol::oidc::discovery::ProviderMetadata;
use protocol::secret::{BrowserToken, CodeVerifier, Hashed, LoginState, kind};
use protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::connections::StoredConnection;
use store::provider_states::{self, ProviderState};
use store::{StoreError, connections};
use url::Url;
use vault::tokenset::Tokens;

pub use self::fault::{ArrivalCause, ArrivalError, JourneyError};
use self::luggage::Luggage;
use self::redemption::Told;
use self::stray::Awaiting;
use crate::app::App;
use crate::connection_keys;
use crate::connection_secret::{self, OpenedOptions};
use crate::context::Context;
use crate::unused_grants::UnusedGrant;

/// A journey takes no longer.
pub(crate) const JOURNEY_TIMEOUT: Duration = Duration::from_mins(10);
/// Where every provider sends the browser back to, under the base URL.
pub(crate) const CALLBACK_PATH: &str = "login/callback";
const STATE_PREFIX: &str = "sps_";

/// What a browser was sent for. Stored with the journey.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JourneyPurpose {
    /// Somebody logs in.
    Login {
        /// Names the login among the pending ones, without being its secret.
        login: LoginHandle,
    },
    /// Somebody connects an account.
    Connect {
        /// The connect transaction.
        transaction_id: String,
    },
}

/// Names a pending login by the hash under which it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LoginHandle([u8; 32]);

impl LoginHandle {
    /// The handle of a login's state.
    pub fn of(state: &LoginState) -> Self {
        Self(*state.hashed().as_bytes())
    }

    /// What the login is found by.
    pub(crate) fn hashed(&self) -> Hashed<kind::LoginState> {
        Hashed::from_bytes(self.0)
    }
}

/// A browser about to leave.
#[derive(Debug)]
pub struct Departure<'a> {
    /// To whose provider.
    pub connection: &'a StoredConnection,
    /// What for, to be told at the return.
    pub purpose: JourneyPurpose,
    /// Which browser.
    pub browser: &'a BrowserToken,
    /// What to ask the provider for.
    pub ask: connectors::Purpose<'a>,
    /// The parameters of the request that led here, as [`connectors::AuthorizeRequest`] has them.
    pub parameters: &'a [(String, String)],
    /// When what the browser was sent for ends. A code that comes later is not redeemed.
    pub ends_at: Timestamp,
}

/// Step 1: remembers the journey and answers where the browser goes.
pub async fn depart(
    app: &App,
    context: &Context,
    departure: Departure<'_>,
    now: Timestamp,
) -> Result<Url, JourneyError> {
    let Departure { connection: stored, purpose, browser, ask, parameters, ends_at } = departure;
    let provider = resolve_provider(app, context, stored, &Facts::new(), now).await?;
    let state: LoginState = app.entropy.secret(STATE_PREFIX);
    // RFC 7636 §4.1: 43 to 128 unreserved characters; 256 random bits in base64url are 43.
    let verifier: CodeVerifier = app.entropy.secret("");
    let nonce = app.entropy.id::<()>("", 32).to_string();
    let redirect_uri = context.base.join(CALLBACK_PATH);
    let request = connectors::AuthorizeRequest {
        purpose: ask,
        parameters,
        redirect_uri: &redirect_uri,
        state: &state,
        nonce: &nonce,
        code_verifier: &verifier,
    };
    let target = authorize_url(&provider, &request);
    let luggage =
        Luggage { verifier, nonce, redirect_uri, scopes: target.scopes, kept: target.kept };
    let keys = app.tenant_keys(context.tenant_id(), now).await?;
    let connection_id = &stored.connection.id;
    let state = state.hashed();
    let record = ProviderState {
        connection_id: connection_id.clone(),
        purpose: serde_json::to_string(&purpose).map_err(StoreError::from)?,
        sealed_verifier: luggage.seal(&keys, context, connection_id, &state, &*app.entropy)?,
    };
    let mut tx = app.store.write().await?;
    let until = ends_at.min(now.saturating_add(JOURNEY_TIMEOUT));
    let browser = browser.hashed();
    provider_states::insert(&mut tx, context.tenant_id(), &state, &browser, &record, until).await?;
    tx.commit().await?;
    Ok(target.url)
}

/// A browser that came back with an account.
#[derive(Debug)]
pub struct Arrival {
    /// What it was sent for.
    pub purpose: JourneyPurpose,
    /// By which connection.
    pub connection: Connection,
    /// The provider.
    pub provider: Provider,
    /// Whose account it is there.
    pub account: ProviderAccount,
    /// The tokens.
    pub reply: TokenReply,
    /// What was granted; what was asked for, if the answer names nothing (RFC 6749 §5.1).
    pub scopes: ScopeSet,
    /// What is kept of the account beside.
    pub facts: Facts,
    /// What was asked for.
    pub(crate) asked: ScopeSet,
    /// Who connects it, if somebody does.
    pub(crate) connects_for: Option<UserId>,
}

/// Steps 3 and 4: ends the journey. `parameters` are the callback's, repetitions included.
///
/// The code is redeemed in a task that outlives the caller: a browser that hangs up meanwhile must
/// not leave tokens behind that nobody knows of.
pub async fn arrive(
    app: &Arc<App>,
    context: &Context,
    browser: &BrowserToken,
    parameters: &[(String, String)],
    now: Timestamp,
) -> Result<Arrival, ArrivalError> {
    let unknown = |cause| ArrivalError { purpose: None, connection: None, unused: None, cause };
    let (state, record) = consume(app, context, browser, parameters, now).await.map_err(unknown)?;
    let purpose: JourneyPurpose = serde_json::from_str(&record.purpose)
        .map_err(|error| unknown(StoreError::from(error).into()))?;
    let stored = find_connection(app, context, &record).await;
    let connection = stored.as_ref().ok().map(|stored| Box::new(stored.connection.clone()));
    let failed =
        |cause, unused| ArrivalError { purpose: Some(purpose.clone()), connection, unused, cause };
    let ended = match (stored, stray::awaits(app, context, browser, &purpose, now).await) {
        (Ok(stored), Ok(Some(awaiting))) => {
            let redeemed = redeem(app, context, stored, &record, &state, parameters, now).await;
            redeemed.map(|redeemed| (redeemed, awaiting))
        }
        (Ok(_), Ok(None)) => Err(ArrivalCause::NotAwaited),
        (Err(cause), _) => Err(cause),
        (Ok(_), Err(error)) => Err(error.into()),
    };
    let (redeemed, awaiting) = match ended {
        Ok(ended) => ended,
        Err(cause) => return Err(failed(cause, None)),
    };
    let Redeemed { connection, provider, reply, facts, told } = redeemed;
    let unused = |subject, facts, reply: TokenReply| match &awaiting {
        Awaiting::Login => None,
        Awaiting::Connect(user_id) => {
            let (user_id, connection) = (user_id.clone(), connection.clone());
            let TokenReply { access_token, refresh_token, .. } = reply;
            let tokens = Tokens { access_token, refresh_token };
            Some(Box::new(UnusedGrant { user_id, connection, subject, facts, tokens }))
        }
    };
    match (told, &awaiting) {
        // A login goes on with less; an account is connected for what was asked for.
        (Ok(Told { account, missing, facts, .. }), Awaiting::Connect(_)) if !missing.is_empty() => {
            let unused = unused(Some(account.subject), facts, reply);
            Err(failed(ArrivalCause::NotGranted(missing), unused))
        }
        (Ok(Told { account, scopes, asked, missing: _, facts }), _) => {
            let connects_for = match awaiting {
                Awaiting::Login => None,
                Awaiting::Connect(user_id) => Some(user_id),
            };
            Ok(Arrival {
                purpose,
                connection,
                provider,
                account,
                reply,
                scopes,
                facts,
                asked,
                connects_for,
            })
        }
        (Err(cause), _) => Err(failed(cause, unused(None, facts, reply))),
    }
}

/// What a code was worth.
struct Redeemed {
    connection: Connection,
    provider: Provider,
    reply: TokenReply,
    /// What came with the code.
    facts: Facts,
    /// What the provider told of it.
    told: Result<Told, ArrivalCause>,
}

/// Takes the journey of a state out, so that it ends once.
async fn consume(
    app: &App,
    context: &Context,
    browser: &BrowserToken,
    parameters: &[(String, String)],
    now: Timestamp,
) -> Result<(Hashed<kind::LoginState>, ProviderState), ArrivalCause> {
    let mut states = parameters.iter().filter(|(name, _)| name == "state");
    // RFC 6749 §3.1: response parameters MUST NOT be included more than once.
    let (Some((_, state)), None) = (states.next(), states.next()) else {
        return Err(ArrivalCause::UnknownState);
    };
    let state = LoginState::new(state.as_str()).hashed();
    let mut tx = app.store.write().await?;
    let tenant = context.tenant_id();
    let record = provider_states::consume(&mut tx, tenant, &state, &browser.hashed(), now).await?;
    tx.commit().await?;
    match record {
        Some(record) => Ok((state, record)),
        None => Err(stray::without_journey(app, context, &state, now).await?),
    }
}

async fn find_connection(
    app: &App,
    context: &Context,
    record: &ProviderState,
) -> Result<StoredConnection, ArrivalCause> {
    let mut read = app.store.read().await?;
    let found = connections::find(&mut read, context.tenant_id(), &record.connection_id).await?;
    found.ok_or(ArrivalCause::ConnectionGone)
}

async fn redeem(
    app: &Arc<App>,
    context: &Context,
    stored: StoredConnection,
    record: &ProviderState,
    state: &Hashed<kind::LoginState>,
    parameters: &[(String, String)],
    now: Timestamp,
) -> Result<Redeemed, ArrivalCause> {
    let sealed = &record.sealed_verifier;
    let keys = app.keys_for_records(context.tenant_id(), &[sealed], now).await?;
    let luggage = Luggage::open(&keys, context, &stored.connection.id, state, sealed)?;
    let provider = resolve_provider(app, context, &stored, &Facts::new(), now).await?;
    let pairs = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let Callback { code, facts } = read_callback(&provider, pairs)?;
    // The account may be in another place than the browser was sent to.
    let provider = if facts.is_empty() {
        provider
    } else {
        resolve_provider(app, context, &stored, &facts, now).await?
    };
    let task = {
        let (app, tenant) = (Arc::clone(app), context.tenant_id().clone());
        async move {
            let reply = redemption::redeem(&app, &provider, &luggage, &code, now).await?;
            let known = facts.clone();
            let told =
                redemption::tell(&app, &tenant, &provider, &luggage, &reply, known, now).await;
            Ok(Redeemed { connection: stored.connection, provider, reply, facts, told })
        }
    };
    match app.detach(task).await {
        Ok(ended) => ended,
        // Nobody cancels the task; if it panicked, so does its owner.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// The provider of a connection, ready to be called: its secret opened, its discovery document read.
/// `facts` are those of the account that it is called for.
pub async fn resolve_provider(
    app: &App,
    context: &Context,
    stored: &StoredConnection,
    facts: &Facts,
    now: Timestamp,
) -> Result<Provider, JourneyError> {
    let connection = &stored.connection;
    let strategy = match &connection.strategy {
        Strategy::Database => return Err(JourneyError::NotAProvider),
        Strategy::Provider(strategy) => strategy,
    };
    let sealed: Vec<_> = stored.sealed_secret.iter().collect();
    let keys = app.keys_for_records(context.tenant_id(), &sealed, now).await?;
    let OpenedOptions { options, client_secret } =
        connection_secret::open_options(&keys, context.tenant_id(), stored)?;
    let metadata = discover(app, connection, strategy, now).await?;
    let (catalogue, metadata) = (&app.catalogue, metadata.as_deref());
    let options = match catalogue.get(strategy) {
        Some(spec) => options_of_account(spec, options, facts),
        None => options,
    };
    let mut provider = Provider::resolve(catalogue, strategy, &options, client_secret, metadata)?;
    if provider.client_auth == ClientAuth::PrivateKeyJwt {
        let key = connection_keys::current(app, context.tenant_id(), &connection.id, now).await?;
        provider.assertion_key = Some(key.ok_or(JourneyError::NoKey)?);
    }
    Ok(provider)
}

async fn discover(
    app: &App,
    connection: &Connection,
    strategy: &str,
    now: Timestamp,
) -> Result<Option<Arc<ProviderMetadata>>, JourneyError> {
    if !app.catalogue.get(strategy).is_some_and(|spec| spec.discovery) {
        return Ok(None);
    }
    let options = &connection.options;
    let Some(url) = Provider::discovery_url(options)? else { return Ok(None) };
    let issuer = options.get("issuer").and_then(Value::as_str);
    match app.provider_documents.metadata(&app.outbound, &url, issuer, now).await {
        Ok(metadata) => Ok(Some(metadata)),
        // The operator may have left a copy with the connection for such times.
        Err(error) if options.contains_key("oidc_metadata") => {
            tracing::warn!(%error, connection = connection.name, "discovery failed");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}
