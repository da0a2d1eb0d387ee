//! When a tokenset is served, when it is refreshed, and what a provider's answer does to it.
//!
//! Decisions only: `engine` asks for a step, does it, and tells what came of it.
//!
//! ```text
//! Fresh ──(margin)──▶ Due ──claim──▶ Leased ──answer──▶ Fresh
//! Leased ──refused──▶ NeedsReconnect ──reconnect──▶ Fresh
//! Leased ──passing fault──▶ Due, not before next_attempt_at
//! Leased ──time-out, crash──▶ Uncertain ──tried again──▶ Fresh | NeedsReconnect
//! ```

use std::fmt;
use std::time::Duration;

use model::connected_account::{AccessExpiry, ConnectedAccount, Health, Renewal};
use protocol::time::Timestamp;

use crate::back_off::BackOff;

/// What a provider's tokens are assumed to be like, from the catalogue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lifetimes {
    /// A token with less than this left is due: it is refreshed, behind the caller's back.
    pub margin: Duration,
    /// A token with no more than this left is refreshed before it is given out.
    pub first: Duration,
    /// The lifetime told to callers when the provider told us none.
    pub assumed: Duration,
    /// So long before its end a token may end, because another is fetched; callers are not told of
    /// that time.
    pub reserve: Duration,
}

impl Lifetimes {
    /// For a caller who wants a token that lasts for `min_ttl`.
    #[must_use]
    pub fn lasting(self, min_ttl: Option<Duration>) -> Self {
        match min_ttl {
            None => self,
            Some(wanted) => {
                let first = wanted.saturating_add(self.reserve);
                Self { margin: self.margin.max(first), first, ..self }
            }
        }
    }

    /// For a token that lives so shortly that the reserve would leave little of it.
    fn fitting(self, life: Duration) -> Self {
        let reserve = life / 4;
        if self.reserve <= reserve {
            return self;
        }
        Self { margin: reserve, first: reserve, reserve, ..self }
    }
}

/// What to do for a caller who wants an access token now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Give out the stored token.
    Serve {
        /// For how long it can be used, as told to the caller.
        expires_in: Duration,
        /// Whether it is to be refreshed behind the caller's back.
        is_due: bool,
    },
    /// Ask the provider for a new one first.
    Refresh {
        /// What the stored token is still good for, should the provider be out of reach.
        fallback: Option<Duration>,
    },
    /// There is nothing to give.
    Refuse(Refusal),
}

/// Why there is nothing to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The token ended and the provider gave no refresh token.
    NoRefreshToken,
    /// The refresh token ended.
    RefreshTokenExpired,
    /// The provider refused the grant earlier; asking again would not help.
    NeedsReconnect,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRefreshToken => "there is no refresh token",
            Self::RefreshTokenExpired => "the refresh token has expired",
            Self::NeedsReconnect => "the provider has refused the refresh token",
        })
    }
}

/// Where the tokenset of an account stands, as it is shown to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its token has time left.
    Fresh,
    /// Its token ends soon, or did, and can be refreshed.
    Due,
    /// A node refreshes it now, or was cut off doing so a short while ago.
    Leased,
    /// Nobody knows whether its refresh token is spent.
    Uncertain,
    /// Only the person can help.
    NeedsReconnect,
}

impl State {
    /// The published name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Due => "due",
            Self::Leased => "refreshing",
            Self::Uncertain => "uncertain",
            Self::NeedsReconnect => "needs_reconnect",
        }
    }
}

/// Where the tokenset of an account stands.
pub fn state(account: &ConnectedAccount, lifetimes: Lifetimes, now: Timestamp) -> State {
    match (&account.health, &account.renewal) {
        (Health::NeedsReconnect { .. }, _) => State::NeedsReconnect,
        (Health::Active | Health::OnTrial { .. }, Renewal { uncertain_since: Some(_), .. }) => {
            State::Uncertain
        }
        (Health::Active | Health::OnTrial { .. }, Renewal { lease: Some(_), .. }) => State::Leased,
        (Health::Active | Health::OnTrial { .. }, _) => match next_step(account, lifetimes, now) {
            Step::Serve { is_due: false, .. } => State::Fresh,
            Step::Serve { is_due: true, .. } | Step::Refresh { .. } => State::Due,
            Step::Refuse(_) => State::NeedsReconnect,
        },
    }
}

