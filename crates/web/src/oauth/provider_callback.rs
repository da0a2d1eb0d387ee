//! Where every provider sends the browser back to.

use std::sync::Arc;

use axum::extract::RawQuery;
use axum::response::Response;
use engine::app::App;
use engine::connect_account::{self, Failure};
use engine::context::Context;
use engine::login::Completed;
use engine::provider_journey::{self, Arrival, ArrivalCause, ArrivalError, JourneyPurpose};
use engine::provider_login::{self, ProviderLoginError};
use protocol::time::Timestamp;

use crate::error::Chain;
use crate::page::{After, Desk, redirect};
use crate::page_error::{PageError, RequestProblem};
use crate::visitor::Visitor;

/// `GET /login/callback`
///
/// The whole return is a task of its own: a provider's tokens that were given and not stored would
/// live on with nobody to revoke them, and a browser may hang up at any time.
pub(crate) async fn by_query(desk: Desk, visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let app = Arc::clone(&desk.app);
    let (context, now) = (desk.context().clone(), desk.now());
    let parameters = parameters(query.as_deref().unwrap_or_default());
    let task = async move { arrive(&app, &context, &visitor, &parameters, now).await };
    let outcome = match desk.app.detach(task).await {
        Ok(Ok(Ended::LoggedIn(completed))) => desk.complete(After::Get, &completed),
        Ok(Ok(Ended::Connected(target))) => redirect(After::Get, &target),
        Ok(Err(error)) => Err(error),
        Err(error) => Err(PageError::internal(&error)),
    };
    desk.finish(outcome)
}

/// How a journey ends.
enum Ended {
    LoggedIn(Box<Completed>),
    /// Where the application waits.
    Connected(String),
}

/// Repetitions included: they are for the engine to find.
fn parameters(query: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

async fn arrive(
    app: &Arc<App>,
    context: &Context,
    visitor: &Visitor,
    parameters: &[(String, String)],
    now: Timestamp,
) -> Result<Ended, PageError> {
    let browser = visitor.browser();
    match provider_journey::arrive(app, context, browser, parameters, now).await {
        Ok(arrival) => Box::pin(returned(app, context, visitor, arrival, now)).await,
        Err(error) => failed(app, context, visitor, error, now).await,
    }
}

async fn returned(
    app: &App,
    context: &Context,
    visitor: &Visitor,
    arrival: Arrival,
    now: Timestamp,
) -> Result<Ended, PageError> {
    match arrival.purpose.clone() {
        JourneyPurpose::Login { login } => {
            let visitor = visitor.known();
            Box::pin(provider_login::returned(app, context, visitor, &login, arrival, now))
                .await
                .map(|completed| Ended::LoggedIn(Box::new(completed)))
                .map_err(|error| login_error(&error))
        }
        JourneyPurpose::Connect { transaction_id } => {
            let provider = arrival.connection.label().to_owned();
            let browser = visitor.browser();
            connect_account::returned(app, context, browser, &transaction_id, arrival, now)
                .await
                .map(Ended::Connected)
                .map_err(|error| PageError::connecting(&error, &provider))
        }
    }
}

async fn failed(
    app: &App,
    context: &Context,
    visitor: &Visitor,
    error: ArrivalError,
    now: Timestamp,
) -> Result<Ended, PageError> {
    let ArrivalError { purpose, connection, unused, cause } = error;
    match purpose {
        None => Err(unknown(&cause, visitor)),
        Some(JourneyPurpose::Login { login }) => {
            let (visitor, connection) = (visitor.known(), connection.as_deref());
            provider_login::failed(app, context, visitor, &login, connection, cause, now)
                .await
                .map(|completed| Ended::LoggedIn(Box::new(completed)))
                .map_err(|error| login_error(&error))
        }
        Some(JourneyPurpose::Connect { transaction_id }) => {
            let provider = connection.as_deref().map_or("", |connection| connection.label());
            let told = Chain(&cause).to_string();
            let (browser, why) = (visitor.browser(), connect_failure(&cause, &told));
            let unused = unused.map(|unused| *unused);
            connect_account::failed(app, context, browser, &transaction_id, &why, unused, now)
                .await
                .map(Ended::Connected)
                .map_err(|error| PageError::connecting(&error, provider))
        }
    }
}

/// Nobody knows what the browser was sent for.
fn unknown(cause: &ArrivalCause, visitor: &Visitor) -> PageError {
    match cause {
        ArrivalCause::Key(error) => PageError::unavailable(error),
        cause if !visitor.is_known() => PageError::request(RequestProblem::OtherBrowser, cause),
        cause => PageError::request(RequestProblem::Expired, cause),
    }
}

fn login_error(error: &ProviderLoginError) -> PageError {
    match error {
        ProviderLoginError::Key(cause) => PageError::unavailable(cause),
        ProviderLoginError::Ended => PageError::request(RequestProblem::Expired, error),
        ProviderLoginError::UnknownConnection
        | ProviderLoginError::Departure(_)
        | ProviderLoginError::Tokens(_) => PageError::internal(error),
    }
}

/// What the application is told, and what the operator.
fn connect_failure<'a>(cause: &ArrivalCause, told: &'a str) -> Failure<'a> {
    let (code, description) = if cause.is_denial() {
        ("access_denied", "The user denied the request.")
    } else if let ArrivalCause::NotGranted(_) = cause {
        ("access_denied", told)
    } else if cause.is_passing() {
        ("temporarily_unavailable", "The provider cannot be reached at present.")
    } else {
        ("server_error", "The provider's answer was not accepted.")
    };
    Failure { code, description, cause: told }
}
