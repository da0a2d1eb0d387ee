//! Wrapped tenant keys, checks of key-encryption keys, and sealed signing keys.

use model::ids::TenantId;
use protocol::jose::jwk::Jwk;
use protocol::time::Timestamp;
use vault::keyring::{KeyId, Purpose};
use vault::seal::Sealed;

use crate::db::{Query, Row, WriteTx};
use crate::{Result, StoreError};

/// A tenant key as it is stored.
#[derive(Debug)]
pub struct WrappedKey {
    /// Its public name.
    pub id: KeyId,
    /// What it is for.
    pub purpose: Purpose,
    /// The key-encryption key that opens it.
    pub kek_id: String,
    /// The wrapped key.
    pub wrapped: Vec<u8>,
    /// From when on it seals; before, it only opens, so that every node knows it in time.
    pub seals_from: Timestamp,
}

/// A signing key as it is stored.
#[derive(Debug)]
pub struct SealedSigningKey {
    /// Its public name.
    pub kid: String,
    /// Whether it signs now, will, or did.
    pub stage: Stage,
    /// Its public half.
    pub public_jwk: Jwk,
    /// Its private half in PKCS#8.
    pub sealed: Sealed,
}

/// Where a signing key stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Signs.
    Current,
    /// Is published, so that verifiers know it when it begins to sign.
    Next,
    /// Is published, so that what it signed is still verified.
    Previous,
}

impl Stage {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Next => "next",
            Self::Previous => "previous",
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self> {
        [Self::Current, Self::Next, Self::Previous]
            .into_iter()
            .find(|stage| stage.as_str() == text)
            .ok_or(StoreError::Inconsistent { column: "stage", reason: "unknown" })
    }
}

/// Every check of a key-encryption key: its id and the wrapped known value.
pub async fn kek_checks(q: &mut impl Query) -> Result<Vec<(String, Vec<u8>)>> {
    let rows = q
        .rows("SELECT kek_id, wrapped FROM kek_checks ORDER BY created_at, kek_id", vec![])
        .await?;
    rows.iter()
        .map(|row| Ok((row.text("kek_id")?.to_owned(), row.bytes("wrapped")?.to_vec())))
        .collect()
}

/// Adds the check of a key-encryption key.
pub async fn insert_kek_check(
    tx: &mut WriteTx,
    kek_id: &str,
    wrapped: &[u8],
    now: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO kek_checks (kek_id, wrapped, created_at) VALUES ($1, $2, $3)";
    tx.execute(sql, vec![kek_id.into(), wrapped.into(), now.into()]).await?;
    Ok(())
}

/// The keys of a tenant, oldest first: of each purpose the last is the one to seal with.
pub async fn tenant_keys(q: &mut impl Query, tenant: &TenantId) -> Result<Vec<WrappedKey>> {
    let sql = "SELECT key_id, purpose, kek_id, wrapped, created_at FROM tenant_keys \
        WHERE tenant = $1 ORDER BY created_at, key_id";
    let rows = q.rows(sql, vec![tenant.into()]).await?;
    rows.iter().map(wrapped_key).collect()
}

/// Adds a tenant key.
pub async fn insert_tenant_key(
    tx: &mut WriteTx,
    tenant: &TenantId,
    key: &WrappedKey,
) -> Result<()> {
    let sql = "INSERT INTO tenant_keys (tenant, key_id, purpose, kek_id, wrapped, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6)";
    let args = vec![
        tenant.into(),
        key.id.as_bytes().as_slice().into(),
        key.purpose.as_str().into(),
        key.kek_id.as_str().into(),
        key.wrapped.as_slice().into(),
        key.seals_from.into(),
    ];
    tx.execute(sql, args).await?;
    Ok(())
}

/// Deletes a key of a tenant. Answers `false` if somebody else did.
pub async fn remove_tenant_key(tx: &mut WriteTx, tenant: &TenantId, id: &KeyId) -> Result<bool> {
    let sql = "DELETE FROM tenant_keys WHERE tenant = $1 AND key_id = $2";
    Ok(tx.execute(sql, vec![tenant.into(), id.as_bytes().as_slice().into()]).await? == 1)
}

