//! Errors that a person reads. Each has a reference under which the operator finds its cause in the
//! log; the page has the reference and never the cause.

use std::error::Error;

use axum::http::StatusCode;
use axum::response::Response;
use engine::connect_account::ConnectError;
use engine::keys::KeyError;
use engine::provider_journey::JourneyError;
use protocol::oauth::parameters::ParametersError;

use crate::error::Chain;
use crate::page::{Desk, show};
pub(crate) use crate::pages::views::{ConnectProblem, ProviderProblem, RequestProblem};
use crate::pages::views::{ErrorPage, Href, Reference};

/// An error and what led to it.
#[derive(Debug)]
pub(crate) struct PageError {
    problem: Problem,
    /// For the developer of the application.
    explanation: Option<String>,
    /// For the operator, in the log alone.
    cause: String,
}

#[derive(Debug)]
enum Problem {
    Request(RequestProblem),
    Provider { problem: ProviderProblem, provider: String, retry: Option<String> },
    Connect { problem: ConnectProblem, client: String, provider: String },
}

impl PageError {
    /// A request that cannot be answered otherwise.
    pub(crate) fn request(problem: RequestProblem, cause: &(dyn Error + 'static)) -> Self {
        Self::new(Problem::Request(problem), cause)
    }

    /// A provider that the browser cannot be sent to; `retry` is a path of ours.
    pub(crate) fn provider(
        problem: ProviderProblem,
        provider: &str,
        retry: String,
        cause: &(dyn Error + 'static),
    ) -> Self {
        let provider = provider.to_owned();
        Self::new(Problem::Provider { problem, provider, retry: Some(retry) }, cause)
    }

    /// A connect that ends without an application to tell.
    fn connect(
        problem: ConnectProblem,
        client: &str,
        provider: &str,
        cause: &(dyn Error + 'static),
    ) -> Self {
        let (client, provider) = (client.to_owned(), provider.to_owned());
        Self::new(Problem::Connect { problem, client, provider }, cause)
    }

    /// A connect that does not go on; `provider` is what the person knows the provider as.
    pub(crate) fn connecting(error: &ConnectError, provider: &str) -> Self {
        let problem = match error {
            ConnectError::Ended => ConnectProblem::Expired,
            ConnectError::ForeignLink | ConnectError::Taken => ConnectProblem::ForeignLink,
            ConnectError::NoConnection(_)
            | ConnectError::RedirectUri
            | ConnectError::Mismatch(_)
            | ConnectError::Verifier(_) => ConnectProblem::Rejected,
            ConnectError::Departure { provider, error: cause } => {
                return match cause {
                    JourneyError::Discovery(_) => {
                        Self::connect(ConnectProblem::Unavailable, "", provider, error)
                    }
                    JourneyError::Key(cause) => Self::unavailable(cause),
                    JourneyError::NotAProvider | JourneyError::Options(_) | JourneyError::NoKey => {
                        Self::internal(error)
                    }
                };
            }
            ConnectError::Tokenset(_) | ConnectError::Stored(_) => return Self::internal(error),
        };
        Self::connect(problem, "", provider, error)
    }

    /// A reconnect that ended at the login or at the provider, by the OAuth code of its end.
    pub(crate) fn reconnect_refused(code: &str, provider: &str) -> Self {
        let problem = match code {
            "access_denied" => ConnectProblem::Denied,
            "temporarily_unavailable" => ConnectProblem::Unavailable,
            _ => ConnectProblem::Rejected,
        };
        Self::connect(problem, "", provider, &ConnectError::Mismatch("the reconnect ended"))
    }

    /// The database or a key failed; it may help to try again.
    pub(crate) fn unavailable(cause: &KeyError) -> Self {
        Self::request(RequestProblem::Unavailable, cause)
    }

    /// A mistake of ours.
    pub(crate) fn internal(cause: &(dyn Error + 'static)) -> Self {
        Self::request(RequestProblem::Internal, cause)
    }

    /// The same error with a sentence for the developer of the application.
    #[must_use]
    pub(crate) fn explained(self, explanation: impl Into<String>) -> Self {
        Self { explanation: Some(explanation.into()), ..self }
    }

    fn new(problem: Problem, cause: &(dyn Error + 'static)) -> Self {
        Self { problem, explanation: None, cause: Chain(cause).to_string() }
    }

    /// The page, and the line in the log that belongs to it.
    pub(crate) fn show(self, desk: &Desk) -> Response {
        let Self { problem, explanation, cause } = self;
        let (status, code) = status_and_code(&problem);
        let correlation_id = desk.app.entropy.id::<()>("", 20).to_string();
        if status.is_server_error() {
            tracing::error!(correlation_id, code, cause, "a page tells of a failure");
        } else {
            tracing::info!(correlation_id, code, cause, "a page tells of a refusal");
        }
        let frame = desk.frame(&[]);
        let reference = Reference { code, correlation_id: &correlation_id };
        let page = match &problem {
            Problem::Request(problem) => ErrorPage::request(frame, *problem, reference),
            Problem::Provider { problem, provider, retry } => {
                let page = ErrorPage::provider(frame, *problem, provider, reference);
                match retry.as_deref().and_then(Href::parse) {
                    Some(retry) => page.with_retry(retry),
                    None => page,
                }
            }
            Problem::Connect { problem, client, provider } => {
                ErrorPage::connect(frame, *problem, client, provider, reference)
            }
        };
        let page = match &explanation {
            Some(explanation) => page.with_explanation(explanation),
            None => page,
        };
        show(status, &page)
    }
}

impl From<ParametersError> for PageError {
    fn from(error: ParametersError) -> Self {
        Self::request(RequestProblem::InvalidRequest, &error).explained(error.to_string())
    }
}

/// The problem owns its status. The codes are OAuth's where it has one.
fn status_and_code(problem: &Problem) -> (StatusCode, &'static str) {
    match problem {
        Problem::Request(problem) => match problem {
            RequestProblem::UnknownApplication => (StatusCode::FORBIDDEN, "unauthorized_client"),
            RequestProblem::CallbackMismatch => (StatusCode::FORBIDDEN, "callback_mismatch"),
            RequestProblem::ReturnMismatch => (StatusCode::BAD_REQUEST, "return_mismatch"),
            RequestProblem::InvalidRequest => (StatusCode::BAD_REQUEST, "invalid_request"),
            RequestProblem::Expired => (StatusCode::BAD_REQUEST, "expired"),
            RequestProblem::OtherBrowser => (StatusCode::FORBIDDEN, "other_browser"),
            RequestProblem::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable")
            }
            RequestProblem::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
        },
        Problem::Provider { problem, .. } => match problem {
            ProviderProblem::Denied | ProviderProblem::NotAllowed => {
                (StatusCode::FORBIDDEN, "access_denied")
            }
            ProviderProblem::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable")
            }
            ProviderProblem::Rejected => (StatusCode::BAD_REQUEST, "invalid_request"),
            ProviderProblem::Expired => (StatusCode::BAD_REQUEST, "expired"),
        },
        Problem::Connect { problem, .. } => match problem {
            ConnectProblem::ForeignLink => (StatusCode::FORBIDDEN, "foreign_link"),
            ConnectProblem::Denied | ConnectProblem::ScopesMissing => {
                (StatusCode::FORBIDDEN, "access_denied")
            }
            ConnectProblem::Expired => (StatusCode::BAD_REQUEST, "expired"),
            ConnectProblem::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable")
            }
            ConnectProblem::Rejected => (StatusCode::BAD_REQUEST, "invalid_request"),
        },
    }
}
