//! security.md 5.6: the Management API.

mod escalation;
mod input;
mod isolation;
mod operations;
mod scopes;
mod secrets;
mod tokens;
