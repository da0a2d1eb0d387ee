//! Step 4: the application that began completes.

use model::connected_account::ConnectedAccount;
use model::log_event::LogEventKind;
use protocol::oauth::pkce::{self, CodeChallenge};
use protocol::secret::{AuthSession, CodeVerifier, ConnectCode, Hashed, kind};
use protocol::time::Timestamp;
use store::connect_transactions::{self, ConnectTransaction};
use store::{WriteTx, connections};

use super::abandoned::{give_back_waiting, waiting};
use super::{ConnectError, Remembered, connect_failed, connected};
use crate::app::App;
use crate::audit::Event;
use crate::context::Context;
use crate::my_account::AccountCaller;
use crate::tokensets::{self, Delivery};

/// What an application brings to complete.
#[derive(Debug)]
pub struct Completion {
    /// From the beginning.
    pub auth_session: AuthSession,
    /// From the browser.
    pub connect_code: ConnectCode,
    /// As at the beginning.
    pub redirect_uri: String,
    /// What the challenge was made of.
    pub code_verifier: Option<CodeVerifier>,
}

/// Step 4: the application that began completes.
pub async fn complete(
    app: &App,
    context: &Context,
    caller: &AccountCaller,
    completion: Completion,
    now: Timestamp,
) -> Result<ConnectedAccount, ConnectError> {
    let tenant = context.tenant_id();
    let mut tx = app.store.write().await?;
    let session = completion.auth_session.hashed();
    let Some((transaction, code)) =
        connect_transactions::consume(&mut tx, tenant, &session, now).await?
    else {
        Event::new(LogEventKind::AccountConnectFailed, context)
            .client(caller.client())
            .user_id(caller.user_id().as_str())
            .describe(ConnectError::Ended.to_string())
            .write(app, &mut tx, context, now)
            .await?;
        tx.commit().await?;
        return Err(ConnectError::Ended);
    };
    let checked = match code {
        Some(code) => check_completion(&transaction, &code, caller, &completion),
        None => Err(ConnectError::Mismatch("the browser has not returned")),
    };
    if let Err(error) = checked {
        connect_failed(context, &transaction, &error.to_string())
            .write(app, &mut tx, context, now)
            .await?;
        if let Err(error) = give_back_waiting(app, &mut tx, context, &transaction, now).await {
            tracing::warn!(%error, "the grant of a refused connect stays");
        }
        tx.commit().await?;
        return Err(error);
    }
    let account = keep(app, &mut tx, context, &transaction, now).await?;
    connected(context, &account).client(caller.client()).write(app, &mut tx, context, now).await?;
    tx.commit().await?;
    Ok(account)
}

/// Each binding alone refuses.
fn check_completion(
    transaction: &ConnectTransaction,
    expected_code: &Hashed<kind::ConnectCode>,
    caller: &AccountCaller,
    completion: &Completion,
) -> Result<(), ConnectError> {
    let Completion { auth_session: _, connect_code, redirect_uri, code_verifier } = completion;
    let remembered: Remembered = serde_json::from_str(&transaction.request)?;
    let mismatch = |what| Err(ConnectError::Mismatch(what));
    if transaction.user_id != *caller.user_id() {
        return mismatch("another user");
    }
    if transaction.client_id != caller.client().client_id {
        return mismatch("another client");
    }
    if remembered.jkt.as_ref() != caller.jkt() {
        return mismatch("another key");
    }
    if connect_code.hashed() != *expected_code {
        return mismatch("another connect_code");
    }
    if remembered.redirect_uri != *redirect_uri {
        return mismatch("another redirect_uri");
    }
    let challenge = remembered.code_challenge.as_deref().map(CodeChallenge::parse).transpose();
    let challenge = challenge.or(Err(ConnectError::Mismatch("the code_challenge")))?;
    let proven = pkce::redeem(challenge.as_ref(), code_verifier.as_ref());
    proven.map(|_| ()).map_err(ConnectError::Verifier)
}

/// Moves what waited into the vault.
async fn keep(
    app: &App,
    tx: &mut WriteTx,
    context: &Context,
    transaction: &ConnectTransaction,
    now: Timestamp,
) -> Result<ConnectedAccount, ConnectError> {
    let tenant = context.tenant_id();
    let waiting = waiting(app, tx, context, transaction, now).await?;
    let (account, tokens) = waiting.ok_or(ConnectError::Ended)?;
    let stored = connections::find(tx, tenant, &transaction.connection_id).await?;
    let stored = stored.filter(|stored| stored.connection.connected_accounts.active);
    let connection = stored.ok_or(ConnectError::Ended)?.connection;
    let delivery = Delivery { connection, account, tokens };
    Ok(tokensets::store(app, tx, context, &transaction.user_id, delivery, now).await?)
}
