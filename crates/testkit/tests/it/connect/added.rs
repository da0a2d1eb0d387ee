//! Providers that were added by a file, without a build; and accounts that are elsewhere than the
//! connection says.

use std::time::Duration;

use model::log_event::LogEventKind;
use serde_json::{Value, json};
use testkit::{Connect, Emulated, Exchange, Login, TestServer};

use crate::management::{Admin, segment};
use crate::scene::{LoggedIn, add_connection, owner_of};

/// The page that tells how, with the file that it shows.
const PAGE: &str = include_str!("../../../../../docs/adding-a-provider.md");

/// Has its accounts in regions; which one has an account is told when the browser comes back.
const REGIONAL: &str = r#"
strategy = "regional"
name = "Regional"
verified_on = "2026-11-28"
sources = [{ url = "https://regional.example/docs", for = [
  "variables", "endpoints", "client", "scopes", "refresh", "account", "facts",
] }]
[variables.region]
options = ["region"]
pattern = "us|eu"
default = "us"
example = "eu"
words = "The region."
told = { parameter = "server", prefix = "https://login.regional.example/" }
[endpoints]
authorization = "https://login.regional.example/{region}/authorize"
token = "https://login.regional.example/{region}/token"
userinfo = "https://login.regional.example/{region}/me"
revocation = "https://login.regional.example/{region}/revoke"
[client]
auth = "post"
pkce = "s256"
[scopes]
default = ["read"]
request_separator = "space"
answer_separator = "space"
[refresh]
rotates = "always"
margin_seconds = 60
[account]
id_token = false
subject = ["id"]
label = ["{handle} ({team})"]
[facts]
company = { from = "callback", place = "company" }
api = { from = "token", place = "api.url" }
"#;

/// Describes itself by a discovery document.
const DISCOVERED: &str = r#"
strategy = "discovered"
name = "Discovered"
verified_on = "2026-11-28"
discovery = true
sources = [{ url = "https://discovered.example/docs", for = [
  "endpoints", "client", "scopes", "refresh", "account",
] }]
[endpoints]
authorization = "https://discovered.example/authorize"
token = "https://discovered.example/token"
userinfo = "https://discovered.example/me"
jwks = "https://discovered.example/keys"
issuer = "https://discovered.example"
[endpoint_options]
issuer = "issuer"
[client]
auth = "discovered"
pkce = "discovered"
[scopes]
always = ["openid"]
request_separator = "space"
answer_separator = "space"
[refresh]
rotates = "never"
margin_seconds = 60
[account]
id_token = true
subject = ["sub"]
"#;

fn to(strategy: &str) -> Connect {
    Connect { connection: strategy.to_owned(), scopes: None, persona: None }
}

fn on(strategy: &str) -> Exchange {
    Exchange { connection: strategy.to_owned(), ..Exchange::calendar() }
}

async fn listed(ada: &LoggedIn) -> Value {
    let mut accounts = ada.tenant.connected_accounts(&ada.mine).await;
    assert_eq!(accounts.len(), 1, "{accounts:?}");
    accounts.remove(0)
}

/// The page's own file is all that a provider takes.
#[tokio::test]
async fn a_provider_is_added_by_the_one_file_that_the_page_shows() {
    let (_, file) = PAGE.split_once("```toml\n").unwrap();
    let (file, after) = file.split_once("```\n").unwrap();
    let server = TestServer::builder().provider("acme.toml", file).start().await;
    // And so is the connection that it shows.
    let (_, options) = after.split_once("\"options\": ").unwrap();
    let (options, _) = options.split_once(",\n  \"connected_accounts\"").unwrap();
    let options: Value = serde_json::from_str(options).unwrap();
    let seeded = server.seeded();
    let mut body = json!({
        "name": "acme", "strategy": "acme", "options": options,
        "connected_accounts": { "active": true }, "enabled_clients": [seeded.web.client_id],
    });
    body["options"]["client_id"] = json!("strongroom");
    body["options"]["client_secret"] = json!(server.provider().client_secret().expose());
    Admin::of(&server).await.post("connections", &body).await.expect(201);

    let ada = LoggedIn::of(&server, &Login::web()).await;
    let account = ada.connect(&to("acme")).await;
    assert_eq!(account["scopes"], json!(["tasks:read"]));
    let shown = listed(&ada).await;
    assert_eq!(shown["label"], "ada (ada)");
    assert_eq!(shown["facts"], json!({ "workspace_id": "workspace_id-of-ada" }));
    let first = ada.exchange(&on("acme")).await.expect(200).member("access_token");
    assert_eq!(owner_of(&server, &first).await, Emulated::subject_of("ada"));
    server.clock().advance(Duration::from_hours(1));
    let second = ada.exchange(&on("acme")).await.expect(200).member("access_token");
    assert_ne!(second, first);
    assert_eq!(server.provider().refreshes().await, 1);
}

