//! From the application's request to the account, with every shape on the way.

use model::log_event::LogEventKind;
use serde_json::{Value, json};
use testkit::{Connect, Login, Persona, TestServer};
use url::Url;

use crate::scene::{LoggedIn, account_error};

const CONNECT: &str = "/me/v1/connected-accounts/connect";

/// Where a connect sends the browser.
async fn departure(ada: &LoggedIn, body: &Value) -> Url {
    let begun = ada.tenant.post(CONNECT).access(&ada.mine).json(body).send().await.expect(201);
    let mut url = Url::parse(&begun.member("connect_uri")).unwrap();
    let ticket = begun.json()["connect_params"]["ticket"].as_str().unwrap().to_owned();
    url.query_pairs_mut().append_pair("ticket", &ticket);
    Url::parse(ada.browser.get(&url).await.location()).unwrap()
}

fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find_map(|(key, value)| (key == name).then(|| value.into_owned()))
}

#[tokio::test]
async fn an_account_is_connected_from_start_to_end() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::spa()).await;
    let body = json!({
        "connection": "calendar", "redirect_uri": "http://localhost:1/callback", "state": "s t&a=te",
        "scopes": ["openid", "profile", "email", "offline_access", "read:calendar"],
    });
    let begun = server.post(CONNECT).access(&ada.mine).json(&body).send().await.expect(201);
    insta::assert_json_snapshot!(begun.json(), {
        ".connect_uri" => "[uri]", ".auth_session" => "[session]", ".connect_params.ticket" => "[ticket]",
    }, @r#"
    {
      "auth_session": "[session]",
      "connect_params": {
        "ticket": "[ticket]"
      },
      "connect_uri": "[uri]",
      "expires_in": 300
    }
    "#);
    assert_eq!(begun.header("cache-control"), Some("no-store"));
    assert!(begun.member("auth_session").len() <= 64);
    // SDKs add the ticket by hand, so there is no query yet.
    let uri = begun.member("connect_uri");
    assert_eq!(uri, server.base().join("connected-accounts/connect"));

    let ticket = begun.json()["connect_params"]["ticket"].as_str().unwrap().to_owned();
    let page = ada.browser.open(&format!("{uri}?ticket={ticket}")).await;
    let page = ada.browser.walk(page, &ada.persona).await;
    assert!(page.is_at_application);
    assert_eq!(page.url.path(), "/callback");
    assert_eq!(page.expect_parameter("state"), "s t&a=te");
    let code = page.expect_parameter("connect_code");
    assert_eq!(page.url.query_pairs().count(), 2);

    let body = json!({
        "auth_session": begun.member("auth_session"), "connect_code": code,
        "redirect_uri": "http://localhost:1/callback",
    });
    let call = server.post("/me/v1/connected-accounts/complete").access(&ada.mine).json(&body);
    let account = call.send().await.expect(201);
    assert_eq!(account.header("cache-control"), Some("no-store"));
    let redacted = crate::scene::without_health(account.json());
    insta::assert_json_snapshot!(redacted, { ".id" => "[id]", ".created_at" => "[time]" }, @r#"
    {
      "access_type": "offline",
      "connection": "calendar",
      "created_at": "[time]",
      "id": "[id]",
      "scopes": [
        "openid",
        "profile",
        "email",
        "read:calendar",
        "offline_access"
      ]
    }
    "#);
    let id = account.member("id");
    assert_eq!((&id[..4], id.len()), ("cac_", 26));
    assert_eq!(ada.only_account().await, redacted);

    let event = server.latest_event(LogEventKind::AccountConnected).await.detail;
    assert_eq!(event.user_id.as_deref(), Some(server.seeded().people[0].user_id.as_str()));
    assert_eq!(event.client_id.as_deref(), Some(server.seeded().spa.as_str()));
    let subject = json!({ "id": id, "idp_user_id": "emulated-ada" });
    assert_eq!(event.details["connected_account"], subject);
}

/// The application's tokens may be bound to a key; every call then shows it, with a nonce of ours.
#[tokio::test]
async fn a_bound_token_connects_with_proofs_and_nonces() {
    let server = TestServer::start().await;
    let key = server.dpop_key();
    let ada = LoggedIn::of(&server, &Login::spa().bound_to(&key)).await;
    let fresh = server.dpop_key();
    let body = json!({ "connection": "calendar", "redirect_uri": "http://localhost:1/callback" });
    // The key has got a nonce at the token endpoint; a proof without any is asked for one.
    let url = server.url(CONNECT);
    let proof = key.sign(&protocol::dpop::ProofClaims {
        jti: "the-first-of-its-kind",
        htm: "POST",
        htu: url.as_str(),
        iat: server.app().now().as_seconds(),
        ath: Some(&protocol::dpop::access_token_hash(&ada.mine.access_token)),
        nonce: None,
    });
    let authorization = format!("DPoP {}", ada.mine.access_token);
    let call = server.post(CONNECT).header("authorization", &authorization).json(&body);
    let answer = call.clone().header("dpop", &proof).send().await;
    account_error(&answer, 401, "A0E-401-0003", "Invalid Token", "The DPoP proof needs a nonce.");
    let challenge = "DPoP error=\"use_dpop_nonce\", algs=\"ES256\"";
    assert_eq!(answer.header("www-authenticate"), Some(challenge));
    assert!(answer.header("dpop-nonce").is_some());
    // With another key than the token's, or as a bearer token, it is worth nothing.
    let stranger = call.clone().header("dpop", &fresh.proof("POST", &url, None)).send().await;
    assert_eq!(stranger.status, 401);
    let bearer = server.post(CONNECT).bearer(&ada.mine.access_token).json(&body).send().await;
    account_error(&bearer, 401, "A0E-401-0003", "Invalid Token", "Invalid Token");

    let account = ada.connect(&Connect::calendar()).await;
    assert_eq!(ada.only_account().await, account);
    let path = format!("/me/v1/connected-accounts/accounts/{}", account["id"].as_str().unwrap());
    server.delete(&path).access(&ada.mine).send().await.expect(204);
    let connections = server.get("/me/v1/connected-accounts/connections").access(&ada.mine);
    connections.send().await.expect(200);
}

/// What is asked of the provider: our own state, challenge and address, and what the application
/// wants.
#[tokio::test]
async fn the_provider_is_asked_for_what_the_application_asks_for() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::spa()).await;
    let url = departure(&ada, &json!({
        "connection": "calendar", "redirect_uri": "http://localhost:1/callback", "state": "ours",
        "scopes": ["openid", "write:calendar"],
        "authorization_params": {
            "login_hint": "ada@calendar.test", "prompt": "login", "max_age": 60, "acr_values": "urn:x",
            "ui_locales": "de",
        },
    }))
    .await;
    assert!(url.as_str().starts_with(server.provider().issuer()));
    let asked = |name| parameter(&url, name).unwrap();
    assert_eq!(asked("response_type"), "code");
    assert_eq!(asked("client_id"), "strongroom");
    assert_eq!(asked("redirect_uri"), server.base().join("login/callback"));
    // The scopes are those of the request; offline access is the connection's to ask for.
    assert_eq!(asked("scope"), "openid write:calendar offline_access");
    assert_eq!(asked("code_challenge_method"), "S256");
    assert_eq!(asked("code_challenge").len(), 43);
    assert_ne!(asked("state"), "ours");
    assert!(!asked("nonce").is_empty());
    assert_eq!(asked("login_hint"), "ada@calendar.test");
    assert_eq!(asked("max_age"), "60");
    assert_eq!(asked("acr_values"), "urn:x");
    assert_eq!(asked("ui_locales"), "de");
    assert_eq!(asked("prompt"), "login consent");

    // Without scopes of its own it gets those of the connection, offline access included.
    let body = json!({ "connection": "calendar", "redirect_uri": "http://localhost:1/callback" });
    let url = departure(&ada, &body).await;
    let scope = parameter(&url, "scope").unwrap();
    let mut scopes: Vec<_> = scope.split(' ').collect();
    scopes.sort_unstable();
    assert_eq!(scopes, ["email", "offline_access", "openid", "profile", "read:calendar"]);
    assert_eq!(parameter(&url, "prompt").as_deref(), Some("consent"));
}

