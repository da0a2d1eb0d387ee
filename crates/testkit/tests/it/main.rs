//! The product over the wire, a module for each subject, in one binary.

mod main_job;
