//! How accounts leave, whoever takes them away: receivers of events are told, and the provider is, where
//! the connection says so.

use protocol::time::Timestamp;
use store::departures::{self, Leaving};
use store::{StoreError, WriteTx};

use crate::app::App;
use crate::context::Context;

/// Removes accounts with their tokens, in the transaction of whatever makes them go. Answers how many
/// there were.
pub(crate) async fn leave(
    app: &App,
    tx: &mut WriteTx,
    context: &Context,
    leaving: Leaving<'_>,
    reason: &'static str,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let (tenant, mark) = (context.tenant_id(), app.entropy.uuid());
    let marked = departures::mark(tx, tenant, leaving, &mark).await?;
    if marked > 0 {
        departures::tell(tx, tenant, &mark, reason, now).await?;
        departures::revoke(tx, tenant, &mark, now).await?;
        departures::delete(tx, tenant, &mark).await?;
    }
    Ok(marked)
}
