//! What data cannot say: one module for each provider that needs it.

pub(crate) mod github;
