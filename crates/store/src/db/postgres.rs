//! PostgreSQL: a pool of connections, prepared statements kept on each.

mod presence;

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError,
    RecyclingMethod,
};
use tokio::runtime::Handle;
use tokio_postgres::config::Host;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Config, NoTls};

use self::presence::Presence;
use super::value::{Arg, Row, Value};
use crate::error::reason;
use crate::{Result, StoreError};

const POOL_SIZE: usize = 16;
/// For how long the first connection is waited for.
const OPEN_WAIT: Duration = Duration::from_secs(5);
/// A connection on which the network acknowledges nothing is given up after this.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(10);
/// A server that is there gives up a statement before [`presence`] doubts that it is. The locks of a
/// node that lost its power are nobody's after ten seconds.
const SESSION_LIMITS: &str = "SET statement_timeout = '1500ms'; SET lock_timeout = '1s'; \
    SET idle_in_transaction_session_timeout = '10s'";
/// Whatever the server's default is: a statement that lost a race must see who won it.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// Asks for the time, in milliseconds.
pub(super) const CLOCK: &str =
    "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT AS now";

#[derive(Clone)]
pub(super) struct Postgres {
    pool: Pool,
    presence: Presence,
}

/// An open transaction. Dropped, it is undone.
pub(super) struct Transaction {
    connection: Option<Engaged>,
    presence: Presence,
    is_unlimited: bool,
}

/// A connection in the middle of a transaction. Dropped, it is closed, and the server undoes what it
/// has not committed: nobody inherits a connection in the middle of something.
struct Engaged(Option<Object>);

impl Postgres {
    /// Makes a pool and one connection, so that a wrong URL shows now.
    pub(super) async fn connect(url: &str) -> Result<Self> {
        let mut config = parse(url)?;
        config.tcp_user_timeout(UNACKNOWLEDGED_MAX);
        let place = place(&config);
        let pool = pool(config.clone())?;
        let refused = |reason| Err(StoreError::Open { place, reason });
        match tokio::time::timeout(OPEN_WAIT, pool.get()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return refused(pool_reason(&error)),
            Err(elapsed) => return refused(reason(&elapsed)),
        }
        let presence = Presence::new(config, pool.clone());
        Ok(Self { pool, presence })
    }

    /// Runs a statement outside any transaction, on whatever connection is free. None is kept
    /// between two statements: a caller that holds one and waits for another could wait for ever.
    pub(super) async fn read(&self, sql: &str, args: &[Arg]) -> Result<Vec<Row>> {
        let connection = self.connection().await?;
        let answer = self.presence.in_time(rows(&connection, sql, args)).await;
        if matches!(answer, Err(StoreError::Unavailable(_))) {
            drop(Object::take(connection));
        }
        answer
    }

    pub(super) async fn begin(&self) -> Result<Transaction> {
        let connection = Some(Engaged(Some(self.connection().await?)));
        let presence = self.presence.clone();
        let transaction = Transaction { connection, presence, is_unlimited: false };
        transaction.batch(BEGIN).await?;
        Ok(transaction)
    }

    async fn connection(&self) -> Result<Object> {
        self.presence.in_time(async { Ok(self.pool.get().await?) }).await
    }
}

/// Runs a statement that no transaction can hold, on a connection of its own, for as long as it takes.
pub(super) async fn run_alone(url: &str, sql: &str) -> Result<()> {
    let (client, connection) = parse(url)?.connect(NoTls).await?;
    tokio::select! {
        done = client.batch_execute(sql) => Ok(done?),
        ended = connection => {
            ended?;
            Err(StoreError::Unavailable("the server closed the connection".to_owned()))
        }
    }
}

impl Transaction {
    pub(super) async fn rows(&self, sql: &str, args: &[Arg]) -> Result<Vec<Row>> {
        self.within_limits(rows(self.connection()?, sql, args)).await
    }

    pub(super) async fn execute(&self, sql: &str, args: &[Arg]) -> Result<u64> {
        let connection = self.connection()?;
        let answer = async {
            let statement = connection.prepare_cached(sql).await?;
            Ok(connection.execute(&statement, &parameters(args)).await?)
        };
        self.within_limits(answer).await
    }

    pub(super) async fn run_script(&self, sql: &str) -> Result<()> {
        self.batch(sql).await
    }

    /// From now on statements may take, and wait for others, as long as they need.
    pub(super) async fn lift_limits(&mut self) -> Result<()> {
        self.is_unlimited = true;
        self.batch("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0").await
    }

    pub(super) async fn commit(self) -> Result<()> {
        self.end("COMMIT").await
    }

    pub(super) async fn rollback(self) -> Result<()> {
        self.end("ROLLBACK").await
    }

    async fn end(mut self, sql: &str) -> Result<()> {
        self.batch(sql).await?;
        if let Some(connection) = self.connection.take() {
            connection.release();
        }
        Ok(())
    }

    async fn batch(&self, sql: &str) -> Result<()> {
        let connection = self.connection()?;
        self.within_limits(async { Ok(connection.batch_execute(sql).await?) }).await
    }

    async fn within_limits<T>(&self, answer: impl Future<Output = Result<T>>) -> Result<T> {
        if self.is_unlimited { answer.await } else { self.presence.in_time(answer).await }
    }

