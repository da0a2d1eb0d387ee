//! The page between a connect ticket and the provider: who wants what, and for whom.

use askama::Template;

use super::urls::{Href, ImageUrl};
use super::{Frame, PageKind, View};

/// "Connect your … account to …".
#[derive(Template)]
#[template(path = "connect_start.html")]
pub struct ConnectStartPage<'a> {
    /// Language and tenant.
    pub frame: Frame<'a>,
    /// The application that asks.
    pub client: Party<'a>,
    /// The provider whose account is to be connected.
    pub provider: Party<'a>,
    /// Whose the connection will be, as that person would recognise it (an e-mail address):
    /// somebody who followed another's link sees a stranger's name here.
    pub account: Option<&'a str>,
    /// What the application asks for.
    pub permissions: &'a [Permission<'a>],
    /// The path on this server that the form is posted to.
    pub action: &'a str,
    /// The connect ticket, for the hidden field `ticket`.
    pub ticket: &'a str,
    /// See [`PageKind::Confirmation`].
    pub leads_to: &'a [&'a str],
}

/// Leads on to a provider after a form of ours was posted: a redirect would be held against the form's
/// policy, which cannot name every host that a provider moves through.
#[derive(Template)]
#[template(path = "continue.html")]
pub struct ContinuePage<'a> {
    /// Language and tenant.
    pub frame: Frame<'a>,
    /// Where to.
    pub target: Href,
}

impl ContinuePage<'_> {
    fn title(&self) -> String {
        self.frame.title(&self.frame.messages.common.r#continue, false)
    }
}

impl View for ContinuePage<'_> {
    fn kind(&self) -> PageKind<'_> {
        PageKind::Message
    }
}

/// "Your account is connected again": where a reconnect ends, because no application waits.
#[derive(Template)]
#[template(path = "reconnected.html")]
pub struct ReconnectedPage<'a> {
    /// Language and tenant.
    pub frame: Frame<'a>,
}

impl ReconnectedPage<'_> {
    fn title(&self) -> String {
        self.frame.title(&self.frame.messages.connect.done_title, false)
    }
}

impl View for ReconnectedPage<'_> {
    fn kind(&self) -> PageKind<'_> {
        PageKind::Message
    }
}

/// One of the two sides that a connection joins.
pub struct Party<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its logo; without one, the first letter of its name.
    pub logo: Option<ImageUrl>,
}

/// One requested scope.
pub struct Permission<'a> {
    /// The scope as the provider spells it.
    pub scope: &'a str,
    /// What it allows, in words that complete "this will let the application …". Without them the
    /// scope speaks for itself.
    pub description: Option<&'a str>,
}

impl ConnectStartPage<'_> {
    fn title(&self) -> String {
        self.frame.title(&self.heading(), false)
    }

    fn heading(&self) -> String {
        self.frame.messages.connect.title.fill(&self.names())
    }

    fn lead(&self) -> String {
        self.frame.messages.connect.lead.fill(&self.names())
    }

    fn permissions_heading(&self) -> String {
        self.frame.messages.connect.permissions.fill(&self.names())
    }

    fn no_permissions(&self) -> String {
        self.frame.messages.connect.no_permissions.fill(&self.names())
    }

    fn belongs_to(&self) -> Option<String> {
        let names = [("account", self.account?), ("tenant", self.frame.tenant)];
        Some(self.frame.messages.connect.belongs_to.fill(&names))
    }

    fn warning(&self) -> String {
        self.frame.messages.connect.only_if_started.fill(&self.names())
    }

    fn accept(&self) -> String {
        self.frame.messages.connect.accept.fill(&self.names())
    }

    fn names(&self) -> [(&str, &str); 2] {
        [("client", self.client.name), ("provider", self.provider.name)]
    }
}

impl View for ConnectStartPage<'_> {
    fn kind(&self) -> PageKind<'_> {
        PageKind::Confirmation { leads_to: self.leads_to }
    }
}
