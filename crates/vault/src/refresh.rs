//! When a tokenset is served, when it is refreshed, and what a provider's answer does to it.
//!
//! Decisions only: `engine` asks for a step, does it, and tells what came of it.

use std::time::Duration;

use model::connected_account::{AccessExpiry, ConnectedAccount, Health};
use protocol::time::Timestamp;

/// What a provider's tokens are assumed to be like, from the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// A token with less than this left is refreshed before it is given out.
    pub margin: Duration,
    /// The lifetime told to callers when the provider told us none.
    pub assumed: Duration,
}

/// What to do for a caller who wants an access token now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Give out the stored token.
    Serve {
        /// For how long it can be used, as told to the caller.
        expires_in: Duration,
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

/// Decides the next step for an account.
pub fn next_step(account: &ConnectedAccount, lifetimes: Lifetimes, now: Timestamp) -> Step {
    let left = match (account.access_expiry, account.has_refresh_token) {
        (AccessExpiry::Never, _) => return Step::Serve { expires_in: lifetimes.assumed },
        // Nobody said that it ends and nothing could replace it: it is given out until the provider
        // refuses it.
        (AccessExpiry::Assumed(_), false) => {
            return Step::Serve { expires_in: lifetimes.assumed };
        }
        (AccessExpiry::At(end) | AccessExpiry::Assumed(end), _) => end.since(now),
    };
    // Callers are told whole seconds: of a token with less than one they could do nothing.
    let valid = (left.as_secs() > 0).then_some(left);
    if left > lifetimes.margin {
        return Step::Serve { expires_in: left };
    }
    let refusal = match &account.health {
        Health::NeedsReconnect { .. } => Some(Refusal::NeedsReconnect),
        Health::Active if !account.has_refresh_token => Some(Refusal::NoRefreshToken),
        Health::Active if account.refresh_expires_at.is_some_and(|end| now >= end) => {
            Some(Refusal::RefreshTokenExpired)
        }
        Health::Active => None,
    };
    match (refusal, valid) {
        (None, fallback) => Step::Refresh { fallback },
        // A token is served to its true end, even when no other will follow.
        (Some(_), Some(expires_in)) => Step::Serve { expires_in },
        (Some(refusal), None) => Step::Refuse(refusal),
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
    const LIFETIMES: Lifetimes =
        Lifetimes { margin: Duration::from_mins(1), assumed: Duration::from_mins(10) };

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
        }
    }

    const fn serve(seconds: u64) -> Step {
        Step::Serve { expires_in: Duration::from_secs(seconds) }
    }

    #[test]
    fn a_token_is_served_while_enough_is_left_and_refreshed_after() {
        let check = |expiry, refreshable, expected| {
            assert_eq!(next_step(&account(expiry, refreshable), LIFETIMES, NOW), expected);
        };
        let refresh = |left: Option<u64>| Step::Refresh { fallback: left.map(Duration::from_secs) };
        check(at(1_061), true, serve(61));
        check(at(1_060), true, refresh(Some(60)));
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
}
