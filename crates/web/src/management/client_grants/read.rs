//! `GET /client-grants` and `GET /client-grants/{id}`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use model::client_grant::ClientGrant;
use serde_json::Value;
use store::client_grants;

use super::output::show;
use super::unknown;
use crate::management::answer::Found;
use crate::management::caller::{Caller, Permission};
use crate::management::error::ManagementError;
use crate::management::paging::Paging;
use crate::management::path::InPath;
use crate::management::query::Query;

pub(in crate::management) enum ReadClientGrants {}

impl Permission for ReadClientGrants {
    const ANY_OF: &'static [&'static str] = &["read:client_grants"];
}

/// Which grants are wanted.
struct Filter {
    audience: Option<String>,
    client_id: Option<String>,
    subject_type: Option<String>,
    allow_any_organization: Option<bool>,
    is_default: bool,
}

impl Filter {
    fn read(query: &mut Query, caller: &Caller<ReadClientGrants>) -> Result<Self, ManagementError> {
        let audience = query.text("audience")?;
        let tenant = &caller.context().tenant;
        Ok(Self {
            audience: audience.map(|audience| tenant.canonical_audience(&audience)),
            client_id: query.text("client_id")?,
            subject_type: query.word("subject_type", &["client", "user"])?,
            allow_any_organization: query.boolean("allow_any_organization")?,
            is_default: query.word("default_for", &["third_party_clients"])?.is_some(),
        })
    }

    fn admits(&self, grant: &ClientGrant) -> bool {
        let any_organization = || {
            let kept = grant.kept.get("allow_any_organization");
            kept.and_then(Value::as_bool).unwrap_or(false)
        };
        // Each grant is one client's; there is none for a whole kind of clients.
        !self.is_default
            && self.audience.as_ref().is_none_or(|wanted| *wanted == grant.audience)
            && self.client_id.as_ref().is_none_or(|wanted| wanted == grant.client_id.as_str())
            && self.subject_type.as_ref().is_none_or(|wanted| wanted == grant.subject_type.as_str())
            && self.allow_any_organization.is_none_or(|wanted| wanted == any_organization())
    }
}

/// Lists client grants.
pub(in crate::management) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<ReadClientGrants>,
    mut query: Query,
) -> Result<Found<Value>, ManagementError> {
    let paging = Paging::read(&mut query)?;
    let filter = Filter::read(&mut query, &caller)?;
    query.finish()?;
    let context = caller.context();
    let mut wanted = client_grants::list(&mut app.store.read().await?, context.tenant_id()).await?;
    wanted.retain(|grant| filter.admits(grant));
    let page = paging.cut(wanted, |grant: &ClientGrant| grant.id.as_str())?;
    let shown = page.items.iter().map(|grant| show(context, grant)).collect::<Result<_, _>>()?;
    Ok(Found(page.frame.around("client_grants", shown)))
}

/// Shows a client grant.
pub(in crate::management) async fn show_one(
    State(app): State<Arc<App>>,
    caller: Caller<ReadClientGrants>,
    InPath(id): InPath<String>,
) -> Result<Found<Value>, ManagementError> {
    let context = caller.context();
    let mut read = app.store.read().await?;
    let found = client_grants::find(&mut read, context.tenant_id(), &id.into()).await?;
    show(context, &found.ok_or_else(unknown)?).map(Found)
}
