//! The Token Vault's exchange: one of our tokens against the provider's access token.
//!
//! 1. `permit::authorize_exchange` decides, for every kind of subject token, whether this client may act
//!    for this person on this connection, and on which account.
//! 2. [`vault::refresh::next_step`] says what to do with the tokenset.
//! 3. [`crate::vault_refresh`] renews it where that is the step, or has a token with fewer scopes made
//!    where the client may not have the stored one (`narrowed`).
//! 4. The event is committed, then the answer leaves.

mod error;
mod explain;
mod narrowed;
mod permit;
mod policy;
mod privileged;

use std::sync::Arc;
use std::time::Duration;

use connectors::{Catalogue, FaultCode, Rotation};
use model::connected_account::ConnectedAccount;
use model::connection::Connection;
use model::log_event::LogEventKind;
use protocol::oauth::answer::VaultExchangeResponse;
use protocol::oauth::exchange::{RequestedTokenType, SubjectTokenType, VaultExchangeRequest};
use protocol::oauth::scope::ScopeSet;
use protocol::secret::{ProviderAccessToken, ProviderRefreshToken};
use protocol::time::Timestamp;
use serde_json::{Map, Value, json};
use store::{StoreError, connected_accounts};
use vault::refresh::{Step, may_last, next_step, refusal};
use vault::tokenset::Tokens;

use crate::access::AccessError;
use crate::app::App;
use crate::audit::{Event, printable};
use crate::client_auth::AuthenticatedClient;
use crate::connect_account::reconnect;
use crate::context::Context;
use crate::dpop::DpopBound;
use crate::keys::KeyError;
use crate::refresh_grant::{self, RefreshError};
use crate::tokensets::{self, TokensetError};
use crate::vault_refresh::{self, RefreshOutcome};

use permit::{ExchangePermit, Trail, authorize_exchange};

pub use error::ExchangeError;
pub use explain::{Check, Explanation, Outcome, Question, Row, explain};
pub(crate) use policy::knows_time_zone;
pub use policy::{BudgetOf, PolicyError};
pub use privileged::PrivilegeError;

/// `last_used_at` is written no more often.
const USE_NOTED_EVERY: Duration = Duration::from_hours(24);

/// A token to give out.
struct Granted {
    token: ProviderToken,
    expires_in: Option<Duration>,
    /// The token's own.
    scopes: ScopeSet,
    account: ConnectedAccount,
    connection: Connection,
}

/// Either kind of token of a provider.
enum ProviderToken {
    Access(ProviderAccessToken),
    Refresh(ProviderRefreshToken),
}

/// Exchanges a token of ours, or a privileged client's request, for a provider's token.
pub async fn exchange(
    app: &Arc<App>,
    context: &Context,
    client: &AuthenticatedClient,
    request: &VaultExchangeRequest,
    proof: Option<&DpopBound>,
    now: Timestamp,
) -> Result<VaultExchangeResponse, ExchangeError> {
    let mut trail = Trail::default();
    match attempt(app, context, client, request, proof, &mut trail, now).await {
        Ok(granted) => {
            record(app, context, client, request, &granted, trail, now).await?;
            let Granted { token, expires_in, scopes, .. } = granted;
            let (issued, expires_in) =
                (request.requested_token_type, expires_in.map(|left| left.as_secs()));
            Ok(match token {
                ProviderToken::Access(token) => VaultExchangeResponse::new(
                    token,
                    expires_in.unwrap_or_default(),
                    scopes,
                    issued,
                ),
                ProviderToken::Refresh(token) => {
                    VaultExchangeResponse::of_refresh_token(&token, expires_in, scopes)
                }
            })
        }
        Err(
            error @ (ExchangeError::Tokenset(TokensetError::Key(KeyError::Store(_)))
            | ExchangeError::HolderRefused(AccessError::Store(_))),
        ) => Err(error),
        Err(error) => {
            if let ExchangeError::RefreshToken(RefreshError::Reused { family_id }) = &error {
                refresh_grant::end_family(app, context, client.client(), family_id, now).await?;
            }
            let Trail { user_id, mut details } = trail;
            describe(&mut details, request);
            details.insert("connection".to_owned(), json!(printable(&request.connection)));
            details.insert("failure_reason".to_owned(), json!(error.to_string()));
            details.insert("failed_check".to_owned(), json!(Check::failed_by(&error)));
            let mut event = Event::new(LogEventKind::VaultExchangeFailed, context)
                .client(client.client())
                .describe(error.to_string())
                .details(Value::Object(details));
            if let Some(user_id) = user_id {
                event = event.user_id(user_id.as_str());
            }
            event.commit(app, context, now).await?;
            Err(error)
        }
    }
}

