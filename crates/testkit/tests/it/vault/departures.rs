//! Accounts that leave, and what becomes of their grants at the provider.

use std::time::Duration;

use model::log_event::LogEventKind;
use serde_json::json;
use testkit::{Connect, Engine, Login, TestServer};

use crate::management::{Admin, segment};
use crate::scene::{LoggedIn, Scene, lives};

const DAY: Duration = Duration::from_hours(24);

impl Scene {
    async fn disconnect(&self) {
        let id = self.account["id"].as_str().unwrap();
        let path = format!("/me/v1/connected-accounts/accounts/{id}");
        self.server.delete(&path).access(&self.ada.mine).send().await.expect(204);
    }
}

#[tokio::test]
async fn a_disconnect_ends_the_grant_at_the_provider() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let scene = Scene::of(server, &Login::web()).await;
        let server = &scene.server;
        assert_eq!(server.revoke_due().await, 0);
        scene.disconnect().await;
        assert_eq!(server.provider().calls_of("revoke").await, 0);
        assert_eq!(server.revoke_due().await, 1);
        assert_eq!(server.provider().calls_of("revoke").await, 1);
        assert!(!lives(server).await);
        assert_eq!(server.revoke_due().await, 0);
        let event = server.latest_event(LogEventKind::GrantRevoked).await;
        assert_eq!(event.detail.details["connected_account"]["id"], scene.account["id"]);
    }
}

/// The provider may be away: the grant is revoked when it is back.
#[tokio::test]
async fn a_revocation_is_tried_until_it_is_acknowledged() {
    let scene = Scene::web().await;
    let (server, provider) = (&scene.server, scene.server.provider());
    let down = json!({ "kind": "status", "status": 503 });
    provider.fault(json!({ "endpoint": "revoke", "sticky": true, "effect": down })).await;
    scene.disconnect().await;
    assert_eq!(server.revoke_due().await, 1);
    assert_eq!(server.revoke_due().await, 0);
    server.clock().advance(Duration::from_secs(6));
    assert_eq!(server.revoke_due().await, 1);
    server.clock().advance(Duration::from_secs(6));
    // Each wait is longer than the one before.
    assert_eq!(server.revoke_due().await, 0);
    assert!(lives(server).await);
    provider.clear_faults().await;
    server.clock().advance(DAY);
    assert_eq!(server.revoke_due().await, 1);
    assert!(!lives(server).await);
    assert_eq!(server.count_events(LogEventKind::GrantRevoked).await, 1);
}

#[tokio::test]
async fn a_revocation_without_hope_is_given_up_with_its_reason() {
    let scene = Scene::web().await;
    let (server, provider) = (&scene.server, scene.server.provider());
    let down = json!({ "kind": "status", "status": 503 });
    provider.fault(json!({ "endpoint": "revoke", "sticky": true, "effect": down })).await;
    scene.disconnect().await;
    for _ in 0..30 {
        server.revoke_due().await;
        server.clock().advance(Duration::from_hours(6));
    }
    let event = server.latest_event(LogEventKind::GrantNotRevoked).await;
    let why = event.detail.description.unwrap();
    assert_eq!(why, "given up, the last time for http_503");
    assert_eq!(server.count_events(LogEventKind::GrantNotRevoked).await, 1);
    assert_eq!(server.revoke_due().await, 0);
}

/// The same person connects the same account again before the provider was told: what the provider
/// would end is the new grant too.
#[tokio::test]
async fn a_grant_that_somebody_uses_again_is_not_revoked() {
    let scene = Scene::web().await;
    scene.disconnect().await;
    scene.ada.connect(&Connect::calendar()).await;
    assert_eq!(scene.server.revoke_due().await, 1);
    assert_eq!(scene.server.provider().calls_of("revoke").await, 0);
    scene.is_intact().await;
    assert_eq!(scene.server.count_events(LogEventKind::GrantKept).await, 1);
}

/// Deleting the user or the connection ends the grants too, though keys and credentials go with them.
#[tokio::test]
async fn whoever_takes_the_account_away_the_provider_is_told() {
    for engine in Engine::available() {
        for noun in ["users", "connections"] {
            let server = TestServer::builder().engine(engine).start().await;
            let scene = Scene::of(server, &Login::web()).await;
            let server = &scene.server;
            let admin = Admin::of(server).await;
            let path = match noun {
                "users" => {
                    let user = &server.claims_of(&scene.ada.mine.access_token)["sub"];
                    format!("users/{}", segment(user.as_str().unwrap()))
                }
                _ => {
                    let listed = admin.get("connections?name=calendar").await.json();
                    format!("connections/{}", listed[0]["id"].as_str().unwrap())
                }
            };
            assert!(admin.delete(&path).await.status < 300);
            let written = server.latest_event(LogEventKind::ManagementWrite).await;
            assert_eq!(written.detail.details["connected_accounts"], 1, "{noun}");
            assert_eq!(server.revoke_due().await, 1, "{noun}");
            assert_eq!(server.provider().calls_of("revoke").await, 1, "{noun}");
            assert!(!lives(server).await, "{noun}");
        }
    }
}

/// As Auth0 does it, unless the connection says otherwise.
#[tokio::test]
async fn the_provider_is_told_nothing_unless_the_connection_says_so() {
    let scene = Scene::web().await;
    let admin = Admin::of(&scene.server).await;
    let listed = admin.get("connections?name=calendar").await.json();
    let mut options = listed[0]["options"].clone();
    assert_eq!(options["revoke_on_disconnect"], true);
    options["revoke_on_disconnect"] = json!(false);
    let path = format!("connections/{}", listed[0]["id"].as_str().unwrap());
    admin.patch(&path, &json!({ "options": options })).await.expect(200);
    scene.disconnect().await;
    assert_eq!(scene.server.revoke_due().await, 0);
    assert!(lives(&scene.server).await);
}

/// A refresh is under way while the account is removed: what it brings is what is revoked.
#[tokio::test]
async fn what_a_refresh_brings_for_a_removed_account_is_revoked() {
    let scene = Scene::web().await;
    let server = &scene.server;
    server.clock().advance(Duration::from_hours(1));
    let exchange = scene.exchange_in_flight(1500).await;
    scene.disconnect().await;
    exchange.await.unwrap();
    assert_eq!(server.revoke_due().await, 1);
    assert!(!lives(server).await);
}

/// F38, F44: what nobody used for a year goes, what is in use stays however old it is.
#[tokio::test]
async fn f44_what_nobody_used_for_a_year_is_removed() {
    let server = TestServer::start().await;
    let scene = Scene::of(server, &Login::web()).await;
    let server = &scene.server;
    for _ in 0..13 {
        server.clock().advance(30 * DAY);
        // The applications' own tokens are another story.
        assert_eq!(server.clean().await, 0);
        let ada = LoggedIn::of(server, &Login::web()).await;
        ada.exchange_calendar().await.expect(200);
    }
    server.clock().advance(364 * DAY);
    assert_eq!(server.clean().await, 0);
    server.clock().advance(2 * DAY);
    assert_eq!(server.clean().await, 1);
    assert_eq!(server.clean().await, 0);
    let event = server.latest_event(LogEventKind::AccountDeleted).await;
    assert_eq!(event.detail.description.as_deref(), Some("unused"));
    assert_eq!(server.revoke_due().await, 1);
}
