//! The database: SQLite or PostgreSQL behind one SQL text.
//!
//! Floor 3. [`db`] is the only module that knows there are two engines; every other module is one
//! noun and its SQL. Every query carries the tenant. What must stay secret comes in sealed or hashed
//! and in no other type. Reads take a [`db::ReadTx`] or a [`db::WriteTx`], writes a `WriteTx` alone.

pub mod access_expiry;
pub mod account_events;
pub mod attempts;
pub mod authorization_codes;
pub mod client_credentials;
pub mod client_grants;
pub mod clients;
pub mod connect_transactions;
pub mod connected_accounts;
pub mod connection_keys;
pub mod connections;
pub mod db;
pub mod departures;
pub mod error;
pub mod event_deliveries;
pub mod event_streams;
pub mod grants;
pub mod housekeeping;
pub mod keys;
pub mod log_events;
pub mod login_states;
pub mod migrate;
pub mod passwords;
pub mod previous_client_secrets;
pub mod provider_states;
pub mod pushed_requests;
pub mod refresh_leases;
pub mod renewals;
pub mod replay_marks;
pub mod resealing;
pub mod resource_servers;
pub mod retention;
pub mod revocations;
pub mod sessions;
pub mod tenants;
pub mod users;

pub use db::{Database, Query, ReadTx, WriteTx};
pub use error::StoreError;

/// What every store function returns.
pub type Result<T> = std::result::Result<T, StoreError>;
