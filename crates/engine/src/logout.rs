//! Logout: Auth0's `/v2/logout`, and OpenID Connect RP-Initiated Logout 1.0.
//!
//! Whatever is wrong with a request, it changes nothing: a person who is not led where the
//! application wanted has not been logged out either. Where a request leads is one of the URLs that
//! are registered for it, byte for byte.

use model::client::Client;
use model::ids::ClientId;
use model::log_event::LogEventKind;
use model::session::Session;
use protocol::oauth::redirect_uri::{RedirectUri, RedirectUriError};
use protocol::secret::{IdToken, LoginState};
use protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Query, StoreError, clients};

use crate::app::App;
use crate::audit::{self, Event, printable};
use crate::authorize::find_client;
use crate::context::Context;
use crate::id_token_hint::{self, HintError, IdTokenHint};
use crate::keys::KeyError;
use crate::pending::{self, Pending};
use crate::sessions::{self, Visitor};

/// Where a browser goes after a logout; to a page of ours if nowhere.
pub type Destination = Option<String>;

/// A request to `/v2/logout`.
#[derive(Debug)]
pub struct PlainLogout {
    /// `client_id`.
    pub client_id: Option<String>,
    /// `returnTo`.
    pub return_to: Option<String>,
}

/// A request to the end session endpoint.
#[derive(Debug)]
pub struct RpInitiatedLogout {
    /// `id_token_hint`.
    pub id_token_hint: Option<IdToken>,
    /// `logout_hint`: the session, by the `sid` of its ID tokens.
    pub logout_hint: Option<String>,
    /// `client_id`.
    pub client_id: Option<String>,
    /// `post_logout_redirect_uri`.
    pub post_logout_redirect_uri: Option<String>,
    /// `state`, to be handed back.
    pub state: Option<String>,
}

/// What comes of a request to the end session endpoint.
#[derive(Debug)]
pub enum NextLogout {
    /// The person is logged out.
    Done(Destination),
    /// The person is asked first.
    Confirm {
        /// By what the question is known.
        state: LoginState,
        /// Who asks.
        client: Option<Box<Client>>,
        /// Where either answer leads.
        destination: Destination,
    },
}

/// A logout that waits for the person's answer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AcceptedLogout {
    client_id: Option<ClientId>,
    destination: Destination,
}

/// What the person answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Log out.
    Accept,
    /// Stay.
    Deny,
}

