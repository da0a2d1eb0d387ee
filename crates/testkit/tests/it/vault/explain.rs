//! Explaining an exchange: the row that fails is the one that the exchange itself fails by.

use std::time::Duration;

use model::client::AuthMethod;
use model::log_event::LogEventKind;
use protocol::oauth::exchange::SubjectTokenType;
use protocol::oauth::token::GrantType;
use serde_json::{Value, json};
use testkit::{Answer, CALENDAR_CONNECTION, TestServer};

use crate::management::Admin;
use crate::scene::{Scene, edit, exchange_with};
use crate::steps::edit_ada;
use crate::support::edit_connection;

pub(super) async fn ask(server: &TestServer, question: &Value) -> Answer {
    Admin::of(server).await.post("token-vault/explain-exchange", question).await
}

fn question(scene: &Scene) -> Value {
    let server = &scene.server;
    json!({
        "client_id": server.seeded().web.client_id,
        "user_id": server.seeded().people[0].user_id,
        "connection": CALENDAR_CONNECTION,
        "ip": "127.0.0.1",
    })
}

/// Sets limits for the confidential application.
async fn limit(scene: &Scene, policy: Value) {
    let policy = Some(serde_json::from_value(policy).unwrap());
    let web = &scene.server.seeded().web.client_id;
    edit(&scene.server, web, |client| client.token_vault_policy = policy).await;
}

/// Each set-up is broken in one place, by whoever is to be told of it.
const BROKEN: [&str; 24] = [
    "client",
    "grant",
    "first_party",
    "authentication",
    "oidc_conformant",
    "privileged_access",
    "ip_allowlist",
    "hours",
    "hours from wherever it may",
    "resource_server",
    "subject_token",
    "budget",
    "granted_connection",
    "granted_scopes",
    "user",
    "user_not_blocked",
    "connection",
    "connected_accounts",
    "enabled_client",
    "connected_account",
    "connected_account of nobody",
    "account_scopes",
    "no_broader_token",
    "tokenset",
];

/// Breaks it. Answers whether an exchange fails by the same check; of the others, only a question can
/// be wrong in that way.
async fn break_it(scene: &Scene, name: &str, question: &mut Value) -> bool {
    let server = &scene.server;
    let web = &server.seeded().web.client_id;
    let calendar = |scopes: &[&str]| json!([{"connection": "calendar", "scopes": scopes}]);
    match name {
        "client" => question["client_id"] = json!("nobody"),
        "privileged_access" => {
            question["subject_token_type"] = json!(SubjectTokenType::Jwt.as_str());
        }
        "resource_server" => {
            question["subject_token_type"] = json!(SubjectTokenType::AccessToken.as_str());
        }
        "subject_token" => {
            question["client_id"] = json!(server.seeded().api.client_id);
            question["holder_client_id"] = json!("nobody");
        }
        "user" => question["user_id"] = json!("auth0|nobody"),
        "authentication" => {
            edit(server, web, |it| it.token_endpoint_auth_method = AuthMethod::None).await;
        }
        _ => return break_what_an_exchange_meets(scene, name, question, &calendar).await,
    }
    false
}

async fn break_what_an_exchange_meets(
    scene: &Scene,
    name: &str,
    question: &mut Value,
    calendar: &impl Fn(&[&str]) -> Value,
) -> bool {
    let server = &scene.server;
    let web = &server.seeded().web.client_id;
    match name {
        "grant" => {
            edit(server, web, |it| {
                it.grant_types.retain(|one| one.as_str() != GrantType::VaultExchange.as_str());
            })
            .await;
        }
        "first_party" => edit(server, web, |it| it.is_first_party = false).await,
        "oidc_conformant" => edit(server, web, |it| it.oidc_conformant = false).await,
        "ip_allowlist" => limit(scene, json!({"ip_allowlist": ["192.0.2.1"]})).await,
        "hours" => limit(scene, json!({"hours": []})).await,
        "hours from wherever it may" => {
            limit(scene, json!({"hours": [], "ip_allowlist": ["127.0.0.1"]})).await;
            question.as_object_mut().unwrap().remove("ip");
        }
        "budget" => {
            let none = json!({"exchanges": 0, "seconds": 60});
            limit(scene, json!({"budgets": {"client": none}})).await;
        }
        "granted_connection" => limit(scene, json!({"grants": []})).await,
        "granted_scopes" => {
            limit(scene, json!({"grants": calendar(&["openid"])})).await;
            question["scope"] = json!("read:calendar");
        }
        "user_not_blocked" => edit_ada(server, |ada| ada.blocked = true).await,
        "connection" => question["connection"] = json!("Calendar"),
        "connected_accounts" => {
            edit_connection(server, CALENDAR_CONNECTION, |it| it.connected_accounts.active = false)
                .await;
        }
        "enabled_client" => {
            let admin = Admin::of(server).await;
            let listed = admin.get("connections?name=calendar").await.json();
            let path = format!("connections/{}/clients", listed[0]["id"].as_str().unwrap());
            let off = json!([{"client_id": web, "status": false}]);
            admin.patch(&path, &off).await.expect(204);
        }
        "connected_account" => question["login_hint"] = json!("nobody@example.test"),
        "connected_account of nobody" => {
            question["connection"] = json!("empty");
            let options = json!({"offline_access": true});
            crate::scene::add_connection(server, "empty", "google-oauth2", options).await;
        }
        "account_scopes" => question["scope"] = json!("write:calendar"),
        "no_broader_token" => limit(scene, json!({"grants": calendar(&["openid"])})).await,
        "tokenset" => {
            server.provider().revoke("ada").await;
            server.clock().advance(Duration::from_hours(1));
            scene.ada.exchange_calendar().await.expect(401);
        }
        other => panic!("{other}"),
    }
    true
}

