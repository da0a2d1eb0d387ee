//! ID tokens of ours that come back as a hint of whom a request is about: `id_token_hint` of OpenID
//! Connect Core §3.1.2.1 and of RP-Initiated Logout §2.

use model::ids::{ClientId, SessionId, UserId};
use protocol::jose::jws::{Algorithm, ExpectedTyp, JwsError, Unverified};
use protocol::oidc::id_token::{ID_TOKEN_TYP, IdTokenClaims};
use protocol::secret::IdToken;

use crate::context::Context;
use crate::keys::TenantKeys;

/// Whom and what an ID token was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IdTokenHint {
    /// To which client it was given.
    pub(crate) client: ClientId,
    /// The person.
    pub(crate) user: UserId,
    /// The login session.
    pub(crate) session: Option<SessionId>,
}

/// Why a token is no hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HintError {
    /// Not one of our ID tokens.
    #[error("the hint is not one of our ID tokens")]
    NotOurs(#[from] JwsError),
    /// It names a key that is not published any more.
    #[error("the hint names an unknown key")]
    UnknownKey,
    /// It is another tenant's.
    #[error("the hint has another issuer")]
    WrongIssuer,
}

/// Reads a hint. How old it is does not matter: RP-Initiated Logout §2, the OP SHOULD accept ID
/// tokens when the RP identified by the aud claim has (or had) a session, even when exp has passed.
pub(crate) fn read(
    keys: &TenantKeys,
    context: &Context,
    token: &IdToken,
) -> Result<IdTokenHint, HintError> {
    let unverified = Unverified::parse(token.expose())?;
    let kid = unverified.header().kid.as_deref();
    let key = keys.published().find(kid, Algorithm::Rs256).ok_or(HintError::UnknownKey)?;
    let claims: IdTokenClaims = unverified
        .verify_with(key, &[Algorithm::Rs256], ExpectedTyp::Exactly(ID_TOKEN_TYP))?
        .into_claims();
    let IdTokenClaims { iss, sub, aud, sid, .. } = claims;
    if !context.tenant.base_urls.iter().any(|base| base.issuer() == iss) {
        return Err(HintError::WrongIssuer);
    }
    Ok(IdTokenHint { client: aud.into(), user: sub.into(), session: sid.map(Into::into) })
}
