//! `POST /event-streams/{id}/redeliver` and `POST /event-streams/{id}/redeliver/{event_id}`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use engine::event_streams::{self, Again};
use model::event_stream::Subscription;
use protocol::time::Timestamp;
use serde_json::{Value, json};

use super::input::EVENT_TYPES;
use crate::management::answer::Accepted;
use crate::management::caller::{Caller, Permission};
use crate::management::error::ManagementError;
use crate::management::json::JsonBody;
use crate::management::patch::Members;
use crate::management::path::InPath;
use crate::management::shape::{self, Member, Shape};

const MOMENT: Shape = Shape::Text { least: 1, most: 40 };
const SPAN: &[Member] = &[
    Member::new("date_from", MOMENT),
    Member::new("date_to", MOMENT),
    Member::new("statuses", Shape::List { of: &Shape::OneOf(&["failed"]), most: 1 }),
    Member::new("event_types", Shape::List { of: &Shape::OneOf(EVENT_TYPES), most: 50 }),
];

pub(in crate::management) enum UpdateDeliveries {}

impl Permission for UpdateDeliveries {
    const ANY_OF: &'static [&'static str] = &["update:event_deliveries"];
}

/// Delivers once more what happened in a span of time, whether it was delivered or not, and what
/// happened before the stream was made.
pub(in crate::management) async fn redeliver(
    State(app): State<Arc<App>>,
    caller: Caller<UpdateDeliveries>,
    InPath(id): InPath<String>,
    JsonBody(body): JsonBody,
) -> Result<Accepted<Value>, ManagementError> {
    let asked = shape::check(body, &[SPAN])?;
    let mut members = Members::new(asked.clone());
    let from = moment(&mut members, "date_from")?.unwrap_or(Timestamp::from_millis(0));
    let to = moment(&mut members, "date_to")?.unwrap_or(caller.now());
    let kinds: Vec<_> = members.optional("event_types")?.unwrap_or_default();
    let kinds = kinds.into_iter().map(|event_type| Subscription { event_type }).collect();
    let (context, by) = (caller.context(), caller.administrator());
    let again = Again::Between(from, to, kinds);
    let (id, now) = (id.into(), caller.now());
    event_streams::redeliver(&app, context, by, &id, again, now).await?;
    Ok(Accepted(Value::Object(asked)))
}

/// Delivers one event once more.
pub(in crate::management) async fn redeliver_one(
    State(app): State<Arc<App>>,
    caller: Caller<UpdateDeliveries>,
    InPath((id, event_id)): InPath<(String, String)>,
) -> Result<Accepted<Value>, ManagementError> {
    let (context, by) = (caller.context(), caller.administrator());
    let again = Again::Event(event_id.into());
    event_streams::redeliver(&app, context, by, &id.into(), again, caller.now()).await?;
    Ok(Accepted(json!({})))
}

fn moment(members: &mut Members, name: &str) -> Result<Option<Timestamp>, ManagementError> {
    let text: Option<String> = members.optional(name)?;
    text.map(|text| Timestamp::parse_rfc3339(&text))
        .transpose()
        .map_err(|error| ManagementError::invalid_body(name, &error.to_string()))
}
