//! `strongroom keys`: rotates the keys of a database, also while servers serve from it.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use engine::app::App;
use engine::clock::SystemClock;
use engine::entropy::OsEntropy;
use engine::key_rotation::{self, KNOWN_TO_ALL, Verification};
use engine::outbound::Reach;
use serde::Serialize;

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

async fn open(storage: &StorageOptions) -> Result<Arc<App>, Failure> {
    let (database, keks) = storage.open_populated().await?;
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy));
    wiring::app(database, keks, clock, entropy, Reach::Public, &storage.journal()).await
}

async fn status(options: ReportOptions) -> Result<ExitCode, Failure> {
    let app = open(&options.storage).await?;
    let status = key_rotation::status(&app, app.now()).await?;
    if options.json {
        return print_json(&status);
    }
    let mut out = io::stdout().lock();
    let mut print = |line: String| writeln!(out, "{line}").map_err(Failure::Output);
    for (kek_id, wrapped) in &status.wrapped {
        let note = if *kek_id == status.active { " (active)" } else { "" };
        print(format!("{kek_id}{note} wraps {wrapped} tenant keys"))?;
    }
    print(format!("{} tokensets are sealed with an older tenant key", status.older_tokensets))?;
    Ok(ExitCode::SUCCESS)
}

async fn rotate(options: RotateOptions) -> Result<ExitCode, Failure> {
    let app = open(&options.storage).await?;
    let wrapped = key_rotation::rewrap(&app).await?;
    say(&format!("{wrapped} tenant keys were wrapped anew"))?;
    if options.data_keys {
        key_rotation::add_tenant_keys(&app, app.now()).await?;
        // Every server has to know the new keys before the first record is sealed with one.
        tokio::time::sleep(KNOWN_TO_ALL + KNOWN_TO_ALL / 3).await;
        let bar = io::stderr().is_terminal();
        let sealed = key_rotation::reseal(&app, app.now(), |count| {
            if bar {
                let _ = write!(io::stderr(), "\r{count} records were sealed anew");
            }
        })
        .await
        .map_err(Failure::Reseal)?;
        say(&format!("{}{sealed} records were sealed anew", if bar { "\r" } else { "" }))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn verify(options: ReportOptions) -> Result<ExitCode, Failure> {
    let app = open(&options.storage).await?;
    let found = key_rotation::verify(&app, app.now()).await?;
    if options.json {
        print_json(&found)?;
    } else {
        let Verification { opened, failures } = &found;
        for unopened in failures {
            let key_rotation::Unopened { tenant, table, row, reason } = unopened;
            say(&format!("{tenant} {table} {row}: {reason}"))?;
        }
        say(&format!("{opened} records open, {} do not", failures.len()))?;
    }
    Ok(if found.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn retire(options: RetireOptions) -> Result<ExitCode, Failure> {
    let app = open(&options.storage).await?;
    if key_rotation::retire(&app, &options.kek_id).await? {
        say("The key is forgotten; its file can be destroyed.")?;
        return Ok(ExitCode::SUCCESS);
    }
    say("The key is unknown, or still wraps tenant keys: run `strongroom keys rotate` first.")?;
    Ok(ExitCode::FAILURE)
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
