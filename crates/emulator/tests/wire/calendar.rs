//! The calendar API.

use serde_json::{Value, json};

use crate::world::{World, json_body};

async fn create(world: &World, token: &str, event: Value) -> crate::world::Answer {
    let request = world.http.post(world.url("/calendar/events")).bearer_auth(token);
    world.send(json_body(request, &event)).await
}

fn tea() -> Value {
    json!({ "title": "Tea", "start": "2026-11-21T15:00:00Z", "end": "2026-11-21T15:30:00Z" })
}

#[tokio::test]
async fn reading_needs_a_valid_token_with_the_scope() {
    let world = World::start().await;
    let missing = world.get("/calendar/events").await;
    assert_eq!(missing.status, 401);
    assert_eq!(missing.header("www-authenticate"), "Bearer realm=\"emulator\"");
    let wrong = world.get_with("/calendar/events", "emu_at_wrong").await;
    assert_eq!(wrong.status, 401);
    assert!(wrong.header("www-authenticate").contains("error=\"invalid_token\""));
    let in_query = world.get("/calendar/events?access_token=x").await;
    assert_eq!(in_query.status, 401);
    let basic = world.http.get(world.url("/calendar/events")).header("authorization", "Basic eDp5");
    assert_eq!(world.send(basic).await.status, 400);

    let writer = world.connect("ada", "openid write:calendar").await.text("access_token");
    let refused = world.get_with("/calendar/events", &writer).await;
    assert_eq!(refused.status, 403);
    let challenge = refused.header("www-authenticate");
    assert!(challenge.contains("error=\"insufficient_scope\", scope=\"read:calendar\""));
    assert!(world.stats().await["total"]["calendar"] == 0);
}

#[tokio::test]
async fn events_lie_ahead_and_move_with_the_clock() {
    let world = World::start().await;
    let token = world.connect("ada", "openid read:calendar").await.text("access_token");
    let events = world.get_with("/calendar/events", &token).await.json();
    let first = events["events"][0].clone();
    assert_eq!(first["title"], "Stand-up");
    assert_eq!(first["start"], "2026-11-22T09:00:00.000Z");
    world.advance(3000).await;
    let later = world.get_with("/calendar/events", &token).await.json();
    assert_eq!(later, events);
    assert_eq!(world.stats().await["accounts"]["web"]["sub-ada"]["calendar"], 2);
}

#[tokio::test]
async fn writing_needs_its_own_scope_and_stays_with_the_user() {
    let world = World::start().await;
    let reader = world.connect("ada", "openid read:calendar").await.text("access_token");
    assert_eq!(create(&world, &reader, tea()).await.status, 403);
    let both = "openid read:calendar write:calendar";
    let ada = world.connect("ada", both).await.text("access_token");
    let grace = world.connect("grace", both).await.text("access_token");
    let created = create(&world, &ada, tea()).await;
    assert_eq!(created.status, 201);
    let titles = async |token: &str| {
        let events = world.get_with("/calendar/events", token).await.json();
        let events = events["events"].as_array().unwrap().clone();
        events.iter().filter(|event| event["title"] == "Tea").count()
    };
    assert_eq!((titles(&ada).await, titles(&grace).await), (1, 0));
}

#[tokio::test]
async fn bad_events_are_refused() {
    let world = World::start().await;
    let token = world.connect("ada", "openid write:calendar").await.text("access_token");
    for event in [
        json!({ "title": "", "start": "2026-11-21T15:00:00Z", "end": "2026-11-21T16:00:00Z" }),
        json!({ "title": "Tea", "start": "tomorrow", "end": "2026-11-21T16:00:00Z" }),
        json!({ "title": "Tea", "start": "2026-11-21T16:00:00Z", "end": "2026-11-21T15:00:00Z" }),
        json!({ "title": "Tea" }),
    ] {
        assert_eq!(create(&world, &token, event).await.status, 400);
    }
    let request = world.http.post(world.url("/calendar/events")).bearer_auth(&token);
    let text = request.header("content-type", "text/plain").body(tea().to_string());
    assert_eq!(world.send(text).await.status, 415);
}
