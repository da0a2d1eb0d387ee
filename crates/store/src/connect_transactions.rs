//! Connecting an account: from the application's request to its completion.

use model::ids::{ClientId, ConnectionId, TenantId, UserId};
use protocol::secret::{Hashed, kind};
use protocol::time::Timestamp;
use vault::seal::Sealed;

use crate::Result;
use crate::db::{Query, Row, WriteTx};

/// A connect transaction as it is stored.
#[derive(Debug)]
pub struct ConnectTransaction {
    /// Its id, never shown.
    pub id: String,
    /// Who started it and alone may complete it.
    pub user_id: UserId,
    /// The client that started it.
    pub client_id: ClientId,
    /// The connection.
    pub connection_id: ConnectionId,
    /// What was asked for, as the engine wrote it.
    pub request: String,
    /// The account that came back, as the engine wrote it.
    pub account: Option<String>,
    /// The tokens that came back.
    pub sealed_tokens: Option<Sealed>,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

/// Adds a transaction.
pub async fn insert(
    tx: &mut WriteTx,
    tenant: &TenantId,
    transaction: &ConnectTransaction,
    ticket: &Hashed<kind::Ticket>,
    auth_session: &Hashed<kind::AuthSession>,
) -> Result<()> {
    let sql = "INSERT INTO connect_transactions (tenant, id, ticket_hash, auth_session_hash, \
        user_id, client_id, connection_id, request, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let args = vec![
        tenant.into(),
        transaction.id.as_str().into(),
        ticket.into(),
        auth_session.into(),
        (&transaction.user_id).into(),
        (&transaction.client_id).into(),
        (&transaction.connection_id).into(),
        transaction.request.as_str().into(),
        transaction.expires_at.into(),
    ];
    tx.execute(sql, args).await?;
    Ok(())
}

/// The transaction of a ticket that no browser has taken, or that this one has.
pub async fn find_by_ticket(
    q: &mut impl Query,
    tenant: &TenantId,
    ticket: &Hashed<kind::Ticket>,
    browser: &Hashed<kind::BrowserToken>,
    now: Timestamp,
) -> Result<Option<ConnectTransaction>> {
    let sql = "SELECT id, user_id, client_id, connection_id, request, account, sealed_tokens, expires_at \
        FROM connect_transactions WHERE tenant = $1 AND ticket_hash = $2 AND expires_at > $4 \
        AND connect_code_hash IS NULL AND (browser_hash IS NULL OR browser_hash = $3)";
    let args = vec![tenant.into(), ticket.into(), browser.into(), now.into()];
    q.row(sql, args).await?.as_ref().map(from_row).transpose()
}

/// The transaction of a ticket that another browser has taken: what [`find_by_ticket`] hides.
pub async fn find_taken(
    q: &mut impl Query,
    tenant: &TenantId,
    ticket: &Hashed<kind::Ticket>,
    browser: &Hashed<kind::BrowserToken>,
    now: Timestamp,
) -> Result<Option<ConnectTransaction>> {
    let sql = "SELECT id, user_id, client_id, connection_id, request, account, sealed_tokens, \
        expires_at FROM connect_transactions \
        WHERE tenant = $1 AND ticket_hash = $2 AND expires_at > $4 AND browser_hash <> $3";
    let args = vec![tenant.into(), ticket.into(), browser.into(), now.into()];
    q.row(sql, args).await?.as_ref().map(from_row).transpose()
}

/// Binds a transaction to the browser that took its ticket. The first browser wins.
pub async fn bind_browser(
    tx: &mut WriteTx,
    tenant: &TenantId,
    id: &str,
    browser: &Hashed<kind::BrowserToken>,
) -> Result<bool> {
    let sql = "UPDATE connect_transactions SET browser_hash = $3 \
        WHERE tenant = $1 AND id = $2 AND (browser_hash IS NULL OR browser_hash = $3)";
    Ok(tx.execute(sql, vec![tenant.into(), id.into(), browser.into()]).await? == 1)
}

