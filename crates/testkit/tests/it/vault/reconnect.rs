//! The link that an exchange of a dead account answers with.

use std::time::Duration;

use model::log_event::LogEventKind;
use serde_json::json;
use testkit::{Browser, Engine, Exchange, Login, Page, Persona, TestServer};

use crate::scene::{LoggedIn, Scene};

impl Scene {
    /// The link of an exchange that finds the grant dead.
    async fn reconnect_uri(&self) -> String {
        self.server.provider().revoke("ada").await;
        self.server.clock().advance(Duration::from_hours(1));
        let answer = self.ada.exchange_calendar().await.expect(401);
        assert_eq!(answer.member("error"), "federated_connection_refresh_token_flow_failed");
        answer.member("reconnect_uri")
    }
}

/// Logs in, and goes on by the page that leads to the provider.
async fn through_the_login(browser: &Browser, page: Page, persona: &Persona) -> Page {
    let page = browser.walk(page, persona).await;
    assert_eq!(page.url.path(), "/connected-accounts/reconnect", "{page:?}");
    let target = page.links().pop().unwrap();
    assert!(page.answer.text().contains("http-equiv=\"refresh\""), "{page:?}");
    let page = browser.open(target.as_str()).await;
    browser.walk(page, persona).await
}

#[track_caller]
fn is_done(page: &Page) {
    assert_eq!((page.answer.status, page.url.path()), (200, "/connected-accounts/reconnected"));
    assert!(page.answer.text().contains("connected again"), "{page:?}");
}

/// In the browser where its owner is logged in, the link leads to the provider and back.
#[tokio::test]
async fn a_dead_account_comes_back_by_the_link() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let scene = Scene::of(server, &Login::web()).await;
        let link = scene.reconnect_uri().await;
        let ada = &scene.ada;
        let page = ada.browser.open(&link).await;
        is_done(&ada.browser.walk(page, &ada.persona).await);
        scene.is_intact().await;
        assert_eq!(ada.only_account().await["id"], scene.account["id"]);
        let event = scene.server.latest_event(LogEventKind::AccountRecovered).await;
        assert_eq!(event.detail.description.as_deref(), Some("connected"));

        // It was for the grant that died.
        let again = ada.browser.open(&link).await;
        assert_eq!((again.answer.status, again.url.query_pairs().count()), (400, 1));
    }
}

/// Only who can help gets a link, and only where somebody can.
#[tokio::test]
async fn only_a_dead_account_has_a_link() {
    let scene = Scene::web().await;
    let ada = &scene.ada;
    let unknown = ada.exchange(&Exchange::calendar().login_hint("nobody")).await.expect(401);
    assert_eq!(unknown.json().get("reconnect_uri"), None);
    scene.server.clock().advance(Duration::from_hours(1));
    let refusal = json!({ "kind": "error", "error": "invalid_client", "status": 401 });
    scene.server.provider().fault(json!({ "endpoint": "refresh", "effect": refusal })).await;
    let ours = ada.exchange_calendar().await.expect(503);
    assert_eq!(ours.json().get("reconnect_uri"), None);
}

/// In a browser where nobody is logged in, the owner logs in first and then goes on.
#[tokio::test]
async fn the_link_leads_through_the_login() {
    for login in [Login::web(), Login::spa()] {
        let scene = Scene::of(TestServer::start().await, &login).await;
        let link = scene.reconnect_uri().await;
        let browser = scene.server.browser();
        let page = browser.open(&link).await;
        assert_eq!(page.url.path(), "/u/login");
        is_done(&through_the_login(&browser, page, &scene.ada.persona).await);
        scene.is_intact().await;
    }
}

/// Nobody else gets on by the link: not logged in as themselves, and not by logging in.
#[tokio::test]
async fn the_link_is_its_owners_alone() {
    let scene = Scene::web().await;
    let link = scene.reconnect_uri().await;
    let grace = Login::web().by_person(scene.server.grace());
    let stranger = LoggedIn::of(&scene.server, &grace).await;
    let page = stranger.browser.open(&link).await;
    assert_eq!(page.answer.status, 403, "{page:?}");
    let event = scene.server.latest_event(LogEventKind::AccountConnectFailed).await;
    let why = "the link belongs to another user than the one who is logged in";
    assert_eq!(event.detail.description.as_deref(), Some(why));

    let browser = scene.server.browser();
    let page = browser.open(&link).await;
    let page = browser.walk(page, &stranger.persona).await;
    assert!(page.answer.status >= 400, "{page:?}");
    assert_eq!(scene.ada.exchange_calendar().await.status, 401);
}

/// The account that comes back is the one that was there: another one of the provider is not taken for
/// it, nor added.
#[tokio::test]
async fn another_account_of_the_provider_is_not_taken_for_it() {
    let scene = Scene::web().await;
    let link = scene.reconnect_uri().await;
    let browser = scene.server.browser();
    let grace = Persona { provider_user: "grace".to_owned(), ..scene.ada.persona.clone() };
    let page = browser.open(&link).await;
    let page = through_the_login(&browser, page, &grace).await;
    assert_eq!((page.answer.status, page.url.path()), (400, "/connected-accounts/reconnected"));
    assert!(page.answer.text().contains("Calendar"), "{page:?}");
    assert_eq!(scene.ada.accounts().await.len(), 1);
    assert_eq!(scene.ada.exchange_calendar().await.status, 401);
}

#[tokio::test]
async fn a_link_that_is_old_or_altered_or_anothers_leads_nowhere() {
    let scene = Scene::web().await;
    let link = scene.reconnect_uri().await;
    let browser = &scene.ada.browser;
    let altered = format!("{}A", &link[..link.len() - 1]);
    let truncated = &link[..link.len() - 9];
    let empty = link.split('=').next().unwrap();
    for wrong in [altered.as_str(), truncated, empty] {
        assert_eq!(browser.open(wrong).await.answer.status, 400, "{wrong}");
    }
    let other = scene.server.other_tenant().await;
    let elsewhere = link.replace(scene.server.issuer(), other.issuer());
    assert_eq!(other.browser().open(&elsewhere).await.answer.status, 400);
    scene.server.clock().advance(Duration::from_mins(31));
    assert_eq!(browser.open(&link).await.answer.status, 400);
}
