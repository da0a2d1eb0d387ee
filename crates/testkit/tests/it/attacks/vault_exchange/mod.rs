//! The Token Vault's exchange: whose tokens, by which client, for which subject token.

mod answers;
mod clients;
mod isolation;
mod privileged;
mod subjects;
