//! One refresh at a time per tokenset: whoever comes while it is under way shares it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use futures_util::future::{BoxFuture, FutureExt, Shared};
use model::ids::{TenantId, TokensetId};

use crate::vault_refresh::RefreshOutcome;

type Flight = Shared<BoxFuture<'static, RefreshOutcome>>;
type Key = (TenantId, TokensetId);

/// The refreshes under way.
#[derive(Default)]
pub(crate) struct RefreshFlights(Mutex<HashMap<Key, Flight>>);

impl RefreshFlights {
    /// Joins the refresh of a tokenset, starting it if there is none. Whoever starts it must call
    /// [`Self::land`] when it has ended.
    pub(crate) fn join(
        &self,
        key: Key,
        start: impl FnOnce() -> BoxFuture<'static, RefreshOutcome>,
    ) -> Flight {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        flights.entry(key).or_insert_with(|| start().shared()).clone()
    }

    /// Forgets the refresh of a tokenset; the next caller starts a new one.
    pub(crate) fn land(&self, key: &Key) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}
