//! What Strongroom does: log people in, issue tokens, exchange them, connect accounts, edit.
//!
//! Floor 4. Every write, every audit event and every outbound call happens here, and nothing here
//! knows HTTP's server side or HTML. A use case takes the [`app::App`] first and `now` last, says
//! what it needs in types that only a check can make, and fails with an enum of its own.

pub mod access;
pub mod access_token;
pub mod app;
pub mod audit;
pub mod client_auth;
pub mod clock;
pub mod context;
pub mod dpop;
pub mod entropy;
pub mod kek;
pub mod keys;
pub mod management_scopes;
pub mod origins;
pub mod outbound;
pub mod passwords;
pub mod tenants;
