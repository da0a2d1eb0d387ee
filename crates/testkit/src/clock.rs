//! Time that moves when a test says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use engine::clock::Clock;
use protocol::time::Timestamp;

/// When tests begin: 2026-11-21T12:00:00Z.
pub const START: Timestamp = Timestamp::from_seconds(1_795_262_400);

/// A clock by hand, the same for the server, the provider and the test's own proofs.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    pub(crate) fn new() -> Self {
        Self(AtomicI64::new(START.as_millis()))
    }

    /// Lets time pass.
    pub fn advance(&self, duration: Duration) {
        let milliseconds = i64::try_from(duration.as_millis()).unwrap();
        self.0.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

/// The same clock, set wrong.
pub(crate) struct WrongClock {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) ahead_seconds: i64,
}

impl Clock for WrongClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.now().as_millis() + self.ahead_seconds * 1000)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}
