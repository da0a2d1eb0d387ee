//! Where answers must not go: redirect URIs, messages, logouts.

use model::log_event::LogEventKind;
use testkit::{Application, Browser, Login, TestServer};
use url::Url;

use crate::support::{codes, edit_client};

/// With a session, so that nothing but the address stands between an attacker and a code.
async fn logged_in(server: &TestServer) -> Browser {
    let browser = server.browser();
    server.log_in(&browser, &Login::spa()).await;
    browser
}

fn with_redirect_uri(server: &TestServer, redirect_uri: &str) -> Url {
    let mut login = Login::spa();
    redirect_uri.clone_into(&mut login.redirect_uri);
    server.attempt(&login).url
}

#[tokio::test]
async fn a01_redirect_uris_that_only_look_registered() {
    let server = TestServer::start().await;
    let browser = logged_in(&server).await;
    edit_client(&server, Application::Spa, |client| {
        client.callbacks = [
            "https://app.example/callback",
            "https://app.example/callback/",
            "https://*.preview.example/cb",
            "http://localhost:*/callback",
            "com.example.app:/callback",
        ]
        .map(str::to_owned)
        .into();
    })
    .await;
    let before = codes(&server).await;
    for redirect_uri in VARIANTS {
        let answer = browser.get(&with_redirect_uri(&server, redirect_uri)).await;
        assert_eq!(answer.status, 403, "{redirect_uri:?} {answer:?}");
        assert_eq!(answer.header("location"), None, "{redirect_uri:?}");
        assert!(answer.text().contains("Callback URL mismatch."), "{redirect_uri:?}");
    }
    assert_eq!(codes(&server).await, before);
    let registered = browser.get(&with_redirect_uri(&server, "https://app.example/callback")).await;
    assert!(registered.location().starts_with("https://app.example/callback?code="));
}

const VARIANTS: [&str; 84] = [
    "https://app.example",
    "https://app.example/",
    "https://app.example/callbac",
    "https://app.example/callbackx",
    "https://app.example/callback//",
    "https://app.example/callback/x",
    "https://app.example/callback/../callback",
    "https://app.example/./callback",
    "https://app.example//callback",
    "https://app.example/x/../callback",
    "https://app.example/callback/..",
    "https://app.example/callback/..;/",
    "https://app.example/callback;x",
    "https://app.example/callback%2f",
    "https://app.example/callback%252f",
    "https://app.example/%63allback",
    "https://app.example/callback%00",
    "https://app.example/callback%0d%0a",
    "https://app.example/callback%2e%2e",
    "https://app.example/Callback",
    "https://app.example/callback?",
    "https://app.example/callback?x=1",
    "https://app.example/callback&x=1",
    "https://app.example/callback#",
    "https://app.example/callback#x",
    "https://app.example/callback#@evil.example",
    "https://app.example/callback ",
    " https://app.example/callback",
    "https://app.example/callback\t",
    "https://app.example/callback\r\n",
    "https://app.example/\tcallback",
    "https://app.\texample/callback",
    "https://app.example\\callback",
    "https:\\\\app.example\\callback",
    "https://app.example\\@evil.example/callback",
    "https://APP.example/callback",
    "HTTPS://app.example/callback",
    "http://app.example/callback",
    "ftp://app.example/callback",
    "//app.example/callback",
    "/callback",
    "callback",
    "https:app.example/callback",
    "https:/app.example/callback",
    "https:///app.example/callback",
    "https://app.example:443/callback",
    "https://app.example:444/callback",
    "https://app.example:/callback",
    "https://app.example:0443/callback",
    "https://app.example./callback",
    "https://.app.example/callback",
    "https://app.example.evil.example/callback",
    "https://evil.example/app.example/callback",
    "https://evilapp.example/callback",
    "https://evil-app.example/callback",
    "https://app.example@evil.example/callback",
    "https://app.example:x@evil.example/callback",
    "https://user@app.example/callback",
    "https://@app.example/callback",
    "https://evil.example@@app.example/callback",
    "https://app%2eexample/callback",
    "https://app%00.example/callback",
    "https://app。example/callback",
    "https://app．example/callback",
    "https://ａpp.example/callback",
    "https://xn--app-.example/callback",
    "https://[::1]/callback",
    "https://127.0.0.1/callback",
    "https://preview.example/cb",
    "https://a.b.preview.example/cb",
    "https://.preview.example/cb",
    "https://*.preview.example/cb",
    "https://evil.example/.preview.example/cb",
    "https://evil.example#.preview.example/cb",
    "https://evil.example?.preview.example/cb",
    "https://-a.preview.example/cb",
    "https://a@evil.preview.example/cb",
    "http://localhost:x/callback",
    "http://localhost:99999/callback",
    "http://localhost:*/callback",
    "com.example.app:/callback2",
    "com.example.app2:/callback",
    "javascript:alert(1)//https://app.example/callback",
    "data:text/html,https://app.example/callback",
];

