//! The connected accounts of a person: list and delete.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Json;
use engine::account_health::{AccountHealth, health};
use engine::accounts;
use engine::app::App;
use engine::my_account::Operation;
use model::connected_account::ConnectedAccount;
use model::ids::ConnectedAccountId;
use protocol::time::Timestamp;
use serde::Serialize;
use store::connected_accounts;

use super::caller::caller;
use super::error::{AccountError, Kind, Problem};
use super::paging::Page;
use crate::asked::Asked;
use crate::dpop::Target;

const PATH: &str = "me/v1/connected-accounts/accounts";
/// How many connections a list can be narrowed to.
const CONNECTIONS_MAX: usize = 20;

/// An account as it is shown.
#[derive(Debug, Serialize)]
pub(crate) struct AccountView {
    id: ConnectedAccountId,
    connection: String,
    access_type: &'static str,
    scopes: Vec<String>,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    health: AccountHealth,
}

/// An account in the list, from which a person picks.
#[derive(Serialize)]
struct ListedAccount {
    #[serde(flatten)]
    account: AccountView,
    label: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    facts: BTreeMap<String, String>,
}

impl ListedAccount {
    fn of(app: &App, mut account: ConnectedAccount, now: Timestamp) -> Self {
        let label = std::mem::take(&mut account.label);
        let facts = std::mem::take(&mut account.facts);
        Self { account: AccountView::of(app, account, now), label, facts }
    }
}

impl AccountView {
    /// Shows an account as it is doing now.
    pub(crate) fn of(app: &App, account: ConnectedAccount, now: Timestamp) -> Self {
        Self {
            health: health(app, &account, now),
            id: account.id,
            connection: account.connection,
            access_type: "offline",
            scopes: account.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
            created_at: account.created_at.to_rfc3339(),
            expires_at: account.refresh_expires_at.map(Timestamp::to_rfc3339),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct AccountList {
    accounts: Vec<ListedAccount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// `GET /me/v1/connected-accounts/accounts`
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    asked: Asked,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Json<AccountList>, AccountError> {
    let target = Target { method: "GET", path: PATH };
    let caller = caller(&app, &asked, &headers, target, Operation::Look).await?;
    let (page, wanted) = read_query(query.as_deref().unwrap_or_default())?;
    let mut read = app.store.read().await.map_err(|error| AccountError::internal(&error))?;
    let tenant = asked.context.tenant_id();
    let stored = connected_accounts::list_for_user(&mut read, tenant, caller.user_id()).await;
    let stored = stored.map_err(|error| AccountError::internal(&error))?;
    let accounts = stored
        .into_iter()
        .map(|stored| stored.account)
        .filter(|account| wanted.is_empty() || wanted.contains(&account.connection))
        .collect();
    let (accounts, next) = page.cut(accounts, |account: &ConnectedAccount| account.id.as_str())?;
    let shown = accounts.into_iter().map(|account| ListedAccount::of(&app, account, asked.now));
    Ok(Json(AccountList { accounts: shown.collect(), next }))
}

/// The page, and the connections that the list is narrowed to (`connection`, repeatable).
fn read_query(query: &str) -> Result<(Page, Vec<String>), AccountError> {
    let mut page = Page::default();
    let mut connections = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "connection" => connections.push(value.into_owned()),
            name => page.set(name, value.into_owned()),
        }
    }
    if connections.len() > CONNECTIONS_MAX {
        let detail = format!(
            "query parameter 'connection' must not repeat more than {CONNECTIONS_MAX} times"
        );
        return Err(AccountError::invalid_payload(vec![Problem {
            detail,
            pointer: String::new(),
        }]));
    }
    Ok((page, connections))
}

/// `DELETE /me/v1/connected-accounts/accounts/{id}`
///
/// Deleting what is not there succeeds: the published interface has no other answer, and it tells
/// nobody whose accounts exist.
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    asked: Asked,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<StatusCode, AccountError> {
    let path = format!("{PATH}/{id}");
    let target = Target { method: "DELETE", path: &path };
    let caller = caller(&app, &asked, &headers, target, Operation::Disconnect).await?;
    let is_id = id.strip_prefix("cac_").is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    if !is_id {
        return Err(AccountError::new(Kind::InvalidRequest, "The id is not that of an account."));
    }
    let id = ConnectedAccountId::new(id);
    accounts::disconnect(&app, &asked.context, &caller, &id, asked.now)
        .await
        .map_err(|error| AccountError::internal(&error))?;
    Ok(StatusCode::NO_CONTENT)
}
