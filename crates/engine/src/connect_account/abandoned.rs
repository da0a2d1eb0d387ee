//! Connects that ended with the provider's tokens in our hands and no account: nobody completed them in
//! time, or somebody did wrongly.

use model::ids::TenantId;
use protocol::time::Timestamp;
use store::connect_transactions::{self, ConnectTransaction};
use store::{StoreError, WriteTx, connections, tenants, users};
use vault::keyring::Purpose;
use vault::tokenset::Tokens;

use super::{ConnectError, waiting_place};
use crate::app::App;
use crate::context::Context;
use crate::tokensets::{GivenAccount, TokensetError};
use crate::unused_grants::{UnusedGrant, give_back};

/// How many a round looks at.
const LOOK_AT: i64 = 100;

/// Ends the connects that nobody completed in time, and gives their grants back. One whose tokens do
/// not open is left to the housekeeping.
///
/// # Errors
/// If the database cannot say which there are.
pub async fn give_back_abandoned(app: &App, now: Timestamp) -> Result<(), StoreError> {
    let mut read = app.store.read().await?;
    let found = connect_transactions::abandoned(&mut read, now, LOOK_AT).await?;
    drop(read);
    for (tenant, transaction) in found {
        if let Err(error) = end(app, &tenant, &transaction, now).await {
            let id = &transaction.id;
            tracing::warn!(%error, %tenant, id, "the grant of an abandoned connect stays");
        }
    }
    Ok(())
}

async fn end(
    app: &App,
    tenant: &TenantId,
    transaction: &ConnectTransaction,
    now: Timestamp,
) -> Result<(), ConnectError> {
    let mut tx = app.store.write().await?;
    let context = tenants::find(&mut tx, tenant).await?.and_then(Context::of_ourselves);
    let is_ours = connect_transactions::delete(&mut tx, tenant, &transaction.id).await? == 1;
    if let Some(context) = context
        && is_ours
    {
        give_back_waiting(app, &mut tx, &context, transaction, now).await?;
    }
    Ok(tx.commit().await?)
}

/// Gives back the tokens that wait in a transaction that has ended, if there are any.
pub(super) async fn give_back_waiting(
    app: &App,
    tx: &mut WriteTx,
    context: &Context,
    transaction: &ConnectTransaction,
    now: Timestamp,
) -> Result<(), ConnectError> {
    let Some((account, tokens)) = waiting(app, tx, context, transaction, now).await? else {
        return Ok(());
    };
    let id = &transaction.connection_id;
    let Some(stored) = connections::find(tx, context.tenant_id(), id).await? else {
        return Ok(());
    };
    let unused = UnusedGrant {
        user_id: transaction.user_id.clone(),
        connection: stored.connection,
        subject: Some(account.subject),
        facts: account.facts,
        tokens,
    };
    Ok(give_back(app, tx, context, unused, now).await?)
}

/// What came back from the provider and waits to be completed.
pub(super) async fn waiting(
    app: &App,
    tx: &mut WriteTx,
    context: &Context,
    transaction: &ConnectTransaction,
    now: Timestamp,
) -> Result<Option<(GivenAccount, Tokens)>, ConnectError> {
    let tenant = context.tenant_id();
    let (Some(account), Some(sealed)) = (&transaction.account, &transaction.sealed_tokens) else {
        return Ok(None);
    };
    let account: GivenAccount = serde_json::from_str(account)?;
    let keys = app.keys.for_records(tx, tenant, &[sealed], now).await?;
    let share = users::share(tx, tenant, &transaction.user_id).await?;
    let share = share.ok_or(TokensetError::UserGone)?;
    let place = waiting_place(context, transaction);
    let blob = keys.open(Purpose::Vault, Some(&share), &place, sealed)?;
    let tokens = Tokens::from_blob(&blob).map_err(TokensetError::from)?;
    Ok(Some((account, tokens)))
}
