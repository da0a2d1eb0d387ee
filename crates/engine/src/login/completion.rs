//! How a login ends: with a session and a code, or with a refusal that the client is told.

use model::connection::Connection;
use model::log_event::LogEventKind;
use model::user::User;
use protocol::secret::{AuthorizationCode, SessionToken};
use protocol::time::Timestamp;
use store::{StoreError, WriteTx, users};

use super::OpenLogin;
use crate::app::App;
use crate::audit::{self, Event};
use crate::authorize::{AuthorizationResponse, Denial, Halt, code};
use crate::context::Context;
use crate::keys::KeyError;
use crate::pending;
use crate::sessions::{self, Visitor};

/// A login that has ended.
#[derive(Debug)]
pub struct Completed {
    /// The answer to the client.
    pub response: AuthorizationResponse,
    /// The session that has begun; none if the client was refused.
    pub session: Option<SessionToken>,
}

/// A person who has just proved who they are, and by which connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Authenticated<'a> {
    pub(crate) user: &'a User,
    pub(crate) connection: &'a Connection,
}

/// Why a login cannot be ended.
#[derive(Debug, thiserror::Error)]
pub enum CompletionError {
    /// It has ended already.
    #[error("the login has ended already")]
    Ended,
    /// The database or a key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl From<StoreError> for CompletionError {
    fn from(error: StoreError) -> Self {
        Self::Key(error.into())
    }
}

/// Ends a login. What `tx` holds is committed with it, or undone.
pub(crate) async fn complete(
    app: &App,
    mut tx: WriteTx,
    context: &Context,
    visitor: Visitor<'_>,
    login: &OpenLogin,
    person: Authenticated<'_>,
    now: Timestamp,
) -> Result<Completed, CompletionError> {
    if !pending::consume(&mut tx, context, visitor.browser, &login.handle).await? {
        tx.rollback().await?;
        return Err(CompletionError::Ended);
    }
    match admit(app, &mut tx, context, visitor, login, person, now).await {
        Ok((code, session)) => {
            tx.commit().await?;
            let response = login.accepted.respond(&login.client, Ok(code));
            Ok(Completed { response, session: Some(session) })
        }
        Err(Halt::Failed(error)) => Err(error.into()),
        Err(Halt::Denied(denial)) => {
            tx.rollback().await?;
            let event = refusal(context, login).connection(person.connection).user(person.user);
            deny(app, context, visitor, login, event, denial, now).await
        }
    }
}

async fn admit(
    app: &App,
    tx: &mut WriteTx,
    context: &Context,
    visitor: Visitor<'_>,
    login: &OpenLogin,
    person: Authenticated<'_>,
    now: Timestamp,
) -> Result<(AuthorizationCode, SessionToken), Halt> {
    let Authenticated { user, connection } = person;
    // OpenID Connect Core §3.1.2.1: if another person logged in than the one of the id_token_hint,
    // the server SHOULD return an error, such as login_required.
    if login.accepted.hinted_user.as_ref().is_some_and(|hinted| *hinted != user.user_id) {
        return Err(Denial::LoginRequired.into());
    }
    let (token, session) =
        sessions::begin(app, tx, context, visitor, user, connection, now).await?;
    let (code, authorization) =
        code::issue(app, tx, context, &login.accepted, &login.client, &session, now).await?;
    let ip = context.ip.map(|address| address.to_string());
    users::note_login(tx, context.tenant_id(), &user.user_id, ip.as_deref(), now).await?;
    Event::new(LogEventKind::Login, context)
        .client(&login.client)
        .user(user)
        .connection(connection)
        .access(authorization.audience.as_deref(), &authorization.scope)
        .write(app, tx, context, now)
        .await?;
    Ok((code, token))
}

/// The event of a login that is refused.
pub(crate) fn refusal(context: &Context, login: &OpenLogin) -> Event {
    Event::new(LogEventKind::LoginFailed, context).client(&login.client)
}

/// Ends a login with a refusal. No session begins, and one that the browser had goes on.
pub(crate) async fn deny(
    app: &App,
    context: &Context,
    visitor: Visitor<'_>,
    login: &OpenLogin,
    event: Event,
    denial: Denial,
    now: Timestamp,
) -> Result<Completed, CompletionError> {
    let mut tx = app.store.write().await?;
    if !pending::consume(&mut tx, context, visitor.browser, &login.handle).await? {
        tx.rollback().await?;
        return Err(CompletionError::Ended);
    }
    event.describe(audit::chain(&denial)).write(app, &mut tx, context, now).await?;
    tx.commit().await?;
    let response = login.accepted.respond(&login.client, Err(denial));
    Ok(Completed { response, session: None })
}
