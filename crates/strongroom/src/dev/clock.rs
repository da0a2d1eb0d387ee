//! The clock of `dev`, which can be set forward, and `strongroom dev clock`, which does it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::http::Method;
use clap::Args;
use engine::clock::{Clock, SystemClock};
use jiff::{SignedDuration, Span, SpanRelativeTo};
use protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::remote::{Remote, RemoteError};
use crate::failure::Failure;
use crate::output::say;

/// The path of the clock among the controls.
pub(super) const PATH: &str = "/clock";
/// No clock gets further ahead: whoever comes so far has mistyped.
const AHEAD_MAX: Duration = Duration::from_hours(24 * 365 * 10);

const TOLD_WITH_AN_ADVANCE: &str = "The server and the emulated providers have this time; browsers and applications have their \
     own.\nA DPoP proof or a client assertion that one of them makes is an old one to the server.";

/// The operating system's clock, so far ahead.
#[derive(Debug, Default)]
pub(super) struct DevClock {
    ahead_millis: AtomicI64,
}

/// The body of an answer.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Told {
    now: String,
    ahead_seconds: u64,
}

/// The body of a request to set it forward.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Advance {
    pub(super) advance_millis: u64,
}

impl Told {
    /// The time.
    pub(super) fn now(&self) -> &str {
        &self.now
    }
}

impl Clock for DevClock {
    fn now(&self) -> Timestamp {
        SystemClock.now().saturating_add(self.ahead())
    }
}

impl DevClock {
    fn ahead(&self) -> Duration {
        let millis = self.ahead_millis.load(Ordering::Relaxed);
        Duration::from_millis(millis.unsigned_abs())
    }

    /// Sets it forward; `false` if that is too far.
    pub(super) fn advance(&self, by: &Advance) -> bool {
        let further = |millis: i64| {
            let millis = millis.checked_add(i64::try_from(by.advance_millis).ok()?)?;
            (Duration::from_millis(millis.unsigned_abs()) <= AHEAD_MAX).then_some(millis)
        };
        let (set, fetched) = (Ordering::Relaxed, Ordering::Relaxed);
        self.ahead_millis.fetch_update(set, fetched, further).is_ok()
    }

    /// What it shows.
    pub(super) fn told(&self) -> Told {
        Told { now: self.now().to_rfc3339(), ahead_seconds: self.ahead().as_secs() }
    }
}

/// What `dev clock` takes.
#[derive(Args)]
pub(crate) struct Options {
    /// How far to set it forward, such as +2h, 90m or "1d 12h"; shows the time if left out
    #[arg(value_name = "TIME", allow_hyphen_values = true)]
    advance: Option<String>,
    /// The folder of the running server [default: .strongroom]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// A time to advance by that is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClockError {
    #[error("{text} is not a length of time; write +2h, 90m or 1d")]
    NotATime { text: String, source: jiff::Error },
    #[error(
        "the clock goes forward only: sessions, tokens and waits that were made meanwhile would be \
         from the future; stop the server and start it again, with --ephemeral or another --data if \
         nothing made meanwhile is to stay"
    )]
    Backwards,
}

/// Runs the command.
pub(super) async fn run(options: Options) -> Result<(), Failure> {
    let Options { advance, data } = options;
    let advance = advance.as_deref().map(forward).transpose()?;
    let remote = Remote::find(data.as_deref())?;
    let told = match advance {
        Some(by) => {
            let advance_millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
            let body = serde_json::json!(Advance { advance_millis });
            remote.call(Method::POST, PATH, Some(&body)).await?
        }
        None => remote.call(Method::GET, PATH, None).await?,
    };
    let Told { now, ahead_seconds } = serde_json::from_value(told).map_err(RemoteError::Answer)?;
    let ahead = i64::try_from(ahead_seconds).unwrap_or(i64::MAX);
    let ahead = match ahead {
        0 => "the time of this machine".to_owned(),
        seconds => format!("{:#} ahead of this machine", SignedDuration::from_secs(seconds)),
    };
    say(&format!("{now}, {ahead}"))?;
    if advance.is_some() { say(TOLD_WITH_AN_ADVANCE) } else { Ok(()) }
}

/// What a text says of a time to advance by.
fn forward(text: &str) -> Result<Duration, ClockError> {
    if text == "reset" {
        return Err(ClockError::Backwards);
    }
    length(text)?.try_into().or(Err(ClockError::Backwards))
}

/// A length of time as people write it.
pub(super) fn length(text: &str) -> Result<SignedDuration, ClockError> {
    let span: Result<Span, _> = text.parse();
    span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()))
        .map_err(|source| ClockError::NotATime { text: text.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_people_do() {
        let check = |text: &str, seconds: Option<u64>| {
            assert_eq!(forward(text).ok(), seconds.map(Duration::from_secs), "{text}");
        };
        check("+2h", Some(7200));
        check("2h", Some(7200));
        check("90m", Some(5400));
        check("1d", Some(86_400));
        check("1d 12h", Some(129_600));
        check("1h30m", Some(5400));
        for text in ["-2h", "reset", "2", "", "soon", "2 parsecs"] {
            check(text, None);
        }
    }

    #[test]
    fn the_clock_goes_forward_and_not_without_end() {
        let clock = DevClock::default();
        assert_eq!(clock.ahead(), Duration::ZERO);
        assert!(clock.advance(&Advance { advance_millis: 7_200_000 }));
        assert!(clock.advance(&Advance { advance_millis: 1_000 }));
        assert!(!clock.advance(&Advance { advance_millis: u64::MAX }));
        assert_eq!(clock.ahead(), Duration::from_secs(7201));
        assert!(clock.now() >= SystemClock.now().saturating_add(Duration::from_hours(2)));
    }
}
