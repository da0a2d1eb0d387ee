//! Families of refresh tokens.

use model::grant::{Authorization, GrantFamily, RefreshTokenRecord};
use model::ids::{ClientId, GrantFamilyId, TenantId, UserId};
use protocol::jose::jwk::Thumbprint;
use protocol::oauth::scope::ScopeSet;
use protocol::secret::{Hashed, kind};
use protocol::time::Timestamp;

use crate::db::{Query, Row, WriteTx};
use crate::{Result, StoreError};

const FAMILY: &str = "SELECT f.id, f.client_id, f.user_id, f.session_id, f.audience, f.scope, \
    f.auth_time, f.dpop_jkt, f.created_at, f.expires_at, f.last_used_at, f.latest_generation, \
    f.revoked_at, t.generation, t.replaced_at \
    FROM refresh_tokens t JOIN grant_families f ON f.tenant = t.tenant AND f.id = t.family_id \
    WHERE t.tenant = $1 AND t.token_hash = $2";

/// A refresh token with its family.
pub async fn find(
    q: &mut impl Query,
    tenant: &TenantId,
    token: &Hashed<kind::RefreshToken>,
) -> Result<Option<(GrantFamily, RefreshTokenRecord)>> {
    q.row(FAMILY, vec![tenant.into(), token.into()]).await?.as_ref().map(from_row).transpose()
}

/// Begins a family.
pub async fn insert_family(
    tx: &mut WriteTx,
    tenant: &TenantId,
    family: &GrantFamily,
) -> Result<()> {
    let sql = "INSERT INTO grant_families (tenant, id, client_id, user_id, session_id, audience, \
        scope, auth_time, dpop_jkt, created_at, expires_at, last_used_at, latest_generation, \
        revoked_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
    let authorization = &family.authorization;
    let args = vec![
        tenant.into(),
        (&family.id).into(),
        (&authorization.client_id).into(),
        (&authorization.user_id).into(),
        (&authorization.session_id).into(),
        authorization.audience.as_deref().into(),
        authorization.scope.to_string().into(),
        authorization.auth_time.into(),
        family.dpop_jkt.as_ref().map(Thumbprint::as_str).into(),
        family.created_at.into(),
        family.expires_at.into(),
        family.last_used_at.into(),
        family.latest_generation.into(),
        family.revoked_at.into(),
    ];
    tx.execute(sql, args).await?;
    Ok(())
}

/// Adds a token to a family. Adding the same one again is fine.
pub async fn insert_token(
    tx: &mut WriteTx,
    tenant: &TenantId,
    token: &Hashed<kind::RefreshToken>,
    family_id: &GrantFamilyId,
    generation: i64,
    now: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO refresh_tokens (tenant, token_hash, family_id, generation, created_at) \
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
    let args = vec![tenant.into(), token.into(), family_id.into(), generation.into(), now.into()];
    tx.execute(sql, args).await?;
    Ok(())
}

/// Marks a token as replaced. Of several that try, one is told `true`.
pub async fn replace_token(
    tx: &mut WriteTx,
    tenant: &TenantId,
    token: &Hashed<kind::RefreshToken>,
    now: Timestamp,
) -> Result<bool> {
    let sql = "UPDATE refresh_tokens SET replaced_at = $3 \
        WHERE tenant = $1 AND token_hash = $2 AND replaced_at IS NULL";
    Ok(tx.execute(sql, vec![tenant.into(), token.into(), now.into()]).await? == 1)
}

/// Notes that a family was used and how far its generations have come. Answers `false` if it was
/// revoked meanwhile.
pub async fn note_use(
    tx: &mut WriteTx,
    tenant: &TenantId,
    family_id: &GrantFamilyId,
    generation: i64,
    now: Timestamp,
) -> Result<bool> {
    let sql = "UPDATE grant_families SET last_used_at = $4, \
        latest_generation = CASE WHEN latest_generation < $3 THEN $3 ELSE latest_generation END \
        WHERE tenant = $1 AND id = $2 AND revoked_at IS NULL";
    let args = vec![tenant.into(), family_id.into(), generation.into(), now.into()];
    Ok(tx.execute(sql, args).await? == 1)
}

/// Revokes a family. Answers `false` if it was revoked before or never was.
pub async fn revoke_family(
    tx: &mut WriteTx,
    tenant: &TenantId,
    family_id: &GrantFamilyId,
    now: Timestamp,
) -> Result<bool> {
    let sql = "UPDATE grant_families SET revoked_at = $3 \
        WHERE tenant = $1 AND id = $2 AND revoked_at IS NULL";
    Ok(tx.execute(sql, vec![tenant.into(), family_id.into(), now.into()]).await? == 1)
}

/// Revokes every family of a user.
pub async fn revoke_for_user(
    tx: &mut WriteTx,
    tenant: &TenantId,
    user_id: &UserId,
    now: Timestamp,
) -> Result<u64> {
    let sql = "UPDATE grant_families SET revoked_at = $3 \
        WHERE tenant = $1 AND user_id = $2 AND revoked_at IS NULL";
    tx.execute(sql, vec![tenant.into(), user_id.into(), now.into()]).await
}

/// Revokes the oldest families of a user with a client beyond `keep`.
pub async fn revoke_oldest(
    tx: &mut WriteTx,
    tenant: &TenantId,
    user_id: &UserId,
    client_id: &ClientId,
    keep: i64,
    now: Timestamp,
) -> Result<u64> {
    let sql = "UPDATE grant_families SET revoked_at = $5 \
        WHERE tenant = $1 AND revoked_at IS NULL AND id IN (SELECT f.id FROM grant_families f \
        WHERE f.tenant = $1 AND f.user_id = $2 AND f.client_id = $3 AND f.revoked_at IS NULL \
        ORDER BY f.last_used_at DESC, f.id LIMIT 1000000 OFFSET $4)";
    let args = vec![tenant.into(), user_id.into(), client_id.into(), keep.into(), now.into()];
    tx.execute(sql, args).await
}

fn from_row(row: &Row) -> Result<(GrantFamily, RefreshTokenRecord)> {
    let scope = ScopeSet::parse(row.text("scope")?)
        .or(Err(StoreError::Inconsistent { column: "scope", reason: "not a scope" }))?;
    let authorization = Authorization {
        client_id: row.id("client_id")?,
        user_id: row.id("user_id")?,
        session_id: row.id("session_id")?,
        audience: row.opt_text("audience")?.map(str::to_owned),
        scope,
        auth_time: row.time("auth_time")?,
    };
    let dpop_jkt = row
        .opt_text("dpop_jkt")?
        .map(Thumbprint::parse)
        .transpose()
        .or(Err(StoreError::Inconsistent { column: "dpop_jkt", reason: "not a thumbprint" }))?;
    let family = GrantFamily {
        id: row.id("id")?,
        authorization,
        dpop_jkt,
        created_at: row.time("created_at")?,
        expires_at: row.opt_time("expires_at")?,
        last_used_at: row.time("last_used_at")?,
        latest_generation: row.int("latest_generation")?,
        revoked_at: row.opt_time("revoked_at")?,
    };
    let token = RefreshTokenRecord {
        generation: row.int("generation")?,
        replaced_at: row.opt_time("replaced_at")?,
    };
    Ok((family, token))
}
