//! What a test found: for people, or as one JSON document.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write, stdout};
use std::time::Duration;

use serde::Serialize;

use super::database::Engine;

/// The result of a test.
#[derive(Debug, Serialize)]
pub(super) struct Report<R> {
    test: &'static str,
    database: &'static str,
    version: &'static str,
    /// Whether the promise holds.
    held: bool,
    /// Where it does not, a sentence each.
    violations: Vec<String>,
    #[serde(flatten)]
    result: R,
}

impl<R: Serialize> Report<R> {
    /// The promise holds if nothing violates it.
    pub(super) fn new(
        test: &'static str,
        engine: &Engine,
        violations: Vec<String>,
        result: R,
    ) -> Self {
        let held = violations.is_empty();
        let version = env!("CARGO_PKG_VERSION");
        Self { test, database: engine.name(), version, held, violations, result }
    }

    /// How often the promise was broken.
    pub(super) fn violations(&self) -> usize {
        self.violations.len()
    }

    /// Prints it; `table` is what people see of the result.
    pub(super) fn print(&self, as_json: bool, table: impl Fn(&R) -> String) -> io::Result<()> {
        let text = if as_json {
            serde_json::to_string(self)? + "\n"
        } else {
            let Self { test, database, result, violations, .. } = self;
            let mut text = format!("selftest {test} on {database}: {}\n", table(result));
            for violation in violations {
                let line = format!("BROKEN  {violation}\n");
                text.push_str(&line);
            }
            if violations.is_empty() {
                text.push_str("The promise holds.\n");
            }
            text
        };
        let mut output = stdout().lock();
        output.write_all(text.as_bytes())?;
        output.flush()
    }
}

/// How often something was seen, by its name.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub(super) struct Counts(BTreeMap<String, usize>);

impl Counts {
    /// Once more.
    pub(super) fn add(&mut self, name: String) {
        *self.0.entry(name).or_default() += 1;
    }

    /// Whether nothing was seen.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Of all names.
    pub(super) fn total(&self) -> usize {
        self.0.values().sum()
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> =
            self.0.iter().map(|(name, count)| format!("{count} × {name}")).collect();
        f.write_str(&parts.join(", "))
    }
}

/// Whole milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The time within which so many of a hundred calls ended, in milliseconds. `sorted` ascends.
pub(super) fn percentile(sorted: &[Duration], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(rank).copied().map_or(0, millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_time_that_was_measured() {
        let times: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), 100);
        assert_eq!(percentile(&times, 99), 198);
        assert_eq!(percentile(&times, 100), 200);
        assert_eq!(percentile(&times[..1], 50), 1);
        assert_eq!(percentile(&[], 50), 0);
    }

    #[test]
    fn counts_are_told_by_name() {
        let mut counts = Counts::default();
        for name in ["no answer", "503 a", "no answer"] {
            counts.add(name.to_owned());
        }
        assert_eq!(
            (counts.total(), counts.to_string()),
            (3, "1 × 503 a, 2 × no answer".to_owned())
        );
    }
}
