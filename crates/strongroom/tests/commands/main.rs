//! The binary as a shell sees it: what it prints, what it leaves behind, how it ends.

mod dev;
mod process;
mod refusals;
mod serve;
