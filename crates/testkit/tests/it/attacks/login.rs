//! The login itself: whose browser, whose password, whose identity.

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::log_event::LogEventKind;
use serde_json::json;
use testkit::{CALENDAR_CONNECTION, Engine, Login, Page, TestServer};
use url::Url;

use crate::support::{
    arrive, arrive_by_provider, callback_of, count, edit_connection, login_page, type_password,
};

const SESSION: &str = "strongroom_session";
const BROWSER: &str = "strongroom_browser";

fn with_parameter(url: &Url, name: &str, value: Option<&str>) -> Url {
    let mut changed = url.clone();
    let kept: Vec<(String, String)> =
        url.query_pairs().into_owned().filter(|(other, _)| other != name).collect();
    let mut query = changed.query_pairs_mut();
    query.clear().extend_pairs(kept);
    query.extend_pairs(value.map(|value| (name, value)));
    drop(query);
    changed
}

async fn exchanges(server: &TestServer) -> i64 {
    server.provider().stats().await["total"]["code_exchanges"].as_i64().unwrap()
}

#[tokio::test]
async fn a08_a_mixed_up_answer_ends_before_any_token_call() {
    let server = TestServer::start().await;
    for (name, value) in [
        ("iss", Some("https://evil.example/")),
        ("code", None),
        ("code", Some("")),
        ("error", Some("server_error")),
    ] {
        let browser = server.browser();
        let callback = callback_of(&server, &browser, &Login::spa()).await;
        let page = browser.open(with_parameter(&callback, name, value).as_str()).await;
        assert_eq!(page.expect_parameter("error"), "access_denied", "{name} {value:?}");
        assert_eq!(browser.cookie(SESSION), None);
    }
    // A parameter given twice is nobody's word.
    let browser = server.browser();
    let mut callback = callback_of(&server, &browser, &Login::spa()).await;
    callback.query_pairs_mut().append_pair("code", "another");
    let page = browser.open(callback.as_str()).await;
    assert_eq!(page.expect_parameter("error"), "access_denied");
    assert_eq!(exchanges(&server).await, 0);
}

#[tokio::test]
async fn a19_a_login_goes_on_in_the_browser_that_began_it() {
    let server = TestServer::start().await;
    let (attacker, victim) = (server.browser(), server.browser());
    login_page(&server, &victim, &Login::spa()).await;
    let (name, password) = server.ada().login;

    // The attacker's page in the victim's browser, by link and by form.
    let page = login_page(&server, &attacker, &Login::spa()).await;
    let there = victim.open(page.url.as_str()).await;
    assert_eq!(there.answer.status, 400);
    type_password(&victim, &page, &name, &password).await.expect(400);
    let link = page.links().into_iter().find(|link| link.path() == "/u/login/provider").unwrap();
    assert_eq!(victim.get(&link).await.status, 400);
    assert_eq!(victim.cookie(SESSION), None);

    // A browser without our cookie is told so.
    let stranger = server.browser();
    let refused = stranger.open(page.url.as_str()).await;
    assert_eq!(refused.answer.status, 403);
    assert!(refused.answer.text().contains("started in another browser"));

    // The attempts have not spoilt it for its owner.
    type_password(&attacker, &page, &name, &password).await.expect(303);
    type_password(&attacker, &page, &name, &password).await.expect(400);
}

#[tokio::test]
async fn a19_a_planted_session_is_not_taken_over() {
    let server = TestServer::start().await;
    let (attacker, victim) = (server.browser(), server.browser());
    server.log_in(&attacker, &Login::spa().by_person(server.grace())).await;
    let planted = attacker.cookie(SESSION).unwrap();
    victim.plant_cookie(&server.url("/"), SESSION, &planted);
    server.log_in(&victim, &Login::spa().with("prompt", "login")).await;
    let new = victim.cookie(SESSION).unwrap();
    assert_ne!(new, planted);
    // What was planted has ended with the login.
    let page = arrive(&server, &attacker, &Login::spa().with("prompt", "none")).await;
    assert_eq!(page.expect_parameter("error"), "login_required");

    // An invented one is none.
    let victim = server.browser();
    victim.plant_cookie(&server.url("/"), SESSION, "sse_chosen-by-the-attacker");
    server.log_in(&victim, &Login::spa()).await;
    assert_ne!(victim.cookie(SESSION).unwrap(), "sse_chosen-by-the-attacker");
}

