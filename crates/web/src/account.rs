//! The My Account API: what a person does with their own account, through an application.

pub(crate) mod accounts;
mod caller;
pub(crate) mod connect;
pub(crate) mod connections;
pub(crate) mod error;
mod paging;
mod payload;
