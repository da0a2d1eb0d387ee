//! OpenID Connect: discovery and ID tokens, as a provider and as a client of one.

mod audience;
mod claims;
pub mod discovery;
pub mod id_token;

pub use audience::Audience;
pub use claims::StandardClaims;
