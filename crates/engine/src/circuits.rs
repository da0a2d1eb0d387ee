//! The circuits of the connections, as this node sees their providers; and a bulkhead for each, so that
//! a provider that hangs takes no more than its own share of what this node can do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::ids::{ConnectionId, TenantId};
use protocol::time::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use vault::circuit::{Circuit, Entry};

/// How many tokensets of one connection are renewed at once.
const SLOTS: usize = 64;
/// For how long is waited for one of them; a provider that answers empties them sooner.
const SLOT_WAIT: Duration = Duration::from_secs(5);

/// Connections are our own configuration, so their number is bounded by it.
#[derive(Debug, Default)]
pub(crate) struct Circuits(Mutex<HashMap<(TenantId, ConnectionId), Door>>);

/// What stands between us and the provider of one connection.
#[derive(Debug)]
struct Door {
    circuit: Circuit,
    slots: Arc<Semaphore>,
}

impl Default for Door {
    fn default() -> Self {
        Self { circuit: Circuit::default(), slots: Arc::new(Semaphore::new(SLOTS)) }
    }
}

/// One of the renewals of a connection that may be under way at once. Dropped, it is another's.
#[derive(Debug)]
pub(crate) struct Slot(#[expect(dead_code, reason = "its drop is its use")] OwnedSemaphorePermit);

impl Circuits {
    /// Waits for a slot of a connection, though not for long.
    pub(crate) async fn slot(&self, tenant: &TenantId, connection: &ConnectionId) -> Option<Slot> {
        let slots = self.at(tenant, connection, |door| Arc::clone(&door.slots));
        let slot = tokio::time::timeout(SLOT_WAIT, slots.acquire_owned()).await;
        slot.ok()?.ok().map(Slot)
    }

    /// Whether the provider of a connection may be asked now; otherwise, when.
    pub(crate) fn enter(
        &self,
        tenant: &TenantId,
        connection: &ConnectionId,
        now: Timestamp,
    ) -> Result<Entry, Timestamp> {
        self.with(tenant, connection, |circuit| circuit.enter(now))
    }

    /// Tells the circuit of a connection what came of asking.
    pub(crate) fn with<T>(
        &self,
        tenant: &TenantId,
        connection: &ConnectionId,
        tell: impl FnOnce(&mut Circuit) -> T,
    ) -> T {
        self.at(tenant, connection, |door| tell(&mut door.circuit))
    }

    fn at<T>(
        &self,
        tenant: &TenantId,
        connection: &ConnectionId,
        look: impl FnOnce(&mut Door) -> T,
    ) -> T {
        let mut doors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        look(doors.entry((tenant.clone(), connection.clone())).or_default())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    /// F25: whoever fills the slots of one connection leaves those of every other one alone.
    #[tokio::test]
    async fn f25_a_connection_fills_its_own_slots() {
        let circuits = Circuits::default();
        let (acme, other) = (TenantId::new("acme"), TenantId::new("other"));
        let (hanging, well) = (ConnectionId::new("con_1"), ConnectionId::new("con_2"));
        let take = |tenant, connection| circuits.slot(tenant, connection).now_or_never().flatten();
        let mut taken: Vec<_> = (0..SLOTS).map(|_| take(&acme, &hanging).unwrap()).collect();
        assert!(take(&acme, &hanging).is_none());
        assert!(take(&acme, &well).is_some());
        assert!(take(&other, &hanging).is_some());
        taken.pop();
        assert!(take(&acme, &hanging).is_some());
    }
}
