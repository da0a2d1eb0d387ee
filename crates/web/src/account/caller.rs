//! Who calls: RFC 6750 §2.1 and RFC 9449 §7, read into [`AccountCaller`].

use axum::http::HeaderMap;
use engine::app::App;
use engine::dpop::{NoncePolicy, ProofError};
use engine::my_account::{AccountCaller, AccountCallerError, Operation, authorize};
use protocol::oauth::answer::TokenType;

use super::error::{AccountError, Kind};
use crate::asked::Asked;
use crate::bearer::{self, NoToken, PresentedToken};
use crate::dpop::{self, HeaderError, Target};

/// The caller of an operation.
pub(super) async fn caller(
    app: &App,
    asked: &Asked,
    headers: &HeaderMap,
    target: Target<'_>,
    operation: Operation,
) -> Result<AccountCaller, AccountError> {
    let PresentedToken { scheme, token } = bearer::presented(headers).map_err(no_token)?;
    let proof = match scheme {
        TokenType::Bearer => None,
        TokenType::Dpop => {
            let policy = NoncePolicy::Required;
            dpop::proof(app, asked, headers, target, Some(&token), policy)
                .await
                .map_err(|error| proof_refused(&error))?
        }
    };
    let Asked { context, now } = asked;
    authorize(app, context, &token, scheme, proof, operation, *now)
        .await
        .map_err(|error| refused(error, scheme))
}

fn no_token(why: NoToken) -> AccountError {
    match why {
        NoToken::Missing => AccountError::new(Kind::MissingToken, "No auth token provided."),
        NoToken::Malformed => AccountError::new(Kind::InvalidToken, "Invalid Token"),
    }
    .challenge("Bearer")
}

fn proof_refused(error: &HeaderError) -> AccountError {
    match error {
        HeaderError::Proof(ProofError::NonceWanted { nonce }) => {
            AccountError::new(Kind::InvalidToken, "The DPoP proof needs a nonce.")
                .challenge("DPoP error=\"use_dpop_nonce\", algs=\"ES256\"")
                .dpop_nonce(nonce)
        }
        HeaderError::Proof(ProofError::Key(error)) => AccountError::internal(error),
        HeaderError::Several
        | HeaderError::NotText
        | HeaderError::Proof(ProofError::Invalid(_) | ProofError::Replayed) => {
            AccountError::new(Kind::InvalidToken, "The DPoP proof is invalid.")
                .challenge("DPoP error=\"invalid_dpop_proof\", algs=\"ES256\"")
        }
    }
}

fn refused(error: AccountCallerError, scheme: TokenType) -> AccountError {
    let challenge = match scheme {
        TokenType::Bearer => "Bearer error=\"invalid_token\"",
        TokenType::Dpop => "DPoP error=\"invalid_token\", algs=\"ES256\"",
    };
    match error {
        AccountCallerError::Token(_)
        | AccountCallerError::Binding
        | AccountCallerError::NotAUser
        | AccountCallerError::UserGone
        | AccountCallerError::ClientGone => {
            AccountError::new(Kind::InvalidToken, "Invalid Token").challenge(challenge)
        }
        AccountCallerError::Replayed => {
            AccountError::new(Kind::InvalidToken, "The DPoP proof was used before.")
                .challenge("DPoP error=\"invalid_dpop_proof\", algs=\"ES256\"")
        }
        AccountCallerError::ScopeMissing(scope) => {
            let detail = format!("Insufficient scope, expected: {scope}");
            AccountError::new(Kind::InsufficientScope, detail)
        }
        AccountCallerError::Key(error) => AccountError::internal(&error),
    }
}
