//! A client grant as it is shown.

use engine::context::Context;
use model::client_grant::ClientGrant;
use serde_json::{Value, json};

use crate::management::error::ManagementError;

/// The members of a client grant.
pub(super) fn show(context: &Context, grant: &ClientGrant) -> Result<Value, ManagementError> {
    let mut members =
        serde_json::to_value(grant).map_err(|error| ManagementError::internal(&error))?;
    members["audience"] = json!(context.tenant.local_audience(&grant.audience, &context.base));
    Ok(members)
}
