//! `selftest crash`: the server is killed at a random moment of a refresh.
//!
//! 1. The access token ends, and a few callers ask for the next one.
//! 2. Some time between now and twice the provider's latency, SIGKILL.
//! 3. The provider's ledger tells whether the tokens rotated.
//! 4. The server starts again and is asked until it settles: a token, or the word that the person has
//!    to reconnect. If it had to ask the provider again, the rotation had not reached the database:
//!    the kill fell between the provider's answer and our commit.
//!
//! With several servers on one database each is killed in its turn, and the others go on: their callers
//! may have to wait for the lease of the one that was killed, and get what those of a restarted server
//! get.
//!
//! Within the provider's grace nothing may be lost. Without one, a kill between answer and commit
//! costs the grant, whoever keeps the tokens; it must cost no more than that, and the server must say
//! so. What a caller was given before the kill must never be forgotten.

use std::time::{Duration, Instant};

use protocol::secret::{ProviderAccessToken, RefreshToken};
use serde::Serialize;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::SelftestError;
use super::exchange::{Caller, Outcome, first_token};
use super::login::log_in;
use super::provider::Ledger;
use super::report::{Counts, Report, millis};
use super::site::{Setting, Site};
use crate::failure::Failure;

/// Callers of each server at the moment of the kill.
const CALLERS: usize = 4;
/// A server that was killed has settled by then.
const SETTLE_TIMEOUT: Duration = Duration::from_mins(1);
const SETTLE_PAUSE: Duration = Duration::from_millis(100);
/// Longer than it takes the provider to notice that a caller is gone.
const HANG_UP_NOTICED: Duration = Duration::from_millis(50);

/// What a run is asked for.
pub(super) struct Crash {
    pub(super) rounds: usize,
    pub(super) seed: u64,
}

/// Where in the refresh a kill fell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Moment {
    /// The provider had not been asked.
    BeforeRequest,
    /// It had, and had not rotated the tokens.
    BeforeRotation,
    /// The tokens had rotated, and the successors were not in the database.
    BetweenRotationAndCommit,
    /// They were.
    AfterCommit,
}

/// One round, as it came out.
#[derive(Debug, Serialize)]
struct Round {
    number: usize,
    /// Which of the servers was killed.
    server: usize,
    /// When the kill came, in milliseconds after the callers.
    killed_after_ms: u64,
    moment: Moment,
    /// Callers of the server that had a token before the kill.
    answered: usize,
    /// Callers of other servers that got a token.
    served_elsewhere: usize,
    /// Whether such a token was not in the database afterwards.
    forgotten: bool,
    /// Whether the account has to be reconnected.
    lost: bool,
    /// A replaced refresh token that came again and was honoured.
    in_grace: u64,
    /// One that came again and ended the grant.
    reuses: u64,
    /// After the restart: "later" was answered so often.
    retries: usize,
    /// After the restart, and of the other servers: answers that should not be.
    errors: Counts,
    settled_after_ms: u64,
    /// Whether the provider's API takes the token in the end.
    accepted: bool,
}

/// All rounds, and their sums.
#[derive(Debug, Serialize)]
pub(super) struct Crashed {
    seed: u64,
    grace_seconds: u64,
    latency_ms: u64,
    processes: usize,
    kills: usize,
    kills_before_request: usize,
    kills_before_rotation: usize,
    kills_between_rotation_and_commit: usize,
    kills_after_commit: usize,
    grants_lost: usize,
    answers_forgotten: usize,
    answers_of_other_servers: usize,
    refreshes_in_grace: u64,
    reuses: u64,
    retries_after_restart: usize,
    errors_after_restart: usize,
    slowest_settlement_ms: u64,
    rounds: Vec<Round>,
}

/// Runs the rounds.
pub(super) async fn run(
    site: &mut Site,
    crash: &Crash,
    setting: &Setting,
) -> Result<Report<Crashed>, Failure> {
    tracing::info!(seed = crash.seed, rounds = crash.rounds, "crashing");
    let mut moments = Moments(crash.seed);
    let mut subject = log_in(site).await?;
    first_token(site, &subject).await?;
    let mut rounds = Vec::with_capacity(crash.rounds);
    for number in 1..=crash.rounds {
        let kill_after = moments.next_within(setting.latency * 2);
        let round = play(site, number, kill_after, setting.latency, &subject).await?;
        tracing::info!(round = number, moment = ?round.moment, lost = round.lost, "killed");
        if round.lost || !round.errors.is_empty() {
            subject = log_in(site).await?;
            first_token(site, &subject).await?;
        }
        rounds.push(round);
    }
    let result = Crashed::of(rounds, crash.seed, setting);
    let violations = result.violations();
    Ok(Report::new("crash", &setting.engine, violations, result))
}

