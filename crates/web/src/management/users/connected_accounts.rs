//! `GET /users/{id}/connected-accounts`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use model::ids::UserId;
use serde_json::Value;
use store::connected_accounts::{self, StoredAccount};

use super::find;
use super::output::show_account;
use super::read::ReadUsers;
use crate::management::answer::Found;
use crate::management::caller::Caller;
use crate::management::error::ManagementError;
use crate::management::paging::{PER_PAGE_MAX, Paging};
use crate::management::path::InPath;
use crate::management::query::Query;

const TAKE_DEFAULT: usize = 10;

/// Lists the accounts that a user connected.
pub(in crate::management) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<ReadUsers>,
    InPath(id): InPath<String>,
    mut query: Query,
) -> Result<Found<Value>, ManagementError> {
    let paging = Paging::read_checkpoint(&mut query, TAKE_DEFAULT, PER_PAGE_MAX)?;
    query.finish()?;
    let (context, id) = (caller.context(), UserId::new(id));
    let mut read = app.store.read().await?;
    find(&mut read, context, &id).await?;
    let accounts = connected_accounts::list_for_user(&mut read, context.tenant_id(), &id).await?;
    let page = paging.cut(accounts, |stored: &StoredAccount| stored.account.id.as_str())?;
    let shown =
        page.items.iter().map(|stored| show_account(&app, &stored.account, caller.now())).collect();
    Ok(Found(page.frame.around("connected_accounts", shown)))
}
