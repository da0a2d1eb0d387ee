//! Renews a tokenset at its provider, once for all who wait for it, in the whole cluster.
//!
//! 1. In a process whoever comes while a renewal is under way shares it. The work runs in a task of
//!    its own: a caller that hangs up must not cut it off between the provider's answer and the
//!    commit, because the provider may have ended the old refresh token.
//! 2. What an earlier renewal could not bring into the database is brought there first ([`crate::journal`]).
//! 3. Among the nodes, one takes the lease of the row; the others look at the row until it changes.
//!    The lease is committed before anything is sent: that is the intent, and it shows that the
//!    database can be written.
//! 4. The holder of the lease asks the provider and writes what comes of it (`attempt`).

use std::sync::Arc;
use std::time::Duration;

use connectors::{FaultCode, Provider};
use futures_util::FutureExt;
use model::connected_account::{ConnectedAccount, Setback};
use model::ids::{TenantId, TokensetId};
use protocol::time::Timestamp;
use store::connected_accounts::{self, StoredAccount};
use store::{connections, refresh_leases};
use vault::refresh::{Step, next_step};

use crate::app::App;
use crate::circuits::Slot;
use crate::context::Context;
use crate::outbound::CALL_TIMEOUT;
use crate::provider_journey::{JourneyError, resolve_provider};
use crate::tokensets::{self, TokensetError};
use crate::vault_refresh::attempt::Attempt;

mod attempt;

/// A lease outlives the call and the commit that follows it.
const LEASE: Duration = CALL_TIMEOUT.saturating_add(Duration::from_secs(6));
/// How soon is looked again whether another node is done; the wait doubles up to the maximum.
const LOOK_AGAIN_FIRST: Duration = Duration::from_millis(20);
const LOOK_AGAIN_MAX: Duration = Duration::from_millis(250);

/// What came of a refresh. Shared by all who waited; holds no token.
#[derive(Clone, Debug)]
pub enum RefreshOutcome {
    /// The row says how it is now.
    Settled,
    /// The provider refused the grant for good; the account is marked.
    Refused(FaultCode),
    /// The provider does not know us, or our settings do not work. No account is marked.
    Rejected(FaultCode),
    /// It did not work this time.
    Passing {
        /// What happened.
        code: FaultCode,
        /// When the provider wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// The database or a key failed, or a record does not open.
    Broken(Arc<TokensetError>),
}

impl RefreshOutcome {
    fn passing(code: &'static str) -> Self {
        Self::Passing { code: FaultCode::fixed(code), retry_after: None }
    }
}

/// Renews the tokenset of an account, or waits for the renewal that is under way.
pub(crate) async fn refresh(
    app: &Arc<App>,
    context: &Context,
    account: &ConnectedAccount,
    min_ttl: Option<Duration>,
    now: Timestamp,
) -> RefreshOutcome {
    let key = (context.tenant_id().clone(), account.tokenset_id.clone());
    let flight = app.flights.join(key.clone(), || {
        let task = fly(Arc::clone(app), context.clone(), account.clone(), min_ttl, now);
        let landing = Landing { app: Arc::clone(app), key };
        let task = app.detach(async move {
            let outcome = task.await;
            drop(landing);
            outcome
        });
        task.map(|ended| ended.unwrap_or_else(|_| RefreshOutcome::passing("interrupted"))).boxed()
    });
    flight.await
}

/// Makes room for the next flight when this one ends, however it ends.
struct Landing {
    app: Arc<App>,
    key: (TenantId, TokensetId),
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.app.flights.land(&self.key);
    }
}

async fn fly(
    app: Arc<App>,
    context: Context,
    account: ConnectedAccount,
    min_ttl: Option<Duration>,
    now: Timestamp,
) -> RefreshOutcome {
    match renew(&app, &context, &account, min_ttl, now).await {
        Ok(outcome) => outcome,
        Err(error) => {
            tracing::error!(%error, account = %account.id, "a tokenset could not be renewed");
            RefreshOutcome::Broken(Arc::new(error))
        }
    }
}

