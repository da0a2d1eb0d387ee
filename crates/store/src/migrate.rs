//! Brings a database to the schema of this binary. Forward only: a migration that was applied is
//! never changed, and what a neighbouring version needs is never taken away in one step.

use protocol::time::Timestamp;

use crate::db::{Database, EngineKind, Query, WriteTx};
use crate::{Result, StoreError};

struct Migration {
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

const MIGRATIONS: [Migration; 8] = [
    Migration {
        name: "0001_init",
        sqlite: include_str!("../migrations/sqlite/0001_init.sql"),
        postgres: include_str!("../migrations/postgres/0001_init.sql"),
    },
    Migration {
        name: "0002_refresh",
        sqlite: include_str!("../migrations/sqlite/0002_refresh.sql"),
        postgres: include_str!("../migrations/postgres/0002_refresh.sql"),
    },
    Migration {
        name: "0003_events",
        sqlite: include_str!("../migrations/sqlite/0003_events.sql"),
        postgres: include_str!("../migrations/postgres/0003_events.sql"),
    },
    Migration {
        name: "0004_labels",
        sqlite: include_str!("../migrations/sqlite/0004_labels.sql"),
        postgres: include_str!("../migrations/postgres/0004_labels.sql"),
    },
    Migration {
        name: "0005_connections",
        sqlite: include_str!("../migrations/sqlite/0005_connections.sql"),
        postgres: include_str!("../migrations/postgres/0005_connections.sql"),
    },
    Migration {
        name: "0006_client_keys",
        sqlite: include_str!("../migrations/sqlite/0006_client_keys.sql"),
        postgres: include_str!("../migrations/postgres/0006_client_keys.sql"),
    },
    Migration {
        name: "0007_pushed_requests",
        sqlite: include_str!("../migrations/sqlite/0007_pushed_requests.sql"),
        postgres: include_str!("../migrations/postgres/0007_pushed_requests.sql"),
    },
    Migration {
        name: "0008_previous_secrets",
        sqlite: include_str!("../migrations/sqlite/0008_previous_secrets.sql"),
        postgres: include_str!("../migrations/postgres/0008_previous_secrets.sql"),
    },
];

/// Describes to SQLite's planner whatever tables there are.
const SQLITE_PLANNER: &str = include_str!("../migrations/sqlite/planner.sql");

const LEDGER: &str = "CREATE TABLE IF NOT EXISTS migrations \
    (name TEXT NOT NULL PRIMARY KEY, applied_at BIGINT NOT NULL)";

/// Applies what is missing, all of it or nothing. Several nodes may start at once: one applies, the
/// others wait for it and find it applied.
///
/// # Errors
/// [`StoreError::Schema`] if the database knows a migration that this binary does not.
pub async fn migrate(database: &Database, now: Timestamp) -> Result<()> {
    make_ledger(database).await?;
    let mut tx = database.write().await?;
    tx.lift_limits().await?;
    refuse_unknown(&mut tx).await?;
    for migration in &MIGRATIONS {
        if claim(&mut tx, migration, now).await? {
            match database.kind() {
                EngineKind::Postgres => tx.run_script(migration.postgres).await?,
                EngineKind::Sqlite => {
                    tx.run_script(migration.sqlite).await?;
                    tx.run_script(SQLITE_PLANNER).await?;
                }
            }
        }
    }
    tx.commit().await
}

/// On PostgreSQL two nodes that make a table at the same time both find that it does not exist. The
/// slower one is then refused by one rule of the catalogue or another, by which time the table is
/// there.
async fn make_ledger(database: &Database) -> Result<()> {
    let mut tx = database.write().await?;
    let Err(error) = tx.run_script(LEDGER).await else { return tx.commit().await };
    let mut read = database.read().await?;
    match read.rows("SELECT name FROM migrations LIMIT 1", vec![]).await {
        Ok(_) => Ok(()),
        Err(_) => Err(error),
    }
}

async fn refuse_unknown(tx: &mut WriteTx) -> Result<()> {
    for row in tx.rows("SELECT name FROM migrations ORDER BY name", vec![]).await? {
        let name = row.text("name")?;
        if !MIGRATIONS.iter().any(|migration| migration.name == name) {
            return Err(StoreError::Schema(format!("it has {name}, which this version lacks")));
        }
    }
    Ok(())
}

/// Whether this transaction is the one that applies a migration. Another that claims the same one
/// waits here until this one is over.
async fn claim(tx: &mut WriteTx, migration: &Migration, now: Timestamp) -> Result<bool> {
    let sql = "INSERT INTO migrations (name, applied_at) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    Ok(tx.execute(sql, vec![migration.name.into(), now.into()]).await? == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_engines_get_the_same_tables() {
        let plain = |sql: &str| {
            sql.replace(" TEXT COLLATE \"C\"", " TEXT")
                .replace(" BIGINT", " INTEGER")
                .replace(" BYTEA", " BLOB")
                .replace(") STRICT, WITHOUT ROWID;", ");")
                .replace(") STRICT;", ");")
        };
        for migration in &MIGRATIONS {
            assert_eq!(plain(migration.sqlite), plain(migration.postgres), "{}", migration.name);
        }
    }
}
