//! `strongroom providers test`: what [`connection_check`] finds, in words, with what to do about it.

use std::io::{self, Write, stdout};
use std::process::ExitCode;

use clap::Args;
use engine::connection_check::{
    self, Credentials, Discovery, Finding, Offline, PkceUse, Report, Use, Verdict,
};
use engine::outbound::OutboundError;
use engine::provider_documents::DocumentError;
use protocol::oauth::scope::{Scope, ScopeSet};

use super::{ProviderOptions, show_setup};
use crate::bystander::Bystander;
use crate::failure::Failure;
use crate::serve::{ReachOptions, StorageOptions};

/// What `providers test` takes.
#[derive(Args)]
pub(crate) struct Options {
    /// The connection's name
    connection: String,
    /// The tenant's name; may be left out where there is one tenant
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    #[command(flatten)]
    storage: StorageOptions,
    #[command(flatten)]
    providers: ProviderOptions,
    #[command(flatten)]
    reach: ReachOptions,
}

/// Runs the command.
pub(super) async fn run(options: Options) -> Result<ExitCode, Failure> {
    let Options { connection, tenant, storage, providers, reach } = options;
    let bystander = Bystander::open(&storage, reach.reach(), providers.catalogue()?).await?;
    let app = &bystander.app;
    let tenant = bystander.tenant(tenant).await?;
    let report = connection_check::check(app, tenant, &connection, app.now()).await?;
    print(&report, &mut stdout().lock()).map_err(Failure::Output)?;
    let is_problem = |finding: &Finding| finding.verdict() == Verdict::Problem;
    let failed = report.findings.iter().any(is_problem);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn print(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let Report { connection, spec, redirect_uris, findings } = report;
    writeln!(out, "{}: {} ({})\n", connection.name, spec.name, spec.strategy)?;
    for finding in findings {
        let verdict = match finding.verdict() {
            Verdict::Ok => "ok",
            Verdict::Problem => "problem",
            Verdict::Unknown => "unknown",
        };
        let Words { step, found, fix } = words(finding);
        writeln!(out, "{verdict:<8} {step:<12} {found}")?;
        if let Some(fix) = fix {
            writeln!(out, "{:<21} {fix}", "")?;
        }
    }
    writeln!(out, "\nThe redirect URI to register at the provider, letter by letter:")?;
    for uri in redirect_uris {
        writeln!(out, "  {uri}")?;
    }
    show_setup(spec, out)
}

/// A finding for people.
struct Words {
    step: &'static str,
    found: String,
    /// What to change, and where.
    fix: Option<String>,
}

fn words(finding: &Finding) -> Words {
    let (step, (found, fix)) = match finding {
        Finding::Use(found) => ("use", of_use(*found)),
        Finding::Settings(None) => ("settings", fine("the options describe the provider")),
        Finding::Settings(Some(error)) => (
            "settings",
            (error.to_string(), Some("Change the connection by the Management API.".to_owned())),
        ),
        Finding::Discovery(found) => ("discovery", of_discovery(found)),
        Finding::Keys(None) => ("keys", fine("the keys of its ID tokens can be read")),
        Finding::Keys(Some(error)) => {
            ("keys", (told(error), Some(of_document(error, "the address of the keys"))))
        }
        Finding::Credentials(found) => ("credentials", of_credentials(found)),
        Finding::Scopes { asked, unlisted } => ("scopes", of_scopes(asked, unlisted)),
        Finding::Offline(found) => ("offline", of_offline(found)),
        Finding::Pkce(found) => ("PKCE", of_pkce(*found)),
    };
    Words { step, found, fix }
}

fn fine(found: impl Into<String>) -> (String, Option<String>) {
    (found.into(), None)
}

fn but(found: impl Into<String>, fix: impl Into<String>) -> (String, Option<String>) {
    (found.into(), Some(fix.into()))
}

fn of_use(found: Use) -> (String, Option<String>) {
    match found {
        Use::Served(1) => fine("for connected accounts, by one application"),
        Use::Served(count) => fine(format!("for connected accounts, by {count} applications")),
        Use::NotForAccounts => but(
            "people cannot connect accounts by it",
            "Set connected_accounts.active of the connection to true.",
        ),
        Use::NoApplication => but(
            "no application may use it",
            "Name applications in the connection's enabled_clients.",
        ),
    }
}

fn of_discovery(found: &Discovery) -> (String, Option<String>) {
    match found {
        Discovery::Unused => fine("none: the addresses are known"),
        Discovery::Agrees(issuer) => fine(format!("the document speaks for {issuer}")),
        Discovery::Copy(error) => but(
            format!("{}; the copy in options.oidc_metadata serves", told(error)),
            of_document(error, "options.discovery_url or options.issuer"),
        ),
        Discovery::Failed(error) => {
            but(told(error), of_document(error, "options.discovery_url or options.issuer"))
        }
    }
}

/// An error with its cause.
fn told(error: &DocumentError) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    let text = error.to_string();
    match cause {
        Some(cause) if !text.ends_with(&cause) => format!("{text}: {cause}"),
        Some(_) | None => text,
    }
}

