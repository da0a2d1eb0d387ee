//! Requests that are pushed before a browser comes: RFC 9126.
//!
//! A push is judged as the browser's own request would be, except for whether somebody is logged in.
//! What was judged good is kept for the browser, for one use, by a name that nobody can guess.

use std::time::Duration;

use model::client::Client;
use model::ids::ClientId;
use model::log_event::LogEventKind;
use protocol::oauth::authorize::{AuthorizeError, AuthorizeRequest};
use protocol::oauth::parameters::Parameters;
use protocol::oauth::pushed::{PushedReference, PushedResponse};
use protocol::secret::PushedRequest;
use protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use store::{StoreError, pushed_requests};

use super::denial::{Denial, Halt};
use super::signed::{self, Signed};
use super::{Hint, Unaddressed, addressee, judge};
use crate::app::App;
use crate::audit::{self, Event};
use crate::client_auth::AuthenticatedClient;
use crate::context::Context;
use crate::dpop::DpopBound;
use crate::keys::KeyError;

const SECRET_PREFIX: &str = "spr_";

/// What is kept of a push.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Pushed {
    pub(super) request: AuthorizeRequest,
    pub(super) is_signed: bool,
    pub(super) hint: Hint,
}

/// Why a push is refused.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// It names another client than the one that pushes.
    #[error("the request is another client's")]
    OtherClient,
    /// The answer would have nowhere to go.
    #[error(transparent)]
    Unaddressed(Unaddressed),
    /// The browser's own request would be denied.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// RFC 9449 §10.1: the proof and `dpop_jkt` name different keys.
    #[error("the DPoP proof is not by the key that dpop_jkt names")]
    OtherKey,
    /// The database or a key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl From<StoreError> for PushError {
    fn from(error: StoreError) -> Self {
        Self::Key(error.into())
    }
}

/// Takes a request from its client.
pub async fn push(
    app: &App,
    context: &Context,
    client: &AuthenticatedClient,
    parameters: Parameters,
    proof: Option<&DpopBound>,
    now: Timestamp,
) -> Result<PushedResponse, PushError> {
    let client = client.client();
    match accept(app, context, client, parameters, proof, now).await {
        Ok(pushed) => keep(app, context, client, &pushed, now).await,
        Err(error @ (PushError::Key(_) | PushError::Unaddressed(Unaddressed::Key(_)))) => {
            Err(error)
        }
        Err(error) => {
            let event = Event::new(LogEventKind::PushFailed, context).client(client);
            event.describe(audit::chain(&error)).commit(app, context, now).await?;
            Err(error)
        }
    }
}

async fn accept(
    app: &App,
    context: &Context,
    client: &Client,
    parameters: Parameters,
    proof: Option<&DpopBound>,
    now: Timestamp,
) -> Result<Pushed, PushError> {
    let mut read = app.store.read().await?;
    let Signed { parameters, is_signed } =
        signed::read(&mut read, context, Some(client), parameters, now)
            .await
            .map_err(PushError::Unaddressed)?;
    let mut request = AuthorizeRequest::parse(parameters)
        .map_err(|AuthorizeError { cause, reply_to: _ }| Denial::Request(cause))?;
    if request.reply_to.client_id != client.client_id.as_str() {
        return Err(PushError::OtherClient);
    }
    // RFC 9449 §10.1: a proof with the push stands for `dpop_jkt`, and both name one key.
    if let Some(proof) = proof {
        let named = request.dpop_jkt.get_or_insert_with(|| proof.jkt().clone());
        if named != proof.jkt() {
            return Err(PushError::OtherKey);
        }
    }
    let redirect_uri = addressee::redirect_uri(client, &request.reply_to)
        .map_err(|error| PushError::Unaddressed(error.into()))?;
    let judged = judge(&mut read, context, client, &redirect_uri, (&request, is_signed)).await;
    match judged {
        Ok(_) => {}
        Err(Halt::Denied(denial)) => return Err(denial.into()),
        Err(Halt::Failed(error)) => return Err(error.into()),
    }
    let hint = Hint::of(app, context, &request, now).await?;
    Ok(Pushed { request, is_signed, hint })
}

async fn keep(
    app: &App,
    context: &Context,
    client: &Client,
    pushed: &Pushed,
    now: Timestamp,
) -> Result<PushedResponse, PushError> {
    let secret: PushedRequest = app.entropy.secret(SECRET_PREFIX);
    let document = serde_json::to_string(pushed).map_err(StoreError::from)?;
    let lifetime = Duration::from_secs(client.pushed_request_seconds().into());
    let until = now.saturating_add(lifetime);
    let mut tx = app.store.write().await?;
    let (tenant, client_id) = (context.tenant_id(), &client.client_id);
    pushed_requests::insert(&mut tx, tenant, &secret.hashed(), client_id, &document, until).await?;
    tx.commit().await?;
    Ok(PushedResponse::new(&secret, lifetime.as_secs()))
}

/// Takes up what a client pushed, once.
pub(super) async fn take(
    app: &App,
    context: &Context,
    reference: &PushedReference,
    now: Timestamp,
) -> Result<Option<Pushed>, StoreError> {
    let mut tx = app.store.write().await?;
    let client_id = ClientId::new(&reference.client_id);
    let hash = reference.request.hashed();
    let found = pushed_requests::take(&mut tx, context.tenant_id(), &hash, &client_id, now).await?;
    tx.commit().await?;
    found.map(|document| serde_json::from_str(&document)).transpose().map_err(Into::into)
}
