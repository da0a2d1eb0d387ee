//! What the provider remembers about consent, codes and tokens, and the rules
//! of redeeming, refreshing and revoking them. Pure: no HTTP, no clock.
//!
//! 1. A consent turns into a [`Code`] ([`Grants::grant_code`]).
//! 2. Redeeming the code opens a [`Family`] and issues its first tokens
//!    ([`Grants::redeem`], in `redeem.rs`).
//! 3. Every refresh issues into the same family ([`Grants::refresh`], in
//!    `refresh.rs`).
//! 4. Ending the family ends all its tokens at once (`revoke.rs`).
//!
//! Tokens are looked up by their hashes, as a careful provider stores them.

mod redeem;
mod refresh;
mod revoke;

use std::collections::HashMap;
use std::time::Duration;

use protocol::oauth::pkce::CodeChallenge;
use protocol::oauth::scope::ScopeSet;
use protocol::secret::{AuthorizationCode, ProviderAccessToken, ProviderRefreshToken};
use protocol::time::Timestamp;
use serde::Serialize;

pub(crate) use redeem::Redemption;
pub(crate) use refresh::RefreshRequest;
pub(crate) use revoke::{Selector, TokenKind};

use crate::config::Behaviour;
use crate::flavour::Flavour;
use crate::mint::Mint;

/// One person at one client of one flavour: who a grant is between.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub(crate) struct Account {
    pub(crate) flavour: Flavour,
    pub(crate) client_id: String,
    pub(crate) sub: String,
}

/// The tokens that descend from one authorization code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub(crate) struct FamilyId(pub(crate) u64);

/// What the user agreed to, waiting to be redeemed.
pub(crate) struct Consented {
    pub(crate) account: Account,
    pub(crate) redirect_uri: String,
    /// Whether the request named `redirect_uri`, so that the token request must.
    pub(crate) redirect_uri_was_sent: bool,
    pub(crate) scope: ScopeSet,
    pub(crate) challenge: Option<CodeChallenge>,
    pub(crate) nonce: Option<String>,
    pub(crate) auth_time: Timestamp,
    /// Whether a refresh token may be given.
    pub(crate) offline: bool,
}

struct Code {
    consented: Consented,
    expires_at: Timestamp,
    /// Set by the first redemption; a second one ends this family.
    redeemed: Option<FamilyId>,
}

struct Family {
    account: Account,
    scope: ScopeSet,
    auth_time: Timestamp,
    offline: bool,
    ended: bool,
}

struct AccessToken {
    family: FamilyId,
    scope: ScopeSet,
    expires_at: Option<Timestamp>,
    revoked: bool,
}

struct RefreshToken {
    family: FamilyId,
    expires_at: Option<Timestamp>,
    replaced_at: Option<Timestamp>,
}

/// What a redemption or a refresh gives out.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) account: Account,
    pub(crate) access_token: ProviderAccessToken,
    pub(crate) expires_in_seconds: Option<u64>,
    pub(crate) refresh_token: Option<ProviderRefreshToken>,
    pub(crate) refresh_expires_in_seconds: Option<u64>,
    pub(crate) scope: ScopeSet,
    pub(crate) auth_time: Timestamp,
    /// Only at redemption: OIDC Core §12.2 wants none in refreshed ID tokens.
    pub(crate) nonce: Option<String>,
}

/// A live access token, as an API sees it.
pub(crate) struct Access {
    pub(crate) account: Account,
    pub(crate) scope: ScopeSet,
}

/// Why a code or refresh token was not honoured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    UnknownCode,
    CodeOfAnotherClient,
    ExpiredCode,
    ReusedCode,
    RedirectUriMismatch,
    MissingVerifier,
    UnexpectedVerifier,
    WrongVerifier,
    UnknownRefreshToken,
    RefreshTokenOfAnotherClient,
    ExpiredRefreshToken,
    RevokedRefreshToken,
    ReusedRefreshToken,
    ScopeNotGranted,
}

