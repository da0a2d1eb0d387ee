//! Waits that grow, spread so that those who failed together do not come back together.

use std::time::Duration;

/// How long is waited after failures in a row.
#[derive(Clone, Copy, Debug)]
pub struct BackOff {
    /// After the first.
    pub first: Duration,
    /// How much longer after each further one.
    pub factor: u32,
    /// No longer.
    pub longest: Duration,
}

impl BackOff {
    /// The wait after a failure that so many came before. `jitter` is random.
    pub fn after(self, failures: u32, jitter: u16) -> Duration {
        let grown = self.first.saturating_mul(self.factor.saturating_pow(failures));
        spread(grown.min(self.longest), jitter)
    }
}

/// Between half of a wait and all of it. `jitter` is random.
pub fn spread(wait: Duration, jitter: u16) -> Duration {
    wait / 2 + (wait / 2).mul_f64(f64::from(jitter) / f64::from(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_spread_over_half_of_the_step() {
        let (first, longest) = (Duration::from_secs(1), Duration::from_mins(5));
        let back_off = BackOff { first, factor: 2, longest };
        assert_eq!(back_off.after(0, 0), Duration::from_millis(500));
        assert_eq!(back_off.after(0, u16::MAX), first);
        assert_eq!(back_off.after(3, u16::MAX), Duration::from_secs(8));
        assert_eq!(back_off.after(u32::MAX, u16::MAX), longest);
    }
}
