//! A13: what a client pushes (RFC 9126) is its own, good once and for a moment, and nobody adds to it.

use std::time::Duration;

use model::log_event::LogEventKind;
use reqwest::Method;
use testkit::{Answer, Application, Attempt, Engine, Login, Page, TestServer};
use url::Url;

use crate::checks::{is_token_answer, noted, refused};
use crate::steps::{at_once, logged_in};
use crate::support::{codes, edit_client};

async fn push(server: &TestServer, login: &Login) -> (Attempt, String) {
    let attempt = server.attempt(login);
    let answer = server.pushing(&attempt).send().await.expect(201);
    is_token_answer(&answer);
    let request_uri = answer.member("request_uri");
    assert!(request_uri.starts_with("urn:ietf:params:oauth:request_uri:"), "{request_uri}");
    (attempt, request_uri)
}

/// Nobody is redirected, and no code is made.
async fn is_unknown(server: &TestServer, url: &Url) {
    let before = codes(server).await;
    let answer = logged_in(server).await.get(url).await.expect(400);
    assert_eq!(answer.header("location"), None, "{answer:?}");
    let made_by_the_login = 1;
    assert_eq!(codes(server).await, before + made_by_the_login);
    noted(server, LogEventKind::LoginFailed, "the pushed request is unknown").await;
}

fn came_back(page: &Page, attempt: &Attempt) -> String {
    assert!(page.is_at_application, "{page:?}");
    assert_eq!(page.expect_parameter("state"), attempt.state);
    page.expect_parameter("code")
}

#[tokio::test]
async fn a_pushed_request_is_good_once() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let browser = logged_in(&server).await;
        for login in [Login::web(), Login::spa()] {
            let (attempt, request_uri) = push(&server, &login).await;
            let url = server.pushed_url(login.application, &request_uri);
            let code = came_back(&browser.open(url.as_str()).await, &attempt);
            let answer = server.redeem(&attempt, &code).send().await.expect(200);
            let id_token = server.claims_of(&answer.member("id_token"));
            assert_eq!(id_token["nonce"], attempt.nonce);
            is_unknown(&server, &url).await;
        }
    }
}

#[tokio::test]
async fn a13_of_a_hundred_who_come_one_goes_on() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let (_, request_uri) = push(&server, &Login::web()).await;
        let url = server.pushed_url(Application::Web, &request_uri);
        let call = server.get(&format!("{}?{}", url.path(), url.query().unwrap()));
        let answers = at_once(&server, &call).await;
        let went_on = |answer: &&Answer| answer.header("location").is_some();
        assert_eq!(answers.iter().filter(went_on).count(), 1);
        assert!(answers.iter().all(|answer| [302, 400].contains(&answer.status)));
    }
}

#[tokio::test]
async fn a13_a_pushed_request_is_its_clients_and_its_tenants() {
    let server = TestServer::start().await;
    let other = server.other_tenant().await;
    let (attempt, request_uri) = push(&server, &Login::web()).await;
    is_unknown(&server, &server.pushed_url(Application::Spa, &request_uri)).await;
    let elsewhere = other.pushed_url(Application::Web, &request_uri);
    other.browser().get(&elsewhere).await.expect(400);
    // Whoever tried in vain took nothing away.
    let browser = logged_in(&server).await;
    let url = server.pushed_url(Application::Web, &request_uri);
    came_back(&browser.open(url.as_str()).await, &attempt);
}

#[tokio::test]
async fn a13_expired_forged_and_foreign_references_lead_nowhere() {
    let server = TestServer::start().await;
    let (_, request_uri) = push(&server, &Login::web()).await;
    let url = server.pushed_url(Application::Web, &request_uri);
    server.clock().advance(Duration::from_secs(30));
    is_unknown(&server, &url).await;
    for forged in ["", "spr_", "spr_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "' OR 1=1 --"] {
        let forged = format!("urn:ietf:params:oauth:request_uri:{forged}");
        is_unknown(&server, &server.pushed_url(Application::Web, &forged)).await;
    }
    let path = format!("/authorize?request_uri={request_uri}");
    let answer = server.get(&path).send().await.expect(400);
    assert!(answer.text().contains("Missing required parameter: client_id"), "{answer:?}");
    // A URI that leads somewhere is never followed.
    let browser = logged_in(&server).await;
    for uri in ["https://app.example/request", "http://127.0.0.1:1/", "urn:other", "data:,x"] {
        let mut url = server.attempt(&Login::web()).url;
        url.query_pairs_mut().append_pair("request_uri", uri);
        let page = browser.open(url.as_str()).await;
        assert_eq!(page.expect_parameter("error"), "request_uri_not_supported", "{uri}");
    }
}

