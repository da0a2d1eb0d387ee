//! Every promise of the store, kept on both engines.
//!
//! SQLite runs in a folder of its own; PostgreSQL runs where `STRONGROOM_TEST_POSTGRES` says, each
//! test in a database of its own. `cargo xtask test` sets the variable.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

mod access_expiry;
mod accounts;
mod common;
mod configuration;
mod engines;
mod events;
mod files;
mod grants;
mod isolation;
mod lease_model;
mod leases;
mod log_events;
mod migrations;
mod one_time_values;
mod people;
mod plans;
mod samples;
mod servers;
mod transactions;
