//! What was read lately and changes rarely: configuration, never grants.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use protocol::time::Timestamp;

/// Values by key, each good for a while after it was read. Keys come from our own configuration, so
/// their number is bounded by it.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    kept: Duration,
    entries: RwLock<HashMap<K, (Timestamp, Arc<V>)>>,
}

impl<K: Eq + Hash, V> Recent<K, V> {
    /// Nothing yet; what comes is good for `kept`.
    pub(crate) fn new(kept: Duration) -> Self {
        Self { kept, entries: RwLock::default() }
    }

    /// The value of a key, if it was read lately.
    pub(crate) fn get(&self, key: &K, now: Timestamp) -> Option<Arc<V>> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let (read_at, value) = entries.get(key)?;
        self.is_good(*read_at, now).then(|| Arc::clone(value))
    }

    /// Remembers a value that was just read.
    pub(crate) fn put(&self, key: K, value: V, now: Timestamp) -> Arc<V> {
        let value = Arc::new(value);
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        entries.insert(key, (now, Arc::clone(&value)));
        value
    }

    /// Forgets the value of a key.
    pub(crate) fn remove(&self, key: &K) {
        self.entries.write().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    /// Forgets what was read too long ago. Answers whether anything is left.
    pub(crate) fn sweep(&self, now: Timestamp) -> bool {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|_, (read_at, _)| self.is_good(*read_at, now));
        !entries.is_empty()
    }

    /// What was read in what is now the future was read before the clock was set back.
    fn is_good(&self, read_at: Timestamp, now: Timestamp) -> bool {
        now.since(read_at).max(read_at.since(now)) < self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_good_for_its_time_and_no_longer() {
        let recent = Recent::new(Duration::from_secs(1));
        recent.put("k", 1, Timestamp::from_millis(1_000));
        assert_eq!(recent.get(&"k", Timestamp::from_millis(1_999)).as_deref(), Some(&1));
        assert_eq!(recent.get(&"k", Timestamp::from_millis(2_000)), None);
        assert_eq!(recent.get(&"other", Timestamp::from_millis(1_000)), None);
        // Threads read the clock before they come here, and a clock may be set back.
        assert_eq!(recent.get(&"k", Timestamp::from_millis(1)).as_deref(), Some(&1));
        assert_eq!(recent.get(&"k", Timestamp::from_millis(0)), None);
        assert!(recent.sweep(Timestamp::from_millis(1_999)));
        assert!(!recent.sweep(Timestamp::from_millis(2_000)));
    }
}
