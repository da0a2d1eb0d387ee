//! Attacks by number, a file for each kind.

mod authorization;
mod login;
mod management;
mod redirects;
