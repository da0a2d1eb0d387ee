//! `strongroom keys`: rotates the keys of a database, also while servers serve from it.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use connectors::Catalogue;
use engine::app::App;
use engine::clock::SystemClock;
use engine::entropy::OsEntropy;
use engine::key_rotation::{
    self, KNOWN_TO_ALL, KekStatus, PUBLISHED_BEFORE, PurposeStatus, Resealed, Retirement,
    SigningRotation, Unopened, Verification,
};
use engine::outbound::Reach;
use serde::Serialize;
use tempfile::TempDir;

use crate::failure::Failure;
use crate::serve::StorageOptions;
use crate::wiring;

/// What can be done with the keys.
#[derive(Subcommand)]
pub(crate) enum KeysCommand {
    /// Say which key-encryption keys are in use, and what older tenant keys still seal
    Status(ReportOptions),
    /// Wrap every tenant key under the first --kek-file; the others open what they wrapped
    Rotate(RotateOptions),
    /// Open every record; exit code 1 if one does not open
    Verify(ReportOptions),
    /// Forget a key-encryption key that wraps nothing any more
    Retire(RetireOptions),
}

/// What `status` and `verify` take.
#[derive(Args)]
pub(crate) struct ReportOptions {
    #[command(flatten)]
    storage: StorageOptions,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What `rotate` takes.
#[derive(Args)]
pub(crate) struct RotateOptions {
    #[command(flatten)]
    storage: StorageOptions,
    /// Give every tenant new keys as well, and seal every record anew
    #[arg(long)]
    data_keys: bool,
    /// Let every tenant sign with its next signing key as well, and publish another next one
    #[arg(long)]
    signing: bool,
}

/// What `retire` takes.
#[derive(Args)]
pub(crate) struct RetireOptions {
    #[command(flatten)]
    storage: StorageOptions,
    /// The id of the key, as `status` shows it
    #[arg(value_name = "KEK-ID")]
    kek_id: String,
}

/// Runs the command.
pub(crate) async fn run(command: KeysCommand) -> Result<ExitCode, Failure> {
    match command {
        KeysCommand::Status(options) => status(options).await,
        KeysCommand::Rotate(options) => rotate(options).await,
        KeysCommand::Verify(options) => verify(options).await,
        KeysCommand::Retire(options) => retire(options).await,
    }
}

/// The application beside those that serve. Its journal is its own and empty: that of a server holds
/// the server's name, and what only the server may bring into the database.
async fn open(storage: &StorageOptions) -> Result<Keyroom, Failure> {
    let (database, keks) = storage.open_populated().await?;
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy));
    let journal = tempfile::tempdir()
        .map_err(|source| Failure::Journal { folder: std::env::temp_dir(), source })?;
    let (reach, catalogue) = (Reach::Public, Catalogue::embedded()?);
    let app = wiring::app(database, keks, clock, entropy, reach, journal.path(), catalogue).await?;
    Ok(Keyroom { app, _journal: journal })
}

/// The application, and a folder that goes with it.
struct Keyroom {
    app: Arc<App>,
    _journal: TempDir,
}

