//! What every page has around its content.

use super::messages::Messages;
use super::urls::ImageUrl;

/// The language of a page and whose page it is.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    /// The texts, in the language that [`Translations::pick`](super::Translations::pick) chose.
    pub messages: &'a Messages,
    /// The tenant's name as people know it.
    pub tenant: &'a str,
    /// The tenant's or the application's logo; without one, our own mark.
    pub logo: Option<&'a ImageUrl>,
}

impl Frame<'_> {
    /// The document's title. WCAG 2.2 3.3.1: a page that reports an error says so first, because
    /// the title is the first thing that a screen reader speaks.
    pub(super) fn title(&self, page: &str, reports_error: bool) -> String {
        let common = &self.messages.common;
        let title = if reports_error { &common.title_with_error } else { &common.title };
        title.fill(&[("page", page), ("tenant", self.tenant)])
    }
}

/// What stands for a name that has no logo: its first letter or digit.
pub(super) fn monogram(name: &str) -> String {
    name.chars().find(|c| c.is_alphanumeric()).into_iter().flat_map(char::to_uppercase).collect()
}
