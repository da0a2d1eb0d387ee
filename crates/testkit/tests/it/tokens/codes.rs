//! Redeeming a code: what comes of it, and when.

use model::client::{AppType, RotationType};
use model::log_event::LogEventKind;
use model::resource_server::TokenDialect;
use protocol::oauth::token::GrantType;
use serde_json::{Value, json};
use store::resource_servers;
use testkit::{Answer, Application, Attempt, Login, RESOURCE_SERVER, TestServer};

use crate::checks::{is_token_answer, noted, refused};
use crate::steps::{code, edit_ada, logged_in, token_request};
use crate::support::edit_client;

async fn redeemed(server: &TestServer, login: &Login) -> (Attempt, Answer) {
    let browser = logged_in(server).await;
    let (attempt, code) = code(server, &browser, login).await;
    let answer = server.redeem(&attempt, &code).send().await.expect(200);
    is_token_answer(&answer);
    (attempt, answer)
}

/// The header of a JWT.
fn header_of(token: &str) -> Value {
    use base64::Engine as _;
    let header = token.split('.').next().unwrap();
    serde_json::from_slice(&base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(header).unwrap())
        .unwrap()
}

#[tokio::test]
async fn a_code_gives_all_that_was_asked_for() {
    let server = TestServer::start().await;
    let (attempt, answer) = redeemed(&server, &Login::spa()).await;
    insta::assert_json_snapshot!(answer.json(), {
        ".access_token" => "[token]", ".id_token" => "[token]", ".refresh_token" => "[token]",
    }, @r#"
    {
      "access_token": "[token]",
      "expires_in": 86400,
      "id_token": "[token]",
      "refresh_token": "[token]",
      "scope": "openid profile email read:calendar offline_access",
      "token_type": "Bearer"
    }
    "#);
    assert!(answer.member("refresh_token").starts_with("srt_"));
    let (access, id) = (answer.member("access_token"), answer.member("id_token"));
    let kid = header_of(&access)["kid"].clone();
    for token in [&access, &id] {
        assert_eq!(header_of(token), json!({ "alg": "RS256", "typ": "JWT", "kid": kid }));
    }
    let claims = server.claims_of(&id);
    assert_eq!(claims["nonce"], attempt.nonce.as_str());
    assert_eq!(claims["aud"], server.client_id(Application::Spa));
    assert_eq!(claims["iss"], server.issuer());
    insta::assert_json_snapshot!(claims, {
        ".iss" => "[issuer]", ".aud" => "[client]", ".sub" => "[user]", ".nonce" => "[nonce]",
        ".sid" => "[session]",
    }, @r#"
    {
      "aud": "[client]",
      "auth_time": 1795262400,
      "email": "ada@strongroom.test",
      "email_verified": true,
      "exp": 1795298400,
      "iat": 1795262400,
      "iss": "[issuer]",
      "name": "ada",
      "nickname": "ada",
      "nonce": "[nonce]",
      "sid": "[session]",
      "sub": "[user]",
      "updated_at": "2026-11-21T12:00:00.000Z"
    }
    "#);
    let userinfo = format!("{}userinfo", server.issuer());
    let claims = server.claims_of(&access);
    assert_eq!(claims["aud"], json!([RESOURCE_SERVER, userinfo]));
    insta::assert_json_snapshot!(claims, {
        ".iss" => "[issuer]", ".sub" => "[user]", ".aud" => "[audiences]", ".azp" => "[client]",
        ".jti" => "[id]",
    }, @r#"
    {
      "aud": "[audiences]",
      "azp": "[client]",
      "exp": 1795348800,
      "iat": 1795262400,
      "iss": "[issuer]",
      "jti": "[id]",
      "scope": "openid profile email read:calendar offline_access",
      "sub": "[user]"
    }
    "#);
    let event = server.latest_event(LogEventKind::CodeExchange).await.detail;
    assert_eq!(event.user_id.as_deref(), claims["sub"].as_str());
    assert_eq!(event.audience.as_deref(), Some(RESOURCE_SERVER));
    assert_eq!(event.scope.as_deref(), claims["scope"].as_str());
}

#[tokio::test]
async fn what_was_not_asked_for_is_not_given() {
    let server = TestServer::start().await;
    let (_, answer) = redeemed(&server, &Login::web().scope("read:calendar")).await;
    let members: Vec<String> = answer.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(members, ["access_token", "expires_in", "scope", "token_type"]);
    let claims = server.claims_of(&answer.member("access_token"));
    assert_eq!(claims["aud"], RESOURCE_SERVER);

    // Without an API the token is for /userinfo, and lives for a day.
    let login = Login::web().audience(None).scope("openid email read:calendar");
    let (_, answer) = redeemed(&server, &login).await;
    assert_eq!(answer.member("scope"), "openid email");
    assert_eq!(answer.json()["expires_in"], 86_400);
    let claims = server.claims_of(&answer.member("access_token"));
    assert_eq!(claims["aud"], format!("{}userinfo", server.issuer()));
    let claims = server.claims_of(&answer.member("id_token"));
    assert_eq!(claims.get("name"), None);
}

/// A refresh token is given where person, client, API and the kind of client agree on it.
#[tokio::test]
async fn when_a_refresh_token_is_given() {
    let server = TestServer::start().await;
    let gets_one = async |login: Login| {
        let (_, answer) = redeemed(&server, &login).await;
        let json = answer.json();
        let echoed = answer.member("scope").contains("offline_access");
        assert_eq!(json.get("refresh_token").is_some(), echoed, "{answer:?}");
        echoed
    };
    assert!(gets_one(Login::spa()).await);
    assert!(gets_one(Login::web()).await);
    assert!(gets_one(Login::web().audience(None)).await);
    assert!(!gets_one(Login::spa().scope("openid read:calendar")).await);

    // What runs in a browser and cannot prove who it is has them rotate, or has none.
    let rotation = async |rotation_type, app_type| {
        edit_client(&server, Application::Spa, |client| {
            client.refresh_token.rotation_type = rotation_type;
            client.app_type = app_type;
        })
        .await;
    };
    rotation(RotationType::NonRotating, Some(AppType::Spa)).await;
    assert!(!gets_one(Login::spa()).await);
    rotation(RotationType::NonRotating, Some(AppType::Native)).await;
    assert!(gets_one(Login::spa()).await);
    rotation(RotationType::Rotating, Some(AppType::Spa)).await;

    let mut grants = Vec::new();
    edit_client(&server, Application::Spa, |client| {
        grants.clone_from(&client.grant_types);
        client.grant_types.retain(|grant| grant.as_str() != GrantType::RefreshToken.as_str());
    })
    .await;
    assert!(!gets_one(Login::spa()).await);
    edit_client(&server, Application::Spa, |client| client.grant_types = grants).await;

    edit_api(&server, |api| api.allow_offline_access = false).await;
    assert!(!gets_one(Login::spa()).await);
    assert!(gets_one(Login::spa().audience(None)).await);
}

async fn edit_api(server: &TestServer, change: fn(&mut model::resource_server::ResourceServer)) {
    let tenant = &server.seeded().tenant.id;
    let mut tx = server.app().store.write().await.unwrap();
    let api = resource_servers::find_by_identifier(&mut tx, tenant, RESOURCE_SERVER).await;
    let mut api = api.unwrap().unwrap();
    change(&mut api);
    resource_servers::update(&mut tx, tenant, &api).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn the_api_says_how_its_tokens_look_and_live() {
    let server = TestServer::start().await;
    edit_api(&server, |api| {
        api.token_dialect = TokenDialect::Rfc9068Profile;
        api.token_lifetime = 60;
    })
    .await;
    edit_client(&server, Application::Spa, |client| {
        client.jwt_configuration.lifetime_in_seconds = 30;
    })
    .await;
    let (_, answer) = redeemed(&server, &Login::spa()).await;
    assert_eq!(answer.json()["expires_in"], 60);
    let access = answer.member("access_token");
    assert_eq!(header_of(&access)["typ"], "at+jwt");
    let claims = server.claims_of(&access);
    assert_eq!(claims["client_id"], server.client_id(Application::Spa));
    assert_eq!(claims.get("azp"), None);
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 60);
    let claims = server.claims_of(&answer.member("id_token"));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 30);
    // Our own APIs read both dialects.
    server.get("/userinfo").bearer(&access).send().await.expect(200);
}

/// What SDKs send along, and what would be another authorization, changes nothing.
#[tokio::test]
async fn other_parameters_are_ignored() {
    let server = TestServer::start().await;
    let browser = logged_in(&server).await;
    let (attempt, code) = code(&server, &browser, &Login::spa()).await;
    let client_id = server.client_id(Application::Spa);
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", &client_id),
        ("code", &code),
        ("redirect_uri", &attempt.redirect_uri),
        ("code_verifier", &attempt.verifier),
        ("scope", "openid write:calendar"),
        ("audience", "https://elsewhere.example/"),
        ("nonce", "another"),
        ("display", "popup"),
        ("anything", "else"),
    ];
    let answer = token_request(&server, &fields).send().await.expect(200);
    assert_eq!(answer.member("scope"), "openid profile email read:calendar offline_access");
    assert_eq!(server.claims_of(&answer.member("id_token"))["nonce"], attempt.nonce.as_str());
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let server = TestServer::start().await;
    let web = &server.seeded().web;
    let ask =
        async |fields: &[(&str, &str)]| token_request(&server, fields).basic(web).send().await;
    let missing = |name: &str| format!("Missing required parameter: {name}");
    let answer = ask(&[]).await;
    refused(&answer, 400, "invalid_request", &missing("grant_type"));
    let answer = ask(&[("grant_type", "authorization_code")]).await;
    refused(&answer, 400, "invalid_request", &missing("code"));
    let answer = ask(&[("grant_type", "authorization_code"), ("code", "")]).await;
    refused(&answer, 400, "invalid_request", &missing("code"));
    let answer = ask(&[("grant_type", "refresh_token")]).await;
    refused(&answer, 400, "invalid_request", &missing("refresh_token"));
    let fields = [("grant_type", "authorization_code"), ("code", "x"), ("code_verifier", "short")];
    refused(&ask(&fields).await, 400, "invalid_request", "Invalid parameter: code_verifier");
}

#[tokio::test]
async fn a_code_is_for_a_person_and_a_client_as_they_are_now() {
    let server = TestServer::start().await;
    let browser = logged_in(&server).await;
    let (attempt, first) = code(&server, &browser, &Login::spa()).await;
    edit_ada(&server, |ada| ada.blocked = true).await;
    let answer = server.redeem(&attempt, &first).send().await;
    refused(&answer, 403, "unauthorized", "user is blocked");
    noted(&server, LogEventKind::CodeExchangeFailed, "the user is blocked").await;
    edit_ada(&server, |ada| ada.blocked = false).await;

    let (attempt, second) = code(&server, &browser, &Login::spa()).await;
    edit_client(&server, Application::Spa, |client| client.grant_types.clear()).await;
    let answer = server.redeem(&attempt, &second).send().await;
    let description = "Grant type 'authorization_code' not allowed for the client.";
    refused(&answer, 403, "unauthorized_client", description);
    let cause = "the authorization_code grant is not enabled for the client";
    noted(&server, LogEventKind::CodeExchangeFailed, cause).await;
}

#[tokio::test]
async fn an_api_that_went_away_meanwhile_gets_no_token() {
    let server = TestServer::start().await;
    let browser = logged_in(&server).await;
    let (attempt, code) = code(&server, &browser, &Login::spa()).await;
    let tenant = &server.seeded().tenant.id;
    let mut tx = server.app().store.write().await.unwrap();
    let api = resource_servers::find_by_identifier(&mut tx, tenant, RESOURCE_SERVER).await;
    resource_servers::delete(&mut tx, tenant, &api.unwrap().unwrap().id).await.unwrap();
    tx.commit().await.unwrap();
    let answer = server.redeem(&attempt, &code).send().await;
    let description = format!("Service not found: {RESOURCE_SERVER}");
    refused(&answer, 403, "access_denied", &description);
    // The attempt has spent the code.
    let answer = server.redeem(&attempt, &code).send().await;
    refused(&answer, 403, "invalid_grant", "Invalid authorization code");
}
