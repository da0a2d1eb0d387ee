//! The vault: how tokens are sealed, which key opens what, and when a tokenset is refreshed.
//!
//! Floor 2: decides and computes, and does no I/O. It knows no provider by name. Time, randomness,
//! keys and rows come in as arguments; what should happen goes out as a value.

pub mod back_off;
pub mod circuit;
pub mod keyring;
pub mod refresh;
pub mod seal;
pub mod tokenset;
