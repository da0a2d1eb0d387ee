//! Login sessions: how they begin, are recognised, and end.

use std::time::Duration;

use model::connection::Connection;
use model::session::Session;
use model::user::User;
use protocol::secret::{BrowserToken, SessionToken};
use protocol::time::Timestamp;
use store::{Query, StoreError, WriteTx, sessions, users};

use crate::app::App;
use crate::context::Context;

/// The use of a session is written down no more often: it only moves the idle end.
const TOUCH_INTERVAL: Duration = Duration::from_mins(1);
const SESSION_TOKEN_PREFIX: &str = "sse_";
const BROWSER_TOKEN_PREFIX: &str = "sbr_";

/// The browser that a request came from, by what its cookies say.
#[derive(Clone, Copy, Debug)]
pub struct Visitor<'a> {
    /// Which browser it is. What begins in one browser goes on in no other.
    pub browser: &'a BrowserToken,
    /// The login session that it says it has.
    pub session: Option<&'a SessionToken>,
}

/// A session that counts, and its person, both as the database has them now.
#[derive(Clone, Debug)]
pub struct CurrentSession {
    /// The session.
    pub session: Session,
    /// The person, who may be blocked.
    pub user: User,
}

/// A fresh name for a browser that has none.
pub fn new_browser(app: &App) -> BrowserToken {
    app.entropy.secret(BROWSER_TOKEN_PREFIX)
}

/// The session of a cookie, if it still counts.
pub async fn current(
    q: &mut impl Query,
    context: &Context,
    token: Option<&SessionToken>,
    now: Timestamp,
) -> Result<Option<CurrentSession>, StoreError> {
    let Some(token) = token else { return Ok(None) };
    let Some(session) = sessions::find(q, context.tenant_id(), &token.hashed()).await? else {
        return Ok(None);
    };
    if !session.is_alive(&context.tenant.settings, now) {
        return Ok(None);
    }
    let user = users::find(q, context.tenant_id(), &session.user_id).await?;
    Ok(user.map(|user| CurrentSession { session, user }))
}

/// Begins a session for a person who has just proved who they are. It takes the place of the one
/// that the browser had: a session never changes its person, and a token that somebody planted
/// before the login is worth nothing after it.
pub(crate) async fn begin(
    app: &App,
    tx: &mut WriteTx,
    context: &Context,
    visitor: Visitor<'_>,
    user: &User,
    connection: &Connection,
    now: Timestamp,
) -> Result<(SessionToken, Session), StoreError> {
    let tenant = context.tenant_id();
    end(tx, context, visitor.session).await?;
    let token: SessionToken = app.entropy.secret(SESSION_TOKEN_PREFIX);
    let session = Session {
        id: app.entropy.id("", 32),
        user_id: user.user_id.clone(),
        connection: connection.name.clone(),
        authenticated_at: now,
        last_seen_at: now,
        expires_at: now.saturating_add(context.tenant.settings.session_lifetime()),
    };
    sessions::insert(tx, tenant, &token.hashed(), &session).await?;
    Ok((token, session))
}

/// Notes that a session was used, if that was not noted lately.
pub(crate) async fn touch(
    tx: &mut WriteTx,
    context: &Context,
    session: &Session,
    now: Timestamp,
) -> Result<(), StoreError> {
    if now.since(session.last_seen_at) >= TOUCH_INTERVAL {
        sessions::touch(tx, context.tenant_id(), &session.id, now).await?;
    }
    Ok(())
}

/// Ends the session of a cookie, if there is one, and answers which it was.
pub(crate) async fn end(
    tx: &mut WriteTx,
    context: &Context,
    token: Option<&SessionToken>,
) -> Result<Option<Session>, StoreError> {
    let Some(token) = token else { return Ok(None) };
    let tenant = context.tenant_id();
    let Some(session) = sessions::find(tx, tenant, &token.hashed()).await? else {
        return Ok(None);
    };
    sessions::delete(tx, tenant, &session.id).await?;
    Ok(Some(session))
}
