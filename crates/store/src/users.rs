//! Users and their identities.

use model::ids::{ConnectionId, ProviderSubject, TenantId, UserId};
use model::user::{Identity, User, normalized_email};
use protocol::time::Timestamp;
use vault::seal::UserShare;

use crate::Result;
use crate::db::{Arg, Query, Row, WriteTx};

const COLUMNS: &str = "SELECT user_id, profile, blocked, created_at, updated_at, last_login, \
    last_ip, logins_count FROM users WHERE tenant = $1 AND user_id = $2";

/// A user with the identities.
pub async fn find(q: &mut impl Query, tenant: &TenantId, user_id: &UserId) -> Result<Option<User>> {
    let Some(row) = q.row(COLUMNS, vec![tenant.into(), user_id.into()]).await? else {
        return Ok(None);
    };
    let identities = identities(q, tenant, user_id).await?;
    from_row(&row, identities).map(Some)
}

/// The user to whom an identity belongs.
pub async fn find_by_identity(
    q: &mut impl Query,
    tenant: &TenantId,
    connection_id: &ConnectionId,
    subject: &ProviderSubject,
) -> Result<Option<User>> {
    let sql = "SELECT user_id FROM identities \
        WHERE tenant = $1 AND connection_id = $2 AND subject = $3";
    let args = vec![tenant.into(), connection_id.into(), subject.into()];
    match q.row(sql, args).await? {
        None => Ok(None),
        Some(row) => find(q, tenant, &row.id("user_id")?).await,
    }
}

/// The users with an e-mail address.
pub async fn find_by_email(
    q: &mut impl Query,
    tenant: &TenantId,
    email: &str,
) -> Result<Vec<User>> {
    let sql = "SELECT user_id FROM users WHERE tenant = $1 AND email_key = $2 ORDER BY created_at";
    let rows = q.rows(sql, vec![tenant.into(), normalized_email(email).into()]).await?;
    load_all(q, tenant, &rows).await
}

/// A page of the users of a tenant, oldest first.
pub async fn page(
    q: &mut impl Query,
    tenant: &TenantId,
    offset: i64,
    limit: i64,
) -> Result<Vec<User>> {
    let sql = "SELECT user_id FROM users WHERE tenant = $1 \
        ORDER BY created_at, user_id LIMIT $3 OFFSET $2";
    let rows = q.rows(sql, vec![tenant.into(), offset.into(), limit.into()]).await?;
    load_all(q, tenant, &rows).await
}

/// How many users a tenant has.
pub async fn count(q: &mut impl Query, tenant: &TenantId) -> Result<i64> {
    let sql = "SELECT COUNT(*) AS total FROM users WHERE tenant = $1";
    q.row(sql, vec![tenant.into()]).await?.map_or(Ok(0), |row| row.int("total"))
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
    args.extend([share.as_bytes().as_slice().into(), user.created_at.into()]);
    tx.execute(sql, args).await?;
    for (position, identity) in (0_i64..).zip(&user.identities) {
        insert_identity(tx, tenant, &user.user_id, identity, position).await?;
    }
    Ok(())
}

/// Replaces what is known of a user; the identities stay.
pub async fn update(tx: &mut WriteTx, tenant: &TenantId, user: &User) -> Result<u64> {
    let sql = "UPDATE users SET email_key = $3, profile = $4, blocked = $5, updated_at = $6, \
        last_login = $7, last_ip = $8, logins_count = $9 \
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

async fn identities(
    q: &mut impl Query,
    tenant: &TenantId,
    user_id: &UserId,
) -> Result<Vec<Identity>> {
    let sql = "SELECT i.connection_id, i.subject, i.profile_data, c.name, c.strategy \
        FROM identities i JOIN connections c ON c.tenant = i.tenant AND c.id = i.connection_id \
        WHERE i.tenant = $1 AND i.user_id = $2 ORDER BY i.position";
    let rows = q.rows(sql, vec![tenant.into(), user_id.into()]).await?;
    rows.iter().map(identity).collect()
}

async fn load_all(q: &mut impl Query, tenant: &TenantId, rows: &[Row]) -> Result<Vec<User>> {
    let mut users = Vec::with_capacity(rows.len());
    for row in rows {
        users.extend(find(q, tenant, &row.id("user_id")?).await?);
    }
    Ok(users)
}

fn args(tenant: &TenantId, user: &User) -> Result<Vec<Arg>> {
    Ok(vec![
        tenant.into(),
        (&user.user_id).into(),
        user.profile.email.as_deref().map(normalized_email).into(),
        serde_json::to_string(&user.profile)?.into(),
        user.blocked.into(),
        user.updated_at.into(),
        user.last_login.into(),
        user.last_ip.as_deref().into(),
        user.logins_count.into(),
    ])
}

fn identity(row: &Row) -> Result<Identity> {
    Ok(Identity {
        connection_id: row.id("connection_id")?,
        connection: row.text("name")?.to_owned(),
        provider: row.text("strategy")?.to_owned(),
        subject: row.id("subject")?,
        profile_data: row.document("profile_data")?,
    })
}

fn from_row(row: &Row, identities: Vec<Identity>) -> Result<User> {
    Ok(User {
        user_id: row.id("user_id")?,
        profile: row.document("profile")?,
        blocked: row.bool("blocked")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
        last_login: row.opt_time("last_login")?,
        last_ip: row.opt_text("last_ip")?.map(str::to_owned),
        logins_count: row.int("logins_count")?,
        identities,
    })
}
