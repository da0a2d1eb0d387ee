//! `strongroom keys`: rotates the keys of a database, checks them, retires one, and erases a tenant, also
//! while servers serve from it.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use connectors::Catalogue;
use engine::app::App;
use engine::key_rotation::{
    self, Erasure, KNOWN_TO_ALL, KekStatus, PUBLISHED_BEFORE, PurposeStatus, Resealed, Retirement,
    SigningRotation, Unopened, Verification,
};
use engine::outbound::Reach;
use model::ids::TenantId;
use serde::Serialize;

use crate::bystander::Bystander;
use crate::failure::Failure;
use crate::output::say;
use crate::serve::StorageOptions;

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
    /// Erase a tenant: delete its keys, after which nothing that they sealed can be read
    Erase(EraseOptions),
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

/// What `erase` takes.
#[derive(Args)]
pub(crate) struct EraseOptions {
    #[command(flatten)]
    storage: StorageOptions,
    /// The tenant's name
    tenant: String,
    /// The tenant's name once more; without it nothing is erased
    #[arg(long, value_name = "TENANT")]
    yes_erase: Option<String>,
}

/// Runs the command.
pub(crate) async fn run(command: KeysCommand) -> Result<ExitCode, Failure> {
    match command {
        KeysCommand::Status(options) => status(options).await,
        KeysCommand::Rotate(options) => rotate(options).await,
        KeysCommand::Verify(options) => verify(options).await,
        KeysCommand::Retire(options) => retire(options).await,
        KeysCommand::Erase(options) => erase(options).await,
    }
}

async fn open(storage: &StorageOptions) -> Result<Bystander, Failure> {
    Bystander::open(storage, Reach::Public, Catalogue::embedded()?).await
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
    let wrapped = key_rotation::rewrap(&room.app, room.app.now()).await?;
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
    let progress = |count, total| {
        if bar {
            draw(count, total);
        }
    };
    let Resealed { sealed, failures } = key_rotation::reseal(app, progress, app.now()).await?;
    if bar {
        // If standard error is gone, there is nobody left to draw for.
        let _drawn = writeln!(io::stderr());
    }
    for unopened in &failures {
        say_unopened(unopened)?;
    }
    say(&format!("{sealed} records were sealed anew"))?;
    let removed = key_rotation::remove_outlived_keys(app, app.now()).await?;
    if removed > 0 {
        say(&format!("{removed} older tenant keys were removed"))?;
    }
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
        let Verification { opened, erased, failures } = &found;
        for tenant in erased {
            say(&format!("{tenant} is erased"))?;
        }
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
    let (code, sentence) = match key_rotation::retire(&room.app, id, room.app.now()).await? {
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

async fn erase(options: EraseOptions) -> Result<ExitCode, Failure> {
    let EraseOptions { storage, tenant, yes_erase } = options;
    if yes_erase.as_ref() != Some(&tenant) {
        return Err(Failure::EraseNotConfirmed { tenant });
    }
    let room = open(&storage).await?;
    let id = TenantId::new(&tenant);
    let (code, sentence) = match key_rotation::erase(&room.app, &id, room.app.now()).await? {
        Erasure::Erased(count) => (
            ExitCode::SUCCESS,
            format!("The {count} keys of {tenant} are deleted; backups of before still have them."),
        ),
        Erasure::AlreadyErased => {
            (ExitCode::SUCCESS, format!("The keys of {tenant} had been deleted before."))
        }
        Erasure::Unknown => (ExitCode::FAILURE, format!("There is no tenant {tenant}.")),
    };
    say(&sentence)?;
    Ok(code)
}

fn say_unopened(unopened: &Unopened) -> Result<(), Failure> {
    let Unopened { tenant, table, row, reason } = unopened;
    say(&format!("{tenant} {table} {row}: {reason}"))
}

fn print_json(document: &impl Serialize) -> Result<ExitCode, Failure> {
    let text = serde_json::to_string(document)
        .map_err(|error| Failure::Output(io::Error::other(error)))?;
    say(&text)?;
    Ok(ExitCode::SUCCESS)
}
