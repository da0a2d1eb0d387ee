//! What an authorization leaves behind: codes and families of refresh tokens.

use std::time::Duration;

use protocol::jose::jwk::Thumbprint;
use protocol::oauth::scope::ScopeSet;
use protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{ClientId, GrantFamilyId, SessionId, UserId};

/// What a person's authorization allows a client. Codes and refresh tokens carry it on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Authorization {
    /// The client that may act.
    pub client_id: ClientId,
    /// For whom.
    pub user_id: UserId,
    /// In which login session it was given.
    pub session_id: SessionId,
    /// For which resource server, in its stored form; none means `/userinfo` alone.
    pub audience: Option<String>,
    /// What was granted, the OIDC scopes included.
    pub scope: ScopeSet,
    /// When the person proved who they are.
    pub auth_time: Timestamp,
}

/// What an authorization code stands for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CodeGrant {
    /// What was allowed.
    pub authorization: Authorization,
    /// The redirect URI of the request; the token request must name the same.
    pub redirect_uri: String,
    /// RFC 7636: the S256 challenge.
    pub code_challenge: Option<String>,
    /// The nonce to echo in the ID token.
    pub nonce: Option<String>,
    /// RFC 9449 §10: the key that alone may redeem the code.
    pub dpop_jkt: Option<Thumbprint>,
    /// The family whose refresh tokens descend from this code, so that a replay can end it.
    pub family_id: GrantFamilyId,
}

/// Everything that descends from one authorization.
#[derive(Clone, Debug, PartialEq)]
pub struct GrantFamily {
    /// Its id.
    pub id: GrantFamilyId,
    /// What was allowed.
    pub authorization: Authorization,
    /// The key that the refresh tokens are bound to.
    pub dpop_jkt: Option<Thumbprint>,
    /// When it began.
    pub created_at: Timestamp,
    /// Its absolute end.
    pub expires_at: Option<Timestamp>,
    /// When it was last used.
    pub last_used_at: Timestamp,
    /// The highest generation issued so far.
    pub latest_generation: i64,
    /// When it was ended before its time.
    pub revoked_at: Option<Timestamp>,
}

/// One refresh token of a family; its value is known only as a hash.
#[derive(Clone, Debug, PartialEq)]
pub struct RefreshTokenRecord {
    /// How many rotations lie between the authorization and this token.
    pub generation: i64,
    /// When it was first used and so replaced; of rotating tokens only.
    pub replaced_at: Option<Timestamp>,
}

/// Whether a refresh token may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshTokenState {
    /// It may.
    Usable,
    /// It was replaced, yet so recently that the answer may simply have been lost.
    UsableWithinLeeway,
    /// It was replaced, and somebody uses it again: one of the two stole it.
    Reused,
    /// It is past its absolute or idle end.
    Expired,
    /// Its family was revoked.
    Revoked,
}

impl GrantFamily {
    /// Judges a token of the family.
    ///
    /// RFC 9700 §4.14.2: a replaced token that comes again reveals a theft. Only the immediately
    /// previous one is forgiven, inside the client's leeway, because an answer can be lost.
    pub fn judge(
        &self,
        token: &RefreshTokenRecord,
        idle_lifetime: Option<Duration>,
        leeway: Duration,
        now: Timestamp,
    ) -> RefreshTokenState {
        if self.revoked_at.is_some() {
            return RefreshTokenState::Revoked;
        }
        let idle_end = idle_lifetime.map(|limit| self.last_used_at.saturating_add(limit));
        if [self.expires_at, idle_end].into_iter().flatten().any(|end| now >= end) {
            return RefreshTokenState::Expired;
        }
        match token.replaced_at {
            None => RefreshTokenState::Usable,
            Some(replaced_at)
                if token.generation + 1 == self.latest_generation
                    && now < replaced_at.saturating_add(leeway) =>
            {
                RefreshTokenState::UsableWithinLeeway
            }
            Some(_) => RefreshTokenState::Reused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn family() -> GrantFamily {
        GrantFamily {
            id: "f".into(),
            authorization: Authorization {
                client_id: "c".into(),
                user_id: "u".into(),
                session_id: "s".into(),
                audience: None,
                scope: ScopeSet::empty(),
                auth_time: Timestamp::from_seconds(0),
            },
            dpop_jkt: None,
            created_at: Timestamp::from_seconds(0),
            expires_at: Some(Timestamp::from_seconds(1000)),
            last_used_at: Timestamp::from_seconds(100),
            latest_generation: 5,
            revoked_at: None,
        }
    }

    #[test]
    fn refresh_tokens_are_judged_by_family_age_and_generation() {
        use RefreshTokenState::{Expired, Reused, Revoked, Usable, UsableWithinLeeway};
        let check = |generation, replaced_at: Option<i64>, now, expected| {
            let token = RefreshTokenRecord {
                generation,
                replaced_at: replaced_at.map(Timestamp::from_seconds),
            };
            let now = Timestamp::from_seconds(now);
            let state = family().judge(&token, Some(seconds(300)), seconds(10), now);
            assert_eq!(state, expected, "generation {generation} replaced {replaced_at:?}");
        };
        check(5, None, 150, Usable);
        check(4, Some(145), 150, UsableWithinLeeway);
        check(4, Some(140), 150, Reused);
        check(3, Some(145), 150, Reused);
        check(5, None, 400, Expired);
        check(5, None, 1000, Expired);

        let revoked = GrantFamily { revoked_at: Some(Timestamp::from_seconds(1)), ..family() };
        let token = RefreshTokenRecord { generation: 5, replaced_at: None };
        assert_eq!(revoked.judge(&token, None, seconds(0), Timestamp::from_seconds(150)), Revoked);
    }
}
