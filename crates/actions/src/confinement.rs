//! What the worker process gives up before it reads its first script (Linux).
//!
//! QuickJS gives a script no way to the system, so none of this should ever matter. It is for the day
//! on which a script finds a hole in the engine and runs code of its own in this process: then it can
//! compute, and write to the one pipe that the server reads with suspicion.

use std::collections::BTreeMap;
use std::io;

use rustix::process::{
    DumpableBehavior, Resource, Rlimit, Signal, set_dumpable_behavior,
    set_parent_process_death_signal, setrlimit,
};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};

use crate::limits::ADDRESS_SPACE_BYTES_MAX;

/// Why the process could not be confined.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfinementError {
    #[error("a resource cannot be limited: {0}")]
    Limit(#[from] rustix::io::Errno),
    #[error("the size of the process cannot be read: {0}")]
    Size(#[from] io::Error),
    #[error("system calls cannot be filtered: {0}")]
    Filter(#[from] BackendError),
    #[error("the filter of system calls is not taken: {0}")]
    Install(#[from] seccompiler::Error),
}

/// Gives up everything but computing and the two pipes; there is no way back.
pub(crate) fn confine() -> Result<(), ConfinementError> {
    // A worker that cannot be interrupted must not outlive a server that was killed. What counts as
    // the server's end is that of the thread which started the worker: the runtime's live as long.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    for resource in [Resource::Core, Resource::Fsize, Resource::Nproc] {
        setrlimit(resource, none)?;
    }
    let room = occupied_bytes()?.saturating_add(ADDRESS_SPACE_BYTES_MAX);
    setrlimit(Resource::As, Rlimit { current: Some(room), maximum: Some(room) })?;
    // The last file that is opened was the one above.
    setrlimit(Resource::Nofile, none)?;
    Ok(seccompiler::apply_filter(&filter()?)?)
}

/// The size of the address space now. It differs by far between builds.
fn occupied_bytes() -> io::Result<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages = statm.split(' ').next().and_then(|pages| pages.parse::<u64>().ok());
    let pages = pages.ok_or_else(|| io::Error::other("/proc/self/statm has no number"))?;
    Ok(pages.saturating_mul(rustix::param::page_size() as u64))
}

/// Lets through the system calls of memory, of the clock and of the end, and the two pipes. A file that
/// was left open for the server to inherit can be neither read nor mapped. Any other call fails as if it
/// were forbidden: the C library asks for the time zone, and does without.
fn filter() -> Result<BpfProgram, BackendError> {
    use SeccompCmpOp::{Eq, MaskedEq};

    const INPUT: u64 = 0;
    const OUTPUT: u64 = 1;
    let executable = u64::from(libc::PROT_EXEC.unsigned_abs());
    let anonymous = u64::from(libc::MAP_ANONYMOUS.unsigned_abs());
    let rules = BTreeMap::from([
        (libc::SYS_read, given([(0, Eq, INPUT)])?),
        (libc::SYS_write, given([(0, Eq, OUTPUT)])?),
        (
            libc::SYS_mmap,
            given([(2, MaskedEq(executable), 0), (3, MaskedEq(anonymous), anonymous)])?,
        ),
        (libc::SYS_mprotect, given([(2, MaskedEq(executable), 0)])?),
        (libc::SYS_mremap, always()),
        (libc::SYS_munmap, always()),
        (libc::SYS_madvise, always()),
        (libc::SYS_brk, always()),
        (libc::SYS_futex, always()),
        (libc::SYS_clock_gettime, always()),
        (libc::SYS_getrandom, always()),
        (libc::SYS_sigaltstack, always()),
        (libc::SYS_rt_sigprocmask, always()),
        (libc::SYS_rt_sigreturn, always()),
        (libc::SYS_restart_syscall, always()),
        (libc::SYS_exit, always()),
        (libc::SYS_exit_group, always()),
    ]);
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, refused, SeccompAction::Allow, architecture)?.try_into()
}

/// If all of these hold of arguments, by their place.
fn given<const N: usize>(
    conditions: [(u8, SeccompCmpOp, u64); N],
) -> Result<Vec<SeccompRule>, BackendError> {
    let condition = |(place, operator, value)| {
        SeccompCondition::new(place, SeccompCmpArgLen::Dword, operator, value)
    };
    let conditions = conditions.into_iter().map(condition).collect::<Result<_, _>>()?;
    Ok(vec![SeccompRule::new(conditions)?])
}

/// Whatever the arguments.
fn always() -> Vec<SeccompRule> {
    Vec::new()
}
