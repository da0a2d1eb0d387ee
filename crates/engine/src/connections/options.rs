//! The options of a connection: checked and completed.

use actions::ActionError;
use connectors::{MetadataError, OptionsError, Provider, Reply, read_metadata};
use http::{Request, header};
use model::connection::{Connection, Strategy};
use protocol::secret::ClientSecret;
use serde_json::{Map, Value};
use url::Url;

use crate::app::App;
use crate::connection_secret::CLIENT_SECRET;
use crate::context::Context;
use crate::invalid::Invalid;
use crate::outbound::{Outbound, OutboundError, Rule};

/// The option that keeps the provider's own description of itself.
const METADATA: &str = "oidc_metadata";

/// Why a discovery document could not be had.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// The request cannot be made.
    #[error("the discovery URL is no target: {0}")]
    Target(#[from] http::Error),
    /// There was no answer.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// The answer is of no use.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The document cannot be kept.
    #[error("the discovery document cannot be kept: {0}")]
    Document(#[from] serde_json::Error),
}

/// Why options are not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum OptionsRefused {
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    #[error(transparent)]
    Script(#[from] ActionError),
}

/// Checks options, and adds the provider's own description where they name a place to read it.
pub(super) async fn complete(
    app: &App,
    context: &Context,
    strategy: &Strategy,
    mut options: Map<String, Value>,
) -> Result<Map<String, Value>, OptionsRefused> {
    let name = match strategy {
        Strategy::Database => return check_database(options),
        Strategy::Provider(name) => name,
    };
    let discovers = app.catalogue.get(name).is_some_and(|spec| spec.discovery);
    let is_described = options.get(METADATA).is_some_and(|kept| !is_empty(kept));
    if discovers && !is_described {
        let url = Provider::discovery_url(&options).map_err(|error| invalid(&error))?;
        if let Some(url) = url {
            app.outbound.check(&url).map_err(|rule| forbidden("the discovery document", rule))?;
            let issuer = options.get("issuer").and_then(Value::as_str);
            let document = discover(&app.outbound, &url, issuer).await?;
            options.insert(METADATA.to_owned(), document);
        }
    }
    let provider = check_provider(app, name, &options)?;
    if let Some(script) = provider.and_then(|provider| provider.fetch_user_profile) {
        check_script(app, context, &script).await?;
    }
    Ok(options)
}

/// Whether a script is one; what it does shows when it runs.
async fn check_script(app: &App, context: &Context, script: &str) -> Result<(), OptionsRefused> {
    match app.actions.check(context.tenant_id().as_str(), script).await {
        Ok(()) => Ok(()),
        Err(ActionError::Script(fault)) => {
            Err(Invalid::new("options.scripts.fetchUserProfile", fault.to_string()).into())
        }
        Err(error) => Err(error.into()),
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(Map::is_empty)
}

async fn discover(
    outbound: &Outbound,
    url: &Url,
    issuer: Option<&str>,
) -> Result<Value, DiscoveryError> {
    let request = Request::get(url.as_str()).header(header::ACCEPT, "application/json");
    let answer = outbound.send(request.body(Vec::new())?).await?;
    let reply = Reply { status: answer.status, headers: &answer.headers, body: &answer.body };
    Ok(serde_json::to_value(read_metadata(url, issuer, &reply)?)?)
}

/// Whether the options describe a provider that we may call: that one, if they describe one already.
fn check_provider(
    app: &App,
    name: &str,
    options: &Map<String, Value>,
) -> Result<Option<Provider>, Invalid> {
    let secret = options.get(CLIENT_SECRET);
    if secret.is_some_and(|secret| !secret.is_string() && !secret.is_null()) {
        return Err(Invalid::new("options.client_secret", "it is not a string"));
    }
    let secret = secret.and_then(Value::as_str).map(ClientSecret::new);
    let is_known = app.catalogue.get(name).is_some_and(|spec| spec.knows_its_endpoints());
    let provider = match Provider::resolve(&app.catalogue, name, options, secret, None) {
        Ok(provider) => provider,
        // A connection to a known provider may be made before we are registered there; it is of no
        // use until then.
        Err(OptionsError::Missing(_)) if is_known => return Ok(None),
        Err(error) => return Err(invalid(&error)),
    };
    let endpoints = &provider.endpoints;
    let revokes = options.get("revoke_on_disconnect").and_then(Value::as_bool).unwrap_or(false);
    if revokes && endpoints.revocation.is_none() {
        let why = "the provider has no revocation endpoint";
        return Err(Invalid::new("options.revoke_on_disconnect", why));
    }
    let called = [
        ("the token endpoint", Some(&endpoints.token)),
        ("the userinfo endpoint", endpoints.userinfo.as_ref()),
        ("the endpoint of e-mail addresses", endpoints.emails.as_ref()),
        ("the revocation endpoint", endpoints.revocation.as_ref()),
        ("the key set", endpoints.jwks.as_ref()),
    ];
    // What leads to an inner address is told now; each call is checked again when it is made.
    for (what, endpoint) in called {
        let Some(endpoint) = endpoint else { continue };
        app.outbound.check(endpoint.url()).map_err(|rule| forbidden(what, rule))?;
    }
    Ok(Some(provider))
}

/// Names the rule: it says nothing of what is at the address, which was not called.
fn forbidden(what: &str, rule: Rule) -> Invalid {
    Invalid::new("options", format!("{what}: {rule}"))
}

fn invalid(error: &OptionsError) -> Invalid {
    Invalid::new("options", error.to_string())
}

/// Options of a database that would let somebody else decide about passwords are not served.
fn check_database(options: Map<String, Value>) -> Result<Map<String, Value>, OptionsRefused> {
    let unserved = ["enabledDatabaseCustomization", "import_mode"];
    let is_on = |name: &&str| options.get(*name).and_then(Value::as_bool).unwrap_or(false);
    match unserved.into_iter().find(is_on) {
        None => Ok(options),
        Some(name) => {
            let property = format!("options.{name}");
            Err(Invalid::new(property, "custom databases are not supported").into())
        }
    }
}

/// Whether people may connect accounts of it: there must be a provider to connect to.
pub(super) fn check_purposes(connection: &Connection) -> Result<(), Invalid> {
    match connection.strategy {
        Strategy::Database if connection.connected_accounts.active => {
            let why = "connected accounts are not supported for this connection";
            Err(Invalid::new("connected_accounts", why))
        }
        Strategy::Database | Strategy::Provider(_) => Ok(()),
    }
}
