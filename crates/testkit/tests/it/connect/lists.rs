//! What a person has connected, what can be connected, and how it ends.

use model::log_event::LogEventKind;
use serde_json::{Value, json};
use testkit::{Answer, Connect, Login, TestServer};

use crate::scene::{LoggedIn, Scene, account_error, add_connection};

const ACCOUNTS: &str = "/me/v1/connected-accounts/accounts";
const CONNECTIONS: &str = "/me/v1/connected-accounts/connections";

/// A custom connection to the emulator, which tells accounts apart by what its userinfo says.
async fn notes_connection(server: &TestServer) {
    let issuer = server.provider().issuer().to_owned();
    let options = json!({
        "authorizationURL": format!("{issuer}authorize"),
        "tokenURL": format!("{issuer}token"),
        "userinfo_endpoint": format!("{issuer}userinfo"),
        "scope": "openid offline_access",
        "pkce_enabled": true,
    });
    add_connection(server, "notes", "oauth2", options).await;
}

/// Connects an account of a subject that the provider makes up.
async fn connect_subject(ada: &LoggedIn, subject: &str) -> Value {
    let edit = json!({ "kind": "edit", "set": { "sub": subject } });
    ada.tenant.provider().fault(json!({ "endpoint": "userinfo", "effect": edit })).await;
    let connect = Connect { connection: "notes".to_owned(), scopes: None, persona: None };
    ada.connect(&connect).await
}

async fn page(ada: &LoggedIn, query: &str) -> Answer {
    ada.tenant.get(&format!("{ACCOUNTS}{query}")).access(&ada.mine).send().await
}

fn ids(answer: &Answer) -> Vec<Value> {
    let answer = answer.json();
    let accounts = answer["accounts"].as_array().unwrap();
    accounts.iter().map(|account| account["id"].clone()).collect()
}

#[tokio::test]
async fn accounts_come_in_pages() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::spa()).await;
    notes_connection(&server).await;
    let mut connected = vec![ada.connect(&Connect::calendar()).await["id"].clone()];
    for number in 0..11 {
        connected.push(connect_subject(&ada, &format!("account-{number}")).await["id"].clone());
    }

    let first = page(&ada, "").await.expect(200);
    assert_eq!(ids(&first), connected[..10]);
    let next = first.member("next");
    // One SDK sends the cursor under its own name.
    for name in ["from", "next"] {
        let last = page(&ada, &format!("?{name}={next}")).await.expect(200);
        assert_eq!(ids(&last), connected[10..]);
        assert_eq!(last.json().get("next"), None);
    }
    for take in [1, 5, 12, 20] {
        let (mut seen, mut query) = (Vec::new(), format!("?take={take}"));
        loop {
            let answer = page(&ada, &query).await.expect(200);
            assert!(ids(&answer).len() <= take);
            seen.extend(ids(&answer));
            let body = answer.json();
            let Some(next) = body.get("next") else { break };
            query = format!("?take={take}&from={}", next.as_str().unwrap());
        }
        assert_eq!(seen, connected, "{take}");
    }

    let calendar = page(&ada, "?connection=calendar").await.expect(200);
    assert_eq!(ids(&calendar), connected[..1]);
    let both = page(&ada, "?connection=calendar&connection=notes&take=20").await.expect(200);
    assert_eq!(ids(&both), connected);
    assert_eq!(ids(&page(&ada, "?connection=no-such").await.expect(200)), Vec::<Value>::new());

    let invalid = |name: &str| json!([{ "detail": format!("query parameter '{name}' is invalid"), "pointer": "" }]);
    for (query, name) in [
        ("?take=0", "take"),
        ("?take=21", "take"),
        ("?take=-1", "take"),
        ("?take=x", "take"),
        ("?from=cac_unknown", "from"),
        ("?from=", "from"),
    ] {
        let answer = page(&ada, query).await.expect(400).json();
        assert_eq!(answer["validation_errors"], invalid(name), "{query}");
    }
    let many = format!("?{}", vec!["connection=a"; 21].join("&"));
    page(&ada, &many).await.expect(400);
}

