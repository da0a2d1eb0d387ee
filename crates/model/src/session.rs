//! Login sessions: that a browser belongs to a person, for a while.

use std::time::Duration;

use protocol::time::Timestamp;

use crate::ids::{SessionId, UserId};
use crate::tenant::TenantSettings;

/// A login session. The cookie's value is not here; the store knows its hash.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// The public name, `sid` in ID tokens.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// The name of the connection that the person came by.
    pub connection: String,
    /// When the person last proved who they are (`auth_time`).
    pub authenticated_at: Timestamp,
    /// When it was last used.
    pub last_seen_at: Timestamp,
    /// Its absolute end.
    pub expires_at: Timestamp,
}

impl Session {
    /// Whether it still counts: neither past its absolute end nor unused for too long.
    pub fn is_alive(&self, settings: &TenantSettings, now: Timestamp) -> bool {
        let idle_end = self.last_seen_at.saturating_add(settings.idle_session_lifetime());
        now < self.expires_at && now < idle_end
    }

    /// Whether the person proved themselves recently enough (`max_age` of OIDC Core §3.1.2.1).
    pub fn is_recent(&self, max_age: Option<Duration>, now: Timestamp) -> bool {
        max_age.is_none_or(|limit| now.since(self.authenticated_at) <= limit)
    }
}
