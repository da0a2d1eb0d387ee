//! Refreshing (RFC 6749 §6) and rotation with replay detection
//! (RFC 9700 §4.14.2).

use std::time::Duration;

use protocol::oauth::scope::ScopeSet;
use protocol::secret::ProviderRefreshToken;
use protocol::time::Timestamp;

use super::{Grants, Issued, Refusal, is_past};
use crate::config::{Behaviour, Client, RefreshTokens};
use crate::mint::Mint;

/// A refresh token as an authenticated client presents it.
pub(crate) struct RefreshRequest<'a> {
    pub(crate) client: &'a Client,
    pub(crate) refresh_token: ProviderRefreshToken,
    /// `None`: everything that was granted.
    pub(crate) scope: Option<ScopeSet>,
}

impl Grants {
    /// Issues a new access token and, where tokens rotate, a new refresh token.
    pub(crate) fn refresh(
        &mut self,
        request: &RefreshRequest<'_>,
        behaviour: &Behaviour,
        mint: &Mint,
        now: Timestamp,
    ) -> Result<Issued, Refusal> {
        let client = request.client;
        let key = *request.refresh_token.hashed().as_bytes();
        let token = self.refresh_tokens.get(&key).ok_or(Refusal::UnknownRefreshToken)?;
        let id = token.family;
        let family = self.family(id).ok_or(Refusal::UnknownRefreshToken)?;
        // RFC 6749 §6: the refresh token is bound to the client to which it was
        // issued.
        if family.account.client_id != client.client_id || family.account.flavour != client.flavour
        {
            return Err(Refusal::RefreshTokenOfAnotherClient);
        }
        if family.ended || !family.offline {
            return Err(Refusal::RevokedRefreshToken);
        }
        if is_past(token.expires_at, now) {
            return Err(Refusal::ExpiredRefreshToken);
        }
        if is_replayed(token.replaced_at, behaviour.refresh_tokens, now) {
            // RFC 9700 §4.14.2: the authorization server cannot determine which
            // party submitted the invalid refresh token, but it will revoke the
            // active refresh token as well as the access authorization grant.
            if client.flavour.replay_ends_family() {
                self.end_family(id);
            }
            return Err(Refusal::ReusedRefreshToken);
        }
        // RFC 6749 §6: The requested scope MUST NOT include any scope not
        // originally granted by the resource owner.
        let scope = match &request.scope {
            Some(asked) if !asked.is_subset_of(&family.scope) => {
                return Err(Refusal::ScopeNotGranted);
            }
            Some(asked) => asked.clone(),
            None => family.scope.clone(),
        };
        let (account, auth_time) = (family.account.clone(), family.auth_time);

        if behaviour.refresh_ends_access_tokens {
            self.end_access_tokens_of(id);
        }
        let refresh_token = match behaviour.refresh_tokens {
            RefreshTokens::Kept | RefreshTokens::None => None,
            RefreshTokens::Rotating { .. } => {
                self.mark_replaced(&key, now);
                Some(self.issue_refresh_token(id, behaviour, mint, now))
            }
        };
        let access_token = self.issue_access_token(id, scope.clone(), behaviour, mint, now);
        Ok(Issued {
            account,
            access_token,
            expires_in_seconds: behaviour.access_token_lifetime_seconds,
            refresh_expires_in_seconds: behaviour.refresh_token_lifetime_seconds,
            refresh_token,
            scope,
            auth_time,
            nonce: None,
        })
    }

    /// Whether a successor of this refresh token was issued.
    pub(crate) fn is_replaced(&self, token: &ProviderRefreshToken) -> bool {
        let known = self.refresh_tokens.get(token.hashed().as_bytes());
        known.is_some_and(|token| token.replaced_at.is_some())
    }

    /// The first replacement counts: a retry in the grace period must not
    /// prolong it.
    fn mark_replaced(&mut self, key: &[u8; 32], now: Timestamp) {
        if let Some(token) = self.refresh_tokens.get_mut(key) {
            token.replaced_at.get_or_insert(now);
        }
    }
}

/// Whether a refresh token comes back although its successor was issued and
/// no grace is left.
fn is_replayed(replaced_at: Option<Timestamp>, rule: RefreshTokens, now: Timestamp) -> bool {
    let Some(replaced_at) = replaced_at else { return false };
    match rule {
        RefreshTokens::Rotating { grace_seconds } => {
            let grace_ends = replaced_at.saturating_add(Duration::from_secs(grace_seconds));
            grace_ends <= now
        }
        // It was replaced before the behaviour was changed to one without
        // rotation: a replaced token stays replaced.
        RefreshTokens::Kept | RefreshTokens::None => true,
    }
}