/// Each login has an id of its own, the same person's too.
#[tokio::test]
async fn a19_a_new_login_is_a_new_session() {
    let server = TestServer::start().await;
    let browser = server.browser();
    let first = server.log_in(&browser, &Login::spa()).await.id_token.unwrap();
    let cookie = browser.cookie(SESSION).unwrap();
    let again = Login::spa().with("prompt", "login");
    let second = server.log_in(&browser, &again).await.id_token.unwrap();
    assert_ne!(server.claims_of(&first)["sid"], server.claims_of(&second)["sid"]);
    assert_ne!(browser.cookie(SESSION).unwrap(), cookie);
    assert_eq!(count(&server, "SELECT COUNT(*) AS n FROM sessions").await, 1);
}

#[tokio::test]
async fn a20_what_strangers_write_on_our_pages_stays_text() {
    let server = TestServer::start().await;
    let payload = "\"'><script>alert(1)</script><svg onload=alert(1)>";
    let browser = server.browser();
    let login = Login::spa().with("login_hint", payload);
    let page = login_page(&server, &browser, &login).await;
    let refused = type_password(&browser, &page, payload, "x").await;
    let unknown = server.get("/authorize?client_id=%22%3E%3Cscript%3Ealert(1)%3C/script%3E").send();
    for answer in [page.answer, refused, unknown.await] {
        let text = answer.text();
        assert!(!text.contains("<script>alert") && !text.contains("<svg onload"), "{text}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(!policy.contains("script-src"), "{policy}");
    }
}

#[tokio::test]
async fn a38_nobody_learns_who_has_an_account() {
    let server = TestServer::start().await;
    let browser = server.browser();
    let page = login_page(&server, &browser, &Login::spa()).await;
    let (name, _) = server.ada().login;
    let text_of = async |name: &str| {
        let answer = type_password(&browser, &page, name, "not-the-password").await;
        (answer.status, answer.text().replace(name, "NAME"))
    };
    let known = text_of(&name).await;
    assert_eq!(known, text_of("nobody@strongroom.test").await);
    assert_eq!(server.count_events(LogEventKind::WrongPassword).await, 1);
    assert_eq!(server.count_events(LogEventKind::UnknownUser).await, 1);

    // Both hash: neither is answered in a fraction of the other's time.
    let time_of = async |name: &str| {
        let mut times = Vec::new();
        for _ in 0..4 {
            let begun = Instant::now();
            type_password(&browser, &page, name, "not-the-password").await;
            times.push(begun.elapsed());
        }
        times.into_iter().min().unwrap()
    };
    let (known, unknown) = (time_of(&name).await, time_of("nobody@strongroom.test").await);
    assert!(known < 4 * unknown && unknown < 4 * known, "{known:?} {unknown:?}");
}

#[tokio::test]
async fn a40_guessing_ends_and_locks_nobody_out_who_is_in() {
    let server = TestServer::start().await;
    let (victim, attacker) = (server.browser(), server.browser());
    server.log_in(&victim, &Login::spa()).await;
    let page = login_page(&server, &attacker, &Login::spa()).await;
    let (name, password) = server.ada().login;
    for _ in 0..10 {
        type_password(&attacker, &page, &name, "guess").await.expect(400);
    }
    for guess in ["guess", &password] {
        let answer = type_password(&attacker, &page, &name, guess).await.expect(429);
        assert!(answer.text().contains("Too many attempts."));
    }
    let event = server.latest_event(LogEventKind::LoginBlocked).await;
    assert_eq!(event.detail.user_name.as_deref(), Some(name.as_str()));
    // Other spellings are the same person.
    let spelled = format!(" {} ", name.to_uppercase());
    type_password(&attacker, &page, &spelled, &password).await.expect(429);

    // Other people log in from there, and the victim's session goes on.
    let (grace, her_password) = server.grace().login;
    type_password(&attacker, &page, &grace, &her_password).await.expect(303);
    let silent = arrive(&server, &victim, &Login::spa().with("prompt", "none")).await;
    silent.expect_parameter("code");

    server.clock().advance(Duration::from_mins(15));
    let page = login_page(&server, &attacker, &Login::spa().with("prompt", "login")).await;
    type_password(&attacker, &page, &name, &password).await.expect(303);
}

/// A burst of guesses gets no further than one after the other.
#[tokio::test]
async fn a40_guesses_at_the_same_moment_count_too() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let browser = Arc::new(server.browser());
        let page = login_page(&server, &browser, &Login::spa()).await;
        let form = page.form_with("password");
        let mut tasks = Vec::new();
        for n in 0..30 {
            let (browser, mut form) = (Arc::clone(&browser), form.clone());
            form.fill("username", &server.ada().login.0);
            form.fill("password", &format!("guess {n}"));
            let guess = async move { browser.send_form(&form, &form.fields).await.status };
            tasks.push(tokio::spawn(guess));
        }
        let mut tried = 0;
        for task in tasks {
            tried += i32::from(task.await.unwrap() == 400);
        }
        assert_eq!(tried, 10);
    }
}

