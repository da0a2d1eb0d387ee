//! The providers that a command knows: those of this build, and those of a folder; and
//! `strongroom providers`, which tells of them, and tests connections to them ([`mod@test`]).

mod test;

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use connectors::{Catalogue, Spec};

use crate::failure::Failure;

/// Where further providers are described.
#[derive(Args)]
pub(crate) struct ProviderOptions {
    /// A folder with further catalogue files, or other ones for known providers
    #[arg(long, value_name = "DIR", env = "STRONGROOM_PROVIDERS")]
    providers_dir: Option<PathBuf>,
}

impl ProviderOptions {
    /// Everything that is known.
    pub(crate) fn catalogue(&self) -> Result<Catalogue, Failure> {
        let catalogue = Catalogue::embedded()?;
        let Some(folder) = &self.providers_dir else { return Ok(catalogue) };
        let unreadable = |source| Failure::Providers { folder: folder.clone(), source };
        let files = read(folder).map_err(unreadable)?;
        let files = files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        Ok(catalogue.load_dir(files)?)
    }
}

/// What is told of providers.
#[derive(Subcommand)]
pub(crate) enum ProvidersCommand {
    /// List the providers that are known, by strategy
    List {
        #[command(flatten)]
        providers: ProviderOptions,
    },
    /// Show what is known of one, and what to do there
    Show {
        /// Its strategy, as `list` shows it
        strategy: String,
        #[command(flatten)]
        providers: ProviderOptions,
    },
    /// Look at a connection of a database and at its provider, step by step; exit code 1 if a step
    /// finds a problem
    Test(test::Options),
}

/// Runs the command.
pub(crate) async fn run(command: ProvidersCommand) -> Result<ExitCode, Failure> {
    match command {
        ProvidersCommand::List { providers } => {
            let mut out = io::stdout().lock();
            for Spec { strategy, name, .. } in providers.catalogue()?.iter().map(|spec| &**spec) {
                writeln!(out, "{strategy:<20} {name}").map_err(Failure::Output)?;
            }
            Ok(ExitCode::SUCCESS)
        }
        ProvidersCommand::Show { strategy, providers } => {
            let catalogue = providers.catalogue()?;
            let spec = catalogue.get(&strategy);
            let spec = spec.ok_or(Failure::UnknownProvider { strategy })?;
            show(spec, &mut io::stdout().lock()).map_err(Failure::Output)?;
            Ok(ExitCode::SUCCESS)
        }
        ProvidersCommand::Test(options) => test::run(options).await,
    }
}

fn show(spec: &Spec, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{} ({}), looked up on {}", spec.name, spec.strategy, spec.verified_on)?;
    let endpoints = &spec.endpoints;
    for (what, address) in [
        ("authorization", &endpoints.authorization),
        ("token", &endpoints.token),
        ("account", &endpoints.userinfo),
        ("revocation", &endpoints.revocation),
    ] {
        if let Some(address) = address {
            writeln!(out, "  {what:<14} {address}")?;
        }
    }
    for variable in spec.variables.values() {
        let option = variable.options.first().map_or("", String::as_str);
        writeln!(out, "  options.{option}: {} Such as {}.", variable.words, variable.example)?;
    }
    show_setup(spec, out)?;
    if !spec.scopes.words.is_empty() {
        writeln!(out, "\nScopes:")?;
    }
    for (scope, words) in &spec.scopes.words {
        writeln!(out, "  {scope:<32} {words}")?;
    }
    if !spec.unchecked.is_empty() {
        writeln!(out, "\nNot checked: {}", spec.unchecked.join(", "))?;
    }
    writeln!(out, "\nSources:")?;
    spec.sources.iter().try_for_each(|source| writeln!(out, "  {}", source.url))
}

/// What to do at the provider, and where.
fn show_setup(spec: &Spec, out: &mut impl Write) -> io::Result<()> {
    if let Some(console) = &spec.setup.console {
        writeln!(out, "\nAt {console}:")?;
    }
    let mut steps = spec.setup.steps.iter().enumerate();
    steps.try_for_each(|(position, step)| writeln!(out, "  {}. {step}", position + 1))
}

/// Name and text of every TOML file of a folder.
fn read(folder: &Path) -> io::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension() == Some(OsStr::new("toml")) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files.push((name, std::fs::read_to_string(&path)?));
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACME: &str = r#"
strategy = "acme"
name = "Acme"
verified_on = "2026-11-27"
sources = [{ url = "https://acme.example/docs", for = ["endpoints", "client", "scopes", "refresh", "account"] }]
[endpoints]
authorization = "https://acme.example/authorize"
token = "https://acme.example/token"
[client]
auth = "post"
pkce = "s256"
[scopes]
request_separator = "space"
answer_separator = "space"
[refresh]
rotates = "may"
margin_seconds = 60
[account]
id_token = false
subject = ["id"]
"#;

    fn catalogue_of(files: &[(&str, &str)]) -> Result<Catalogue, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let options = ProviderOptions { providers_dir: Some(folder.path().to_owned()) };
        options.catalogue().map_err(|error| error.to_string())
    }

    #[test]
    fn a_provider_is_added_without_a_build() {
        let catalogue = catalogue_of(&[("acme.toml", ACME), ("notes.txt", "not a provider")]);
        let catalogue = catalogue.unwrap();
        assert_eq!(catalogue.get("acme").unwrap().name, "Acme");
        assert!(catalogue.get("github").is_some());
        assert!(ProviderOptions { providers_dir: None }.catalogue().unwrap().get("acme").is_none());
    }

    #[test]
    fn what_is_known_is_shown() {
        let catalogue = Catalogue::embedded().unwrap();
        let mut shown = Vec::new();
        show(catalogue.get("waad").unwrap(), &mut shown).unwrap();
        let shown = String::from_utf8(shown).unwrap();
        for part in [
            "Microsoft Entra ID (waad), looked up on 20",
            "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
            "options.tenant_domain: The directory: its domain or its ID. Such as contoso",
            "  1. Register an application in your directory.",
            "Read your mail",
            "https://learn.microsoft.com/",
        ] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }

    #[test]
    fn a_bad_file_and_a_missing_folder_are_named() {
        let misspelt = ACME.replace("rotates", "rotate");
        let refused = catalogue_of(&[("acme.toml", &misspelt)]).unwrap_err();
        assert!(refused.contains("acme.toml") && refused.contains("rotate"), "{refused}");
        let nowhere = ProviderOptions { providers_dir: Some("/nonexistent/providers".into()) };
        let refused = nowhere.catalogue().unwrap_err().to_string();
        assert!(refused.contains("/nonexistent/providers"), "{refused}");
    }
}
