//! A connect that fails after the provider has given tokens: they are given back.

use std::time::Duration;

use model::log_event::LogEventKind;
use serde_json::json;
use testkit::{CALENDAR_CONNECTION, Engine, Login, Persona, TestServer};

use crate::scene::{LoggedIn, Scene, lives, session_not_found};
use crate::support::edit_connection;

/// A connect that the provider answers with less than was asked for.
async fn fails_for_less(ada: &LoggedIn) {
    fails(ada, json!({ "kind": "edit", "set": { "scope": "openid" } }), "access_denied").await;
}

async fn fails(ada: &LoggedIn, effect: serde_json::Value, error: &str) {
    let provider = ada.tenant.provider();
    provider.fault(json!({ "endpoint": "code_exchange", "effect": effect })).await;
    let connecting = ada.begin().await;
    let page = ada.browser.open(connecting.url.as_str()).await;
    let page = ada.browser.walk(page, &ada.persona).await;
    assert_eq!(page.expect_parameter("error"), error);
}

/// The one grant that is due ends at the provider.
async fn is_given_back(server: &TestServer) {
    assert!(lives(server).await);
    assert_eq!(server.revoke_due().await, 1);
    assert!(!lives(server).await);
    assert_eq!(server.count_events(LogEventKind::GrantRevoked).await, 1);
    assert_eq!(server.revoke_due().await, 0);
}

/// The one grant that is due stays.
async fn is_kept(server: &TestServer) {
    assert_eq!(server.revoke_due().await, 1);
    assert_eq!(server.provider().calls_of("revoke").await, 0);
    assert_eq!(server.count_events(LogEventKind::GrantKept).await, 1);
    assert_eq!(server.revoke_due().await, 0);
}

async fn logged_in() -> (TestServer, LoggedIn) {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::web()).await;
    (server, ada)
}

#[tokio::test]
async fn less_than_was_asked_for_is_given_back() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let ada = LoggedIn::of(&server, &Login::web()).await;
        fails_for_less(&ada).await;
        is_given_back(&server).await;
        assert!(ada.accounts().await.is_empty());
    }
}

/// Many a provider ends all that it gave us for a person, and the account that is there lives by it.
#[tokio::test]
async fn a_grant_that_an_account_lives_by_is_kept() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let scene = Scene::of(server, &Login::web()).await;
        fails_for_less(&scene.ada).await;
        is_kept(&scene.server).await;
        scene.is_intact().await;
    }
}

/// Whose grant it is cannot be told without an ID token: it may be any account's.
#[tokio::test]
async fn a_grant_of_nobody_knows_whom_is_given_back_if_no_account_is_there() {
    let without = json!({ "kind": "edit", "omit": ["id_token"] });
    let (server, ada) = logged_in().await;
    fails(&ada, without.clone(), "server_error").await;
    is_given_back(&server).await;

    let scene = Scene::web().await;
    let grace = Login::web().by_person(scene.server.grace());
    let grace = LoggedIn::of(&scene.server, &grace).await;
    fails(&grace, without, "server_error").await;
    is_kept(&scene.server).await;
    scene.is_intact().await;
}

#[tokio::test]
async fn what_is_completed_wrongly_is_given_back() {
    let (server, ada) = logged_in().await;
    let connecting = ada.begin().await;
    ada.consent_to(&connecting).await;
    session_not_found(&ada.completing(&connecting, "cc_wrong").send().await);
    is_given_back(&server).await;
}

#[tokio::test]
async fn what_nobody_completes_is_given_back() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let ada = LoggedIn::of(&server, &Login::web()).await;
        let connecting = ada.begin().await;
        let code = ada.consent_to(&connecting).await;
        server.sweep().await;
        assert_eq!(server.revoke_due().await, 0);
        server.clock().advance(Duration::from_mins(5));
        session_not_found(&ada.completing(&connecting, &code).send().await);
        server.sweep().await;
        is_given_back(&server).await;
    }
}

/// A link that another account of the provider was chosen for.
#[tokio::test]
async fn a_refused_reconnect_gives_back_what_it_brought() {
    let scene = Scene::web().await;
    scene.server.provider().revoke("ada").await;
    scene.server.clock().advance(Duration::from_hours(1));
    let link = scene.ada.exchange_calendar().await.expect(401).member("reconnect_uri");
    let grace = Persona { provider_user: "grace".to_owned(), ..scene.ada.persona.clone() };
    let browser = scene.server.browser();
    let page = browser.walk(browser.open(&link).await, &grace).await;
    let page = browser.open(page.links().pop().unwrap().as_str()).await;
    let page = browser.walk(page, &grace).await;
    assert_eq!((page.answer.status, page.url.path()), (400, "/connected-accounts/reconnected"));
    is_given_back(&scene.server).await;
}

#[tokio::test]
async fn nothing_is_given_back_unless_the_connection_says_so() {
    let (server, ada) = logged_in().await;
    edit_connection(&server, CALENDAR_CONNECTION, |connection| {
        connection.options.insert("revoke_on_disconnect".to_owned(), json!(false));
    })
    .await;
    fails_for_less(&ada).await;
    assert_eq!(server.revoke_due().await, 0);
    assert!(lives(&server).await);
}
