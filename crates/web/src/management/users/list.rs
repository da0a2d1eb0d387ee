//! `GET /users`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use engine::context::Context;
use model::user::User;
use serde_json::Value;
use store::{ReadTx, connections, users};

use super::output::show;
use super::search::Search;
use crate::management::answer::Found;
use crate::management::caller::{Caller, Permission};
use crate::management::error::ManagementError;
use crate::management::fields::Fields;
use crate::management::paging::{Cut, Frame, Paging, Totals, as_integer};
use crate::management::query::Query;

/// A search that no index serves reads no more users.
const SCANNED_MAX: i64 = 1000;

pub(in crate::management) enum ListUsers {}

impl Permission for ListUsers {
    const ANY_OF: &'static [&'static str] = &["read:users"];
}

/// Lists users, oldest first, or those that a search finds.
pub(in crate::management) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<ListUsers>,
    mut query: Query,
) -> Result<Found<Value>, ManagementError> {
    let paging = Paging::read_offset(&mut query)?;
    let fields = Fields::read(&mut query)?;
    let mut search = Search::parse(&query.text("q")?.unwrap_or_default())?;
    if let Some(connection) = query.text("connection")? {
        search.and_connection(connection);
    }
    query.word("search_engine", &["v3"])?;
    query.word("sort", &["created_at:1"])?;
    query.boolean("primary_order")?;
    query.finish()?;
    let mut read = app.store.read().await?;
    let Cut { items, frame } = if search.is_empty() {
        page_of_all(&mut read, caller.context(), &paging).await?
    } else {
        let found = find(&mut read, caller.context(), &search).await?;
        paging.cut(found, |user: &User| user.user_id.as_str())?
    };
    let shown = items.iter().map(|user| Ok(fields.of(show(user)?)));
    let shown = shown.collect::<Result<Vec<_>, ManagementError>>()?;
    Ok(Found(frame.around("users", shown)))
}

/// A page that the database cuts.
async fn page_of_all(
    read: &mut ReadTx,
    context: &Context,
    paging: &Paging,
) -> Result<Cut<User>, ManagementError> {
    let tenant = context.tenant_id();
    let (start, limit, include_totals) = paging.offset();
    let (offset, rows) = (as_integer(start), as_integer(limit));
    let items = users::page(read, tenant, offset, rows).await?;
    let frame = if include_totals {
        let total = usize::try_from(users::count(read, tenant).await?).unwrap_or(0);
        Frame::Totals(Totals { start, limit, total })
    } else {
        Frame::Bare
    };
    Ok(Cut { items, frame })
}

/// Everybody whom a search admits, found by an index where one serves.
async fn find(
    read: &mut ReadTx,
    context: &Context,
    search: &Search,
) -> Result<Vec<User>, ManagementError> {
    let tenant = context.tenant_id();
    let mut found = if let Some(user_id) = search.user_id() {
        users::find(read, tenant, &user_id.into()).await?.into_iter().collect()
    } else if let Some(email) = search.email() {
        users::find_by_email(read, tenant, email).await?
    } else if let Some(name) = search.connection() {
        let Some(stored) = connections::find_by_name(read, tenant, name).await? else {
            return Ok(Vec::new());
        };
        let id = &stored.connection.id;
        refuse_beyond_scan(users::count_for_connection(read, tenant, id).await?)?;
        users::page_for_connection(read, tenant, id, 0, SCANNED_MAX).await?
    } else {
        refuse_beyond_scan(users::count(read, tenant).await?)?;
        users::page(read, tenant, 0, SCANNED_MAX).await?
    };
    found.retain(|user| search.admits(user));
    Ok(found)
}

/// Rather no answer than one that lacks somebody.
fn refuse_beyond_scan(users: i64) -> Result<(), ManagementError> {
    if users <= SCANNED_MAX {
        return Ok(());
    }
    let why = "There are too many users for this search; name an email or a user_id";
    Err(ManagementError::invalid_query("q", why))
}
