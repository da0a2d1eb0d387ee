//! Takes away what has ended.

use std::time::Duration;

use protocol::time::Timestamp;

use crate::Result;
use crate::db::WriteTx;

/// A redeemed code is kept for this long, so that its replay is still recognised as one.
const REDEEMED_CODE_KEPT: Duration = Duration::from_secs(24 * 3600);

/// Removes what nobody can use any more; answers how many rows went.
pub async fn sweep(tx: &mut WriteTx, now: Timestamp) -> Result<u64> {
    let mut removed = 0;
    for sql in [
        "DELETE FROM login_states WHERE expires_at <= $1",
        "DELETE FROM provider_states WHERE expires_at <= $1",
        "DELETE FROM connect_transactions WHERE expires_at <= $1",
        "DELETE FROM sessions WHERE expires_at <= $1",
        "DELETE FROM replay_marks WHERE expires_at <= $1",
    ] {
        removed += tx.execute(sql, vec![now.into()]).await?;
    }
    let sql = "DELETE FROM authorization_codes WHERE expires_at <= $1";
    removed += tx.execute(sql, vec![now.saturating_sub(REDEEMED_CODE_KEPT).into()]).await?;
    Ok(removed)
}
