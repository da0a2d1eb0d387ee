//! The authorization request and the code that comes of it.

use std::sync::Arc;
use std::time::Duration;

use engine::clock::Clock;
use model::log_event::LogEventKind;
use protocol::oauth::pkce::CodeChallenge;
use protocol::secret::CodeVerifier;
use testkit::{Application, Attempt, Browser, Engine, Login, TestServer};
use url::Url;

use crate::support::{arrive, codes, edit_client, login_page};

async fn logged_in(server: &TestServer) -> Browser {
    let browser = server.browser();
    server.log_in(&browser, &Login::spa()).await;
    browser
}

/// The request with some parameters replaced, and with `None` taken away.
fn changed(url: &Url, changes: &[(&str, Option<&str>)]) -> Url {
    let mut changed = url.clone();
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .into_owned()
        .filter(|(name, _)| changes.iter().all(|(change, _)| change != name))
        .collect();
    let mut query = changed.query_pairs_mut();
    query.clear().extend_pairs(kept);
    query.extend_pairs(changes.iter().filter_map(|(name, value)| Some((name, (*value)?))));
    drop(query);
    changed
}

/// A code that a browser with a session is given at once.
async fn code(server: &TestServer, browser: &Browser, login: &Login) -> (Attempt, String) {
    let attempt = server.attempt(login);
    let code = browser.open(attempt.url.as_str()).await.expect_parameter("code");
    (attempt, code)
}

#[tokio::test]
async fn a07_every_answer_names_its_issuer() {
    let server = TestServer::start().await;
    let browser = logged_in(&server).await;
    let success = arrive(&server, &browser, &Login::spa()).await;
    let failure = arrive(&server, &browser, &Login::spa().with("prompt", "none login")).await;
    let by_second_host = server.by_second_host();
    let second = by_second_host.attempt(&Login::spa().with("prompt", "none"));
    let second = server.browser().open(second.url.as_str()).await;
    assert_eq!(success.expect_parameter("iss"), server.issuer());
    assert_eq!(failure.expect_parameter("iss"), server.issuer());
    assert_eq!(second.expect_parameter("iss"), by_second_host.issuer());
    let metadata = server.get("/.well-known/openid-configuration").send().await.json();
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
    assert_eq!(metadata["issuer"], server.issuer());
}

