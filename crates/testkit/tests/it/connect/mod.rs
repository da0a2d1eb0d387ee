//! My Account, connected accounts: beginning, returning, completing, looking, disconnecting.

mod flow;
mod grants;
mod lists;
mod private_key_jwt;
mod question;
mod requests;
mod strategies;
mod unused;
