//! Login and tokens: the OAuth 2.0 and OpenID Connect endpoints.

pub(crate) mod authorize;
pub(crate) mod discovery;
pub(crate) mod logout;
pub(crate) mod par;
pub(crate) mod provider_callback;
pub(crate) mod revoke;
pub(crate) mod token;
pub(crate) mod userinfo;
