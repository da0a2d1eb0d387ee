//! `selftest halt`: a server halts in the middle of a refresh, and does not know it, or is told to end.
//!
//! 1. The access token ends, and the first of two servers is asked for the next one. As soon as it has
//!    asked the provider it is stopped (SIGSTOP), for longer than its lease lasts.
//! 2. The second server is asked until it takes over. It uses the same refresh token, which the
//!    provider honours once more.
//! 3. The first one goes on (SIGCONT) and finds the provider's answer waiting. What it writes comes too
//!    late: both servers give out what the second one was given, and its refresh token is the one that
//!    works the next time.
//! 4. Again an access token ends, and the first server, in the middle of the refresh, is told to end
//!    (SIGTERM). The caller gets the token, the server ends well, and the token is in the database.

use std::time::{Duration, Instant};

use protocol::secret::{ProviderAccessToken, RefreshToken};
use rustix::process::Signal;
use serde::Serialize;
use tokio::time::sleep;

use super::SelftestError;
use super::exchange::{Caller, Outcome, first_token};
use super::login::log_in;
use super::provider::Ledger;
use super::report::{Report, millis};
use super::site::{Setting, Site};
use crate::failure::Failure;

/// The server that halts, and the one that goes on.
const FIRST: usize = 0;
const SECOND: usize = 1;
/// Somebody has taken over by then.
const TAKE_OVER_TIMEOUT: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(20);

/// What a run is asked for.
pub(super) struct Halt {
    pub(super) rounds: usize,
}

/// One round, as it came out.
#[derive(Debug, Serialize)]
struct Round {
    number: usize,
    /// How long the first server was stopped.
    stopped_for_ms: u64,
    /// Refreshes that the provider honoured because of the stop; two are right.
    refreshes_of_stop: u64,
    /// Whether a token was given out that a later one overwrote.
    overwritten: bool,
    /// With what the server ended.
    exit_code: Option<i32>,
    /// Whether the token of its last caller was not in the database.
    forgotten: bool,
    /// Refreshes that the provider honoured because of the end; one is right.
    refreshes_of_end: u64,
    /// Replaced refresh tokens that came when no grace was left. Each ends a grant.
    reuses: u64,
    /// Whether the provider's API takes the tokens: of the server that took over, and of the one that was
    /// told to end.
    accepted: bool,
}

/// All rounds.
#[derive(Debug, Serialize)]
pub(super) struct Halted {
    latency_ms: u64,
    rounds: Vec<Round>,
}

/// Runs the rounds.
pub(super) async fn run(
    site: &mut Site,
    halt: &Halt,
    setting: &Setting,
) -> Result<Report<Halted>, Failure> {
    let subject = log_in(site).await?;
    first_token(site, &subject).await?;
    let mut rounds = Vec::with_capacity(halt.rounds);
    for number in 1..=halt.rounds {
        let round = play(site, number, &subject).await?;
        tracing::info!(round = number, stopped_for_ms = round.stopped_for_ms, "halted");
        rounds.push(round);
    }
    let violations = rounds.iter().flat_map(Round::violations).collect();
    let result = Halted { latency_ms: millis(setting.latency), rounds };
    Ok(Report::new("halt", &setting.engine, violations, result))
}

