//! `strongroom dev fault`: lets an emulated provider of a running server misbehave.

use std::path::PathBuf;

use axum::http::Method;
use clap::Args;
use connectors::Catalogue;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::clock::{ClockError, length};
use super::emulated;
use super::remote::{Remote, RemoteError};
use crate::failure::Failure;
use crate::output::say;

const PATH: &str = "/_emulator/faults";
/// Longer than anybody waits for an answer.
const HANG_MILLIS: u64 = 600_000;
/// More than the server reads of an answer.
const BLOATED_BYTES: u64 = 2 * 1024 * 1024;
/// After how many seconds a provider that limits may be asked again, unless the line says so.
const RETRY_AFTER: &str = "30";

const USAGE: &str = "strongroom dev fault PROVIDER ENDPOINT EFFECT [VALUE] [--times N | --always]
       strongroom dev fault list
       strongroom dev fault clear [PROVIDER]";

const HELP: &str = "PROVIDER is a connection that is emulated: calendar, google, …

ENDPOINT is one of discovery, jwks, authorize, token, code_exchange, refresh, userinfo, revoke, calendar

EFFECT is one of
  invalid_grant        the error of this code; any code with an underscore
  503                  this status and nothing else
  rate_limited [30]    status 429, and so many seconds to wait
  slow 5s              waits, then does as it should
  late 5s              does as it should, then waits with the answer
  hang                 says nothing
  drop                 hangs up, and has done nothing
  lost                 does as it should, and the answer is lost
  twice                does it twice, and the second answer arrives
  malformed            half of the answer arrives
  bloated              an answer of more than 2 MiB
  without MEMBER       the answer lacks this member, such as refresh_token";

/// What `dev fault` takes.
#[derive(Args)]
#[command(override_usage = USAGE, after_help = HELP)]
pub(crate) struct Options {
    /// What shall go wrong; or `list`, or `clear`
    #[arg(value_name = "WORD", required = true, num_args = 1..=4)]
    words: Vec<String>,
    /// How often; once if left out
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    times: Option<u64>,
    /// Until it is cleared
    #[arg(long, conflicts_with = "times")]
    always: bool,
    /// The folder of the running server [default: .strongroom]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Words that say nothing that can be done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FaultError {
    #[error("this is not how a fault is described; see: strongroom dev fault --help")]
    Words,
    #[error("{0} is no effect that there is; see: strongroom dev fault --help")]
    Effect(String),
    #[error(transparent)]
    Length(#[from] ClockError),
    #[error("{name} is not emulated there, but: {emulated}")]
    NotEmulated { name: String, emulated: String },
}

/// A rule as the emulator lists it.
#[derive(Deserialize)]
struct Listed {
    id: u64,
    endpoint: String,
    flavour: Option<String>,
    times: u64,
    sticky: bool,
    hits: u64,
    #[serde(flatten)]
    what: Map<String, Value>,
}

#[derive(Deserialize)]
struct List {
    faults: Vec<Listed>,
}

/// Runs the command.
pub(super) async fn run(options: Options) -> Result<(), Failure> {
    let Options { words, times, always, data } = options;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["list"] => list(&Remote::find(data.as_deref())?).await,
        ["clear"] => clear(&Remote::find(data.as_deref())?, None).await,
        ["clear", provider] => clear(&Remote::find(data.as_deref())?, Some(provider)).await,
        [provider, endpoint, ref effect @ ..] if !effect.is_empty() => {
            let mut rule = rule(effect)?;
            rule.insert("endpoint".to_owned(), json!(endpoint));
            rule.insert("times".to_owned(), json!(times.unwrap_or(1)));
            rule.insert("sticky".to_owned(), json!(always));
            let remote = Remote::find(data.as_deref())?;
            let flavour = flavour(&remote, provider)?;
            rule.insert("flavour".to_owned(), json!(flavour));
            remote.call(Method::POST, PATH, Some(&Value::Object(rule))).await?;
            list(&remote).await
        }
        _ => Err(FaultError::Words.into()),
    }
}

async fn list(remote: &Remote) -> Result<(), Failure> {
    let listed = remote.call(Method::GET, PATH, None).await?;
    let List { faults } = serde_json::from_value(listed).map_err(RemoteError::Answer)?;
    if faults.is_empty() {
        return say("Every provider behaves.");
    }
    for Listed { id, endpoint, flavour, times, sticky, hits, what } in &faults {
        let provider = flavour.as_deref().map_or("all", |flavour| name(remote, flavour));
        let left = if *sticky {
            "until it is cleared".to_owned()
        } else {
            format!("{} more", times.saturating_sub(*hits))
        };
        let what = told(what);
        say(&format!("{id:>3}  {provider:<14} {endpoint:<14} {what}; {left}, struck {hits}"))?;
    }
    Ok(())
}

async fn clear(remote: &Remote, provider: Option<&str>) -> Result<(), Failure> {
    let path = match provider {
        Some(provider) => format!("{PATH}?flavour={}", flavour(remote, provider)?),
        None => PATH.to_owned(),
    };
    remote.call(Method::DELETE, &path, None).await?;
    list(remote).await
}