/// The transaction of an id in the hands of its browser, before anything came back.
pub async fn find_for_browser(
    q: &mut impl Query,
    tenant: &TenantId,
    id: &str,
    browser: &Hashed<kind::BrowserToken>,
    now: Timestamp,
) -> Result<Option<ConnectTransaction>> {
    let sql = "SELECT id, user_id, client_id, connection_id, request, account, sealed_tokens, expires_at \
        FROM connect_transactions WHERE tenant = $1 AND id = $2 AND browser_hash = $3 \
        AND expires_at > $4 AND connect_code_hash IS NULL";
    let args = vec![tenant.into(), id.into(), browser.into(), now.into()];
    q.row(sql, args).await?.as_ref().map(from_row).transpose()
}

/// Notes what the provider gave. Of several that try, one is told `true`.
pub async fn note_return(
    tx: &mut WriteTx,
    tenant: &TenantId,
    transaction: &ConnectTransaction,
    connect_code: &Hashed<kind::ConnectCode>,
) -> Result<bool> {
    let sql = "UPDATE connect_transactions \
        SET connect_code_hash = $3, account = $4, sealed_tokens = $5 \
        WHERE tenant = $1 AND id = $2 AND connect_code_hash IS NULL";
    let args = vec![
        tenant.into(),
        transaction.id.as_str().into(),
        connect_code.into(),
        transaction.account.as_deref().into(),
        transaction.sealed_tokens.as_ref().map(Sealed::as_bytes).into(),
    ];
    Ok(tx.execute(sql, args).await? == 1)
}

/// Ends a transaction.
pub async fn delete(tx: &mut WriteTx, tenant: &TenantId, id: &str) -> Result<u64> {
    let sql = "DELETE FROM connect_transactions WHERE tenant = $1 AND id = $2";
    tx.execute(sql, vec![tenant.into(), id.into()]).await
}

/// Takes a transaction out by its `auth_session`, together with the hash of its connect code. Of
/// several that try, one gets it; whatever is wrong with the attempt, there is no second one.
pub async fn consume(
    tx: &mut WriteTx,
    tenant: &TenantId,
    auth_session: &Hashed<kind::AuthSession>,
    now: Timestamp,
) -> Result<Option<(ConnectTransaction, Option<Hashed<kind::ConnectCode>>)>> {
    let sql = "DELETE FROM connect_transactions \
        WHERE tenant = $1 AND auth_session_hash = $2 AND expires_at > $3 \
        RETURNING id, user_id, client_id, connection_id, request, account, sealed_tokens, \
        expires_at, connect_code_hash";
    let row = tx.row(sql, vec![tenant.into(), auth_session.into(), now.into()]).await?;
    row.map(|row| {
        let code = match row.opt_bytes("connect_code_hash")? {
            None => None,
            Some(_) => Some(Hashed::from_bytes(row.array("connect_code_hash")?)),
        };
        Ok((from_row(&row)?, code))
    })
    .transpose()
}

/// Transactions of every tenant that ended by themselves with tokens in them.
pub async fn abandoned(
    q: &mut impl Query,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<(TenantId, ConnectTransaction)>> {
    let sql = "SELECT tenant, id, user_id, client_id, connection_id, request, account, \
        sealed_tokens, expires_at FROM connect_transactions \
        WHERE expires_at <= $1 AND sealed_tokens IS NOT NULL ORDER BY expires_at LIMIT $2";
    let rows = q.rows(sql, vec![now.into(), limit.into()]).await?;
    rows.iter().map(|row| Ok((row.id("tenant")?, from_row(row)?))).collect()
}

fn from_row(row: &Row) -> Result<ConnectTransaction> {
    let sealed_tokens =
        row.opt_bytes("sealed_tokens")?.map(|bytes| Sealed::from_bytes(bytes.to_vec()));
    Ok(ConnectTransaction {
        id: row.text("id")?.to_owned(),
        user_id: row.id("user_id")?,
        client_id: row.id("client_id")?,
        connection_id: row.id("connection_id")?,
        request: row.text("request")?.to_owned(),
        account: row.opt_text("account")?.map(str::to_owned),
        sealed_tokens,
        expires_at: row.time("expires_at")?,
    })
}
