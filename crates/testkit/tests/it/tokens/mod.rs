//! The token endpoint and what it gives, by its rules.

mod binding;
mod bodies;
mod codes;
mod cross_origin;
mod documents;
mod lifetimes;
mod machines;
mod mrrt;
mod refresh;
mod revocation;
mod userinfo;