async fn play(
    site: &mut Site,
    number: usize,
    kill_after: Duration,
    latency: Duration,
    subject: &RefreshToken,
) -> Result<Round, Failure> {
    site.expire().await?;
    let before = site.provider.ledger().await?;
    let processes = site.servers.len();
    let victim = number % processes;
    let (victims, others): (Vec<_>, Vec<_>) = (0..CALLERS * processes)
        .map(|caller| (caller, tokio::spawn(Caller::of(site, caller, subject).ask())))
        .partition(|(caller, _)| caller % processes == victim);
    sleep(kill_after).await;
    site.kill(victim).await?;
    let given = tokens_of(victims, &mut Counts::default()).await?;
    // Until then the provider may still rotate for a caller that is gone.
    sleep(latency / 2 + HANG_UP_NOTICED).await;
    let killed = site.provider.ledger().await?.since(before);

    site.restart(victim).await?;
    let mut errors = Counts::default();
    let given_elsewhere = tokens_of(others, &mut errors).await?;
    let settlement = settle(Caller::of(site, victim, subject), errors).await;
    let after = site.provider.ledger().await?.since(before);
    let Settlement { token, lost, retries, errors, took } = settlement;
    let accepted = match &token {
        Some(token) => site.provider.accepts(token).await?,
        None => lost,
    };
    let is_uncommitted = after.calls > killed.calls;
    let is_kept = |given: &ProviderAccessToken| token.as_ref() == Some(given);
    // What the killed server had given out was in the database, so nobody had to ask again.
    let is_forgotten = !given.iter().all(|given| is_kept(given) && !is_uncommitted);
    Ok(Round {
        number,
        server: victim,
        killed_after_ms: millis(kill_after),
        moment: moment(killed, is_uncommitted),
        answered: given.len(),
        served_elsewhere: given_elsewhere.len(),
        forgotten: is_forgotten || !given_elsewhere.iter().all(is_kept),
        lost,
        in_grace: after.in_grace,
        reuses: after.reuses,
        retries,
        errors,
        settled_after_ms: millis(took),
        accepted,
    })
}

type Call = (usize, JoinHandle<(Outcome, Duration)>);

/// What callers were given; what they should not have been told is counted.
async fn tokens_of(
    calls: Vec<Call>,
    errors: &mut Counts,
) -> Result<Vec<ProviderAccessToken>, SelftestError> {
    let mut given = Vec::new();
    for (_, call) in calls {
        match call.await?.0 {
            Outcome::Token(token) => given.push(token),
            Outcome::NeedsReconnect | Outcome::Unavailable => {}
            other @ (Outcome::Refused(..) | Outcome::Broken) => errors.add(other.name()),
        }
    }
    Ok(given)
}

fn moment(killed: Ledger, is_uncommitted: bool) -> Moment {
    match (killed.calls, killed.rotations) {
        (0, _) => Moment::BeforeRequest,
        (_, 0) => Moment::BeforeRotation,
        _ if is_uncommitted => Moment::BetweenRotationAndCommit,
        _ => Moment::AfterCommit,
    }
}

/// Where it ended after a restart.
struct Settlement {
    token: Option<ProviderAccessToken>,
    lost: bool,
    retries: usize,
    errors: Counts,
    took: Duration,
}

async fn settle(caller: Caller, mut errors: Counts) -> Settlement {
    let began = Instant::now();
    let mut retries = 0;
    let (token, lost) = loop {
        match caller.outcome().await {
            Outcome::Token(token) => break (Some(token), false),
            Outcome::NeedsReconnect => break (None, true),
            Outcome::Unavailable => retries += 1,
            other @ (Outcome::Refused(..) | Outcome::Broken) => errors.add(other.name()),
        }
        if began.elapsed() > SETTLE_TIMEOUT {
            errors.add("not settled".to_owned());
            break (None, false);
        }
        sleep(SETTLE_PAUSE).await;
    };
    Settlement { token, lost, retries, errors, took: began.elapsed() }
}

/// The moments of the kills: SplitMix64, which is repeatable. Nothing here is secret.
struct Moments(u64);

impl Moments {
    fn next_within(&mut self, most: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^= x >> 31;
        let micros = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(x % micros.saturating_add(1))
    }
}

