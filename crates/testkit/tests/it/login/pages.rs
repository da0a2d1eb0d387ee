//! The login page.

use std::time::Duration;

use model::log_event::LogEventKind;
use testkit::{Login, TestServer};

use crate::support::{login_page, type_password};

#[tokio::test]
async fn a_wrong_password_is_told_and_the_right_one_logs_in() {
    let server = TestServer::start().await;
    let browser = server.browser();
    let page = login_page(&server, &browser, &Login::spa()).await;
    let (name, password) = server.ada().login;
    let refused = type_password(&browser, &page, &name, "not-the-password").await.expect(400);
    assert!(refused.text().contains("Wrong email or password"));
    assert!(!refused.text().contains("not-the-password"));
    let event = server.latest_event(LogEventKind::WrongPassword).await;
    assert_eq!(event.detail.user_name.as_deref(), Some(name.as_str()));

    let name = format!("  {} ", name.to_uppercase());
    let answer = type_password(&browser, &page, &name, &password).await.expect(303);
    assert!(answer.location().starts_with("http://localhost:1/callback?code=sac_"));
}

#[tokio::test]
async fn empty_fields_are_told_one_by_one() {
    let server = TestServer::start().await;
    let browser = server.browser();
    let page = login_page(&server, &browser, &Login::spa()).await;
    let refused = type_password(&browser, &page, " ", "x").await.expect(400);
    assert!(refused.text().contains("Enter your email address."));
    let refused = type_password(&browser, &page, "ada", "").await.expect(400);
    assert!(refused.text().contains("Enter your password."));
    assert!(refused.text().contains("value=\"ada\""));
}

#[tokio::test]
async fn a_page_ends_after_an_hour() {
    let server = TestServer::start().await;
    let browser = server.browser();
    let page = login_page(&server, &browser, &Login::spa()).await;
    server.clock().advance(Duration::from_hours(1));
    let (name, password) = server.ada().login;
    let refused = type_password(&browser, &page, &name, &password).await.expect(400);
    assert!(refused.text().contains("This page was open for too long."));
}

#[tokio::test]
async fn errors_have_a_reference() {
    let server = TestServer::start().await;
    let answer = server.get("/u/login").send().await.expect(400);
    let text = answer.text();
    assert!(text.contains("<code>invalid_request</code>"), "{text}");
    let reference = text.rsplit("<code>").next().unwrap().split('<').next().unwrap();
    assert_eq!(reference.len(), 20, "{text}");
}
