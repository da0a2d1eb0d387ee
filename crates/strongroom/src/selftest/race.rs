//! `selftest race`: many callers find the token at its end at the same moment.
//!
//! The provider's refresh tokens are good for one use, without any grace. Whoever uses one twice ends
//! the grant, so each round has to come out with one refresh and the same new token for everybody.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use protocol::secret::{ProviderAccessToken, RefreshToken};
use serde::Serialize;

use super::SelftestError;
use super::exchange::{Caller, Outcome, first_token};
use super::login::log_in;
use super::report::{Counts, Report, millis, percentile};
use super::site::{Setting, Site};
use crate::failure::Failure;

/// What a race is asked for.
pub(super) struct Race {
    pub(super) callers: usize,
    pub(super) rounds: usize,
}

/// One round, as it came out.
#[derive(Debug, Serialize)]
pub(super) struct Round {
    number: usize,
    callers: usize,
    /// Refreshes that arrived at the provider; one is right.
    upstream_refreshes: u64,
    /// Those that the provider refused because their token had been used.
    reuses: u64,
    /// Callers that got no token.
    errors: usize,
    /// What they got, and how often.
    refusals: Counts,
    /// Different tokens that were given out; one is right.
    tokens: usize,
    /// Whether a token was the one of the round before.
    stale: bool,
    /// Whether the provider's API takes every token.
    accepted: bool,
    p50_ms: u64,
    p99_ms: u64,
    max_ms: u64,
}

/// All rounds.
#[derive(Debug, Serialize)]
pub(super) struct Raced {
    processes: usize,
    latency_ms: u64,
    rounds: Vec<Round>,
}

/// Runs the rounds.
pub(super) async fn run(
    site: &Site,
    race: &Race,
    setting: &Setting,
) -> Result<Report<Raced>, Failure> {
    let mut subject = log_in(site).await?;
    let mut token = first_token(site, &subject).await?;
    let mut rounds = Vec::with_capacity(race.rounds);
    for number in 1..=race.rounds {
        let (round, winner) = play(site, race, number, &subject, &token).await?;
        tracing::info!(
            round = number,
            of = race.rounds,
            refreshes = round.upstream_refreshes,
            errors = round.errors,
            "raced"
        );
        let is_over = !round.violations().is_empty();
        rounds.push(round);
        match winner {
            Some(winner) if !is_over => token = winner,
            // The grant may be gone; the next round begins with a sound one.
            Some(_) | None => {
                subject = log_in(site).await?;
                token = first_token(site, &subject).await?;
            }
        }
    }
    let violations = rounds.iter().flat_map(Round::violations).collect();
    let result =
        Raced { processes: setting.processes, latency_ms: millis(setting.latency), rounds };
    Ok(Report::new("race", &setting.engine, violations, result))
}

async fn play(
    site: &Site,
    race: &Race,
    number: usize,
    subject: &RefreshToken,
    before: &ProviderAccessToken,
) -> Result<(Round, Option<ProviderAccessToken>), Failure> {
    site.expire().await?;
    let ledger = site.provider.ledger().await?;
    let began = Instant::now();
    let calls: Vec<_> = (0..race.callers)
        .map(|caller| tokio::spawn(Caller::of(site, caller, subject).ask()))
        .collect();
    let mut outcomes = Vec::with_capacity(race.callers);
    for call in calls {
        outcomes.push(call.await.map_err(SelftestError::Caller)?);
    }
    tracing::debug!(took = ?began.elapsed(), "every caller has an answer");
    let ledger = site.provider.ledger().await?.since(ledger);

    let mut seen = HashSet::new();
    let mut tokens: Vec<ProviderAccessToken> = Vec::new();
    let mut refusals = Counts::default();
    let mut times: Vec<Duration> = Vec::with_capacity(outcomes.len());
    for (outcome, took) in outcomes {
        times.push(took);
        match outcome {
            Outcome::Token(token) if seen.insert(*token.hashed().as_bytes()) => tokens.push(token),
            Outcome::Token(_) => {}
            other => refusals.add(other.name()),
        }
    }
    times.sort_unstable();
    let mut accepted = true;
    for token in &tokens {
        accepted &= site.provider.accepts(token).await?;
    }
    let round = Round {
        number,
        callers: race.callers,
        upstream_refreshes: ledger.calls,
        reuses: ledger.reuses,
        errors: refusals.total(),
        refusals,
        tokens: tokens.len(),
        stale: tokens.contains(before),
        accepted,
        p50_ms: percentile(&times, 50),
        p99_ms: percentile(&times, 99),
        max_ms: percentile(&times, 100),
    };
    Ok((round, tokens.pop()))
}

impl Round {
    fn violations(&self) -> Vec<String> {
        let mut violations = Vec::new();
        let mut demand = |holds: bool, violation: String| {
            if !holds {
                violations.push(format!("round {}: {violation}", self.number));
            }
        };
        let Self { upstream_refreshes, errors, tokens, refusals, .. } = self;
        demand(*upstream_refreshes == 1, format!("{upstream_refreshes} refreshes instead of 1"));
        demand(*errors == 0, format!("{errors} callers without a token: {refusals}"));
        demand(*tokens == 1, format!("{tokens} different tokens instead of 1"));
        demand(!self.stale, "the old token was given out".to_owned());
        demand(self.accepted, "the provider does not take the token".to_owned());
        violations
    }
}

impl Raced {
    /// The table.
    pub(super) fn table(&self) -> String {
        let Self { processes, latency_ms, rounds } = self;
        let mut text = format!(
            "{processes} process(es), the provider answers after {latency_ms} ms\n\n\
             round  callers  refreshes  reuses  errors  tokens  p50 ms  p99 ms  max ms\n"
        );
        for round in rounds {
            let line = format!(
                "{:>5}  {:>7}  {:>9}  {:>6}  {:>6}  {:>6}  {:>6}  {:>6}  {:>6}\n",
                round.number,
                round.callers,
                round.upstream_refreshes,
                round.reuses,
                round.errors,
                round.tokens,
                round.p50_ms,
                round.p99_ms,
                round.max_ms,
            );
            text.push_str(&line);
        }
        text
    }
}
