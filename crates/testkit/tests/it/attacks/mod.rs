//! Attacks by number, a file for each kind.

mod actions;
mod authorization;
mod certificates;
mod connect;
mod dpop;
mod http;
mod login;
mod management;
mod outbound;
mod pushed_requests;
mod redirects;
mod signed_requests;
mod token_endpoint;
mod vault_exchange;
