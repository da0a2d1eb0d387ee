//! Renews tokensets before anybody asks for them: those that are in use before their tokens end, and
//! those whose grants would die of idleness.
//!
//! Every node does this; the lease of a tokenset sees to it that one of them succeeds. What is asked of
//! a provider at once is bounded, and spread over the time between two rounds, so that neither a
//! restart nor an outage makes a herd.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, future, stream};
use model::ids::{ConnectionId, TenantId};
use protocol::time::Timestamp;
use store::connected_accounts::StoredAccount;
use store::renewals::{self, Ending};
use store::{StoreError, tenants};
use tokio_util::sync::CancellationToken;
use vault::back_off::spread;

use crate::app::App;
use crate::context::Context;
use crate::jobs::goes_on;
use crate::vault_refresh;

/// How often is looked for what is due.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// A tokenset that nobody used for so long is renewed when it is asked for.
const IN_USE: Duration = Duration::from_hours(24);
/// Tokens that end before the round after the next are due.
const AHEAD: Duration = Duration::from_mins(1);
/// How many renewals of one connection are under way at once. A provider that hangs keeps no other
/// connection's waiting.
const AT_ONCE: usize = 4;
/// How many renewals of one connection a round may bring.
const PER_CONNECTION: usize = 50;
/// How many accounts a round looks at.
const LOOK_AT: i64 = 400;

/// Renews what is due, until told to stop.
pub async fn renewing(app: Arc<App>, stop: CancellationToken) {
    // Nodes that started together do not look together.
    while goes_on(spread(LOOK_EVERY, app.entropy.jitter()), &stop).await {
        if let Err(error) = renew_due(&app, app.now()).await {
            tracing::warn!(%error, "tokensets could not be renewed ahead of time");
        }
    }
}

/// One round. Answers how many tokensets were looked after.
///
/// # Errors
/// If the database cannot say what is due.
pub async fn renew_due(app: &Arc<App>, now: Timestamp) -> Result<usize, StoreError> {
    let due = within_budget(due(app, now).await?);
    let count = due.iter().map(Vec::len).sum();
    future::join_all(due.into_iter().map(|due| renew_of_connection(app, due, now))).await;
    Ok(count)
}

async fn renew_of_connection(app: &Arc<App>, due: Vec<(Context, StoredAccount)>, now: Timestamp) {
    stream::iter(due)
        .for_each_concurrent(AT_ONCE, |(context, stored)| async move {
            // Whatever comes of it stands in the row.
            vault_refresh::refresh(app, &context, &stored.account, None, now).await;
        })
        .await;
}

async fn due(app: &App, now: Timestamp) -> Result<Vec<(Context, StoredAccount)>, StoreError> {
    let mut read = app.store.read().await?;
    let ending = Ending {
        before: now.saturating_add(AHEAD),
        used_since: now.saturating_sub(IN_USE),
        limit: LOOK_AT,
    };
    let mut found = renewals::ending(&mut read, ending, now).await?;
    for spec in app.catalogue.iter() {
        let Some(idle_lifetime) = spec.refresh.idle_lifetime else { continue };
        // The last fifth of the time is for trying again.
        let issued_before = now.saturating_sub(idle_lifetime.mul_f64(0.8));
        for (tenant, connection) in renewals::connections_of(&mut read, &spec.strategy).await? {
            let idle = renewals::idle(&mut read, &tenant, &connection, issued_before, LOOK_AT, now)
                .await?;
            found.extend(idle.into_iter().map(|stored| (tenant.clone(), stored)));
        }
    }
    let mut contexts = HashMap::new();
    let mut due = Vec::new();
    for (tenant, stored) in found {
        if !contexts.contains_key(&tenant) {
            let context = tenants::find(&mut read, &tenant).await?.and_then(Context::of_ourselves);
            contexts.insert(tenant.clone(), context);
        }
        due.extend(contexts.get(&tenant).cloned().flatten().map(|context| (context, stored)));
    }
    Ok(due)
}

/// What a round brings, by connection.
fn within_budget(due: Vec<(Context, StoredAccount)>) -> Vec<Vec<(Context, StoredAccount)>> {
    let mut taken: HashMap<(TenantId, ConnectionId), Vec<_>> = HashMap::new();
    for (context, stored) in due {
        let key = (context.tenant_id().clone(), stored.account.connection_id.clone());
        let taken = taken.entry(key).or_default();
        if taken.len() < PER_CONNECTION {
            taken.push((context, stored));
        }
    }
    taken.into_values().collect()
}
