//! Authorization codes.

use model::grant::CodeGrant;
use model::ids::TenantId;
use protocol::secret::{Hashed, kind};
use protocol::time::Timestamp;

use crate::Result;
use crate::db::{Query, WriteTx};

/// What redeeming a code came to.
#[derive(Debug)]
pub enum Redemption {
    /// This was the first time, and it was in time.
    Granted(Box<CodeGrant>),
    /// The code was redeemed before: everything that came of it is suspect.
    Replayed(Box<CodeGrant>),
    /// The code's time was over before it was redeemed.
    Expired,
    /// There is no such code.
    Unknown,
}

/// What a code stands for, without redeeming it. A proof of possession may have to be asked for a
/// second time, and the code must survive that.
pub async fn peek(
    q: &mut impl Query,
    tenant: &TenantId,
    code: &Hashed<kind::AuthorizationCode>,
) -> Result<Option<CodeGrant>> {
    let sql = "SELECT grant_document FROM authorization_codes WHERE tenant = $1 AND code_hash = $2";
    let row = q.row(sql, vec![tenant.into(), code.into()]).await?;
    row.map(|row| row.document("grant_document")).transpose()
}

/// Adds a code.
pub async fn insert(
    tx: &mut WriteTx,
    tenant: &TenantId,
    code: &Hashed<kind::AuthorizationCode>,
    grant: &CodeGrant,
    expires_at: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO authorization_codes (tenant, code_hash, grant_document, expires_at) \
        VALUES ($1, $2, $3, $4)";
    let document = serde_json::to_string(grant)?;
    tx.execute(sql, vec![tenant.into(), code.into(), document.into(), expires_at.into()]).await?;
    Ok(())
}

/// Redeems a code. One statement decides: of several that try, one is granted.
pub async fn redeem(
    tx: &mut WriteTx,
    tenant: &TenantId,
    code: &Hashed<kind::AuthorizationCode>,
    now: Timestamp,
) -> Result<Redemption> {
    let sql = "UPDATE authorization_codes SET redeemed_at = $3 \
        WHERE tenant = $1 AND code_hash = $2 AND redeemed_at IS NULL AND expires_at > $3 \
        RETURNING grant_document";
    if let Some(row) = tx.row(sql, vec![tenant.into(), code.into(), now.into()]).await? {
        return Ok(Redemption::Granted(Box::new(row.document("grant_document")?)));
    }
    let sql = "SELECT grant_document, redeemed_at FROM authorization_codes \
        WHERE tenant = $1 AND code_hash = $2";
    let Some(row) = tx.row(sql, vec![tenant.into(), code.into()]).await? else {
        return Ok(Redemption::Unknown);
    };
    Ok(match row.opt_time("redeemed_at")? {
        Some(_) => Redemption::Replayed(Box::new(row.document("grant_document")?)),
        None => Redemption::Expired,
    })
}
