//! Ends grants at their providers whose accounts were removed here: at once, and again until the
//! provider acknowledges it or there is no hope, which the audit log then tells with the reason.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use connectors::{
    FaultCode, Moment, Reply, RequestBody, RevocableTokens, TokenFault, read_revocation_reply,
    revocation_request,
};
use futures_util::{StreamExt, future, stream};
use model::connection::Connection;
use model::log_event::LogEventKind;
use protocol::time::Timestamp;
use serde_json::json;
use store::revocations::{self, Revocation};
use store::{StoreError, connections, tenants};
use tokio_util::sync::CancellationToken;
use vault::back_off::BackOff;
use vault::seal::OpenError;

use crate::app::App;
use crate::audit::{Event, chain};
use crate::context::Context;
use crate::jobs::goes_on;
use crate::keys::KeyError;
use crate::outbound::CALL_TIMEOUT;
use crate::provider_journey::{JourneyError, resolve_provider};
use crate::tokensets::{self, TokensetError};

/// How often is looked for what is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many of one connection are under way at once. A provider that hangs keeps no other's waiting.
const AT_ONCE: usize = 4;
/// How many a round looks at.
const LOOK_AT: i64 = 100;
/// The call, discovery before it, and the commit after it.
const ATTEMPT: Duration = CALL_TIMEOUT.saturating_mul(3);
const BACK_OFF: BackOff =
    BackOff { first: Duration::from_secs(5), factor: 4, longest: Duration::from_hours(6) };
/// After so long a grant is given up.
const GIVEN_UP_AFTER: Duration = Duration::from_hours(3 * 24);
/// Whoever renewed a tokenset when its connection was removed is done after this long.
const CONNECTION_KEPT: Duration = Duration::from_mins(5);

/// Revokes what is due, until told to stop.
pub async fn revoking(app: Arc<App>, stop: CancellationToken) {
    while goes_on(LOOK_EVERY, &stop).await {
        if let Err(error) = revoke_due(&app, app.now()).await {
            tracing::warn!(%error, "grants could not be revoked");
        }
    }
}

/// One round. Answers how many grants were looked after.
///
/// # Errors
/// If the database cannot say what is due.
pub async fn revoke_due(app: &App, now: Timestamp) -> Result<usize, StoreError> {
    let due = revocations::due(&mut app.store.read().await?, now, LOOK_AT).await?;
    let count = due.len();
    let mut by_connection: HashMap<_, Vec<Revocation>> = HashMap::new();
    for due in due {
        let key = (due.tenant.clone(), due.connection_id.clone());
        by_connection.entry(key).or_default().push(due);
    }
    let due = by_connection.into_values();
    future::join_all(due.map(|due| revoke_of_connection(app, due))).await;
    if count > 0 {
        let mut tx = app.store.write().await?;
        revocations::forget_connections(&mut tx, now.saturating_sub(CONNECTION_KEPT)).await?;
        tx.commit().await?;
    }
    Ok(count)
}

async fn revoke_of_connection(app: &App, due: Vec<Revocation>) {
    stream::iter(due)
        .for_each_concurrent(AT_ONCE, |due| async move {
            if let Err(error) = attempt(app, &due, app.now()).await {
                let account = &due.account_id;
                tracing::warn!(%error, %account, "a grant could not be revoked");
            }
        })
        .await;
}

/// What came of an attempt.
enum Outcome {
    Revoked,
    /// The same account of the provider is connected: its tokens would end too.
    Shared,
    /// There is nothing that could be tried again.
    Hopeless(String),
    Later {
        code: FaultCode,
        retry_after: Option<Duration>,
    },
}

impl Outcome {
    fn later(code: &'static str) -> Self {
        Self::Later { code: FaultCode::fixed(code), retry_after: None }
    }
}

async fn attempt(app: &App, due: &Revocation, now: Timestamp) -> Result<(), StoreError> {
    let mut tx = app.store.write().await?;
    let is_ours = revocations::claim(&mut tx, due, now.saturating_add(ATTEMPT)).await?;
    let tenant = tenants::find(&mut tx, &due.tenant).await?;
    tx.commit().await?;
    if !is_ours {
        return Ok(());
    }
    let Some(context) = tenant.and_then(Context::of_ourselves) else {
        // Without an address the tenant is nobody's application at any provider.
        let mut tx = app.store.write().await?;
        revocations::end(&mut tx, due).await?;
        return tx.commit().await;
    };
    let outcome = ask(app, &context, due, now).await?;
    let mut tx = app.store.write().await?;
    let event = match outcome {
        Outcome::Revoked => Some(Event::new(LogEventKind::GrantRevoked, &context)),
        Outcome::Shared => {
            let why = "kept: the same account of the provider is connected";
            Some(Event::new(LogEventKind::GrantKept, &context).describe(why))
        }
        Outcome::Hopeless(why) => {
            Some(Event::new(LogEventKind::GrantNotRevoked, &context).describe(why))
        }
        Outcome::Later { code, .. } if now.since(due.created_at) >= GIVEN_UP_AFTER => {
            let why = format!("given up, the last time for {code}");
            Some(Event::new(LogEventKind::GrantNotRevoked, &context).describe(why))
        }
        Outcome::Later { code: _, retry_after } => {
            let attempts = u32::try_from(due.attempts).unwrap_or(u32::MAX);
            let wait = BACK_OFF.after(attempts, app.entropy.jitter());
            let wait = wait.max(retry_after.unwrap_or_default());
            revocations::postpone(&mut tx, due, now.saturating_add(wait)).await?;
            None
        }
    };
    if let Some(event) = event
        && revocations::end(&mut tx, due).await?
    {
        event
            .user_id(due.user_id.as_str())
            .details(json!({
                "connection_id": due.connection_id,
                "connected_account": { "id": due.account_id, "idp_user_id": due.subject },
                "attempts": due.attempts + 1,
            }))
            .write(app, &mut tx, &context, now)
            .await?;
    }
    tx.commit().await
}

