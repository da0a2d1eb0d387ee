//! Administers streams of events.
//!
//! Deliveries are signed with a secret of the stream (Standard Webhooks). It is shown once, when the
//! stream is made; what the receiver wants to be shown besides is never shown again.

mod delivery;
mod secrets;

use model::event_stream::{
    Destination, EventStream, StreamStatus, Subscription, WebhookAuthorization,
};
use model::ids::{AccountEventId, EventStreamId};
use model::log_event::LogEventKind;
use protocol::secret::{Secret, kind};
use protocol::time::Timestamp;
use serde_json::{Value, json};
use store::event_streams::StoredStream;
use store::{StoreError, event_deliveries, event_streams};
use url::Url;

pub use delivery::{deliver_due, delivering};
use secrets::StreamSecrets;
pub(crate) use secrets::place;

use crate::administrator::Administrator;
use crate::app::App;
use crate::change::Change;
use crate::context::Context;
use crate::invalid::Invalid;
use crate::keys::KeyError;

/// A tenant has no more.
const STREAMS_MAX: usize = 20;

/// What deliveries are signed with, as receivers know it: `whsec_` and base64.
pub type SigningSecret = Secret<kind::WebhookSigning>;
/// What a receiver is shown besides: a password, a token or the value of a header.
pub type DestinationSecret = Secret<kind::WebhookDestination>;

/// Why a stream is not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// There is no such stream.
    #[error("the event stream does not exist")]
    Unknown,
    /// The stream has no such delivery, or it is under way, or the stream is disabled.
    #[error("the event is not in a state that allows redelivery")]
    NotAgain,
    /// The record cannot be so.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// There are enough of them.
    #[error("the tenant has {STREAMS_MAX} event streams")]
    TooMany,
    /// The database or a key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl From<StoreError> for StreamError {
    fn from(error: StoreError) -> Self {
        Self::Key(error.into())
    }
}

/// Who is told, with what they are shown.
#[derive(Debug)]
pub struct NewDestination {
    /// Who.
    pub destination: Destination,
    /// What they are shown.
    pub secret: Option<DestinationSecret>,
}

/// What is to become of a stream.
#[derive(Debug, Default)]
pub struct StreamChange {
    /// What the operator calls it.
    pub name: Change<String>,
    /// What is told; all of it at once.
    pub subscriptions: Change<Vec<Subscription>>,
    /// Whether anything is told.
    pub status: Change<StreamStatus>,
    /// Who is told.
    pub destination: Option<NewDestination>,
}

impl StreamChange {
    fn apply(self, stream: &mut EventStream, secrets: &mut StreamSecrets) {
        let Self { name, subscriptions, status, destination } = self;
        name.apply_optional(&mut stream.name);
        subscriptions.apply(&mut stream.subscriptions);
        status.apply(&mut stream.status);
        if let Some(NewDestination { destination, secret }) = destination {
            stream.destination = destination;
            secrets.destination = secret;
        }
    }
}

/// A stream with what its deliveries are signed with, as it is shown once.
#[derive(Debug)]
pub struct NewStream {
    /// The record.
    pub stream: EventStream,
    /// The secret.
    pub signing: SigningSecret,
}

/// Makes a stream.
pub async fn create(
    app: &App,
    context: &Context,
    by: &Administrator,
    destination: NewDestination,
    change: StreamChange,
    now: Timestamp,
) -> Result<NewStream, StreamError> {
    let NewDestination { destination, secret } = destination;
    let mut stream = EventStream {
        id: app.entropy.id("est_", 22),
        name: None,
        subscriptions: Vec::new(),
        destination,
        status: StreamStatus::Enabled,
        created_at: now,
        updated_at: now,
    };
    let mut secrets = StreamSecrets { signing: secrets::mint(app), destination: secret };
    change.apply(&mut stream, &mut secrets);
    check(app, &stream, &secrets)?;
    let tenant = context.tenant_id();
    let keys = app.tenant_keys(tenant, now).await?;
    let sealed_secret = secrets.seal(&keys, tenant, &stream.id, &*app.entropy)?;
    let stored = StoredStream { stream, sealed_secret };
    let mut tx = app.store.write().await?;
    if event_streams::list(&mut tx, tenant).await?.len() >= STREAMS_MAX {
        return Err(StreamError::TooMany);
    }
    event_streams::insert(&mut tx, tenant, &stored).await?;
    by.event(LogEventKind::ManagementWrite, context)
        .describe("Create an event stream")
        .details(target(&stored.stream))
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await?;
    Ok(NewStream { stream: stored.stream, signing: secrets.signing })
}

