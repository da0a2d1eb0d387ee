//! Streams of events to a receiver: who wants to be told what, and where.

use protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::account_event::AccountEventKind;
use crate::ids::EventStreamId;

/// A stream of events to one receiver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventStream {
    /// Its id.
    pub id: EventStreamId,
    /// What the operator calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What is told.
    pub subscriptions: Vec<Subscription>,
    /// To whom.
    pub destination: Destination,
    /// Whether anything is told.
    pub status: StreamStatus,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// One kind of event that is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// The kind.
    pub event_type: AccountEventKind,
}

/// Who is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "configuration", rename_all = "snake_case")]
pub enum Destination {
    /// An HTTP server.
    Webhook(Webhook),
}

impl Destination {
    /// The HTTP server.
    pub fn webhook(&self) -> &Webhook {
        let Self::Webhook(webhook) = self;
        webhook
    }
}

/// An HTTP server that is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where it listens.
    pub webhook_endpoint: String,
    /// How it recognises us beside the signature. What it is shown is stored apart and sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_authorization: Option<WebhookAuthorization>,
}

/// How a receiver recognises us beside the signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub enum WebhookAuthorization {
    /// RFC 7617.
    Basic {
        /// The user name.
        username: String,
    },
    /// RFC 6750.
    Bearer {},
    /// A header of its own.
    CustomHeader {
        /// The header's name.
        header_key: String,
    },
}

/// Whether a stream tells anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamStatus {
    /// It does.
    #[default]
    Enabled,
    /// It does not.
    Disabled,
}