/// Somebody else's cursor and accounts are nobody's.
#[tokio::test]
async fn accounts_are_ones_own() {
    let scene = Scene::spa().await;
    let server = &scene.server;
    let grace = LoggedIn::of(server, &Login::spa().by_person(server.grace())).await;
    assert_eq!(grace.accounts().await, Vec::<Value>::new());
    let id = scene.account["id"].as_str().unwrap();
    page(&grace, &format!("?from={id}")).await.expect(400);

    // Deleting it succeeds, as deleting anything does, and deletes nothing.
    let path = format!("{ACCOUNTS}/{id}");
    server.delete(&path).access(&grace.mine).send().await.expect(204);
    let event = server.latest_event(LogEventKind::AccountDeleteFailed).await.detail;
    assert_eq!(event.user_id.as_deref(), Some(server.seeded().people[1].user_id.as_str()));
    assert_eq!(event.details["connected_account"]["id"], id);
    assert_eq!(scene.ada.only_account().await, scene.account);
    scene.is_intact().await;
}

#[tokio::test]
async fn an_account_is_disconnected_here_and_not_at_the_provider() {
    let scene = Scene::spa().await;
    let server = &scene.server;
    let token = scene.ada.calendar_token().await;
    let id = scene.account["id"].as_str().unwrap();
    let path = format!("{ACCOUNTS}/{id}");
    let answer = server.delete(&path).access(&scene.ada.mine).send().await.expect(204);
    assert!(answer.body.is_empty());
    let event = server.latest_event(LogEventKind::AccountDeleted).await.detail;
    assert_eq!(event.details["connected_account"]["id"], id);
    assert_eq!(event.client_id.as_deref(), Some(server.seeded().spa.as_str()));
    assert_eq!(scene.ada.accounts().await, Vec::<Value>::new());

    // As documented: what was given out stays good until it ends.
    assert_eq!(server.provider().calls_of("revoke").await, 0);
    server.provider().events(&token).await.expect(200);

    // A second time there is nothing to delete, which is no error.
    server.delete(&path).access(&scene.ada.mine).send().await.expect(204);
    assert_eq!(server.count_events(LogEventKind::AccountDeleteFailed).await, 1);
    for id in ["x", "cac_", "cac_a-b", "cac_a%2Fb", "con_1", "..%2F..%2Fusers"] {
        let path = format!("{ACCOUNTS}/{id}");
        let answer = server.delete(&path).access(&scene.ada.mine).send().await;
        let detail = "The id is not that of an account.";
        account_error(&answer, 400, "A0E-400-0001", "Bad Request", detail);
    }
}

#[tokio::test]
async fn connections_are_those_that_serve_the_application() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::spa()).await;
    notes_connection(&server).await;
    let issuer = server.provider().issuer().to_owned();
    let options = json!({ "discovery_url": format!("{issuer}.well-known/openid-configuration") });
    for name in ["hidden", "others"] {
        add_connection(&server, name, "oidc", options.clone()).await;
    }
    crate::support::edit_connection(&server, "hidden", |it| it.connected_accounts.active = false)
        .await;
    let token = server.management_token().await;
    let listed = server.management(reqwest::Method::GET, "connections?name=others", &token);
    let id = listed.send().await.expect(200).json()[0]["id"].as_str().unwrap().to_owned();
    let change = json!([{ "client_id": server.seeded().spa, "status": false }]);
    let path = format!("connections/{id}/clients");
    let call = server.management(reqwest::Method::PATCH, &path, &token).json(&change);
    call.send().await.expect(204);

    let answer = server.get(CONNECTIONS).access(&ada.mine).send().await.expect(200);
    insta::assert_json_snapshot!(answer.json(), @r#"
    {
      "connections": [
        {
          "name": "calendar",
          "scopes": [
            "openid",
            "profile",
            "email",
            "offline_access",
            "read:calendar"
          ],
          "strategy": "oidc"
        },
        {
          "name": "notes",
          "scopes": [
            "openid",
            "offline_access"
          ],
          "strategy": "oauth2"
        }
      ]
    }
    "#);
    let page = server.get(&format!("{CONNECTIONS}?take=1")).access(&ada.mine).send().await;
    assert_eq!(page.member("next"), "calendar");
    let page = server.get(&format!("{CONNECTIONS}?take=1&from=calendar")).access(&ada.mine);
    let page = page.send().await.expect(200).json();
    assert_eq!((&page["connections"][0]["name"], page.get("next")), (&json!("notes"), None));
    for query in ["take=0", "from=no-such"] {
        let call = server.get(&format!("{CONNECTIONS}?{query}")).access(&ada.mine);
        call.send().await.expect(400);
    }
}
