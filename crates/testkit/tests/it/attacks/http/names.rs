//! A159: one name is one identity, however it is written, or nobody's.

use model::log_event::LogEventKind;
use reqwest::Method;
use serde_json::json;
use testkit::{Answer, Browser, DATABASE_CONNECTION, Login, TestServer};

use crate::checks::{noted, refused};
use crate::steps::{refresh_token, token_request};
use crate::support::{count, login_page, type_password};

const USERS: &str = "SELECT COUNT(*) AS n FROM users";

async fn sign_up(server: &TestServer, browser: &Browser, email: &str) -> Answer {
    let login = Login::spa().with("screen_hint", "signup");
    let page = browser.open(server.attempt(&login).url.as_str()).await;
    let mut form = page.form_with("email");
    form.fill("email", email);
    form.fill("password", "long enough for a password");
    browser.send_form(&form, &form.fields).await
}

/// Other ways to write `ada@strongroom.test` that people, or Unicode, take for the same.
const SAME: [&str; 3] = ["ADA@STRONGROOM.TEST", "  ada@strongroom.test\t", "Ada@Strongroom.Test"];
const ALIKE: [&str; 12] = [
    "\u{ff41}da@strongroom.test",
    "ada\u{ff20}strongroom.test",
    "ada@strongroom\u{3002}test",
    "ada@strongroom\u{ff0e}test",
    "\u{430}da@strongroom.test",
    "a\u{200b}da@strongroom.test",
    "ada\u{ad}@strongroom.test",
    "\u{feff}ada@strongroom.test",
    "ada@strongroom.test.",
    "ada@str\u{2134}ngroom.test",
    "a\u{301}da@strongroom.test",
    "ada@@strongroom.test",
];

#[tokio::test]
async fn a159_an_address_that_looks_like_another_makes_no_account() {
    let server = TestServer::start().await;
    let before = count(&server, USERS).await;
    for email in SAME.into_iter().chain(ALIKE) {
        let answer = sign_up(&server, &server.browser(), email).await;
        assert_eq!(answer.status, 400, "{email:?} {answer:?}");
        assert_eq!(server.log_events().await.pop().unwrap().kind, LogEventKind::SignupFailed);
    }
    let token = server.management_token().await;
    for email in SAME.into_iter().chain(ALIKE) {
        let user = json!({
            "connection": DATABASE_CONNECTION, "email": email, "password": "long enough for one",
        });
        let answer = server.management(Method::POST, "users", &token).json(&user).send().await;
        assert!([400, 409].contains(&answer.status), "{email:?} {answer:?}");
    }
    assert_eq!(count(&server, USERS).await, before);
}

#[tokio::test]
async fn a159_a_spelling_logs_in_its_person_or_nobody() {
    let server = TestServer::start().await;
    let (_, password) = server.ada().login;
    let ada = server.seeded().people[0].user_id.as_str();
    for name in SAME {
        let browser = server.browser();
        let page = login_page(&server, &browser, &Login::spa()).await;
        type_password(&browser, &page, name, &password).await.expect(303);
        let event = server.latest_event(LogEventKind::Login).await;
        assert_eq!(event.detail.user_id.as_deref(), Some(ada), "{name:?}");
    }
    for name in ALIKE {
        let browser = server.browser();
        let page = login_page(&server, &browser, &Login::spa()).await;
        type_password(&browser, &page, name, &password).await.expect(400);
    }
}

/// The names that programs use are compared letter by letter.
#[tokio::test]
async fn a159_a_client_has_one_spelling() {
    let server = TestServer::start().await;
    let tokens = server.log_in(&server.browser(), &Login::web()).await;
    let web = &server.seeded().web;
    let (id, secret) = (web.client_id.as_str(), web.client_secret.expose());
    let swapped: String =
        id.chars()
            .map(|c| {
                if c.is_ascii_uppercase() { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() }
            })
            .collect();
    for name in [swapped.as_str(), &format!("{id} "), &format!(" {id}"), &format!("{id}%00")] {
        let fields = [
            ("grant_type", "refresh_token"),
            ("client_id", name),
            ("client_secret", secret),
            ("refresh_token", refresh_token(&tokens)),
        ];
        let answer = token_request(&server, &fields).send().await;
        refused(&answer, 401, "invalid_client", "Client authentication failed");
        noted(&server, LogEventKind::RefreshExchangeFailed, "the client is unknown").await;
    }
    server.refresh(&tokens, &[]).await;
}
