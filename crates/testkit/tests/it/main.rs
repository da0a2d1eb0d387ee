//! The product over the wire, a module for each subject, in one binary.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]
#![expect(clippy::type_complexity, reason = "a table of cases is read once, where it stands")]

mod attacks;
mod checks;
mod connect;
mod connection_check;
mod forge;
mod frames;
mod login;
mod main_job;
mod management;
mod providers;
mod scene;
mod seed;
mod steps;
mod support;
mod tokens;
mod vault;
mod wire;