/// Renews the tokenset, or waits for the node that does.
async fn renew(
    app: &App,
    context: &Context,
    account: &ConnectedAccount,
    min_ttl: Option<Duration>,
    now: Timestamp,
) -> Result<RefreshOutcome, TokensetError> {
    app.journal.replay(app).await?;
    if app.journal.holds(context.tenant_id(), &account.id) {
        return Ok(RefreshOutcome::passing("journalled"));
    }
    let waiting_ends = tokio::time::Instant::now() + LEASE;
    let mut look_again = LOOK_AGAIN_FIRST;
    loop {
        let (stored, provider, slot) = match look(app, context, account, min_ttl, now).await? {
            Look::Over(outcome) => return Ok(outcome),
            Look::Due { stored, provider, slot } => (*stored, *provider, slot),
        };
        let tenant = context.tenant_id();
        let connection = &stored.account.connection_id;
        let entry = match app.circuits.enter(tenant, connection, now) {
            Ok(entry) => entry,
            Err(until) => {
                let code = FaultCode::fixed("provider_paused");
                return Ok(RefreshOutcome::Passing { code, retry_after: Some(until.since(now)) });
            }
        };
        let mut tx = app.store.write().await?;
        let lease = refresh_leases::take(&mut tx, tenant, &stored, &app.node, LEASE, now).await?;
        tx.commit().await?;
        if let Some(lease) = lease {
            return Attempt { app, context, provider: &provider, lease }.run(stored, now).await;
        }
        app.circuits.with(tenant, connection, |circuit| circuit.leave(entry, now));
        drop(slot);
        if tokio::time::Instant::now() >= waiting_ends {
            return Ok(RefreshOutcome::passing("renewed_elsewhere"));
        }
        tokio::time::sleep(look_again).await;
        look_again = (look_again * 2).min(LOOK_AGAIN_MAX);
    }
}

/// What the row says.
enum Look {
    /// There is nothing to do, or nothing that can be done.
    Over(RefreshOutcome),
    /// The tokenset is to be renewed, at this provider, in this slot.
    Due { stored: Box<StoredAccount>, provider: Box<Provider>, slot: Slot },
}

async fn look(
    app: &App,
    context: &Context,
    account: &ConnectedAccount,
    min_ttl: Option<Duration>,
    now: Timestamp,
) -> Result<Look, TokensetError> {
    let tenant = context.tenant_id();
    let mut read = app.store.read().await?;
    // Whoever comes just after the last renewal finds it done.
    let Some(stored) = connected_accounts::find(&mut read, tenant, &account.id).await? else {
        return Ok(Look::Over(RefreshOutcome::Settled));
    };
    let connection = connections::find(&mut read, tenant, &account.connection_id).await?;
    let Some(connection) = connection else { return Ok(Look::Over(RefreshOutcome::Settled)) };
    // A connection of PostgreSQL is not held while the provider takes its time.
    drop(read);
    if let Some(wait) = setback(&stored, now) {
        return Ok(Look::Over(wait));
    }
    // The provider may be asked from here on, if only for its metadata.
    let Some(slot) = app.circuits.slot(tenant, &account.connection_id).await else {
        return Ok(Look::Over(RefreshOutcome::passing("provider_busy")));
    };
    let provider = match resolve_provider(app, context, &connection, &stored.account.facts, now)
        .await
    {
        Ok(provider) => provider,
        Err(JourneyError::Key(error)) => return Err(error.into()),
        Err(JourneyError::Discovery(error)) => {
            tracing::warn!(%error, connection = %account.connection, "discovery failed");
            return Ok(Look::Over(RefreshOutcome::passing("discovery")));
        }
        Err(
            error @ (JourneyError::NotAProvider | JourneyError::Options(_) | JourneyError::NoKey),
        ) => {
            tracing::warn!(%error, connection = %account.connection, "no provider");
            let code = FaultCode::fixed("connection_settings");
            return Ok(Look::Over(RefreshOutcome::Rejected(code)));
        }
    };
    let lifetimes = tokensets::lifetimes(&provider.spec).lasting(min_ttl);
    match next_step(&stored.account, lifetimes, now) {
        Step::Refresh { .. } | Step::Serve { is_due: true, .. } => {
            Ok(Look::Due { stored: Box::new(stored), provider: Box::new(provider), slot })
        }
        Step::Serve { is_due: false, .. } | Step::Refuse(_) => {
            Ok(Look::Over(RefreshOutcome::Settled))
        }
    }
}

/// Whether the account waits after a passing fault.
fn setback(stored: &StoredAccount, now: Timestamp) -> Option<RefreshOutcome> {
    let Setback { code, failures: _, next_attempt_at } = stored.account.renewal.setback.as_ref()?;
    (now < *next_attempt_at).then(|| RefreshOutcome::Passing {
        code: FaultCode::stored(code),
        retry_after: Some(next_attempt_at.since(now)),
    })
}
