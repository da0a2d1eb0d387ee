//! JSON bodies, strictly: no member twice, no NUL in a text.
//!
//! RFC 8259 §4 leaves open what a repeated member means. Whoever checked the first and whoever acts
//! on the last would disagree, so there is none.

use std::fmt;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::error::{Code, ManagementError};
use crate::AppState;
use crate::body::content_type;

/// The JSON value of a body.
pub(super) struct JsonBody(pub(super) Value);

impl FromRequest<AppState> for JsonBody {
    type Rejection = ManagementError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Self::Rejection> {
        let kind = content_type(request.headers());
        let body = Bytes::from_request(request, state).await.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                ManagementError::new(Code::BodyTooLarge, "The request body is too large.")
            } else {
                ManagementError::new(Code::InvalidBody, "The request body could not be read.")
            }
        })?;
        if kind.as_deref() != Some("application/json") {
            let message = "The request body must be application/json.";
            return Err(ManagementError::new(Code::UnsupportedMediaType, message));
        }
        parse(&body).map(Self)
    }
}

/// The JSON value of a body that may be left out, which is `null` then.
pub(super) struct OptionalJsonBody(pub(super) Value);

impl FromRequest<AppState> for OptionalJsonBody {
    type Rejection = ManagementError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Self::Rejection> {
        // RFC 9112 §6.3: a request without either of the two has no body.
        let headers = request.headers();
        let length = headers.get(CONTENT_LENGTH).is_some_and(|length| length != "0");
        if !length && !headers.contains_key(TRANSFER_ENCODING) {
            return Ok(Self(Value::Null));
        }
        JsonBody::from_request(request, state).await.map(|JsonBody(value)| Self(value))
    }
}

fn parse(body: &[u8]) -> Result<Value, ManagementError> {
    let StrictValue(value) = serde_json::from_slice(body).map_err(|error| {
        let message = "Invalid request body. It is not JSON, or names a member twice.";
        ManagementError::new(Code::InvalidBody, message).caused_by(&error)
    })?;
    Ok(value)
}

struct StrictValue(Value);

impl<'de> Deserialize<'de> for StrictValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Strict.deserialize(deserializer).map(Self)
    }
}

#[derive(Clone, Copy)]
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        if text.contains('\0') {
            return Err(E::custom("a text contains NUL"));
        }
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(self)? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(self)?;
            if name.contains('\0') {
                return Err(A::Error::custom("a name contains NUL"));
            }
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("a member is there twice"));
            }
        }
        Ok(members.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bodies_are_json_that_can_be_read_in_one_way_only() {
        let check = |text: &str, expected: Option<Value>| {
            assert_eq!(parse(text.as_bytes()).ok(), expected, "{text}");
        };
        check(
            r#"{"a": [1, -2, 0.5, true, null, "x", {"b": {}}]}"#,
            Some(json!({
                "a": [1, -2, 0.5, true, null, "x", {"b": {}}],
            })),
        );
        check(r#"{"a": 1, "a": 1}"#, None);
        check(r#"{"a": {"b": 1, "b": 2}}"#, None);
        check(r#"["\u0000"]"#, None);
        check("{\"a\\u0000\": 1}", None);
        check("", None);
        check("{", None);
        check("{} {}", None);
        // A153: depth.
        check(&"[".repeat(100_000), None);
    }
}
