//! Delivers events to the receivers of streams: signed (Standard Webhooks), at least once, and what
//! happens to one account in the order in which it happened.
//!
//! A receiver that does not answer is left alone for a while, and each event is tried for three days.
//! What was given up can be delivered again for as long as events are kept.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::{StreamExt, stream};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Request, StatusCode};
use model::account_event::AccountEvent;
use model::event_stream::{EventStream, StreamStatus, WebhookAuthorization};
use model::ids::{EventStreamId, TenantId};
use model::log_event::LogEventKind;
use protocol::time::Timestamp;
use serde_json::json;
use store::event_deliveries::{self, Delivery};
use store::event_streams::{self, StoredStream};
use store::{StoreError, tenants};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vault::back_off::{BackOff, spread};
use zeroize::Zeroizing;

use super::secrets::StreamSecrets;
use super::{DestinationSecret, target};
use crate::app::App;
use crate::audit::{Event, chain};
use crate::context::Context;
use crate::jobs::goes_on;
use crate::keys::KeyError;
use crate::outbound::{CALL_TIMEOUT, OutboundError};

/// How often is looked for what is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many events are on their way to one receiver at once, each of another account.
const AT_ONCE: usize = 4;
/// How many a round takes.
const LOOK_AT: i64 = 50;
/// The call, and the commit after it.
const ATTEMPT: Duration = CALL_TIMEOUT.saturating_mul(3);
/// The waits between attempts, as the Standard Webhooks specification proposes them.
const WAITS: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(14),
    Duration::from_hours(20),
    Duration::from_hours(24),
];
/// After so many failures in a row a receiver is left alone.
const FAILURES_BEFORE_PAUSE: i64 = 3;
const PAUSE: BackOff =
    BackOff { first: Duration::from_secs(10), factor: 2, longest: Duration::from_mins(5) };
/// Headers that a delivery has itself, or that belong to the connection.
const OWN_HEADERS: [&str; 10] = [
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// Whether a receiver may be shown its secret in a header of this name.
pub(super) fn may_be_custom(header: &str) -> bool {
    let name = header.to_ascii_lowercase();
    HeaderName::from_bytes(name.as_bytes()).is_ok()
        && !OWN_HEADERS.contains(&name.as_str())
        && !name.starts_with("webhook-")
        && !name.starts_with("proxy-")
}

/// A stream to whose receiver something is due.
struct Due {
    context: Context,
    stored: StoredStream,
}

/// Delivers what is due, until told to stop. No receiver waits for another.
pub async fn delivering(app: Arc<App>, stop: CancellationToken) {
    let mut busy: HashMap<(TenantId, EventStreamId), JoinHandle<()>> = HashMap::new();
    while goes_on(LOOK_EVERY, &stop).await {
        busy.retain(|_, task| !task.is_finished());
        let now = app.now();
        let due = match find_due(&app, now).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "events could not be delivered");
                continue;
            }
        };
        for due in due {
            let key = (due.context.tenant_id().clone(), due.stored.stream.id.clone());
            busy.entry(key).or_insert_with(|| {
                let app = Arc::clone(&app);
                app.clone().detach(async move {
                    if let Err(error) = deliver(&app, &due, now).await {
                        let stream = &due.stored.stream.id;
                        tracing::warn!(%error, %stream, "events could not be delivered");
                    }
                })
            });
        }
    }
}

/// One round to every receiver. Answers how many deliveries were attempted.
///
/// # Errors
/// If the database fails.
pub async fn deliver_due(app: &App, now: Timestamp) -> Result<usize, StoreError> {
    let mut attempted = 0;
    for due in find_due(app, now).await? {
        attempted += deliver(app, &due, now).await?;
    }
    Ok(attempted)
}

async fn find_due(app: &App, now: Timestamp) -> Result<Vec<Due>, StoreError> {
    let mut read = app.store.read().await?;
    let mut due = Vec::new();
    for (tenant, stored) in event_streams::due(&mut read, now).await? {
        let context = tenants::find(&mut read, &tenant).await?.and_then(Context::of_ourselves);
        due.extend(context.map(|context| Due { context, stored }));
    }
    Ok(due)
}

