//! The circuits of the connections, as this node sees their providers.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use model::ids::{ConnectionId, TenantId};
use protocol::time::Timestamp;
use vault::circuit::Circuit;

/// Connections are our own configuration, so their number is bounded by it.
#[derive(Debug, Default)]
pub(crate) struct Circuits(Mutex<HashMap<(TenantId, ConnectionId), Circuit>>);

impl Circuits {
    /// Whether the provider of a connection may be asked now; otherwise, when.
    pub(crate) fn enter(
        &self,
        tenant: &TenantId,
        connection: &ConnectionId,
        now: Timestamp,
    ) -> Result<(), Timestamp> {
        self.with(tenant, connection, |circuit| circuit.enter(now))
    }

    /// Tells the circuit of a connection what came of asking.
    pub(crate) fn with<T>(
        &self,
        tenant: &TenantId,
        connection: &ConnectionId,
        tell: impl FnOnce(&mut Circuit) -> T,
    ) -> T {
        let mut circuits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tell(circuits.entry((tenant.clone(), connection.clone())).or_default())
    }
}
