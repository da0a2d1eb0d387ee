//! Step 2: a browser brings the ticket, and is asked, or sent to the provider at once.

use connectors::Purpose as Asking;
use model::connection::Connection;
use model::ids::UserId;
use protocol::secret::{BrowserToken, Ticket};
use protocol::time::Timestamp;
use store::connect_transactions::{self, ConnectTransaction};
use store::connections::StoredConnection;
use store::{StoreError, clients, connections, users};
use url::Url;

use super::asking::{self, AskedScope};
use super::{ConnectError, Failure, Remembered, connect_failed, failed};
use crate::app::App;
use crate::audit::chain;
use crate::context::Context;
use crate::provider_journey::{self, Departure, JourneyPurpose};

/// What a browser that brings a ticket is led to.
#[derive(Debug)]
pub enum Opening {
    /// To the provider.
    Depart(Url),
    /// To a page that asks.
    Ask(Box<Question>),
}

/// What the page says.
#[derive(Debug)]
pub struct Question {
    /// Who wants the account.
    pub client_name: String,
    /// Whose Strongroom account it will belong to.
    pub user_email: Option<String>,
    /// Which provider.
    pub connection: Connection,
    /// What the provider will be asked for.
    pub scopes: Vec<AskedScope>,
    /// Where the browser goes in the end.
    pub redirect_uri: String,
}

/// Step 2: a browser brings the ticket. `person` is who is logged in there.
pub async fn open(
    app: &App,
    context: &Context,
    ticket: &Ticket,
    browser: &BrowserToken,
    person: Option<&UserId>,
    now: Timestamp,
) -> Result<Opening, ConnectError> {
    let found = find_open(app, context, ticket, browser, person, now).await?;
    if person.is_some() {
        return depart(app, context, browser, &found, now).await.map(Opening::Depart);
    }
    // Nothing is bound yet: a link scanner that looks at the page changes nothing.
    let (transaction, stored, remembered) = found;
    let mut read = app.store.read().await?;
    let tenant = context.tenant_id();
    let client = clients::find(&mut read, tenant, &transaction.client_id).await?;
    let user = users::find(&mut read, tenant, &transaction.user_id).await?;
    let earlier = asking::earlier(&mut read, tenant, &transaction, &remembered).await?;
    let scopes = asking::in_words(app, &stored.connection, remembered.scopes.as_ref(), &earlier);
    Ok(Opening::Ask(Box::new(Question {
        client_name: client.map(|stored| stored.client.name).unwrap_or_default(),
        user_email: user.and_then(|user| user.profile.email),
        connection: stored.connection,
        scopes,
        redirect_uri: remembered.redirect_uri,
    })))
}

/// Step 2, where the browser was asked: the person agrees.
pub async fn accept(
    app: &App,
    context: &Context,
    ticket: &Ticket,
    browser: &BrowserToken,
    person: Option<&UserId>,
    now: Timestamp,
) -> Result<Url, ConnectError> {
    let found = find_open(app, context, ticket, browser, person, now).await?;
    depart(app, context, browser, &found, now).await
}

/// Step 2, where the browser was asked: the person does not agree.
pub async fn deny(
    app: &App,
    context: &Context,
    ticket: &Ticket,
    browser: &BrowserToken,
    person: Option<&UserId>,
    now: Timestamp,
) -> Result<String, ConnectError> {
    let (transaction, ..) = find_open(app, context, ticket, browser, person, now).await?;
    bind(app, context, &transaction, browser).await?;
    let why = Failure {
        code: "access_denied",
        description: "The user denied the request.",
        cause: "access was denied on our page",
    };
    failed(app, context, browser, &transaction.id, &why, None, now).await
}

/// The transaction of a ticket, with its connection and what was asked for.
pub(super) type Open = (ConnectTransaction, StoredConnection, Remembered);

async fn find_open(
    app: &App,
    context: &Context,
    ticket: &Ticket,
    browser: &BrowserToken,
    person: Option<&UserId>,
    now: Timestamp,
) -> Result<Open, ConnectError> {
    let tenant = context.tenant_id();
    let mut read = app.store.read().await?;
    let (ticket, browser) = (ticket.hashed(), browser.hashed());
    let found = connect_transactions::find_by_ticket(&mut read, tenant, &ticket, &browser, now);
    let Some(transaction) = found.await? else {
        // A ticket that is nobody's is not noted: strangers could fill the log.
        let taken = connect_transactions::find_taken(&mut read, tenant, &ticket, &browser, now);
        let transaction = taken.await?.ok_or(ConnectError::Ended)?;
        return Err(noted(app, context, &transaction, ConnectError::Taken, now).await?);
    };
    if person.is_some_and(|person| *person != transaction.user_id) {
        return Err(noted(app, context, &transaction, ConnectError::ForeignLink, now).await?);
    }
    let stored = connections::find(&mut read, tenant, &transaction.connection_id).await?;
    let stored = stored.filter(|stored| stored.connection.connected_accounts.active);
    let stored = stored.ok_or(ConnectError::Ended)?;
    let remembered = serde_json::from_str(&transaction.request)?;
    Ok((transaction, stored, remembered))
}

/// Notes why a browser may not go on. The transaction stays for the one that may.
pub(super) async fn noted(
    app: &App,
    context: &Context,
    transaction: &ConnectTransaction,
    why: ConnectError,
    now: Timestamp,
) -> Result<ConnectError, StoreError> {
    connect_failed(context, transaction, &chain(&why)).commit(app, context, now).await?;
    Ok(why)
}

/// Makes the transaction this browser's and sends it to the provider.
pub(super) async fn depart(
    app: &App,
    context: &Context,
    browser: &BrowserToken,
    (transaction, stored, remembered): &Open,
    now: Timestamp,
) -> Result<Url, ConnectError> {
    bind(app, context, transaction, browser).await?;
    let mut read = app.store.read().await?;
    let earlier = asking::earlier(&mut read, context.tenant_id(), transaction, remembered).await?;
    drop(read);
    let departure = Departure {
        connection: stored,
        purpose: JourneyPurpose::Connect { transaction_id: transaction.id.clone() },
        browser,
        ask: Asking::Connect { scopes: remembered.scopes.as_ref(), earlier: &earlier },
        parameters: &remembered.parameters,
        ends_at: transaction.expires_at,
    };
    match provider_journey::depart(app, context, departure, now).await {
        Ok(url) => Ok(url),
        Err(error) => {
            let provider = stored.connection.label().to_owned();
            let why = ConnectError::Departure { provider, error };
            Err(noted(app, context, transaction, why, now).await?)
        }
    }
}

pub(super) async fn bind(
    app: &App,
    context: &Context,
    transaction: &ConnectTransaction,
    browser: &BrowserToken,
) -> Result<(), ConnectError> {
    let mut tx = app.store.write().await?;
    let (tenant, id) = (context.tenant_id(), &transaction.id);
    let bound = connect_transactions::bind_browser(&mut tx, tenant, id, &browser.hashed()).await?;
    tx.commit().await?;
    if bound { Ok(()) } else { Err(ConnectError::Ended) }
}