/// Why the provider is not to be asked for another token of an account.
pub fn refusal(account: &ConnectedAccount, now: Timestamp) -> Option<Refusal> {
    match &account.health {
        Health::NeedsReconnect { .. } => Some(Refusal::NeedsReconnect),
        Health::Active | Health::OnTrial { .. } => {
            if !account.has_refresh_token {
                Some(Refusal::NoRefreshToken)
            } else if account.refresh_expires_at.is_some_and(|end| now >= end) {
                Some(Refusal::RefreshTokenExpired)
            } else {
                None
            }
        }
    }
}

/// Decides the next step for an account.
pub fn next_step(account: &ConnectedAccount, lifetimes: Lifetimes, now: Timestamp) -> Step {
    let (left, life) = match (account.access_expiry, account.has_refresh_token) {
        // Of the second nobody said that it ends, and nothing could replace it: it is given out until
        // the provider refuses it.
        (AccessExpiry::Never, _) | (AccessExpiry::Assumed(_), false) => {
            return Step::Serve { expires_in: lifetimes.assumed, is_due: false };
        }
        (AccessExpiry::At(end) | AccessExpiry::Assumed(end), _) => {
            (end.since(now), end.since(account.issued_at))
        }
    };
    let lifetimes = lifetimes.fitting(life);
    if left > lifetimes.margin {
        let reserve = if account.has_refresh_token { lifetimes.reserve } else { Duration::ZERO };
        return Step::Serve { expires_in: left.saturating_sub(reserve), is_due: false };
    }
    // Callers are told whole seconds: of a token with less than one they could do nothing.
    let valid = (left.as_secs() > 0).then_some(left);
    match (refusal(account, now), valid) {
        (None, Some(expires_in)) if left > lifetimes.first => {
            Step::Serve { expires_in, is_due: true }
        }
        (None, fallback) => Step::Refresh { fallback },
        // A token is served to its true end, even when no other will follow.
        (Some(_), Some(expires_in)) => Step::Serve { expires_in, is_due: false },
        (Some(refusal), None) => Step::Refuse(refusal),
    }
}

/// Whether a new token of an account can be expected to last for `wanted`, going by the one that it has.
pub fn may_last(account: &ConnectedAccount, wanted: Duration) -> bool {
    account.access_expiry.instant().is_none_or(|end| end.since(account.issued_at) >= wanted)
}

/// How an attempt to refresh failed. A fault of our own (the provider does not know us) is none: it
/// says nothing about the grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The provider refused the grant.
    Refused,
    /// It may work the next time.
    Passing {
        /// How long the provider asks us to wait.
        retry_after: Option<Duration>,
        /// Whether the provider may have spent the refresh token before it failed.
        maybe_spent: bool,
    },
}

/// What was known before the attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// How many attempts failed in a row.
    pub failures: u32,
    /// Since when it is unknown whether the refresh token is spent.
    pub uncertain_since: Option<Timestamp>,
    /// Whether the provider's refresh tokens may be good for one use only.
    pub rotates: bool,
}

/// What a failed attempt makes of the tokenset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// The grant is dead.
    NeedsReconnect {
        /// It may have died because an answer was lost.
        was_uncertain: bool,
    },
    /// It is due as before.
    Later {
        /// Not before this moment.
        next_attempt_at: Timestamp,
        /// Since when it is unknown whether the refresh token is spent.
        uncertain_since: Option<Timestamp>,
    },
}

/// How long the provider is left alone after a passing fault.
pub(crate) const BACK_OFF: BackOff =
    BackOff { first: Duration::from_secs(1), factor: 2, longest: Duration::from_mins(5) };

/// What a failed attempt makes of the tokenset. `jitter` is random: it spreads those who failed
/// together.
pub fn after_failure(
    failure: Failure,
    standing: Standing,
    jitter: u16,
    now: Timestamp,
) -> Transition {
    let uncertain = standing.uncertain_since.filter(|_| standing.rotates);
    match failure {
        Failure::Refused => Transition::NeedsReconnect { was_uncertain: uncertain.is_some() },
        // A provider that lets a spent refresh token live on does so for seconds: the first attempt
        // after a lost answer does not wait.
        Failure::Passing { retry_after: None, maybe_spent: true }
            if standing.rotates && uncertain.is_none() =>
        {
            Transition::Later { next_attempt_at: now, uncertain_since: Some(now) }
        }
        Failure::Passing { retry_after, maybe_spent } => {
            let wait =
                BACK_OFF.after(standing.failures, jitter).max(retry_after.unwrap_or_default());
            let since_now = (maybe_spent && standing.rotates).then_some(now);
            Transition::Later {
                next_attempt_at: now.saturating_add(wait),
                uncertain_since: uncertain.or(since_now),
            }
        }
    }
}

