//! Users and their identities.

use model::ids::{ConnectionId, ProviderSubject, TenantId, UserId};
use model::user::{Identity, User, normalized_email};
use protocol::time::Timestamp;
use vault::seal::UserShare;

use crate::Result;
use crate::db::{Arg, Query, Row, WriteTx};

/// A user with the identities.
pub async fn find(q: &mut impl Query, tenant: &TenantId, user_id: &UserId) -> Result<Option<User>> {
    let sql = "SELECT * FROM user_details WHERE tenant = $1 AND user_id = $2 ORDER BY position";
    first(&q.rows(sql, vec![tenant.into(), user_id.into()]).await?)
}

/// A user, locked until the transaction ends: what is changed on top of it undoes nobody's change.
pub async fn find_for_update(
    tx: &mut WriteTx,
    tenant: &TenantId,
    user_id: &UserId,
) -> Result<Option<User>> {
    let sql = "UPDATE users SET updated_at = updated_at WHERE tenant = $1 AND user_id = $2";
    match tx.execute(sql, vec![tenant.into(), user_id.into()]).await? {
        0 => Ok(None),
        _ => find(tx, tenant, user_id).await,
    }
}

/// The user to whom an identity belongs.
pub async fn find_by_identity(
    q: &mut impl Query,
    tenant: &TenantId,
    connection_id: &ConnectionId,
    subject: &ProviderSubject,
) -> Result<Option<User>> {
    let sql = "SELECT * FROM user_details WHERE tenant = $1 AND user_id = \
        (SELECT user_id FROM identities \
        WHERE tenant = $1 AND connection_id = $2 AND subject = $3) \
        ORDER BY position";
    first(&q.rows(sql, vec![tenant.into(), connection_id.into(), subject.into()]).await?)
}

/// The users with an e-mail address, oldest first.
pub async fn find_by_email(
    q: &mut impl Query,
    tenant: &TenantId,
    email: &str,
) -> Result<Vec<User>> {
    let sql = "SELECT * FROM user_details WHERE tenant = $1 AND email_key = $2 \
        ORDER BY created_at, user_id, position";
    all(&q.rows(sql, vec![tenant.into(), normalized_email(email).into()]).await?)
}

/// A page of the users of a tenant, oldest first.
pub async fn page(
    q: &mut impl Query,
    tenant: &TenantId,
    offset: i64,
    limit: i64,
) -> Result<Vec<User>> {
    let sql = "SELECT * FROM user_details WHERE tenant = $1 AND user_id IN \
        (SELECT user_id FROM users WHERE tenant = $1 \
        ORDER BY created_at, user_id LIMIT $3 OFFSET $2) \
        ORDER BY created_at, user_id, position";
    all(&q.rows(sql, vec![tenant.into(), offset.into(), limit.into()]).await?)
}

/// A page of the users who have an identity of a connection, oldest first.
pub async fn page_for_connection(
    q: &mut impl Query,
    tenant: &TenantId,
    connection_id: &ConnectionId,
    offset: i64,
    limit: i64,
) -> Result<Vec<User>> {
    let sql = "SELECT * FROM user_details WHERE tenant = $1 AND user_id IN \
        (SELECT u.user_id FROM users u WHERE u.tenant = $1 AND u.user_id IN \
        (SELECT i.user_id FROM identities i WHERE i.tenant = $1 AND i.connection_id = $2) \
        ORDER BY u.created_at, u.user_id LIMIT $4 OFFSET $3) \
        ORDER BY created_at, user_id, position";
    let args = vec![tenant.into(), connection_id.into(), offset.into(), limit.into()];
    all(&q.rows(sql, args).await?)
}

