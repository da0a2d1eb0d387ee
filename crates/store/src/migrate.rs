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

const MIGRATIONS: [Migration; 1] = [Migration {
    name: "0001_init",
    sqlite: include_str!("../migrations/sqlite/0001_init.sql"),
    postgres: include_str!("../migrations/postgres/0001_init.sql"),
}];

const LEDGER: &str = "CREATE TABLE IF NOT EXISTS migrations \
    (name TEXT NOT NULL PRIMARY KEY, applied_at BIGINT NOT NULL)";

/// Applies what is missing, all of it or nothing. Several nodes may start at once: one applies, the
/// others find it applied.
///
/// # Errors
/// [`StoreError::Schema`] if the database knows a migration that this binary does not.
pub async fn migrate(database: &Database, now: Timestamp) -> Result<()> {
    let mut tx = database.write().await?;
    tx.run_script(LEDGER).await?;
    lock(&mut tx, database.kind()).await?;
    let applied = applied(&mut tx).await?;
    if let Some(unknown) = applied.iter().find(|name| !is_known(name)) {
        return Err(StoreError::Schema(format!("it has {unknown}, which this version lacks")));
    }
    for migration in &MIGRATIONS {
        if applied.iter().any(|name| name == migration.name) {
            continue;
        }
        let script = match database.kind() {
            EngineKind::Sqlite => migration.sqlite,
            EngineKind::Postgres => migration.postgres,
        };
        tx.run_script(script).await?;
        let sql = "INSERT INTO migrations (name, applied_at) VALUES ($1, $2)";
        tx.execute(sql, vec![migration.name.into(), now.into()]).await?;
    }
    tx.commit().await
}

/// SQLite's writer is alone already.
async fn lock(tx: &mut WriteTx, kind: EngineKind) -> Result<()> {
    match kind {
        EngineKind::Sqlite => Ok(()),
        EngineKind::Postgres => tx.run_script("LOCK TABLE migrations IN EXCLUSIVE MODE").await,
    }
}

async fn applied(tx: &mut WriteTx) -> Result<Vec<String>> {
    let rows = tx.rows("SELECT name FROM migrations ORDER BY name", vec![]).await?;
    rows.iter().map(|row| row.text("name").map(str::to_owned)).collect()
}

fn is_known(name: &str) -> bool {
    MIGRATIONS.iter().any(|migration| migration.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_engines_get_the_same_tables() {
        let plain = |sql: &str| {
            sql.replace(" BIGINT", " INTEGER")
                .replace(" BYTEA", " BLOB")
                .replace(") STRICT, WITHOUT ROWID;", ");")
        };
        for migration in &MIGRATIONS {
            assert_eq!(plain(migration.sqlite), plain(migration.postgres), "{}", migration.name);
        }
    }
}
