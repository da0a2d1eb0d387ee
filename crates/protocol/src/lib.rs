//! OAuth 2.0, OpenID Connect, JOSE and DPoP as types: parse, verify, print.
//!
//! Floor 0 of the house: every other crate may lean on this one, and this one
//! leans on nothing of ours. It performs no I/O, reads no clock and draws no
//! randomness of its own: `now` is an argument wherever a rule depends on time.
//! (The one exception is key generation, which the cryptographic library does
//! itself, so that private keys never exist as bytes chosen by us.)
//!
//! The rooms:
//!
//! - [`secret`]: one type per kind of secret, none of which can be printed,
//!   logged or serialized by accident.
//! - [`time`]: a moment as a plain value.
//! - [`jose`]: public keys and signed tokens over one audited library.
//! - [`client_certificate`]: who a client is by TLS.
//! - [`dpop`]: proofs of possession, verified against the request they came with.
//! - [`oauth`]: the requests and answers of RFC 6749 and its relatives, from
//!   untrusted bytes to fully typed values.
//! - [`oidc`]: discovery documents and ID tokens, ours and other providers'.

pub mod client_certificate;
pub mod dpop;
pub mod jose;
mod json;
pub mod oauth;
pub mod oidc;
pub mod secret;
pub mod time;
