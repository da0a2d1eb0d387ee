//! The emulator as its clients see it: over a real port, one file a subject.

#![expect(clippy::unwrap_used, reason = "a failed step ends the test")]

mod browser;
mod calendar;
mod catalogued;
mod client_auth;
mod code;
mod controls;
mod faults;
mod github;
mod google;
mod pages;
mod refresh;
mod revocation;
mod world;
