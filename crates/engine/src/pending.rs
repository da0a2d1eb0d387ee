//! What a browser has begun at our pages and not ended: a login or a logout.
//!
//! It is known by a secret `state` in the page's address and form, of which the database has the
//! hash, and belongs to the browser that began it. Another browser that brings the state finds
//! nothing, so nobody can have a stranger go on with their login. It ends once.

use std::time::Duration;

use protocol::secret::{BrowserToken, Hashed, LoginState, kind};
use protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Query, StoreError, WriteTx, login_states};

use crate::app::App;
use crate::authorize::AcceptedRequest;
use crate::context::Context;
use crate::logout::AcceptedLogout;

/// A page may stay open for this long.
const PENDING_TIMEOUT: Duration = Duration::from_hours(1);
const STATE_PREFIX: &str = "sls_";

/// What was begun.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Pending {
    Login(Box<AcceptedRequest>),
    Logout(AcceptedLogout),
}

/// Remembers what a browser begins; answers the state by which it is known.
pub(crate) async fn begin(
    app: &App,
    tx: &mut WriteTx,
    context: &Context,
    browser: &BrowserToken,
    pending: &Pending,
    now: Timestamp,
) -> Result<LoginState, StoreError> {
    let state: LoginState = app.entropy.secret(STATE_PREFIX);
    let document = serde_json::to_string(pending)?;
    let until = now.saturating_add(PENDING_TIMEOUT);
    let (hash, browser) = (state.hashed(), browser.hashed());
    login_states::insert(tx, context.tenant_id(), &hash, &browser, &document, until).await?;
    Ok(state)
}

/// What this browser began under a state, if it has not ended.
pub(crate) async fn find(
    q: &mut impl Query,
    context: &Context,
    browser: &BrowserToken,
    state: &Hashed<kind::LoginState>,
    now: Timestamp,
) -> Result<Option<Pending>, StoreError> {
    let tenant = context.tenant_id();
    let found = login_states::find(q, tenant, state, &browser.hashed(), now).await?;
    found.map(|document| serde_json::from_str(&document)).transpose().map_err(Into::into)
}

/// Ends what this browser began. Of several that try, one is told `true`.
pub(crate) async fn consume(
    tx: &mut WriteTx,
    context: &Context,
    browser: &BrowserToken,
    state: &Hashed<kind::LoginState>,
) -> Result<bool, StoreError> {
    login_states::consume(tx, context.tenant_id(), state, &browser.hashed()).await
}
