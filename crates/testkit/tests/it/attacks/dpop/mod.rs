//! DPoP (RFC 9449), rows A50 to A56.

mod binding;
mod nonces;
mod proofs;
mod replay;