fn of_document(error: &DocumentError, what: &str) -> String {
    use connectors::MetadataError::{NoIssuer, OtherIssuer, Status};
    match error {
        DocumentError::Outbound(error) => of_call(error, what),
        DocumentError::Metadata(OtherIssuer) => {
            "Set options.issuer to the issuer that the document names, letter by letter; if that is \
             somebody else, correct options.discovery_url."
                .to_owned()
        }
        DocumentError::Metadata(Status(_) | NoIssuer(_)) => {
            format!("No discovery document is there: correct {what}.")
        }
        _ => format!("Correct {what}, or ask the provider."),
    }
}

fn of_call(error: &OutboundError, what: &str) -> String {
    match error {
        OutboundError::Forbidden(_) => format!(
            "Correct {what}; or allow its network with --allow-private-network (docs/outbound.md)."
        ),
        OutboundError::TimedOut | OutboundError::Unreachable => format!(
            "Check {what}, the name in it, and whether this machine reaches the provider over TLS."
        ),
        OutboundError::TooLong => format!("Something else answers: correct {what}."),
    }
}

fn of_credentials(found: &Credentials) -> (String, Option<String>) {
    match found {
        Credentials::Accepted(code) => {
            fine(format!("the provider knows us: of a code that it never gave it says {code}"))
        }
        Credentials::Refused(code) => but(
            format!("the provider refuses our client: {code}"),
            "Compare options.client_id and options.client_secret with the provider's console; an \
             expired secret is refused alike. A client that is registered for HTTP Basic needs \
             options.token_endpoint_auth_method client_secret_basic (oidc only).",
        ),
        Credentials::RedirectUri(code) => but(
            format!("the provider does not know our redirect URI: {code}"),
            "Register the redirect URI below in the provider's console.",
        ),
        Credentials::Unclear(code) => but(
            format!("the provider tells neither that it knows us nor that it does not: {code}"),
            "Connect an account to find out.",
        ),
        Credentials::AnyCode => but(
            "the provider gives tokens for a code that it never gave",
            "Is the token endpoint the provider's?",
        ),
        Credentials::Unreachable(error) => {
            but(error.to_string(), of_call(error, "the token endpoint"))
        }
        Credentials::NoKey => but(
            "the connection is to prove itself by a key, and has none",
            "POST /api/v2/connections/{id}/keys makes one; register its public half at the provider.",
        ),
        Credentials::Request(error) => {
            but(error.to_string(), "Change the connection by the Management API.")
        }
    }
}

fn of_scopes(asked: &ScopeSet, unlisted: &ScopeSet) -> (String, Option<String>) {
    let list = |scopes: &ScopeSet| scopes.iter().map(Scope::as_str).collect::<Vec<_>>().join(" ");
    if asked.is_empty() {
        return fine("none are asked for; a connect may name some");
    }
    if unlisted.is_empty() {
        return fine(list(asked));
    }
    but(
        list(asked),
        format!(
            "Neither the provider nor the catalogue lists {}: look them up in the provider's \
             documentation.",
            list(unlisted)
        ),
    )
}

fn of_offline(found: &Offline) -> (String, Option<String>) {
    match found {
        Offline::Never => {
            fine("the provider gives no refresh tokens; its access tokens have to do")
        }
        Offline::Always => fine("the provider gives refresh tokens without being asked"),
        Offline::Asked => fine("access in the person's absence is asked for"),
        Offline::NotAsked { by, is_certain: _ } => but(
            "access in the person's absence is not asked for: accounts end with their first token",
            format!("Add to options.scope: {}.", by.join(" or ")),
        ),
    }
}

fn of_pkce(found: PkceUse) -> (String, Option<String>) {
    match found {
        PkceUse::On => fine("on"),
        PkceUse::NotOffered => fine("off: the provider does not document it"),
        PkceUse::NotChosen => but(
            "off",
            "If the provider takes it, set options.pkce_enabled (oauth2) to true, or \
             options.connection_settings.pkce (oidc) to S256.",
        ),
    }
}
