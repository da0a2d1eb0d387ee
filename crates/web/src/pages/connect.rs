//! A browser brings a connect ticket: step 2 of [`engine::connect_account`].

use axum::body::Bytes;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use engine::connect_account::{self, ConnectError, Opening, Question};
use engine::sessions;
use model::ids::UserId;
use protocol::secret::Ticket;

use super::render;
use super::views::{ConnectStartPage, Party, Permission};
use crate::forms::{self, FormError};
use crate::page::{After, Desk, redirect};
use crate::page_error::PageError;
use crate::visitor::Visitor;

const PATH: &str = "/connected-accounts/connect";
/// The options of a connection that tell where its provider is.
const PROVIDER_ADDRESSES: [&str; 4] =
    ["authorization_endpoint", "authorizationURL", "issuer", "discovery_url"];

/// `GET /connected-accounts/connect`
pub(crate) async fn show(desk: Desk, visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let outcome = open(&desk, &visitor, query.as_deref()).await;
    visitor.answer(&desk.context().base, desk.finish(outcome))
}

async fn open(desk: &Desk, visitor: &Visitor, query: Option<&str>) -> Result<Response, PageError> {
    let ticket = forms::query(query)?.take_secret("ticket").unwrap_or_else(|| Ticket::new(""));
    let person = person(desk, visitor).await?;
    let (context, browser) = (desk.context(), visitor.browser());
    let opened =
        connect_account::open(&desk.app, context, &ticket, browser, person.as_ref(), desk.now());
    match opened.await.map_err(|error| refused(&error))? {
        Opening::Depart(url) => redirect(After::Get, url.as_str()),
        Opening::Ask(question) => Ok(ask(desk, &question, &ticket)),
    }
}

/// `POST /connected-accounts/connect`
pub(crate) async fn decide(
    desk: Desk,
    visitor: Visitor,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = take_decision(&desk, &visitor, &headers, &body).await;
    visitor.answer(&desk.context().base, desk.finish(outcome))
}

async fn take_decision(
    desk: &Desk,
    visitor: &Visitor,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, PageError> {
    let (app, context, now) = (&desk.app, desk.context(), desk.now());
    let mut form = forms::own_form(headers, &context.base, body)?;
    let ticket: Ticket = form.take_secret("ticket").ok_or(FormError::Missing("ticket"))?;
    // The page that asks has given the browser a name.
    if !visitor.is_known() {
        return Err(refused(&ConnectError::Ended));
    }
    let person = person(desk, visitor).await?;
    let (browser, person) = (visitor.browser(), person.as_ref());
    let target = match form.take("action").as_deref() {
        Some("accept") => connect_account::accept(app, context, &ticket, browser, person, now)
            .await
            .map(String::from),
        Some("deny") => connect_account::deny(app, context, &ticket, browser, person, now).await,
        Some(_) | None => return Err(FormError::Missing("action").into()),
    };
    redirect(After::Post, &target.map_err(|error| refused(&error))?)
}

fn refused(error: &ConnectError) -> PageError {
    PageError::connecting(error, "")
}

/// Who is logged in in this browser.
async fn person(desk: &Desk, visitor: &Visitor) -> Result<Option<UserId>, PageError> {
    let current = async {
        let mut read = desk.app.store.read().await?;
        sessions::current(&mut read, desk.context(), visitor.session(), desk.now()).await
    };
    let current = current.await.map_err(|error| PageError::unavailable(&error.into()))?;
    Ok(current.map(|current| current.user.user_id))
}

fn ask(desk: &Desk, question: &Question, ticket: &Ticket) -> Response {
    let permissions: Vec<_> = question
        .scopes
        .iter()
        .map(|asked| Permission { scope: &asked.scope, description: asked.words.as_deref() })
        .collect();
    let options = &question.connection.options;
    let of_provider = PROVIDER_ADDRESSES.iter().filter_map(|name| options.get(*name)?.as_str());
    let leads_to: Vec<_> = of_provider.chain([question.redirect_uri.as_str()]).collect();
    let view = ConnectStartPage {
        frame: desk.frame(&[]),
        client: Party { name: &question.client_name, logo: None },
        provider: Party { name: question.connection.label(), logo: None },
        account: question.user_email.as_deref(),
        permissions: &permissions,
        action: PATH,
        ticket: ticket.expose(),
        leads_to: &leads_to,
    };
    render::page(StatusCode::OK, &view)
}
