//! `GET /users-by-email`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use serde_json::Value;
use store::users;

use super::output::show;
use super::read::ReadUsers;
use crate::management::answer::Found;
use crate::management::caller::Caller;
use crate::management::error::ManagementError;
use crate::management::fields::Fields;
use crate::management::query::Query;

/// Lists the users with an e-mail address.
pub(in crate::management) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<ReadUsers>,
    mut query: Query,
) -> Result<Found<Vec<Value>>, ManagementError> {
    let fields = Fields::read(&mut query)?;
    let email = query.text("email")?.filter(|email| !email.is_empty());
    query.finish()?;
    let email = email
        .ok_or_else(|| ManagementError::invalid_query("", "Missing required property: email"))?;
    let tenant = caller.context().tenant_id();
    let found = users::find_by_email(&mut app.store.read().await?, tenant, &email).await?;
    let shown = found.iter().map(|user| Ok(fields.of(show(user)?)));
    shown.collect::<Result<_, ManagementError>>().map(Found)
}
