//! The two pages that hand an authorization response to the application in the browser, for the
//! response modes that are not a redirect.

use askama::Template;
use serde_json::Value;

use super::urls::ResponseTarget;
use super::{Frame, PageKind, View};

/// A form that posts itself. OAuth 2.0 Form Post Response Mode §2: the parameters are hidden
/// fields of a form that is submitted to the redirect URI.
#[derive(Template)]
#[template(path = "form_post.html")]
pub struct FormPostPage<'a> {
    /// Language and tenant.
    pub frame: Frame<'a>,
    /// The redirect URI of the request.
    pub target: &'a ResponseTarget,
    /// The response: `code` and `state`, or `error`, `error_description` and `state`.
    pub fields: &'a [(&'a str, &'a str)],
    /// See [`PageKind::FormPost`].
    pub leads_to: &'a [&'a str],
}

impl FormPostPage<'_> {
    fn title(&self) -> String {
        self.frame.title(&self.frame.messages.response.form_post_title, false)
    }
}

impl View for FormPostPage<'_> {
    fn kind(&self) -> PageKind<'_> {
        PageKind::FormPost { leads_to: self.leads_to }
    }
}

/// A page that posts the response to the window that opened or framed it (`web_message`).
///
/// The data stand in attributes of `<body>`, where escaping for HTML is all the escaping that
/// there is; the script reads them and is the same for everybody.
#[derive(Template)]
#[template(path = "web_message.html")]
pub struct WebMessagePage<'a> {
    /// Language and tenant.
    pub frame: Frame<'a>,
    /// The redirect URI of the request, whose origin must be one of the client's `web_origins`.
    pub target: &'a ResponseTarget,
    /// The response: `code` and `state`, or `error`, `error_description` and `state`.
    pub fields: &'a [(&'a str, &'a str)],
}

impl WebMessagePage<'_> {
    fn title(&self) -> String {
        self.frame.title(&self.frame.messages.response.web_message_title, false)
    }

    fn response(&self) -> String {
        let members = self.fields.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Value::Object(members.collect()).to_string()
    }
}

impl View for WebMessagePage<'_> {
    fn kind(&self) -> PageKind<'_> {
        PageKind::WebMessage
    }
}
