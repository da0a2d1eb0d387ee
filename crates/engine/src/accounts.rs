//! Disconnects accounts.

use model::ids::ConnectedAccountId;
use model::log_event::LogEventKind;
use protocol::time::Timestamp;
use serde_json::json;
use store::StoreError;
use store::departures::Leaving;

use crate::app::App;
use crate::audit::Event;
use crate::context::Context;
use crate::departures;
use crate::my_account::AccountCaller;

/// Removes an account of the caller with its tokens. Answers whether there was one.
pub async fn disconnect(
    app: &App,
    context: &Context,
    caller: &AccountCaller,
    id: &ConnectedAccountId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let user_id = caller.user_id();
    let mut tx = app.store.write().await?;
    let leaving = Leaving::Account(user_id, id);
    let removed =
        departures::leave(app, &mut tx, context.tenant_id(), leaving, "disconnected", now).await?
            > 0;
    let kind =
        if removed { LogEventKind::AccountDeleted } else { LogEventKind::AccountDeleteFailed };
    Event::new(kind, context)
        .client(caller.client())
        .user_id(user_id.as_str())
        .details(json!({ "connected_account": { "id": id } }))
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await?;
    Ok(removed)
}
