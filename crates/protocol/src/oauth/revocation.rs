//! The revocation request (RFC 7009 §2.1).

use super::parameters::{InvalidParameter, Parameters};
use crate::secret::RefreshToken;

/// A request to revoke a token.
///
/// Only refresh tokens can be revoked here. Whatever the client presents is
/// looked up as one; what is none is simply not found, which RFC 7009 §2.2
/// answers with success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationRequest {
    /// `token`.
    pub token: RefreshToken,
    /// `token_type_hint`; unknown hints are ignored.
    pub token_type_hint: Option<TokenTypeHint>,
}

/// What the client believes the token to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenTypeHint {
    /// `access_token`.
    AccessToken,
    /// `refresh_token`.
    RefreshToken,
}

impl RevocationRequest {
    /// Reads a request from its parameters; unknown ones are ignored.
    pub fn parse(mut parameters: Parameters) -> Result<Self, InvalidParameter> {
        let token_type_hint = match parameters.value("token_type_hint") {
            Some("access_token") => Some(TokenTypeHint::AccessToken),
            Some("refresh_token") => Some(TokenTypeHint::RefreshToken),
            Some(_) | None => None,
        };
        Ok(Self { token: parameters.require_secret("token")?, token_type_hint })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_token_and_hint() {
        let check = |body, expected| {
            let request = RevocationRequest::parse(Parameters::from_query(body).unwrap()).unwrap();
            assert_eq!(request.token, RefreshToken::new("t"));
            assert_eq!(request.token_type_hint, expected, "{body}");
        };
        check("token=t", None);
        check("token=t&token_type_hint=refresh_token", Some(TokenTypeHint::RefreshToken));
        check("token=t&token_type_hint=access_token", Some(TokenTypeHint::AccessToken));
        check("token=t&token_type_hint=other&client_id=app", None);
        let missing = RevocationRequest::parse(Parameters::new());
        assert_eq!(missing, Err(InvalidParameter::Missing("token")));
    }
}
