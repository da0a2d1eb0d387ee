//! The worker process: gives up what it does not need, then runs one script after the other.
//!
//! It ends when standard input does, which is when the server is gone, and by an error when the
//! server does not keep to the protocol.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use crate::wire::{self, FromWorker, ToWorker};
use crate::{HttpAnswer, sandbox};

/// What the process does from its start to its end. It must be called before there is a second
/// thread.
pub fn main() -> ExitCode {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let confined = confine();
    let is_confined = confined.is_ok();
    let said = wire::write(&mut output, &FromWorker::Ready(confined));
    if said.is_err() || !is_confined {
        return ExitCode::FAILURE;
    }
    match serve(&mut input, &mut output) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => ExitCode::SUCCESS,
        Ok(never) => match never {},
        Err(_) => ExitCode::FAILURE,
    }
}

#[cfg(target_os = "linux")]
fn confine() -> Result<(), String> {
    crate::confinement::confine().map_err(|error| error.to_string())
}

/// Elsewhere the engine's own limits and the kill timer have to do.
#[cfg(not(target_os = "linux"))]
fn confine() -> Result<(), String> {
    Ok(())
}

fn serve(input: &mut impl Read, output: &mut impl Write) -> io::Result<std::convert::Infallible> {
    loop {
        let done = match wire::read(input)? {
            ToWorker::Check { script } => sandbox::check(&script).map(|()| "null".to_owned()),
            ToWorker::Run { script, arguments } => {
                let ask = |calls| {
                    wire::write(output, &FromWorker::Calls(calls))?;
                    answer(wire::read(input)?)
                };
                sandbox::run(&script, &arguments, ask)?
            }
            ToWorker::Answer { .. } => return Err(unexpected()),
        };
        wire::write(output, &FromWorker::Done(done))?;
    }
}

fn answer(message: ToWorker<'_>) -> io::Result<(u32, Result<HttpAnswer, String>)> {
    match message {
        ToWorker::Answer { id, outcome } => Ok((id, outcome)),
        ToWorker::Check { .. } | ToWorker::Run { .. } => Err(unexpected()),
    }
}

fn unexpected() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is not the time for this message")
}