#[tokio::test]
async fn a_refusal_at_the_provider_is_told_to_the_application() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::spa()).await;
    let connecting = ada.begin().await;
    let page = ada.browser.open(connecting.url.as_str()).await;
    let nobody = Persona { allows: false, ..server.ada() };
    let page = ada.browser.walk(page, &nobody).await;
    assert!(page.is_at_application);
    assert_eq!(page.expect_parameter("error"), "access_denied");
    assert_eq!(page.expect_parameter("error_description"), "The user denied the request.");
    assert_eq!(page.expect_parameter("state"), connecting.state);
    assert_eq!(page.parameter("connect_code"), None);
    let event = server.latest_event(LogEventKind::AccountConnectFailed).await.detail;
    assert_eq!(event.description.as_deref(), Some("access was denied at the provider"));
    assert_eq!(event.user_id.as_deref(), Some(server.seeded().people[0].user_id.as_str()));
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_is_told_on_a_page() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::spa()).await;
    let down = json!({ "kind": "status", "status": 503 });
    let rule = json!({ "endpoint": "discovery", "sticky": true, "effect": down });
    server.provider().fault(rule).await;
    let connecting = ada.begin().await;
    let page = ada.browser.open(connecting.url.as_str()).await;
    assert_eq!((page.answer.status, page.is_at_application), (503, false));
    assert!(page.answer.text().contains("Calendar did not answer. Please try again in a minute."));
    let event = server.latest_event(LogEventKind::AccountConnectFailed).await.detail;
    let cause = "the browser cannot be sent to the provider: \
        the provider's discovery document cannot be used: discovery answered with status 503";
    assert_eq!(event.description.as_deref(), Some(cause));
    assert_eq!(server.provider().calls_of("authorize").await, 0);
    // The link is still good when the provider is back.
    server.provider().clear_faults().await;
    server.clock().advance(std::time::Duration::from_secs(10));
    let code = ada.consent_to(&connecting).await;
    ada.completing(&connecting, &code).send().await.expect(201);
}

/// Two connects at once do not get into each other's way.
#[tokio::test]
async fn two_connects_in_one_browser_are_two() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::spa()).await;
    let (first, second) = (ada.begin().await, ada.begin().await);
    let first_page = ada.browser.open(first.url.as_str()).await;
    let second_code = ada.consent_to(&second).await;
    let first_page = ada.browser.walk(first_page, &ada.persona).await;
    let first_code = first_page.expect_parameter("connect_code");
    let one = ada.completing(&first, &first_code).send().await.expect(201).json();
    let other = ada.completing(&second, &second_code).send().await.expect(201).json();
    assert_eq!(one["id"], other["id"]);
    ada.calendar_token().await;
}
