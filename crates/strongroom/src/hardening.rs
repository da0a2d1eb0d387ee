//! Nobody looks into this process: it holds keys and tokens in clear.

/// No core dumps, and no debugger of another process of the same user.
///
/// Where the system refuses, the server runs all the same; the log says so.
#[cfg(target_os = "linux")]
pub(crate) fn forbid_inspection() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let outcome = setrlimit(Resource::Core, none)
        .and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable));
    if let Err(error) = outcome {
        tracing::warn!(%error, "core dumps and debuggers could not be forbidden");
    }
}

/// Only Linux has these switches in a safe form.
#[cfg(not(target_os = "linux"))]
pub(crate) fn forbid_inspection() {}

/// As many open files as the system lets this process have, and those that it starts.
#[cfg(target_os = "linux")]
pub(crate) fn allow_many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { current: _, maximum } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

/// Elsewhere the limit stays as it is.
#[cfg(not(target_os = "linux"))]
pub(crate) fn allow_many_files() {}
