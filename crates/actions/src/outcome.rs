//! What can come of a script, other than its result.

use std::io;

use serde::{Deserialize, Serialize};

use crate::limits::{ANSWER_BODY_BYTES_MAX, MESSAGE_CHARS_MAX, RESULT_BYTES_MAX, SCRIPT_BYTES_MAX};

/// What is wrong with a script, or with what it did. Messages of the script are for the operator:
/// short, in one line, without the tokens that it was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ScriptFault {
    /// It is longer than is taken.
    #[error("the script is longer than {SCRIPT_BYTES_MAX} bytes")]
    ScriptTooLong,
    /// It is not JavaScript.
    #[error("the script cannot be read: {0}")]
    Syntax(String),
    /// It is JavaScript and no function.
    #[error("the script is not a function")]
    NotAFunction,
    /// It called back with an error, or threw one.
    #[error("the script failed: {0}")]
    Failed(String),
    /// It computed for too long, or waited for too long.
    #[error("the script did not end in time")]
    TimedOut,
    /// Nothing is left that could call back.
    #[error("the script ended without calling back")]
    NoResult,
    /// Its result is longer than is taken.
    #[error("the result of the script is longer than {RESULT_BYTES_MAX} bytes")]
    ResultTooLong,
    /// Its result is not an object of JSON.
    #[error("the result of the script is not an object")]
    NotAnObject,
    /// Its result contains a token that it was given, which would then be stored in clear.
    #[error("the result of the script contains a token")]
    HoldsToken,
}

/// Why a script has no result.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    /// The script is at fault.
    #[error(transparent)]
    Script(#[from] ScriptFault),
    /// All workers are in use, or all that one tenant may use.
    #[error("too many scripts run at present")]
    Busy,
    /// The worker process ended in the middle, or did not keep to the protocol: it ran out of memory,
    /// or worse.
    #[error("the script broke its process")]
    Broken,
    /// No worker process can be started.
    #[error("the process for scripts cannot be started")]
    NotStarted(#[source] io::Error),
    /// The system does not let a worker give up what it does not need.
    #[error("the process for scripts cannot be confined: {0}")]
    NotConfined(String),
}

/// A message of a script as it may be logged.
pub(crate) fn presentable(message: &str, secrets: &[&str]) -> String {
    let hidden = |text: String, secret: &&str| text.replace(*secret, "[secret]");
    let message = secrets.iter().fold(message.to_owned(), hidden);
    message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MESSAGE_CHARS_MAX).collect()
}

/// Why a script gets no answer to a request.
pub(crate) fn answer_too_long() -> String {
    format!("the answer is longer than {ANSWER_BODY_BYTES_MAX} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_short_and_in_one_line_and_hold_no_token() {
        let check = |message: &str, expected: &str| {
            assert_eq!(presentable(message, &["at-1", "it-2"]), expected);
        };
        check("no such user", "no such user");
        check("at-1 is not it-2\nat all", "[secret] is not [secret] at all");
        check(&"x".repeat(1000), &"x".repeat(MESSAGE_CHARS_MAX));
        // A token is found before the message is cut, so that no half of one stays.
        let late = format!("{}at-1", "x".repeat(MESSAGE_CHARS_MAX - 2));
        check(&late, &format!("{}[s", "x".repeat(MESSAGE_CHARS_MAX - 2)));
    }
}
