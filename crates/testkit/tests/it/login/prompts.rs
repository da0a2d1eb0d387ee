//! `prompt`, `max_age`, `login_hint`, `connection` and their kind.

use std::time::Duration;

use model::log_event::LogEventKind;
use testkit::{CALENDAR_CONNECTION, DATABASE_CONNECTION, Login, TestServer};

use crate::support::{arrive, edit_connection, login_page};

/// The error that the application is told, with its text.
async fn refusal(server: &TestServer, login: &Login) -> (String, String) {
    let browser = server.browser();
    server.log_in(&browser, &Login::spa()).await;
    let page = browser.open(server.attempt(login).url.as_str()).await;
    assert!(page.is_at_application, "{page:?}");
    (page.expect_parameter("error"), page.expect_parameter("error_description"))
}

#[tokio::test]
async fn silence_without_a_session_is_login_required() {
    let server = TestServer::start().await;
    let page = arrive(&server, &server.browser(), &Login::spa().with("prompt", "none")).await;
    assert_eq!(page.expect_parameter("error"), "login_required");
    assert_eq!(page.expect_parameter("error_description"), "Login required");
    let event = server.latest_event(LogEventKind::SilentLoginFailed).await;
    assert_eq!(event.detail.description.as_deref(), Some("Login required"));
}

#[tokio::test]
async fn a_session_answers_in_silence() {
    let server = TestServer::start().await;
    let browser = server.browser();
    server.log_in(&browser, &Login::spa()).await;
    for login in [Login::spa().with("prompt", "none"), Login::spa(), Login::web()] {
        let page = browser.open(server.attempt(&login).url.as_str()).await;
        assert!(page.is_at_application && page.parameter("code").is_some(), "{page:?}");
    }
    assert_eq!(server.count_events(LogEventKind::Login).await, 1);
    assert_eq!(server.count_events(LogEventKind::SilentLogin).await, 3);
}

#[tokio::test]
async fn other_prompts_show_the_login_page_although_somebody_is_logged_in() {
    let server = TestServer::start().await;
    let browser = server.browser();
    server.log_in(&browser, &Login::spa()).await;
    for prompt in ["login", "consent", "select_account", "login consent"] {
        login_page(&server, &browser, &Login::spa().with("prompt", prompt)).await;
    }
}

#[tokio::test]
async fn prompts_that_make_no_sense_are_invalid() {
    let server = TestServer::start().await;
    for prompt in ["none login", "none consent", "login none", "nonsense"] {
        let (error, text) = refusal(&server, &Login::spa().with("prompt", prompt)).await;
        let expected = ("invalid_request", "Invalid parameter: prompt");
        assert_eq!((error.as_str(), text.as_str()), expected, "{prompt}");
    }
}

#[tokio::test]
async fn max_age_makes_an_old_session_log_in_again() {
    let server = TestServer::start().await;
    let browser = server.browser();
    server.log_in(&browser, &Login::spa()).await;
    server.clock().advance(Duration::from_mins(2));
    login_page(&server, &browser, &Login::spa().with("max_age", "60")).await;
    login_page(&server, &browser, &Login::spa().with("max_age", "0")).await;

    let silent = Login::spa().with("prompt", "none");
    let page = arrive(&server, &browser, &silent.clone().with("max_age", "60")).await;
    assert_eq!(page.expect_parameter("error"), "login_required");
    let page = arrive(&server, &browser, &silent.with("max_age", "600")).await;
    page.expect_parameter("code");

    let tokens = server.log_in(&browser, &Login::spa().with("max_age", "60")).await;
    let claims = server.claims_of(&tokens.id_token.unwrap());
    let age = claims["iat"].as_i64().unwrap() - claims["auth_time"].as_i64().unwrap();
    assert!(age < 60, "{claims}");
}

#[tokio::test]
async fn a_login_hint_stands_in_the_form() {
    let server = TestServer::start().await;
    let login = Login::spa().with("login_hint", "ada@strongroom.test");
    let page = login_page(&server, &server.browser(), &login).await;
    let form = page.form_with("password");
    let username = form.fields.iter().find(|(name, _)| name == "username").unwrap();
    assert_eq!(username.1, "ada@strongroom.test");
}

#[tokio::test]
async fn a_language_is_asked_for() {
    let server = TestServer::start().await;
    let login = Login::spa().with("ui_locales", "xx de-CH en");
    let page = login_page(&server, &server.browser(), &login).await;
    assert!(page.answer.text().contains("<html lang=\"de\""), "{page:?}");
}

