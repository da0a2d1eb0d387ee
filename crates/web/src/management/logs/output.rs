//! An event as it is shown.

use model::log_event::LogEvent;
use serde_json::{Map, Value, json};

use crate::management::error::ManagementError;

/// The members of an event.
pub(in crate::management) fn members(
    event: &LogEvent,
) -> Result<Map<String, Value>, ManagementError> {
    let members = serde_json::to_value(&event.detail).and_then(serde_json::from_value);
    let mut members: Map<String, Value> =
        members.map_err(|error| ManagementError::internal(&error))?;
    members.insert("date".to_owned(), json!(event.at.to_rfc3339()));
    members.insert("type".to_owned(), json!(event.kind.code()));
    members.insert("isMobile".to_owned(), json!(false));
    // Tools read the id by either name.
    members.insert("_id".to_owned(), json!(event.id));
    members.insert("log_id".to_owned(), json!(event.id));
    Ok(members)
}

/// The event as a whole.
pub(in crate::management) fn show(event: &LogEvent) -> Result<Value, ManagementError> {
    members(event).map(Value::Object)
}
