//! What the server and a worker say to each other: JSON, each message with its length before it.
//!
//! They take turns. The server sends [`ToWorker`] and waits; the worker computes and answers
//! [`FromWorker`], either its result or what it wants to know before it can go on. So the server
//! always knows whether a worker computes, and for how long.

use std::borrow::Cow;
use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::http::{HttpAnswer, HttpRequest};
use crate::limits::FRAME_BYTES_MAX;
use crate::outcome::ScriptFault;

/// The length before a message, in bytes of its own.
pub(crate) const LENGTH_BYTES: usize = size_of::<u32>();

/// From the server.
#[derive(Serialize, Deserialize)]
pub(crate) enum ToWorker<'a> {
    /// Whether a script is one.
    Check { script: Cow<'a, str> },
    /// Runs a script.
    Run {
        script: Cow<'a, str>,
        /// An array of JSON.
        arguments: Cow<'a, str>,
    },
    /// What came of a call.
    Answer { id: u32, outcome: Result<HttpAnswer, String> },
}

/// From a worker.
#[derive(Serialize, Deserialize)]
pub(crate) enum FromWorker {
    /// The first message: it has given up what it does not need, or it cannot and ends.
    Ready(Result<(), String>),
    /// It can go on when one of its calls is answered; these are new.
    Calls(Vec<Call>),
    /// It is done, with the result as JSON. A check has the result `null`.
    Done(Result<String, ScriptFault>),
}

/// A request that a script makes.
#[derive(Serialize, Deserialize)]
pub(crate) struct Call {
    /// Tells the calls of one run apart.
    pub(crate) id: u32,
    pub(crate) request: HttpRequest,
}

/// A message with its length before it.
pub(crate) fn encode(message: &impl Serialize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut frame = Zeroizing::new(vec![0; LENGTH_BYTES]);
    serde_json::to_writer(&mut *frame, message)?;
    let length = frame.len() - LENGTH_BYTES;
    if length > FRAME_BYTES_MAX {
        return Err(too_long());
    }
    let length = u32::try_from(length).or(Err(too_long()))?;
    frame[..LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
    Ok(frame)
}

/// Room for a message of a length.
pub(crate) fn room(length: [u8; LENGTH_BYTES]) -> io::Result<Zeroizing<Vec<u8>>> {
    match usize::try_from(u32::from_le_bytes(length)) {
        Ok(length) if length <= FRAME_BYTES_MAX => Ok(Zeroizing::new(vec![0; length])),
        Ok(_) | Err(_) => Err(too_long()),
    }
}

/// A message without its length.
pub(crate) fn decode<M: DeserializeOwned>(message: &[u8]) -> io::Result<M> {
    Ok(serde_json::from_slice(message)?)
}

/// Sends a message.
pub(crate) fn write(output: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    output.write_all(&encode(message)?)?;
    output.flush()
}

/// Receives a message.
pub(crate) fn read<M: DeserializeOwned>(input: &mut impl Read) -> io::Result<M> {
    let mut length = [0; LENGTH_BYTES];
    input.read_exact(&mut length)?;
    let mut message = room(length)?;
    input.read_exact(&mut message)?;
    decode(&message)
}

fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the message is too long")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_out_as_it_went_in() {
        let mut pipe = Vec::new();
        write(&mut pipe, &FromWorker::Done(Err(ScriptFault::NoResult))).unwrap();
        let read: FromWorker = read(&mut pipe.as_slice()).unwrap();
        assert!(matches!(read, FromWorker::Done(Err(ScriptFault::NoResult))));
    }

    #[test]
    fn what_is_too_long_or_cut_off_or_not_json_is_refused() {
        let check = |frame: &[u8]| assert!(read::<FromWorker>(&mut &*frame).is_err(), "{frame:?}");
        check(&[]);
        check(&[1, 0]);
        check(&[5, 0, 0, 0, b'{']);
        check(&[0, 0, 0, 0]);
        check(&[2, 0, 0, 0, b'{', b'}']);
        check(&u32::MAX.to_le_bytes());
        let long = "x".repeat(FRAME_BYTES_MAX);
        assert!(encode(&FromWorker::Done(Ok(long))).is_err());
    }
}
