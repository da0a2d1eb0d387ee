//! `GET /users/{id}`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use serde_json::Value;

use super::find;
use super::output::show;
use crate::management::answer::Found;
use crate::management::caller::{Caller, Permission};
use crate::management::error::ManagementError;
use crate::management::fields::Fields;
use crate::management::path::InPath;
use crate::management::query::Query;

pub(in crate::management) enum ReadUsers {}

impl Permission for ReadUsers {
    const ANY_OF: &'static [&'static str] = &["read:users"];
}

/// Shows a user.
pub(in crate::management) async fn show_one(
    State(app): State<Arc<App>>,
    caller: Caller<ReadUsers>,
    InPath(id): InPath<String>,
    mut query: Query,
) -> Result<Found<Value>, ManagementError> {
    let fields = Fields::read(&mut query)?;
    query.finish()?;
    let user = find(&mut app.store.read().await?, caller.context(), &id.into()).await?;
    Ok(Found(fields.of(show(&user)?)))
}