/// Why a logout is refused.
#[derive(Debug, thiserror::Error)]
pub enum LogoutError {
    /// There is no such client.
    #[error("the client is unknown")]
    UnknownClient,
    /// The URL to return to is not registered.
    #[error("the URL to return to is not allowed")]
    Destination(#[from] RedirectUriError),
    /// The hint is no ID token of ours.
    #[error("the id_token_hint is not accepted")]
    Hint(#[from] HintError),
    /// The hint was given to another client than the request names.
    #[error("the id_token_hint is another client's")]
    HintOfOtherClient,
    /// The question has been answered, or took too long, or belongs to another browser.
    #[error("the logout has ended or belongs to another browser")]
    Ended,
    /// The database or a key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl From<StoreError> for LogoutError {
    fn from(error: StoreError) -> Self {
        Self::Key(error.into())
    }
}

/// `/v2/logout`: ends the session without a question, as published SDKs expect.
pub async fn plain(
    app: &App,
    context: &Context,
    visitor: Visitor<'_>,
    request: PlainLogout,
    now: Timestamp,
) -> Result<Destination, LogoutError> {
    let PlainLogout { client_id, return_to } = request;
    let found = async {
        let mut read = app.store.read().await?;
        let client = named_client(&mut read, context, client_id.as_deref()).await?;
        let destination = match (&return_to, &client) {
            (Some(requested), _) => Some(destination(context, client.as_ref(), requested)?),
            // Without a wish, the client's first URL.
            (None, Some(client)) => RedirectUri::first_of(&client.allowed_logout_urls).ok(),
            (None, None) => None,
        };
        Ok((client, destination.map(|url| url.as_str().to_owned())))
    };
    let (client, destination) = match found.await {
        Ok(found) => found,
        Err(error) => return Err(refused(app, context, client_id.as_deref(), error, now).await),
    };
    end(app, context, visitor, client.as_ref(), now).await?;
    Ok(destination)
}

/// The end session endpoint. RP-Initiated Logout §2: it asks the person, unless a hint shows that
/// the request comes from where the person is logged in.
pub async fn rp_initiated(
    app: &App,
    context: &Context,
    visitor: Visitor<'_>,
    request: RpInitiatedLogout,
    now: Timestamp,
) -> Result<NextLogout, LogoutError> {
    let asserted = request.client_id.clone();
    match proceed(app, context, visitor, request, now).await {
        Ok(next) => Ok(next),
        Err(error) => Err(refused(app, context, asserted.as_deref(), error, now).await),
    }
}

async fn proceed(
    app: &App,
    context: &Context,
    visitor: Visitor<'_>,
    request: RpInitiatedLogout,
    now: Timestamp,
) -> Result<NextLogout, LogoutError> {
    let RpInitiatedLogout {
        id_token_hint,
        logout_hint,
        client_id,
        post_logout_redirect_uri,
        state,
    } = request;
    let hint = match &id_token_hint {
        None => None,
        Some(token) => {
            let keys = app.tenant_keys(context.tenant_id(), now).await?;
            Some(id_token_hint::read(&keys, context, token)?)
        }
    };
    // §2: if both a Client Identifier and an ID Token are present, the OP MUST verify that the
    // Client Identifier matches the one used when issuing the ID Token.
    let hinted_client = hint.as_ref().map(|hint| hint.client.to_string());
    if let (Some(hinted), Some(named)) = (&hinted_client, &client_id)
        && hinted != named
    {
        return Err(LogoutError::HintOfOtherClient);
    }
    let mut read = app.store.read().await?;
    let client = named_client(&mut read, context, client_id.or(hinted_client).as_deref()).await?;
    let destination = match post_logout_redirect_uri {
        None => None,
        Some(requested) => {
            let url = destination(context, client.as_ref(), &requested)?;
            // §3: if included in the logout request, the OP passes the state value back.
            let state = state.as_deref().map(|state| ("state", state));
            Some(state.map_or_else(|| url.to_string(), |state| url.with_query(&[state])))
        }
    };
    let session = sessions::current(&mut read, context, visitor.session, now).await?;
    let asks = session
        .is_some_and(|current| !is_about(&current.session, hint.as_ref(), logout_hint.as_deref()));
    if !asks {
        end(app, context, visitor, client.as_ref(), now).await?;
        return Ok(NextLogout::Done(destination));
    }
    let client_id = client.as_ref().map(|client| client.client_id.clone());
    let accepted = AcceptedLogout { client_id, destination: destination.clone() };
    let mut tx = app.store.write().await?;
    let pending = Pending::Logout(accepted);
    let state = pending::begin(app, &mut tx, context, visitor.browser, &pending, now).await?;
    tx.commit().await?;
    Ok(NextLogout::Confirm { state, client: client.map(Box::new), destination })
}

/// Whether a hint names this session. Its `sid` is known to the clients that it logged in to, and to
/// nobody who merely links here.
fn is_about(session: &Session, hint: Option<&IdTokenHint>, logout_hint: Option<&str>) -> bool {
    let by_token = hint.is_some_and(|hint| {
        hint.user == session.user_id || hint.session.as_ref() == Some(&session.id)
    });
    by_token || logout_hint == Some(session.id.as_str())
}

/// The person answered the question.
pub async fn answer(
    app: &App,
    context: &Context,
    visitor: Visitor<'_>,
    state: &LoginState,
    answer: Answer,
    now: Timestamp,
) -> Result<Destination, LogoutError> {
    let (browser, handle) = (visitor.browser, state.hashed());
    let found = pending::find(&mut app.store.read().await?, context, browser, &handle, now).await?;
    let accepted = match found {
        Some(Pending::Logout(accepted)) => accepted,
        Some(Pending::Login(_)) | None => return Err(LogoutError::Ended),
    };
    let AcceptedLogout { client_id, destination } = accepted;
    let mut tx = app.store.write().await?;
    if !pending::consume(&mut tx, context, browser, &handle).await? {
        tx.rollback().await?;
        return Err(LogoutError::Ended);
    }
    tx.commit().await?;
    if answer == Answer::Accept {
        let mut read = app.store.read().await?;
        let client = match &client_id {
            None => None,
            Some(client_id) => clients::find(&mut read, context.tenant_id(), client_id).await?,
        };
        let client = client.map(|stored| stored.client);
        end(app, context, visitor, client.as_ref(), now).await?;
    }
    Ok(destination)
}

async fn named_client(
    q: &mut impl Query,
    context: &Context,
    client_id: Option<&str>,
) -> Result<Option<Client>, LogoutError> {
    match client_id {
        None => Ok(None),
        Some(client_id) => {
            let client = find_client(q, context, client_id).await?;
            client.map(Some).ok_or(LogoutError::UnknownClient)
        }
    }
}

/// A URL that is allowed: by the client's list, or the tenant's where no client is named.
fn destination(
    context: &Context,
    client: Option<&Client>,
    requested: &str,
) -> Result<RedirectUri, RedirectUriError> {
    let allowed = match client {
        Some(client) => &client.allowed_logout_urls,
        None => &context.tenant.settings.allowed_logout_urls,
    };
    RedirectUri::matching(requested, allowed)
}

/// Ends the browser's session, if it has one.
async fn end(
    app: &App,
    context: &Context,
    visitor: Visitor<'_>,
    client: Option<&Client>,
    now: Timestamp,
) -> Result<(), LogoutError> {
    let mut tx = app.store.write().await?;
    let Some(session) = sessions::end(&mut tx, context, visitor.session).await? else {
        tx.rollback().await?;
        return Ok(());
    };
    let mut event = Event::new(LogEventKind::Logout, context).user_id(session.user_id.as_str());
    if let Some(client) = client {
        event = event.client(client);
    }
    event.write(app, &mut tx, context, now).await?;
    tx.commit().await?;
    Ok(())
}

async fn refused(
    app: &App,
    context: &Context,
    client_id: Option<&str>,
    error: LogoutError,
    now: Timestamp,
) -> LogoutError {
    if let LogoutError::Key(_) = error {
        return error;
    }
    let client_id = client_id.map(printable);
    let event = Event::new(LogEventKind::LogoutFailed, context).client_id(client_id.as_deref());
    match event.describe(audit::chain(&error)).commit(app, context, now).await {
        Ok(()) => error,
        Err(failed) => failed.into(),
    }
}

#[cfg(test)]
mod tests {
    use model::ids::SessionId;

    use super::*;

    #[test]
    fn a06_only_a_hint_about_this_session_spares_the_question() {
        let session = Session {
            id: "sid-1".into(),
            user_id: "auth0|1".into(),
            connection: "db".to_owned(),
            authenticated_at: Timestamp::from_seconds(0),
            last_seen_at: Timestamp::from_seconds(0),
            expires_at: Timestamp::from_seconds(1),
        };
        let hint = |user: &str, sid: Option<&str>| IdTokenHint {
            client: "c".into(),
            user: user.into(),
            session: sid.map(SessionId::new),
        };
        let check = |hint: Option<IdTokenHint>, logout_hint: Option<&str>, expected: bool| {
            let about = is_about(&session, hint.as_ref(), logout_hint);
            assert_eq!(about, expected, "{hint:?} {logout_hint:?}");
        };
        check(None, None, false);
        check(None, Some("sid-1"), true);
        check(None, Some("sid-2"), false);
        check(Some(hint("auth0|1", Some("sid-1"))), None, true);
        check(Some(hint("auth0|1", Some("sid-2"))), None, true);
        check(Some(hint("auth0|1", None)), None, true);
        check(Some(hint("auth0|2", Some("sid-2"))), None, false);
        check(Some(hint("auth0|2", None)), None, false);
        check(Some(hint("auth0|2", Some("sid-2"))), Some("sid-1"), true);
    }
}
