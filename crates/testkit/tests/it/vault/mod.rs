//! The Token Vault: what an exchange gives, and how the tokens behind it stay alive.

mod accounts;
mod bulkheads;
mod cluster;
mod departures;
mod erasure;
mod exchange;
mod explain;
mod failures;
mod fault_table;
mod health;
mod integrity;
mod key_rotation;
mod lifetimes;
mod logins;
mod narrowed;
mod odd_providers;
mod outages;
mod policies;
mod reconnect;
mod refreshes;
mod wrong_clocks;
