//! The login page: identifier and password together, and the providers of the application.

use askama::Template;

use super::urls::ImageUrl;
use super::{Frame, PageKind, View};

/// "Log in to … to continue to …".
#[derive(Template)]
#[template(path = "login.html")]
pub struct LoginPage<'a> {
    /// Language and tenant.
    pub frame: Frame<'a>,
    /// The application's name.
    pub client: &'a str,
    /// The path on this server that the form is posted to.
    pub action: &'a str,
    /// The handle of this login, for the hidden field `state`.
    pub state: &'a str,
    /// What stands in the identifier field: `login_hint`, or what was typed before. The password
    /// is never shown again.
    pub identifier: &'a str,
    /// Whether the application has a connection with passwords; without one only providers show.
    pub has_password: bool,
    /// What went wrong with the form that was just posted.
    pub problem: Option<LoginProblem>,
    /// The path of the sign-up page, where sign-up is open.
    pub signup_path: Option<&'a str>,
    /// The application's providers.
    pub connections: &'a [ConnectionChoice<'a>],
    /// See [`PageKind::Credentials`].
    pub leads_to: &'a [&'a str],
}

/// One "Continue with …".
pub struct ConnectionChoice<'a> {
    /// The connection's name, in `data-provider`.
    pub name: &'a str,
    /// What people call the provider.
    pub display_name: &'a str,
    /// The provider's icon; without one, the first letter of its name.
    pub icon: Option<ImageUrl>,
    /// The path on this server that starts the login there. A link, for the reason that
    /// [`PageKind`]'s module gives.
    pub path: &'a str,
}

/// Why a posted login form comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginProblem {
    /// No such user or another password; one text for both, so that nobody learns who has an
    /// account.
    WrongCredentials,
    /// Too many failures from this address or for this identifier.
    TooManyAttempts,
    /// The password was right and the account is blocked.
    AccountBlocked,
    /// The identifier was left empty.
    IdentifierMissing,
    /// The password was left empty.
    PasswordMissing,
}

/// Where on the form a problem is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Form,
    Identifier,
    Password,
}

impl LoginProblem {
    fn place(self) -> Place {
        match self {
            Self::WrongCredentials | Self::TooManyAttempts | Self::AccountBlocked => Place::Form,
            Self::IdentifierMissing => Place::Identifier,
            Self::PasswordMissing => Place::Password,
        }
    }

    fn text(self, frame: Frame<'_>) -> String {
        let login = &frame.messages.login;
        match self {
            Self::WrongCredentials => login.wrong_credentials.clone(),
            Self::TooManyAttempts => login.too_many_attempts.clone(),
            Self::AccountBlocked => login.account_blocked.fill(&[("tenant", frame.tenant)]),
            Self::IdentifierMissing => login.identifier_missing.clone(),
            Self::PasswordMissing => login.password_missing.clone(),
        }
    }
}

impl LoginPage<'_> {
    fn title(&self) -> String {
        self.frame.title(&self.frame.messages.login.title, self.problem.is_some())
    }

    fn lead(&self) -> String {
        let names = [("tenant", self.frame.tenant), ("client", self.client)];
        self.frame.messages.login.lead.fill(&names)
    }

    fn form_problem(&self) -> Option<String> {
        self.problem_at(Place::Form)
    }

    fn identifier_problem(&self) -> Option<String> {
        self.problem_at(Place::Identifier)
    }

    fn password_problem(&self) -> Option<String> {
        self.problem_at(Place::Password)
    }

    fn problem_at(&self, place: Place) -> Option<String> {
        let problem = self.problem.filter(|problem| problem.place() == place)?;
        Some(problem.text(self.frame))
    }

    fn wrong_credentials(&self) -> bool {
        self.problem == Some(LoginProblem::WrongCredentials)
    }

    /// The keyboard starts where typing is needed: in the password once the identifier is there.
    fn starts_in_password(&self) -> bool {
        !self.identifier.is_empty() && self.identifier_problem().is_none()
    }
}

impl ConnectionChoice<'_> {
    fn label(&self, frame: &Frame<'_>) -> String {
        frame.messages.common.continue_with.fill(&[("connection", self.display_name)])
    }
}

impl View for LoginPage<'_> {
    fn kind(&self) -> PageKind<'_> {
        PageKind::Credentials { leads_to: self.leads_to }
    }
}