/// What the emulator calls a provider, which may be named as in `--providers`.
fn flavour<'a>(remote: &'a Remote, name: &str) -> Result<&'a str, Failure> {
    let flavours = &remote.door.flavours;
    if let Some(flavour) = flavours.get(name) {
        return Ok(flavour);
    }
    let found = emulated::named(&[name.to_owned()], &Catalogue::embedded()?).unwrap_or_default();
    let known = found.iter().find_map(|spec| flavours.get(&spec.strategy));
    let known = known.map(String::as_str);
    let emulated = || flavours.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    Ok(known
        .ok_or_else(|| FaultError::NotEmulated { name: name.to_owned(), emulated: emulated() })?)
}

/// The connection of a provider by its name at the emulator.
fn name<'a>(remote: &'a Remote, flavour: &'a str) -> &'a str {
    let mut flavours = remote.door.flavours.iter();
    flavours.find(|(_, known)| *known == flavour).map_or(flavour, |(name, _)| name)
}

/// The part of a rule that an effect and its value say.
fn rule(effect: &[&str]) -> Result<Map<String, Value>, FaultError> {
    let rule = match *effect {
        ["hang"] => json!({
            "delay_ms": HANG_MILLIS, "effect": { "kind": "drop", "after_commit": false },
        }),
        ["slow", time] => json!({ "delay_ms": millis(time)? }),
        ["late", time] => json!({ "answer_delay_ms": millis(time)? }),
        ["drop"] => json!({ "effect": { "kind": "drop", "after_commit": false } }),
        ["lost"] => json!({ "effect": { "kind": "drop", "after_commit": true } }),
        ["twice"] => json!({ "effect": { "kind": "twice", "arriving": "second" } }),
        ["malformed"] => json!({ "effect": { "kind": "malformed" } }),
        ["bloated"] => json!({ "effect": { "kind": "bloated", "bytes": BLOATED_BYTES } }),
        ["without", member] => json!({ "effect": { "kind": "edit", "omit": [member] } }),
        ["rate_limited"] => limited(RETRY_AFTER),
        ["rate_limited", seconds] => limited(seconds),
        [word] => match word.parse::<u16>() {
            Ok(status @ 100..=599) => json!({ "effect": { "kind": "status", "status": status } }),
            Ok(_) | Err(_) if word.contains('_') => {
                json!({ "effect": { "kind": "error", "error": word } })
            }
            Ok(_) | Err(_) => return Err(FaultError::Effect(word.to_owned())),
        },
        _ => return Err(FaultError::Effect(effect.join(" "))),
    };
    match rule {
        Value::Object(rule) => Ok(rule),
        _ => Err(FaultError::Words),
    }
}

fn limited(seconds: &str) -> Value {
    json!({ "effect": { "kind": "rate_limited", "retry_after": seconds } })
}

fn millis(time: &str) -> Result<u64, FaultError> {
    let negative = |_| FaultError::Effect(format!("a wait of {time}"));
    u64::try_from(length(time)?.as_millis()).map_err(negative)
}

/// A rule's effect in the words of the command line, or nearly.
fn told(rule: &Map<String, Value>) -> String {
    let number = |member: &str| rule.get(member).and_then(Value::as_u64).unwrap_or_default();
    let effect = rule.get("effect").unwrap_or(&Value::Null);
    let text = |member: &str| match &effect[member] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let kind = text("kind");
    let mut words = match kind.as_str() {
        "drop" if number("delay_ms") == HANG_MILLIS => return "hang".to_owned(),
        "none" => Vec::new(),
        "drop" if effect["after_commit"] == true => vec!["lost".to_owned()],
        "status" => vec![text("status")],
        "rate_limited" => vec![format!("rate_limited {}", text("retry_after"))],
        "error" => vec![text("error")],
        "edit" => vec![format!("without {}", text("omit"))],
        _ => vec![kind],
    };
    for (member, word) in [("delay_ms", "slow"), ("answer_delay_ms", "late")] {
        if number(member) > 0 {
            words.push(format!("{word} {} ms", number(member)));
        }
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effects_are_told_as_they_were_said() {
        let check = |line: &str, expected: &str| {
            let words: Vec<&str> = line.split(' ').collect();
            let told = rule(&words).map(|mut rule| {
                rule.entry("effect").or_insert(json!({ "kind": "none" }));
                told(&rule)
            });
            assert_eq!(told.unwrap_or_else(|error| error.to_string()), expected, "{line}");
        };
        for line in [
            "invalid_grant",
            "503",
            "rate_limited 7",
            "hang",
            "drop",
            "lost",
            "twice",
            "malformed",
            "bloated",
        ] {
            check(line, line);
        }
        check("slow 5s", "slow 5000 ms");
        check("late 1m", "late 60000 ms");
        check("rate_limited", "rate_limited 30");
        check("without refresh_token", "without [\"refresh_token\"]");
        let no_effect = |what: &str| {
            format!("{what} is no effect that there is; see: strongroom dev fault --help")
        };
        check("slwo", &no_effect("slwo"));
        check("999", &no_effect("999"));
        check("slow", &no_effect("slow"));
        check("drop 5s", &no_effect("drop 5s"));
        check("slow soon", "soon is not a length of time; write +2h, 90m or 1d");
        check("slow -5s", &no_effect("a wait of -5s"));
    }
}
