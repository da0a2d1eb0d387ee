//! Takes away accounts that are of no use any more: those whose grants ended at the provider a month
//! ago, and those that nobody used for a year.
//!
//! What can still be renewed and is in use stays, however long ago its access token ended. Each account
//! is removed only as it was looked at; a renewal or a use in between keeps it.

use std::time::Duration;

use model::ids::TenantId;
use model::log_event::LogEventKind;
use protocol::time::Timestamp;
use serde_json::json;
use store::connected_accounts::StoredAccount;
use store::departures::Leaving;
use store::{StoreError, retention, tenants};

use crate::app::App;
use crate::audit::Event;
use crate::context::Context;
use crate::departures;

/// For so long an account whose grant ended is shown with the reason.
const ENDED_KEPT: Duration = Duration::from_hours(30 * 24);
/// For so long an account that nobody uses is kept.
const UNUSED_KEPT: Duration = Duration::from_hours(365 * 24);
/// How many are removed in one transaction, because other writers wait meanwhile.
const AT_ONCE: i64 = 50;

/// Takes away what has outlived its use. Answers how many accounts.
///
/// # Errors
/// If the database fails.
pub async fn clean(app: &App, now: Timestamp) -> Result<u64, StoreError> {
    let mut removed = 0;
    loop {
        let mut read = app.store.read().await?;
        let ended = retention::ended(&mut read, now.saturating_sub(ENDED_KEPT), AT_ONCE).await?;
        let unused = retention::unused(&mut read, now.saturating_sub(UNUSED_KEPT), AT_ONCE).await?;
        drop(read);
        let mut some = remove(app, ended, "grant_expired", now).await?;
        some += remove(app, unused, "unused", now).await?;
        if some == 0 {
            return Ok(removed);
        }
        removed += some;
    }
}

async fn remove(
    app: &App,
    found: Vec<(TenantId, StoredAccount)>,
    reason: &'static str,
    now: Timestamp,
) -> Result<u64, StoreError> {
    if found.is_empty() {
        return Ok(0);
    }
    let mut removed = 0;
    let mut tx = app.store.write().await?;
    for (tenant, stored) in found {
        let account = stored.account;
        let leaving = Leaving::Unchanged(&account);
        if departures::leave(app, &mut tx, &tenant, leaving, reason, now).await? == 0 {
            continue;
        }
        removed += 1;
        let context = tenants::find(&mut tx, &tenant).await?.and_then(Context::of_ourselves);
        // A tenant without an address has nobody who could read it.
        let Some(context) = context else { continue };
        Event::new(LogEventKind::AccountDeleted, &context)
            .user_id(account.user_id.as_str())
            .describe(reason)
            .details(json!({
                "connection": account.connection,
                "connected_account": { "id": account.id },
            }))
            .write(app, &mut tx, &context, now)
            .await?;
    }
    tx.commit().await?;
    Ok(removed)
}
