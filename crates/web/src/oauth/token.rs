//! The token endpoint: RFC 6749 §3.2.
//!
//! Parse, authenticate the client, accept the proof, then the grant. Whatever is refused on the way
//! is noted before it is told.

mod client_credentials;
mod code;
mod error;
mod refresh;
mod vault_exchange;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use engine::app::App;
use engine::audit::note_refusal;
use engine::client_auth::{AuthenticatedClient, authenticate};
use engine::dpop::{DpopBound, NoncePolicy};
use model::log_event::LogEventKind;
use protocol::oauth::client_auth::PresentedClient;
use protocol::oauth::error::ErrorCode;
use protocol::oauth::parameters::Parameters;
use protocol::oauth::token::TokenRequest;

use crate::asked::Asked;
use crate::body::OAuthBody;
use crate::dpop::{self, HeaderError, Target};
use crate::error::{Chain, DPOP_NONCE, OAuthError};

/// `POST /oauth/token`
pub(crate) async fn exchange(
    State(app): State<Arc<App>>,
    asked: Asked,
    headers: HeaderMap,
    OAuthBody(mut body): OAuthBody,
) -> Result<Response, OAuthError> {
    let presented = presented_client(&headers, &mut body)?;
    let request = TokenRequest::parse(body)?;
    let failure = failure_of(&request);
    let client = authenticated(&app, &asked, &presented, failure).await?;
    let proof = accepted_proof(&app, &asked, &headers, "oauth/token", &client, failure).await?;
    let proof = proof.as_ref();
    match request {
        TokenRequest::AuthorizationCode(grant) => {
            code::exchange(app, asked, client, grant, proof).await
        }
        TokenRequest::RefreshToken(grant) => {
            refresh::exchange(app, asked, client, grant, proof).await
        }
        TokenRequest::ClientCredentials(grant) => {
            client_credentials::exchange(app, asked, client, grant, proof).await
        }
        TokenRequest::VaultExchange(grant) => {
            vault_exchange::exchange(app, asked, client, grant, proof).await
        }
        TokenRequest::Unsupported(name) => {
            let cause = "the grant type is not supported";
            note(&app, &asked, failure, client.client().client_id.as_str(), cause).await?;
            let description = format!("Unsupported grant type: {name}");
            Err(OAuthError::new(ErrorCode::UnsupportedGrantType, description))
        }
    }
}

/// As what a refusal is noted.
fn failure_of(request: &TokenRequest) -> LogEventKind {
    match request {
        TokenRequest::AuthorizationCode(_) => LogEventKind::CodeExchangeFailed,
        TokenRequest::RefreshToken(_) => LogEventKind::RefreshExchangeFailed,
        TokenRequest::ClientCredentials(_) => LogEventKind::ClientCredentialsFailed,
        TokenRequest::VaultExchange(_) => LogEventKind::VaultExchangeFailed,
        TokenRequest::Unsupported(_) => LogEventKind::LoginFailed,
    }
}

/// The client as the request presents it, taken out of the body.
pub(super) fn presented_client(
    headers: &HeaderMap,
    body: &mut Parameters,
) -> Result<PresentedClient, OAuthError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let refused = |why: &str| OAuthError::new(ErrorCode::InvalidRequest, why);
    let authorization = match (values.next(), values.next()) {
        (None, _) => None,
        (Some(value), None) => {
            Some(value.to_str().or(Err(refused("The Authorization header is not text.")))?)
        }
        (Some(_), Some(_)) => return Err(refused("There is more than one Authorization header.")),
    };
    PresentedClient::read(authorization, body)
        .map_err(|error| OAuthError::new(error.code(), error.to_string()))
}

/// The client, shown to be who it says.
pub(super) async fn authenticated(
    app: &App,
    asked: &Asked,
    presented: &PresentedClient,
    failure: LogEventKind,
) -> Result<AuthenticatedClient, OAuthError> {
    let Asked { context, now } = asked;
    match authenticate(app, context, presented, *now).await {
        Ok(client) => Ok(client),
        Err(error) => {
            note(app, asked, failure, presented.client_id(), &error.to_string()).await?;
            Err(error.into())
        }
    }
}

/// The proof of the request, if there is one. Public clients must answer our nonce: they run where
/// proofs could be made in advance (RFC 9449 §8).
pub(super) async fn accepted_proof(
    app: &App,
    asked: &Asked,
    headers: &HeaderMap,
    path: &str,
    client: &AuthenticatedClient,
    failure: LogEventKind,
) -> Result<Option<DpopBound>, OAuthError> {
    let policy =
        if client.client().is_public() { NoncePolicy::Required } else { NoncePolicy::Optional };
    let target = Target { method: "POST", path };
    let spent = match dpop::proof(app, asked, headers, target, None, policy).await {
        Ok(None) => return Ok(None),
        Ok(Some(proof)) => proof.spend(app, &asked.context).await.map_err(HeaderError::Proof),
        Err(error) => Err(error),
    };
    let error = match spent {
        Ok(proof) => return Ok(Some(proof)),
        Err(error) => error,
    };
    if let HeaderError::Proof(engine::dpop::ProofError::NonceWanted { nonce }) = &error {
        let description = "Authorization server requires nonce in DPoP proof";
        return Err(
            OAuthError::new(ErrorCode::UseDpopNonce, description).with_header(DPOP_NONCE, nonce)
        );
    }
    let cause = Chain(&error).to_string();
    note(app, asked, failure, client.client().client_id.as_str(), &cause).await?;
    Err(error.into())
}

/// Notes a refusal that comes before any grant is looked at.
async fn note(
    app: &App,
    asked: &Asked,
    failure: LogEventKind,
    client_id: &str,
    cause: &str,
) -> Result<(), OAuthError> {
    note_refusal(app, &asked.context, failure, Some(client_id), cause, asked.now)
        .await
        .map_err(|error| OAuthError::internal(&error))
}
