//! The sign-up page.

use askama::Template;

use super::{Frame, PageKind, View};

/// "Create your … account to continue to …".
#[derive(Template)]
#[template(path = "signup.html")]
pub struct SignUpPage<'a> {
    /// Language and tenant.
    pub frame: Frame<'a>,
    /// The application's name.
    pub client: &'a str,
    /// The path on this server that the form is posted to.
    pub action: &'a str,
    /// The handle of this login, for the hidden field `state`.
    pub state: &'a str,
    /// What stands in the e-mail field.
    pub email: &'a str,
    /// What the connection demands of a password, shown before anybody types one.
    pub rules: &'a [(PasswordRule, RuleState)],
    /// What went wrong with the form that was just posted.
    pub problem: Option<SignUpProblem>,
    /// The path back to the login page.
    pub login_path: &'a str,
    /// See [`PageKind::Credentials`].
    pub leads_to: &'a [&'a str],
}

/// One demand on a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordRule {
    /// At least this many characters.
    MinLength(u32),
    /// Three of: lower case, upper case, digits, other signs.
    CharacterClasses,
    /// No character more than twice in a row.
    NoRepeats,
    /// Not in the list of common passwords.
    NotCommon,
    /// Does not contain the e-mail address.
    NotPersonal,
}

/// What is known about a rule when the page is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleState {
    /// Nothing was typed yet.
    Open,
    /// The password that was posted follows it.
    Met,
    /// The password that was posted does not.
    Broken,
}

/// Why a posted sign-up form comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignUpProblem {
    /// Not an e-mail address, or none.
    EmailInvalid,
    /// A rule is broken, or there is no password.
    PasswordWeak,
    /// The account was not made; the text does not say whether the address is taken.
    NotCreated,
    /// Too many sign-ups from this address.
    TooManyAttempts,
}

impl PasswordRule {
    fn text(self, frame: &Frame<'_>) -> String {
        let signup = &frame.messages.signup;
        match self {
            Self::MinLength(count) => signup.rule_min_length.fill(&[("count", &count.to_string())]),
            Self::CharacterClasses => signup.rule_character_classes.clone(),
            Self::NoRepeats => signup.rule_no_repeats.clone(),
            Self::NotCommon => signup.rule_not_common.clone(),
            Self::NotPersonal => signup.rule_not_personal.clone(),
        }
    }
}

impl RuleState {
    fn class(self) -> &'static str {
        match self {
            Self::Open => "rule",
            Self::Met => "rule rule-met",
            Self::Broken => "rule rule-broken",
        }
    }

    /// The sign beside the rule in words.
    fn spoken<'a>(self, frame: &Frame<'a>) -> Option<&'a str> {
        let signup = &frame.messages.signup;
        match self {
            Self::Open => None,
            Self::Met => Some(&signup.rule_met),
            Self::Broken => Some(&signup.rule_broken),
        }
    }
}

impl SignUpPage<'_> {
    fn title(&self) -> String {
        self.frame.title(&self.frame.messages.signup.title, self.problem.is_some())
    }

    fn lead(&self) -> String {
        let names = [("tenant", self.frame.tenant), ("client", self.client)];
        self.frame.messages.signup.lead.fill(&names)
    }

    fn form_problem(&self) -> Option<&str> {
        let signup = &self.frame.messages.signup;
        match self.problem? {
            SignUpProblem::NotCreated => Some(&signup.not_created),
            SignUpProblem::TooManyAttempts => Some(&signup.too_many_attempts),
            SignUpProblem::EmailInvalid | SignUpProblem::PasswordWeak => None,
        }
    }

    fn email_problem(&self) -> Option<&str> {
        let invalid = self.problem == Some(SignUpProblem::EmailInvalid);
        invalid.then_some(self.frame.messages.signup.email_invalid.as_str())
    }

    fn password_problem(&self) -> Option<&str> {
        let weak = self.problem == Some(SignUpProblem::PasswordWeak);
        weak.then_some(self.frame.messages.signup.password_weak.as_str())
    }

    /// The keyboard starts where typing is needed: in the password once the address is there.
    fn starts_in_password(&self) -> bool {
        !self.email.is_empty() && self.email_problem().is_none()
    }
}

impl View for SignUpPage<'_> {
    fn kind(&self) -> PageKind<'_> {
        PageKind::Credentials { leads_to: self.leads_to }
    }
}