#[tokio::test]
async fn a09_pkce_cannot_be_left_out_or_weakened() {
    let server = TestServer::start().await;
    let browser = logged_in(&server).await;
    let before = codes(&server).await;
    let url = server.attempt(&Login::spa()).url;
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    for (changes, text) in [
        (
            vec![("code_challenge", None), ("code_challenge_method", None)],
            "code challenge required",
        ),
        (
            vec![("code_challenge", Some("")), ("code_challenge_method", None)],
            "code challenge required",
        ),
        (vec![("code_challenge_method", Some("plain"))], "not S256"),
        (vec![("code_challenge_method", None)], "not S256"),
        (vec![("code_challenge_method", Some("s256"))], "not S256"),
        (vec![("code_challenge", None)], "without a code challenge"),
        (vec![("code_challenge", Some(&challenge[1..]))], "malformed"),
        (
            vec![("code_challenge", Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cMx"))],
            "malformed",
        ),
        (
            vec![("code_challenge", Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c+"))],
            "malformed",
        ),
    ] {
        let page = browser.open(changed(&url, &changes).as_str()).await;
        assert_eq!(page.expect_parameter("error"), "invalid_request", "{changes:?}");
        let told = page.expect_parameter("error_description");
        assert!(told.contains(text), "{changes:?} {told}");
    }
    assert_eq!(codes(&server).await, before);
}

#[tokio::test]
async fn a09_the_verifier_fits_its_challenge_or_the_code_is_burnt() {
    let server = TestServer::start().await;
    let browser = logged_in(&server).await;
    let other = "x".repeat(43);
    for verifier in ["", "too-short", &"x".repeat(42), &other, &"x".repeat(129), "nön-ascii"] {
        let (attempt, code) = code(&server, &browser, &Login::spa()).await;
        let wrong = Attempt { verifier: verifier.to_owned(), ..attempt.clone() };
        let refused = server.redeem(&wrong, &code).send().await;
        assert!(matches!(refused.status, 400 | 403), "{verifier} {refused:?}");
        assert!(["invalid_grant", "invalid_request"].contains(&refused.error().1.as_str()));
    }
    // A verifier without a challenge is how a downgrade shows.
    let url = server.attempt(&Login::web()).url;
    let url = changed(&url, &[("code_challenge", None), ("code_challenge_method", None)]);
    let attempt = Attempt { url, ..server.attempt(&Login::web()) };
    let code = browser.open(attempt.url.as_str()).await.expect_parameter("code");
    let refused = server.redeem(&attempt, &code).send().await;
    assert_eq!(refused.error(), (403, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn a10_each_binding_of_a_code_refuses_alone() {
    let server = TestServer::start().await;
    let browser = logged_in(&server).await;
    let (key, other_key) = (server.dpop_key(), server.dpop_key());
    let other_tenant = server.other_tenant().await;
    let login = Login::spa().bound_to(&key);

    let (attempt, first) = code(&server, &browser, &login).await;
    let by_other_client = Attempt { application: Application::Web, ..attempt };
    let (attempt, second) = code(&server, &browser, &login).await;
    let by_other_key = Attempt { key: Some(other_key), ..attempt };
    let (attempt, third) = code(&server, &browser, &login).await;
    let without_key = Attempt { key: None, ..attempt };
    let (attempt, fourth) = code(&server, &browser, &login).await;
    let elsewhere = Attempt { redirect_uri: "http://localhost:2/callback".to_owned(), ..attempt };
    for (attempt, code) in
        [(&by_other_client, &first), (&by_other_key, &second), (&elsewhere, &fourth)]
    {
        let refused = server.redeem(attempt, code).send().await;
        assert_eq!(refused.error(), (403, "invalid_grant".to_owned()));
    }
    let refused = server.redeem(&without_key, &third).send().await;
    assert!(matches!(refused.status, 400 | 403), "{refused:?}");

    let (attempt, fifth) = code(&server, &browser, &Login::web()).await;
    let refused = other_tenant.redeem(&attempt, &fifth).send().await;
    assert_eq!(refused.error(), (403, "invalid_grant".to_owned()));
    server.redeem(&attempt, &fifth).send().await.expect(200);
}

#[tokio::test]
async fn a11_a_code_is_redeemed_once_and_its_replay_ends_what_it_gave() {
    for engine in Engine::available() {
        let server = Arc::new(TestServer::builder().engine(engine).start().await);
        let browser = logged_in(&server).await;
        let (attempt, code) = code(&server, &browser, &Login::spa()).await;
        let redeem = || {
            let (server, attempt, code) = (Arc::clone(&server), attempt.clone(), code.clone());
            tokio::spawn(async move { server.redeem(&attempt, &code).send().await })
        };
        let tasks: Vec<_> = std::iter::repeat_with(redeem).take(20).collect();
        let mut granted = Vec::new();
        for task in tasks {
            let answer = task.await.unwrap();
            if answer.status == 200 {
                granted.push(answer);
            } else {
                assert_eq!(answer.error(), (403, "invalid_grant".to_owned()));
            }
        }
        let [granted] = &granted[..] else { panic!("one is granted, not {}", granted.len()) };
        let refresh_token = granted.member("refresh_token");
        let client_id = server.client_id(Application::Spa);
        let fields = [
            ("grant_type", "refresh_token"),
            ("client_id", client_id.as_str()),
            ("refresh_token", refresh_token.as_str()),
        ];
        let refused = server.post("/oauth/token").form(&fields).send().await;
        assert_eq!(refused.error(), (403, "invalid_grant".to_owned()));
    }
}

#[tokio::test]
async fn a12_a_code_lives_for_a_minute() {
    let server = TestServer::start().await;
    let browser = logged_in(&server).await;
    let (attempt, in_time) = code(&server, &browser, &Login::spa()).await;
    server.clock().advance(Duration::from_secs(59));
    server.redeem(&attempt, &in_time).send().await.expect(200);
    let (attempt, too_late) = code(&server, &browser, &Login::spa()).await;
    server.clock().advance(Duration::from_mins(1));
    let refused = server.redeem(&attempt, &too_late).send().await;
    assert_eq!(refused.error(), (403, "invalid_grant".to_owned()));
    let event = server.latest_event(LogEventKind::CodeExchangeFailed).await;
    assert_eq!(event.detail.description.as_deref(), Some("the code has expired"));
}

/// A14: request objects are not understood, so they are refused, and nothing is fetched.
#[tokio::test]
async fn a14_request_objects_are_refused() {
    let server = TestServer::start().await;
    let browser = logged_in(&server).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let by_reference = format!("http://{}/request", listener.local_addr().unwrap());
    for (name, value, error) in [
        ("request", "eyJhbGciOiJub25lIn0.e30.", "request_not_supported"),
        ("request_uri", by_reference.as_str(), "request_uri_not_supported"),
    ] {
        let page = arrive(&server, &browser, &Login::spa().with(name, value)).await;
        assert_eq!(page.expect_parameter("error"), error);
    }
    let nobody = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(nobody.is_err(), "something was fetched");
}

#[tokio::test]
async fn a15_a_login_that_is_not_finished_changes_nothing() {
    let server = TestServer::start().await;
    let browser = logged_in(&server).await;
    let before = browser.cookie("strongroom_session");
    let now = server.clock().now();
    server.clock().advance(Duration::from_hours(1));
    login_page(&server, &browser, &Login::spa().with("prompt", "login")).await;
    assert_eq!(browser.cookie("strongroom_session"), before);
    // Neither ended nor refreshed.
    let tokens = server.log_in(&browser, &Login::spa().with("prompt", "none")).await;
    let auth_time = server.claims_of(&tokens.id_token.unwrap())["auth_time"].as_i64().unwrap();
    assert!(auth_time <= now.as_seconds());
}

#[tokio::test]
async fn a16_scopes_and_audiences_are_what_they_are() {
    let server = TestServer::start().await;
    let browser = logged_in(&server).await;
    let refused = async |login: Login| {
        let page = arrive(&server, &browser, &login).await;
        (page.expect_parameter("error"), page.expect_parameter("error_description"))
    };
    for scope in ["openid \"x\"", "openid a\\b", "openid \u{1}", "openid ünïcode"] {
        assert_eq!(refused(Login::spa().scope(scope)).await.0, "invalid_scope", "{scope:?}");
    }
    let many: Vec<String> = (0..10_000).map(|n| n.to_string()).collect();
    let answer = browser.get(&server.attempt(&Login::spa().scope(&many.join(" "))).url).await;
    assert!(answer.status >= 400 || answer.location().contains("error=invalid_scope"));

    let unknown = refused(Login::spa().audience(Some("https://unknown.example/"))).await;
    let text = "Service not found: https://unknown.example/";
    assert_eq!(unknown, ("access_denied".to_owned(), text.to_owned()));
    // What is told and kept of it is bounded.
    let long = format!("https://{}/", "x".repeat(5000));
    assert!(refused(Login::spa().audience(Some(&long))).await.1.len() < 400);
    let event = server.latest_event(LogEventKind::LoginFailed).await;
    assert!(event.detail.description.unwrap().len() < 400);

    let management = server.management_audience();
    let (error, text) = refused(Login::spa().audience(Some(&management))).await;
    assert_eq!(error, "access_denied");
    let client_id = server.client_id(Application::Spa);
    let expected = format!(
        "Client \"{client_id}\" is not authorized to access resource server \"{management}\"."
    );
    assert_eq!(text, expected);

    // Unknown scopes fall away; what the token endpoint is told later widens nothing.
    let login = Login::spa().scope("openid read:calendar write:everything");
    let tokens = server.log_in(&browser, &login).await;
    assert_eq!(tokens.scope, "openid read:calendar");
    assert_eq!(tokens.refresh_token, None);
}

#[tokio::test]
async fn a17_repeated_parameters_are_refused() {
    let server = TestServer::start().await;
    let browser = logged_in(&server).await;
    let before = codes(&server).await;
    let url = server.attempt(&Login::spa()).url;
    let names: Vec<String> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
    for name in names {
        for value in ["", "https://evil.example/"] {
            let mut url = url.clone();
            url.query_pairs_mut().append_pair(&name, value);
            let answer = browser.get(&url).await;
            assert_eq!((answer.status, answer.header("location")), (400, None), "{name}");
            assert!(answer.text().contains("a parameter is included more than once"), "{name}");
        }
    }
    // Once in the query and once in the body.
    let path = format!("/authorize?{}", url.query().unwrap());
    let answer = server.post(&path).form(&[("redirect_uri", "https://evil.example/")]).send().await;
    assert_eq!((answer.status, answer.header("location")), (400, None));
    assert_eq!(codes(&server).await, before);
}

#[tokio::test]
async fn a18_pages_that_ask_are_never_framed() {
    let server = TestServer::start().await;
    let browser = server.browser();
    let login = login_page(&server, &browser, &Login::spa()).await;
    let signup = Login::spa().with("screen_hint", "signup");
    let signup = browser.open(server.attempt(&signup).url.as_str()).await;
    server.log_in(&browser, &Login::spa()).await;
    let logout = browser.open(server.url("/oidc/logout").as_str()).await;
    let error = browser.open(server.url("/u/login").as_str()).await;
    let form_post =
        arrive(&server, &browser, &Login::spa().with("response_mode", "form_post")).await;
    for page in [login, signup, logout, error, form_post] {
        let policy = page.answer.header("content-security-policy").unwrap();
        assert!(policy.contains("frame-ancestors 'none'"), "{} {policy}", page.url);
        assert!(policy.starts_with("default-src 'none'; base-uri 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
    }
}

/// A21: somebody else's client needs a consent, and there is nobody who could give it.
#[tokio::test]
async fn a21_a_third_party_client_is_refused() {
    let server = TestServer::start().await;
    let browser = logged_in(&server).await;
    edit_client(&server, Application::Spa, |client| client.is_first_party = false).await;
    for login in
        [Login::spa(), Login::spa().with("prompt", "none"), Login::spa().with("prompt", "consent")]
    {
        let page = arrive(&server, &browser, &login).await;
        assert_eq!(page.expect_parameter("error"), "consent_required");
    }
}

#[tokio::test]
async fn a22_codes_do_not_leak_by_caches_or_referrers() {
    let server = TestServer::start().await;
    let browser = server.browser();
    let page = login_page(&server, &browser, &Login::spa()).await;
    let (name, password) = server.ada().login;
    let posted = crate::support::type_password(&browser, &page, &name, &password).await;
    let attempt = server.attempt(&Login::spa());
    let silent = browser.get(&attempt.url).await;
    let token = server.redeem(&attempt, &{
        let location = Url::parse(silent.location()).unwrap();
        let code = location.query_pairs().find(|(name, _)| name == "code").unwrap();
        code.1.into_owned()
    });
    for answer in [page.answer, posted, silent, token.send().await] {
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{answer:?}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{answer:?}");
    }
}

#[tokio::test]
async fn a23_no_redirect_carries_a_password_along() {
    let server = TestServer::start().await;
    let browser = server.browser();
    let page = login_page(&server, &browser, &Login::spa()).await;
    let (name, password) = server.ada().login;
    crate::support::type_password(&browser, &page, &name, &password).await.expect(303);
    let attempt = server.attempt(&Login::spa());
    let fields: Vec<(String, String)> = attempt.url.query_pairs().into_owned().collect();
    server.post("/authorize").form(&fields).send().await.expect(303);
}

/// The challenge that the tests' attempts use is the one of RFC 7636.
#[test]
fn the_known_challenge_is_the_specifications() {
    let verifier = CodeVerifier::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    let challenge = CodeChallenge::of(&verifier);
    assert_eq!(challenge.as_str(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}
