//! Standard output, which is for what was asked.

use std::io::{Write, stdout};

use crate::failure::Failure;

/// Writes one line.
pub(crate) fn say(line: &str) -> Result<(), Failure> {
    writeln!(stdout(), "{line}").map_err(Failure::Output)
}
