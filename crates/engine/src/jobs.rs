//! What the server does by itself.

use std::sync::Arc;
use std::time::Duration;

use store::housekeeping::sweep;
use store::{StoreError, account_events};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::connect_account;
use crate::keys::LOOKED_UP;
use crate::retention;

/// How often is looked for what has ended.
const SWEEP_EVERY: Duration = Duration::from_mins(1);
/// How often is looked for accounts that are of no use any more.
const CLEAN_EVERY: Duration = Duration::from_hours(1);
/// For so long events can be delivered again.
const EVENTS_KEPT: Duration = Duration::from_hours(30 * 24);

/// Takes away what has ended, until told to stop.
pub async fn housekeeping(app: Arc<App>, stop: CancellationToken) {
    while goes_on(SWEEP_EVERY, &stop).await {
        if let Err(error) = sweep_all(&app).await {
            tracing::warn!(%error, "what has ended could not be taken away");
        }
    }
}

/// Takes away accounts that are of no use any more, until told to stop.
pub async fn retaining(app: Arc<App>, stop: CancellationToken) {
    // Soon after the start as well, for servers that are restarted more often than that.
    let mut wait = SWEEP_EVERY;
    while goes_on(wait, &stop).await {
        match retention::clean(&app, app.now()).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "accounts of no use were removed"),
            Err(error) => tracing::warn!(%error, "accounts of no use could not be removed"),
        }
        wait = CLEAN_EVERY;
    }
}

/// Forgets keys that are not to be in memory any more, until told to stop.
pub async fn forgetting(app: Arc<App>, stop: CancellationToken) {
    while goes_on(LOOKED_UP, &stop).await {
        if let Err(error) = app.keys.forget(&app.store, app.now()).await {
            tracing::debug!(%error, "which tenants were erased could not be looked up");
        }
    }
}

/// Waits, and answers whether to go on: `false` if it is time to stop.
pub(crate) async fn goes_on(wait: Duration, stop: &CancellationToken) -> bool {
    tokio::select! {
        () = stop.cancelled() => false,
        () = tokio::time::sleep(wait) => true,
    }
}

/// One round of taking away what has ended. In small steps, so that no other writer waits for long.
///
/// # Errors
/// If the database fails.
pub async fn sweep_all(app: &App) -> Result<(), StoreError> {
    connect_account::give_back_abandoned(app, app.now()).await?;
    loop {
        let mut tx = app.store.write().await?;
        let now = app.now();
        let mut removed = sweep(&mut tx, now).await?;
        removed += account_events::remove_before(&mut tx, now.saturating_sub(EVENTS_KEPT)).await?;
        tx.commit().await?;
        if removed == 0 {
            return Ok(());
        }
    }
}