#[tokio::test]
async fn a41_long_passwords_are_refused_before_they_cost_anything() {
    let server = TestServer::start().await;
    let browser = server.browser();
    let page = login_page(&server, &browser, &Login::spa()).await;
    let (name, _) = server.ada().login;
    type_password(&browser, &page, &name, &"x".repeat(129)).await.expect(400);
    let refused = type_password(&browser, &page, &name, &"x".repeat(1_000_000)).await;
    assert!(matches!(refused.status, 400 | 413), "{refused:?}");
    assert_eq!(count(&server, "SELECT COUNT(*) AS n FROM attempts").await, 0);
}

#[tokio::test]
async fn a106_a_providers_code_is_worth_nothing_in_another_journey() {
    let server = TestServer::start().await;
    let (attacker, victim) = (server.browser(), server.browser());
    let theirs = callback_of(&server, &attacker, &Login::spa()).await;
    let ours = callback_of(&server, &victim, &Login::spa()).await;
    let code = theirs.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();

    // The attacker's whole callback: another browser's state.
    let page = victim.open(theirs.as_str()).await;
    assert_eq!((page.answer.status, page.is_at_application), (400, false));
    // The attacker's code under the victim's state: the verifier is another.
    let page = victim.open(with_parameter(&ours, "code", Some(&code)).as_str()).await;
    assert_eq!(page.expect_parameter("error"), "access_denied");
    assert_eq!(victim.cookie(SESSION), None);
    // The state is used up.
    assert_eq!(victim.open(ours.as_str()).await.answer.status, 400);
}

#[tokio::test]
async fn a106_a_callback_comes_back_once_and_in_time() {
    let server = TestServer::start().await;
    let browser = server.browser();
    let callback = callback_of(&server, &browser, &Login::spa()).await;
    server.clock().advance(Duration::from_mins(10));
    assert_eq!(browser.open(callback.as_str()).await.answer.status, 400);
    assert_eq!(exchanges(&server).await, 0);

    let callback = callback_of(&server, &server.browser(), &Login::spa()).await;
    let stranger = server.browser();
    assert_eq!(stranger.open(callback.as_str()).await.answer.status, 403);
    assert_eq!(exchanges(&server).await, 0);
}

#[tokio::test]
async fn a111_an_email_address_links_nobody() {
    let server = TestServer::start().await;
    // The provider calls its user by the address of ours, and vouches for it.
    let email = &server.seeded().people[0].email;
    for verified in [json!(true), json!("true"), json!(null)] {
        server
            .provider()
            .fault(json!({
                "endpoint": "userinfo",
                "effect": { "kind": "edit", "set": { "email": email, "email_verified": verified } },
            }))
            .await;
        let login = Login::spa().with("connection", CALENDAR_CONNECTION);
        let tokens = server.log_in(&server.browser(), &login).await;
        let claims = server.claims_of(&tokens.id_token.unwrap());
        assert_eq!(claims["email"], email.as_str());
        assert_eq!(claims["email_verified"], verified == json!(true));
        assert_ne!(claims["sub"], server.seeded().people[0].user_id.as_str());
        assert_eq!(claims["sub"], "oidc|calendar|emulated-ada");
    }
}

