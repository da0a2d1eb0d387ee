//! My Account, connected accounts: beginning, returning, completing, looking, disconnecting.

mod added;
mod flow;
mod lists;
mod quirks;
mod requests;
mod strategies;
