//! `strongroom explain`: a decision of the vault, check by check.

use std::io::{self, Write, stdout};
use std::net::IpAddr;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use engine::context::Context;
use engine::vault_access::{Explanation, Outcome, Question, Row, explain};
use model::ids::{ClientId, UserId};
use protocol::oauth::exchange::SubjectTokenType;
use protocol::oauth::scope::{InvalidScope, ScopeSet};
use serde_json::json;

use crate::bystander::Bystander;
use crate::failure::Failure;
use crate::providers::ProviderOptions;
use crate::serve::{ReachOptions, StorageOptions};

/// What can be explained.
#[derive(Subcommand)]
pub(crate) enum ExplainCommand {
    /// Go through the checks of an exchange without making it; exit code 1 if one fails
    Exchange(Options),
}

/// What `explain exchange` takes.
#[derive(Args)]
pub(crate) struct Options {
    /// The id of the client that asks
    #[arg(long, value_name = "ID")]
    client: String,
    /// The id of the person, as in auth0|64f0…
    #[arg(long, value_name = "ID")]
    user: String,
    /// The connection's name
    #[arg(long, value_name = "NAME")]
    connection: String,
    /// Which of several accounts
    #[arg(long, value_name = "HINT")]
    login_hint: Option<String>,
    /// With these scopes, separated by spaces
    #[arg(long, value_name = "SCOPES", value_parser = scopes)]
    scope: Option<ScopeSet>,
    /// With which subject token; without this option the kind that the client is made for
    #[arg(long, value_name = "KIND")]
    with: Option<Kind>,
    /// To which client the person gave the access token, where the client is an API's
    #[arg(long, value_name = "ID")]
    holder: Option<String>,
    /// From which address
    #[arg(long, value_name = "ADDRESS")]
    from: Option<IpAddr>,
    /// The tenant's name; may be left out where there is one tenant
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    storage: StorageOptions,
    #[command(flatten)]
    providers: ProviderOptions,
    #[command(flatten)]
    reach: ReachOptions,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// A refresh token of the client's own
    RefreshToken,
    /// An access token for the API that the client is
    AccessToken,
    /// A request that the client signs itself
    PrivilegedWorker,
}

fn scopes(text: &str) -> Result<ScopeSet, InvalidScope> {
    ScopeSet::parse(text)
}

/// Runs the command.
pub(crate) async fn run(command: ExplainCommand) -> Result<ExitCode, Failure> {
    let ExplainCommand::Exchange(options) = command;
    let Options { storage, providers, reach, tenant, json, .. } = options;
    let bystander = Bystander::open(&storage, reach.reach(), providers.catalogue()?).await?;
    let app = &bystander.app;
    let context = Context::of_ourselves(bystander.tenant(tenant).await?);
    let context = context.ok_or(Failure::NoTenant)?;
    let question = Question {
        client_id: ClientId::new(options.client),
        user_id: UserId::new(options.user),
        connection: options.connection,
        login_hint: options.login_hint,
        scope: options.scope,
        subject_token_type: options.with.map(|kind| match kind {
            Kind::RefreshToken => SubjectTokenType::RefreshToken,
            Kind::AccessToken => SubjectTokenType::AccessToken,
            Kind::PrivilegedWorker => SubjectTokenType::Jwt,
        }),
        holder: options.holder.map(ClientId::new),
        address: options.from.map(|address| address.to_canonical()),
    };
    let told = explain(&app.store, &app.catalogue, &context, &question, app.now()).await?;
    let mut out = stdout().lock();
    let printed = if json { writeln!(out, "{}", json!(told)) } else { print(&told, &mut out) };
    printed.map_err(Failure::Output)?;
    Ok(if told.allowed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(explanation: &Explanation, out: &mut impl Write) -> io::Result<()> {
    for Row { check, outcome, finding, fix } in &explanation.checks {
        let outcome = match outcome {
            Outcome::Passed => "ok",
            Outcome::Failed => "FAILED",
            Outcome::Supposed => "supposed",
            Outcome::NotReached => "-",
        };
        let check = json!(check);
        writeln!(out, "{outcome:<9} {:<20} {finding}", check.as_str().unwrap_or_default())?;
        if let Some(fix) = fix {
            writeln!(out, "{:<30} {fix}", "")?;
        }
    }
    let verdict = if explanation.allowed { "gets a token" } else { "gets no token" };
    writeln!(out, "\nThe client {verdict}.")
}
