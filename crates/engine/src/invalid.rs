//! A value that a record cannot take.

use std::borrow::Cow;

/// Which member is wrong, and why, in words for whoever sent it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{property}: {reason}")]
pub struct Invalid {
    /// The path of the member, as in `refresh_token.leeway`.
    pub property: Cow<'static, str>,
    /// Why it cannot be so.
    pub reason: Cow<'static, str>,
}

impl Invalid {
    /// Names the member and the reason.
    pub fn new(
        property: impl Into<Cow<'static, str>>,
        reason: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { property: property.into(), reason: reason.into() }
    }
}
