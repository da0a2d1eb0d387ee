//! What people see: Universal Login, connecting accounts, errors.

pub mod views;
