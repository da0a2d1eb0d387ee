//! The records of Strongroom and the rules that need nothing but the record.
//!
//! Floor 1: no I/O, no clock, no randomness. A record that is stored as a document carries the
//! member names of the published Management API, so that what an operator reads there is what
//! stands in the database.

pub mod account_event;
pub mod client;
pub mod client_credential;
pub mod client_grant;
pub mod connected_account;
pub mod connection;
pub mod event_stream;
pub mod exchange_policy;
pub mod grant;
pub mod ids;
pub mod ip_range;
pub mod log_event;
pub mod resource_server;
pub mod session;
pub mod tenant;
pub mod user;
