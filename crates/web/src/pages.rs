//! What people see: Universal Login, connecting accounts, errors.

pub(crate) mod assets;
pub(crate) mod connect;
pub(crate) mod login;
pub(crate) mod logout;
mod pending_login;
pub(crate) mod reconnect;
pub(crate) mod render;
pub(crate) mod signup;
pub mod views;
