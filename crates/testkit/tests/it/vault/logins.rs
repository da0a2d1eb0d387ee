//! The older switch: tokens of a login through a connection go to the vault.

use std::time::Duration;

use serde_json::json;
use testkit::{CALENDAR_CONNECTION, Connect, Exchange, Login, TestServer, Tokens};

use crate::scene::{NOT_CONNECTED, account_error, owner_of, refuses};
use crate::support::{count, edit_connection};

/// Keeps the tokens of logins, and of nothing else.
async fn with_switch(active: bool) -> TestServer {
    let server = TestServer::start().await;
    edit_connection(&server, CALENDAR_CONNECTION, |connection| {
        let switch = json!({ "active": active });
        connection.options.insert("federated_connections_access_tokens".to_owned(), switch);
        connection.connected_accounts.active = false;
    })
    .await;
    server
}

async fn log_in(server: &TestServer) -> Tokens {
    let login = Login::web().with("connection", CALENDAR_CONNECTION);
    server.log_in(&server.browser(), &login).await
}

async fn accounts(server: &TestServer) -> i64 {
    count(server, "SELECT COUNT(*) AS n FROM connected_accounts").await
}

#[tokio::test]
async fn a_login_fills_the_vault_and_the_next_one_renews_it() {
    let server = with_switch(true).await;
    let provider = server.provider();
    let tokens = log_in(&server).await;
    let calendar = Exchange::calendar();
    let first = server.exchange_refresh_token(&tokens, &calendar).await.expect(200);
    provider.events(&first.member("access_token")).await.expect(200);
    assert_eq!(accounts(&server).await, 1);

    server.clock().advance(Duration::from_hours(1));
    let renewed = server.exchange_refresh_token(&tokens, &calendar).await.expect(200);
    assert_eq!(provider.refreshes().await, 1);
    let again = log_in(&server).await;
    assert_eq!(accounts(&server).await, 1);
    let third = server.exchange_refresh_token(&again, &calendar).await.expect(200);
    assert_ne!(third.member("access_token"), renewed.member("access_token"));
    assert_eq!(owner_of(&server, &third.member("access_token")).await, "emulated-ada");
}

/// A provider that remembers having given a refresh token gives none at the next login.
#[tokio::test]
async fn a_login_without_a_refresh_token_keeps_the_one_that_is_there() {
    let server = with_switch(true).await;
    let provider = server.provider();
    log_in(&server).await;
    let edit = json!({ "kind": "edit", "omit": ["refresh_token"] });
    provider.fault(json!({ "endpoint": "code_exchange", "effect": edit })).await;
    let tokens = log_in(&server).await;
    server.clock().advance(Duration::from_hours(1));
    server.exchange_refresh_token(&tokens, &Exchange::calendar()).await.expect(200);
    assert_eq!(provider.refreshes().await, 1);
}

/// The tokens are in the vault and nowhere else: not in the identity, not in the profile.
#[tokio::test]
async fn tokens_of_a_login_do_not_show() {
    for active in [true, false] {
        let server = with_switch(active).await;
        log_in(&server).await;
        let token = server.management_token().await;
        let call = server.management(reqwest::Method::GET, "users?per_page=50", &token);
        let users = call.send().await.expect(200);
        let text = users.text();
        assert!(text.contains("oidc|calendar|emulated-ada"));
        for line in server.provider().tokens().await {
            assert!(!text.contains(line["value"].as_str().unwrap()));
        }
        let users = users.json();
        let of_provider = users
            .as_array()
            .unwrap()
            .iter()
            .find(|user| user["user_id"] == "oidc|calendar|emulated-ada");
        let identity = &of_provider.unwrap()["identities"][0];
        assert_eq!(identity["connection"], CALENDAR_CONNECTION);
        assert_eq!((identity.get("access_token"), identity.get("refresh_token")), (None, None));
    }
}

#[tokio::test]
async fn without_the_switch_a_login_keeps_nothing() {
    let server = with_switch(false).await;
    let tokens = log_in(&server).await;
    assert_eq!(accounts(&server).await, 0);
    let calendar = Exchange::calendar();
    let attempt = server.exchange_refresh_token(&tokens, &calendar);
    let cause = "the connection is not enabled for connected accounts";
    refuses(&server, NOT_CONNECTED, cause, attempt).await;
}

/// The two switches are two: a connection that keeps the tokens of logins is not for connecting.
#[tokio::test]
async fn a_connection_for_logins_is_not_connected() {
    let server = with_switch(true).await;
    let tokens = server.log_in(&server.browser(), &Login::spa()).await;
    let mine = server.my_account_tokens(&tokens).await;
    let body = json!({ "connection": "calendar", "redirect_uri": "http://localhost:1/callback" });
    let call = server.post("/me/v1/connected-accounts/connect").access(&mine).json(&body);
    let detail = "The connection was not found.";
    account_error(&call.send().await, 404, "A0E-404-0002", "Resource Not Found", detail);
    let call = server.get("/me/v1/connected-accounts/connections").access(&mine);
    assert_eq!(call.send().await.expect(200).json()["connections"], json!([]));
}

/// Both switches on: what a login brought and what was connected are the same account.
#[tokio::test]
async fn a_login_and_a_connect_of_one_identity_are_one_account() {
    let server = with_switch(true).await;
    edit_connection(&server, CALENDAR_CONNECTION, |it| it.connected_accounts.active = true).await;
    let tokens = log_in(&server).await;
    let mine = server.my_account_tokens(&tokens).await;
    let listed = server.connected_accounts(&mine).await;
    assert_eq!(listed.len(), 1);
    // The link asks who has no session of ours, so a browser that is nobody's will do.
    let browser = server.browser();
    let account = server.connect_account(&browser, &mine, &Connect::calendar()).await;
    assert_eq!(account["id"], listed[0]["id"]);
    assert_eq!(server.connected_accounts(&mine).await.len(), 1);
}
