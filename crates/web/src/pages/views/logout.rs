//! The pages around logging out.

use askama::Template;

use super::{Frame, PageKind, View};

/// "Do you want to log out?" OpenID Connect RP-Initiated Logout 1.0 §2: asked when no
/// `id_token_hint` proves that the request comes from where the person is logged in.
#[derive(Template)]
#[template(path = "logout_confirm.html")]
pub struct LogoutConfirmPage<'a> {
    /// Language and tenant.
    pub frame: Frame<'a>,
    /// The application that asks, if it is known.
    pub client: Option<&'a str>,
    /// The path on this server that the form is posted to.
    pub action: &'a str,
    /// The handle of this logout, for the hidden field `state`.
    pub state: &'a str,
    /// See [`PageKind::Confirmation`].
    pub leads_to: &'a [&'a str],
}

impl LogoutConfirmPage<'_> {
    fn title(&self) -> String {
        self.frame.title(&self.frame.messages.logout.title, false)
    }

    fn lead(&self) -> String {
        let texts = &self.frame.messages.logout;
        match self.client {
            Some(client) => {
                texts.lead_client.fill(&[("client", client), ("tenant", self.frame.tenant)])
            }
            None => texts.lead.fill(&[("tenant", self.frame.tenant)]),
        }
    }
}

impl View for LogoutConfirmPage<'_> {
    fn kind(&self) -> PageKind<'_> {
        PageKind::Confirmation { leads_to: self.leads_to }
    }
}

/// "You are logged out": the end when there is no address to return to.
#[derive(Template)]
#[template(path = "logged_out.html")]
pub struct LoggedOutPage<'a> {
    /// Language and tenant.
    pub frame: Frame<'a>,
}

impl LoggedOutPage<'_> {
    fn title(&self) -> String {
        self.frame.title(&self.frame.messages.logout.done_title, false)
    }
}

impl View for LoggedOutPage<'_> {
    fn kind(&self) -> PageKind<'_> {
        PageKind::Message
    }
}

/// "You are still logged in": the person said no, and there is no address to return to.
#[derive(Template)]
#[template(path = "still_logged_in.html")]
pub struct StillLoggedInPage<'a> {
    /// Language and tenant.
    pub frame: Frame<'a>,
}

impl StillLoggedInPage<'_> {
    fn title(&self) -> String {
        self.frame.title(&self.frame.messages.logout.stayed_title, false)
    }
}

impl View for StillLoggedInPage<'_> {
    fn kind(&self) -> PageKind<'_> {
        PageKind::Message
    }
}