impl Crashed {
    fn of(rounds: Vec<Round>, seed: u64, setting: &Setting) -> Self {
        let fell = |moment| rounds.iter().filter(|round| round.moment == moment).count();
        Self {
            seed,
            grace_seconds: setting.grace.as_secs(),
            latency_ms: millis(setting.latency),
            processes: setting.processes,
            kills: rounds.len(),
            kills_before_request: fell(Moment::BeforeRequest),
            kills_before_rotation: fell(Moment::BeforeRotation),
            kills_between_rotation_and_commit: fell(Moment::BetweenRotationAndCommit),
            kills_after_commit: fell(Moment::AfterCommit),
            grants_lost: rounds.iter().filter(|round| round.lost).count(),
            answers_forgotten: rounds.iter().filter(|round| round.forgotten).count(),
            answers_of_other_servers: rounds.iter().map(|round| round.served_elsewhere).sum(),
            refreshes_in_grace: rounds.iter().map(|round| round.in_grace).sum(),
            reuses: rounds.iter().map(|round| round.reuses).sum(),
            retries_after_restart: rounds.iter().map(|round| round.retries).sum(),
            errors_after_restart: rounds.iter().map(|round| round.errors.total()).sum(),
            slowest_settlement_ms: rounds.iter().map(|it| it.settled_after_ms).max().unwrap_or(0),
            rounds,
        }
    }

    fn violations(&self) -> Vec<String> {
        let has_grace = self.grace_seconds > 0;
        self.rounds.iter().flat_map(|round| round.violations(has_grace)).collect()
    }

    /// The table.
    pub(super) fn table(&self) -> String {
        let mut text = format!(
            "{} process(es), grace {} s, the provider answers after {} ms, seed {}\n\n",
            self.processes, self.grace_seconds, self.latency_ms, self.seed
        );
        let lines: [(&str, u64); 13] = [
            ("kills", self.kills as u64),
            ("  before the provider was asked", self.kills_before_request as u64),
            ("  before the tokens rotated", self.kills_before_rotation as u64),
            ("  between rotation and commit", self.kills_between_rotation_and_commit as u64),
            ("  after the commit", self.kills_after_commit as u64),
            ("grants lost", self.grants_lost as u64),
            ("answers forgotten", self.answers_forgotten as u64),
            ("answers of the other servers", self.answers_of_other_servers as u64),
            ("refresh tokens used again, honoured", self.refreshes_in_grace),
            ("refresh tokens used again, fatal", self.reuses),
            ("told to come later after a restart", self.retries_after_restart as u64),
            ("errors after a restart", self.errors_after_restart as u64),
            ("slowest settlement, ms", self.slowest_settlement_ms),
        ];
        for (name, number) in lines {
            let line = format!("{name:<38}{number:>8}\n");
            text.push_str(&line);
        }
        text
    }
}

impl Round {
    fn violations(&self, has_grace: bool) -> Vec<String> {
        let is_between = self.moment == Moment::BetweenRotationAndCommit;
        // The provider ended the grant because the token came that the kill had left us with.
        let is_excused = is_between && self.reuses > 0;
        let mut violations = Vec::new();
        let mut demand = |holds: bool, violation: &str| {
            if !holds {
                violations.push(format!("round {}: {violation}", self.number));
            }
        };
        demand(!(self.lost && has_grace), "a grant was lost within the grace");
        demand(!self.lost || is_excused, "a grant was lost that no kill had put at risk");
        demand(
            self.reuses == 0 || (is_between && !has_grace),
            "a used refresh token was used again",
        );
        demand(!self.forgotten, "a token was given out and then forgotten");
        let errors = &self.errors;
        demand(errors.is_empty(), &format!("errors after the restart: {errors}"));
        demand(self.accepted, "the provider does not take the token");
        violations
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_repeat_and_stay_within() {
        let most = Duration::from_millis(400);
        let draw = |seed| {
            let mut moments = Moments(seed);
            (0..100).map(|_| moments.next_within(most)).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert!(draw(7).iter().all(|moment| *moment <= most));
        assert!(draw(7).iter().any(|moment| *moment > most / 2));
    }

    fn round(moment: Moment, lost: bool, reuses: u64) -> Round {
        Round {
            number: 1,
            server: 0,
            killed_after_ms: 0,
            moment,
            answered: 0,
            served_elsewhere: 0,
            forgotten: false,
            lost,
            in_grace: 0,
            reuses,
            retries: 0,
            errors: Counts::default(),
            settled_after_ms: 0,
            accepted: true,
        }
    }

    #[test]
    fn a_loss_is_excused_by_a_kill_between_rotation_and_commit_without_grace_alone() {
        let between = Moment::BetweenRotationAndCommit;
        let count = |round: &Round, has_grace| round.violations(has_grace).len();
        assert_eq!(count(&round(between, true, 1), false), 0);
        assert_eq!(count(&round(between, true, 0), false), 1);
        assert_eq!(count(&round(between, true, 1), true), 2);
        for moment in [Moment::BeforeRequest, Moment::BeforeRotation, Moment::AfterCommit] {
            assert_eq!(count(&round(moment, true, 0), false), 1);
            assert_eq!(count(&round(moment, false, 1), false), 1);
            assert_eq!(count(&round(moment, false, 0), true), 0);
        }
    }
}
