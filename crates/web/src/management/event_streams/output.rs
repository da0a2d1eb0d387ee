//! An event stream and its deliveries as they are shown.

use engine::event_streams::SigningSecret;
use model::event_stream::EventStream;
use model::ids::EventStreamId;
use serde_json::{Value, json};
use store::event_deliveries::Delivery;

/// The members of a stream. No secret is among them.
pub(super) fn show(stream: &EventStream) -> Value {
    let EventStream { id, name, subscriptions, destination, status, created_at, updated_at } =
        stream;
    let mut members = json!({
        "id": id,
        "subscriptions": subscriptions,
        "destination": destination,
        "status": status,
        "created_at": created_at.to_rfc3339(),
        "updated_at": updated_at.to_rfc3339(),
    });
    if let Some(name) = name {
        members["name"] = json!(name);
    }
    members
}

/// The same with what its deliveries are signed with. Ours: Auth0 signs none.
pub(super) fn show_new(stream: &EventStream, signing: SigningSecret) -> Value {
    let mut members = show(stream);
    members["signing_secret"] = json!(signing.disclose());
    members
}

/// The members of a delivery.
pub(super) fn show_delivery(stream: &EventStreamId, delivery: &Delivery) -> Value {
    let Delivery { event, attempts, attempted_at, next_attempt_at, last_fault } = delivery;
    let status = match (next_attempt_at, last_fault) {
        (Some(_), _) => "pending",
        (None, Some(_)) => "failed",
        (None, None) => "delivered",
    };
    let mut members = json!({
        "id": event.id,
        "event_stream_id": stream,
        "status": status,
        "event_type": event.kind,
        "attempts": [],
        "attempt_count": attempts,
    });
    if let Some(at) = attempted_at {
        let mut attempt = json!({
            "status": if last_fault.is_some() { "failed" } else { status },
            "timestamp": at.to_rfc3339(),
        });
        if let Some(fault) = last_fault {
            attempt["error_message"] = json!(fault);
        }
        members["attempts"] = json!([attempt]);
    }
    if let Some(at) = next_attempt_at {
        members["next_attempt_at"] = json!(at.to_rfc3339());
    }
    members
}
