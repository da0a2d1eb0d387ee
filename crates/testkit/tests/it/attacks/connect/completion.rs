//! Who completes, with what, and how often.

use std::time::Duration;

use model::log_event::LogEventKind;
use serde_json::{Value, json};
use testkit::{Call, Connecting, Engine, Login, TestServer};

use super::{accounts, transactions};
use crate::scene::{LoggedIn, account_error, notes, session_not_found};

const FAILED: LogEventKind = LogEventKind::AccountConnectFailed;

/// A completion with one member of its body replaced, or (null) left out.
fn completing_with(
    ada: &LoggedIn,
    connecting: &Connecting,
    code: &str,
    change: (&str, Value),
) -> Call {
    let mut body = json!({
        "auth_session": connecting.auth_session,
        "connect_code": code,
        "redirect_uri": connecting.redirect_uri,
        "code_verifier": connecting.verifier,
    });
    let (name, value) = change;
    match value {
        Value::Null => drop(body.as_object_mut().unwrap().remove(name)),
        value => body[name] = value,
    }
    ada.tenant.post("/me/v1/connected-accounts/complete").access(&ada.mine).json(&body)
}

#[tokio::test]
async fn a102_whatever_does_not_fit_ends_the_connect() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::spa()).await;
    let grace = LoggedIn::of(&server, &Login::spa().by_person(server.grace())).await;
    let by_web = LoggedIn::of(&server, &Login::web()).await;
    let key = server.dpop_key();
    let bound = LoggedIn::of(&server, &Login::spa().bound_to(&key)).await;
    let text = |value: &str| json!(value);
    let attempts: [(&dyn Fn(&Connecting, &str) -> Call, &str); 6] = [
        (&|it, code| grace.completing(it, code), "another user"),
        (&|it, code| by_web.completing(it, code), "another client"),
        (&|it, code| bound.completing(it, code), "another key"),
        (&|it, _| ada.completing(it, "cc_of-somebody-else"), "another connect_code"),
        (
            &|it, code| {
                completing_with(&ada, it, code, ("redirect_uri", text("http://localhost:2/")))
            },
            "another redirect_uri",
        ),
        (
            &|it, code| {
                completing_with(&ada, it, code, ("redirect_uri", text("http://localhost:1/")))
            },
            "another redirect_uri",
        ),
    ];
    for (attempt, cause) in attempts {
        let connecting = ada.begin().await;
        let code = ada.consent_to(&connecting).await;
        let cause = format!("the completion does not fit the beginning: {cause}");
        let answer = notes(&server, FAILED, &cause, attempt(&connecting, &code).send()).await;
        session_not_found(&answer);
        // Whoever came with something wrong has spent it; nobody tries a second time.
        assert_eq!(transactions(&server).await, 0, "{cause}");
        let ended = "the transaction is unknown, has ended, or is another browser's";
        let again = ada.completing(&connecting, &code).send();
        session_not_found(&notes(&server, FAILED, ended, again).await);
    }
    assert_eq!(accounts(&server).await, 0);
}

#[tokio::test]
async fn a102_a_connect_is_bound_to_the_key_that_began_it() {
    let server = TestServer::start().await;
    let [key, other] = [server.dpop_key(), server.dpop_key()];
    let ada = LoggedIn::of(&server, &Login::spa().bound_to(&key)).await;
    let with_other_key = LoggedIn::of(&server, &Login::spa().bound_to(&other)).await;
    let without_key = LoggedIn::of(&server, &Login::spa()).await;
    for other in [&with_other_key, &without_key] {
        let connecting = ada.begin().await;
        let code = ada.consent_to(&connecting).await;
        let cause = "the completion does not fit the beginning: another key";
        let attempt = other.completing(&connecting, &code).send();
        session_not_found(&notes(&server, FAILED, cause, attempt).await);
    }
    let connecting = ada.begin().await;
    let code = ada.consent_to(&connecting).await;
    ada.completing(&connecting, &code).send().await.expect(201);
    assert_eq!(accounts(&server).await, 1);
}

#[tokio::test]
async fn a102_a_guessed_session_hurts_nobodys_connect() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::spa()).await;
    let connecting = ada.begin().await;
    let code = ada.consent_to(&connecting).await;
    let ended = "the transaction is unknown, has ended, or is another browser's";
    for guess in ["sas_guess", "x", &connecting.auth_session[..46], "sas_\u{e9}"] {
        let call = completing_with(&ada, &connecting, &code, ("auth_session", json!(guess)));
        session_not_found(&notes(&server, FAILED, ended, call.send()).await);
    }
    // In another tenant the session is unknown, too, and stays good here.
    let there = server.other_tenant().await;
    let hers = LoggedIn::of(&there, &Login::spa()).await;
    session_not_found(
        &notes(&there, FAILED, ended, hers.completing(&connecting, &code).send()).await,
    );
    ada.completing(&connecting, &code).send().await.expect(201);
}

#[tokio::test]
async fn a102_nothing_completes_before_the_browser_is_back() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::spa()).await;
    let connecting = ada.begin().await;
    let page = ada.browser.open(connecting.url.as_str()).await;
    let cause = "the completion does not fit the beginning: the browser has not returned";
    let early = ada.completing(&connecting, "cc_none").send();
    session_not_found(&notes(&server, FAILED, cause, early).await);
    // The connect has ended; what the provider answers now is not asked for any more.
    let page = ada.browser.walk(page, &ada.persona).await;
    assert_eq!((page.answer.status, page.is_at_application), (400, false));
    assert_eq!(super::redemptions(&server).await, 0);
    assert_eq!(accounts(&server).await, 0);
}