/// Deletes every key of a tenant: what they sealed can never be read again. Answers how many there were.
pub async fn erase(tx: &mut WriteTx, tenant: &TenantId) -> Result<u64> {
    let sql = "DELETE FROM tenant_keys WHERE tenant = $1";
    tx.execute(sql, vec![tenant.into()]).await
}

/// The tenants without any key. Each had some from the beginning, so these were erased.
pub async fn erased_tenants(q: &mut impl Query) -> Result<Vec<TenantId>> {
    let sql = "SELECT tenant FROM tenants \
        WHERE NOT EXISTS (SELECT 1 FROM tenant_keys WHERE tenant_keys.tenant = tenants.tenant) \
        ORDER BY tenant";
    let rows = q.rows(sql, vec![]).await?;
    rows.iter().map(|row| row.id("tenant")).collect()
}

/// The signing keys of a tenant.
pub async fn signing_keys(q: &mut impl Query, tenant: &TenantId) -> Result<Vec<SealedSigningKey>> {
    let sql = "SELECT kid, stage, public_jwk, sealed_key FROM signing_keys \
        WHERE tenant = $1 ORDER BY created_at, kid";
    let rows = q.rows(sql, vec![tenant.into()]).await?;
    rows.iter().map(signing_key).collect()
}

/// Every signing key of a tenant by its stage and the time at which it was made, oldest first.
pub async fn signing_stages(
    q: &mut impl Query,
    tenant: &TenantId,
) -> Result<Vec<(String, Stage, Timestamp)>> {
    let sql = "SELECT kid, stage, created_at FROM signing_keys \
        WHERE tenant = $1 ORDER BY created_at, kid";
    let rows = q.rows(sql, vec![tenant.into()]).await?;
    rows.iter()
        .map(|row| {
            let stage = Stage::parse(row.text("stage")?)?;
            Ok((row.text("kid")?.to_owned(), stage, row.time("created_at")?))
        })
        .collect()
}

/// Moves a signing key on from a stage to another. Answers `false` if it is not in the former,
/// because somebody else moved it.
pub async fn move_signing_key(
    tx: &mut WriteTx,
    tenant: &TenantId,
    kid: &str,
    from: Stage,
    to: Stage,
) -> Result<bool> {
    let sql = "UPDATE signing_keys SET stage = $4 WHERE tenant = $1 AND kid = $2 AND stage = $3";
    let args = vec![tenant.into(), kid.into(), from.as_str().into(), to.as_str().into()];
    Ok(tx.execute(sql, args).await? == 1)
}

/// Removes a signing key that signs no more. Answers `false` if it is not there or still signs.
pub async fn remove_signing_key(tx: &mut WriteTx, tenant: &TenantId, kid: &str) -> Result<bool> {
    let sql = "DELETE FROM signing_keys WHERE tenant = $1 AND kid = $2 AND stage = $3";
    let args = vec![tenant.into(), kid.into(), Stage::Previous.as_str().into()];
    Ok(tx.execute(sql, args).await? == 1)
}

/// Adds a signing key.
pub async fn insert_signing_key(
    tx: &mut WriteTx,
    tenant: &TenantId,
    key: &SealedSigningKey,
    now: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO signing_keys (tenant, kid, stage, public_jwk, sealed_key, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6)";
    let args = vec![
        tenant.into(),
        key.kid.as_str().into(),
        key.stage.as_str().into(),
        serde_json::to_string(&key.public_jwk)?.into(),
        (&key.sealed).into(),
        now.into(),
    ];
    tx.execute(sql, args).await?;
    Ok(())
}

fn wrapped_key(row: &Row) -> Result<WrappedKey> {
    let inconsistent = |column| StoreError::Inconsistent { column, reason: "unknown" };
    Ok(WrappedKey {
        id: KeyId::new(row.array("key_id")?),
        purpose: Purpose::from_name(row.text("purpose")?).ok_or(inconsistent("purpose"))?,
        kek_id: row.text("kek_id")?.to_owned(),
        wrapped: row.bytes("wrapped")?.to_vec(),
        seals_from: row.time("created_at")?,
    })
}

fn signing_key(row: &Row) -> Result<SealedSigningKey> {
    Ok(SealedSigningKey {
        kid: row.text("kid")?.to_owned(),
        stage: Stage::parse(row.text("stage")?)?,
        public_jwk: row.document("public_jwk")?,
        sealed: row.sealed("sealed_key")?,
    })
}
