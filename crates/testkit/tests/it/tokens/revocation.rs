//! Revoking: RFC 7009.

use model::log_event::LogEventKind;
use serde_json::json;
use testkit::{Application, Login, TestServer};

use crate::checks::{events, noted, refused};
use crate::steps::refresh_token;

#[tokio::test]
async fn a_revoked_token_ends_with_its_family() {
    let server = TestServer::start().await;
    let browser = server.browser();
    let first = server.log_in(&browser, &Login::spa()).await;
    let other = server.log_in(&browser, &Login::spa()).await;
    let newest = server.refresh(&first, &[]).await;
    let client_id = server.client_id(Application::Spa);
    // By a token that was replaced long ago.
    let body = json!({
        "client_id": client_id, "token": refresh_token(&first), "token_type_hint": "refresh_token",
    });
    let answer = server.post("/oauth/revoke").json(&body).send().await.expect(200);
    assert_eq!(answer.text(), "");
    let event = server.log_events().await.pop().unwrap();
    assert_eq!(event.kind, LogEventKind::RefreshTokenRevoked);
    assert_eq!(event.detail.client_id.as_deref(), Some(client_id.as_str()));
    let ada = server.seeded().people[0].user_id.as_str();
    assert_eq!(event.detail.user_id.as_deref(), Some(ada));

    let answer = server.refreshing(&newest, &[]).send().await;
    refused(&answer, 403, "invalid_grant", "Unknown or invalid refresh token.");
    noted(&server, LogEventKind::RefreshExchangeFailed, "the refresh token was revoked").await;
    server.refresh(&other, &[]).await;
    // What was given before ends by itself.
    server.get("/userinfo").bearer(&newest.access_token).send().await.expect(200);
}

#[tokio::test]
async fn a_confidential_client_authenticates_either_way() {
    let server = TestServer::start().await;
    let web = &server.seeded().web;
    for by_header in [true, false] {
        let tokens = server.log_in(&server.browser(), &Login::web()).await;
        let mut fields = vec![("token", refresh_token(&tokens))];
        let call = if by_header {
            server.post("/oauth/revoke").form(&fields).basic(web)
        } else {
            fields.push(("client_id", web.client_id.as_str()));
            fields.push(("client_secret", web.client_secret.expose()));
            server.post("/oauth/revoke").form(&fields)
        };
        call.send().await.expect(200);
        let answer = server.refreshing(&tokens, &[]).send().await;
        assert_eq!(answer.error(), (403, "invalid_grant".to_owned()));
    }
}

/// RFC 7009 §2.2: a token that is none is as good as revoked. A hint changes nothing.
#[tokio::test]
async fn what_is_no_refresh_token_is_revoked_already() {
    let server = TestServer::start().await;
    let tokens = server.log_in(&server.browser(), &Login::web()).await;
    let web = &server.seeded().web;
    let before = events(&server).await;
    for (token, hint) in [
        ("srt_unknown", None),
        ("anything", Some("access_token")),
        (tokens.access_token.as_str(), Some("access_token")),
        (tokens.access_token.as_str(), Some("refresh_token")),
    ] {
        let mut fields = vec![("token", token)];
        fields.extend(hint.map(|hint| ("token_type_hint", hint)));
        let answer = server.post("/oauth/revoke").form(&fields).basic(web).send().await.expect(200);
        assert_eq!(answer.text(), "");
    }
    assert_eq!(events(&server).await, before);
    server.get("/userinfo").bearer(&tokens.access_token).send().await.expect(200);
    let fields = [("token", refresh_token(&tokens)), ("token_type_hint", "access_token")];
    for _ in 0..2 {
        server.post("/oauth/revoke").form(&fields).basic(web).send().await.expect(200);
    }
    assert_eq!(events(&server).await, before + 1);
    let answer = server.refreshing(&tokens, &[]).send().await;
    assert_eq!(answer.error(), (403, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let server = TestServer::start().await;
    let call = server.post("/oauth/revoke").basic(&server.seeded().web).form(&[("a", "b")]);
    refused(&call.send().await, 400, "invalid_request", "Missing required parameter: token");
    server.get("/oauth/revoke").send().await.expect(405);
}
