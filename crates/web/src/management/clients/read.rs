//! `GET /clients` and `GET /clients/{id}`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use engine::clients::reveal;
use model::client::AppType;
use protocol::secret::ClientSecret;
use serde_json::Value;
use store::clients::{self, StoredClient};

use super::output::{Detail, show};
use super::{READ_KEYS, unknown};
use crate::management::answer::Found;
use crate::management::caller::{Caller, Permission};
use crate::management::error::ManagementError;
use crate::management::fields::Fields;
use crate::management::paging::Paging;
use crate::management::path::InPath;
use crate::management::query::Query;

pub(in crate::management) enum ReadClients {}

impl Permission for ReadClients {
    const ANY_OF: &'static [&'static str] =
        &["read:clients", READ_KEYS, "read:client_credentials", "read:client_summary"];
}

/// Which clients are wanted.
struct Filter {
    is_global: Option<bool>,
    is_first_party: Option<bool>,
    app_types: Option<Vec<String>>,
    external_client_id: Option<String>,
}

impl Filter {
    fn read(query: &mut Query) -> Result<Self, ManagementError> {
        if query.text("q")?.is_some() {
            return Err(ManagementError::invalid_query("q", "Searching clients is not supported"));
        }
        let app_types = query.text("app_type")?;
        Ok(Self {
            is_global: query.boolean("is_global")?,
            is_first_party: query.boolean("is_first_party")?,
            app_types: app_types.map(|text| text.split(',').map(str::to_owned).collect()),
            external_client_id: query.text("external_client_id")?,
        })
    }

    fn admits(&self, stored: &StoredClient) -> bool {
        let client = &stored.client;
        let app_type = client.app_type.map(name_of);
        // No client is the tenant's own, and none is known by a document elsewhere.
        self.is_global != Some(true)
            && self.external_client_id.is_none()
            && self.is_first_party.is_none_or(|wanted| wanted == client.is_first_party)
            && self.app_types.as_ref().is_none_or(|wanted| {
                app_type.is_some_and(|app_type| wanted.iter().any(|wanted| wanted == app_type))
            })
    }
}

fn name_of(app_type: AppType) -> &'static str {
    match app_type {
        AppType::Native => "native",
        AppType::Spa => "spa",
        AppType::RegularWeb => "regular_web",
        AppType::NonInteractive => "non_interactive",
        AppType::ResourceServer => "resource_server",
    }
}

/// Lists clients.
pub(in crate::management) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<ReadClients>,
    mut query: Query,
) -> Result<Found<Value>, ManagementError> {
    let paging = Paging::read(&mut query)?;
    let fields = Fields::read(&mut query)?;
    let filter = Filter::read(&mut query)?;
    query.finish()?;
    let all = clients::list(&mut app.store.read().await?, caller.context().tenant_id()).await?;
    let wanted = all.into_iter().filter(|stored| filter.admits(stored)).collect();
    let page = paging.cut(wanted, |stored: &StoredClient| stored.client.client_id.as_str())?;
    let secrets = secrets(&app, &caller, &fields, &page.items).await?;
    let shown = page.items.iter().zip(secrets).map(|(stored, secret)| {
        let members = show(caller.context(), &stored.client, secret, Detail::of(&caller))?;
        Ok(fields.of(members))
    });
    let shown = shown.collect::<Result<Vec<_>, ManagementError>>()?;
    Ok(Found(page.frame.around("clients", shown)))
}

/// Shows a client.
pub(in crate::management) async fn show_one(
    State(app): State<Arc<App>>,
    caller: Caller<ReadClients>,
    InPath(id): InPath<String>,
    mut query: Query,
) -> Result<Found<Value>, ManagementError> {
    let fields = Fields::read(&mut query)?;
    query.finish()?;
    let tenant = caller.context().tenant_id();
    let found = clients::find(&mut app.store.read().await?, tenant, &id.into()).await?;
    let stored = [found.ok_or_else(unknown)?];
    let secret = secrets(&app, &caller, &fields, &stored).await?.pop().flatten();
    let members = show(caller.context(), &stored[0].client, secret, Detail::of(&caller))?;
    // Auth0 shows these of a single client, whichever members are asked for.
    let signing_keys = members.get("signing_keys").cloned();
    let mut shown = fields.of(members);
    if let Some(keys) = signing_keys {
        shown["signing_keys"] = keys;
    }
    Ok(Found(shown))
}

/// The secrets of clients, if the caller may see them and asks to; in the order of the clients.
pub(super) async fn secrets<P>(
    app: &App,
    caller: &Caller<P>,
    fields: &Fields,
    stored: &[StoredClient],
) -> Result<Vec<Option<ClientSecret>>, ManagementError> {
    if !caller.holds(READ_KEYS) || !fields.show("client_secret") {
        return Ok(stored.iter().map(|_| None).collect());
    }
    let (context, by) = (caller.context(), caller.administrator());
    Ok(reveal(app, context, by, stored, caller.now()).await?)
}
