//! Randomness that a test sees again in its next run.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use aws_lc_rs::hmac;
use engine::entropy::Entropy;

/// Blocks of HMAC-SHA-256 under a seed, counted up.
///
/// Tasks that run at once draw in the order in which they happen to run: values are repeatable as
/// long as a test does one thing at a time.
pub struct SeededEntropy {
    key: hmac::Key,
    next_block: AtomicU64,
    panics: AtomicBool,
}

impl SeededEntropy {
    /// The same seed gives the same values.
    pub fn new(seed: &str) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, seed.as_bytes());
        Self { key, next_block: AtomicU64::new(0), panics: AtomicBool::new(false) }
    }

    /// Whoever draws next panics: a mistake of ours, in the middle of something.
    pub fn panic_once(&self) {
        self.panics.store(true, Ordering::SeqCst);
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        assert!(!self.panics.swap(false, Ordering::SeqCst), "the test asked for this panic");
        for chunk in buffer.chunks_mut(32) {
            let block = self.next_block.fetch_add(1, Ordering::Relaxed);
            let tag = hmac::sign(&self.key, &block.to_be_bytes());
            chunk.copy_from_slice(&tag.as_ref()[..chunk.len()]);
        }
    }
}
