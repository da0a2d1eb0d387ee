//! JavaScript of a tenant's operator: a script and an event go in, an outcome comes out.
//!
//! Floor 2. The script runs in a process of its own ([`worker`]), which the server starts from its
//! own binary and talks to by length-prefixed JSON on standard input and output. Three walls stand
//! between a script and what it must not have:
//!
//! 1. **The engine** (`sandbox.rs`): a fresh QuickJS runtime for each run, with nothing in it but the
//!    language, `request` and `fetch`. Heap, stack and computing time are bounded.
//! 2. **The process** (`confinement.rs`): no environment, no files, no sockets, no children. On Linux
//!    the kernel refuses whatever is not computing, or talking to the server by the two pipes.
//! 3. **The pool** ([`Pool`]): believes nothing that a worker says. It kills one that computes for too
//!    long or breaks the protocol, and makes the script's HTTP requests itself, by a function of its
//!    caller's, few and bounded.
//!
//! **Tenants share no worker.** A fresh runtime leaves nothing for the next script as long as
//! QuickJS, 80,000 lines of C, has no hole. With one, a script could rewrite its worker and wait
//! there for the access tokens of others. So a worker that ran a script of one tenant never runs one
//! of another tenant. It costs a millisecond, the start of a process, when another tenant's turn
//! comes, and memory of the process needs no wiping: what is left in it belongs to its tenant.
//!
//! **Tenants do not wait for each other**: none holds more than half of the workers.

#[cfg(target_os = "linux")]
mod confinement;
mod event;
mod http;
mod limits;
mod outcome;
mod pool;
mod process;
mod sandbox;
mod wire;
pub mod worker;

pub use event::FetchUserProfile;
pub use http::{HttpAnswer, HttpRequest};
pub use limits::{CALLS_MAX, SCRIPT_BYTES_MAX};
pub use outcome::{ActionError, ScriptFault};
pub use pool::Pool;
pub use process::Program;
