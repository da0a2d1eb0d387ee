//! `/userinfo`: OpenID Connect Core §5.3.

use serde_json::json;
use testkit::{Login, TestServer};

use crate::steps::edit_ada;

#[tokio::test]
async fn it_tells_what_the_scopes_allow() {
    let server = TestServer::start().await;
    for (scope, members) in [
        ("openid", vec!["sub"]),
        ("openid email", vec!["email", "email_verified", "sub"]),
        ("openid profile", vec!["name", "nickname", "sub", "updated_at"]),
        (
            "openid profile email",
            vec!["email", "email_verified", "name", "nickname", "sub", "updated_at"],
        ),
    ] {
        let login = Login::web().scope(scope);
        let tokens = server.log_in(&server.browser(), &login).await;
        let answer = server.get("/userinfo").access(&tokens).send().await.expect(200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let told: Vec<String> = answer.json().as_object().unwrap().keys().cloned().collect();
        assert_eq!(told, members, "{scope}");
        assert_eq!(answer.member("sub"), server.seeded().people[0].user_id.as_str());
    }
}

#[tokio::test]
async fn it_is_asked_by_get_and_post_with_either_kind_of_token() {
    let server = TestServer::start().await;
    let key = server.dpop_key();
    let bearer = server.log_in(&server.browser(), &Login::spa()).await;
    let bound = server.log_in(&server.browser(), &Login::spa().bound_to(&key)).await;
    let mut told = Vec::new();
    for tokens in [&bearer, &bound] {
        for call in [server.get("/userinfo"), server.post("/userinfo")] {
            let answer = call.access(tokens).send().await.expect(200);
            told.push(answer.json());
        }
    }
    assert!(told.iter().all(|answer| *answer == told[0]), "{told:?}");
    insta::assert_json_snapshot!(told[0], { ".sub" => "[user]" }, @r#"
    {
      "email": "ada@strongroom.test",
      "email_verified": true,
      "name": "ada",
      "nickname": "ada",
      "sub": "[user]",
      "updated_at": "2026-11-21T12:00:00.000Z"
    }
    "#);
}

/// RFC 6750 §3: a request without a token is told how, one with a bad token what is wrong.
#[tokio::test]
async fn what_is_refused() {
    let server = TestServer::start().await;
    let tokens = server.log_in(&server.browser(), &Login::web()).await;
    for authorization in [None, Some("Bearer"), Some("Basic eDp5"), Some("Bearer x"), Some("x")] {
        let call = server.get("/userinfo");
        let call = match authorization {
            Some(value) => call.header("authorization", value),
            None => call,
        };
        let answer = call.send().await.expect(401);
        let body = json!({ "error": "invalid_token", "error_description": "Unauthorized" });
        assert_eq!(answer.json(), body);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
    }
    edit_ada(&server, |ada| ada.blocked = true).await;
    server.get("/userinfo").access(&tokens).send().await.expect(401);
    edit_ada(&server, |ada| ada.blocked = false).await;
    server.get("/userinfo").access(&tokens).send().await.expect(200);
}

/// What is told is what is known now.
#[tokio::test]
async fn it_tells_what_is_known_now() {
    let server = TestServer::start().await;
    let tokens = server.log_in(&server.browser(), &Login::web()).await;
    edit_ada(&server, |ada| ada.profile.name = Some("Ada Lovelace".to_owned())).await;
    let answer = server.get("/userinfo").access(&tokens).send().await.expect(200);
    assert_eq!(answer.member("name"), "Ada Lovelace");
}
