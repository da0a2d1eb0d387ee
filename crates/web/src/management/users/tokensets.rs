//! `GET /users/{id}/federated-connections-tokensets` and `DELETE …/{tokenset_id}`
//!
//! The scopes have two published spellings; both are accepted. Times are in seconds since 1970.

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use engine::users::delete_tokenset;
use model::ids::{TokensetId, UserId};
use serde_json::Value;
use store::connected_accounts;

use super::find;
use super::output::show_tokenset;
use crate::management::answer::{Done, Found};
use crate::management::caller::{Caller, Permission};
use crate::management::error::ManagementError;
use crate::management::path::InPath;

pub(in crate::management) enum ReadTokensets {}

impl Permission for ReadTokensets {
    const ANY_OF: &'static [&'static str] =
        &["read:federated_connections_tokens", "read:federated_connections_tokensets"];
}

pub(in crate::management) enum DeleteTokensets {}

impl Permission for DeleteTokensets {
    const ANY_OF: &'static [&'static str] =
        &["delete:federated_connections_tokens", "update:federated_connections_tokensets"];
}

/// Lists the tokensets of a user; of the tokens themselves it shows nothing.
pub(in crate::management) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<ReadTokensets>,
    InPath(id): InPath<String>,
) -> Result<Found<Vec<Value>>, ManagementError> {
    let (context, id) = (caller.context(), UserId::new(id));
    let mut read = app.store.read().await?;
    find(&mut read, context, &id).await?;
    let accounts = connected_accounts::list_for_user(&mut read, context.tenant_id(), &id).await?;
    Ok(Found(accounts.iter().map(|stored| show_tokenset(&stored.account)).collect()))
}

/// Removes a tokenset with its account. That there was none is no error: it is gone.
pub(in crate::management) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller<DeleteTokensets>,
    InPath((id, tokenset_id)): InPath<(String, String)>,
) -> Result<Done, ManagementError> {
    let (context, by) = (caller.context(), caller.administrator());
    let (id, tokenset_id) = (UserId::new(id), TokensetId::new(tokenset_id));
    delete_tokenset(&app, context, by, &id, &tokenset_id, caller.now()).await?;
    Ok(Done)
}