/// One round to one receiver.
async fn deliver(app: &App, due: &Due, now: Timestamp) -> Result<usize, StoreError> {
    let Due { context, stored } = due;
    let (tenant, stream) = (context.tenant_id(), &stored.stream);
    let mut read = app.store.read().await?;
    let sealed = &stored.sealed_secret;
    let secrets = match app.keys.for_records(&mut read, tenant, &[sealed], now).await {
        Ok(keys) => StreamSecrets::open(&keys, tenant, &stream.id, sealed),
        Err(error) => Err(error),
    };
    let secrets = match secrets {
        Ok(secrets) => secrets,
        Err(KeyError::Store(error)) => return Err(error),
        Err(error) => {
            tracing::error!(error = chain(&error), stream = %stream.id, "its secrets do not open");
            let mut tx = app.store.write().await?;
            let until = now.saturating_add(PAUSE.longest);
            event_streams::pause(&mut tx, tenant, &stream.id, until).await?;
            tx.commit().await?;
            return Ok(0);
        }
    };
    let page = event_deliveries::due(&mut read, tenant, &stream.id, LOOK_AT, now).await?;
    drop(read);
    let count = page.len();
    let courier = Courier { app, context, stream, secrets: &secrets };
    stream::iter(page)
        .for_each_concurrent(AT_ONCE, |delivery| {
            let courier = &courier;
            async move {
                if let Err(error) = courier.attempt(&delivery, app.now()).await {
                    tracing::warn!(%error, event = %delivery.event.id, "an event was not delivered");
                }
            }
        })
        .await;
    Ok(count)
}

/// What became of an attempt.
enum Outcome {
    Taken,
    /// The receiver is not there any more (410).
    Gone,
    Failed(String),
}

struct Courier<'a> {
    app: &'a App,
    context: &'a Context,
    stream: &'a EventStream,
    secrets: &'a StreamSecrets,
}