/// A112: a connection for connecting accounts logs nobody in, nor does one that was taken away while
/// its provider was asked.
#[tokio::test]
async fn a112_a_connection_that_is_not_for_logins_logs_nobody_in() {
    let server = TestServer::start().await;
    let browser = server.browser();
    let callback = callback_of(&server, &browser, &Login::spa()).await;
    edit_connection(&server, CALENDAR_CONNECTION, |it| it.authentication.active = false).await;
    let page = browser.open(callback.as_str()).await;
    assert_eq!(page.expect_parameter("error"), "invalid_request");
    assert_eq!(browser.cookie(SESSION), None);
    assert_eq!(count(&server, "SELECT COUNT(*) AS n FROM users").await, 2);

    let page = login_page(&server, &server.browser(), &Login::spa()).await;
    assert!(!page.links().iter().any(|link| link.path() == "/u/login/provider"));
    let page: Page = arrive_by_provider(&server, &browser, &Login::spa(), &server.ada()).await;
    assert_eq!(page.expect_parameter("error_description"), "the connection was not found");
}

/// A114: what a provider says is checked, whoever it is.
#[tokio::test]
async fn a114_a_provider_that_lies_logs_nobody_in() {
    let server = TestServer::start().await;
    let provider = server.provider();
    let login = Login::spa().with("connection", CALENDAR_CONNECTION);
    server.log_in(&server.browser(), &login).await;
    let tokens = provider.tokens().await;
    let earlier = tokens.iter().find(|token| token["kind"] == "id_token").unwrap();
    let earlier = earlier["value"].as_str().unwrap().to_owned();
    let (head, rest) = earlier.split_once('.').unwrap();
    let payload = rest.split('.').next().unwrap();
    let edits = [
        // Of another login: the nonce is another.
        json!({ "set": { "id_token": earlier } }),
        json!({ "set": { "id_token": format!("{head}.{payload}.AAAA") } }),
        json!({ "set": { "id_token": format!("eyJhbGciOiJub25lIn0.{payload}.") } }),
        json!({ "set": { "id_token": "" } }),
        json!({ "set": { "access_token": "a\r\nb" } }),
        json!({ "set": { "access_token": "" } }),
        json!({ "set": { "token_type": "mac" } }),
    ];
    for mut effect in edits {
        let what = effect.to_string();
        effect["kind"] = json!("edit");
        provider.fault(json!({ "endpoint": "code_exchange", "effect": effect })).await;
        let browser = server.browser();
        let page = arrive_by_provider(&server, &browser, &Login::spa(), &server.ada()).await;
        let error = page.expect_parameter("error");
        let short = &what[..what.len().min(80)];
        assert!(["access_denied", "temporarily_unavailable"].contains(&error.as_str()), "{short}");
        assert_eq!(browser.cookie(SESSION), None, "{short}");
        provider.clear_faults().await;
    }
}

#[tokio::test]
async fn a131_forms_of_other_sites_are_refused() {
    let server = TestServer::start().await;
    let browser = server.browser();
    let page = login_page(&server, &browser, &Login::spa()).await;
    let mut form = page.form_with("password");
    let (name, password) = server.ada().login;
    form.fill("username", &name);
    form.fill("password", &password);
    let cookies = format!("{BROWSER}={}", browser.cookie(BROWSER).unwrap());
    let post = |headers: &[(&str, &str)]| {
        let path = format!("{}?{}", form.action.path(), form.action.query().unwrap());
        let call = server.post(&path).form(&form.fields).header("cookie", &cookies);
        headers.iter().fold(call, |call, (name, value)| call.header(name, value))
    };
    for headers in [
        &[("origin", "https://evil.example")][..],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site"), ("origin", "null")],
        &[("content-type", "text/plain")],
        &[("content-type", "application/json")],
    ] {
        post(headers).send().await.expect(400);
    }
    assert_eq!(server.count_events(LogEventKind::Login).await, 0);
    // As a browser sends it from our page, whose policy is `no-referrer`.
    post(&[("sec-fetch-site", "same-origin"), ("origin", "null")]).send().await.expect(303);
}
