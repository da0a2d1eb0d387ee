//! The token endpoint, its clients and its tokens (rows A30 to A46).

mod assertions;
mod certificates;
mod client_authentication;
mod confusion;
mod jose;
mod metadata;
mod rotation;
mod standing;
mod widening;
