//! How accounts leave, whoever takes them away: receivers of events are told, and the provider is, where
//! the connection says so.

use model::ids::TenantId;
use protocol::time::Timestamp;
use store::departures::{self, Leaving};
use store::{StoreError, WriteTx};

use crate::app::App;

/// Removes accounts with their tokens, in the transaction of whatever makes them go. Answers how many
/// there were.
pub(crate) async fn leave(
    app: &App,
    tx: &mut WriteTx,
    tenant: &TenantId,
    leaving: Leaving<'_>,
    reason: &'static str,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let mark = app.entropy.uuid();
    let marked = departures::mark(tx, tenant, leaving, &mark).await?;
    if marked > 0 {
        departures::tell(tx, tenant, &mark, reason, now).await?;
        departures::revoke(tx, tenant, &mark, now).await?;
        departures::delete(tx, tenant, &mark).await?;
    }
    Ok(marked)
}
