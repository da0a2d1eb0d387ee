//! `GET /clients/{id}/connections`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use serde_json::Value;
use store::clients;
use store::connections::{self, StoredConnection};

use super::unknown;
use crate::management::answer::Found;
use crate::management::caller::{Caller, Permission};
use crate::management::connections::output::show_all;
use crate::management::error::ManagementError;
use crate::management::fields::Fields;
use crate::management::paging::{PER_PAGE_MAX, Paging};
use crate::management::path::InPath;
use crate::management::query::Query;

const TAKE_DEFAULT: usize = 50;

pub(in crate::management) enum ReadClientConnections {}

impl Permission for ReadClientConnections {
    const ANY_OF: &'static [&'static str] = &["read:connections"];
}

/// Lists the connections that serve a client. Who asks must be allowed to see both.
pub(in crate::management) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<ReadClientConnections>,
    InPath(id): InPath<String>,
    mut query: Query,
) -> Result<Found<Value>, ManagementError> {
    caller.require_any(&["read:clients", "read:client_summary"])?;
    let paging = Paging::read_checkpoint(&mut query, TAKE_DEFAULT, PER_PAGE_MAX)?;
    let fields = Fields::read(&mut query)?;
    let strategies = query.texts("strategy");
    query.finish()?;
    let (tenant, id) = (caller.context().tenant_id(), id.into());
    let mut read = app.store.read().await?;
    clients::find(&mut read, tenant, &id).await?.ok_or_else(unknown)?;
    let mut wanted = connections::list_for_client(&mut read, tenant, &id).await?;
    wanted.retain(|stored| {
        let strategy = stored.connection.strategy.as_str();
        strategies.is_empty() || strategies.iter().any(|wanted| wanted == strategy)
    });
    let page = paging.cut(wanted, |stored: &StoredConnection| stored.connection.id.as_str())?;
    let shown = show_all(&app, &caller, &fields, page.items).await?;
    Ok(Found(page.frame.around("connections", shown)))
}
