//! The sign-up page.

use model::log_event::LogEventKind;
use testkit::{Browser, DATABASE_CONNECTION, Engine, Login, Page, TestServer};

use crate::support::{arrive, count, edit_connection};

async fn signup_page(server: &TestServer, browser: &Browser) -> Page {
    let login = Login::spa().with("screen_hint", "signup");
    let page = browser.open(server.attempt(&login).url.as_str()).await;
    assert_eq!(page.url.path(), "/u/signup");
    page
}

async fn sign_up(browser: &Browser, page: &Page, email: &str, password: &str) -> testkit::Answer {
    let mut form = page.form_with("email");
    form.fill("email", email);
    form.fill("password", password);
    browser.send_form(&form, &form.fields).await
}

#[tokio::test]
async fn a_new_person_signs_up_and_logs_in_later() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        sign_up_and_log_in(&server).await;
    }
}

async fn sign_up_and_log_in(server: &TestServer) {
    let browser = server.browser();
    let page = signup_page(server, &browser).await;
    let (email, password) = ("New@strongroom.test", "correct horse 1");
    let answer = sign_up(&browser, &page, email, password).await.expect(303);
    assert!(answer.location().contains("code=sac_"));
    for kind in [LogEventKind::Signup, LogEventKind::Login] {
        let event = server.latest_event(kind).await;
        assert_eq!(event.detail.user_name.as_deref(), Some("new@strongroom.test"));
        assert!(event.detail.user_id.unwrap().starts_with("auth0|"));
    }
    let persona = testkit::Persona {
        login: ("new@strongroom.test".to_owned(), password.to_owned()),
        ..server.ada()
    };
    let tokens = server.log_in(&server.browser(), &Login::spa().by_person(persona)).await;
    let claims = server.claims_of(&tokens.id_token.unwrap());
    assert_eq!(claims["email"], "new@strongroom.test");
    assert_eq!(claims["email_verified"], false);
}

#[tokio::test]
async fn what_is_wrong_is_told_and_nothing_is_made() {
    let server = TestServer::start().await;
    let browser = server.browser();
    let page = signup_page(&server, &browser).await;
    let before = count(&server, "SELECT COUNT(*) AS n FROM users").await;
    let long = "x".repeat(129);
    for (email, password, text) in [
        ("nobody", "long enough", "Enter an email address"),
        ("a@b@c.test", "long enough", "Enter an email address"),
        ("a\u{FF20}b.test", "long enough", "Enter an email address"),
        ("new@strongroom.test", "short", "This password is too weak"),
        ("new@strongroom.test", "", "This password is too weak"),
        ("new@strongroom.test", &long, "This password is too weak"),
        ("ADA@strongroom.test", "long enough", "We could not create this account"),
    ] {
        let answer = sign_up(&browser, &page, email, password).await.expect(400);
        assert!(answer.text().contains(text), "{email} {answer:?}");
    }
    assert_eq!(count(&server, "SELECT COUNT(*) AS n FROM users").await, before);
    assert_eq!(server.count_events(LogEventKind::SignupFailed).await, 7);
    // The login is still open.
    sign_up(&browser, &page, "new@strongroom.test", "long enough").await.expect(303);
}

#[tokio::test]
async fn a_closed_connection_takes_nobody() {
    let server = TestServer::start().await;
    let browser = server.browser();
    let page = signup_page(&server, &browser).await;
    edit_connection(&server, DATABASE_CONNECTION, |connection| {
        connection.options.insert("disable_signup".to_owned(), true.into());
    })
    .await;
    sign_up(&browser, &page, "new@strongroom.test", "long enough").await.expect(400);
    assert_eq!(server.count_events(LogEventKind::Signup).await, 0);

    let login = Login::spa().with("screen_hint", "signup");
    let page = browser.open(server.attempt(&login).url.as_str()).await;
    assert_eq!(page.url.path(), "/u/login");
    assert!(!page.links().iter().any(|link| link.path() == "/u/signup"));
    let state = page.parameter("state").unwrap();
    let page = browser.open(server.url(&format!("/u/signup?state={state}")).as_str()).await;
    assert_eq!(page.url.path(), "/u/login");
}

#[tokio::test]
async fn somebody_who_is_logged_in_needs_no_account() {
    let server = TestServer::start().await;
    let browser = server.browser();
    server.log_in(&browser, &Login::spa()).await;
    let page = arrive(&server, &browser, &Login::spa().with("screen_hint", "signup")).await;
    page.expect_parameter("code");
    let login = Login::spa().with("screen_hint", "signup").with("prompt", "login");
    let page = browser.open(server.attempt(&login).url.as_str()).await;
    assert_eq!(page.url.path(), "/u/signup");
}
