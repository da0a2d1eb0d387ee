//! One statement on one connection: arguments in, rows out, errors named.

use std::sync::Arc;

use rusqlite::types::{ToSqlOutput, Type, ValueRef};
use rusqlite::{Connection, ErrorCode, Statement, ToSql, ffi};

use super::Outcome;
use crate::db::value::{Arg, Row, Value};
use crate::error::reason;
use crate::{Result, StoreError};

pub(super) fn run(connection: &Connection, sql: &str, args: &[Arg]) -> Result<Outcome> {
    let mut statement = connection.prepare_cached(sql)?;
    bind(&mut statement, args)?;
    let width = statement.column_count();
    if width == 0 {
        let changed = statement.raw_execute()? as u64;
        return Ok(Outcome { rows: Vec::new(), changed });
    }
    let columns: Arc<[String]> = statement.column_names().map(str::to_owned).collect();
    let mut answer = statement.raw_query();
    let mut rows = Vec::new();
    while let Some(row) = answer.next()? {
        let values = (0..width).map(|index| value(index, row.get_ref(index)?));
        rows.push(Row::new(Arc::clone(&columns), values.collect::<rusqlite::Result<_>>()?));
    }
    let changed = rows.len() as u64;
    Ok(Outcome { rows, changed })
}

/// To SQLite `$2` is a name, numbered by its first appearance; to PostgreSQL, and to us, it is the
/// second argument wherever it stands. As on PostgreSQL, every argument must appear.
fn bind(statement: &mut Statement<'_>, args: &[Arg]) -> Result<()> {
    let count = statement.parameter_count();
    if count != args.len() {
        return Err(rusqlite::Error::InvalidParameterCount(args.len(), count).into());
    }
    for index in 1..=count {
        let number: Option<usize> = statement
            .parameter_name(index)
            .and_then(|name| name.strip_prefix('$'))
            .and_then(|number| number.parse().ok());
        let arg = number.and_then(|number| args.get(number.checked_sub(1)?));
        let arg = arg.ok_or(rusqlite::Error::InvalidParameterCount(args.len(), index))?;
        statement.raw_bind_parameter(index, arg)?;
    }
    Ok(())
}

fn value(index: usize, value: ValueRef<'_>) -> rusqlite::Result<Value> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Int(value),
        ValueRef::Real(_) => {
            let name = index.to_string();
            return Err(rusqlite::Error::InvalidColumnType(index, name, Type::Real));
        }
        ValueRef::Text(_) => Value::Text(value.as_str()?.to_owned()),
        ValueRef::Blob(value) => Value::Bytes(value.to_vec()),
    })
}

impl ToSql for Arg {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Int(value) => value.to_sql(),
            Self::Text(value) => value.to_sql(),
            Self::Bytes(value) => value.to_sql(),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let reason = reason(&error);
        match (error.sqlite_error_code(), error.sqlite_extended_error_code()) {
            (
                Some(ErrorCode::ConstraintViolation),
                Some(ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_UNIQUE),
            ) => Self::Duplicate(reason),
            (
                Some(
                    ErrorCode::DatabaseBusy
                    | ErrorCode::DatabaseLocked
                    | ErrorCode::OutOfMemory
                    | ErrorCode::ReadOnly
                    | ErrorCode::SystemIoFailure
                    | ErrorCode::DiskFull
                    | ErrorCode::CannotOpen,
                ),
                _,
            ) => Self::Unavailable(reason),
            _ => Self::Refused(reason),
        }
    }
}
