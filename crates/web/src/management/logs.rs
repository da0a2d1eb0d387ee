//! `/logs`: the audit log.

pub(super) mod output;
pub(super) mod read;
