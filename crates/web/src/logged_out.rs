//! The end of a login session in the browser, whichever way it was asked for.

use axum::http::StatusCode;
use axum::response::Response;
use engine::logout::LogoutError;
use protocol::secret::LoginState;

use crate::cookies;
use crate::page::{After, Desk, redirect, show, with_cookie};
use crate::page_error::{PageError, RequestProblem};
use crate::page_paths::LOGOUT;
use crate::pages::views::{LoggedOutPage, LogoutConfirmPage};

impl Desk {
    /// Takes the session's cookie away and leads on, or says that it is done.
    pub(crate) fn log_out(
        &self,
        after: After,
        destination: Option<&str>,
    ) -> Result<Response, PageError> {
        let response = match destination {
            Some(destination) => redirect(after, destination)?,
            None => show(StatusCode::OK, &LoggedOutPage { frame: self.frame(&[]) }),
        };
        Ok(with_cookie(response, cookies::clear_session(&self.context().base)))
    }

    /// Asks whether to log out.
    pub(crate) fn ask_to_log_out(
        &self,
        ui_locales: &str,
        state: &LoginState,
        client: Option<&str>,
        destination: Option<&str>,
    ) -> Response {
        let leads_to: Vec<&str> = destination.into_iter().collect();
        let page = LogoutConfirmPage {
            frame: self.frame(&[ui_locales.to_owned()]),
            client,
            action: LOGOUT,
            state: state.expose(),
            leads_to: &leads_to,
        };
        show(StatusCode::OK, &page)
    }
}

/// A logout that is refused.
pub(crate) fn logout_error(error: &LogoutError) -> PageError {
    let problem = match error {
        LogoutError::Destination(_) => RequestProblem::ReturnMismatch,
        LogoutError::UnknownClient | LogoutError::Hint(_) | LogoutError::HintOfOtherClient => {
            RequestProblem::InvalidRequest
        }
        LogoutError::Ended => RequestProblem::Expired,
        LogoutError::Key(cause) => return PageError::unavailable(cause),
    };
    PageError::request(problem, error).explained(error.to_string())
}
