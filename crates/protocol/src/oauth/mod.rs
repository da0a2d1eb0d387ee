//! OAuth 2.0: typed requests, typed answers, and the rules that need nothing
//! but the values themselves.
//!
//! A request comes in as [`parameters`], is taken apart into one of the typed
//! requests, and from there on every field has a meaning and a type. Unknown
//! parameters are ignored, as RFC 6749 §3.1 demands; repeated ones never are.

pub mod answer;
pub mod authorize;
pub mod client_auth;
pub mod client_jwt;
pub mod error;
pub mod exchange;
pub mod parameters;
pub mod pkce;
pub mod pushed;
pub mod redirect_uri;
pub mod revocation;
pub mod scope;
pub mod token;
