//! A browser brings a connect ticket: step 2 of [`engine::connect_account`].

use std::sync::Arc;

use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use engine::app::App;
use engine::connect_account::{self, ConnectError, Opening, Question};
use engine::sessions;
use model::ids::UserId;
use protocol::secret::Ticket;
use serde::Deserialize;

use super::render::{frame, messages, page};
use super::views::{
    ConnectProblem, ConnectStartPage, ErrorPage, Party, Permission, Reference, Translations,
};
use crate::asked::Asked;
use crate::error::Chain;
use crate::visitor::Visitor;

const PATH: &str = "/connected-accounts/connect";
/// The options of a connection that tell where its provider is.
const PROVIDER_ADDRESSES: [&str; 4] =
    ["authorization_endpoint", "authorizationURL", "issuer", "discovery_url"];

#[derive(Deserialize)]
pub(crate) struct TicketQuery {
    #[serde(default)]
    ticket: Option<Ticket>,
}

/// `GET /connected-accounts/connect`
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    State(translations): State<Arc<Translations>>,
    asked: Asked,
    headers: HeaderMap,
    Query(query): Query<TicketQuery>,
) -> Response {
    let visitor = Visitor::of(&app, &asked.context.base, &headers);
    let ticket = query.ticket.unwrap_or_else(|| Ticket::new(""));
    let opened = async {
        let person = person(&app, &asked, &visitor).await?;
        let (context, browser) = (&asked.context, visitor.browser());
        connect_account::open(&app, context, &ticket, browser, person.as_ref(), asked.now).await
    };
    let response = match opened.await {
        Ok(Opening::Depart(url)) => Redirect::to(url.as_str()).into_response(),
        Ok(Opening::Ask(question)) => ask(&translations, &asked, &headers, &question, &ticket),
        Err(error) => refused(&app, &translations, &asked, &headers, &error),
    };
    visitor.answer(&asked.context.base, response)
}

#[derive(Deserialize)]
pub(crate) struct Decision {
    ticket: Ticket,
    action: String,
}

/// `POST /connected-accounts/connect`
pub(crate) async fn decide(
    State(app): State<Arc<App>>,
    State(translations): State<Arc<Translations>>,
    asked: Asked,
    headers: HeaderMap,
    Form(Decision { ticket, action }): Form<Decision>,
) -> Response {
    let visitor = Visitor::of(&app, &asked.context.base, &headers);
    let decided = async {
        if !visitor.is_known() {
            return Err(ConnectError::Ended);
        }
        let person = person(&app, &asked, &visitor).await?;
        let (context, browser, now) = (&asked.context, visitor.browser(), asked.now);
        let person = person.as_ref();
        if action == "accept" {
            let url = connect_account::accept(&app, context, &ticket, browser, person, now).await?;
            Ok(String::from(url))
        } else {
            connect_account::deny(&app, context, &ticket, browser, person, now).await
        }
    };
    let response = match decided.await {
        Ok(url) => Redirect::to(&url).into_response(),
        Err(error) => refused(&app, &translations, &asked, &headers, &error),
    };
    visitor.answer(&asked.context.base, response)
}

/// Who is logged in in this browser.
async fn person(
    app: &App,
    asked: &Asked,
    visitor: &Visitor,
) -> Result<Option<UserId>, ConnectError> {
    let mut read = app.store.read().await?;
    let current =
        sessions::current(&mut read, &asked.context, visitor.session(), asked.now).await?;
    Ok(current.map(|current| current.user.user_id))
}

fn ask(
    translations: &Translations,
    asked: &Asked,
    headers: &HeaderMap,
    question: &Question,
    ticket: &Ticket,
) -> Response {
    let permissions: Vec<_> = question
        .scopes
        .iter()
        .map(|scope| Permission { scope: scope.as_str(), description: None })
        .collect();
    let options = &question.connection.options;
    let of_provider = PROVIDER_ADDRESSES.iter().filter_map(|name| options.get(*name)?.as_str());
    let leads_to: Vec<_> = of_provider.chain([question.redirect_uri.as_str()]).collect();
    let view = ConnectStartPage {
        frame: frame(messages(translations, None, headers), asked),
        client: Party { name: &question.client_name, logo: None },
        provider: Party { name: question.connection.label(), logo: None },
        account: question.user_email.as_deref(),
        permissions: &permissions,
        action: PATH,
        ticket: ticket.expose(),
        leads_to: &leads_to,
    };
    page(StatusCode::OK, &view)
}

fn refused(
    app: &App,
    translations: &Translations,
    asked: &Asked,
    headers: &HeaderMap,
    error: &ConnectError,
) -> Response {
    let correlation_id = app.entropy.uuid();
    let (status, problem, code) = match error {
        ConnectError::ForeignLink => {
            (StatusCode::FORBIDDEN, ConnectProblem::ForeignLink, "access_denied")
        }
        ConnectError::Ended | ConnectError::Mismatch(_) => {
            (StatusCode::BAD_REQUEST, ConnectProblem::Expired, "invalid_request")
        }
        ConnectError::NoConnection(_)
        | ConnectError::RedirectUri
        | ConnectError::Journey(_)
        | ConnectError::Tokenset(_)
        | ConnectError::Stored(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            ConnectProblem::Unavailable,
            "temporarily_unavailable",
        ),
    };
    tracing::info!(correlation_id, cause = %Chain(error), "a connect link was refused");
    let frame = frame(messages(translations, None, headers), asked);
    let reference = Reference { code, correlation_id: &correlation_id };
    page(status, &ErrorPage::connect(frame, problem, "", "", reference))
}