/// The exchange that the question is about.
async fn exchange(scene: &Scene, question: &Value) -> Answer {
    let token = scene.ada.mine.refresh_token.as_deref().unwrap();
    let subject = (SubjectTokenType::RefreshToken.as_str(), token);
    let text = |name: &str| question[name].as_str().unwrap_or_default();
    let changes = [
        ("connection", text("connection")),
        ("scope", text("scope")),
        ("login_hint", text("login_hint")),
    ];
    exchange_with(&scene.server, &scene.server.seeded().web, subject, &changes).send().await
}

#[tokio::test]
async fn each_broken_set_up_is_told_by_its_row() {
    for name in BROKEN {
        let scene = Scene::web().await;
        let mut question = question(&scene);
        let has_exchange = break_it(&scene, name, &mut question).await;
        let expected = name.split(' ').next().unwrap();
        let told = ask(&scene.server, &question).await.expect(200).json();
        assert_eq!((&told["allowed"], &told["failed_check"]), (&json!(false), &json!(expected)));
        let rows = told["checks"].as_array().unwrap();
        let at = rows.iter().position(|row| row["check"] == expected).unwrap();
        for (position, row) in rows.iter().enumerate() {
            let outcome = row["outcome"].as_str().unwrap();
            match position.cmp(&at) {
                std::cmp::Ordering::Less => {
                    assert!(["passed", "supposed"].contains(&outcome), "{name}: {row}");
                }
                std::cmp::Ordering::Equal => {
                    assert_eq!(outcome, "failed", "{name}: {row}");
                    assert!(!row["fix"].as_str().unwrap().is_empty(), "{name}: {row}");
                }
                std::cmp::Ordering::Greater => assert_eq!(outcome, "not_reached", "{name}: {row}"),
            }
        }
        if has_exchange {
            assert!(exchange(&scene, &question).await.status >= 400, "{name}");
            let event = scene.server.latest_event(LogEventKind::VaultExchangeFailed).await;
            assert_eq!(event.detail.details["failed_check"], expected, "{name}");
        }
    }
}

#[tokio::test]
async fn what_works_is_told_without_being_done() {
    let scene = Scene::web().await;
    let server = &scene.server;
    let refreshes = server.provider().calls_of("refresh").await;
    let before = server.log_events().await.len();
    let admin = Admin::of(server).await;
    let told = admin.post("token-vault/explain-exchange", &question(&scene)).await.expect(200);
    let told = told.json();
    assert_eq!(told["allowed"], true, "{told}");
    assert_eq!(told.get("failed_check"), None);
    let last = told["checks"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["check"], &last["outcome"]), (&json!("provider"), &json!("passed")));

    server.clock().advance(Duration::from_hours(1));
    let told = ask(server, &question(&scene)).await.expect(200).json();
    let last = told["checks"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&told["allowed"], &last["outcome"]), (&json!(true), &json!("supposed")));
    assert_eq!(server.provider().calls_of("refresh").await, refreshes);
    let exchanges = [LogEventKind::VaultExchange, LogEventKind::VaultExchangeFailed];
    let events = server.log_events().await;
    assert!(events[before..].iter().all(|event| !exchanges.contains(&event.kind)));

    // The API's exchange is about the client that the person logged in with.
    let mut of_api = question(&scene);
    of_api["client_id"] = json!(server.seeded().api.client_id);
    of_api["holder_client_id"] = json!(server.seeded().spa);
    assert_eq!(ask(server, &of_api).await.expect(200).json()["allowed"], true);
}

/// What is told of a client, a person and a connection is for whoever may see all three.
#[tokio::test]
async fn a121_an_explanation_is_for_whoever_may_read_all_of_it() {
    let scene = Scene::web().await;
    let all = ["read:clients", "read:users", "read:connections"];
    for missing in all {
        let scopes: Vec<_> = all.into_iter().filter(|one| *one != missing).collect();
        let admin = Admin::with(&scene.server, &scopes.join(" ")).await;
        let answer = admin.post("token-vault/explain-exchange", &question(&scene)).await;
        assert_eq!(answer.status, 403, "{missing}");
    }
    let admin = Admin::with(&scene.server, &all.join(" ")).await;
    admin.post("token-vault/explain-exchange", &question(&scene)).await.expect(200);
    for (member, value) in
        [("ip", json!("here")), ("scope", json!("\u{e9}")), ("subject_token_type", json!("jwt"))]
    {
        let mut wrong = question(&scene);
        wrong[member] = value;
        admin.post("token-vault/explain-exchange", &wrong).await.expect(400);
    }
}