#[tokio::test]
async fn a13_what_stands_beside_a_reference_says_nothing() {
    let server = TestServer::start().await;
    let browser = logged_in(&server).await;
    let (attempt, request_uri) = push(&server, &Login::web().scope("openid")).await;
    let mut url = server.pushed_url(Application::Web, &request_uri);
    url.query_pairs_mut()
        .append_pair("scope", "openid profile offline_access read:calendar")
        .append_pair("redirect_uri", "https://evil.example/callback")
        .append_pair("state", "evil")
        .append_pair("nonce", "evil")
        .append_pair("response_mode", "fragment")
        .append_pair("prompt", "login")
        .append_pair("request", "a.b.c")
        .append_pair("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    let code = came_back(&browser.open(url.as_str()).await, &attempt);
    let answer = server.redeem(&attempt, &code).send().await.expect(200);
    assert_eq!(answer.member("scope"), "openid");
    assert_eq!(server.claims_of(&answer.member("id_token"))["nonce"], attempt.nonce);
}

#[tokio::test]
async fn a13_only_the_client_itself_pushes() {
    let server = TestServer::start().await;
    let attempt = server.attempt(&Login::web());
    let pairs: Vec<(String, String)> = attempt.url.query_pairs().into_owned().collect();
    let pushing = |more: &[(&str, &str)]| {
        let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        server.post("/oauth/par").form(&pairs.iter().cloned().chain(more).collect::<Vec<_>>())
    };
    let answer = pushing(&[]).send().await;
    assert_eq!(answer.error(), (401, "invalid_client".to_owned()), "{answer:?}");
    noted(&server, LogEventKind::PushFailed, "the client sent no secret").await;
    let answer = pushing(&[("client_secret", "guess")]).send().await;
    assert_eq!(answer.status, 401, "{answer:?}");
    let other = &server.seeded().management;
    assert_eq!(pushing(&[]).basic(other).send().await.status, 400);
    let web = &server.seeded().web;
    pushing(&[]).basic(web).send().await.expect(201);
    // RFC 9126 §2.1: `request_uri` MUST NOT be provided.
    let (_, request_uri) = push(&server, &Login::web()).await;
    let answer = pushing(&[("request_uri", &request_uri)]).basic(web).send().await;
    assert_eq!(answer.error(), (400, "request_uri_not_supported".to_owned()));
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let path = format!("/oauth/par?{}", attempt.url.query().unwrap());
        server.call(method, &path).send().await.expect(405);
    }
    let path = format!("/oauth/par?{}", attempt.url.query().unwrap());
    assert_eq!(server.post(&path).form(&[("x", "y")]).basic(web).send().await.status, 400);
}

/// What a browser's own request would be denied for, a push is.
#[tokio::test]
async fn a13_a_push_is_judged_as_the_request_would_be() {
    let server = TestServer::start().await;
    let check = async |login: Login, status: u16, error: &str, description: &str| {
        let answer = server.pushing(&server.attempt(&login)).send().await;
        refused(&answer, status, error, description);
    };
    let mut elsewhere = Login::web();
    elsewhere.redirect_uri = "https://evil.example/callback".to_owned();
    check(elsewhere, 400, "invalid_request", "Callback URL mismatch.").await;
    let unknown = Login::web().audience(Some("https://unknown.example/"));
    check(unknown, 403, "access_denied", "Service not found: https://unknown.example/").await;
    let nowhere = Login::web().with("connection", "nowhere");
    check(nowhere, 400, "invalid_request", "the connection was not found").await;
    let nonsense = Login::web().with("prompt", "none login");
    check(nonsense, 400, "invalid_request", "Invalid parameter: prompt").await;
    let old = Login::web().with("max_age", "soon");
    check(old, 400, "invalid_request", "Invalid parameter: max_age").await;
    noted(&server, LogEventKind::PushFailed, "Invalid parameter: max_age").await;
    let mut attempt = server.attempt(&Login::spa());
    let kept: Vec<(String, String)> = attempt
        .url
        .query_pairs()
        .into_owned()
        .filter(|(name, _)| !name.starts_with("code_challenge"))
        .collect();
    attempt.url.query_pairs_mut().clear().extend_pairs(kept);
    let answer = server.pushing(&attempt).send().await;
    refused(&answer, 400, "invalid_request", "code challenge required");
}

#[tokio::test]
async fn a13_a_client_may_allow_pushed_requests_alone() {
    let server = TestServer::start().await;
    let browser = logged_in(&server).await;
    edit_client(&server, Application::Web, |client| {
        client.require_pushed_authorization_requests = true;
        client.par_request_expiry = Some(600);
    })
    .await;
    let attempt = server.attempt(&Login::web());
    let page = browser.open(attempt.url.as_str()).await;
    assert_eq!(page.expect_parameter("error"), "invalid_request");
    let description = "A pushed authorization request is required.";
    assert_eq!(page.expect_parameter("error_description"), description);
    assert_eq!(page.parameter("code"), None);

    let answer = server.pushing(&attempt).send().await.expect(201);
    assert_eq!(answer.json()["expires_in"], 600);
    server.clock().advance(Duration::from_secs(599));
    let browser = logged_in(&server).await;
    let url = server.pushed_url(Application::Web, &answer.member("request_uri"));
    came_back(&browser.open(url.as_str()).await, &attempt);
}

/// RFC 9449 §10.1.
#[tokio::test]
async fn a56_a_proof_with_the_push_binds_the_code() {
    let server = TestServer::start().await;
    let browser = logged_in(&server).await;
    let (key, other) = (server.dpop_key(), server.dpop_key());
    let attempt = server.attempt(&Login::web());
    let answer = server.pushing(&attempt).proving(&key).send().await.expect(201);
    let url = server.pushed_url(Application::Web, &answer.member("request_uri"));
    let code = came_back(&browser.open(url.as_str()).await, &attempt);
    let answer = server.redeem(&attempt, &code).proving(&other).send().await;
    assert_eq!(answer.error(), (403, "invalid_grant".to_owned()));

    let attempt = server.attempt(&Login::web().bound_to(&key));
    let answer = server.pushing(&attempt).proving(&other).send().await;
    let description = "The DPoP proof is not by the key that dpop_jkt names.";
    refused(&answer, 400, "invalid_dpop_proof", description);
}