/// How many users have an identity of a connection.
pub async fn count_for_connection(
    q: &mut impl Query,
    tenant: &TenantId,
    connection_id: &ConnectionId,
) -> Result<i64> {
    let sql = "SELECT COUNT(DISTINCT user_id) AS total FROM identities \
        WHERE tenant = $1 AND connection_id = $2";
    let row = q.row(sql, vec![tenant.into(), connection_id.into()]).await?;
    row.map_or(Ok(0), |row| row.int("total"))
}

/// How many users a tenant has.
pub async fn count(q: &mut impl Query, tenant: &TenantId) -> Result<i64> {
    let sql = "SELECT COUNT(*) AS total FROM users WHERE tenant = $1";
    q.row(sql, vec![tenant.into()]).await?.map_or(Ok(0), |row| row.int("total"))
}

/// What an exchange needs to know of a user.
#[derive(Debug)]
pub struct Standing {
    /// Whether nobody may act for the user.
    pub blocked: bool,
    /// When the user was made.
    pub created_at: Timestamp,
    /// The random bytes that records of the user are sealed with.
    pub share: UserShare,
}

/// The standing of a user: one small read, because every exchange asks.
pub async fn standing(
    q: &mut impl Query,
    tenant: &TenantId,
    user_id: &UserId,
) -> Result<Option<Standing>> {
    let sql =
        "SELECT blocked, created_at, user_share FROM users WHERE tenant = $1 AND user_id = $2";
    match q.row(sql, vec![tenant.into(), user_id.into()]).await? {
        None => Ok(None),
        Some(row) => {
            let share = UserShare::new(row.array("user_share")?);
            let created_at = row.time("created_at")?;
            Ok(Some(Standing { blocked: row.bool("blocked")?, created_at, share }))
        }
    }
}

/// The random bytes that records of the user are sealed with.
pub async fn share(
    q: &mut impl Query,
    tenant: &TenantId,
    user_id: &UserId,
) -> Result<Option<UserShare>> {
    let sql = "SELECT user_share FROM users WHERE tenant = $1 AND user_id = $2";
    match q.row(sql, vec![tenant.into(), user_id.into()]).await? {
        None => Ok(None),
        Some(row) => Ok(Some(UserShare::new(row.array("user_share")?))),
    }
}

/// Adds a user with the identities.
pub async fn insert(
    tx: &mut WriteTx,
    tenant: &TenantId,
    user: &User,
    share: &UserShare,
) -> Result<()> {
    let sql = "INSERT INTO users (tenant, user_id, email_key, profile, blocked, updated_at, \
        last_login, last_ip, logins_count, user_share, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let mut args = args(tenant, user)?;
    args.extend([
        user.last_login.into(),
        user.last_ip.as_deref().into(),
        user.logins_count.into(),
        share.as_bytes().as_slice().into(),
        user.created_at.into(),
    ]);
    tx.execute(sql, args).await?;
    for (position, identity) in (0_i64..).zip(&user.identities) {
        insert_identity(tx, tenant, &user.user_id, identity, position).await?;
    }
    Ok(())
}

/// Replaces what is known of a user. The identities stay, and what [`note_login`] writes.
pub async fn update(tx: &mut WriteTx, tenant: &TenantId, user: &User) -> Result<u64> {
    let sql = "UPDATE users SET email_key = $3, profile = $4, blocked = $5, updated_at = $6 \
        WHERE tenant = $1 AND user_id = $2";
    tx.execute(sql, args(tenant, user)?).await
}

/// Notes a login; written apart from [`update`], so that it never undoes a change made meanwhile.
pub async fn note_login(
    tx: &mut WriteTx,
    tenant: &TenantId,
    user_id: &UserId,
    ip: Option<&str>,
    now: Timestamp,
) -> Result<u64> {
    let sql = "UPDATE users SET last_login = $3, last_ip = $4, logins_count = logins_count + 1 \
        WHERE tenant = $1 AND user_id = $2";
    tx.execute(sql, vec![tenant.into(), user_id.into(), now.into(), ip.into()]).await
}

