//! The keys by which connections prove at their providers who they are.

use model::ids::{ConnectionId, TenantId};
use protocol::jose::jwk::Jwk;
use protocol::jose::jws::Algorithm;
use protocol::time::Timestamp;
use vault::seal::Sealed;

use crate::db::{Query, Row, WriteTx};
use crate::keys::Stage;
use crate::{Result, StoreError};

/// A key of a connection as it is stored.
#[derive(Debug)]
pub struct ConnectionKey {
    /// Of which connection.
    pub connection_id: ConnectionId,
    /// Its public name.
    pub kid: String,
    /// Whether it signs now, will, or did.
    pub stage: Stage,
    /// What it signs by.
    pub algorithm: Algorithm,
    /// Its public half.
    pub public_jwk: Jwk,
    /// The same as a certificate that it signed itself, in PEM.
    pub certificate: String,
    /// The SHA-1 of the certificate, in hexadecimal digits.
    pub thumbprint: String,
    /// Its private half in PKCS#8.
    pub sealed: Sealed,
    /// Since when it signs, or when it began to.
    pub current_since: Option<Timestamp>,
}

/// The keys of a connection, oldest first.
pub async fn list(
    q: &mut impl Query,
    tenant: &TenantId,
    connection_id: &ConnectionId,
) -> Result<Vec<ConnectionKey>> {
    let sql = "SELECT connection_id, kid, stage, algorithm, public_jwk, certificate, thumbprint, \
        sealed_key, current_since FROM connection_keys \
        WHERE tenant = $1 AND connection_id = $2 ORDER BY created_at, stage, kid";
    let rows = q.rows(sql, vec![tenant.into(), connection_id.into()]).await?;
    rows.iter().map(from_row).collect()
}

/// The key that a connection signs with.
pub async fn current(
    q: &mut impl Query,
    tenant: &TenantId,
    connection_id: &ConnectionId,
) -> Result<Option<ConnectionKey>> {
    let sql = "SELECT connection_id, kid, stage, algorithm, public_jwk, certificate, thumbprint, \
        sealed_key, current_since FROM connection_keys \
        WHERE tenant = $1 AND connection_id = $2 AND stage = 'current'";
    let args = vec![tenant.into(), connection_id.into()];
    q.row(sql, args).await?.as_ref().map(from_row).transpose()
}

/// Every key of a tenant's connections, also of those that were removed.
pub async fn of_tenant(q: &mut impl Query, tenant: &TenantId) -> Result<Vec<ConnectionKey>> {
    let sql = "SELECT connection_id, kid, stage, algorithm, public_jwk, certificate, thumbprint, \
        sealed_key, current_since FROM connection_keys WHERE tenant = $1";
    q.rows(sql, vec![tenant.into()]).await?.iter().map(from_row).collect()
}

/// Adds a key. Of each stage a connection has one.
pub async fn insert(
    tx: &mut WriteTx,
    tenant: &TenantId,
    key: &ConnectionKey,
    now: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO connection_keys (tenant, connection_id, kid, stage, algorithm, \
        public_jwk, certificate, thumbprint, sealed_key, created_at, current_since) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let args = vec![
        tenant.into(),
        (&key.connection_id).into(),
        key.kid.as_str().into(),
        key.stage.as_str().into(),
        key.algorithm.as_str().into(),
        serde_json::to_string(&key.public_jwk)?.into(),
        key.certificate.as_str().into(),
        key.thumbprint.as_str().into(),
        (&key.sealed).into(),
        now.into(),
        key.current_since.into(),
    ];
    tx.execute(sql, args).await?;
    Ok(())
}

/// Lets a connection sign with its next key: the one that signed is kept as the previous one, in the
/// place of an older one. Answers `false` if `next` is not the next one, because somebody else rotated.
pub async fn advance(
    tx: &mut WriteTx,
    tenant: &TenantId,
    connection_id: &ConnectionId,
    next: &str,
    now: Timestamp,
) -> Result<bool> {
    let args = || vec![tenant.into(), connection_id.into()];
    let sql = "DELETE FROM connection_keys \
        WHERE tenant = $1 AND connection_id = $2 AND stage = 'previous'";
    tx.execute(sql, args()).await?;
    let sql = "UPDATE connection_keys SET stage = 'previous' \
        WHERE tenant = $1 AND connection_id = $2 AND stage = 'current'";
    tx.execute(sql, args()).await?;
    let sql = "UPDATE connection_keys SET stage = 'current', current_since = $4 \
        WHERE tenant = $1 AND connection_id = $2 AND stage = 'next' AND kid = $3";
    let args = vec![tenant.into(), connection_id.into(), next.into(), now.into()];
    Ok(tx.execute(sql, args).await? == 1)
}

/// Removes the keys of a connection that is removed, unless it is kept for what is to be revoked.
pub async fn remove(
    tx: &mut WriteTx,
    tenant: &TenantId,
    connection_id: &ConnectionId,
) -> Result<u64> {
    let sql = "DELETE FROM connection_keys WHERE tenant = $1 AND connection_id = $2 \
        AND NOT EXISTS (SELECT 1 FROM departed_connections WHERE tenant = $1 AND id = $2)";
    tx.execute(sql, vec![tenant.into(), connection_id.into()]).await
}

/// Removes the keys of connections that nothing needs any more.
pub async fn forget(tx: &mut WriteTx) -> Result<u64> {
    let sql = "DELETE FROM connection_keys WHERE NOT EXISTS (SELECT 1 FROM connections c \
        WHERE c.tenant = connection_keys.tenant AND c.id = connection_keys.connection_id) \
        AND NOT EXISTS (SELECT 1 FROM departed_connections d \
        WHERE d.tenant = connection_keys.tenant AND d.id = connection_keys.connection_id)";
    tx.execute(sql, vec![]).await
}

fn from_row(row: &Row) -> Result<ConnectionKey> {
    let algorithm = Algorithm::parse(row.text("algorithm")?);
    let unknown = StoreError::Inconsistent { column: "algorithm", reason: "unknown" };
    Ok(ConnectionKey {
        connection_id: row.id("connection_id")?,
        kid: row.text("kid")?.to_owned(),
        stage: Stage::parse(row.text("stage")?)?,
        algorithm: algorithm.ok_or(unknown)?,
        public_jwk: row.document("public_jwk")?,
        certificate: row.text("certificate")?.to_owned(),
        thumbprint: row.text("thumbprint")?.to_owned(),
        sealed: row.sealed("sealed_key")?,
        current_since: row.opt_time("current_since")?,
    })
}