/// Everything granted since the last reset.
#[derive(Default)]
pub(crate) struct Grants {
    consents: HashMap<Account, ScopeSet>,
    codes: HashMap<[u8; 32], Code>,
    families: Vec<Family>,
    access_tokens: HashMap<[u8; 32], AccessToken>,
    refresh_tokens: HashMap<[u8; 32], RefreshToken>,
}

impl Grants {
    /// The scopes that the user has agreed to give this client so far.
    pub(crate) fn consented_scope(&self, account: &Account) -> Option<&ScopeSet> {
        self.consents.get(account)
    }

    /// Remembers the consent and makes a code for it.
    pub(crate) fn grant_code(
        &mut self,
        consented: Consented,
        mint: &Mint,
        now: Timestamp,
    ) -> AuthorizationCode {
        let so_far = self.consents.entry(consented.account.clone()).or_default();
        *so_far = so_far.union(&consented.scope);

        let code = mint.authorization_code();
        let lifetime = Duration::from_secs(consented.account.flavour.code_lifetime_seconds());
        let expires_at = now.saturating_add(lifetime);
        self.codes
            .insert(*code.hashed().as_bytes(), Code { consented, expires_at, redeemed: None });
        code
    }

    /// The account and scope of an access token that is valid at `now`.
    pub(crate) fn access(&self, token: &ProviderAccessToken, now: Timestamp) -> Option<Access> {
        let token = self.access_tokens.get(token.hashed().as_bytes())?;
        let family = self.family(token.family)?;
        let alive = !token.revoked && !family.ended && !is_past(token.expires_at, now);
        alive.then(|| Access { account: family.account.clone(), scope: token.scope.clone() })
    }

    /// Whose refresh token this is or was, dead ones included.
    pub(crate) fn owner_of_refresh_token(&self, token: &ProviderRefreshToken) -> Option<&Account> {
        let token = self.refresh_tokens.get(token.hashed().as_bytes())?;
        Some(&self.family(token.family)?.account)
    }

    /// Whose access token this is or was, dead ones included.
    pub(crate) fn owner_of_access_token(&self, token: &ProviderAccessToken) -> Option<&Account> {
        let token = self.access_tokens.get(token.hashed().as_bytes())?;
        Some(&self.family(token.family)?.account)
    }

    /// Whose code this is or was.
    pub(crate) fn owner_of_code(&self, code: &AuthorizationCode) -> Option<&Account> {
        Some(&self.codes.get(code.hashed().as_bytes())?.consented.account)
    }

    fn family(&self, id: FamilyId) -> Option<&Family> {
        self.families.get(usize::try_from(id.0).ok()?)
    }

    fn family_mut(&mut self, id: FamilyId) -> Option<&mut Family> {
        self.families.get_mut(usize::try_from(id.0).ok()?)
    }

    fn open_family(&mut self, family: Family) -> FamilyId {
        let id = FamilyId(self.families.len() as u64);
        self.families.push(family);
        id
    }

    fn issue_access_token(
        &mut self,
        family: FamilyId,
        scope: ScopeSet,
        behaviour: &Behaviour,
        mint: &Mint,
        now: Timestamp,
    ) -> ProviderAccessToken {
        let token = mint.access_token();
        let expires_at = expiry(behaviour.access_token_lifetime_seconds, now);
        self.access_tokens.insert(
            *token.hashed().as_bytes(),
            AccessToken { family, scope, expires_at, revoked: false },
        );
        token
    }

    fn issue_refresh_token(
        &mut self,
        family: FamilyId,
        behaviour: &Behaviour,
        mint: &Mint,
        now: Timestamp,
    ) -> ProviderRefreshToken {
        let token = mint.refresh_token();
        let expires_at = expiry(behaviour.refresh_token_lifetime_seconds, now);
        self.refresh_tokens.insert(
            *token.hashed().as_bytes(),
            RefreshToken { family, expires_at, replaced_at: None },
        );
        token
    }
}

fn expiry(lifetime_seconds: Option<u64>, now: Timestamp) -> Option<Timestamp> {
    lifetime_seconds.map(|seconds| now.saturating_add(Duration::from_secs(seconds)))
}

fn is_past(expires_at: Option<Timestamp>, now: Timestamp) -> bool {
    expires_at.is_some_and(|at| at <= now)
}
