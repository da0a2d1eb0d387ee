//! Misbehaviour on command.

use std::time::{Duration, Instant};

use emulator::RefreshTokens;
use serde_json::json;

use crate::world::{CALENDAR_SCOPE, WEB, World, form_body};

async fn rotating() -> World {
    World::start_with(|config| {
        config.behaviours.oidc.refresh_tokens = RefreshTokens::Rotating { grace_seconds: 30 };
    })
    .await
}

fn refresh_request(world: &World, refresh_token: &str) -> reqwest::RequestBuilder {
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token),
        ("client_id", WEB.0),
        ("client_secret", WEB.1),
    ];
    form_body(world.http.post(world.url("/token")), &fields)
}

#[tokio::test]
async fn an_answer_can_be_lost_after_the_state_has_changed() {
    let world = rotating().await;
    let tokens = world.connect("ada", CALENDAR_SCOPE).await;
    let refresh_token = tokens.text("refresh_token");
    let effect = json!({ "kind": "drop", "after_commit": true });
    world.fault(json!({ "endpoint": "refresh", "effect": effect })).await;
    assert!(refresh_request(&world, &refresh_token).send().await.is_err());
    assert_eq!(world.stats().await["total"]["refreshes"], 1);
    // The grace heals the loss; when it is over the loss is final.
    assert_eq!(world.refresh(&refresh_token).await.status, 200);
    world.advance(30).await;
    assert_eq!(world.refresh(&refresh_token).await.status, 400);
}

#[tokio::test]
async fn a_call_can_be_lost_before_it_changes_anything() {
    let world = rotating().await;
    let tokens = world.connect("ada", CALENDAR_SCOPE).await;
    let effect = json!({ "kind": "drop", "after_commit": false });
    world.fault(json!({ "endpoint": "refresh", "times": 2, "effect": effect })).await;
    for _ in 0..2 {
        assert!(refresh_request(&world, &tokens.text("refresh_token")).send().await.is_err());
    }
    let stats = world.stats().await;
    assert_eq!(stats["total"]["refreshes"], 0);
    assert_eq!(stats["requests"]["refresh"], 2);
    assert_eq!(world.refresh(&tokens.text("refresh_token")).await.status, 200);
}

#[tokio::test]
async fn fixed_answers_rate_limits_and_oauth_errors() {
    let world = rotating().await;
    let tokens = world.connect("ada", CALENDAR_SCOPE).await;
    let refresh_token = tokens.text("refresh_token");
    let html = json!({ "kind": "status", "status": 502, "body": "<h1>Bad gateway</h1>" });
    world.fault(json!({ "endpoint": "token", "effect": html })).await;
    let answer = world.refresh(&refresh_token).await;
    assert_eq!((answer.status, answer.body.as_str()), (502, "<h1>Bad gateway</h1>"));
    assert!(answer.header("content-type").starts_with("text/html"));

    let limited = json!({ "kind": "rate_limited", "retry_after": "7" });
    world.fault(json!({ "endpoint": "refresh", "effect": limited })).await;
    let answer = world.refresh(&refresh_token).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, "7"));

    let error = json!({ "kind": "error", "error": "invalid_grant", "error_description": "gone" });
    world.fault(json!({ "endpoint": "refresh", "effect": error })).await;
    let answer = world.refresh(&refresh_token).await;
    assert_eq!(answer.error(), (400, "invalid_grant".to_owned()));
    assert_eq!(answer.text("error_description"), "gone");

    // None of the three has touched the token.
    assert_eq!(world.refresh(&refresh_token).await.status, 200);
}

#[tokio::test]
async fn answers_can_be_malformed_edited_or_bloated() {
    let world = rotating().await;
    let tokens = world.connect("ada", CALENDAR_SCOPE).await;
    world.fault(json!({ "endpoint": "refresh", "effect": { "kind": "malformed" } })).await;
    let answer = world.refresh(&tokens.text("refresh_token")).await;
    assert_eq!(answer.status, 200);
    assert!(serde_json::from_str::<serde_json::Value>(&answer.body).is_err());

    let effect = json!({
        "kind": "edit",
        "omit": ["refresh_token", "expires_in"],
        "set": { "scope": "openid", "expires_in": "3600" },
    });
    world.fault(json!({ "endpoint": "refresh", "effect": effect })).await;
    let answer = world.refresh(&tokens.text("refresh_token")).await.json();
    assert!(answer.get("refresh_token").is_none());
    assert_eq!((&answer["scope"], &answer["expires_in"]), (&json!("openid"), &json!("3600")));

    let effect = json!({ "kind": "bloated", "bytes": 2_000_000 });
    world.fault(json!({ "endpoint": "userinfo", "effect": effect })).await;
    let token = tokens.text("access_token");
    let answer = world.get_with("/userinfo", &token).await;
    assert_eq!((answer.status, answer.body.len() > 2_000_000), (200, true));
}

