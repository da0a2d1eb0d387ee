//! JSON Web Keys and Signatures: a thin compact-serialization layer over one
//! audited cryptographic library.
//!
//! Signatures are asymmetric or refused: there is no `none`, no `HS*`, no
//! encryption and no compression anywhere in this module.

mod algorithm;
pub(crate) mod encoding;
pub mod jwk;
pub mod jws;
pub mod pem;
mod signing;
