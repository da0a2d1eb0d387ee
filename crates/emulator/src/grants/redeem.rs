//! Redeeming an authorization code (RFC 6749 §4.1.3).

use protocol::oauth::pkce::CodeChallenge;
use protocol::secret::{AuthorizationCode, CodeVerifier};
use protocol::time::Timestamp;

use super::{Account, Code, Consented, Family, Grants, Issued, Refusal};
use crate::config::{Behaviour, Client, RefreshTokens};
use crate::mint::Mint;

/// A code as an authenticated client presents it.
pub(crate) struct Redemption<'a> {
    pub(crate) client: &'a Client,
    pub(crate) code: AuthorizationCode,
    pub(crate) redirect_uri: Option<&'a str>,
    pub(crate) verifier: Option<CodeVerifier>,
}

impl Grants {
    /// Checks the code against everything that it was bound to, consumes it,
    /// and issues the first tokens of a new family. A refused attempt leaves
    /// the code as it was, except that a replay ends what the first use began.
    pub(crate) fn redeem(
        &mut self,
        redemption: &Redemption<'_>,
        behaviour: &Behaviour,
        mint: &Mint,
        now: Timestamp,
    ) -> Result<Issued, Refusal> {
        let key = *redemption.code.hashed().as_bytes();
        let code = self.codes.get(&key).ok_or(Refusal::UnknownCode)?;
        check_bindings(redemption, code)?;
        // RFC 6749 §4.1.2: If an authorization code is used more than once, the
        // authorization server MUST deny the request and SHOULD revoke (when
        // possible) all tokens previously issued based on that code.
        if let Some(family) = code.redeemed {
            self.end_family(family);
            return Err(Refusal::ReusedCode);
        }
        if code.expires_at <= now {
            return Err(Refusal::ExpiredCode);
        }

        let Consented { account, scope, nonce, auth_time, offline, .. } = &code.consented;
        let (account, scope, nonce) = (account.clone(), scope.clone(), nonce.clone());
        let (auth_time, offline) = (*auth_time, *offline);
        let family = self.open_family(Family {
            account: account.clone(),
            scope: scope.clone(),
            auth_time,
            offline,
            ended: false,
        });
        if let Some(code) = self.codes.get_mut(&key) {
            code.redeemed = Some(family);
        }
        self.end_surplus_families(&account);

        let access_token = self.issue_access_token(family, scope.clone(), behaviour, mint, now);
        let refresh_token = gives_refresh_token(offline, behaviour)
            .then(|| self.issue_refresh_token(family, behaviour, mint, now));
        Ok(Issued {
            account,
            access_token,
            expires_in_seconds: behaviour.access_token_lifetime_seconds,
            refresh_expires_in_seconds: behaviour.refresh_token_lifetime_seconds,
            refresh_token,
            scope,
            auth_time,
            nonce,
        })
    }

    /// Some providers keep only so many lasting grants of one user to one
    /// client; a mere sign-in ends none of them.
    fn end_surplus_families(&mut self, account: &Account) {
        let Some(kept) = account.flavour.grants_kept() else { return };
        let mut lasting = self.living_families_of(account);
        lasting.retain(|id| self.family(*id).is_some_and(|family| family.offline));
        let surplus = lasting.len().saturating_sub(kept);
        for oldest in lasting.into_iter().take(surplus) {
            self.end_family(oldest);
        }
    }
}

fn gives_refresh_token(offline: bool, behaviour: &Behaviour) -> bool {
    match behaviour.refresh_tokens {
        RefreshTokens::Kept | RefreshTokens::Rotating { .. } => offline,
        RefreshTokens::None => false,
    }
}

fn check_bindings(redemption: &Redemption<'_>, code: &Code) -> Result<(), Refusal> {
    let consented = &code.consented;
    let client = redemption.client;
    if consented.account.client_id != client.client_id
        || consented.account.flavour != client.flavour
    {
        return Err(Refusal::CodeOfAnotherClient);
    }
    // RFC 6749 §4.1.3: redirect_uri REQUIRED, if the "redirect_uri" parameter
    // was included in the authorization request, and their values MUST be
    // identical.
    match redemption.redirect_uri {
        Some(sent) if sent != consented.redirect_uri => return Err(Refusal::RedirectUriMismatch),
        None if consented.redirect_uri_was_sent && !client.flavour.redirect_uri_is_optional() => {
            return Err(Refusal::RedirectUriMismatch);
        }
        Some(_) | None => {}
    }
    check_verifier(redemption.verifier.as_ref(), consented.challenge.as_ref())
}

fn check_verifier(
    verifier: Option<&CodeVerifier>,
    challenge: Option<&CodeChallenge>,
) -> Result<(), Refusal> {
    match (verifier, challenge) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(Refusal::MissingVerifier),
        // RFC 9700 §2.1.1: a token request containing a code_verifier parameter
        // is accepted only if a code_challenge parameter was present in the
        // authorization request (mitigates PKCE downgrade).
        (Some(_), None) => Err(Refusal::UnexpectedVerifier),
        // RFC 7636 §4.6: If the values are not equal, an error response
        // indicating "invalid_grant" MUST be returned.
        (Some(verifier), Some(challenge)) => match challenge.verify(verifier) {
            Ok(_verified) => Ok(()),
            Err(_mismatch) => Err(Refusal::WrongVerifier),
        },
    }
}
