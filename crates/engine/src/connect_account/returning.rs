//! Step 3: the browser comes back from the provider, with an account or without one.

use model::log_event::LogEventKind;
use protocol::secret::{BrowserToken, ConnectCode};
use protocol::time::Timestamp;
use store::connect_transactions::{self, ConnectTransaction};
use store::{WriteTx, users};
use vault::keyring::Purpose;
use vault::seal::Place;

use super::{ConnectError, Remembered, connect_failed, reconnect};
use crate::app::App;
use crate::audit::Event;
use crate::context::Context;
use crate::provider_journey::Arrival;
use crate::tokensets::{Delivery, TokensetError};
use crate::unused_grants::{UnusedGrant, give_back};

/// Step 3: the browser is back with tokens. Answers where to send it.
pub async fn returned(
    app: &App,
    context: &Context,
    browser: &BrowserToken,
    transaction_id: &str,
    arrival: Arrival,
    now: Timestamp,
) -> Result<String, ConnectError> {
    let mut tx = app.store.write().await?;
    let connects_for = arrival.connects_for.clone();
    let delivery = Delivery::of(arrival, now);
    let found = find_for_browser(&mut tx, context, transaction_id, browser, now).await;
    if let (Err(ConnectError::Ended), Some(user_id)) = (&found, connects_for) {
        let unused = UnusedGrant::of(&user_id, delivery);
        give_back(app, &mut tx, context, unused, now).await?;
        tx.commit().await?;
        return Err(ConnectError::Ended);
    }
    let (mut transaction, remembered) = found?;
    // RFC 9700 §4.4: the answer of one provider is never taken for another's.
    if delivery.connection.id != transaction.connection_id {
        return Err(ConnectError::Mismatch("connection"));
    }
    if let Some(reconnected) = &remembered.reconnects {
        let finish = reconnect::finish(app, tx, context, &transaction, reconnected, delivery, now);
        return Box::pin(finish).await;
    }
    let Delivery { connection: _, account, tokens } = &delivery;
    let tenant = context.tenant_id();
    let keys = app.keys.of(&mut tx, tenant, now).await?;
    let share = users::share(&mut tx, tenant, &transaction.user_id).await?;
    let share = share.ok_or(TokensetError::UserGone)?;
    let blob = tokens.to_blob().map_err(TokensetError::from)?;
    let place = waiting_place(context, &transaction);
    let sealed = keys.seal(Purpose::Vault, Some(&share), &place, &blob, &*app.entropy)?;
    transaction.sealed_tokens = Some(sealed);
    transaction.account = Some(serde_json::to_string(account)?);
    let code: ConnectCode = app.entropy.secret("cc_");
    if !connect_transactions::note_return(&mut tx, tenant, &transaction, &code.hashed()).await? {
        // Another answer was faster.
        give_back(app, &mut tx, context, UnusedGrant::of(&transaction.user_id, delivery), now)
            .await?;
        tx.commit().await?;
        return Err(ConnectError::Ended);
    }
    tx.commit().await?;
    Ok(remembered.way_out(context, &transaction.connection_id, &[("connect_code", code.expose())]))
}

/// Why a browser comes back without an account, as the application is told.
#[derive(Clone, Copy, Debug)]
pub struct Failure<'a> {
    /// The OAuth error code.
    pub code: &'a str,
    /// One sentence.
    pub description: &'a str,
    /// For the operator.
    pub cause: &'a str,
}

/// Step 3, where it did not work. Ends the transaction; answers where to send the browser. `unused` is
/// what the provider had given by then.
pub async fn failed(
    app: &App,
    context: &Context,
    browser: &BrowserToken,
    transaction_id: &str,
    why: &Failure<'_>,
    unused: Option<UnusedGrant>,
    now: Timestamp,
) -> Result<String, ConnectError> {
    let mut tx = app.store.write().await?;
    if let Some(unused) = unused {
        give_back(app, &mut tx, context, unused, now).await?;
    }
    let found = find_for_browser(&mut tx, context, transaction_id, browser, now).await;
    if let Err(ConnectError::Ended) = &found {
        Event::new(LogEventKind::AccountConnectFailed, context)
            .describe(why.cause)
            .write(app, &mut tx, context, now)
            .await?;
        tx.commit().await?;
        return Err(ConnectError::Ended);
    }
    let (transaction, remembered) = found?;
    connect_transactions::delete(&mut tx, context.tenant_id(), &transaction.id).await?;
    connect_failed(context, &transaction, why.cause).write(app, &mut tx, context, now).await?;
    tx.commit().await?;
    let answer = [("error", why.code), ("error_description", why.description)];
    Ok(remembered.way_out(context, &transaction.connection_id, &answer))
}

async fn find_for_browser(
    tx: &mut WriteTx,
    context: &Context,
    transaction_id: &str,
    browser: &BrowserToken,
    now: Timestamp,
) -> Result<(ConnectTransaction, Remembered), ConnectError> {
    let tenant = context.tenant_id();
    let browser = browser.hashed();
    let found =
        connect_transactions::find_for_browser(tx, tenant, transaction_id, &browser, now).await?;
    let transaction = found.ok_or(ConnectError::Ended)?;
    let remembered = serde_json::from_str(&transaction.request)?;
    Ok((transaction, remembered))
}

pub(super) fn waiting_place<'a>(
    context: &'a Context,
    transaction: &'a ConnectTransaction,
) -> Place<'a> {
    Place {
        tenant: context.tenant_id().as_str(),
        table: "connect_transactions",
        row: &transaction.id,
        user: transaction.user_id.as_str(),
        connection: transaction.connection_id.as_str(),
        field: "sealed_tokens",
        generation: 0,
    }
}
