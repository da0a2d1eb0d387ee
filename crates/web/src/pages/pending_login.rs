//! The login that a page belongs to.

use std::error::Error;

use engine::login::{self, OpenError, OpenLogin};
use protocol::oauth::parameters::Parameters;
use protocol::secret::LoginState;

use crate::forms::FormError;
use crate::page::Desk;
use crate::page_error::{PageError, RequestProblem};
use crate::visitor::Visitor;

/// The state that a page's address or form carries.
pub(super) fn state_of(parameters: &mut Parameters) -> Result<LoginState, PageError> {
    let state = parameters.take_secret("state");
    state.ok_or_else(|| FormError::Missing("state").into())
}

/// The login of a state, in the browser that began it.
pub(super) async fn open(
    desk: &Desk,
    visitor: &Visitor,
    state: &LoginState,
) -> Result<OpenLogin, PageError> {
    let browser = visitor.browser();
    match login::open(&desk.app, desk.context(), browser, state, desk.now()).await {
        Ok(login) => Ok(login),
        Err(error @ OpenError::Ended) => Err(visitor.ended(&error)),
        Err(OpenError::Key(error)) => Err(PageError::unavailable(&error)),
    }
}

impl Visitor {
    /// What was begun cannot be gone on with here. A browser without our cookie began it elsewhere,
    /// or keeps no cookies; of any other there is no telling.
    pub(super) fn ended(&self, cause: &(dyn Error + 'static)) -> PageError {
        let problem =
            if self.is_known() { RequestProblem::Expired } else { RequestProblem::OtherBrowser };
        PageError::request(problem, cause)
    }
}
