//! What a rotation of keys reads and writes: wrapped keys by their key-encryption key, and sealed
//! records that name another tenant key than the newest.
//!
//! Every write is conditional on what was read: whoever wrote a record meanwhile sealed it themselves,
//! and theirs stays.

use model::ids::{ConnectedAccountId, TenantId};
use vault::keyring::Purpose;
use vault::seal::Sealed;

use crate::Result;
use crate::connected_accounts::{StoredAccount, from_row};
use crate::connection_keys::ConnectionKey;
use crate::db::{Arg, Query, WriteTx};
use crate::keys::WrappedKey;

/// Every tenant that has keys: one that was erased has none.
pub async fn tenants(q: &mut impl Query) -> Result<Vec<TenantId>> {
    let sql = "SELECT tenant FROM tenants \
        WHERE EXISTS (SELECT 1 FROM tenant_keys WHERE tenant_keys.tenant = tenants.tenant) \
        ORDER BY tenant";
    let rows = q.rows(sql, vec![]).await?;
    rows.iter().map(|row| row.id("tenant")).collect()
}

/// How many tenant keys each key-encryption key wraps.
pub async fn wrapped_by(q: &mut impl Query) -> Result<Vec<(String, i64)>> {
    let sql = "SELECT kek_id, COUNT(*) AS wrapped FROM tenant_keys GROUP BY kek_id ORDER BY kek_id";
    let rows = q.rows(sql, vec![]).await?;
    rows.iter().map(|row| Ok((row.text("kek_id")?.to_owned(), row.int("wrapped")?))).collect()
}

/// Replaces a wrapped key with the same key wrapped anew. Answers `false` if somebody else did.
pub async fn rewrap(
    tx: &mut WriteTx,
    tenant: &TenantId,
    old: &WrappedKey,
    kek_id: &str,
    wrapped: &[u8],
) -> Result<bool> {
    let sql = "UPDATE tenant_keys SET kek_id = $3, wrapped = $4 \
        WHERE tenant = $1 AND key_id = $2 AND kek_id = $5 AND wrapped = $6";
    let args = vec![
        tenant.into(),
        old.id.as_bytes().as_slice().into(),
        kek_id.into(),
        wrapped.into(),
        old.kek_id.as_str().into(),
        old.wrapped.as_slice().into(),
    ];
    Ok(tx.execute(sql, args).await? == 1)
}

/// Forgets a key-encryption key. Answers `false` if it still wraps something.
pub async fn retire(tx: &mut WriteTx, kek_id: &str) -> Result<bool> {
    let sql = "DELETE FROM kek_checks WHERE kek_id = $1 \
        AND NOT EXISTS (SELECT 1 FROM tenant_keys WHERE kek_id = $1)";
    Ok(tx.execute(sql, vec![kek_id.into()]).await? == 1)
}

/// Accounts after an id, in the order of ids; a page of them.
pub async fn accounts_after(
    q: &mut impl Query,
    tenant: &TenantId,
    after: &ConnectedAccountId,
    limit: i64,
) -> Result<Vec<StoredAccount>> {
    let sql = "SELECT * FROM account_records WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3";
    let args = vec![tenant.into(), after.into(), limit.into()];
    q.rows(sql, args).await?.iter().map(from_row).collect()
}

/// How many tenant keys there are of each purpose.
pub async fn keys_by_purpose(q: &mut impl Query) -> Result<Vec<(String, i64)>> {
    let sql = "SELECT purpose, COUNT(*) AS keys FROM tenant_keys GROUP BY purpose ORDER BY purpose";
    let rows = q.rows(sql, vec![]).await?;
    rows.iter().map(|row| Ok((row.text("purpose")?.to_owned(), row.int("keys")?))).collect()
}

