//! My Account, connected accounts: beginning, returning, completing, looking, disconnecting.

mod flow;
mod grants;
mod lists;
mod question;
mod requests;
mod strategies;
mod unused;
