//! Universal Login: from `/authorize` to the answer, and out again.

mod logout;
mod pages;
mod prompts;
mod providers;
mod response_modes;
pub(crate) mod scripts;
mod sessions;
mod signup;
