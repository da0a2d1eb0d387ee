//! Login and tokens: the OAuth 2.0 and OpenID Connect endpoints.

pub(crate) mod discovery;
pub(crate) mod revoke;
pub(crate) mod token;
pub(crate) mod userinfo;
