//! The exchange against a token endpoint on this machine.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::response::IntoResponse;
use axum::routing::post;
use protocol::secret::{AccessToken, ClientSecret};
use std::time::Duration;
use strongroom_client::{ExchangeError, ProviderToken, Strongroom};
use tokio::net::TcpListener;

/// Starts a token endpoint that always gives this answer, and asks it.
async fn exchange(answer: impl IntoResponse + Clone + Send + Sync + 'static) -> Outcome {
    let app = Router::new().route("/oauth/token", post(async move || answer.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let client =
        Strongroom::new(issuer.parse().unwrap(), "api", ClientSecret::new("secret")).unwrap();
    let outcome = client.exchange_access_token(&AccessToken::new("at"), "calendar", None).await;
    server.abort();
    outcome
}

type Outcome = Result<ProviderToken, ExchangeError>;

const JSON: [(axum::http::HeaderName, &str); 1] = [(CONTENT_TYPE, "application/json")];

#[tokio::test]
async fn a_token_comes_back() {
    let body = r#"{"access_token":"ya29.x","token_type":"Bearer","expires_in":3599,
        "scope":"openid read:calendar",
        "issued_token_type":"http://auth0.com/oauth/token-type/federated-connection-access-token"}"#;
    let token = exchange((JSON, body)).await.unwrap();
    assert_eq!(token.access_token.expose(), "ya29.x");
    assert_eq!(token.expires_in, Duration::from_secs(3599));
    assert!(token.scope.contains("read:calendar"));
    assert!(!format!("{token:?}").contains("ya29.x"));
}

#[tokio::test]
async fn nothing_connected_is_a_case_of_its_own() {
    let body = r#"{"error":"federated_connection_refresh_token_not_found",
        "error_description":"Federated connection Refresh Token not found."}"#;
    let error = exchange((StatusCode::UNAUTHORIZED, JSON, body)).await.unwrap_err();
    let ExchangeError::NotConnected(refusal) = error else { panic!("{error:?}") };
    assert_eq!(refusal.status, 401);
}

#[tokio::test]
async fn the_time_to_wait_is_passed_on() {
    let body = r#"{"error":"temporarily_unavailable"}"#;
    let answer = (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "7")], body);
    let error = exchange(answer).await.unwrap_err();
    let ExchangeError::Unavailable { retry_after, .. } = error else { panic!("{error:?}") };
    assert_eq!(retry_after, Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn secrets_follow_no_redirect() {
    let answer = (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, "/oauth/token?again")], "");
    let error = exchange(answer).await.unwrap_err();
    assert!(matches!(error, ExchangeError::UnexpectedAnswer { status: 307, .. }), "{error:?}");
}

#[tokio::test]
async fn a_page_is_no_answer() {
    let error = exchange((StatusCode::BAD_GATEWAY, "<h1>Bad gateway</h1>")).await.unwrap_err();
    assert!(matches!(error, ExchangeError::UnexpectedAnswer { status: 502, .. }), "{error:?}");
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let error = exchange(" ".repeat(300 * 1024)).await.unwrap_err();
    assert!(matches!(error, ExchangeError::AnswerTooLong { .. }), "{error:?}");
}
