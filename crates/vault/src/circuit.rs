//! When a provider is in trouble, a connection stops asking it, and one caller at a time finds out
//! whether it is back.

use std::time::Duration;

use protocol::time::Timestamp;

use crate::refresh::BACK_OFF;

/// So many passing faults in a row open the circuit.
const FAULTS_MAX: u32 = 5;
/// Whoever probes has answered by then.
const PROBE: Duration = Duration::from_secs(20);

/// The circuit of one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Circuit {
    faults: u32,
    open_until: Option<Timestamp>,
}

/// That somebody may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The moment until which nobody else may.
    probes_until: Option<Timestamp>,
}

impl Circuit {
    /// Whether the provider may be asked now. Of those who come after the circuit's time, one may: the
    /// others wait for what it finds.
    ///
    /// # Errors
    /// When to come again.
    pub fn enter(&mut self, now: Timestamp) -> Result<Entry, Timestamp> {
        match self.open_until {
            Some(until) if now < until => Err(until),
            Some(_) => {
                self.open_until = Some(now.saturating_add(PROBE));
                Ok(Entry { probes_until: self.open_until })
            }
            None => Ok(Entry { probes_until: None }),
        }
    }

    /// Whoever entered asked nothing after all. If the others wait for that, another may.
    pub fn leave(&mut self, entry: Entry, now: Timestamp) {
        if entry.probes_until.is_some() && entry.probes_until == self.open_until {
            self.open_until = Some(now);
        }
    }

    /// The provider answered.
    pub fn answered(&mut self) {
        *self = Self::default();
    }

    /// The provider was in trouble; where it said for how long, nobody asks before.
    pub fn failed(&mut self, retry_after: Option<Duration>, jitter: u16, now: Timestamp) {
        self.faults = self.faults.saturating_add(1);
        let chosen = self.faults.checked_sub(FAULTS_MAX).map(|over| BACK_OFF.after(over, jitter));
        self.open_until = chosen.max(retry_after).map(|wait| now.saturating_add(wait));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn it_opens_after_faults_in_a_row_and_lets_one_probe_through() {
        let mut circuit = Circuit::default();
        for _ in 1..FAULTS_MAX {
            circuit.failed(None, u16::MAX, at(0));
            assert!(circuit.enter(at(0)).is_ok());
        }
        circuit.failed(None, u16::MAX, at(0));
        assert_eq!(circuit.enter(at(0)), Err(at(1)));
        let entry = circuit.enter(at(1)).unwrap();
        assert_eq!(circuit.enter(at(1)), Err(at(21)));
        circuit.leave(entry, at(1));
        assert!(circuit.enter(at(1)).is_ok());
        assert_eq!(circuit.enter(at(1)), Err(at(21)));
        circuit.failed(None, u16::MAX, at(2));
        assert_eq!(circuit.enter(at(3)), Err(at(4)));
        assert!(circuit.enter(at(4)).is_ok());
        circuit.answered();
        assert_eq!(circuit, Circuit::default());
        assert!(circuit.enter(at(4)).is_ok());
    }

    #[test]
    fn an_answer_in_between_starts_the_count_anew() {
        let mut circuit = Circuit::default();
        for _ in 0..20 {
            circuit.failed(None, 0, at(0));
            circuit.answered();
        }
        assert!(circuit.enter(at(0)).is_ok());
    }

    #[test]
    fn a_provider_that_says_for_how_long_is_obeyed_at_once() {
        let mut circuit = Circuit::default();
        circuit.failed(Some(Duration::from_secs(7)), 0, at(0));
        assert_eq!(circuit.enter(at(6)), Err(at(7)));
        assert!(circuit.enter(at(7)).is_ok());
    }
}
