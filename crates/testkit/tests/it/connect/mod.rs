//! My Account, connected accounts: beginning, returning, completing, looking, disconnecting.

mod flow;
mod lists;
mod requests;
mod strategies;
