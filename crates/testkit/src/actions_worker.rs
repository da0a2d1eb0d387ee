//! The process that scripts run in, for tests: `strongroom actions-worker` without the rest.

use std::process::ExitCode;

fn main() -> ExitCode {
    actions::worker::main()
}
