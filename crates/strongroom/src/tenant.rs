//! `strongroom tenant`: what `serve` needs before its first start.

use std::io::{Write, stdout};
use std::sync::Arc;

use clap::{Args, Subcommand};
use connectors::Catalogue;
use engine::clock::SystemClock;
use engine::entropy::OsEntropy;
use engine::keys::{KeyError, SigningMaterial};
use engine::outbound::Reach;
use engine::tenants::{self, NewTenant};
use model::ids::{ClientId, TenantId};
use model::resource_server::SystemApi;
use model::tenant::{BaseUrl, InvalidBaseUrl, TenantSettings};
use protocol::secret::{Disclosed, kind};
use serde::Serialize;

use crate::failure::Failure;
use crate::seed::{self, Credentials};
use crate::serve::StorageOptions;
use crate::wiring;

/// What can be done with tenants.
#[derive(Subcommand)]
pub(crate) enum TenantCommand {
    /// Make a tenant, and the client by which the Management API sets up the rest
    Create(CreateOptions),
}

/// What `tenant create` takes.
#[derive(Args)]
pub(crate) struct CreateOptions {
    /// Its name
    name: String,
    /// Where it answers; the first is its canonical one
    #[arg(long, value_name = "URL", required = true, value_parser = base_url)]
    base_url: Vec<BaseUrl>,
    #[command(flatten)]
    storage: StorageOptions,
}

fn base_url(text: &str) -> Result<BaseUrl, InvalidBaseUrl> {
    BaseUrl::parse(text)
}

/// The one line of JSON that `tenant create` prints. The secret is shown this once; the Management
/// API shows it again to whoever may read client secrets.
#[derive(Serialize)]
struct Created {
    tenant: TenantId,
    issuer: String,
    management: Management,
}

#[derive(Serialize)]
struct Management {
    audience: String,
    client_id: ClientId,
    client_secret: Disclosed<kind::ClientSecret>,
}

/// Runs the command.
pub(crate) async fn run(command: TenantCommand) -> Result<(), Failure> {
    match command {
        TenantCommand::Create(options) => create(options).await,
    }
}

async fn create(options: CreateOptions) -> Result<(), Failure> {
    let CreateOptions { name, base_url: base_urls, storage } = options;
    let canonical = base_urls[0].clone();
    let journal = storage.journal();
    let (database, keks) = storage.open_or_make().await?;
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy));
    let (reach, catalogue) = (Reach::Public, Catalogue::embedded()?);
    let app = wiring::app(database, keks, clock, entropy, reach, &journal, catalogue).await?;
    let now = app.now();
    let signing = SigningMaterial::generate().await?;
    let id = TenantId::new(&name);
    let new = NewTenant { id, base_urls, settings: TenantSettings::default(), signing };
    let tenant = match tenants::create(&app, new, now).await {
        Err(KeyError::Store(error)) if error.is_duplicate() => {
            return Err(Failure::TenantExists { name });
        }
        other => other?,
    };
    let Credentials { client_id, client_secret } =
        seed::management_client(&app, &tenant, now).await?;
    let created = Created {
        issuer: canonical.issuer().to_owned(),
        management: Management {
            audience: SystemApi::Management.audience(&canonical),
            client_id,
            client_secret: client_secret.disclose(),
        },
        tenant: tenant.id,
    };
    let line = serde_json::to_string(&created).map_err(|error| Failure::Output(error.into()))?;
    writeln!(stdout(), "{line}").map_err(Failure::Output)
}