/// How many stored records of a purpose name each key, by the bytes where the key's id stands. Of what
/// is sealed for the other purposes nothing is stored for long.
pub async fn records_by_key(
    q: &mut impl Query,
    tenant: &TenantId,
    purpose: Purpose,
) -> Result<Vec<(Vec<u8>, i64)>> {
    // The third to the eighteenth byte of a record name its key.
    let sql = match purpose {
        Purpose::Vault => {
            "SELECT substr(sealed_tokens, 3, 16) AS key_id, COUNT(*) AS records \
            FROM connected_accounts WHERE tenant = $1 GROUP BY 1"
        }
        Purpose::ProviderSecrets => {
            "SELECT key_id, COUNT(*) AS records FROM ( \
            SELECT substr(sealed_secret, 3, 16) AS key_id FROM connections \
            WHERE tenant = $1 AND sealed_secret IS NOT NULL \
            UNION ALL SELECT substr(sealed_secret, 3, 16) AS key_id FROM event_streams \
            WHERE tenant = $1 \
            UNION ALL SELECT substr(sealed_key, 3, 16) AS key_id FROM connection_keys \
            WHERE tenant = $1) records GROUP BY key_id"
        }
        Purpose::ClientSecrets => {
            "SELECT key_id, COUNT(*) AS records FROM ( \
            SELECT substr(sealed_secret, 3, 16) AS key_id FROM clients \
            WHERE tenant = $1 AND sealed_secret IS NOT NULL \
            UNION ALL SELECT substr(sealed_secret, 3, 16) AS key_id FROM previous_client_secrets \
            WHERE tenant = $1) records GROUP BY key_id"
        }
        Purpose::SigningKeys => {
            "SELECT substr(sealed_key, 3, 16) AS key_id, COUNT(*) AS records \
            FROM signing_keys WHERE tenant = $1 GROUP BY 1"
        }
        Purpose::Tickets | Purpose::Cursors | Purpose::DpopNonces => return Ok(Vec::new()),
    };
    let rows = q.rows(sql, vec![tenant.into()]).await?;
    rows.iter().map(|row| Ok((row.bytes("key_id")?.to_vec(), row.int("records")?))).collect()
}

/// Replaces the sealed tokens of an account with the same tokens sealed anew.
pub async fn reseal_account(
    tx: &mut WriteTx,
    tenant: &TenantId,
    old: &StoredAccount,
    sealed: &Sealed,
) -> Result<bool> {
    let sql = "UPDATE connected_accounts SET sealed_tokens = $4 \
        WHERE tenant = $1 AND id = $2 AND version = $3 AND sealed_tokens = $5";
    let account = &old.account;
    let args = vec![
        tenant.into(),
        (&account.id).into(),
        account.version.into(),
        sealed.into(),
        (&old.sealed_tokens).into(),
    ];
    Ok(tx.execute(sql, args).await? == 1)
}

/// A sealed secret of a client, a connection, an event stream or a signing key, by the id of its row.
#[derive(Debug)]
pub struct SealedSecret {
    /// The row.
    pub id: String,
    /// The record.
    pub sealed: Sealed,
}

/// The sealed secrets of the clients.
pub async fn client_secrets(q: &mut impl Query, tenant: &TenantId) -> Result<Vec<SealedSecret>> {
    let sql = "SELECT client_id AS id, sealed_secret AS sealed FROM clients \
        WHERE tenant = $1 AND sealed_secret IS NOT NULL";
    secrets(q, sql, tenant).await
}

/// The sealed previous secrets of the clients.
pub async fn previous_client_secrets(
    q: &mut impl Query,
    tenant: &TenantId,
) -> Result<Vec<SealedSecret>> {
    let sql = "SELECT client_id AS id, sealed_secret AS sealed FROM previous_client_secrets \
        WHERE tenant = $1";
    secrets(q, sql, tenant).await
}

/// The sealed secrets of the connections.
pub async fn connection_secrets(
    q: &mut impl Query,
    tenant: &TenantId,
) -> Result<Vec<SealedSecret>> {
    let sql = "SELECT id, sealed_secret AS sealed FROM connections \
        WHERE tenant = $1 AND sealed_secret IS NOT NULL";
    secrets(q, sql, tenant).await
}

/// The sealed secrets of the event streams.
pub async fn stream_secrets(q: &mut impl Query, tenant: &TenantId) -> Result<Vec<SealedSecret>> {
    let sql = "SELECT id, sealed_secret AS sealed FROM event_streams WHERE tenant = $1";
    secrets(q, sql, tenant).await
}

