//! What a script may take.
//!
//! Each limit that the script's own process keeps has another one outside of it, because not
//! everything in a JavaScript engine can be interrupted: `Array(4e9).join()` is one call of a function
//! written in C.

use std::time::Duration;

/// A script is no longer, in bytes; Auth0 takes as much.
pub const SCRIPT_BYTES_MAX: usize = 50 * 1024;
/// What a script may keep in memory, in bytes. Asking for more is an error that it can catch.
pub(crate) const HEAP_BYTES_MAX: usize = 32 * 1024 * 1024;
/// How deep a script may call itself, in bytes of stack.
pub(crate) const STACK_BYTES_MAX: usize = 256 * 1024;
/// What the worker may occupy beyond what it does at its start, in bytes: the heap, its
/// fragmentation, and the frames.
#[cfg(target_os = "linux")]
pub(crate) const ADDRESS_SPACE_BYTES_MAX: u64 = 96 * 1024 * 1024;

/// For how long a script may compute, in all; waiting for answers does not count.
pub(crate) const COMPUTING_TIME_MAX: Duration = Duration::from_millis(500);
/// After so much computing the worker is killed: it cannot be interrupted.
pub(crate) const KILLED_AFTER: Duration = Duration::from_millis(1500);
/// A run takes no longer, waiting for answers included.
pub(crate) const RUN_TIME_MAX: Duration = Duration::from_secs(15);
/// A run does not wait longer for a worker.
pub(crate) const QUEUE_TIME_MAX: Duration = Duration::from_secs(5);
/// A worker is ready no later.
pub(crate) const START_TIME_MAX: Duration = Duration::from_secs(5);

/// A script makes no more HTTP requests in one run.
pub const CALLS_MAX: usize = 10;
/// The body of a request is no longer, in bytes.
pub(crate) const REQUEST_BODY_BYTES_MAX: usize = 64 * 1024;
/// The body of an answer is no longer, in bytes.
pub(crate) const ANSWER_BODY_BYTES_MAX: usize = 256 * 1024;
/// The result of a script is no longer, in bytes of JSON.
pub(crate) const RESULT_BYTES_MAX: usize = 64 * 1024;
/// The message of a failure is no longer, in characters.
pub(crate) const MESSAGE_CHARS_MAX: usize = 300;
/// A message between the server and a worker is no longer, in bytes: the longest answer, every
/// character of which may be escaped.
pub(crate) const FRAME_BYTES_MAX: usize = 2 * 1024 * 1024;

/// How many workers there are for each core: a script mostly waits for answers.
pub(crate) const WORKERS_PER_CORE: usize = 4;
/// There are no fewer workers in all.
pub(crate) const WORKERS_MIN: usize = 8;
/// There are no more.
pub(crate) const WORKERS_MAX: usize = 32;