    fn connection(&self) -> Result<&Object> {
        let connection = self.connection.as_ref().and_then(|engaged| engaged.0.as_ref());
        connection.ok_or(StoreError::TransactionFailed)
    }
}

impl Drop for Transaction {
    /// Undoes it behind the back of whoever gave it up, so that refusing a request costs no
    /// connection.
    fn drop(&mut self) {
        if let (Some(connection), Ok(runtime)) = (self.connection.take(), Handle::try_current()) {
            runtime.spawn(connection.roll_back(self.presence.clone()));
        }
    }
}

impl Engaged {
    /// Gives the connection back to the pool.
    fn release(mut self) {
        drop(self.0.take());
    }

    async fn roll_back(self, presence: Presence) {
        let Some(connection) = self.0.as_ref() else { return };
        let undone = async { Ok(connection.batch_execute("ROLLBACK").await?) };
        if presence.in_time(undone).await.is_ok() {
            self.release();
        }
    }
}

impl Drop for Engaged {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Object::take(connection));
        }
    }
}

fn parse(url: &str) -> Result<Config> {
    url.parse().map_err(|error| StoreError::Open {
        place: "at the URL".to_owned(),
        reason: reason(&error as &tokio_postgres::Error),
    })
}

fn pool(config: Config) -> Result<Pool> {
    let recycling_method = RecyclingMethod::Fast;
    let manager = Manager::from_config(config, NoTls, ManagerConfig { recycling_method });
    let limit_session = Hook::async_fn(|connection: &mut ClientWrapper, _| {
        let limited = connection.batch_execute(SESSION_LIMITS);
        Box::pin(async move { limited.await.map_err(HookError::Backend) })
    });
    Pool::builder(manager)
        .max_size(POOL_SIZE)
        .post_create(limit_session)
        .build()
        .map_err(|error| StoreError::unavailable(&error))
}

/// The server and the database of a URL, without user and password.
fn place(config: &Config) -> String {
    let hosts = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(folder) => folder.display().to_string(),
    });
    let hosts = hosts.collect::<Vec<_>>().join(",");
    let ports = config.get_ports().iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    format!("{} at {hosts}:{ports}", config.get_dbname().unwrap_or_default())
}

async fn rows(connection: &Object, sql: &str, args: &[Arg]) -> Result<Vec<Row>> {
    let statement = connection.prepare_cached(sql).await?;
    let rows = connection.query(&statement, &parameters(args)).await?;
    let names = statement.columns().iter().map(|column| column.name().to_owned());
    let columns: Arc<[String]> = names.collect();
    rows.iter().map(|row| read(row, &columns)).collect()
}

fn parameters(args: &[Arg]) -> Vec<&(dyn ToSql + Sync)> {
    args.iter()
        .map(|arg| -> &(dyn ToSql + Sync) {
            match arg {
                Arg::Int(value) => value,
                Arg::Text(value) => value,
                Arg::Bytes(value) => value,
            }
        })
        .collect()
}

fn read(row: &tokio_postgres::Row, columns: &Arc<[String]>) -> Result<Row> {
    let values = row.columns().iter().enumerate().map(|(index, column)| {
        Ok(match *column.type_() {
            Type::INT8 => row.try_get::<_, Option<i64>>(index)?.map_or(Value::Null, Value::Int),
            Type::BYTEA => {
                row.try_get::<_, Option<Vec<u8>>>(index)?.map_or(Value::Null, Value::Bytes)
            }
            _ => row.try_get::<_, Option<String>>(index)?.map_or(Value::Null, Value::Text),
        })
    });
    Ok(Row::new(Arc::clone(columns), values.collect::<Result<_>>()?))
}

impl From<PoolError> for StoreError {
    fn from(error: PoolError) -> Self {
        Self::Unavailable(pool_reason(&error))
    }
}

/// Why there is no connection; what the server said, without what the pool says around it.
fn pool_reason(error: &PoolError) -> String {
    match error {
        PoolError::Backend(error) => reason(error),
        PoolError::Timeout(_)
        | PoolError::Closed
        | PoolError::NoRuntimeSpecified
        | PoolError::PostCreateHook(_) => reason(error),
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(refusal) = error.as_db_error() {
            // Not the detail: it quotes values.
            let reason = format!("{} (SQLSTATE {})", refusal.message(), refusal.code().code());
            return match refusal.code() {
                code if *code == SqlState::UNIQUE_VIOLATION => Self::Duplicate(reason),
                code if asks_to_try_again(code) => Self::Unavailable(reason),
                _ => Self::Refused(reason),
            };
        }
        let lost = error.is_closed() || error.source().is_some_and(<dyn Error>::is::<io::Error>);
        if lost { Self::unavailable(&error) } else { Self::Refused(reason(&error)) }
    }
}

/// Classes of SQLSTATE (PostgreSQL, appendix A): connection, transaction rolled back for another's
/// sake, lack of resources, not now, operator intervention.
fn asks_to_try_again(code: &SqlState) -> bool {
    ["08", "40", "53", "55", "57"].iter().any(|class| code.code().starts_with(class))
}