impl Courier<'_> {
    async fn attempt(&self, delivery: &Delivery, now: Timestamp) -> Result<(), StoreError> {
        let Self { app, context, stream, .. } = self;
        let tenant = context.tenant_id();
        let mut tx = app.store.write().await?;
        let until = now.saturating_add(ATTEMPT);
        let is_ours =
            event_deliveries::claim(&mut tx, tenant, &stream.id, delivery, until, now).await?;
        let current = event_streams::find(&mut tx, tenant, &stream.id).await?;
        // Whoever changed or disabled the stream since the round began is heard at once.
        if !is_ours || current.is_none_or(|current| current.stream != **stream) {
            return tx.rollback().await;
        }
        tx.commit().await?;
        let outcome = self.send(&delivery.event, now).await;
        let (id, event) = (&stream.id, &delivery.event.id);
        let mut tx = app.store.write().await?;
        match outcome {
            Outcome::Taken => {
                event_deliveries::note(&mut tx, tenant, id, event, None, None).await?;
                event_streams::note_success(&mut tx, tenant, id).await?;
            }
            Outcome::Gone => {
                let fault = Some("http_410");
                event_deliveries::note(&mut tx, tenant, id, event, fault, None).await?;
                let found = event_streams::find_for_update(&mut tx, tenant, id).await?;
                if let Some(mut stored) =
                    found.filter(|stored| stored.stream.destination == stream.destination)
                {
                    stored.stream.status = StreamStatus::Disabled;
                    event_streams::update(&mut tx, tenant, &stored).await?;
                    Event::new(LogEventKind::Warning, context)
                        .describe("The receiver of an event stream is gone; it was disabled")
                        .details(target(&stored.stream))
                        .write(app, &mut tx, context, now)
                        .await?;
                }
            }
            Outcome::Failed(fault) => {
                let jitter = app.entropy.jitter();
                let wait = usize::try_from(delivery.attempts).ok().and_then(|n| WAITS.get(n));
                let again = wait.map(|wait| now.saturating_add(spread(*wait, jitter)));
                event_deliveries::note(&mut tx, tenant, id, event, Some(&fault), again).await?;
                let failures = event_streams::note_failure(&mut tx, tenant, id).await?;
                if failures >= FAILURES_BEFORE_PAUSE {
                    let before = u32::try_from(failures - FAILURES_BEFORE_PAUSE).unwrap_or(0);
                    let until = now.saturating_add(PAUSE.after(before, jitter));
                    event_streams::pause(&mut tx, tenant, id, until).await?;
                }
            }
        }
        tx.commit().await
    }

    async fn send(&self, event: &AccountEvent, now: Timestamp) -> Outcome {
        let request = match self.request(event, now) {
            Ok(request) => request,
            Err(error) => return Outcome::Failed(error.to_string()),
        };
        match self.app.outbound.send(request).await {
            Ok(answer) if answer.status.is_success() => Outcome::Taken,
            Ok(answer) if answer.status == StatusCode::GONE => Outcome::Gone,
            Ok(answer) => Outcome::Failed(format!("http_{}", answer.status.as_u16())),
            // It was taken: what the receiver has to say is of no interest.
            Err(OutboundError::TooLong) => Outcome::Taken,
            Err(error) => Outcome::Failed(error.code().to_owned()),
        }
    }

    fn request(
        &self,
        event: &AccountEvent,
        now: Timestamp,
    ) -> Result<Request<Vec<u8>>, http::Error> {
        let Self { context, stream, secrets, .. } = self;
        let body = body(context, stream, event).to_string().into_bytes();
        let timestamp = now.as_seconds();
        let webhook = stream.destination.webhook();
        let mut request = Request::post(&webhook.webhook_endpoint)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", event.id.as_str())
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", secrets.sign(event.id.as_str(), timestamp, &body));
        if let (Some(authorization), Some(secret)) =
            (&webhook.webhook_authorization, &secrets.destination)
        {
            let (name, mut value) = shown(authorization, secret)?;
            value.set_sensitive(true);
            request = request.header(name, value);
        }
        request.body(body)
    }
}

fn shown(
    authorization: &WebhookAuthorization,
    secret: &DestinationSecret,
) -> Result<(HeaderName, HeaderValue), http::Error> {
    let secret = secret.expose();
    let (name, value) = match authorization {
        WebhookAuthorization::Basic { username } => {
            let pair = Zeroizing::new(format!("{username}:{secret}"));
            let pair = Zeroizing::new(BASE64_STANDARD.encode(pair.as_bytes()));
            (AUTHORIZATION, Zeroizing::new(format!("Basic {}", *pair)))
        }
        WebhookAuthorization::Bearer {} => {
            (AUTHORIZATION, Zeroizing::new(format!("Bearer {secret}")))
        }
        WebhookAuthorization::CustomHeader { header_key } => {
            (HeaderName::from_bytes(header_key.as_bytes())?, Zeroizing::new(secret.to_owned()))
        }
    };
    Ok((name, HeaderValue::from_str(&value)?))
}

/// The event as `CloudEvents` 1.0 writes it, with Auth0's two members. Holds no token.
fn body(context: &Context, stream: &EventStream, event: &AccountEvent) -> serde_json::Value {
    let mut object = json!({
        "id": event.account_id,
        "user_id": event.user_id,
        "connection": event.connection,
        "connection_id": event.connection_id,
        "strategy": event.strategy,
    });
    if let Some(reason) = &event.reason {
        object["reason"] = json!(reason);
    }
    json!({
        "specversion": "1.0",
        "type": event.kind,
        "source": context.issuer(),
        "id": event.id,
        "time": event.at.to_rfc3339(),
        "data": { "object": object },
        "a0tenant": context.tenant_id(),
        "a0stream": stream.id,
    })
}
