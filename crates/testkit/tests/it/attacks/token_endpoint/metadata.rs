//! A44, A45: the metadata name what works and nothing else; and no secret travels in a URL.

use model::log_event::LogEventKind;
use protocol::oauth::token::GrantType;
use reqwest::Method;
use serde_json::Value;
use testkit::{Application, Login, TestServer};
use url::Url;

use crate::checks::{noted, refused};
use crate::steps::{logged_in, refresh_token, token_request};
use crate::support::arrive;

async fn metadata(server: &TestServer) -> Value {
    server.get("/.well-known/openid-configuration").send().await.expect(200).json()
}

fn texts(metadata: &Value, name: &str) -> Vec<String> {
    metadata[name].as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a44_the_grants_that_are_listed_are_those_that_are_served() {
    let server = TestServer::start().await;
    let listed = texts(&metadata(&server).await, "grant_types_supported");
    assert_eq!(listed, GrantType::ALL.map(|grant| grant.as_str().to_owned()));
    let web = &server.seeded().web;
    for grant in listed {
        let answer = token_request(&server, &[("grant_type", &grant)]).basic(web).send().await;
        assert_ne!(answer.error().1, "unsupported_grant_type", "{grant}");
    }
    for grant in [
        "password",
        "implicit",
        "http://auth0.com/oauth/grant-type/password-realm",
        "http://auth0.com/oauth/grant-type/passwordless/otp",
        "http://auth0.com/oauth/grant-type/mfa-otp",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:openid:params:grant-type:ciba",
        "Authorization_Code",
        "refresh_token ",
    ] {
        let answer = token_request(&server, &[("grant_type", grant)]).basic(web).send().await;
        let description = format!("Unsupported grant type: {grant}");
        refused(&answer, 400, "unsupported_grant_type", &description);
        noted(&server, LogEventKind::LoginFailed, "the grant type is not supported").await;
    }
}

#[tokio::test]
async fn a44_the_endpoints_that_are_listed_are_there() {
    let server = TestServer::start().await;
    let metadata = metadata(&server).await;
    let members = metadata.as_object().unwrap();
    let endpoints = members
        .iter()
        .filter(|(name, _)| name.ends_with("_endpoint") || name.as_str() == "jwks_uri");
    let mut count = 0;
    for (name, url) in endpoints {
        let url = Url::parse(url.as_str().unwrap()).unwrap();
        assert_eq!(url.origin(), server.url("/").origin(), "{name}");
        let method = match name.as_str() {
            "token_endpoint" | "revocation_endpoint" | "pushed_authorization_request_endpoint" => {
                Method::POST
            }
            _ => Method::GET,
        };
        let answer = server.call(method, url.path()).send().await;
        assert!(![404, 405].contains(&answer.status), "{name} {answer:?}");
        count += 1;
    }
    assert_eq!(count, 7);
    for unlisted in ["/oauth/device/code", "/oidc/register", "/bc-authorize", "/oauth/introspect"] {
        server.post(unlisted).send().await.expect(404);
    }
}

#[tokio::test]
async fn a44_what_is_not_listed_is_refused() {
    let server = TestServer::start().await;
    let browser = logged_in(&server).await;
    let metadata = metadata(&server).await;
    assert_eq!(texts(&metadata, "response_types_supported"), ["code"]);
    for listed in ["id_token_signing_alg_values_supported", "dpop_signing_alg_values_supported"] {
        assert!(!texts(&metadata, listed).iter().any(|alg| alg == "none" || alg.starts_with("HS")));
    }
    for response_type in ["token", "id_token", "code id_token", "code token", "none"] {
        let mut url = server.attempt(&Login::spa()).url;
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let kept = pairs.into_iter().filter(|(name, _)| name != "response_type");
        url.query_pairs_mut()
            .clear()
            .extend_pairs(kept)
            .append_pair("response_type", response_type);
        let page = browser.open(url.as_str()).await;
        assert_eq!(page.expect_parameter("error"), "unsupported_response_type");
    }
    for mode in texts(&metadata, "response_modes_supported") {
        let page = arrive(&server, &browser, &Login::spa().with("response_mode", &mode)).await;
        assert!(page.parameter("error").is_none(), "{mode}");
    }
    let page = arrive(&server, &browser, &Login::spa().with("response_mode", "jwt")).await;
    assert!(page.parameter("error").is_some() || page.answer.status == 400, "{page:?}");
}

#[tokio::test]
async fn a45_tokens_in_a_url_count_for_nothing() {
    let server = TestServer::start().await;
    let tokens = server.log_in(&server.browser(), &Login::web()).await;
    let mine = server.my_account_tokens(&tokens).await;
    let management = server.management_token().await;
    for (path, token) in [
        ("/userinfo", &tokens.access_token),
        ("/me/v1/connected-accounts/accounts", &mine.access_token),
        ("/api/v2/clients", &management),
    ] {
        let by_query = format!("{path}?access_token={token}");
        server.get(&by_query).send().await.expect(401);
        server.get(path).bearer(token).send().await.expect(200);
    }
    // RFC 6750 §2.2: nor in a form, where pages of others could have it sent.
    let by_form = server.post("/userinfo").form(&[("access_token", &tokens.access_token)]);
    by_form.send().await.expect(401);
}

#[tokio::test]
async fn a45_a_grant_in_a_url_is_no_grant() {
    let server = TestServer::start().await;
    let tokens = server.log_in(&server.browser(), &Login::spa()).await;
    let client_id = server.client_id(Application::Spa);
    let mut url = server.url("/oauth/token");
    url.query_pairs_mut()
        .append_pair("grant_type", "refresh_token")
        .append_pair("client_id", &client_id)
        .append_pair("refresh_token", refresh_token(&tokens));
    let path = format!("{}?{}", url.path(), url.query().unwrap());
    let by_query = server.post(&path).form::<&str, &str>(&[]).send().await;
    assert_eq!(by_query.status, 400, "{by_query:?}");
    server.get(&path).send().await.expect(405);
    server.refresh(&tokens, &[]).await;
}

/// A code goes by the browser's address bar, and nothing else does.
#[tokio::test]
async fn a45_no_token_is_sent_by_redirect() {
    let server = TestServer::start().await;
    let browser = logged_in(&server).await;
    for mode in ["query", "fragment"] {
        let page = arrive(&server, &browser, &Login::spa().with("response_mode", mode)).await;
        let parameters = match mode {
            "query" => page.url.query().unwrap(),
            _ => page.url.fragment().unwrap(),
        };
        let mut names: Vec<String> = form_urlencoded::parse(parameters.as_bytes())
            .map(|(name, _)| name.into_owned())
            .collect();
        names.sort();
        assert_eq!(names, ["code", "iss", "state"], "{mode}");
    }
}
