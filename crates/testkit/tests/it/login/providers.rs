//! Login through a provider.

use model::log_event::LogEventKind;
use serde_json::json;
use store::users;
use testkit::{CALENDAR_CONNECTION, Emulated, Engine, Login, Persona, TestServer};

use crate::support::{arrive_by_provider, callback_of, count, edit_connection, login_page};

#[tokio::test]
async fn the_login_page_offers_the_provider() {
    let server = TestServer::start().await;
    let browser = server.browser();
    let page = login_page(&server, &browser, &Login::spa()).await;
    let link = page.links().into_iter().find(|link| link.path() == "/u/login/provider").unwrap();
    let page = browser.open(link.as_str()).await;
    assert!(page.url.as_str().starts_with(server.provider().issuer()), "{page:?}");
    let page = browser.walk(page, &server.ada()).await;
    page.expect_parameter("code");

    edit_connection(&server, CALENDAR_CONNECTION, |connection| {
        connection.kept.insert("show_as_button".to_owned(), false.into());
    })
    .await;
    let page = login_page(&server, &server.browser(), &Login::spa()).await;
    assert!(!page.links().iter().any(|link| link.path() == "/u/login/provider"));
}

#[tokio::test]
async fn the_first_login_makes_a_user_and_the_next_finds_it() {
    let server = TestServer::start().await;
    let login = Login::spa().with("connection", CALENDAR_CONNECTION);
    let first = server.log_in(&server.browser(), &login).await;
    let claims = server.claims_of(&first.id_token.unwrap());
    assert_eq!(claims["sub"], format!("oidc|calendar|{}", Emulated::subject_of("ada")));
    assert_eq!(claims["email"], Emulated::email_of("ada"));
    assert_eq!(claims["name"], "Ada Lovelace");
    assert_eq!(count(&server, "SELECT COUNT(*) AS n FROM users").await, 3);

    let provider = server.provider();
    provider
        .fault(json!({
            "endpoint": "userinfo",
            "effect": { "kind": "edit", "set": { "name": "Ada King", "email_verified": "true" } },
        }))
        .await;
    let second = server.log_in(&server.browser(), &login).await;
    let claims = server.claims_of(&second.id_token.unwrap());
    assert_eq!(claims["name"], "Ada King");
    // A111: only JSON `true` vouches for an address.
    assert_eq!(claims["email_verified"], false);
    assert_eq!(count(&server, "SELECT COUNT(*) AS n FROM users").await, 3);
    assert_eq!(server.count_events(LogEventKind::Login).await, 2);
    let event = server.latest_event(LogEventKind::Login).await;
    assert_eq!(event.detail.strategy.as_deref(), Some("oidc"));
}

#[tokio::test]
async fn two_first_logins_at_once_make_one_user() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let browsers = [server.browser(), server.browser()];
        let [one, other] = &browsers;
        let first = callback_of(&server, one, &Login::spa()).await;
        let second = callback_of(&server, other, &Login::spa()).await;
        let (first, second) = tokio::join!(one.open(first.as_str()), other.open(second.as_str()));
        first.expect_parameter("code");
        second.expect_parameter("code");
        assert_eq!(count(&server, "SELECT COUNT(*) AS n FROM users").await, 3);
        assert_eq!(count(&server, "SELECT COUNT(*) AS n FROM sessions").await, 2);
    }
}

#[tokio::test]
async fn a_refusal_at_the_provider_is_told_to_the_application() {
    let server = TestServer::start().await;
    let browser = server.browser();
    let nobody = Persona { allows: false, ..server.ada() };
    let page = arrive_by_provider(&server, &browser, &Login::spa(), &nobody).await;
    assert_eq!(page.expect_parameter("error"), "access_denied");
    assert_eq!(page.expect_parameter("error_description"), "Access was denied at the provider.");
    page.expect_parameter("state");
    assert_eq!(browser.cookie("strongroom_session"), None);
    let event = server.latest_event(LogEventKind::LoginFailed).await;
    assert_eq!(event.detail.connection.as_deref(), Some(CALENDAR_CONNECTION));
}

#[tokio::test]
async fn a_login_connects_nothing_and_keeps_no_tokens() {
    let server = TestServer::start().await;
    let login = Login::spa().with("connection", CALENDAR_CONNECTION);
    server.log_in(&server.browser(), &login).await;
    assert_eq!(count(&server, "SELECT COUNT(*) AS n FROM connected_accounts").await, 0);
}

