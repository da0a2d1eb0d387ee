//! An event stream as it is sent.

use engine::event_streams::{DestinationSecret, NewDestination, StreamChange};
use model::event_stream::{Destination, Webhook, WebhookAuthorization};
use serde_json::{Map, Value};

use crate::management::error::ManagementError;
use crate::management::patch::Members;
use crate::management::shape::{Member, Shape};

/// The kinds of event that there are. Auth0's are not told.
pub(super) const EVENT_TYPES: &[&str] = &[
    "connected_account.created",
    "connected_account.updated",
    "connected_account.needs_reconnect",
    "connected_account.recovered",
    "connected_account.deleted",
];

const SUBSCRIPTION: &[Member] = &[Member::required("event_type", Shape::OneOf(EVENT_TYPES))];
const SECRET: Shape = Shape::Text { least: 1, most: 1024 };
const AUTHORIZATION: &[Member] = &[
    Member::required("method", Shape::OneOf(&["basic", "bearer", "custom_header"])),
    Member::new("username", Shape::Text { least: 1, most: 128 }),
    Member::new("password", SECRET),
    Member::new("token", SECRET),
    Member::new("header_key", Shape::Text { least: 1, most: 128 }),
    Member::new("header_value", SECRET),
];
const CONFIGURATION: &[Member] = &[
    Member::required("webhook_endpoint", Shape::Text { least: 1, most: 2048 }),
    // Published as required. Deliveries are signed, so there need be none.
    Member::nullable("webhook_authorization", Shape::Record(AUTHORIZATION)),
];
const DESTINATION: &[Member] = &[
    Member::required("type", Shape::OneOf(&["webhook"])),
    Member::required("configuration", Shape::Record(CONFIGURATION)),
];

/// Who is told.
pub(super) const TO_WHOM: Member = Member::new("destination", Shape::Record(DESTINATION));
/// The same where nobody is known yet.
pub(super) const TO_WHOM_AT_FIRST: Member =
    Member::required("destination", Shape::Record(DESTINATION));
/// What can be set at any time.
pub(super) const SETTINGS: &[Member] = &[
    Member::nullable("name", Shape::Text { least: 1, most: 128 }),
    Member::new("subscriptions", Shape::List { of: &Shape::Record(SUBSCRIPTION), most: 50 }),
    Member::new("status", Shape::OneOf(&["enabled", "disabled"])),
];

/// Reads what is to become of a stream from a checked body.
pub(super) fn change(body: Map<String, Value>) -> Result<StreamChange, ManagementError> {
    let mut members = Members::new(body);
    Ok(StreamChange {
        name: members.change("name")?,
        subscriptions: members.change("subscriptions")?,
        status: members.change("status")?,
        destination: members.optional("destination")?.map(destination).transpose()?,
    })
}

fn destination(body: Map<String, Value>) -> Result<NewDestination, ManagementError> {
    let mut configuration =
        Members::new(Members::new(body).required::<Map<String, Value>>("configuration")?);
    let webhook_endpoint = configuration.required("webhook_endpoint")?;
    let authorization: Option<Map<String, Value>> =
        configuration.optional("webhook_authorization")?;
    let (webhook_authorization, secret) = match authorization {
        None => (None, None),
        Some(members) => {
            let (authorization, secret) = authorization_of(members)?;
            (Some(authorization), secret)
        }
    };
    let destination = Destination::Webhook(Webhook { webhook_endpoint, webhook_authorization });
    Ok(NewDestination { destination, secret })
}

/// The secret stands among the members that are shown, under a name for each method.
fn authorization_of(
    mut members: Map<String, Value>,
) -> Result<(WebhookAuthorization, Option<DestinationSecret>), ManagementError> {
    let name = match members.get("method").and_then(Value::as_str) {
        Some("basic") => "password",
        Some("bearer") => "token",
        Some(_) | None => "header_value",
    };
    let secret = match members.remove(name) {
        Some(Value::String(secret)) => Some(DestinationSecret::new(secret)),
        Some(_) | None => None,
    };
    let property = "destination.configuration.webhook_authorization";
    let authorization = serde_json::from_value(Value::Object(members))
        .map_err(|error| ManagementError::invalid_body(property, &error.to_string()))?;
    Ok((authorization, secret))
}
