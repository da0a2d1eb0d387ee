//! What people see: Universal Login, connecting accounts, errors.

pub(crate) mod assets;
pub(crate) mod connect;
pub(crate) mod render;
pub mod views;
