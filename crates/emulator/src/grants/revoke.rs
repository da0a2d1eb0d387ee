//! Ending tokens: by the client (RFC 7009), by the user, or by command.

use std::collections::HashSet;

use protocol::secret::{ProviderAccessToken, ProviderRefreshToken};
use protocol::time::Timestamp;
use serde::Serialize;

use super::{Account, FamilyId, Grants};
use crate::flavour::Flavour;

/// Which families a command is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selector {
    All,
    User { sub: String },
    Family(FamilyId),
}

/// The kinds of values that the ledger lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TokenKind {
    AuthorizationCode,
    AccessToken,
    RefreshToken,
    IdToken,
}

impl Grants {
    /// Ends one access token; `false` if it was unknown or dead.
    pub(crate) fn revoke_access_token(&mut self, token: &ProviderAccessToken) -> bool {
        match self.access_tokens.get_mut(token.hashed().as_bytes()) {
            Some(token) => !std::mem::replace(&mut token.revoked, true),
            None => false,
        }
    }

    /// Ends the family of a refresh token; `false` if it was unknown or dead.
    pub(crate) fn revoke_refresh_token(&mut self, token: &ProviderRefreshToken) -> bool {
        let family = self.refresh_tokens.get(token.hashed().as_bytes()).map(|token| token.family);
        family.is_some_and(|family| self.end_family(family))
    }

    /// Ends the family of an access token; `false` if it was unknown or dead.
    pub(crate) fn revoke_family_of(&mut self, token: &ProviderAccessToken) -> bool {
        let family = self.access_tokens.get(token.hashed().as_bytes()).map(|token| token.family);
        family.is_some_and(|family| self.end_family(family))
    }

    /// Ends everything between one user and one client, and forgets the consent.
    pub(crate) fn revoke_account(&mut self, account: &Account) -> usize {
        self.consents.remove(account);
        let alive = self.living_families_of(account);
        alive.iter().filter(|family| self.end_family(**family)).count()
    }

    /// Ends the selected families; answers how many were alive.
    pub(crate) fn end_families(&mut self, selector: &Selector) -> usize {
        self.selected(selector).into_iter().filter(|family| self.end_family(*family)).count()
    }

    /// Lets the living access tokens of the selected families expire at `now`.
    pub(crate) fn expire_access_tokens(&mut self, selector: &Selector, now: Timestamp) -> usize {
        let families: HashSet<FamilyId> = self.selected(selector).into_iter().collect();
        let mut expired = 0;
        for token in self.access_tokens.values_mut() {
            if families.contains(&token.family) && !token.revoked {
                expired += usize::from(!super::is_past(token.expires_at, now));
                token.expires_at = Some(now);
            }
        }
        expired
    }

    /// Lets the living refresh tokens of the selected families expire at `now`.
    pub(crate) fn expire_refresh_tokens(&mut self, selector: &Selector, now: Timestamp) -> usize {
        let families: HashSet<FamilyId> = self.selected(selector).into_iter().collect();
        let mut expired = 0;
        for token in self.refresh_tokens.values_mut() {
            if families.contains(&token.family) && token.replaced_at.is_none() {
                expired += usize::from(!super::is_past(token.expires_at, now));
                token.expires_at = Some(now);
            }
        }
        expired
    }

    /// The family of a value, and whether the value would be honoured at `now`.
    pub(crate) fn standing(
        &self,
        kind: TokenKind,
        hash: &[u8; 32],
        now: Timestamp,
    ) -> Option<(FamilyId, bool)> {
        let (id, alive) = match kind {
            TokenKind::AccessToken => {
                let token = self.access_tokens.get(hash)?;
                (token.family, !token.revoked && !super::is_past(token.expires_at, now))
            }
            TokenKind::RefreshToken => {
                let token = self.refresh_tokens.get(hash)?;
                (
                    token.family,
                    token.replaced_at.is_none() && !super::is_past(token.expires_at, now),
                )
            }
            TokenKind::AuthorizationCode => (self.codes.get(hash)?.redeemed?, false),
            TokenKind::IdToken => return None,
        };
        Some((id, alive && !self.family(id)?.ended))
    }

    /// How many families of this flavour are alive.
    pub(crate) fn living_families(&self, flavour: Flavour) -> usize {
        let alive = |family: &&super::Family| !family.ended && family.account.flavour == flavour;
        self.families.iter().filter(alive).count()
    }

    /// Oldest first.
    pub(super) fn living_families_of(&self, account: &Account) -> Vec<FamilyId> {
        self.families_where(|family| family.account == *account)
    }

    pub(super) fn end_family(&mut self, id: FamilyId) -> bool {
        match self.family_mut(id) {
            Some(family) => !std::mem::replace(&mut family.ended, true),
            None => false,
        }
    }

    pub(super) fn end_access_tokens_of(&mut self, id: FamilyId) {
        for token in self.access_tokens.values_mut().filter(|token| token.family == id) {
            token.revoked = true;
        }
    }

    fn selected(&self, selector: &Selector) -> Vec<FamilyId> {
        match selector {
            Selector::All => self.families_where(|_| true),
            Selector::User { sub } => self.families_where(|family| family.account.sub == *sub),
            Selector::Family(id) => {
                let alive = self.family(*id).is_some_and(|family| !family.ended);
                alive.then_some(*id).into_iter().collect()
            }
        }
    }

    fn families_where(&self, wanted: impl Fn(&super::Family) -> bool) -> Vec<FamilyId> {
        let families = self.families.iter().zip(0..);
        families
            .filter(|(family, _)| !family.ended && wanted(family))
            .map(|(_, position)| FamilyId(position))
            .collect()
    }
}
