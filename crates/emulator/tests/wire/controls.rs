//! The controls that are not faults, and starting and stopping.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use emulator::{Client, Config, Emulator, Flavour, StartError};
use protocol::secret::ClientSecret;
use protocol::time::Timestamp;
use serde_json::json;
use tower::ServiceExt as _;

use crate::world::{CALENDAR_SCOPE, CALLBACK, World};

#[tokio::test]
async fn access_tokens_expire_on_command() {
    let world = World::start().await;
    let ada = world.connect("ada", CALENDAR_SCOPE).await;
    let grace = world.connect("grace", CALENDAR_SCOPE).await;
    let answer = world.post_json("/_emulator/expire", json!({ "user": "ada" })).await;
    assert_eq!(answer.json()["expired"], 1);
    assert_eq!(world.get_with("/userinfo", &ada.text("access_token")).await.status, 401);
    assert_eq!(world.get_with("/userinfo", &grace.text("access_token")).await.status, 200);
    assert_eq!(world.refresh(&ada.text("refresh_token")).await.status, 200);

    let all = json!({ "all": true, "refresh_tokens": true });
    assert_eq!(world.post_json("/_emulator/expire", all).await.json()["expired"], 4);
    assert_eq!(world.refresh(&grace.text("refresh_token")).await.status, 400);
}

#[tokio::test]
async fn families_are_revoked_on_command() {
    let world = World::start().await;
    let one = world.connect("ada", CALENDAR_SCOPE).await;
    let two = world.connect("ada", CALENDAR_SCOPE).await;
    let tokens = world.get("/_emulator/tokens").await.json();
    let tokens = tokens["tokens"].as_array().unwrap().clone();
    let refresh_token = one.text("refresh_token");
    let line = tokens.iter().find(|line| line["value"] == *refresh_token).unwrap();
    let by_family = json!({ "family": line["family"] });
    assert_eq!(world.post_json("/_emulator/revoke", by_family).await.json()["revoked"], 1);
    assert_eq!(world.refresh(&refresh_token).await.status, 400);
    assert_eq!(world.refresh(&two.text("refresh_token")).await.status, 200);
    let by_user = json!({ "user": "ada@emulator.test" });
    assert_eq!(world.post_json("/_emulator/revoke", by_user).await.json()["revoked"], 1);
    assert_eq!(world.refresh(&two.text("refresh_token")).await.status, 400);
}

#[tokio::test]
async fn a_command_without_a_clear_target_is_refused() {
    let world = World::start().await;
    for target in [
        json!({}),
        json!({ "all": false }),
        json!({ "all": true, "user": "ada" }),
        json!({ "user": "nobody" }),
        json!({ "usr": "ada" }),
    ] {
        for path in ["/_emulator/expire", "/_emulator/revoke"] {
            let answer = world.post_json(path, target.clone()).await;
            assert!((400..500).contains(&answer.status), "{path} {target}");
        }
    }
}

#[tokio::test]
async fn the_list_of_tokens_outlives_a_reset() {
    let world = World::start().await;
    let tokens = world.connect("ada", CALENDAR_SCOPE).await;
    let list = world.get("/_emulator/tokens").await.json();
    let kinds: Vec<&str> = list["tokens"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["authorization_code", "access_token", "refresh_token", "id_token"]);
    assert_eq!(list["tokens"][1]["value"], tokens.text("access_token"));
    assert_eq!(list["tokens"][1]["active"], true);
    assert_eq!(list["tokens"][1]["sub"], "sub-ada");

    world.advance(10).await;
    assert_eq!(world.send(world.http.post(world.url("/_emulator/reset"))).await.status, 204);
    let list = world.get("/_emulator/tokens").await.json();
    assert_eq!(list["tokens"].as_array().unwrap().len(), 4);
    assert_eq!(list["tokens"][1]["active"], false);
    assert_eq!(world.get_with("/userinfo", &tokens.text("access_token")).await.status, 401);
    assert_eq!(world.stats().await["total"]["code_exchanges"], 0);
    let clock = world.get("/_emulator/clock").await;
    assert_eq!(clock.text("now"), "2026-11-21T12:00:00.000Z");
}

#[tokio::test]
async fn controls_that_are_not_open_are_served_by_the_owner_alone() {
    let world = World::start_with(|config| config.open_controls = false).await;
    assert_eq!(world.get("/_emulator/stats").await.status, 404);
    assert_eq!(world.post_json("/_emulator/reset", json!({})).await.status, 404);
    assert!(!world.get("/").await.body.contains("_emulator"));

    let request = Request::get("/_emulator/stats").body(Body::empty()).unwrap();
    let response = world.running.controls().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let advance = r#"{"advance_seconds":60}"#;
    let request = Request::post("/_emulator/clock").header("content-type", "application/json");
    let request = request.body(Body::from(advance)).unwrap();
    assert_eq!(world.running.controls().oneshot(request).await.unwrap().status(), 200);
    let tokens = world.connect("ada", CALENDAR_SCOPE).await;
    assert_eq!(world.get_with("/userinfo", &tokens.text("access_token")).await.status, 200);
}

#[tokio::test]
async fn shutting_down_frees_the_port() {
    let world = World::start().await;
    let address = world.running.address;
    world.running.shutdown().await;
    std::net::TcpListener::bind(address).unwrap();
}

fn config() -> Config {
    let now = Arc::new(|| Timestamp::from_seconds(0));
    let mut config = Config::new(now, Arc::new(|buffer: &mut [u8]| buffer.fill(7)));
    config.listen.set_port(0);
    config
}

#[tokio::test]
async fn the_router_serves_without_a_port() {
    let issuer = Some("http://provider.test/".parse().unwrap());
    let router = Emulator::router(Config { issuer, ..config() }).unwrap();
    let request = Request::get("/.well-known/openid-configuration").body(Body::empty()).unwrap();
    let response = router.oneshot(request).await.unwrap();
    let body = to_bytes(response.into_body(), 10_000).await.unwrap();
    let discovery: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(discovery["issuer"], "http://provider.test/");
    assert_eq!(discovery["token_endpoint"], "http://provider.test/token");
}

#[tokio::test]
async fn what_cannot_work_does_not_start() {
    let secret = || ClientSecret::new("x");
    let client = |uris: &[&str]| {
        let uris = uris.iter().map(|uri| (*uri).to_owned()).collect();
        Client::confidential(Flavour::Oidc, "a", secret(), uris)
    };
    let bad = [
        vec![client(&[CALLBACK]), client(&[CALLBACK])],
        vec![client(&[])],
        vec![client(&["/callback"])],
        vec![Client { client_secret: None, ..client(&[CALLBACK]) }],
    ];
    for clients in bad {
        let started = Emulator::start(Config { clients, ..config() }).await;
        assert!(matches!(started, Err(StartError::Client { .. })), "{started:?}");
    }
    let issuer = Some("http://localhost:4001/path".parse().unwrap());
    let started = Emulator::router(Config { issuer, ..config() });
    assert!(matches!(started, Err(StartError::Issuer { .. })));

    let world = World::start().await;
    let taken = Emulator::start(Config { listen: world.running.address, ..config() }).await;
    assert!(matches!(taken, Err(StartError::Bind { .. })));
}
