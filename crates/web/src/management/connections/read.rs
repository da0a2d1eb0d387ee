//! `GET /connections` and `GET /connections/{id}`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use serde_json::Value;
use store::connections::{self, StoredConnection};

use super::output::show_all;
use super::unknown;
use crate::management::answer::Found;
use crate::management::caller::{Caller, Permission};
use crate::management::error::ManagementError;
use crate::management::fields::Fields;
use crate::management::paging::Paging;
use crate::management::path::InPath;
use crate::management::query::Query;

pub(in crate::management) enum ReadConnections {}

impl Permission for ReadConnections {
    const ANY_OF: &'static [&'static str] = &["read:connections"];
}

/// Lists connections; `strategy` may be repeated.
pub(in crate::management) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<ReadConnections>,
    mut query: Query,
) -> Result<Found<Value>, ManagementError> {
    let paging = Paging::read(&mut query)?;
    let fields = Fields::read(&mut query)?;
    let name = query.text("name")?;
    let mut strategies = query.texts("strategy");
    strategies.extend(query.texts("strategy[]"));
    query.finish()?;
    let tenant = caller.context().tenant_id();
    let mut wanted = connections::list(&mut app.store.read().await?, tenant).await?;
    wanted.retain(|StoredConnection { connection, .. }| {
        let strategy = connection.strategy.as_str();
        name.as_ref().is_none_or(|wanted| *wanted == connection.name)
            && (strategies.is_empty() || strategies.iter().any(|wanted| wanted == strategy))
    });
    let page = paging.cut(wanted, |stored: &StoredConnection| stored.connection.id.as_str())?;
    let shown = show_all(&app, &caller, &fields, page.items).await?;
    Ok(Found(page.frame.around("connections", shown)))
}

/// Shows a connection.
pub(in crate::management) async fn show_one(
    State(app): State<Arc<App>>,
    caller: Caller<ReadConnections>,
    InPath(id): InPath<String>,
    mut query: Query,
) -> Result<Found<Value>, ManagementError> {
    let fields = Fields::read(&mut query)?;
    query.finish()?;
    let tenant = caller.context().tenant_id();
    let found = connections::find(&mut app.store.read().await?, tenant, &id.into()).await?;
    let stored = vec![found.ok_or_else(unknown)?];
    let shown = show_all(&app, &caller, &fields, stored).await?.pop();
    shown.map(Found).ok_or_else(unknown)
}