/// Replaces what a provider says of an identity.
pub async fn update_identity(
    tx: &mut WriteTx,
    tenant: &TenantId,
    identity: &Identity,
) -> Result<u64> {
    let sql = "UPDATE identities SET profile_data = $4 \
        WHERE tenant = $1 AND connection_id = $2 AND subject = $3";
    let args = vec![
        tenant.into(),
        (&identity.connection_id).into(),
        (&identity.subject).into(),
        serde_json::to_string(&identity.profile_data)?.into(),
    ];
    tx.execute(sql, args).await
}

/// Removes a user with everything that is the user's.
pub async fn delete(tx: &mut WriteTx, tenant: &TenantId, user_id: &UserId) -> Result<u64> {
    let sql = "DELETE FROM users WHERE tenant = $1 AND user_id = $2";
    tx.execute(sql, vec![tenant.into(), user_id.into()]).await
}

/// Removes the users who have no identity but those of a connection.
pub async fn delete_known_by_connection_alone(
    tx: &mut WriteTx,
    tenant: &TenantId,
    connection_id: &ConnectionId,
) -> Result<u64> {
    let sql = "DELETE FROM users WHERE tenant = $1 \
        AND user_id IN (SELECT user_id FROM identities WHERE tenant = $1 AND connection_id = $2) \
        AND NOT EXISTS (SELECT 1 FROM identities other WHERE other.tenant = users.tenant \
        AND other.user_id = users.user_id AND other.connection_id <> $2)";
    tx.execute(sql, vec![tenant.into(), connection_id.into()]).await
}

async fn insert_identity(
    tx: &mut WriteTx,
    tenant: &TenantId,
    user_id: &UserId,
    identity: &Identity,
    position: i64,
) -> Result<()> {
    let sql = "INSERT INTO identities \
        (tenant, connection_id, subject, user_id, position, profile_data) \
        VALUES ($1, $2, $3, $4, $5, $6)";
    let args = vec![
        tenant.into(),
        (&identity.connection_id).into(),
        (&identity.subject).into(),
        user_id.into(),
        position.into(),
        serde_json::to_string(&identity.profile_data)?.into(),
    ];
    tx.execute(sql, args).await?;
    Ok(())
}

fn args(tenant: &TenantId, user: &User) -> Result<Vec<Arg>> {
    Ok(vec![
        tenant.into(),
        (&user.user_id).into(),
        user.profile.email.as_deref().map(normalized_email).into(),
        serde_json::to_string(&user.profile)?.into(),
        user.blocked.into(),
        user.updated_at.into(),
    ])
}

/// The rows of `user_details` are ordered by user.
fn all(rows: &[Row]) -> Result<Vec<User>> {
    let same_user = |a: &Row, b: &Row| a.text("user_id").ok() == b.text("user_id").ok();
    rows.chunk_by(same_user).filter_map(|rows| first(rows).transpose()).collect()
}

/// The user whose rows these are.
fn first(rows: &[Row]) -> Result<Option<User>> {
    let Some(row) = rows.first() else { return Ok(None) };
    let identities = rows.iter().filter_map(|row| identity(row).transpose());
    Ok(Some(User {
        user_id: row.id("user_id")?,
        profile: row.document("profile")?,
        blocked: row.bool("blocked")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
        last_login: row.opt_time("last_login")?,
        last_ip: row.opt_text("last_ip")?.map(str::to_owned),
        logins_count: row.int("logins_count")?,
        identities: identities.collect::<Result<_>>()?,
    }))
}

/// A user without identities has one row with none.
fn identity(row: &Row) -> Result<Option<Identity>> {
    if row.opt_text("connection_id")?.is_none() {
        return Ok(None);
    }
    Ok(Some(Identity {
        connection_id: row.id("connection_id")?,
        connection: row.text("connection")?.to_owned(),
        provider: row.text("strategy")?.to_owned(),
        subject: row.id("subject")?,
        profile_data: row.document("profile_data")?,
    }))
}