/// Changes a stream.
pub async fn update(
    app: &App,
    context: &Context,
    by: &Administrator,
    id: &EventStreamId,
    change: StreamChange,
    now: Timestamp,
) -> Result<EventStream, StreamError> {
    let tenant = context.tenant_id();
    let keys = app.tenant_keys(tenant, now).await?;
    let mut tx = app.store.write().await?;
    let found = event_streams::find_for_update(&mut tx, tenant, id).await?;
    let StoredStream { mut stream, sealed_secret } = found.ok_or(StreamError::Unknown)?;
    let mut secrets = StreamSecrets::open(&keys, tenant, id, &sealed_secret)?;
    change.apply(&mut stream, &mut secrets);
    stream.updated_at = now;
    check(app, &stream, &secrets)?;
    let sealed_secret = secrets.seal(&keys, tenant, id, &*app.entropy)?;
    let stored = StoredStream { stream, sealed_secret };
    event_streams::update(&mut tx, tenant, &stored).await?;
    by.event(LogEventKind::ManagementWrite, context)
        .describe("Update an event stream")
        .details(target(&stored.stream))
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await?;
    Ok(stored.stream)
}

/// Removes a stream with what is still to be delivered. Answers `false` if there was none.
pub async fn delete(
    app: &App,
    context: &Context,
    by: &Administrator,
    id: &EventStreamId,
    now: Timestamp,
) -> Result<bool, StreamError> {
    let tenant = context.tenant_id();
    let mut tx = app.store.write().await?;
    let Some(stored) = event_streams::find_for_update(&mut tx, tenant, id).await? else {
        return Ok(false);
    };
    event_streams::delete(&mut tx, tenant, id).await?;
    by.event(LogEventKind::ManagementWrite, context)
        .describe("Delete an event stream")
        .details(target(&stored.stream))
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await?;
    Ok(true)
}

/// What is to be delivered once more.
#[derive(Clone, Debug)]
pub enum Again {
    /// One event.
    Event(AccountEventId),
    /// What happened from a moment on (inclusive) until another (exclusive), of these kinds. A
    /// stream that is new gets what happened before it was made.
    Between(Timestamp, Timestamp, Vec<Subscription>),
}

/// Delivers events of a stream once more. Answers how many.
pub async fn redeliver(
    app: &App,
    context: &Context,
    by: &Administrator,
    id: &EventStreamId,
    again: Again,
    now: Timestamp,
) -> Result<u64, StreamError> {
    let tenant = context.tenant_id();
    let mut tx = app.store.write().await?;
    let found = event_streams::find_for_update(&mut tx, tenant, id).await?;
    let stream = found.ok_or(StreamError::Unknown)?.stream;
    if stream.status == StreamStatus::Disabled {
        return Err(StreamError::NotAgain);
    }
    let count = match again {
        Again::Event(event) => {
            if !event_deliveries::one_again(&mut tx, tenant, id, &event, now).await? {
                return Err(StreamError::NotAgain);
            }
            1
        }
        Again::Between(from, to, kinds) => {
            let kinds = if kinds.is_empty() { stream.subscriptions.clone() } else { kinds };
            let mut count = 0;
            for Subscription { event_type } in kinds {
                let span = (from, to);
                count +=
                    event_deliveries::again(&mut tx, tenant, id, event_type, span, now).await?;
            }
            count
        }
    };
    by.event(LogEventKind::ManagementWrite, context)
        .describe("Redeliver events")
        .details(target(&stream))
        .details(json!({ "events": count }))
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await?;
    Ok(count)
}

fn check(app: &App, stream: &EventStream, secrets: &StreamSecrets) -> Result<(), Invalid> {
    let webhook = stream.destination.webhook();
    let property = "destination.configuration.webhook_endpoint";
    let url = Url::parse(&webhook.webhook_endpoint)
        .map_err(|error| Invalid::new(property, error.to_string()))?;
    app.outbound.check(&url).map_err(|error| Invalid::new(property, error.to_string()))?;
    let property = "destination.configuration.webhook_authorization";
    if let Some(WebhookAuthorization::CustomHeader { header_key }) = &webhook.webhook_authorization
        && !delivery::may_be_custom(header_key)
    {
        return Err(Invalid::new(property, "the header is one that a delivery has itself"));
    }
    match (&webhook.webhook_authorization, &secrets.destination) {
        (Some(_), None) => Err(Invalid::new(property, "what is to be shown is missing")),
        (None, Some(_)) => Err(Invalid::new(property, "there is nowhere to show it")),
        (Some(_), Some(_)) | (None, None) => Ok(()),
    }
}

fn target(stream: &EventStream) -> Value {
    let EventStream { id, name, subscriptions, destination: _, status, .. } = stream;
    json!({ "event_stream": {
        "id": id,
        "name": name,
        "subscriptions": subscriptions,
        "status": status,
    } })
}