async fn ask(
    app: &App,
    context: &Context,
    due: &Revocation,
    now: Timestamp,
) -> Result<Outcome, StoreError> {
    let tenant = context.tenant_id();
    let mut read = app.store.read().await?;
    let found = revocations::connection_of(&mut read, tenant, &due.connection_id).await?;
    let Some(connection) = found else {
        return Ok(Outcome::Hopeless("the connection does not exist any more".to_owned()));
    };
    // A provider ends every token that it gave this application for the person, not one of them.
    for other in connections::list(&mut read, tenant).await? {
        if is_same_application(&other.connection, &connection.connection)
            && revocations::is_shared(&mut read, due, &other.connection.id).await?
        {
            return Ok(Outcome::Shared);
        }
    }
    if revocations::is_awaited(&mut read, due).await? {
        return Ok(Outcome::later("being_connected"));
    }
    let tokens = match app.keys.for_records(&mut read, tenant, &[&due.sealed_tokens], now).await {
        Ok(keys) => tokensets::open_departed(&keys, due),
        Err(error) => Err(error.into()),
    };
    drop(read);
    let tokens = match tokens {
        Ok(tokens) => tokens,
        Err(error) if opens_nowhere(&error) => return Ok(Outcome::Hopeless(chain(&error))),
        // Another node may have the key that this one lacks.
        Err(_) => return Ok(Outcome::later("keys")),
    };
    let provider = match resolve_provider(app, context, &connection, &due.facts, now).await {
        Ok(provider) => provider,
        Err(JourneyError::Discovery(_)) => return Ok(Outcome::later("discovery")),
        Err(JourneyError::Key(_)) => return Ok(Outcome::later("database")),
        Err(
            error @ (JourneyError::NotAProvider | JourneyError::Options(_) | JourneyError::NoKey),
        ) => {
            return Ok(Outcome::Hopeless(chain(&error)));
        }
    };
    let revocable = RevocableTokens {
        access_token: Some(&tokens.access_token),
        refresh_token: tokens.refresh_token.as_ref(),
    };
    let moment = Moment { jti: &app.entropy.uuid(), now };
    let request = match revocation_request(&provider, revocable, moment) {
        Ok(request) => request,
        Err(error) => return Ok(Outcome::Hopeless(chain(&error))),
    };
    let answer = match app.outbound.send(request.map(RequestBody::into_bytes)).await {
        Ok(answer) => answer,
        Err(error) => return Ok(Outcome::later(error.code())),
    };
    let reply = Reply { status: answer.status, headers: &answer.headers, body: &answer.body };
    Ok(match read_revocation_reply(&provider, &reply) {
        Ok(()) => Outcome::Revoked,
        Err(TokenFault::Permanent { code }) => {
            Outcome::Hopeless(format!("the provider refused: {code}"))
        }
        // Somebody may mend the connection's settings.
        Err(TokenFault::ClientRejected { code }) => Outcome::Later { code, retry_after: None },
        Err(TokenFault::Passing { code, retry_after, maybe_processed: _ }) => {
            Outcome::Later { code, retry_after }
        }
    })
}

/// Whether two connections are one application at one provider.
fn is_same_application(one: &Connection, other: &Connection) -> bool {
    let is_same = |option| one.options.get(option) == other.options.get(option);
    one.strategy == other.strategy
        && ["client_id", "issuer", "discovery_url", "tokenURL"].into_iter().all(is_same)
}

/// Whether a record is lost for every node.
fn opens_nowhere(error: &TokensetError) -> bool {
    match error {
        TokensetError::Content(_)
        | TokensetError::Key(
            KeyError::Erased { .. }
            | KeyError::Open(OpenError::Malformed | OpenError::NotAuthentic),
        ) => true,
        TokensetError::Key(_)
        | TokensetError::UserGone
        | TokensetError::ConnectionGone
        | TokensetError::LostRace => false,
    }
}