#[tokio::test]
async fn a01_unknown_clients_and_none_at_all() {
    let server = TestServer::start().await;
    let browser = logged_in(&server).await;
    let before = codes(&server).await;
    let attempt = server.attempt(&Login::spa()).url;
    for (client_id, status, text) in [
        ("nobody", 403, "Unknown client."),
        ("a\u{1}b", 403, "Unknown client."),
        ("", 400, "Missing required parameter: client_id"),
    ] {
        let mut url = attempt.clone();
        let pairs: Vec<(String, String)> = url
            .query_pairs()
            .into_owned()
            .map(|(name, value)| match name.as_str() {
                "client_id" => (name, client_id.to_owned()),
                _ => (name, value),
            })
            .collect();
        url.query_pairs_mut().clear().extend_pairs(pairs);
        let answer = browser.get(&url).await;
        assert_eq!((answer.status, answer.header("location")), (status, None), "{client_id:?}");
        assert!(answer.text().contains(text), "{answer:?}");
    }
    assert_eq!(codes(&server).await, before);
    assert_eq!(server.count_events(LogEventKind::LoginFailed).await, 3);
}

#[tokio::test]
async fn a02_the_redirect_uri_is_the_same_at_the_token_endpoint() {
    let server = TestServer::start().await;
    let browser = logged_in(&server).await;
    for other in [None, Some("http://localhost:2/callback"), Some("http://localhost:1/callback/")] {
        let attempt = server.attempt(&Login::spa());
        let code = browser.open(attempt.url.as_str()).await.expect_parameter("code");
        let client_id = server.client_id(Application::Spa);
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("client_id", &client_id),
            ("code", &code),
            ("code_verifier", &attempt.verifier),
        ];
        fields.extend(other.map(|other| ("redirect_uri", other)));
        let refused = server.post("/oauth/token").form(&fields).send().await;
        assert_eq!(refused.error(), (403, "invalid_grant".to_owned()), "{other:?}");
        // The code is burnt.
        let refused = server.redeem(&attempt, &code).send().await;
        assert_eq!(refused.error(), (403, "invalid_grant".to_owned()), "{other:?}");
    }
}

#[tokio::test]
async fn a04_what_an_attacker_writes_stays_text() {
    let server = TestServer::start().await;
    let browser = logged_in(&server).await;
    let payload = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>";
    for mode in ["form_post", "web_message"] {
        for parameters in [vec![("audience", payload)], vec![]] {
            let mut login = Login::spa().with("response_mode", mode);
            for (name, value) in &parameters {
                login = login.audience(None).with(name, value);
            }
            let mut url = server.attempt(&login).url;
            let pairs: Vec<(String, String)> = url
                .query_pairs()
                .into_owned()
                .map(|(name, value)| match name.as_str() {
                    "state" => (name, payload.to_owned()),
                    _ => (name, value),
                })
                .collect();
            url.query_pairs_mut().clear().extend_pairs(pairs);
            let answer = browser.get(&url).await.expect(200);
            let text = answer.text();
            assert!(!text.contains("<script>alert") && !text.contains("<img src=x"), "{text}");
            let policy = answer.header("content-security-policy").unwrap();
            assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe-inline"));
        }
    }
}

#[tokio::test]
async fn a04_messages_go_to_registered_origins_only() {
    let server = TestServer::start().await;
    let browser = logged_in(&server).await;
    let before = codes(&server).await;
    edit_client(&server, Application::Spa, |client| {
        client.web_origins = vec!["https://app.example".to_owned()];
        client.callbacks = vec!["https://app.example/callback".to_owned()];
    })
    .await;
    for redirect_uri in [
        "https://evil.example",
        "https://app.example.evil.example",
        "https://app.example@evil.example",
        "https://evil.example/https://app.example",
        "http://app.example",
        "https://app.example:444",
        "null",
        "*",
        "javascript:alert(1)",
    ] {
        let mut login = Login::spa().with("response_mode", "web_message");
        redirect_uri.clone_into(&mut login.redirect_uri);
        let answer = browser.get(&server.attempt(&login).url).await;
        assert_eq!(answer.status, 403, "{redirect_uri}");
        assert!(!answer.text().contains("data-target-origin"), "{redirect_uri}");
    }
    assert_eq!(codes(&server).await, before);
}