async fn status(options: ReportOptions) -> Result<ExitCode, Failure> {
    let room = open(&options.storage).await?;
    let status = key_rotation::status(&room.app).await?;
    if options.json {
        return print_json(&status);
    }
    for KekStatus { id, active, wraps } in &status.keks {
        let note = if *active { " (active)" } else { "" };
        say(&format!("{id}{note} wraps {wraps} tenant keys"))?;
    }
    for PurposeStatus { purpose, tenant_keys, older_records } in &status.purposes {
        let older = older_records
            .map(|count| format!(", {count} records name an older one"))
            .unwrap_or_default();
        say(&format!("{purpose}: {tenant_keys} tenant keys{older}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn rotate(options: RotateOptions) -> Result<ExitCode, Failure> {
    let room = open(&options.storage).await?;
    let wrapped = key_rotation::rewrap(&room.app).await?;
    say(&format!("{wrapped} tenant keys were wrapped anew"))?;
    let mut is_complete = true;
    if options.data_keys {
        is_complete &= rotate_data_keys(&room.app).await?;
    }
    if options.signing {
        is_complete &= rotate_signing(&room.app).await?;
    }
    Ok(if is_complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Answers whether every record could be sealed anew.
async fn rotate_data_keys(app: &App) -> Result<bool, Failure> {
    let added = key_rotation::add_tenant_keys(app, app.now()).await?;
    say(&format!("{added} tenant keys were added"))?;
    // Every server has to know the new keys before the first record is sealed with one.
    tokio::time::sleep(KNOWN_TO_ALL + KNOWN_TO_ALL / 3).await;
    let bar = io::stderr().is_terminal();
    let Resealed { sealed, failures } = key_rotation::reseal(app, |count, total| {
        if bar {
            draw(count, total);
        }
    })
    .await?;
    if bar {
        // If standard error is gone, there is nobody left to draw for.
        let _drawn = writeln!(io::stderr());
    }
    for unopened in &failures {
        say_unopened(unopened)?;
    }
    say(&format!("{sealed} records were sealed anew"))?;
    Ok(failures.is_empty())
}

/// Answers whether every tenant signs with another key now.
async fn rotate_signing(app: &App) -> Result<bool, Failure> {
    let SigningRotation { rotated, too_early } =
        key_rotation::rotate_signing(app, app.now()).await?;
    for tenant in &too_early {
        say(&format!(
            "{tenant} signs with the same key: the next was published less than {} s ago",
            PUBLISHED_BEFORE.as_secs()
        ))?;
    }
    say(&format!("{} tenants sign with their next key", rotated.len()))?;
    Ok(too_early.is_empty())
}

/// Draws how far it is, over what was drawn before.
fn draw(count: usize, total: usize) {
    const WIDTH: usize = 30;
    let filled = (count * WIDTH).checked_div(total).unwrap_or(WIDTH).min(WIDTH);
    let (full, empty) = ("#".repeat(filled), "-".repeat(WIDTH - filled));
    let _drawn = write!(io::stderr(), "\r[{full}{empty}] {count}/{total} records");
}

async fn verify(options: ReportOptions) -> Result<ExitCode, Failure> {
    let room = open(&options.storage).await?;
    let found = key_rotation::verify(&room.app).await?;
    if options.json {
        print_json(&found)?;
    } else {
        let Verification { opened, failures } = &found;
        for unopened in failures {
            say_unopened(unopened)?;
        }
        say(&format!("{opened} records open, {} do not", failures.len()))?;
    }
    Ok(if found.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn retire(options: RetireOptions) -> Result<ExitCode, Failure> {
    let room = open(&options.storage).await?;
    let id = &options.kek_id;
    let (code, sentence) = match key_rotation::retire(&room.app, id).await? {
        Retirement::Retired => (
            ExitCode::SUCCESS,
            format!("The key {id} is forgotten; backups of before may still need it."),
        ),
        Retirement::InUse(count) => (
            ExitCode::FAILURE,
            format!("The key {id} wraps {count} tenant keys: run `strongroom keys rotate` first."),
        ),
        Retirement::Active => (
            ExitCode::FAILURE,
            format!("The key {id} is the one that wraps: pass its successor first."),
        ),
        Retirement::Unknown => {
            (ExitCode::FAILURE, format!("The database knows no key-encryption key {id}."))
        }
    };
    say(&sentence)?;
    Ok(code)
}

fn say_unopened(unopened: &Unopened) -> Result<(), Failure> {
    let Unopened { tenant, table, row, reason } = unopened;
    say(&format!("{tenant} {table} {row}: {reason}"))
}

fn say(line: &str) -> Result<(), Failure> {
    writeln!(io::stdout(), "{line}").map_err(Failure::Output)
}

fn print_json(document: &impl Serialize) -> Result<ExitCode, Failure> {
    let text = serde_json::to_string(document)
        .map_err(|error| Failure::Output(io::Error::other(error)))?;
    say(&text)?;
    Ok(ExitCode::SUCCESS)
}
