//! A moment as a plain value.
//!
//! Nothing in this crate asks what time it is: whoever reads the clock passes
//! a [`Timestamp`] down.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment: milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
///
/// Serialized as that integer. Arithmetic saturates, so that a lifetime of
/// "for ever" cannot wrap around into the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From seconds since the epoch, as JWT claims have them.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// From a NumericDate (RFC 7519 §2), which may have a fraction. `None` if
    /// it lies before the epoch or is no time at all.
    pub fn from_numeric_date(seconds: f64) -> Option<Self> {
        let since_epoch = Duration::try_from_secs_f64(seconds).ok()?;
        Some(Self(whole_millis(since_epoch)))
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The moment `duration` later.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(whole_millis(duration)))
    }

    /// The moment `duration` earlier.
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(whole_millis(duration)))
    }

    /// How much later this is than `earlier`; zero if it is not later.
    pub fn since(self, earlier: Self) -> Duration {
        let millis = self.0.saturating_sub(earlier.0);
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }

    /// As in `2026-05-28T14:42:20.861Z`: always UTC, always three decimals.
    ///
    /// Moments outside the years −9999 to 9999 print as the nearest one inside.
    pub fn to_rfc3339(self) -> String {
        let nearest = if self.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        let moment = jiff::Timestamp::from_millisecond(self.0).unwrap_or(nearest);
        format!("{moment:.3}")
    }

    /// Reads an RFC 3339 date-time; fractions beyond milliseconds are cut off.
    pub fn parse_rfc3339(text: &str) -> Result<Self, InvalidTimestamp> {
        let moment: jiff::Timestamp = text.parse().map_err(InvalidTimestamp)?;
        Ok(Self(moment.as_millisecond()))
    }
}

/// The text is not an RFC 3339 date-time.
#[derive(Debug, thiserror::Error)]
#[error("not an RFC 3339 date-time")]
pub struct InvalidTimestamp(#[source] jiff::Error);

fn whole_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_reads_rfc_3339() {
        let text = "2026-05-28T14:42:20.861Z";
        let moment = Timestamp::parse_rfc3339(text).unwrap();
        assert_eq!(moment.as_millis(), 1_779_979_340_861);
        assert_eq!(moment.to_rfc3339(), text);
        assert_eq!(Timestamp::from_seconds(0).to_rfc3339(), "1970-01-01T00:00:00.000Z");
        let offset = Timestamp::parse_rfc3339("2026-05-28T16:42:20.8619+02:00").unwrap();
        assert_eq!(offset, moment);
        assert!(Timestamp::parse_rfc3339("yesterday").is_err());
    }

    #[test]
    fn extremes_saturate() {
        let last = Timestamp::from_millis(i64::MAX);
        assert_eq!(last.saturating_add(Duration::MAX), last);
        assert_eq!(Timestamp::from_seconds(i64::MAX), last);
        assert_eq!(last.to_rfc3339(), "9999-12-30T22:00:00.999Z");
        let first = Timestamp::from_millis(i64::MIN);
        assert_eq!(first.saturating_sub(Duration::MAX), first);
        assert!(first.to_rfc3339().starts_with("-009999-01-02T01:59:59"));
    }

    #[test]
    fn differences_and_rounding() {
        let earlier = Timestamp::from_millis(1_500);
        let later = earlier.saturating_add(Duration::from_millis(700));
        assert_eq!(later.since(earlier), Duration::from_millis(700));
        assert_eq!(earlier.since(later), Duration::ZERO);
        assert_eq!(Timestamp::from_millis(-1).as_seconds(), -1);
        assert_eq!(earlier.as_seconds(), 1);
    }

    #[test]
    fn numeric_dates() {
        let millis = |seconds| Timestamp::from_numeric_date(seconds).map(Timestamp::as_millis);
        assert_eq!(millis(1.5), Some(1_500));
        assert_eq!(millis(0.0), Some(0));
        assert_eq!(millis(1e18), Some(i64::MAX));
        assert_eq!(millis(-0.5), None);
        assert_eq!(millis(1e300), None);
        assert_eq!(millis(f64::NAN), None);
    }

    #[test]
    fn serialized_as_an_integer() {
        let moment = Timestamp::from_millis(42);
        assert_eq!(serde_json::to_string(&moment).unwrap(), "42");
        assert_eq!(serde_json::from_str::<Timestamp>("42").unwrap(), moment);
    }
}
