//! The binary; everything that it does stands in the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    strongroom::main()
}
