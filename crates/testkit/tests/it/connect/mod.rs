//! My Account, connected accounts: beginning, returning, completing, looking, disconnecting.

mod added;
mod flow;
mod grants;
mod lists;
mod private_key_jwt;
mod question;
mod quirks;
mod requests;
mod strategies;
mod unused;
