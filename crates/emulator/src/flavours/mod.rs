//! Quirks that need code.

pub(crate) mod github;
pub(crate) mod google;
