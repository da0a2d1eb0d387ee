//! Refreshing: with and without rotation.

use model::client::RotationType;
use model::log_event::LogEventKind;
use testkit::{Application, Login, RESOURCE_SERVER, TestServer};

use crate::checks::is_token_answer;
use crate::steps::{refresh_spa, refresh_token};
use crate::support::{count, edit_client};

const TOKENS: &str = "SELECT COUNT(*) AS n FROM refresh_tokens";

async fn rotation(server: &TestServer, application: Application, rotation_type: RotationType) {
    edit_client(server, application, |client| client.refresh_token.rotation_type = rotation_type)
        .await;
}

#[tokio::test]
async fn a_rotating_token_gives_way_to_its_successor() {
    let server = TestServer::start().await;
    let tokens = server.log_in(&server.browser(), &Login::spa()).await;
    let answer = refresh_spa(&server, refresh_token(&tokens)).await.expect(200);
    is_token_answer(&answer);
    insta::assert_json_snapshot!(answer.json(), {
        ".access_token" => "[token]", ".id_token" => "[token]", ".refresh_token" => "[token]",
    }, @r#"
    {
      "access_token": "[token]",
      "expires_in": 86400,
      "id_token": "[token]",
      "refresh_token": "[token]",
      "scope": "openid profile email offline_access read:calendar",
      "token_type": "Bearer"
    }
    "#);
    assert_ne!(answer.member("refresh_token"), refresh_token(&tokens));
    assert_ne!(answer.member("access_token"), tokens.access_token);
    let event = server.latest_event(LogEventKind::RefreshExchange).await.detail;
    assert_eq!(event.audience.as_deref(), Some(RESOURCE_SERVER));
    assert_eq!(event.user_name.as_deref(), Some("ada@strongroom.test"));
}

#[tokio::test]
async fn a_token_that_does_not_rotate_is_not_given_again() {
    let server = TestServer::start().await;
    let tokens = server.log_in(&server.browser(), &Login::web()).await;
    for _ in 0..3 {
        let answer = server.refreshing(&tokens, &[]).send().await.expect(200);
        let members: Vec<String> = answer.json().as_object().unwrap().keys().cloned().collect();
        assert_eq!(members, ["access_token", "expires_in", "id_token", "scope", "token_type"]);
    }
    assert_eq!(count(&server, TOKENS).await, 1);
}

/// The ID token of a refresh is about the same login, and answers no authorization request.
#[tokio::test]
async fn an_id_token_tells_of_the_login_that_it_began_with() {
    let server = TestServer::start().await;
    let tokens = server.log_in(&server.browser(), &Login::spa()).await;
    let before = server.claims_of(tokens.id_token.as_deref().unwrap());
    server.clock().advance(std::time::Duration::from_hours(5));
    let fresh = server.refresh(&tokens, &[]).await;
    let after = server.claims_of(fresh.id_token.as_deref().unwrap());
    for claim in ["iss", "sub", "aud", "auth_time", "sid", "email"] {
        assert_eq!(after[claim], before[claim], "{claim}");
    }
    assert_eq!(after["iat"].as_i64().unwrap() - before["iat"].as_i64().unwrap(), 5 * 3_600);
    assert_eq!(after.get("nonce"), None);
}

#[tokio::test]
async fn without_openid_there_is_no_id_token() {
    let server = TestServer::start().await;
    let login = Login::web().scope("offline_access read:calendar");
    let tokens = server.log_in(&server.browser(), &login).await;
    let answer = server.refreshing(&tokens, &[]).send().await.expect(200);
    assert_eq!(answer.json().get("id_token"), None);
    assert_eq!(answer.member("scope"), "offline_access read:calendar");
}

#[tokio::test]
async fn rotation_begins_with_the_next_use_and_so_it_ends() {
    let server = TestServer::start().await;
    let tokens = server.log_in(&server.browser(), &Login::web()).await;
    rotation(&server, Application::Web, RotationType::Rotating).await;
    let rotated = server.refreshing(&tokens, &[]).send().await.expect(200);
    let newest =
        testkit::Tokens { refresh_token: Some(rotated.member("refresh_token")), ..tokens.clone() };
    rotation(&server, Application::Web, RotationType::NonRotating).await;
    let answer = server.refreshing(&newest, &[]).send().await.expect(200);
    assert_eq!(answer.json().get("refresh_token"), None);
    // What was replaced stays replaced.
    let answer = server.refreshing(&tokens, &[]).send().await;
    assert_eq!(answer.error(), (403, "invalid_grant".to_owned()));
}

/// A login ends nobody's refresh tokens, and each login has its own.
#[tokio::test]
async fn each_login_has_tokens_of_its_own() {
    let server = TestServer::start().await;
    let browser = server.browser();
    let first = server.log_in(&browser, &Login::spa()).await;
    let second = server.log_in(&browser, &Login::spa()).await;
    assert_ne!(refresh_token(&first), refresh_token(&second));
    let first = server.refresh(&first, &[]).await;
    let second = server.refresh(&second, &[]).await;
    // A logout ends the session; what applications were given ends when they say so.
    browser.open(server.url("/v2/logout").as_str()).await;
    server.refresh(&first, &[]).await;
    server.refresh(&second, &[]).await;
}