async fn attempt(
    app: &Arc<App>,
    context: &Context,
    client: &AuthenticatedClient,
    request: &VaultExchangeRequest,
    proof: Option<&DpopBound>,
    trail: &mut Trail,
    now: Timestamp,
) -> Result<Granted, ExchangeError> {
    let mut permit = authorize_exchange(app, context, client, request, proof, trail, now).await?;
    if let Some(narrower) = permit.narrower.take() {
        return narrowed::get(app, context, permit, narrower, request, now).await;
    }
    if request.requested_token_type == RequestedTokenType::TokenVaultRefreshToken {
        return hand_over(app, context, permit, now).await;
    }
    let min_ttl = request.min_ttl;
    // Asking for what no token of the provider has would send us there each time.
    if let Some(wanted) = min_ttl
        && let Step::Serve { expires_in: left, .. } = step(&app.catalogue, &permit, None, now)?
        && !may_last(&permit.stored.account, wanted)
    {
        return Err(ExchangeError::TooShort { left, wanted });
    }
    let mut expires_in = None;
    match step(&app.catalogue, &permit, min_ttl, now)? {
        Step::Refresh { fallback } => {
            let fallback = fallback.filter(|left| min_ttl.is_none_or(|wanted| *left >= wanted));
            expires_in = renew(app, context, &mut permit, fallback, min_ttl, now).await?;
            // The provider may have given other scopes than the account had.
            permit.check_scopes(&app.catalogue)?;
            if let Some(narrower) = permit.narrower.take() {
                return narrowed::get(app, context, permit, narrower, request, now).await;
            }
        }
        Step::Serve { is_due: true, .. } => {
            let (app, context) = (Arc::clone(app), context.clone());
            let account = permit.stored.account.clone();
            app.clone().detach(async move {
                vault_refresh::refresh(&app, &context, &account, min_ttl, now).await;
            });
        }
        Step::Serve { is_due: false, .. } | Step::Refuse(_) => {}
    }
    let expires_in = match (expires_in, step(&app.catalogue, &permit, None, now)?) {
        (Some(expires_in), _)
        | (None, Step::Serve { expires_in, .. } | Step::Refresh { fallback: Some(expires_in) }) => {
            expires_in
        }
        (None, Step::Refuse(refusal)) => {
            let reconnect_uri = reconnect_uri(app, context, &permit, now).await?;
            return Err(ExchangeError::NotRenewable { refusal, reconnect_uri });
        }
        (None, Step::Refresh { fallback: None }) => {
            let code = FaultCode::fixed("expired_on_arrival");
            return Err(ExchangeError::ProviderUnreachable { code, retry_after: None });
        }
    };
    if let Some(wanted) = min_ttl.filter(|wanted| expires_in < *wanted) {
        return Err(ExchangeError::TooShort { left: expires_in, wanted });
    }
    let tokens = open(app, context, &permit, now).await?;
    let ExchangePermit { connection, stored, .. } = permit;
    let (token, account) = (ProviderToken::Access(tokens.access_token), stored.account);
    let scopes = account.scopes.clone();
    Ok(Granted { token, expires_in: Some(expires_in), scopes, account, connection })
}

/// The refresh token itself, for a privileged client.
async fn hand_over(
    app: &App,
    context: &Context,
    permit: ExchangePermit,
    now: Timestamp,
) -> Result<Granted, ExchangeError> {
    if let Step::Refuse(refusal) = step(&app.catalogue, &permit, None, now)? {
        let reconnect_uri = reconnect_uri(app, context, &permit, now).await?;
        return Err(ExchangeError::NotRenewable { refusal, reconnect_uri });
    }
    let tokens = open(app, context, &permit, now).await?;
    let spec = app.catalogue.get(permit.connection.strategy.as_str());
    let rotation = spec.map_or(Rotation::None, |spec| spec.refresh.rotates);
    let token = ProviderToken::Refresh(privileged::refresh_token(rotation, tokens)?);
    let ExchangePermit { connection, stored, .. } = permit;
    let account = stored.account;
    let expires_in = account.refresh_expires_at.map(|ends| ends.since(now));
    let scopes = account.scopes.clone();
    Ok(Granted { token, expires_in, scopes, account, connection })
}

async fn open(
    app: &App,
    context: &Context,
    permit: &ExchangePermit,
    now: Timestamp,
) -> Result<Tokens, ExchangeError> {
    let (tenant, sealed) = (context.tenant_id(), &permit.stored.sealed_tokens);
    let keys = app.keys_for_records(tenant, &[sealed], now).await?;
    Ok(tokensets::open(&keys, tenant, &permit.share, &permit.stored)?)
}

fn step(
    catalogue: &Catalogue,
    permit: &ExchangePermit,
    min_ttl: Option<Duration>,
    now: Timestamp,
) -> Result<Step, ExchangeError> {
    let strategy = permit.connection.strategy.as_str();
    Ok(match catalogue.get(strategy) {
        Some(_) if permit.narrower.is_some() => match refusal(&permit.stored.account, now) {
            Some(refusal) => Step::Refuse(refusal),
            None => Step::Refresh { fallback: None },
        },
        Some(spec) => {
            next_step(&permit.stored.account, tokensets::lifetimes(spec).lasting(min_ttl), now)
        }
        // Its file was there when the account was connected.
        None => return Err(ExchangeError::UnknownProvider { strategy: strategy.to_owned() }),
    })
}

