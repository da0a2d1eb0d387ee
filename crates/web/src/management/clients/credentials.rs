//! `/clients/{id}/credentials`: keys and certificates that a client proves itself with.

pub(in crate::management) mod create;
pub(in crate::management) mod delete;
pub(in crate::management) mod read;
pub(in crate::management) mod update;