async fn secrets(
    q: &mut impl Query,
    sql: &'static str,
    tenant: &TenantId,
) -> Result<Vec<SealedSecret>> {
    let rows = q.rows(sql, vec![tenant.into()]).await?;
    rows.iter()
        .map(|row| {
            Ok(SealedSecret { id: row.text("id")?.to_owned(), sealed: row.sealed("sealed")? })
        })
        .collect()
}

/// Replaces the secret of a client with the same one hashed and sealed anew.
pub async fn reseal_client(
    tx: &mut WriteTx,
    tenant: &TenantId,
    old: &SealedSecret,
    mac: &[u8],
    sealed: &Sealed,
) -> Result<bool> {
    let sql = "UPDATE clients SET sealed_secret = $3, secret_mac = $5 \
        WHERE tenant = $1 AND client_id = $2 AND sealed_secret = $4";
    let mut args = replacing(tenant, old, sealed);
    args.push(mac.into());
    Ok(tx.execute(sql, args).await? == 1)
}

/// Replaces the previous secret of a client with the same one hashed and sealed anew.
pub async fn reseal_previous_secret(
    tx: &mut WriteTx,
    tenant: &TenantId,
    old: &SealedSecret,
    mac: &[u8],
    sealed: &Sealed,
) -> Result<bool> {
    let sql = "UPDATE previous_client_secrets SET sealed_secret = $3, secret_mac = $5 \
        WHERE tenant = $1 AND client_id = $2 AND sealed_secret = $4";
    let mut args = replacing(tenant, old, sealed);
    args.push(mac.into());
    Ok(tx.execute(sql, args).await? == 1)
}

/// Replaces the secret of a connection with the same one sealed anew.
pub async fn reseal_connection(
    tx: &mut WriteTx,
    tenant: &TenantId,
    old: &SealedSecret,
    sealed: &Sealed,
) -> Result<bool> {
    let sql = "UPDATE connections SET sealed_secret = $3 \
        WHERE tenant = $1 AND id = $2 AND sealed_secret = $4";
    Ok(tx.execute(sql, replacing(tenant, old, sealed)).await? == 1)
}

/// Replaces the secrets of an event stream with the same ones sealed anew.
pub async fn reseal_stream(
    tx: &mut WriteTx,
    tenant: &TenantId,
    old: &SealedSecret,
    sealed: &Sealed,
) -> Result<bool> {
    let sql = "UPDATE event_streams SET sealed_secret = $3 \
        WHERE tenant = $1 AND id = $2 AND sealed_secret = $4";
    Ok(tx.execute(sql, replacing(tenant, old, sealed)).await? == 1)
}

/// Replaces a sealed key of a connection with the same one sealed anew.
pub async fn reseal_connection_key(
    tx: &mut WriteTx,
    tenant: &TenantId,
    old: &ConnectionKey,
    sealed: &Sealed,
) -> Result<bool> {
    let sql = "UPDATE connection_keys SET sealed_key = $4 \
        WHERE tenant = $1 AND connection_id = $2 AND kid = $3 AND sealed_key = $5";
    let args = vec![
        tenant.into(),
        (&old.connection_id).into(),
        old.kid.as_str().into(),
        sealed.into(),
        (&old.sealed).into(),
    ];
    Ok(tx.execute(sql, args).await? == 1)
}

/// Replaces a sealed signing key with the same one sealed anew.
pub async fn reseal_signing_key(
    tx: &mut WriteTx,
    tenant: &TenantId,
    old: &SealedSecret,
    sealed: &Sealed,
) -> Result<bool> {
    let sql = "UPDATE signing_keys SET sealed_key = $3 \
        WHERE tenant = $1 AND kid = $2 AND sealed_key = $4";
    Ok(tx.execute(sql, replacing(tenant, old, sealed)).await? == 1)
}

fn replacing(tenant: &TenantId, old: &SealedSecret, sealed: &Sealed) -> Vec<Arg> {
    vec![tenant.into(), old.id.as_str().into(), sealed.into(), (&old.sealed).into()]
}