#[tokio::test]
async fn a05_on_loopback_only_the_port_is_open() {
    let server = TestServer::start().await;
    let browser = logged_in(&server).await;
    edit_client(&server, Application::Spa, |client| {
        client.callbacks =
            ["http://localhost:*/cb", "http://127.0.0.1:5000/cb", "https://a.example:1/cb"]
                .map(str::to_owned)
                .into();
    })
    .await;
    let check = async |redirect_uri: &str, status: u16| {
        let answer = browser.get(&with_redirect_uri(&server, redirect_uri)).await;
        assert_eq!(answer.status, status, "{redirect_uri}");
    };
    check("http://localhost:1234/cb", 302).await;
    check("http://localhost:65535/cb", 302).await;
    check("http://127.0.0.1:5000/cb", 302).await;
    for redirect_uri in [
        "http://localhost/cb",
        "http://localhost:/cb",
        "http://localhost:0/cb",
        "http://localhost:01/cb",
        "http://localhost:1234/other",
        "http://127.0.0.1:1234/cb",
        "http://127.0.0.1:5001/cb",
        "http://[::1]:1234/cb",
        "https://localhost:1234/cb",
        "http://localhost:1234@evil.example/cb",
        "http://localhost:1234.evil.example/cb",
        "http://localhost.evil.example:1234/cb",
        "https://a.example:2/cb",
    ] {
        check(redirect_uri, 403).await;
    }
}

#[tokio::test]
async fn a06_logouts_lead_to_registered_urls_only() {
    let server = TestServer::start().await;
    let browser = logged_in(&server).await;
    edit_client(&server, Application::Spa, |client| {
        client.allowed_logout_urls = vec!["https://app.example/bye".to_owned()];
    })
    .await;
    edit_client(&server, Application::Web, |client| {
        client.allowed_logout_urls = vec!["https://web.example/bye".to_owned()];
    })
    .await;
    let client_id = server.client_id(Application::Spa);
    let mut refusals = 0;
    for target in [
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https:evil.example",
        "https:///evil.example",
        "https://evil.example",
        "https://app.example",
        "https://app.example/bye/",
        "https://app.example/bye/../x",
        "https://app.example/bye?x=1",
        "https://app.example/bye#x",
        "https://app.example@evil.example/bye",
        "https://app.example.evil.example/bye",
        "https://web.example/bye",
        "javascript:alert(1)",
        "data:text/html,x",
    ] {
        for parameters in
            [vec![("returnTo", target), ("client_id", &client_id)], vec![("returnTo", target)]]
        {
            let mut url = server.url("/v2/logout");
            url.query_pairs_mut().extend_pairs(&parameters);
            let answer = browser.get(&url).await;
            assert_eq!((answer.status, answer.header("location")), (400, None), "{parameters:?}");
            refusals += 1;
        }
        let mut url = server.url("/oidc/logout");
        url.query_pairs_mut()
            .append_pair("post_logout_redirect_uri", target)
            .append_pair("client_id", &client_id);
        let answer = browser.get(&url).await;
        assert_eq!((answer.status, answer.header("location")), (400, None), "{target}");
        refusals += 1;
    }
    // Nothing has changed, and everything is on record.
    assert_eq!(server.count_events(LogEventKind::LogoutFailed).await, refusals);
    assert_eq!(server.count_events(LogEventKind::Logout).await, 0);
    let page =
        browser.open(server.attempt(&Login::spa().with("prompt", "none")).url.as_str()).await;
    page.expect_parameter("code");
}

#[tokio::test]
async fn a06_hints_that_are_not_about_this_session_ask_or_fail() {
    let server = TestServer::start().await;
    let (browser, graces) = (logged_in(&server).await, server.browser());
    let grace = server.log_in(&graces, &Login::web().by_person(server.grace())).await;
    let grace = grace.id_token.unwrap();
    let other = server.other_tenant().await;
    let foreign = other.log_in(&other.browser(), &Login::spa().by_person(other.ada())).await;
    let foreign = foreign.id_token.unwrap();
    let (head, rest) = grace.split_once('.').unwrap();
    let forged = format!("{head}.{}.{}", rest.split('.').next().unwrap(), "AAAA");
    let client_id = server.client_id(Application::Spa);
    let logout = async |parameters: &[(&str, &str)]| {
        let mut url = server.url("/oidc/logout");
        url.query_pairs_mut().extend_pairs(parameters);
        browser.get(&url).await
    };
    for (hint, cause) in [
        (foreign.as_str(), "the id_token_hint is not accepted: the hint"),
        (forged.as_str(), "the id_token_hint is not accepted: the hint"),
        ("x", "the id_token_hint is not accepted: the hint"),
    ] {
        assert_eq!(logout(&[("id_token_hint", hint)]).await.status, 400, "{hint}");
        let event = server.latest_event(LogEventKind::LogoutFailed).await;
        let description = event.detail.description.unwrap();
        assert!(description.starts_with(cause), "{description}");
    }
    let answer = logout(&[("id_token_hint", &grace), ("client_id", &client_id)]).await;
    assert_eq!(answer.status, 400);
    for parameters in [&[("id_token_hint", grace.as_str())][..], &[("logout_hint", "guessed")], &[]]
    {
        let answer = logout(parameters).await.expect(200);
        assert!(answer.text().contains("Do you want to log out?"), "{parameters:?}");
    }
    assert_eq!(server.count_events(LogEventKind::Logout).await, 0);
}