async fn play(site: &mut Site, number: usize, subject: &RefreshToken) -> Result<Round, Failure> {
    let before = site.provider.ledger().await?;
    let late = refreshing(site, before, subject).await?;
    site.servers[FIRST].signal(Signal::STOP)?;
    let began = Instant::now();
    let token = taken_over(&Caller::of(site, SECOND, subject)).await;
    let stopped_for = began.elapsed();
    site.servers[FIRST].signal(Signal::CONT)?;
    // Whatever the late server tells its own caller: a token is the one that stands.
    let (late, _) = late.await.map_err(SelftestError::Caller)?;
    let mut told = vec![late];
    for server in [FIRST, SECOND] {
        told.push(Caller::of(site, server, subject).outcome().await);
    }
    let kept = |outcome: &Outcome| match outcome {
        Outcome::Token(given) => Some(given) == token.as_ref(),
        Outcome::Unavailable => true,
        Outcome::NeedsReconnect | Outcome::Refused(..) | Outcome::Broken => false,
    };
    let overwritten = !told.iter().all(kept);
    let stopped = site.provider.ledger().await?;

    let last = refreshing(site, stopped, subject).await?;
    site.servers[FIRST].signal(Signal::TERM)?;
    let (last, _) = last.await.map_err(SelftestError::Caller)?;
    let exit_code = site.servers[FIRST].ended().await?;
    let stored = Caller::of(site, SECOND, subject).outcome().await;
    let ended = site.provider.ledger().await?;
    site.restart(FIRST).await?;
    let accepted = accepts(site, token.as_ref()).await? && accepts(site, last.token()).await?;
    Ok(Round {
        number,
        stopped_for_ms: millis(stopped_for),
        refreshes_of_stop: stopped.since(before).rotations,
        overwritten,
        exit_code,
        forgotten: last != stored,
        refreshes_of_end: ended.since(stopped).rotations,
        reuses: ended.since(before).reuses,
        accepted,
    })
}

type Call = tokio::task::JoinHandle<(Outcome, Duration)>;

/// A call that has the first server refresh: the provider has been asked, and has not answered.
async fn refreshing(site: &Site, before: Ledger, subject: &RefreshToken) -> Result<Call, Failure> {
    site.expire().await?;
    let call = tokio::spawn(Caller::of(site, FIRST, subject).ask());
    while site.provider.ledger().await?.calls == before.calls && !call.is_finished() {
        sleep(PAUSE).await;
    }
    Ok(call)
}

/// Asks until there is a token.
async fn taken_over(caller: &Caller) -> Option<ProviderAccessToken> {
    let began = Instant::now();
    while began.elapsed() < TAKE_OVER_TIMEOUT {
        if let Outcome::Token(token) = caller.outcome().await {
            return Some(token);
        }
        sleep(PAUSE).await;
    }
    None
}

async fn accepts(site: &Site, token: Option<&ProviderAccessToken>) -> Result<bool, SelftestError> {
    match token {
        Some(token) => site.provider.accepts(token).await,
        None => Ok(false),
    }
}

impl Round {
    fn violations(&self) -> Vec<String> {
        let mut violations = Vec::new();
        let mut demand = |holds: bool, violation: &str| {
            if !holds {
                violations.push(format!("round {}: {violation}", self.number));
            }
        };
        demand(self.refreshes_of_stop == 2, "nobody took over from the server that was stopped");
        demand(!self.overwritten, "the server that was stopped overwrote what came after it");
        demand(self.exit_code == Some(0), "the server that was told to end did not end well");
        demand(!self.forgotten, "the last token of the server that ended is not in the database");
        demand(self.refreshes_of_end == 1, "the server that was told to end did not refresh once");
        demand(self.reuses == 0, "a used refresh token was used again");
        demand(self.accepted, "somebody got no token, or one that the provider does not take");
        violations
    }
}

impl Halted {
    /// The table.
    pub(super) fn table(&self) -> String {
        let mut text = format!(
            "the provider answers after {} ms\n\n\
             round  stopped ms  refreshes  overwritten  exit code  refreshes  forgotten  reuses\n",
            self.latency_ms
        );
        for round in &self.rounds {
            let exit_code = round.exit_code.map_or_else(|| "none".to_owned(), |it| it.to_string());
            let line = format!(
                "{:>5}  {:>10}  {:>9}  {:>11}  {exit_code:>9}  {:>9}  {:>9}  {:>6}\n",
                round.number,
                round.stopped_for_ms,
                round.refreshes_of_stop,
                round.overwritten,
                round.refreshes_of_end,
                round.forgotten,
                round.reuses,
            );
            text.push_str(&line);
        }
        text
    }
}
