//! `/users/{id}/connected-accounts` and `/users/{id}/federated-connections-tokensets`

use model::log_event::LogEventKind;
use serde_json::json;
use testkit::{CALENDAR_CONNECTION, Connect, Exchange, Login, TestServer, Tokens};

use super::{Admin, refusal, refused, segment};

/// Ada, who connected the calendar: her tokens for the calendar's API.
async fn connected(server: &TestServer) -> Tokens {
    let browser = server.browser();
    let tokens = server.log_in(&browser, &Login::spa()).await;
    let mine = server.my_account_tokens(&tokens).await;
    server.connect_account(&browser, &mine, &Connect::calendar()).await;
    tokens
}

fn ada(server: &TestServer, rest: &str) -> String {
    let id = segment(server.seeded().people[0].user_id.as_str());
    format!("users/{id}/{rest}")
}

#[tokio::test]
async fn accounts_and_tokensets_are_shown_without_tokens() {
    let server = TestServer::start().await;
    connected(&server).await;
    let admin = Admin::of(&server).await;
    let path = ada(&server, "connected-accounts");
    let listed = admin.get(&format!("{path}?take=50")).await.expect(200).json();
    assert_eq!(listed.get("next"), None);
    let account = &listed["connected_accounts"][0];
    assert!(account["id"].as_str().unwrap().starts_with("cac_"));
    assert_eq!(account["connection"], CALENDAR_CONNECTION);
    assert!(account["connection_id"].as_str().unwrap().starts_with("con_"));
    assert_eq!(account["strategy"], "oidc");
    assert_eq!(account["access_type"], "offline");
    assert!(account["scopes"].as_array().unwrap().contains(&json!("read:calendar")));
    assert!(account["created_at"].as_str().unwrap().ends_with('Z'));

    let path = ada(&server, "federated-connections-tokensets");
    let tokensets = admin.get(&path).await.expect(200).json();
    let tokenset = &tokensets[0];
    assert_eq!(tokenset["id"].as_str().unwrap().len(), 36);
    assert_eq!(tokenset["connection"], CALENDAR_CONNECTION);
    assert!(tokenset["scope"].as_str().unwrap().contains("read:calendar"));
    let now = server.app().now().as_seconds();
    assert!((now - 60..=now).contains(&tokenset["issued_at"].as_i64().unwrap()));
    assert!(tokenset["expires_at"].as_i64().unwrap() > now);
    let mut members: Vec<&String> = tokenset.as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["connection", "expires_at", "id", "issued_at", "last_used_at", "scope"]);
}

#[tokio::test]
async fn both_spellings_of_the_scopes_are_accepted() {
    let server = TestServer::start().await;
    connected(&server).await;
    let path = ada(&server, "federated-connections-tokensets");
    let unknown = format!("{path}/{}", "00000000-0000-4000-8000-000000000000");
    for scope in ["read:federated_connections_tokens", "read:federated_connections_tokensets"] {
        let admin = Admin::with(&server, scope).await;
        admin.get(&path).await.expect(200);
        assert_eq!(refusal(&admin.delete(&unknown).await), refused(403, "insufficient_scope"));
    }
    for scope in ["delete:federated_connections_tokens", "update:federated_connections_tokensets"] {
        let admin = Admin::with(&server, scope).await;
        admin.delete(&unknown).await.expect(204);
        assert_eq!(refusal(&admin.get(&path).await), refused(403, "insufficient_scope"));
    }
}

#[tokio::test]
async fn a_deleted_tokenset_is_worth_nothing_at_once() {
    let server = TestServer::start().await;
    let tokens = connected(&server).await;
    server.exchange_access_token(&tokens, &Exchange::calendar()).await.expect(200);
    let admin = Admin::of(&server).await;
    let path = ada(&server, "federated-connections-tokensets");
    let tokensets = admin.get(&path).await.expect(200).json();
    assert!(tokensets[0]["last_used_at"].is_i64());
    let id = tokensets[0]["id"].as_str().unwrap();

    // Nobody else's user has it.
    let grace = segment(server.seeded().people[1].user_id.as_str());
    let elsewhere = format!("users/{grace}/federated-connections-tokensets/{id}");
    admin.delete(&elsewhere).await.expect(204);
    assert_eq!(admin.get(&path).await.expect(200).json(), tokensets);

    admin.delete(&format!("{path}/{id}")).await.expect(204);
    assert_eq!(admin.get(&path).await.expect(200).json(), json!([]));
    let answer = server.exchange_access_token(&tokens, &Exchange::calendar()).await;
    assert_eq!(answer.error(), (401, "federated_connection_refresh_token_not_found".to_owned()));
    let event = server.latest_event(LogEventKind::ManagementWrite).await.detail;
    assert_eq!(event.details["tokenset"]["id"], id);
    assert_eq!(event.user_id.as_deref(), Some(server.seeded().people[0].user_id.as_str()));
}