/// When an access token that was issued at `now` ends.
pub fn access_expiry(
    told: Option<Duration>,
    ends: bool,
    lifetimes: Lifetimes,
    now: Timestamp,
) -> AccessExpiry {
    match told {
        Some(lifetime) => AccessExpiry::At(now.saturating_add(lifetime)),
        None if ends => AccessExpiry::Assumed(now.saturating_add(lifetimes.assumed)),
        None => AccessExpiry::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::oauth::scope::ScopeSet;

    const NOW: Timestamp = Timestamp::from_seconds(1_000);
    const LIFETIMES: Lifetimes = Lifetimes {
        margin: Duration::from_mins(1),
        first: Duration::from_secs(30),
        assumed: Duration::from_mins(10),
        reserve: Duration::ZERO,
    };

    fn at(seconds: i64) -> AccessExpiry {
        AccessExpiry::At(Timestamp::from_seconds(seconds))
    }

    fn account(access_expiry: AccessExpiry, has_refresh_token: bool) -> ConnectedAccount {
        ConnectedAccount {
            id: "cac_1".into(),
            tokenset_id: "t".into(),
            user_id: "u".into(),
            connection_id: "con_1".into(),
            connection: "calendar".to_owned(),
            strategy: "oidc".to_owned(),
            subject: "1".into(),
            email: None,
            email_verified: false,
            label: "1".to_owned(),
            facts: std::collections::BTreeMap::new(),
            scopes: ScopeSet::empty(),
            created_at: NOW,
            connected_at: NOW,
            issued_at: NOW,
            access_expiry,
            refresh_expires_at: None,
            has_refresh_token,
            health: Health::Active,
            last_used_at: None,
            version: 1,
            renewal: Renewal::default(),
        }
    }

    const fn serve(seconds: u64) -> Step {
        Step::Serve { expires_in: Duration::from_secs(seconds), is_due: false }
    }

    const fn serve_due(seconds: u64) -> Step {
        Step::Serve { expires_in: Duration::from_secs(seconds), is_due: true }
    }

    #[test]
    fn a_token_is_served_while_enough_is_left_and_refreshed_after() {
        let check = |expiry, refreshable, expected| {
            assert_eq!(next_step(&account(expiry, refreshable), LIFETIMES, NOW), expected);
        };
        let refresh = |left: Option<u64>| Step::Refresh { fallback: left.map(Duration::from_secs) };
        check(at(1_061), true, serve(61));
        check(at(1_060), true, serve_due(60));
        check(at(1_031), true, serve_due(31));
        check(at(1_030), true, refresh(Some(30)));
        check(at(1_001), true, refresh(Some(1)));
        let in_less_than_a_second = AccessExpiry::At(Timestamp::from_millis(1_000_999));
        check(in_less_than_a_second, true, refresh(None));
        check(in_less_than_a_second, false, Step::Refuse(Refusal::NoRefreshToken));
        check(at(1_000), true, refresh(None));
        check(at(500), true, refresh(None));
        check(at(1_030), false, serve(30));
        check(at(1_000), false, Step::Refuse(Refusal::NoRefreshToken));
        check(AccessExpiry::Never, false, serve(600));
        check(AccessExpiry::Never, true, serve(600));
        check(AccessExpiry::Assumed(Timestamp::from_seconds(500)), false, serve(600));
        check(AccessExpiry::Assumed(Timestamp::from_seconds(500)), true, refresh(None));
    }

    #[test]
    fn nobody_is_given_a_token_that_the_next_refresh_ends_too_soon() {
        let minute = Duration::from_mins(1);
        let ending = Lifetimes { first: minute, reserve: minute, ..LIFETIMES };
        let check = |lifetimes, expiry, refreshable, expected| {
            assert_eq!(next_step(&account(expiry, refreshable), lifetimes, NOW), expected);
        };
        let refresh = |left| Step::Refresh { fallback: Some(Duration::from_secs(left)) };
        check(ending, at(1_600), true, serve(540));
        check(ending, at(1_600), false, serve(600));
        let wanting = |seconds| ending.lasting(Some(Duration::from_secs(seconds)));
        check(wanting(539), at(1_600), true, serve(540));
        check(wanting(540), at(1_600), true, refresh(600));
        // Issued just now, and gone before long.
        check(ending, at(1_100), true, serve(75));
        let later = |left: i64| {
            let issued_at = Timestamp::from_seconds(1_000 + left - 600);
            let account = ConnectedAccount { issued_at, ..account(at(1_000 + left), true) };
            next_step(&account, ending, NOW)
        };
        assert_eq!(later(61), serve(1));
        assert_eq!(later(60), refresh(60));
    }

    #[test]
    fn a_caller_who_wants_more_time_gets_a_new_token_first() {
        let step = |left: i64, min_ttl| {
            let lifetimes = LIFETIMES.lasting(Some(Duration::from_secs(min_ttl)));
            next_step(&account(at(1_000 + left), true), lifetimes, NOW)
        };
        assert_eq!(step(600, 300), serve(600));
        assert_eq!(step(301, 300), serve(301));
        let fallback = Some(Duration::from_mins(5));
        assert_eq!(step(300, 300), Step::Refresh { fallback });
        assert_eq!(step(20, 10), serve_due(20));
        assert_eq!(step(61, 10), serve(61));
    }

    #[test]
    fn a_dead_grant_is_served_to_its_end_and_never_asked_again() {
        let dead = |expiry| {
            let reason = "invalid_grant".to_owned();
            let health = Health::NeedsReconnect { reason, since: NOW };
            next_step(&ConnectedAccount { health, ..account(expiry, true) }, LIFETIMES, NOW)
        };
        assert_eq!(dead(at(1_030)), serve(30));
        assert_eq!(dead(at(1_000)), Step::Refuse(Refusal::NeedsReconnect));
    }

    #[test]
    fn an_expired_refresh_token_is_not_spent() {
        let account =
            ConnectedAccount { refresh_expires_at: Some(NOW), ..account(at(1_000), true) };
        assert_eq!(next_step(&account, LIFETIMES, NOW), Step::Refuse(Refusal::RefreshTokenExpired));
    }

    #[test]
    fn an_unsaid_lifetime_is_assumed_only_where_tokens_end() {
        let assumed = AccessExpiry::Assumed(Timestamp::from_seconds(1_600));
        assert_eq!(access_expiry(None, true, LIFETIMES, NOW), assumed);
        assert_eq!(access_expiry(None, false, LIFETIMES, NOW), AccessExpiry::Never);
        assert_eq!(access_expiry(Some(Duration::from_secs(5)), true, LIFETIMES, NOW), at(1_005));
    }

    #[test]
    fn what_a_failed_attempt_makes_of_a_tokenset() {
        let at = Timestamp::from_seconds;
        let standing = Standing { failures: 0, uncertain_since: None, rotates: true };
        let doubtful = Standing { uncertain_since: Some(at(900)), ..standing };
        let passing = |retry_after: Option<u64>, maybe_spent| Failure::Passing {
            retry_after: retry_after.map(Duration::from_secs),
            maybe_spent,
        };
        let later = |seconds, uncertain_since: Option<i64>| Transition::Later {
            next_attempt_at: at(seconds),
            uncertain_since: uncertain_since.map(at),
        };
        let dead = |was_uncertain| Transition::NeedsReconnect { was_uncertain };
        let fixed = Standing { rotates: false, ..standing };
        let check = |failure, standing, expected| {
            let jitter = u16::MAX;
            assert_eq!(after_failure(failure, standing, jitter, NOW), expected, "{failure:?}");
        };
        check(Failure::Refused, standing, dead(false));
        check(Failure::Refused, doubtful, dead(true));
        check(Failure::Refused, Standing { rotates: false, ..doubtful }, dead(false));
        check(passing(None, false), standing, later(1_001, None));
        check(passing(None, false), doubtful, later(1_001, Some(900)));
        // The first attempt after a lost answer does not wait; the second does.
        check(passing(None, true), standing, later(1_000, Some(1_000)));
        check(passing(None, true), doubtful, later(1_001, Some(900)));
        check(passing(None, true), fixed, later(1_001, None));
        check(passing(Some(7), false), standing, later(1_007, None));
        check(passing(Some(7), true), standing, later(1_007, Some(1_000)));
        check(passing(None, false), Standing { failures: 3, ..standing }, later(1_008, None));
        check(passing(None, false), Standing { failures: 40, ..standing }, later(1_300, None));
    }
}
