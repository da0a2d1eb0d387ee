//! `/v2/logout` and the end session endpoint.

use model::log_event::LogEventKind;
use testkit::{Application, Browser, Engine, Login, Page, TestServer};
use url::Url;

use crate::support::{arrive, edit_client};

const RETURN_TO: &str = "http://localhost:1/";

fn address(server: &TestServer, path: &str, parameters: &[(&str, &str)]) -> Url {
    let mut url = server.url(path);
    url.query_pairs_mut().extend_pairs(parameters);
    url
}

async fn is_logged_in(server: &TestServer, browser: &Browser) -> bool {
    let page = arrive(server, browser, &Login::spa().with("prompt", "none")).await;
    page.parameter("code").is_some()
}

async fn answer_question(browser: &Browser, page: &Page, answer: &str) -> Page {
    let form = page.form_with("state");
    let button = form.buttons.iter().find(|button| button.value == answer).unwrap().clone();
    browser.submit(&form, &button).await
}

#[tokio::test]
async fn a_logout_ends_the_session_and_leads_back() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        log_out_and_look(&server).await;
    }
}

async fn log_out_and_look(server: &TestServer) {
    let browser = server.browser();
    server.log_in(&browser, &Login::spa()).await;
    let client_id = server.client_id(Application::Spa);
    let url = address(server, "/v2/logout", &[("client_id", &client_id), ("returnTo", RETURN_TO)]);
    let page = browser.open(url.as_str()).await;
    assert_eq!(page.url.as_str(), RETURN_TO);
    assert_eq!(browser.cookie("strongroom_session"), None);
    assert!(!is_logged_in(server, &browser).await);
    let event = server.latest_event(LogEventKind::Logout).await;
    let ada = &server.seeded().people[0].user_id;
    assert_eq!(event.detail.user_id.as_deref(), Some(ada.as_str()));
}

/// The cookie alone is no session: what was logged out stays so.
#[tokio::test]
async fn a_session_that_was_logged_out_does_not_come_back() {
    let server = TestServer::start().await;
    let browser = server.browser();
    server.log_in(&browser, &Login::spa()).await;
    let session = browser.cookie("strongroom_session").unwrap();
    browser.open(server.url("/v2/logout").as_str()).await;
    browser.plant_cookie(&server.url("/"), "strongroom_session", &session);
    assert!(!is_logged_in(&server, &browser).await);
}

#[tokio::test]
async fn without_a_wish_a_logout_leads_to_the_first_url_or_nowhere() {
    let server = TestServer::start().await;
    let browser = server.browser();
    server.log_in(&browser, &Login::spa()).await;
    let page = browser.open(server.url("/v2/logout?federated").as_str()).await;
    assert_eq!(page.answer.status, 200);
    assert!(page.answer.text().contains("You are logged out"));

    edit_client(&server, Application::Spa, |client| {
        client.allowed_logout_urls = vec!["https://app.example/bye".to_owned()];
    })
    .await;
    let client_id = server.client_id(Application::Spa);
    let url = address(&server, "/v2/logout", &[("client_id", &client_id)]);
    assert_eq!(browser.open(url.as_str()).await.url.as_str(), "https://app.example/bye");
}

#[tokio::test]
async fn a_hint_about_the_session_spares_the_question() {
    let server = TestServer::start().await;
    for by_token in [true, false] {
        let browser = server.browser();
        let tokens = server.log_in(&browser, &Login::spa()).await;
        let id_token = tokens.id_token.unwrap();
        let sid = server.claims_of(&id_token)["sid"].as_str().unwrap().to_owned();
        let client_id = server.client_id(Application::Spa);
        let hint = if by_token {
            // However old it is.
            server.clock().advance(std::time::Duration::from_hours(24));
            ("id_token_hint", id_token.as_str())
        } else {
            ("logout_hint", sid.as_str())
        };
        let parameters = [
            hint,
            ("client_id", &client_id),
            ("post_logout_redirect_uri", RETURN_TO),
            ("state", "a b&c"),
        ];
        let page = browser.open(address(&server, "/oidc/logout", &parameters).as_str()).await;
        assert_eq!(page.url.as_str(), "http://localhost:1/?state=a+b%26c");
        assert!(!is_logged_in(&server, &browser).await);
    }
}

#[tokio::test]
async fn without_a_hint_the_person_is_asked() {
    let server = TestServer::start().await;
    let browser = server.browser();
    server.log_in(&browser, &Login::spa()).await;
    let client_id = server.client_id(Application::Spa);
    let parameters = [("client_id", client_id.as_str()), ("post_logout_redirect_uri", RETURN_TO)];
    let url = address(&server, "/oidc/logout", &parameters);

    let page = browser.open(url.as_str()).await;
    assert!(page.answer.text().contains("Do you want to log out?"));
    assert!(is_logged_in(&server, &browser).await);
    let left = answer_question(&browser, &page, "deny").await;
    assert_eq!(left.url.as_str(), RETURN_TO);
    assert!(is_logged_in(&server, &browser).await);

    // The question was answered; its form is worth nothing any more.
    let again = answer_question(&browser, &page, "accept").await;
    assert_eq!(again.answer.status, 400);
    assert!(is_logged_in(&server, &browser).await);

    let page = browser.open(url.as_str()).await;
    let left = answer_question(&browser, &page, "accept").await;
    assert_eq!(left.url.as_str(), RETURN_TO);
    assert!(!is_logged_in(&server, &browser).await);
    // Nobody is logged in: there is nothing to ask.
    assert_eq!(browser.open(url.as_str()).await.url.as_str(), RETURN_TO);
}

#[tokio::test]
async fn answers_without_an_address_are_pages() {
    let server = TestServer::start().await;
    let browser = server.browser();
    server.log_in(&browser, &Login::spa()).await;
    let url = server.url("/oidc/logout");
    let page = browser.open(url.as_str()).await;
    let stayed = answer_question(&browser, &page, "deny").await;
    assert!(stayed.answer.text().contains("You are still logged in"));
    let page = browser.open(url.as_str()).await;
    let left = answer_question(&browser, &page, "accept").await;
    assert!(left.answer.text().contains("You are logged out"));
}

#[tokio::test]
async fn a_question_is_another_browsers_business() {
    let server = TestServer::start().await;
    let (browser, attacker) = (server.browser(), server.browser());
    server.log_in(&browser, &Login::spa()).await;
    server.log_in(&attacker, &Login::spa().by_person(server.grace())).await;
    let page = attacker.open(server.url("/oidc/logout").as_str()).await;
    let refused = answer_question(&browser, &page, "accept").await;
    assert_eq!(refused.answer.status, 400);
    assert!(is_logged_in(&server, &browser).await);
}
