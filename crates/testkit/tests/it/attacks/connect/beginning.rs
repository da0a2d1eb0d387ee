//! What a connect can begin with, and what comes out of it.

use std::collections::HashSet;

use engine::entropy::{Entropy, OsEntropy};
use model::log_event::LogEventKind;
use protocol::secret::kind;
use serde_json::{Value, json};
use testkit::{Application, Connect, Login, TestServer, Tokens};
use url::Url;

use super::transactions;
use crate::scene::{LoggedIn, account_error, notes};
use crate::support::{edit_client, edit_connection};

const FAILED: LogEventKind = LogEventKind::AccountConnectFailed;
const CONNECT: &str = "/me/v1/connected-accounts/connect";

fn asking(redirect_uri: &str) -> Value {
    json!({ "connection": "calendar", "redirect_uri": redirect_uri })
}

#[tokio::test]
async fn a105_a_connect_leads_back_to_a_callback_of_the_client_alone() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::spa()).await;
    edit_client(&server, Application::Web, |web| {
        web.callbacks.push("https://web.example/callback".to_owned());
    })
    .await;
    edit_client(&server, Application::Spa, |spa| {
        spa.callbacks.push("https://spa.example/callback".to_owned());
    })
    .await;
    for redirect_uri in [
        "https://web.example/callback",
        "https://spa.example/callback/",
        "https://spa.example/callback?x=1",
        "https://spa.example/callback#x",
        "https://spa.example/callback/../evil",
        "https://spa.example/%63allback",
        "https://SPA.example/callback",
        "https://spa.example:8443/callback",
        "https://spa.example.evil.example/callback",
        "https://evil@spa.example/callback",
        "https://spa.example\\@evil.example/callback",
        "http://spa.example/callback",
        "http://localhost.evil.example/callback",
        "javascript:alert(1)",
        "data:text/html,x",
        "//spa.example/callback",
        "/callback",
        "x",
    ] {
        let call = server.post(CONNECT).access(&ada.mine).json(&asking(redirect_uri));
        let cause = "the redirect_uri is not registered for the client";
        let answer = notes(&server, FAILED, cause, call.send()).await;
        let detail = "The redirect_uri is not registered for the client.";
        account_error(&answer, 400, "A0E-400-0001", "Bad Request", detail);
    }
    assert_eq!(transactions(&server).await, 0);
    let call = server.post(CONNECT).access(&ada.mine).json(&asking("https://spa.example/callback"));
    call.send().await.expect(201);
}

/// A76 at the beginning: what is not connectable does not exist.
#[tokio::test]
async fn a105_a_connection_that_does_not_serve_is_not_connected() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::spa()).await;
    let refused = async |name: &str| {
        let mut body = asking("http://localhost:1/callback");
        body["connection"] = json!(name);
        let call = server.post(CONNECT).access(&ada.mine).json(&body);
        let cause = format!(
            "the connection {name:?} does not exist or is not enabled for connected accounts"
        );
        let answer = notes(&server, FAILED, &cause, call.send()).await;
        let detail = "The connection was not found.";
        account_error(&answer, 404, "A0E-404-0002", "Resource Not Found", detail);
    };
    for name in ["no-such", "Calendar", " calendar", "Username-Password-Authentication"] {
        refused(name).await;
    }
    edit_connection(&server, "calendar", |it| it.connected_accounts.active = false).await;
    refused("calendar").await;
    edit_connection(&server, "calendar", |it| it.connected_accounts.active = true).await;
    assert_eq!(transactions(&server).await, 0);
    ada.connect(&Connect::calendar()).await;
}

/// A connection that is taken away while a browser is at its provider takes no account any more.
#[tokio::test]
async fn a105_a_connection_that_was_taken_away_meanwhile_is_not_connected() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::spa()).await;
    let connecting = ada.begin().await;
    let code = ada.consent_to(&connecting).await;
    edit_connection(&server, "calendar", |it| it.connected_accounts.active = false).await;
    let answer = ada.completing(&connecting, &code).send().await;
    crate::scene::session_not_found(&answer);
    assert_eq!(super::accounts(&server).await, 0);

    edit_connection(&server, "calendar", |it| it.connected_accounts.active = true).await;
    let connecting = ada.begin().await;
    edit_connection(&server, "calendar", |it| it.connected_accounts.active = false).await;
    assert_eq!(ada.browser.open(connecting.url.as_str()).await.answer.status, 400);
    assert_eq!(super::redemptions(&server).await, 1);
}