#[tokio::test]
async fn a_connection_is_asked_for_by_name() {
    let server = TestServer::start().await;
    let by_name = |name: &str| Login::spa().with("connection", name);
    login_page(&server, &server.browser(), &by_name(DATABASE_CONNECTION)).await;

    let attempt = server.attempt(&by_name(CALENDAR_CONNECTION));
    let page = server.browser().open(attempt.url.as_str()).await;
    assert!(page.url.as_str().starts_with(server.provider().issuer()), "{page:?}");

    // Unknown, and one that is for connecting accounts alone: the same.
    edit_connection(&server, CALENDAR_CONNECTION, |it| it.authentication.active = false).await;
    for name in ["nowhere", CALENDAR_CONNECTION, "a\u{1}b"] {
        let (error, text) = refusal(&server, &by_name(name)).await;
        let expected = ("invalid_request", "the connection was not found");
        assert_eq!((error.as_str(), text.as_str()), expected, "{name}");
    }
}

/// Somebody who came by another connection than the one asked for logs in again.
#[tokio::test]
async fn a_session_of_another_connection_does_not_count() {
    let server = TestServer::start().await;
    let browser = server.browser();
    server.log_in(&browser, &Login::spa()).await;
    let login = Login::spa().with("connection", CALENDAR_CONNECTION);
    let page = browser.open(server.attempt(&login).url.as_str()).await;
    assert!(page.url.as_str().starts_with(server.provider().issuer()), "{page:?}");

    let page = arrive(&server, &browser, &login.with("prompt", "none")).await;
    assert_eq!(page.expect_parameter("error"), "login_required");
}

/// A connection that no longer serves the client takes its sessions along.
#[tokio::test]
async fn a_session_of_a_disabled_connection_does_not_count() {
    let server = TestServer::start().await;
    let browser = server.browser();
    server.log_in(&browser, &Login::spa()).await;
    edit_connection(&server, DATABASE_CONNECTION, |it| it.authentication.active = false).await;
    let page = arrive(&server, &browser, &Login::spa().with("prompt", "none")).await;
    assert_eq!(page.expect_parameter("error"), "login_required");
}

#[tokio::test]
async fn what_is_not_there_is_refused_and_not_ignored() {
    let server = TestServer::start().await;
    for (name, value, error, text) in [
        (
            "organization",
            "org_1",
            "invalid_request",
            "parameter organization is not allowed for this client",
        ),
        (
            "invitation",
            "x",
            "invalid_request",
            "parameter invitation is not allowed for this client",
        ),
        ("request", "x.y.z", "request_not_supported", "The request parameter is not supported"),
        (
            "request_uri",
            "urn:x",
            "request_uri_not_supported",
            "The request_uri parameter is not supported",
        ),
        ("max_age", "-1", "invalid_request", "Invalid parameter: max_age"),
        ("dpop_jkt", "short", "invalid_request", "Invalid parameter: dpop_jkt"),
        ("response_mode", "smoke_signal", "invalid_request", "Invalid parameter: response_mode"),
    ] {
        let told = refusal(&server, &Login::spa().with(name, value)).await;
        assert_eq!((told.0.as_str(), told.1.as_str()), (error, text), "{name}");
    }
}

/// Of the person whom an ID token names, or of nobody.
#[tokio::test]
async fn an_id_token_hint_names_who_may_be_answered_for() {
    let server = TestServer::start().await;
    let (adas, graces) = (server.browser(), server.browser());
    let ada = server.log_in(&adas, &Login::spa()).await.id_token.unwrap();
    let grace = Login::spa().by_person(server.grace());
    let grace = server.log_in(&graces, &grace).await.id_token.unwrap();

    let silent = Login::spa().with("prompt", "none");
    arrive(&server, &adas, &silent.clone().with("id_token_hint", &ada))
        .await
        .expect_parameter("code");
    for hint in [grace.as_str(), "not.a.token"] {
        let page = arrive(&server, &adas, &silent.clone().with("id_token_hint", hint)).await;
        assert_eq!(page.expect_parameter("error"), "login_required");
    }
    // Ada logs in where Grace was meant.
    let page = arrive(&server, &adas, &Login::spa().with("id_token_hint", &grace)).await;
    assert_eq!(page.expect_parameter("error"), "login_required");
}
