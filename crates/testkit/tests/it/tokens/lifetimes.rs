//! How long a refresh token lives.

use std::time::Duration;

use model::client::{ExpirationType, RefreshTokenSettings};
use model::log_event::LogEventKind;
use testkit::{Application, Login, TestServer, Tokens};

use crate::checks::{noted, refused};
use crate::support::edit_client;

const HOUR: Duration = Duration::from_hours(1);

async fn settings(server: &TestServer, change: impl FnOnce(&mut RefreshTokenSettings)) {
    edit_client(server, Application::Spa, |client| {
        client.refresh_token.expiration_type = ExpirationType::Expiring;
        client.refresh_token.infinite_token_lifetime = false;
        client.refresh_token.infinite_idle_token_lifetime = false;
        client.refresh_token.token_lifetime = 10 * 3_600;
        client.refresh_token.idle_token_lifetime = 4 * 3_600;
        change(&mut client.refresh_token);
    })
    .await;
}

async fn log_in(server: &TestServer) -> Tokens {
    server.log_in(&server.browser(), &Login::spa()).await
}

async fn has_expired(server: &TestServer, tokens: &Tokens) {
    let answer = server.refreshing(tokens, &[]).send().await;
    refused(&answer, 403, "invalid_grant", "Unknown or invalid refresh token.");
    noted(server, LogEventKind::RefreshExchangeFailed, "the refresh token has expired").await;
}

/// Each use gives more time, and not beyond the end that was set at the login.
#[tokio::test]
async fn use_extends_the_idle_end_and_not_the_absolute_one() {
    let server = TestServer::start().await;
    settings(&server, |_| ()).await;
    let mut tokens = log_in(&server).await;
    for _ in 0..3 {
        server.clock().advance(3 * HOUR);
        tokens = server.refresh(&tokens, &[]).await;
    }
    server.clock().advance(HOUR);
    has_expired(&server, &tokens).await;
}

#[tokio::test]
async fn an_unused_token_ends() {
    let server = TestServer::start().await;
    settings(&server, |_| ()).await;
    let (used, unused) = (log_in(&server).await, log_in(&server).await);
    server.clock().advance(Duration::from_mins(4 * 60 - 1));
    server.refresh(&used, &[]).await;
    server.clock().advance(Duration::from_mins(1));
    has_expired(&server, &unused).await;
}

#[tokio::test]
async fn infinite_wins_over_a_number() {
    let server = TestServer::start().await;
    settings(&server, |settings| settings.infinite_idle_token_lifetime = true).await;
    let idle = log_in(&server).await;
    server.clock().advance(9 * HOUR);
    let idle = server.refresh(&idle, &[]).await;
    server.clock().advance(HOUR);
    has_expired(&server, &idle).await;

    settings(&server, |settings| settings.infinite_token_lifetime = true).await;
    let mut lasting = log_in(&server).await;
    for _ in 0..10 {
        server.clock().advance(3 * HOUR);
        lasting = server.refresh(&lasting, &[]).await;
    }
    server.clock().advance(4 * HOUR);
    has_expired(&server, &lasting).await;

    settings(&server, |settings| settings.expiration_type = ExpirationType::NonExpiring).await;
    let for_ever = log_in(&server).await;
    server.clock().advance(10_000 * HOUR);
    server.refresh(&for_ever, &[]).await;
}

/// The absolute end is fixed at the login; the idle end follows what the client says today.
#[tokio::test]
async fn which_setting_counts() {
    let server = TestServer::start().await;
    settings(&server, |_| ()).await;
    let tokens = log_in(&server).await;
    settings(&server, |settings| settings.idle_token_lifetime = 3_600).await;
    server.clock().advance(HOUR);
    has_expired(&server, &tokens).await;

    settings(&server, |settings| settings.idle_token_lifetime = 100 * 3_600).await;
    let tokens = log_in(&server).await;
    settings(&server, |settings| {
        settings.idle_token_lifetime = 100 * 3_600;
        settings.token_lifetime = 100 * 3_600;
    })
    .await;
    server.clock().advance(10 * HOUR);
    has_expired(&server, &tokens).await;
}

/// An access token ends by itself.
#[tokio::test]
async fn an_access_token_ends_when_it_said() {
    let server = TestServer::start().await;
    let tokens = log_in(&server).await;
    server.clock().advance(Duration::from_secs(tokens.expires_in - 1));
    server.get("/userinfo").bearer(&tokens.access_token).send().await.expect(200);
    server.clock().advance(Duration::from_secs(1));
    server.get("/userinfo").bearer(&tokens.access_token).send().await.expect(401);
}
