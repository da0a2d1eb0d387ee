//! OAuth 2.0: typed requests, typed answers, and the rules that need nothing
//! but the values themselves.

pub mod error;
pub mod scope;