/// Has the tokenset renewed and reads it again. Answers for how long the stored token is to be used
/// all the same, where the provider did not help and it is still valid.
async fn renew(
    app: &Arc<App>,
    context: &Context,
    permit: &mut ExchangePermit,
    fallback: Option<Duration>,
    min_ttl: Option<Duration>,
    now: Timestamp,
) -> Result<Option<Duration>, ExchangeError> {
    let outcome = vault_refresh::refresh(app, context, &permit.stored.account, min_ttl, now).await;
    let Some(failed) = failure(app, context, permit, outcome, now).await? else {
        let id = &permit.stored.account.id;
        let mut read = app.store.read().await?;
        permit.stored = connected_accounts::find(&mut read, context.tenant_id(), id)
            .await?
            .ok_or(ExchangeError::NotConnected)?;
        return Ok(None);
    };
    match fallback {
        Some(_) => Ok(fallback),
        None => Err(failed),
    }
}

/// What the caller is told if the provider did not give what it was asked for.
async fn failure(
    app: &App,
    context: &Context,
    permit: &ExchangePermit,
    outcome: RefreshOutcome,
    now: Timestamp,
) -> Result<Option<ExchangeError>, KeyError> {
    Ok(Some(match outcome {
        RefreshOutcome::Settled => return Ok(None),
        RefreshOutcome::Refused(code) => {
            let reconnect_uri = reconnect_uri(app, context, permit, now).await?;
            ExchangeError::ProviderRefused { code, reconnect_uri }
        }
        RefreshOutcome::Rejected(code) => ExchangeError::ConnectionRejected(code),
        RefreshOutcome::Passing { code, retry_after } => {
            ExchangeError::ProviderUnreachable { code, retry_after }
        }
        RefreshOutcome::Broken(error) => ExchangeError::NotRenewed(error),
    }))
}

async fn reconnect_uri(
    app: &App,
    context: &Context,
    permit: &ExchangePermit,
    now: Timestamp,
) -> Result<String, KeyError> {
    reconnect::link(app, context, &permit.stored.account, &permit.holder, now).await
}

/// Commits the event, and that the tokenset was used.
async fn record(
    app: &App,
    context: &Context,
    client: &AuthenticatedClient,
    request: &VaultExchangeRequest,
    granted: &Granted,
    trail: Trail,
    now: Timestamp,
) -> Result<(), StoreError> {
    let account = &granted.account;
    let mut tx = app.store.write().await?;
    if account.last_used_at.is_none_or(|last| now.since(last) >= USE_NOTED_EVERY) {
        connected_accounts::note_use(&mut tx, context.tenant_id(), &account.id, now).await?;
    }
    let Trail { user_id: _, mut details } = trail;
    describe(&mut details, request);
    let expires_at = granted.expires_in.map(|left| now.saturating_add(left).to_rfc3339());
    for (name, value) in [
        ("issued_token_type", json!(request.requested_token_type.as_str())),
        ("scope", json!(granted.scopes)),
        ("expires_at", json!(expires_at)),
        ("connected_account", json!({ "id": account.id })),
        ("token_thumbprint", json!(thumbprint(&granted.token))),
    ] {
        details.insert(name.to_owned(), value);
    }
    Event::new(LogEventKind::VaultExchange, context)
        .client(client.client())
        .user_id(account.user_id.as_str())
        .connection(&granted.connection)
        .details(Value::Object(details))
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await
}

/// What the request says of itself.
fn describe(details: &mut Map<String, Value>, request: &VaultExchangeRequest) {
    let subject = request.subject.token_type();
    details.insert("subject_token_type".to_owned(), json!(subject.as_str()));
    let is_privileged = subject == SubjectTokenType::Jwt;
    details.insert("is_privileged_worker".to_owned(), json!(is_privileged));
    let notes = [("agent_id", &request.agent_id), ("purpose", &request.purpose)];
    for (name, note) in notes {
        if let Some(note) = note {
            details.insert(name.to_owned(), json!(printable(note)));
        }
    }
}

/// SHA-256 of a token in hexadecimal, so that a leaked token can be found in the log without being
/// there.
fn thumbprint(token: &ProviderToken) -> String {
    use std::fmt::Write;
    let (of_access, of_refresh);
    let bytes = match token {
        ProviderToken::Access(token) => {
            of_access = token.hashed();
            of_access.as_bytes()
        }
        ProviderToken::Refresh(token) => {
            of_refresh = token.hashed();
            of_refresh.as_bytes()
        }
    };
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
