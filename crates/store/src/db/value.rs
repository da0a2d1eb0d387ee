//! What goes into a statement and what comes out, the same for both engines.

use std::sync::Arc;

use protocol::time::Timestamp;
use serde::de::DeserializeOwned;

use crate::{Result, StoreError};

/// An argument of a statement. A NULL keeps its type, because PostgreSQL takes a NULL text for no
/// integer.
#[derive(Clone, Debug)]
pub enum Arg {
    /// An integer, a boolean or a time.
    Int(Option<i64>),
    /// A text or a document.
    Text(Option<String>),
    /// Bytes.
    Bytes(Option<Vec<u8>>),
}

impl Arg {
    pub(super) fn has_nul(&self) -> bool {
        matches!(self, Self::Text(Some(text)) if text.contains('\0'))
    }
}

impl From<i64> for Arg {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<bool> for Arg {
    fn from(value: bool) -> Self {
        Self::Int(Some(i64::from(value)))
    }
}

impl From<Timestamp> for Arg {
    fn from(value: Timestamp) -> Self {
        Self::Int(Some(value.as_millis()))
    }
}

impl From<Option<Timestamp>> for Arg {
    fn from(value: Option<Timestamp>) -> Self {
        Self::Int(value.map(Timestamp::as_millis))
    }
}

impl From<&str> for Arg {
    fn from(value: &str) -> Self {
        Self::Text(Some(value.to_owned()))
    }
}

impl From<String> for Arg {
    fn from(value: String) -> Self {
        Self::Text(Some(value))
    }
}

impl From<Option<&str>> for Arg {
    fn from(value: Option<&str>) -> Self {
        Self::Text(value.map(str::to_owned))
    }
}

impl From<Option<String>> for Arg {
    fn from(value: Option<String>) -> Self {
        Self::Text(value)
    }
}

impl<K> From<&model::ids::Id<K>> for Arg {
    fn from(value: &model::ids::Id<K>) -> Self {
        value.as_str().into()
    }
}

impl From<&[u8]> for Arg {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(Some(value.to_vec()))
    }
}

impl From<Option<&[u8]>> for Arg {
    fn from(value: Option<&[u8]>) -> Self {
        Self::Bytes(value.map(<[u8]>::to_vec))
    }
}

impl From<&vault::seal::Sealed> for Arg {
    fn from(value: &vault::seal::Sealed) -> Self {
        value.as_bytes().into()
    }
}

impl<K> From<&protocol::secret::Hashed<K>> for Arg {
    fn from(value: &protocol::secret::Hashed<K>) -> Self {
        value.as_bytes().as_slice().into()
    }
}

/// A value of a row.
#[derive(Clone, Debug)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// An integer.
    Int(i64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// A row of an answer.
#[derive(Clone, Debug)]
pub struct Row {
    columns: Arc<[String]>,
    values: Vec<Value>,
}

impl Row {
    /// Takes the values in the order of the columns.
    pub(super) fn new(columns: Arc<[String]>, values: Vec<Value>) -> Self {
        Self { columns, values }
    }

    fn value(&self, column: &'static str) -> Result<&Value> {
        let position = self.columns.iter().position(|name| name == column);
        position
            .and_then(|position| self.values.get(position))
            .ok_or(StoreError::Inconsistent { column, reason: "the answer has no such column" })
    }

    /// An integer.
    pub fn int(&self, column: &'static str) -> Result<i64> {
        self.opt_int(column)?.ok_or(StoreError::Inconsistent { column, reason: "NULL" })
    }

    /// An integer or NULL.
    pub fn opt_int(&self, column: &'static str) -> Result<Option<i64>> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Int(value) => Ok(Some(*value)),
            Value::Text(_) | Value::Bytes(_) => {
                Err(StoreError::Inconsistent { column, reason: "not an integer" })
            }
        }
    }

    /// A boolean, stored as 0 or 1.
    pub fn bool(&self, column: &'static str) -> Result<bool> {
        Ok(self.int(column)? != 0)
    }

    /// A time.
    pub fn time(&self, column: &'static str) -> Result<Timestamp> {
        self.int(column).map(Timestamp::from_millis)
    }

    /// A time or NULL.
    pub fn opt_time(&self, column: &'static str) -> Result<Option<Timestamp>> {
        Ok(self.opt_int(column)?.map(Timestamp::from_millis))
    }

    /// A text.
    pub fn text(&self, column: &'static str) -> Result<&str> {
        self.opt_text(column)?.ok_or(StoreError::Inconsistent { column, reason: "NULL" })
    }

    /// A text or NULL.
    pub fn opt_text(&self, column: &'static str) -> Result<Option<&str>> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Text(value) => Ok(Some(value)),
            Value::Int(_) | Value::Bytes(_) => {
                Err(StoreError::Inconsistent { column, reason: "not a text" })
            }
        }
    }

    /// An identifier.
    pub fn id<K>(&self, column: &'static str) -> Result<model::ids::Id<K>> {
        self.text(column).map(model::ids::Id::new)
    }

    /// Bytes.
    pub fn bytes(&self, column: &'static str) -> Result<&[u8]> {
        self.opt_bytes(column)?.ok_or(StoreError::Inconsistent { column, reason: "NULL" })
    }

    /// Bytes or NULL.
    pub fn opt_bytes(&self, column: &'static str) -> Result<Option<&[u8]>> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Bytes(value) => Ok(Some(value)),
            Value::Int(_) | Value::Text(_) => {
                Err(StoreError::Inconsistent { column, reason: "not bytes" })
            }
        }
    }

    /// Bytes of a fixed length.
    pub fn array<const N: usize>(&self, column: &'static str) -> Result<[u8; N]> {
        let reason = "of the wrong length";
        self.bytes(column)?.try_into().or(Err(StoreError::Inconsistent { column, reason }))
    }

    /// A sealed record.
    pub fn sealed(&self, column: &'static str) -> Result<vault::seal::Sealed> {
        Ok(vault::seal::Sealed::from_bytes(self.bytes(column)?.to_vec()))
    }

    /// A JSON document.
    pub fn document<T: DeserializeOwned>(&self, column: &'static str) -> Result<T> {
        Ok(serde_json::from_str(self.text(column)?)?)
    }
}
