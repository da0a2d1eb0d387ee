//! JSON bodies, checked member by member: every problem is reported, and an unknown member is one.

use std::ops::RangeInclusive;

use axum::http::HeaderMap;
use serde_json::{Map, Value};

use super::error::{AccountError, Kind, Problem};
use crate::body::content_type;

/// A JSON object that is being read.
#[derive(Debug)]
pub(super) struct Payload {
    members: Map<String, Value>,
    problems: Vec<Problem>,
}

impl Payload {
    /// Reads the body.
    pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, AccountError> {
        if content_type(headers).as_deref() != Some("application/json") {
            let detail = "The body must be application/json.";
            return Err(AccountError::new(Kind::UnsupportedMediaType, detail));
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => Ok(Self { members, problems: Vec::new() }),
            Ok(_) | Err(_) => {
                let problem =
                    Problem { detail: "data must be object".to_owned(), pointer: String::new() };
                Err(AccountError::invalid_payload(vec![problem]))
            }
        }
    }

    /// Whether there is a member, right or wrong.
    pub(super) fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// A text that must be there.
    pub(super) fn required_text(
        &mut self,
        name: &str,
        length: RangeInclusive<usize>,
    ) -> Option<String> {
        if !self.has(name) {
            return self.problem("", &format!("must have required property '{name}'"));
        }
        self.text(name, length)
    }

    /// A text.
    pub(super) fn text(&mut self, name: &str, length: RangeInclusive<usize>) -> Option<String> {
        match self.members.remove(name)? {
            Value::String(text) if text.contains('\0') => {
                self.problem(&format!("/{name}"), "must not contain NUL")
            }
            Value::String(text) if length.contains(&text.chars().count()) => Some(text),
            Value::String(_) => {
                let (least, most) = (length.start(), length.end());
                self.problem(
                    &format!("/{name}"),
                    &format!("must have {least} to {most} characters"),
                )
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => self.problem(&format!("/{name}"), "must be string"),
        }
    }

    /// A list of texts.
    pub(super) fn texts(
        &mut self,
        name: &str,
        count: RangeInclusive<usize>,
        length: RangeInclusive<usize>,
    ) -> Option<Vec<String>> {
        let value = self.members.remove(name)?;
        let texts: Option<Vec<String>> = value
            .as_array()
            .and_then(|items| items.iter().map(|item| item.as_str().map(str::to_owned)).collect());
        match texts {
            Some(texts)
                if count.contains(&texts.len())
                    && texts.iter().all(|text| length.contains(&text.chars().count())) =>
            {
                Some(texts)
            }
            Some(_) | None => {
                let (least, most) = (count.start(), count.end());
                let why = format!("must be an array of {least} to {most} strings");
                self.problem(&format!("/{name}"), &why)
            }
        }
    }

    /// An object.
    pub(super) fn object(&mut self, name: &str) -> Option<Map<String, Value>> {
        match self.members.remove(name)? {
            Value::Object(members) => Some(members),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => self.problem(&format!("/{name}"), "must be object"),
        }
    }

    /// Notes a problem; answers nothing, in the place of what is wrong.
    pub(super) fn problem<T>(&mut self, pointer: &str, why: &str) -> Option<T> {
        let detail = format!("data{pointer} {why}");
        self.problems.push(Problem { detail, pointer: pointer.to_owned() });
        None
    }

    /// Ends the reading: with what is required, if there was no problem and no member is left.
    pub(super) fn finish<A, B>(
        mut self,
        required: (Option<A>, Option<B>),
    ) -> Result<(A, B), AccountError> {
        let unknown: Vec<String> = self.members.keys().cloned().collect();
        for name in unknown {
            self.problem::<()>("", &format!("must NOT have additional property '{name}'"));
        }
        match required {
            (Some(a), Some(b)) if self.problems.is_empty() => Ok((a, b)),
            _ => Err(AccountError::invalid_payload(self.problems)),
        }
    }
}
