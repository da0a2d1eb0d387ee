//! The UserInfo endpoint: OpenID Connect Core §5.3.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Method, header};
use engine::app::App;
use engine::dpop::{NoncePolicy, ProofError};
use engine::my_account::AccountCallerError;
use engine::userinfo;
use protocol::oauth::answer::TokenType;
use protocol::oauth::error::ErrorCode;
use protocol::oidc::StandardClaims;
use serde::Serialize;

use crate::asked::Asked;
use crate::bearer::{self, PresentedToken};
use crate::dpop::{self, HeaderError, Target};
use crate::error::{DPOP_NONCE, Json, OAuthError};

#[derive(Serialize)]
pub(crate) struct UserInfo {
    sub: String,
    #[serde(flatten)]
    claims: StandardClaims,
}

/// `GET` and `POST /userinfo`
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    asked: Asked,
    method: Method,
    headers: HeaderMap,
) -> Result<Json<UserInfo>, OAuthError> {
    let presented = bearer::presented(&headers);
    let PresentedToken { scheme, token } = presented.or(Err(unauthorized(TokenType::Bearer)))?;
    let target = Target { method: method.as_str(), path: "userinfo" };
    let policy = NoncePolicy::Optional;
    let proof = dpop::proof(&app, &asked, &headers, target, Some(&token), policy).await;
    let proof = proof.map_err(|error| proof_refused(&error))?;
    let Asked { context, now } = &asked;
    match userinfo::show(&app, context, &token, scheme, proof, *now).await {
        Ok((sub, claims)) => Ok(Json(UserInfo { sub, claims })),
        Err(AccountCallerError::Key(error)) => Err(OAuthError::internal(&error)),
        Err(AccountCallerError::ScopeMissing(scope)) => {
            let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
            Err(OAuthError::new(ErrorCode::InsufficientScope, "The token lacks openid.")
                .with_header(header::WWW_AUTHENTICATE, &challenge))
        }
        Err(
            AccountCallerError::Token(_)
            | AccountCallerError::Binding
            | AccountCallerError::NotAUser
            | AccountCallerError::UserGone
            | AccountCallerError::ClientGone
            | AccountCallerError::Replayed,
        ) => Err(unauthorized(scheme)),
    }
}

fn proof_refused(error: &HeaderError) -> OAuthError {
    match error {
        HeaderError::Proof(ProofError::Key(error)) => OAuthError::internal(error),
        HeaderError::Proof(ProofError::NonceWanted { nonce }) => {
            let challenge = "DPoP error=\"use_dpop_nonce\", algs=\"ES256\"";
            OAuthError::new(ErrorCode::InvalidToken, "The DPoP proof needs a current nonce.")
                .with_header(header::WWW_AUTHENTICATE, challenge)
                .with_header(DPOP_NONCE, nonce)
        }
        HeaderError::Several
        | HeaderError::NotText
        | HeaderError::Proof(ProofError::Invalid(_) | ProofError::Replayed) => {
            let challenge = "DPoP error=\"invalid_dpop_proof\", algs=\"ES256\"";
            OAuthError::new(ErrorCode::InvalidToken, "The DPoP proof is invalid.")
                .with_header(header::WWW_AUTHENTICATE, challenge)
        }
    }
}

fn unauthorized(scheme: TokenType) -> OAuthError {
    let challenge = match scheme {
        TokenType::Bearer => "Bearer error=\"invalid_token\"",
        TokenType::Dpop => "DPoP error=\"invalid_token\", algs=\"ES256\"",
    };
    OAuthError::new(ErrorCode::InvalidToken, "Unauthorized")
        .with_header(header::WWW_AUTHENTICATE, challenge)
}
