//! PostgreSQL: a pool of connections, prepared statements kept on each.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, Timeouts,
};
use tokio_postgres::NoTls;
use tokio_postgres::types::{ToSql, Type};

use super::value::{Arg, Row, Value};
use crate::{Result, StoreError};

const POOL_SIZE: usize = 16;
const WAIT: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub(super) struct Postgres(Pool);

pub(super) struct Client(Object);

/// An open transaction. Dropped, it takes its connection with it: the server then undoes it, and
/// nobody else inherits a connection in the middle of something.
pub(super) struct Transaction(Option<Client>);

impl From<PoolError> for StoreError {
    fn from(error: PoolError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

impl Postgres {
    pub(super) async fn connect(url: &str) -> Result<Self> {
        let config: tokio_postgres::Config = url.parse()?;
        let recycling_method = RecyclingMethod::Fast;
        let manager = Manager::from_config(config, NoTls, ManagerConfig { recycling_method });
        let pool = Pool::builder(manager)
            .max_size(POOL_SIZE)
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts { wait: Some(WAIT), create: Some(WAIT), recycle: Some(WAIT) })
            .build()
            .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
        pool.get().await?;
        Ok(Self(pool))
    }

    pub(super) async fn client(&self) -> Result<Client> {
        Ok(Client(self.0.get().await?))
    }

    pub(super) async fn begin(&self) -> Result<Transaction> {
        let client = self.client().await?;
        client.0.batch_execute("BEGIN").await?;
        Ok(Transaction(Some(client)))
    }
}

impl Client {
    pub(super) async fn rows(&self, sql: &str, args: &[Arg]) -> Result<Vec<Row>> {
        let statement = self.0.prepare_cached(sql).await?;
        let columns: Arc<[String]> =
            statement.columns().iter().map(|column| column.name().to_owned()).collect();
        let answer = self.0.query(&statement, &parameters(args)).await?;
        answer.iter().map(|row| read(row, &columns)).collect()
    }

    async fn execute(&self, sql: &str, args: &[Arg]) -> Result<u64> {
        let statement = self.0.prepare_cached(sql).await?;
        Ok(self.0.execute(&statement, &parameters(args)).await?)
    }
}

impl Transaction {
    fn client(&self) -> Result<&Client> {
        self.0.as_ref().ok_or_else(|| StoreError::Unavailable("the transaction has ended".into()))
    }

    pub(super) async fn rows(&self, sql: &str, args: &[Arg]) -> Result<Vec<Row>> {
        self.client()?.rows(sql, args).await
    }

    pub(super) async fn execute(&self, sql: &str, args: &[Arg]) -> Result<u64> {
        self.client()?.execute(sql, args).await
    }

    pub(super) async fn run_script(&self, sql: &str) -> Result<()> {
        Ok(self.client()?.0.batch_execute(sql).await?)
    }

    pub(super) async fn commit(self) -> Result<()> {
        self.end("COMMIT").await
    }

    pub(super) async fn rollback(self) -> Result<()> {
        self.end("ROLLBACK").await
    }

    async fn end(mut self, sql: &str) -> Result<()> {
        self.client()?.0.batch_execute(sql).await?;
        // Only an ended transaction gives its connection back to the pool.
        drop(self.0.take());
        Ok(())
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if let Some(client) = self.0.take() {
            drop(Object::take(client.0));
        }
    }
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
