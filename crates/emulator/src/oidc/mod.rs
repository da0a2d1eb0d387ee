//! The generic OpenID provider; Google shares all of it but its quirks.

pub(crate) mod authorize;
pub(crate) mod discovery;
pub(crate) mod id_token;
pub(crate) mod pages;
pub(crate) mod request;
pub(crate) mod revoke;
pub(crate) mod userinfo;