#[tokio::test]
async fn a103_a_connect_completes_once() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::spa()).await;
    let connecting = ada.begin().await;
    let code = ada.consent_to(&connecting).await;
    ada.completing(&connecting, &code).send().await.expect(201);
    let ended = "the transaction is unknown, has ended, or is another browser's";
    let again = ada.completing(&connecting, &code).send();
    session_not_found(&notes(&server, FAILED, ended, again).await);
    assert_eq!(accounts(&server).await, 1);
    ada.calendar_token().await;
}

#[tokio::test]
async fn a103_a_connect_completes_in_time() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::spa()).await;
    let begun_at = server.app().now();
    let connecting = ada.begin().await;
    let code = ada.consent_to(&connecting).await;
    let spent = server.app().now().since(begun_at);
    server.clock().advance(Duration::from_mins(5).checked_sub(spent).unwrap());
    let ended = "the transaction is unknown, has ended, or is another browser's";
    let late = ada.completing(&connecting, &code).send();
    session_not_found(&notes(&server, FAILED, ended, late).await);
    assert_eq!(accounts(&server).await, 0);
}

#[tokio::test]
async fn a103_of_a_hundred_completions_at_once_one_succeeds() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let ada = LoggedIn::of(&server, &Login::spa()).await;
        let connecting = ada.begin().await;
        let code = ada.consent_to(&connecting).await;
        let call = ada.completing(&connecting, &code);
        // At three nodes of one cluster, a third at each.
        let [second, third] = [server.another_node().await, server.another_node().await];
        let at_node = |number: usize| match number % 3 {
            0 => call.clone(),
            1 => call.clone().via(&second),
            _ => call.clone().via(&third),
        };
        let tasks: Vec<_> = (0..100).map(|number| tokio::spawn(at_node(number).send())).collect();
        let mut succeeded = 0;
        for task in tasks {
            let answer = task.await.unwrap();
            if answer.status == 201 {
                succeeded += 1;
            } else {
                session_not_found(&answer);
            }
        }
        assert_eq!(succeeded, 1, "{engine:?}");
        assert_eq!(accounts(&server).await, 1);
        assert_eq!(server.count_events(LogEventKind::AccountConnected).await, 1);
        assert_eq!(server.count_events(FAILED).await, 99);
        ada.calendar_token().await;
    }
}

#[tokio::test]
async fn a104_the_verifier_must_fit_the_challenge() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::spa()).await;
    for (verifier, cause) in [
        (Value::Null, "the code verifier is missing"),
        (json!("x".repeat(43)), "the code verifier does not match the code challenge"),
    ] {
        let connecting = ada.begin().await;
        let code = ada.consent_to(&connecting).await;
        let call = completing_with(&ada, &connecting, &code, ("code_verifier", verifier));
        let cause = format!("the completion does not fit the beginning: {cause}");
        let answer = notes(&server, FAILED, &cause, call.send()).await;
        let detail = "The code_verifier does not fit the code_challenge.";
        account_error(&answer, 400, "A0E-400-0001", "Bad Request", detail);
        session_not_found(&ada.completing(&connecting, &code).send().await);
    }
    assert_eq!(accounts(&server).await, 0);

    // What is no verifier at all has not been tried yet.
    let connecting = ada.begin().await;
    let code = ada.consent_to(&connecting).await;
    for verifier in [json!(""), json!("short"), json!("\u{e9}".repeat(43)), json!(7)] {
        let change = ("code_verifier", verifier.clone());
        let answer = completing_with(&ada, &connecting, &code, change).send().await.expect(400);
        assert_eq!(
            answer.json()["validation_errors"][0]["pointer"],
            "/code_verifier",
            "{verifier}"
        );
    }
    ada.completing(&connecting, &code).send().await.expect(201);
}

/// Without a challenge there is no verifier: one that comes all the same shows a downgrade.
#[tokio::test]
async fn a104_a_verifier_without_a_challenge_is_refused() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::spa()).await;
    for (verifier, is_refused) in [(json!("x".repeat(43)), true), (Value::Null, false)] {
        let body =
            json!({ "connection": "calendar", "redirect_uri": "http://localhost:1/callback" });
        let call = server.post("/me/v1/connected-accounts/connect").access(&ada.mine).json(&body);
        let begun = call.send().await.expect(201);
        let mut url = url::Url::parse(&begun.member("connect_uri")).unwrap();
        let ticket = begun.json()["connect_params"]["ticket"].as_str().unwrap().to_owned();
        url.query_pairs_mut().append_pair("ticket", &ticket);
        let page = ada.browser.open(url.as_str()).await;
        let page = ada.browser.walk(page, &ada.persona).await;
        assert_eq!(page.parameter("state"), None);
        let connecting = Connecting {
            url,
            auth_session: begun.member("auth_session"),
            state: String::new(),
            verifier: String::new(),
            redirect_uri: "http://localhost:1/callback".to_owned(),
        };
        let code = page.expect_parameter("connect_code");
        let call = completing_with(&ada, &connecting, &code, ("code_verifier", verifier));
        if is_refused {
            let cause = "the completion does not fit the beginning: \
                a code verifier without a code challenge";
            let answer = notes(&server, FAILED, cause, call.send()).await;
            let detail = "The code_verifier does not fit the code_challenge.";
            account_error(&answer, 400, "A0E-400-0001", "Bad Request", detail);
        } else {
            call.send().await.expect(201);
        }
    }
    assert_eq!(accounts(&server).await, 1);
}
