//! The other strategies of the catalogue, each with its provider's ways.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Connect, Emulated, Exchange, Login, TestServer};

use crate::scene::{LoggedIn, NOT_CONNECTED, add_connection, owner_of, refuses};

const EMAIL: &str = "https://www.googleapis.com/auth/userinfo.email";
const DRIVE: &str = "https://www.googleapis.com/auth/drive.readonly";

fn on(connection: &str) -> Exchange {
    Exchange { connection: connection.to_owned(), ..Exchange::calendar() }
}

fn to(connection: &str) -> Connect {
    Connect { connection: connection.to_owned(), scopes: None, persona: None }
}

async fn with_google(options: Value) -> (TestServer, LoggedIn) {
    let server = TestServer::start().await;
    add_connection(&server, "google", "google-oauth2", options).await;
    let ada = LoggedIn::of(&server, &Login::web()).await;
    (server, ada)
}

#[tokio::test]
async fn google_is_asked_for_offline_access_and_its_scopes_go_by_both_names() {
    let (server, ada) = with_google(json!({ "email": true, "drive_readonly": true })).await;
    let connecting = server.start_connecting(&ada.mine, &to("google")).await;
    let departure = ada.browser.get(&connecting.url).await;
    let asked = url::Url::parse(departure.location()).unwrap();
    let asked = |name: &str| {
        asked.query_pairs().find_map(|(key, value)| (key == name).then(|| value.into_owned()))
    };
    assert_eq!(asked("access_type").as_deref(), Some("offline"));
    assert_eq!(asked("prompt").as_deref(), Some("consent"));
    let scope = asked("scope").unwrap();
    let mut scopes: Vec<_> = scope.split(' ').collect();
    scopes.sort_unstable();
    assert_eq!(scopes, ["email", DRIVE, "openid"]);

    let account = ada.connect(&to("google")).await;
    let mut granted: Vec<_> =
        account["scopes"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    granted.sort_unstable();
    // Who compares with what was asked for, letter by letter, finds it.
    assert_eq!(granted, ["email", DRIVE, EMAIL, "openid"]);
    let exchange = on("google").login_hint(&Emulated::email_of("ada")).scope(DRIVE);
    let answer = ada.exchange(&exchange).await.expect(200);
    let first = answer.member("access_token");
    assert_eq!(owner_of(&server, &first).await, Emulated::subject_of("ada"));

    // A refresh answers no refresh token; the first one stays good.
    for refreshes in 1..=3 {
        server.clock().advance(Duration::from_hours(1));
        ada.exchange(&on("google")).await.expect(200);
        assert_eq!(server.provider().refreshes().await, refreshes);
    }
}

/// Google sends a refresh token with the first consent alone; what came then lives on.
#[tokio::test]
async fn google_connected_again_without_a_refresh_token_keeps_the_old_one() {
    let (server, ada) = with_google(json!({ "email": true })).await;
    let first = ada.connect(&to("google")).await;
    let edit = json!({ "kind": "edit", "omit": ["refresh_token"] });
    server.provider().fault(json!({ "endpoint": "code_exchange", "effect": edit })).await;
    let again = ada.connect(&to("google")).await;
    assert_eq!(again["id"], first["id"]);
    server.clock().advance(Duration::from_hours(2));
    ada.exchange(&on("google")).await.expect(200);
    assert_eq!(server.provider().refreshes().await, 1);
}

/// Whoever unticks a box at Google grants less than was asked for.
#[tokio::test]
async fn less_than_was_asked_for_connects_nothing_and_says_why() {
    let (server, ada) = with_google(json!({ "email": true, "drive_readonly": true })).await;
    let unticked = json!({ "kind": "edit", "set": { "scope": format!("openid {EMAIL}") } });
    server.provider().fault(json!({ "endpoint": "code_exchange", "effect": unticked })).await;
    let connecting = server.start_connecting(&ada.mine, &to("google")).await;
    let page = ada.browser.open(connecting.url.as_str()).await;
    let page = ada.browser.walk(page, &ada.persona).await;
    assert_eq!(page.expect_parameter("error"), "access_denied");
    let why = format!("the provider did not grant: {DRIVE}");
    assert_eq!(page.expect_parameter("error_description"), why);
    assert!(server.connected_accounts(&ada.mine).await.is_empty());
    ada.connect(&to("google")).await;
}

async fn with_github(options: Value) -> (TestServer, LoggedIn) {
    let server = TestServer::start().await;
    add_connection(&server, "github", "github", options).await;
    let ada = LoggedIn::of(&server, &Login::web()).await;
    (server, ada)
}

#[tokio::test]
async fn githubs_tokens_never_end_and_its_scopes_have_commas() {
    let (server, ada) = with_github(json!({ "scope": ["repo", "user:email"] })).await;
    let account = ada.connect(&to("github")).await;
    assert_eq!(account["scopes"], json!(["repo", "user:email"]));
    let first = ada.exchange(&on("github")).await.expect(200).json();
    assert_eq!(first["scope"], "repo user:email");
    assert_eq!(first["token_type"], "Bearer");
    // The provider says nothing, callers need a number.
    assert_eq!(first["expires_in"], 28_800);
    server.clock().advance(Duration::from_hours(24 * 400));
    let later = ada.exchange(&on("github")).await.expect(200).json();
    assert_eq!(later, first);
    assert_eq!(server.provider().calls_of("refresh").await, 0);
    let token = first["access_token"].as_str().unwrap();
    assert_eq!(owner_of(&server, token).await, Emulated::subject_of("ada"));
}

/// GitHub keeps the address to itself and tells it at another endpoint; it counts when verified.
#[tokio::test]
async fn githubs_account_is_found_by_its_number_and_by_its_address() {
    let (server, ada) = with_github(json!({ "scope": ["user:email"] })).await;
    ada.connect(&to("github")).await;
    let events = server.log_events().await;
    let connected = events.iter().find_map(|it| it.detail.details.get("connected_account"));
    let number = connected.unwrap()["idp_user_id"].as_str().unwrap().to_owned();
    assert!(number.bytes().all(|byte| byte.is_ascii_digit()), "{number}");
    for hint in [&number, &Emulated::email_of("ada")] {
        ada.exchange(&on("github").login_hint(hint)).await.expect(200);
    }
    for hint in ["ada", &Emulated::email_of("grace")] {
        let exchange = on("github").login_hint(hint);
        let attempt = ada.exchange(&exchange);
        refuses(&server, NOT_CONNECTED, "tokenset_not_found", attempt).await;
    }
}

/// GitHub says with status 200 that something is wrong.
#[tokio::test]
async fn githubs_refusals_are_recognised() {
    let (server, ada) = with_github(json!({ "scope": ["repo"] })).await;
    for (error, told, cause) in [
        (
            "bad_verification_code",
            "server_error",
            "the provider refuses the grant: bad_verification_code",
        ),
        (
            "incorrect_client_credentials",
            "server_error",
            "the provider refuses our application: incorrect_client_credentials",
        ),
    ] {
        let effect = json!({ "kind": "error", "error": error });
        server.provider().fault(json!({ "endpoint": "code_exchange", "effect": effect })).await;
        let connecting = server.start_connecting(&ada.mine, &to("github")).await;
        let page = ada.browser.open(connecting.url.as_str()).await;
        let page = ada.browser.walk(page, &ada.persona).await;
        assert_eq!(page.expect_parameter("error"), told);
        let kind = model::log_event::LogEventKind::AccountConnectFailed;
        let event = server.latest_event(kind).await.detail;
        assert_eq!(event.description.as_deref(), Some(cause));
    }
    assert_eq!(ada.accounts().await, Vec::<Value>::new());
}

/// A provider that answers in the form of an HTML form is understood, too.
#[tokio::test]
async fn a_custom_provider_may_answer_with_a_form() {
    let server = TestServer::start().await;
    let issuer = server.provider().issuer().to_owned();
    let options = json!({
        "authorizationURL": format!("{issuer}authorize"),
        "tokenURL": format!("{issuer}token"),
        "userinfo_endpoint": format!("{issuer}userinfo"),
        "scope": "openid offline_access read:calendar",
        "pkce_enabled": true,
    });
    add_connection(&server, "custom", "oauth2", options).await;
    server.provider().behave(json!({ "answer_format": "form" })).await;
    let ada = LoggedIn::of(&server, &Login::web()).await;
    ada.connect(&to("custom")).await;
    let first = ada.exchange(&on("custom")).await.expect(200);
    assert_eq!(first.json()["expires_in"], 3599);
    server.provider().events(&first.member("access_token")).await.expect(200);
    server.clock().advance(Duration::from_hours(1));
    let second = ada.exchange(&on("custom")).await.expect(200);
    assert_ne!(first.member("access_token"), second.member("access_token"));
}
