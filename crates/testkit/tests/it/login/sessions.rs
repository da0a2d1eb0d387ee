//! How long a login lasts.

use std::time::Duration;

use model::log_event::LogEventKind;
use store::users;
use testkit::{Login, TestServer};

use crate::support::{arrive, count};

const HOUR: Duration = Duration::from_hours(1);

async fn is_alive(server: &TestServer, browser: &testkit::Browser) -> bool {
    let page = arrive(server, browser, &Login::spa().with("prompt", "none")).await;
    page.parameter("code").is_some()
}

#[tokio::test]
async fn a_session_ends_when_it_is_not_used() {
    let server = TestServer::start().await;
    let browser = server.browser();
    server.log_in(&browser, &Login::spa()).await;
    server.clock().advance(71 * HOUR);
    assert!(is_alive(&server, &browser).await);
    server.clock().advance(71 * HOUR);
    assert!(is_alive(&server, &browser).await);
    server.clock().advance(73 * HOUR);
    assert!(!is_alive(&server, &browser).await);
}

#[tokio::test]
async fn a_session_ends_however_much_it_is_used() {
    let server = TestServer::start().await;
    let browser = server.browser();
    server.log_in(&browser, &Login::spa()).await;
    for _ in 0..7 {
        server.clock().advance(23 * HOUR);
        assert!(is_alive(&server, &browser).await);
    }
    server.clock().advance(8 * HOUR);
    assert!(!is_alive(&server, &browser).await);
}

#[tokio::test]
async fn the_use_of_a_session_is_written_once_a_minute() {
    let server = TestServer::start().await;
    let browser = server.browser();
    server.log_in(&browser, &Login::spa()).await;
    let last_seen = async || count(&server, "SELECT MAX(last_seen_at) AS n FROM sessions").await;
    let first = last_seen().await;
    server.clock().advance(Duration::from_secs(59));
    assert!(is_alive(&server, &browser).await);
    assert_eq!(last_seen().await, first);
    server.clock().advance(Duration::from_secs(1));
    assert!(is_alive(&server, &browser).await);
    assert!(last_seen().await >= first + 60_000);
}

#[tokio::test]
async fn a_login_is_noted_with_the_person() {
    let server = TestServer::start().await;
    let browser = server.browser();
    server.log_in(&browser, &Login::spa()).await;
    assert!(is_alive(&server, &browser).await);
    let (tenant, user_id) = (&server.seeded().tenant.id, &server.seeded().people[0].user_id);
    let mut read = server.app().store.read().await.unwrap();
    let ada = users::find(&mut read, tenant, user_id).await.unwrap().unwrap();
    assert_eq!(ada.logins_count, 1);
    assert_eq!(ada.last_ip.as_deref(), Some("127.0.0.1"));
    assert!(ada.last_login.is_some());
    let event = server.latest_event(LogEventKind::Login).await;
    assert_eq!(event.detail.user_id.as_deref(), Some(user_id.as_str()));
    assert_eq!(event.detail.connection.as_deref(), Some(testkit::DATABASE_CONNECTION));
}

#[tokio::test]
async fn a_blocked_person_is_told_so_in_silence_too() {
    let server = TestServer::start().await;
    let browser = server.browser();
    server.log_in(&browser, &Login::spa()).await;
    block_ada(&server).await;
    let page = arrive(&server, &browser, &Login::spa().with("prompt", "none")).await;
    assert_eq!(page.expect_parameter("error"), "unauthorized");
    assert_eq!(page.expect_parameter("error_description"), "user is blocked");

    let page = arrive(&server, &server.browser(), &Login::spa()).await;
    assert_eq!(page.answer.status, 403);
    assert!(page.answer.text().contains("This account is blocked"));
}

/// The session is the tenant's, and the cookie the host's.
#[tokio::test]
async fn another_tenant_knows_nothing_of_the_session() {
    let server = TestServer::start().await;
    let browser = server.browser();
    server.log_in(&browser, &Login::spa()).await;
    let other = server.other_tenant().await;
    let session = browser.cookie("strongroom_session").unwrap();
    browser.plant_cookie(&other.url("/"), "strongroom_session", &session);
    let attempt = other.attempt(&Login::spa().with("prompt", "none"));
    let page = browser.open(attempt.url.as_str()).await;
    assert_eq!(page.expect_parameter("error"), "login_required");
}

async fn block_ada(server: &TestServer) {
    let (tenant, user_id) = (&server.seeded().tenant.id, &server.seeded().people[0].user_id);
    let mut tx = server.app().store.write().await.unwrap();
    let mut ada = users::find(&mut tx, tenant, user_id).await.unwrap().unwrap();
    ada.blocked = true;
    users::update(&mut tx, tenant, &ada).await.unwrap();
    tx.commit().await.unwrap();
}
