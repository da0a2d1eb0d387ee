//! Refreshing, rotation and replay.

use emulator::RefreshTokens;
use serde_json::json;

use crate::world::{Answer, CALENDAR_SCOPE, World, form_body};

async fn rotating(grace_seconds: u64) -> World {
    World::start_with(|config| {
        config.behaviours.oidc.refresh_tokens = RefreshTokens::Rotating { grace_seconds };
    })
    .await
}

#[track_caller]
fn expect_invalid_grant(answer: &Answer, words: &str) {
    assert_eq!(answer.error(), (400, "invalid_grant".to_owned()));
    assert!(answer.text("error_description").contains(words), "{}", answer.body);
}

#[tokio::test]
async fn a_kept_refresh_token_works_again_and_again() {
    let world = World::start().await;
    let first = world.connect("ada", CALENDAR_SCOPE).await;
    let refresh_token = first.text("refresh_token");
    for _ in 0..3 {
        let answer = world.refresh(&refresh_token).await;
        assert_eq!(answer.status, 200);
        assert!(answer.json().get("refresh_token").is_none());
        assert_ne!(answer.text("access_token"), first.text("access_token"));
        assert!(answer.json().get("id_token").is_some());
    }
    assert_eq!(world.get_with("/userinfo", &first.text("access_token")).await.status, 200);
    let stats = world.stats().await;
    assert_eq!(stats["users"]["sub-ada"]["refreshes"], 3);
    assert_eq!(stats["requests"]["refresh"], 3);
}

#[tokio::test]
async fn a_rotated_refresh_token_used_again_ends_the_family() {
    let world = rotating(0).await;
    let first = world.connect("ada", CALENDAR_SCOPE).await;
    let second = world.refresh(&first.text("refresh_token")).await;
    assert_ne!(second.text("refresh_token"), first.text("refresh_token"));

    expect_invalid_grant(&world.refresh(&first.text("refresh_token")).await, "used before");
    expect_invalid_grant(&world.refresh(&second.text("refresh_token")).await, "revoked");
    assert_eq!(world.get_with("/userinfo", &second.text("access_token")).await.status, 401);
    let stats = world.stats().await;
    let account = &stats["accounts"]["web"]["sub-ada"];
    assert_eq!(account["refreshes"], 1);
    assert_eq!(account["refreshes_refused"], 2);
    assert_eq!(account["reuse_detected"], 1);
    assert_eq!(stats["living_families"]["oidc"], 0);
}

#[tokio::test]
async fn another_family_survives_a_replay() {
    let world = rotating(0).await;
    let one = world.connect("ada", CALENDAR_SCOPE).await;
    let other = world.connect("ada", CALENDAR_SCOPE).await;
    world.refresh(&one.text("refresh_token")).await;
    world.refresh(&one.text("refresh_token")).await;
    assert_eq!(world.refresh(&other.text("refresh_token")).await.status, 200);
}

#[tokio::test]
async fn a_rotated_refresh_token_is_honoured_within_the_grace() {
    let world = rotating(30).await;
    let first = world.connect("ada", CALENDAR_SCOPE).await;
    let second = world.refresh(&first.text("refresh_token")).await;
    world.advance(29).await;
    let retried = world.refresh(&first.text("refresh_token")).await;
    assert_eq!(retried.status, 200);
    assert_ne!(retried.text("refresh_token"), second.text("refresh_token"));
    let stats = world.stats().await;
    assert_eq!(
        (&stats["total"]["refreshes"], &stats["total"]["reuse_detected"]),
        (&json!(2), &json!(0))
    );
    assert_eq!(stats["total"]["refreshes_in_grace"], 1);
    // A retry does not prolong the grace.
    world.advance(1).await;
    expect_invalid_grant(&world.refresh(&first.text("refresh_token")).await, "used before");
    expect_invalid_grant(&world.refresh(&retried.text("refresh_token")).await, "revoked");
}

