//! The audit log. An answer leaves only after its event is committed; where the event cannot be
//! written there is no answer.

use model::client::Client;
use model::connection::Connection;
use model::log_event::{LogDetail, LogEvent, LogEventKind};
use model::user::User;
use protocol::oauth::scope::ScopeSet;
use protocol::time::Timestamp;
use serde_json::Value;
use store::{StoreError, WriteTx, log_events};

use crate::app::App;
use crate::context::Context;

/// An event in the making.
#[derive(Clone, Debug)]
pub struct Event {
    kind: LogEventKind,
    detail: LogDetail,
}

impl Event {
    /// An event about the request of `context`.
    pub fn new(kind: LogEventKind, context: &Context) -> Self {
        let detail = LogDetail {
            ip: context.ip.map(|address| address.to_string()),
            user_agent: context.user_agent.clone(),
            hostname: Some(context.base.authority().to_owned()),
            ..LogDetail::default()
        };
        Self { kind, detail }
    }

    /// One sentence for the operator. Never holds what a caller sent in secret.
    #[must_use]
    pub fn describe(mut self, description: impl Into<String>) -> Self {
        self.detail.description = Some(description.into());
        self
    }

    /// The client.
    #[must_use]
    pub fn client(mut self, client: &Client) -> Self {
        self.detail.client_id = Some(client.client_id.to_string());
        self.detail.client_name = Some(client.name.clone());
        self
    }

    /// A client of which only the asserted id is known.
    #[must_use]
    pub fn client_id(mut self, client_id: Option<&str>) -> Self {
        self.detail.client_id = client_id.map(str::to_owned);
        self
    }

    /// The user.
    #[must_use]
    pub fn user(mut self, user: &User) -> Self {
        self.detail.user_id = Some(user.user_id.to_string());
        self.detail.user_name.clone_from(&user.profile.email);
        self
    }

    /// A user of whom only the id is known.
    #[must_use]
    pub fn user_id(mut self, user_id: &str) -> Self {
        self.detail.user_id = Some(user_id.to_owned());
        self
    }

    /// A person of whom only the asserted name is known.
    #[must_use]
    pub fn user_name(mut self, user_name: &str) -> Self {
        self.detail.user_name = Some(user_name.to_owned());
        self
    }

    /// The connection.
    #[must_use]
    pub fn connection(mut self, connection: &Connection) -> Self {
        self.detail.connection = Some(connection.name.clone());
        self.detail.connection_id = Some(connection.id.to_string());
        self.detail.strategy = Some(connection.strategy.as_str().to_owned());
        self
    }

    /// The audience and the scopes.
    #[must_use]
    pub fn access(mut self, audience: Option<&str>, scope: &ScopeSet) -> Self {
        self.detail.audience = audience.map(str::to_owned);
        self.detail.scope = Some(scope.to_string());
        self
    }

    /// What belongs to this kind of event alone.
    #[must_use]
    pub fn details(mut self, details: Value) -> Self {
        if let Value::Object(details) = details {
            self.detail.details.extend(details);
        }
        self
    }

    /// Writes the event into a transaction, beside what it tells of.
    pub async fn write(
        self,
        app: &App,
        tx: &mut WriteTx,
        context: &Context,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        // Thirteen digits of milliseconds before the random ones make ids sort by time.
        let id = format!("{:013}{}", now.as_millis().max(0), app.entropy.digits(20)).into();
        let event = LogEvent { id, at: now, kind: self.kind, detail: self.detail };
        log_events::insert(tx, context.tenant_id(), &event).await
    }

    /// Writes the event in a transaction of its own: for failures, which change nothing else.
    pub async fn commit(
        self,
        app: &App,
        context: &Context,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = app.store.write().await?;
        self.write(app, &mut tx, context, now).await?;
        tx.commit().await
    }
}

/// Notes that a request was refused before a use case began: at client authentication, or for its
/// proof. `cause` is for the operator and holds nothing secret.
pub async fn note_refusal(
    app: &App,
    context: &Context,
    kind: LogEventKind,
    client_id: Option<&str>,
    cause: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    Event::new(kind, context).client_id(client_id).describe(cause).commit(app, context, now).await
}

/// What a stranger wrote, as far as it is kept.
pub(crate) fn printable(text: &str) -> String {
    const CHARS_MAX: usize = 320;
    text.chars().filter(|c| !c.is_control()).take(CHARS_MAX).collect()
}

/// An error with everything that led to it, for [`Event::describe`].
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut texts: Vec<String> = causes.map(ToString::to_string).collect();
    // A transparent error says what its source says.
    texts.dedup();
    texts.join(": ")
}