/// Who may not connect, and that it is noted whose token it was.
#[tokio::test]
async fn a105_a_token_that_is_not_for_connecting_begins_nothing() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::spa()).await;
    let scoped = async |scope: &str| {
        let audience = server.my_account_audience();
        let scope = format!("openid offline_access {scope}");
        let login = LoggedIn::of(&server, &Login::spa()).await.mine;
        server.refresh(&login, &[("audience", &audience), ("scope", &scope)]).await
    };
    let body = asking("http://localhost:1/callback");
    let begin = |tokens: &Tokens| server.post(CONNECT).access(tokens).json(&body).send();

    let reader = scoped("read:me:connected_accounts").await;
    let cause = "the token lacks the scope create:me:connected_accounts";
    let answer = notes(&server, FAILED, cause, begin(&reader)).await;
    let detail = "Insufficient scope, expected: create:me:connected_accounts";
    account_error(&answer, 403, "A0E-403-0002", "Insufficient Scope", detail);
    let event = server.latest_event(FAILED).await.detail;
    assert_eq!(event.user_id.as_deref(), Some(server.seeded().people[0].user_id.as_str()));
    assert_eq!(event.client_id.as_deref(), Some(server.seeded().spa.as_str()));

    let cause = "the token is for another audience";
    let answer = notes(&server, FAILED, cause, begin(&ada.tokens)).await;
    account_error(&answer, 401, "A0E-401-0003", "Invalid Token", "Invalid Token");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));

    // Another tenant's token is a stranger's: it is refused, and no log is filled with it.
    let there = server.other_tenant().await;
    let hers = LoggedIn::of(&there, &Login::spa()).await;
    let before = server.log_events().await.len();
    let answer = begin(&hers.mine).await;
    account_error(&answer, 401, "A0E-401-0003", "Invalid Token", "Invalid Token");
    let answer = server.post(CONNECT).json(&body).send().await;
    account_error(&answer, 401, "A0E-401-0002", "Missing Token", "No auth token provided.");
    assert_eq!(server.log_events().await.len(), before);
    assert_eq!(transactions(&server).await, 0);
}

/// Everything that a connect gives out: 256 random bits each, kept as hashes alone.
#[tokio::test]
async fn a110_nothing_of_a_connect_can_be_guessed() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::spa()).await;
    let [mut tickets, mut sessions, mut states] = [const { Vec::new() }; 3];
    for _ in 0..100 {
        let connecting = ada.begin().await;
        tickets.push(parameter(&connecting.url, "ticket"));
        sessions.push(connecting.auth_session.strip_prefix("sas_").unwrap().to_owned());
        let departure = ada.browser.get(&connecting.url).await;
        let state = parameter(&Url::parse(departure.location()).unwrap(), "state");
        states.push(state.strip_prefix("sps_").unwrap().to_owned());
    }
    let code = ada.consent_to(&ada.begin().await).await;
    let codes = vec![code.strip_prefix("cc_").unwrap().to_owned()];
    for samples in [&tickets, &sessions, &states] {
        are_random(samples);
    }
    for samples in [&tickets, &sessions, &states, &codes] {
        are_nowhere_in_the_database(&server, samples);
    }
}

/// What mints them all, outside of tests.
#[test]
fn a110_ten_thousand_secrets_have_nothing_in_common() {
    let entropy: &dyn Entropy = &OsEntropy;
    let secret = |_| entropy.secret::<kind::Ticket>("").expose().to_owned();
    are_random(&(0..10_000).map(secret).collect::<Vec<_>>());
}

fn parameter(url: &Url, name: &str) -> String {
    url.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned()
}

/// All different, and no position tells anything: of its 64 characters most have been seen at each.
/// 256 bits in base64url are 43 characters; the last one has four bits.
fn are_random(samples: &[String]) {
    assert_eq!(samples.iter().collect::<HashSet<_>>().len(), samples.len());
    assert!(samples.iter().all(|sample| sample.len() == 43));
    for position in 0..42 {
        let seen: HashSet<u8> = samples.iter().map(|sample| sample.as_bytes()[position]).collect();
        assert!(seen.len() > 40, "position {position}: {} characters", seen.len());
    }
}

/// What is committed stands in the file or in its log.
fn are_nowhere_in_the_database(server: &TestServer, values: &[String]) {
    for file in std::fs::read_dir(server.database_folder().unwrap()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!values.iter().any(|value| text.contains(value.as_str())), "in the database");
    }
}
