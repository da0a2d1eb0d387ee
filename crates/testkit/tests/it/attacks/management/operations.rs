//! Every operation of the API, as data.

use engine::management_scopes::MANAGEMENT_SCOPES;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{
    Application, CALENDAR_CONNECTION, Connect, DATABASE_CONNECTION, Login, RESOURCE_SERVER, Tenant,
};

use crate::management::{Admin, segment};

/// Ids of one record of each kind, as path segments.
pub(super) struct Targets {
    pub(super) client: String,
    pub(super) client_grant: String,
    pub(super) resource_server: String,
    pub(super) connection: String,
    pub(super) user: String,
    pub(super) tokenset: String,
    pub(super) log: String,
}

impl Targets {
    /// Those of a tenant; of the tokensets, one if Ada connected an account.
    pub(super) async fn of(tenant: &Tenant) -> Self {
        let admin = Admin::of(tenant).await;
        let list = async |path: &str| admin.get(path).await.expect(200).json();
        let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
        let web = tenant.client_id(Application::Web);
        let user = segment(tenant.seeded().people[0].user_id.as_str());
        let tokensets = list(&format!("users/{user}/federated-connections-tokensets")).await;
        Self {
            client_grant: text(&list(&format!("client-grants?client_id={web}")).await[0]["id"]),
            client: web,
            resource_server: segment(RESOURCE_SERVER),
            connection: text(
                &list(&format!("connections?name={CALENDAR_CONNECTION}")).await[0]["id"],
            ),
            tokenset: text(&tokensets[0]["id"]),
            user,
            log: text(&list("logs?per_page=1").await[0]["log_id"]),
        }
    }
}

/// Scopes of which one is demanded.
pub(super) type AnyOf = &'static [&'static str];
/// An operation of the API, with a body that would do something.
pub(super) type Operation = (Method, String, Option<Value>, AnyOf);

/// Every operation. Those that remove come last.
pub(super) fn operations(targets: &Targets) -> Vec<Operation> {
    let Targets { client, client_grant, resource_server, connection, user, tokenset, log } =
        targets;
    let read_clients: AnyOf =
        &["read:clients", "read:client_keys", "read:client_credentials", "read:client_summary"];
    let update_users: AnyOf = &["update:users", "update:users_app_metadata"];
    let read_logs: AnyOf = &["read:logs", "read:logs_users"];
    let read_tokensets: AnyOf =
        &["read:federated_connections_tokens", "read:federated_connections_tokensets"];
    let delete_tokensets: AnyOf =
        &["delete:federated_connections_tokens", "update:federated_connections_tokensets"];
    let get = |path: String, scopes: AnyOf| (Method::GET, path, None, scopes);
    let delete = |path: String, scopes: AnyOf| (Method::DELETE, path, None, scopes);
    let post = |path: String, body, scopes: AnyOf| (Method::POST, path, Some(body), scopes);
    let patch = |path: String, body, scopes: AnyOf| (Method::PATCH, path, Some(body), scopes);
    vec![
        get("clients".to_owned(), read_clients),
        post("clients".to_owned(), json!({"name": "Forged"}), &["create:clients"]),
        get(format!("clients/{client}"), read_clients),
        patch(
            format!("clients/{client}"),
            json!({"name": "Forged"}),
            &["update:clients", "update:client_keys"],
        ),
        post(format!("clients/{client}/rotate-secret"), json!({}), &["update:client_keys"]),
        get(format!("clients/{client}/connections"), &["read:connections"]),
        get("client-grants".to_owned(), &["read:client_grants"]),
        post(
            "client-grants".to_owned(),
            json!({"client_id": client, "audience": RESOURCE_SERVER, "scope": []}),
            &["create:client_grants"],
        ),
        get(format!("client-grants/{client_grant}"), &["read:client_grants"]),
        patch(
            format!("client-grants/{client_grant}"),
            json!({"scope": []}),
            &["update:client_grants"],
        ),
        get("resource-servers".to_owned(), &["read:resource_servers"]),
        post(
            "resource-servers".to_owned(),
            json!({"identifier": "urn:forged"}),
            &["create:resource_servers"],
        ),
        get(format!("resource-servers/{resource_server}"), &["read:resource_servers"]),
        patch(
            format!("resource-servers/{resource_server}"),
            json!({"name": "Forged"}),
            &["update:resource_servers"],
        ),
        get("connections".to_owned(), &["read:connections"]),
        post(
            "connections".to_owned(),
            json!({"name": "forged", "strategy": "auth0"}),
            &["create:connections"],
        ),
        get(format!("connections/{connection}"), &["read:connections"]),
        patch(
            format!("connections/{connection}"),
            json!({"display_name": "Forged"}),
            &["update:connections"],
        ),
        get(format!("connections/{connection}/clients"), &["read:connections"]),
        patch(
            format!("connections/{connection}/clients"),
            json!([{"client_id": client, "status": false}]),
            &["update:connections"],
        ),
        get("users".to_owned(), &["read:users"]),
        post(
            "users".to_owned(),
            json!({
                "connection": DATABASE_CONNECTION, "email": "forged@strongroom.test",
                "password": "forged forged forged",
            }),
            &["create:users"],
        ),
        get("users-by-email?email=ada%40strongroom.test".to_owned(), &["read:users"]),
        get(format!("users/{user}"), &["read:users"]),
        patch(format!("users/{user}"), json!({"app_metadata": {"forged": true}}), update_users),
        get(format!("users/{user}/connected-accounts"), &["read:users"]),
        get(format!("users/{user}/federated-connections-tokensets"), read_tokensets),
        get(format!("users/{user}/logs"), read_logs),
        get("logs".to_owned(), read_logs),
        get(format!("logs/{log}"), read_logs),
        delete(
            format!("users/{user}/federated-connections-tokensets/{tokenset}"),
            delete_tokensets,
        ),
        delete(format!("client-grants/{client_grant}"), &["delete:client_grants"]),
        delete(format!("connections/{connection}"), &["delete:connections"]),
        delete(format!("users/{user}"), &["delete:users"]),
        delete(format!("resource-servers/{resource_server}"), &["delete:resource_servers"]),
        delete(format!("clients/{client}"), &["delete:clients"]),
    ]
}

/// Ada connects an account, so that there is a tokenset.
pub(super) async fn connect(tenant: &Tenant) {
    let browser = tenant.browser();
    let tokens = tenant.log_in(&browser, &Login::spa()).await;
    let mine = tenant.my_account_tokens(&tokens).await;
    tenant.connect_account(&browser, &mine, &Connect::calendar()).await;
}

/// What an administrator sees of a tenant.
pub(super) async fn everything(tenant: &Tenant) -> Vec<Value> {
    let admin = Admin::of(tenant).await;
    let user = segment(tenant.seeded().people[0].user_id.as_str());
    let tokensets = format!("users/{user}/federated-connections-tokensets");
    let mut seen = Vec::new();
    for path in ["clients", "client-grants", "resource-servers", "connections", "users", &tokensets]
    {
        seen.push(admin.get(path).await.expect(200).json());
    }
    seen
}

pub(super) fn all_scopes_but(own: &[&str]) -> String {
    let others = MANAGEMENT_SCOPES.iter().filter(|scope| !own.contains(scope));
    others.copied().collect::<Vec<_>>().join(" ")
}
