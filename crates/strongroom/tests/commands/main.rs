//! The binary as a shell sees it: what it prints, what it leaves behind, how it ends.

#![expect(clippy::unwrap_used, reason = "a failed step ends the test")]

mod actions;
mod aws_kms;
mod dev;
mod dev_commands;
mod explain;
mod hardening;
mod keys;
mod person;
mod pkcs11;
mod process;
mod providers;
mod refusals;
mod selftest;
mod serve;
mod transit;
mod trouble;