/// The code is redeemed, the account read, the token renewed and revoked where the account is, and not
/// where the connection sent the browser.
#[tokio::test]
async fn an_account_is_called_where_it_is() {
    let server = TestServer::builder().provider("regional.toml", REGIONAL).start().await;
    add_connection(&server, "regional", "regional", json!({ "revoke_on_disconnect": true })).await;
    let ada = LoggedIn::of(&server, &Login::web()).await;
    let connecting = server.start_connecting(&ada.mine, &to("regional")).await;
    let departure = ada.browser.get(&connecting.url).await;
    assert!(departure.location().contains("/regional/us/authorize?"), "{departure:?}");
    let account = ada.connect(&to("regional")).await;
    let shown = listed(&ada).await;
    assert_eq!(shown["label"], "ada (ada)");
    let facts = json!({ "api": "api-of-ada", "company": "company-of-ada", "region": "eu" });
    assert_eq!(shown["facts"], facts);
    let user = server.claims_of(&ada.mine.access_token)["sub"].as_str().unwrap().to_owned();
    let path = format!("users/{}/connected-accounts", segment(&user));
    let seen = Admin::of(&server).await.get(&path).await.expect(200).json();
    let seen = &seen["connected_accounts"][0];
    assert_eq!((&seen["label"], &seen["facts"]), (&shown["label"], &facts));

    // The place tells both of the refresh and, with a newer token, of the revocation.
    server.clock().advance(Duration::from_mins(11));
    ada.exchange(&on("regional")).await.expect(200);
    assert_eq!(server.provider().refreshes().await, 1);
    assert_eq!(listed(&ada).await["facts"], facts);
    let path = format!("/me/v1/connected-accounts/accounts/{}", account["id"].as_str().unwrap());
    server.delete(&path).access(&ada.mine).send().await.expect(204);
    server.revoke_due().await;
    let tokens = server.provider().tokens().await;
    assert!(tokens.iter().all(|token| token["active"] == false), "{tokens:?}");
}

/// Whoever can write the callback's parameters cannot choose who is sent our secret.
#[tokio::test]
async fn a_place_that_is_not_the_providers_is_refused_before_the_code_is_spent() {
    let server = TestServer::builder().provider("regional.toml", REGIONAL).start().await;
    add_connection(&server, "regional", "regional", json!({})).await;
    let ada = LoggedIn::of(&server, &Login::web()).await;
    for place in ["https://evil.example/eu", "https://login.regional.example/eu/x", "", "eu"] {
        let calls = server.provider().calls_of("code_exchange").await;
        let edit = json!({ "kind": "edit", "set": { "server": place } });
        let rule = json!({ "endpoint": "authorization_response", "effect": edit });
        server.provider().fault(rule).await;
        let connecting = server.start_connecting(&ada.mine, &to("regional")).await;
        let page = ada.browser.open(connecting.url.as_str()).await;
        let page = ada.browser.walk(page, &ada.persona).await;
        assert_eq!(page.expect_parameter("error"), "server_error");
        let event = server.latest_event(LogEventKind::AccountConnectFailed).await;
        let cause = "the response names a place that is not the provider's";
        assert_eq!(event.detail.description.as_deref(), Some(cause));
        assert_eq!(server.provider().calls_of("code_exchange").await, calls, "{place}");
    }
    assert!(server.connected_accounts(&ada.mine).await.is_empty());
}

#[tokio::test]
async fn a_provider_of_a_file_may_describe_itself() {
    let server = TestServer::builder().provider("discovered.toml", DISCOVERED).start().await;
    let issuer = format!("{}discovered", server.provider().issuer());
    let options = json!({ "issuer": issuer });
    add_connection(&server, "discovered", "discovered", options).await;
    let ada = LoggedIn::of(&server, &Login::web()).await;
    ada.connect(&to("discovered")).await;
    assert_eq!(server.provider().calls_of("discovery").await, 1);
    let token = ada.exchange(&on("discovered")).await.expect(200).member("access_token");
    assert_eq!(owner_of(&server, &token).await, Emulated::subject_of("ada"));
}