#[tokio::test]
async fn the_redirect_to_the_client_can_be_edited() {
    let world = World::start().await;
    let effect = json!({ "kind": "edit", "omit": ["state"], "set": { "iss": "http://evil" } });
    world.fault(json!({ "endpoint": "authorization_response", "effect": effect })).await;
    let callback = world.authorize("ada", "openid").await;
    assert!(!callback.has("state"));
    assert_eq!(callback.value("iss"), "http://evil");
}

#[tokio::test]
async fn delays_come_before_or_after_the_change() {
    let world = rotating().await;
    let tokens = world.connect("ada", CALENDAR_SCOPE).await;
    let refresh_token = tokens.text("refresh_token");
    world.fault(json!({ "endpoint": "refresh", "delay_ms": 150 })).await;
    let started = Instant::now();
    assert_eq!(world.refresh(&refresh_token).await.status, 200);
    assert!(started.elapsed() >= Duration::from_millis(150));

    // A client that gives up while the answer is held back has still refreshed.
    world.fault(json!({ "endpoint": "refresh", "answer_delay_ms": 60_000 })).await;
    let request = refresh_request(&world, &refresh_token).timeout(Duration::from_millis(200));
    assert!(request.send().await.is_err());
    assert_eq!(world.stats().await["total"]["refreshes"], 2);
}

#[tokio::test]
async fn a_client_that_hangs_up_before_the_change_has_changed_nothing() {
    let world = rotating().await;
    let tokens = world.connect("ada", CALENDAR_SCOPE).await;
    let refresh_token = tokens.text("refresh_token");
    world.fault(json!({ "endpoint": "refresh", "delay_ms": 400 })).await;
    let request = refresh_request(&world, &refresh_token).timeout(Duration::from_millis(50));
    assert!(request.send().await.is_err());
    // The next one is as slow, so the first would have had its change by then.
    world.fault(json!({ "endpoint": "refresh", "delay_ms": 500 })).await;
    assert_eq!(world.refresh(&refresh_token).await.status, 200);
    let stats = world.stats().await;
    assert_eq!(
        (&stats["requests"]["refresh"], &stats["total"]["refreshes"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(stats["total"]["refreshes_in_grace"], 0);
}

#[tokio::test]
async fn rules_can_be_aimed_listed_and_removed() {
    let world = World::start().await;
    let ada = world.connect("ada", CALENDAR_SCOPE).await;
    let grace = world.connect("grace", CALENDAR_SCOPE).await;
    let effect = json!({ "kind": "error", "error": "temporarily_unavailable", "status": 503 });
    let rule = json!({ "endpoint": "refresh", "sticky": true, "user": "ada", "effect": effect });
    world.fault(rule).await;
    assert_eq!(world.refresh(&ada.text("refresh_token")).await.status, 503);
    assert_eq!(world.refresh(&ada.text("refresh_token")).await.status, 503);
    assert_eq!(world.refresh(&grace.text("refresh_token")).await.status, 200);

    let listed = world.get("/_emulator/faults").await.json();
    assert_eq!(listed["faults"][0]["hits"], 2);
    assert_eq!(listed["faults"][0]["user"], "sub-ada");
    let id = listed["faults"][0]["id"].as_u64().unwrap();
    let url = world.url(&format!("/_emulator/faults/{id}"));
    assert_eq!(world.send(world.http.delete(&url)).await.status, 204);
    assert_eq!(world.send(world.http.delete(&url)).await.status, 404);
    assert_eq!(world.refresh(&ada.text("refresh_token")).await.status, 200);

    world.fault(json!({ "endpoint": "calendar", "sticky": true, "effect": { "kind": "status", "status": 500 } })).await;
    let token = ada.text("access_token");
    assert_eq!(world.get_with("/calendar/events", &token).await.status, 500);
    let all = world.url("/_emulator/faults");
    for flavour in ["oidc", "google"] {
        let rule = json!({ "endpoint": "token", "flavour": flavour });
        world.fault(rule).await;
    }
    let of_google = format!("{all}?flavour=google");
    assert_eq!(world.send(world.http.delete(of_google)).await.status, 204);
    let left = world.get("/_emulator/faults").await.json();
    let left = left["faults"].as_array().unwrap().iter().map(|it| it["flavour"].clone());
    assert_eq!(left.collect::<Vec<_>>(), [json!(null), json!("oidc")]);
    assert_eq!(world.send(world.http.delete(all)).await.status, 204);
    assert_eq!(world.get_with("/calendar/events", &token).await.status, 200);
}

#[tokio::test]
async fn misspelt_rules_are_refused() {
    let world = World::start().await;
    for rule in [
        json!({ "endpoint": "nowhere" }),
        json!({ "endpoint": "refresh", "delay": 5 }),
        json!({ "endpoint": "refresh", "effect": { "kind": "explode" } }),
        json!({ "endpoint": "refresh", "user": "nobody" }),
        json!({ "endpoint": "authorization_response", "delay_ms": 5 }),
    ] {
        let answer = world.post_json("/_emulator/faults", rule).await;
        assert!((400..500).contains(&answer.status), "{}", answer.body);
    }
}