#[tokio::test]
async fn refresh_tokens_can_be_withheld_and_can_expire() {
    let world = World::start_with(|config| {
        config.behaviours.oidc.refresh_token_lifetime_seconds = Some(100);
    })
    .await;
    let tokens = world.connect("ada", CALENDAR_SCOPE).await;
    world.advance(99).await;
    assert_eq!(world.refresh(&tokens.text("refresh_token")).await.status, 200);
    world.advance(1).await;
    expect_invalid_grant(&world.refresh(&tokens.text("refresh_token")).await, "expired");

    world.behave("oidc", json!({ "refresh_tokens": { "kind": "none" } })).await;
    let tokens = world.connect("ada", CALENDAR_SCOPE).await;
    assert!(tokens.json().get("refresh_token").is_none());
}

#[tokio::test]
async fn access_tokens_expire() {
    let world = World::start().await;
    let tokens = world.connect("ada", CALENDAR_SCOPE).await;
    world.advance(3599).await;
    assert_eq!(world.get_with("/userinfo", &tokens.text("access_token")).await.status, 200);
    world.advance(1).await;
    let refused = world.get_with("/userinfo", &tokens.text("access_token")).await;
    assert_eq!(refused.status, 401);
    assert!(refused.header("www-authenticate").contains("error=\"invalid_token\""));
}

#[tokio::test]
async fn scope_can_be_narrowed_and_never_widened() {
    let world = World::start().await;
    let tokens = world.connect("ada", CALENDAR_SCOPE).await;
    let refresh_token = tokens.text("refresh_token");
    let grant = ("grant_type", "refresh_token");
    let token = ("refresh_token", refresh_token.as_str());
    let narrow = world.token(&[grant, token, ("scope", "read:calendar")]).await;
    assert_eq!(narrow.text("scope"), "read:calendar");
    assert!(narrow.json().get("id_token").is_none());
    assert_eq!(world.get_with("/userinfo", &narrow.text("access_token")).await.status, 403);
    let wide = world.token(&[grant, token, ("scope", "openid write:calendar")]).await;
    assert_eq!(wide.error(), (400, "invalid_scope".to_owned()));
    assert_eq!(world.refresh(&refresh_token).await.text("scope"), CALENDAR_SCOPE);
}

#[tokio::test]
async fn a_refresh_token_is_bound_to_its_client() {
    let world = rotating(0).await;
    let tokens = world.connect("ada", CALENDAR_SCOPE).await;
    let refresh_token = tokens.text("refresh_token");
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token.as_str()),
        ("client_id", "other"),
        ("client_secret", "other-secret"),
    ];
    expect_invalid_grant(&world.post_form("/token", &fields).await, "another client");
    expect_invalid_grant(&world.refresh("emu_rt_unknown").await, "unknown");
    assert_eq!(world.refresh(&refresh_token).await.status, 200);
}

#[tokio::test]
async fn members_of_the_answer_can_be_left_out_and_the_form_changed() {
    let world = World::start().await;
    world.behave("oidc", json!({ "send_expires_in": false, "send_scope": false })).await;
    let tokens = world.connect("ada", CALENDAR_SCOPE).await.json();
    assert!(tokens.get("expires_in").is_none() && tokens.get("scope").is_none());

    world.behave("oidc", json!({ "send_id_token": false, "answer_format": "form" })).await;
    let answer = world.refresh(tokens["refresh_token"].as_str().unwrap()).await;
    assert!(answer.header("content-type").starts_with("application/x-www-form-urlencoded"));
    assert!(answer.body.starts_with("access_token=emu_at_") && !answer.body.contains("id_token"));
}

#[tokio::test]
async fn of_a_hundred_simultaneous_refreshes_with_one_rotating_token_one_wins() {
    let world = rotating(0).await;
    let tokens = world.connect("ada", CALENDAR_SCOPE).await;
    let refresh_token = tokens.text("refresh_token");
    let call = || {
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.as_str()),
            ("client_id", crate::world::WEB.0),
            ("client_secret", crate::world::WEB.1),
        ];
        let request = form_body(world.http.post(world.url("/token")), &fields);
        tokio::spawn(async move { request.send().await.unwrap().status().as_u16() })
    };
    let calls: Vec<_> = (0..100).map(|_| call()).collect();
    let mut won = 0;
    for call in calls {
        won += u32::from(call.await.unwrap() == 200);
    }
    assert_eq!(won, 1);
    assert_eq!(world.stats().await["total"]["reuse_detected"], 1);
}
