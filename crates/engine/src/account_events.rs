//! Tells what happens to a connected account: the receivers of events, and the audit log.

use model::account_event::{AccountEvent, AccountEventKind};
use model::connected_account::ConnectedAccount;
use model::log_event::LogEventKind;
use protocol::time::Timestamp;
use serde_json::{Value, json};
use store::{StoreError, WriteTx, account_events};

use crate::app::App;
use crate::audit::Event;
use crate::context::Context;

/// Tells what happened to an account, in the transaction in which it happened. `account` is as it
/// stands after that.
pub(crate) async fn tell(
    app: &App,
    tx: &mut WriteTx,
    context: &Context,
    account: &ConnectedAccount,
    kind: AccountEventKind,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let event = AccountEvent::of(account, kind, reason, now);
    account_events::insert(tx, context.tenant_id(), &event).await?;
    let logged = match kind {
        AccountEventKind::NeedsReconnect => LogEventKind::AccountNeedsReconnect,
        AccountEventKind::Recovered => LogEventKind::AccountRecovered,
        AccountEventKind::Updated => LogEventKind::AccountUpdated,
        // Whoever connects or removes an account has an event of their own.
        AccountEventKind::Created | AccountEventKind::Deleted => return Ok(()),
    };
    Event::new(logged, context)
        .user_id(account.user_id.as_str())
        .describe(reason.unwrap_or_default())
        .details(target(account))
        .write(app, tx, context, now)
        .await
}

/// How the audit log names an account.
pub(crate) fn target(account: &ConnectedAccount) -> Value {
    json!({
        "connection": account.connection,
        "connected_account": { "id": account.id, "idp_user_id": account.subject },
    })
}

/// What a success means for an account that was `before`: it may have been in need of one.
pub(crate) fn kind_of_success(
    before: &ConnectedAccount,
    after: &ConnectedAccount,
) -> Option<AccountEventKind> {
    if before.health.is_told_dead() {
        Some(AccountEventKind::Recovered)
    } else if before.scopes != after.scopes {
        Some(AccountEventKind::Updated)
    } else {
        None
    }
}
