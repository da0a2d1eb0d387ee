//! What the server does by itself.

use std::sync::Arc;
use std::time::Duration;

use store::StoreError;
use store::housekeeping::sweep;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::keys::LOOKED_UP;

/// How often is looked for what has ended.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// Takes away what has ended, until told to stop.
pub async fn housekeeping(app: Arc<App>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = sweep_all(&app).await {
            tracing::warn!(%error, "what has ended could not be taken away");
        }
    }
}

/// Forgets keys that are not to be in memory any more, until told to stop.
pub async fn forgetting(app: Arc<App>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(LOOKED_UP);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = app.keys.forget(&app.store, app.now()).await {
            tracing::debug!(%error, "which tenants were erased could not be looked up");
        }
    }
}

/// In small steps, so that no other writer waits for long.
async fn sweep_all(app: &App) -> Result<(), StoreError> {
    loop {
        let mut tx = app.store.write().await?;
        let removed = sweep(&mut tx, app.now()).await?;
        tx.commit().await?;
        if removed == 0 {
            return Ok(());
        }
    }
}
