//! What Strongroom does: log people in, issue tokens, exchange them, connect accounts, edit.
//!
//! Floor 4. Every write, every audit event and every outbound call happens here, and nothing here
//! knows HTTP's server side or HTML. A use case takes the [`app::App`] first and `now` last, says
//! what it needs in types that only a check can make, and fails with an enum of its own.

pub mod access;
pub mod access_token;
mod account_events;
pub mod account_health;
pub mod accounts;
pub mod administrator;
pub mod app;
mod attempts;
pub mod audit;
pub mod authorize;
pub mod binding;
pub mod change;
mod circuits;
pub mod client_auth;
pub mod client_credentials;
pub mod client_grants;
pub mod clients;
pub mod clock;
pub mod code_grant;
pub mod connect_account;
pub mod connection_secret;
pub mod connections;
pub mod context;
mod departures;
pub mod dpop;
pub mod entropy;
pub mod event_streams;
mod id_token_hint;
pub mod invalid;
pub mod issue;
pub mod jobs;
pub mod journal;
pub mod kek;
pub mod key_rotation;
pub mod keys;
pub mod login;
pub mod logout;
pub mod management_scopes;
pub mod my_account;
pub mod origins;
pub mod outbound;
pub mod passwords;
mod pending;
mod profile_script;
pub mod provider_documents;
pub mod provider_journey;
pub mod provider_login;
pub mod provider_revocations;
mod recent;
mod refresh_flights;
pub mod refresh_grant;
pub mod renewals;
pub mod resource_servers;
pub mod retention;
pub mod revocation;
pub mod sessions;
pub mod signup;
pub mod tenants;
pub mod tokensets;
pub mod userinfo;
pub mod users;
pub mod vault_access;
pub mod vault_refresh;