/// The older switch: `options.federated_connections_access_tokens.active`.
#[tokio::test]
async fn tokens_of_a_login_go_to_the_vault_where_the_connection_says_so() {
    let server = TestServer::start().await;
    edit_connection(&server, CALENDAR_CONNECTION, |connection| {
        let switch = json!({ "active": true });
        connection.options.insert("federated_connections_access_tokens".to_owned(), switch);
    })
    .await;
    let login = Login::web().with("connection", CALENDAR_CONNECTION);
    let tokens = server.log_in(&server.browser(), &login).await;
    assert_eq!(count(&server, "SELECT COUNT(*) AS n FROM connected_accounts").await, 1);
    let exchange = testkit::Exchange::calendar();
    let answer = server.exchange_refresh_token(&tokens, &exchange).await.expect(200);
    server.provider().events(&answer.member("access_token")).await.expect(200);
}

#[tokio::test]
async fn a_blocked_person_does_not_come_in_by_a_provider() {
    let server = TestServer::start().await;
    let login = Login::spa().with("connection", CALENDAR_CONNECTION);
    server.log_in(&server.browser(), &login).await;
    let (tenant, store) = (&server.seeded().tenant.id, &server.app().store);
    let user_id = format!("oidc|calendar|{}", Emulated::subject_of("ada")).into();
    let mut tx = store.write().await.unwrap();
    let mut ada = users::find(&mut tx, tenant, &user_id).await.unwrap().unwrap();
    ada.blocked = true;
    users::update(&mut tx, tenant, &ada).await.unwrap();
    tx.commit().await.unwrap();

    let browser = server.browser();
    let page = arrive_by_provider(&server, &browser, &Login::spa(), &server.ada()).await;
    assert_eq!(page.expect_parameter("error"), "unauthorized");
    assert_eq!(page.expect_parameter("error_description"), "user is blocked");
    assert_eq!(browser.cookie("strongroom_session"), None);
}

/// What the application is told when a provider fails, and what the operator reads.
#[tokio::test]
async fn failures_of_the_provider_are_told_apart() {
    let server = TestServer::start().await;
    let provider = server.provider();
    for (rule, error, cause) in [
        (
            json!({ "endpoint": "code_exchange", "effect": { "kind": "error", "error": "invalid_grant" } }),
            "access_denied",
            "The provider's answer was not accepted.: the provider refuses the grant: invalid_grant",
        ),
        (
            json!({ "endpoint": "code_exchange", "effect": { "kind": "status", "status": 502 } }),
            "temporarily_unavailable",
            "The provider cannot be reached at present.: the provider cannot answer at present: http_502",
        ),
        (
            json!({ "endpoint": "code_exchange", "effect": { "kind": "drop", "after_commit": true } }),
            "temporarily_unavailable",
            "The provider cannot be reached at present.: the provider could not be reached",
        ),
        (
            json!({ "endpoint": "userinfo", "effect": { "kind": "edit", "set": { "sub": "somebody-else" } } }),
            "access_denied",
            "The provider's answer was not accepted.: ID token and userinfo name different subjects",
        ),
        (
            json!({ "endpoint": "code_exchange", "effect": { "kind": "edit", "omit": ["id_token"] } }),
            "access_denied",
            "The provider's answer was not accepted.: no ID token",
        ),
    ] {
        provider.fault(rule.clone()).await;
        let browser = server.browser();
        let page = arrive_by_provider(&server, &browser, &Login::spa(), &server.ada()).await;
        assert_eq!(page.expect_parameter("error"), error, "{rule}");
        let event = server.latest_event(LogEventKind::LoginFailed).await;
        assert_eq!(event.detail.description.as_deref(), Some(cause), "{rule}");
        assert_eq!(browser.cookie("strongroom_session"), None);
        provider.clear_faults().await;
    }
    assert_eq!(count(&server, "SELECT COUNT(*) AS n FROM users").await, 2);
}

#[tokio::test]
async fn a_provider_without_a_discovery_document_is_told_before_anybody_leaves() {
    let server = TestServer::start().await;
    server
        .provider()
        .fault(json!({
            "endpoint": "discovery", "sticky": true,
            "effect": { "kind": "status", "status": 500 },
        }))
        .await;
    let browser = server.browser();
    let login = Login::spa().with("connection", CALENDAR_CONNECTION);
    let page = browser.open(server.attempt(&login).url.as_str()).await;
    assert_eq!(page.expect_parameter("error"), "temporarily_unavailable");

    // From the login page, where the person may choose another way.
    let page = login_page(&server, &browser, &Login::spa()).await;
    let link = page.links().into_iter().find(|link| link.path() == "/u/login/provider").unwrap();
    let page = browser.open(link.as_str()).await;
    assert_eq!(page.answer.status, 503);
    assert!(page.links().iter().any(|link| link.path() == "/u/login"));
}
