//! One refresh at a time per tokenset: whoever comes while it is under way shares it, or waits for its
//! end if it is for one caller alone.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::{BoxFuture, FutureExt, Shared};
use model::ids::{TenantId, TokensetId};
use tokio_util::sync::CancellationToken;

use crate::vault_refresh::RefreshOutcome;

type Key = (TenantId, TokensetId);

#[derive(Clone)]
enum Flight {
    /// Its outcome is everybody's.
    Shared(Shared<BoxFuture<'static, RefreshOutcome>>),
    /// What it brings is for one caller; the others are told when it has ended.
    Alone(CancellationToken),
}

/// The refreshes under way. Whoever starts one must call [`Self::land`] when it has ended.
#[derive(Default)]
pub(crate) struct RefreshFlights(Mutex<HashMap<Key, Flight>>);

impl RefreshFlights {
    /// Joins the refresh of a tokenset, starting it if there is none.
    pub(crate) async fn join(
        &self,
        key: &Key,
        start: impl Fn() -> BoxFuture<'static, RefreshOutcome>,
    ) -> RefreshOutcome {
        loop {
            let begin = || Flight::Shared(start().shared());
            let flight = self.lock().entry(key.clone()).or_insert_with(begin).clone();
            match flight {
                Flight::Shared(outcome) => return outcome.await,
                Flight::Alone(ended) => ended.cancelled().await,
            }
        }
    }

    /// Starts a refresh that nobody shares, once no other is under way.
    pub(crate) async fn start_alone(&self, key: &Key) {
        loop {
            let under_way = match self.lock().entry(key.clone()) {
                Entry::Vacant(free) => {
                    free.insert(Flight::Alone(CancellationToken::new()));
                    return;
                }
                Entry::Occupied(taken) => taken.get().clone(),
            };
            match under_way {
                Flight::Shared(outcome) => drop(outcome.await),
                Flight::Alone(ended) => ended.cancelled().await,
            }
        }
    }

    /// Forgets the refresh of a tokenset; the next caller starts a new one.
    pub(crate) fn land(&self, key: &Key) {
        if let Some(Flight::Alone(ended)) = self.lock().remove(key) {
            ended.cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Flight>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
