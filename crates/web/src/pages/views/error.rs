//! The page that says why we stop here. It never redirects: what failed may be the very address
//! that we would go to (RFC 6749 §4.1.2.1).

use askama::Template;

use super::urls::Href;
use super::{Frame, PageKind, View};

/// One page for everything that ends a flow in the browser: what happened in a sentence, what to
/// do next, and a reference by which the event is found in the logs.
#[derive(Template)]
#[template(path = "error.html")]
pub struct ErrorPage<'a> {
    frame: Frame<'a>,
    heading: &'a str,
    sentence: String,
    advice: Option<&'a str>,
    reference: Reference<'a>,
    explanation: Option<&'a str>,
    way_out: Option<(Href, String)>,
}

/// What a person reads out to whoever can look into the logs.
#[derive(Clone, Copy)]
pub struct Reference<'a> {
    /// The OAuth error code or our own.
    pub code: &'a str,
    /// The id of the request, as in the logs.
    pub correlation_id: &'a str,
}

/// Why a request to one of our pages cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestProblem {
    /// No client with this `client_id`.
    UnknownApplication,
    /// The `redirect_uri` is not registered.
    CallbackMismatch,
    /// The address to return to after logout is not registered.
    ReturnMismatch,
    /// A parameter is missing, doubled or malformed, and there is no trusted address to send the
    /// error to.
    InvalidRequest,
    /// The login or logout that this form belongs to has ended.
    Expired,
    /// The form or link belongs to a login of another browser, or the cookie is gone.
    OtherBrowser,
    /// The database or something else that we need does not answer.
    Unavailable,
    /// A mistake of ours.
    Internal,
}

/// Why a login with a provider failed at the callback, where no application can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderProblem {
    /// The person said no, or the provider did.
    Denied,
    /// The provider does not answer.
    Unavailable,
    /// The provider's answer failed a check.
    Rejected,
    /// The login has ended before the provider sent the browser back.
    Expired,
    /// The provider's account may not log in here.
    NotAllowed,
}

/// Why no account was connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectProblem {
    /// The ticket belongs to another person or was started in another browser: somebody may be
    /// trying to have a stranger's account connected to theirs, or theirs to a stranger.
    ForeignLink,
    /// The ticket is unknown, used or too old.
    Expired,
    /// The person said no.
    Denied,
    /// The provider granted less than the application needs.
    ScopesMissing,
    /// The provider does not answer.
    Unavailable,
    /// The provider's answer failed a check.
    Rejected,
}

impl<'a> ErrorPage<'a> {
    /// A request that cannot be answered otherwise.
    pub fn request(frame: Frame<'a>, problem: RequestProblem, reference: Reference<'a>) -> Self {
        let error = &frame.messages.error;
        let sentence = match problem {
            RequestProblem::UnknownApplication => {
                error.unknown_application.fill(&[("tenant", frame.tenant)])
            }
            RequestProblem::CallbackMismatch => error.callback_mismatch.clone(),
            RequestProblem::ReturnMismatch => error.return_mismatch.clone(),
            RequestProblem::InvalidRequest => error.invalid_request.clone(),
            RequestProblem::Expired => error.expired.clone(),
            RequestProblem::OtherBrowser => error.other_browser.clone(),
            RequestProblem::Unavailable => error.unavailable.clone(),
            RequestProblem::Internal => error.internal.clone(),
        };
        Self::new(frame, &error.title, sentence, reference)
    }

    /// A login with a provider (`provider` as people call it) that came back broken.
    pub fn provider(
        frame: Frame<'a>,
        problem: ProviderProblem,
        provider: &str,
        reference: Reference<'a>,
    ) -> Self {
        let texts = &frame.messages.provider;
        let sentence = match problem {
            ProviderProblem::Denied => &texts.denied,
            ProviderProblem::Unavailable => &texts.unavailable,
            ProviderProblem::Rejected => &texts.rejected,
            ProviderProblem::Expired => &texts.expired,
            ProviderProblem::NotAllowed => &texts.not_allowed,
        };
        let sentence = sentence.fill(&[("provider", provider), ("tenant", frame.tenant)]);
        Self::new(frame, &texts.title, sentence, reference)
    }

    /// A connect link that leads nowhere. `client` and `provider` are names for people.
    pub fn connect(
        frame: Frame<'a>,
        problem: ConnectProblem,
        client: &str,
        provider: &str,
        reference: Reference<'a>,
    ) -> Self {
        let texts = &frame.messages.connect_error;
        let names = [("client", client), ("provider", provider)];
        let (heading, sentence, advice) = match problem {
            ConnectProblem::ForeignLink => (
                &texts.foreign_link_title,
                texts.foreign_link.clone(),
                Some(texts.foreign_link_advice.as_str()),
            ),
            ConnectProblem::Expired => (&texts.title, texts.expired.clone(), None),
            ConnectProblem::Denied => (&texts.title, texts.denied.fill(&names), None),
            ConnectProblem::ScopesMissing => {
                (&texts.title, texts.scopes_missing.fill(&names), None)
            }
            ConnectProblem::Unavailable => (&texts.title, texts.unavailable.fill(&names), None),
            ConnectProblem::Rejected => (&texts.title, texts.rejected.fill(&names), None),
        };
        Self { advice, ..Self::new(frame, heading, sentence, reference) }
    }

    /// Adds the `error_description`: a sentence for the developer of the application.
    #[must_use]
    pub fn with_explanation(self, explanation: &'a str) -> Self {
        Self { explanation: Some(explanation), ..self }
    }

    /// Adds "Try again".
    #[must_use]
    pub fn with_retry(self, target: Href) -> Self {
        let label = self.frame.messages.provider.try_again.clone();
        Self { way_out: Some((target, label)), ..self }
    }

    /// Adds "Back to" the application, named for people.
    #[must_use]
    pub fn with_return(self, target: Href, client: &str) -> Self {
        let label = self.frame.messages.connect_error.r#return.fill(&[("client", client)]);
        Self { way_out: Some((target, label)), ..self }
    }

    fn new(frame: Frame<'a>, heading: &'a str, sentence: String, reference: Reference<'a>) -> Self {
        Self { frame, heading, sentence, advice: None, reference, explanation: None, way_out: None }
    }

    fn title(&self) -> String {
        self.frame.title(self.heading, true)
    }
}

impl View for ErrorPage<'_> {
    fn kind(&self) -> PageKind<'_> {
        PageKind::Message
    }
}
