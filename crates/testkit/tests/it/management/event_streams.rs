//! `/event-streams`: who is told what happens to connected accounts, and how.

use std::time::Duration;

use model::log_event::LogEventKind;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use testkit::{Engine, Login, Receiver, TestServer};

use super::{Admin, each, refusal, refused};
use crate::scene::Scene;

const CREATED: &str = "connected_account.created";
const NEEDS_RECONNECT: &str = "connected_account.needs_reconnect";
const RECOVERED: &str = "connected_account.recovered";
const UPDATED: &str = "connected_account.updated";
const DELETED: &str = "connected_account.deleted";

fn stream(url: &str) -> Value {
    let kinds = [CREATED, NEEDS_RECONNECT, RECOVERED, UPDATED, DELETED];
    json!({
        "name": "tests",
        "subscriptions": kinds.map(|kind| json!({ "event_type": kind })),
        "destination": {
            "type": "webhook",
            "configuration": {
                "webhook_endpoint": url,
                "webhook_authorization": { "method": "bearer", "token": "t0ken" },
            },
        },
    })
}

/// The whole life of an account, told in order, signed, without anything secret.
#[tokio::test]
async fn the_life_of_an_account_is_told() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let admin = Admin::of(&server).await;
        let receiver = Receiver::start().await;
        let made = admin.post("event-streams", &stream(receiver.url())).await.expect(201).json();
        let scene = Scene::of(server, &Login::web()).await;
        let (server, provider) = (&scene.server, scene.server.provider());
        let id = scene.account["id"].as_str().unwrap().to_owned();

        assert_eq!(server.deliver_due().await, 1);
        let received = receiver.received().remove(0);
        let verifier = Webhook::new(made["signing_secret"].as_str().unwrap()).unwrap();
        let timestamp = received.header("webhook-timestamp").parse().unwrap();
        let signature = verifier.sign(received.header("webhook-id"), timestamp, &received.body);
        assert_eq!(received.header("webhook-signature"), signature.unwrap());
        assert_eq!(received.header("authorization"), "Bearer t0ken");
        let event = received.json();
        assert_eq!(event["id"], received.header("webhook-id"));
        assert_eq!(event["type"], CREATED);
        assert_eq!(event["specversion"], "1.0");
        assert_eq!(event["source"], server.issuer());
        assert_eq!(event["a0stream"], made["id"]);
        assert_eq!(event["data"]["object"]["connection"], "calendar");
        assert_eq!(server.deliver_due().await, 0);

        provider.revoke("ada").await;
        server.clock().advance(Duration::from_hours(1));
        scene.ada.exchange_calendar().await.expect(401);
        scene.ada.exchange_calendar().await.expect(401);
        scene.ada.connect_as("ada").await;
        scene.ada.connect_as("ada").await;
        let path = format!("/me/v1/connected-accounts/accounts/{id}");
        server.delete(&path).access(&scene.ada.mine).send().await.expect(204);
        let mut heard = Vec::new();
        while server.deliver_due().await > 0 {
            heard.extend(receiver.heard());
        }
        let told = [NEEDS_RECONNECT, RECOVERED, UPDATED, DELETED];
        assert_eq!(heard, told.map(|kind| (kind.to_owned(), id.clone())));
        assert_eq!(server.count_events(LogEventKind::AccountNeedsReconnect).await, 1);
        assert_eq!(server.count_events(LogEventKind::AccountRecovered).await, 1);

        // Once more, from the beginning.
        let path = format!("event-streams/{}/redeliver", made["id"].as_str().unwrap());
        let kinds = json!({ "event_types": [CREATED, DELETED] });
        admin.post(&path, &kinds).await.expect(202);
        let mut heard = Vec::new();
        while server.deliver_due().await > 0 {
            heard.extend(receiver.heard());
        }
        assert_eq!(heard, [CREATED, DELETED].map(|kind| (kind.to_owned(), id.clone())));
    }
}

/// A grant that came to life under other credentials of its connection has recovered.
#[tokio::test]
async fn a_grant_that_lives_under_other_credentials_has_recovered() {
    let scene = Scene::web().await;
    let (server, provider) = (&scene.server, scene.server.provider());
    let admin = Admin::of(server).await;
    let receiver = Receiver::start().await;
    admin.post("event-streams", &stream(receiver.url())).await.expect(201);
    server.clock().advance(Duration::from_hours(1));
    let refusal = json!({ "kind": "error", "error": "invalid_grant", "status": 400 });
    provider.fault(json!({ "endpoint": "refresh", "effect": refusal })).await;
    scene.ada.exchange_calendar().await.expect(401);
    let listed = admin.get("connections?name=calendar").await.json();
    let path = format!("connections/{}", listed[0]["id"].as_str().unwrap());
    let mut options = listed[0]["options"].clone();
    let secret = options["client_secret"].clone();
    options["client_secret"] = json!("another");
    admin.patch(&path, &json!({ "options": options })).await.expect(200);
    options["client_secret"] = secret;
    admin.patch(&path, &json!({ "options": options })).await.expect(200);
    scene.ada.exchange_calendar().await.expect(200);
    while server.deliver_due().await > 0 {}
    let kinds: Vec<_> = receiver.heard().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [NEEDS_RECONNECT, RECOVERED]);
}

/// F41: a receiver that is away is left alone for a while, and hears everything afterwards, in order.
#[tokio::test]
async fn f41_a_receiver_that_was_away_hears_everything_in_order() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let receiver = Receiver::start().await;
    let made = admin.post("event-streams", &stream(receiver.url())).await.expect(201).json();
    receiver.answers(503);
    let scene = Scene::of(server, &Login::web()).await;
    let server = &scene.server;
    scene.ada.connect_as("ada").await;
    for _ in 0..4 {
        server.deliver_due().await;
        server.clock().advance(Duration::from_mins(6));
    }
    assert!(receiver.heard().iter().all(|(kind, _)| kind == CREATED));
    assert_eq!(server.deliver_due().await, 0);
    receiver.answers(200);
    server.clock().advance(Duration::from_mins(40));
    while server.deliver_due().await > 0 {}
    let kinds: Vec<_> = receiver.heard().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [CREATED, UPDATED]);

    // Given up after three days, shown with its reason, delivered when somebody asks for it.
    receiver.answers(500);
    scene.ada.connect_as("ada").await;
    for _ in 0..12 {
        server.deliver_due().await;
        server.clock().advance(Duration::from_hours(27));
    }
    receiver.received();
    let admin = Admin::of(server).await;
    let path = format!("event-streams/{}", made["id"].as_str().unwrap());
    let failed = admin.get(&format!("{path}/deliveries")).await.expect(200).json();
    assert_eq!(each(&failed, "status"), ["failed"]);
    assert_eq!(failed[0]["attempt_count"], 10);
    assert_eq!(failed[0]["attempts"][0]["error_message"], "http_500");
    let event = failed[0]["id"].as_str().unwrap();
    let one = admin.get(&format!("{path}/deliveries/{event}")).await.expect(200).json();
    assert_eq!(one, failed[0]);
    receiver.answers(200);
    let again = format!("{path}/redeliver/{event}");
    admin.post(&again, &json!({})).await.expect(202);
    let answer = admin.post(&again, &json!({})).await;
    assert_eq!(refusal(&answer), refused(409, "conflict"));
    assert_eq!(server.deliver_due().await, 1);
    assert_eq!(receiver.heard().len(), 1);
}

/// Standard Webhooks: who answers 410 does not want to be told any more.
#[tokio::test]
async fn a_receiver_that_is_gone_is_told_no_more() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let receiver = Receiver::start().await;
    let made = admin.post("event-streams", &stream(receiver.url())).await.expect(201).json();
    receiver.answers(410);
    let scene = Scene::of(server, &Login::web()).await;
    let server = &scene.server;
    assert_eq!(server.deliver_due().await, 1);
    let path = format!("event-streams/{}", made["id"].as_str().unwrap());
    assert_eq!(admin.get(&path).await.json()["status"], "disabled");
    scene.ada.connect_as("ada").await;
    assert_eq!(server.deliver_due().await, 0);
    assert_eq!(server.count_events(LogEventKind::Warning).await, 1);
}

/// Who disables a stream is heard at once, also for what is under way.
#[tokio::test]
async fn a_disabled_stream_tells_nothing() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let receiver = Receiver::start().await;
    let made = admin.post("event-streams", &stream(receiver.url())).await.expect(201).json();
    let scene = Scene::of(server, &Login::web()).await;
    let server = &scene.server;
    let path = format!("event-streams/{}", made["id"].as_str().unwrap());
    admin.patch(&path, &json!({ "status": "disabled" })).await.expect(200);
    assert_eq!(server.deliver_due().await, 0);
    let answer = admin.post(&format!("{path}/redeliver"), &json!({})).await;
    assert_eq!(refusal(&answer), refused(409, "conflict"));
    admin.patch(&path, &json!({ "status": "enabled" })).await.expect(200);
    assert_eq!(server.deliver_due().await, 1);
    assert_eq!(receiver.heard().len(), 1);
}

#[tokio::test]
async fn a_stream_is_made_read_changed_and_removed() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let admin = Admin::of(&server).await;
        let answer = admin.post("event-streams", &stream("https://hooks.example/a")).await;
        let mut made = answer.expect(201).json();
        let id = made["id"].as_str().unwrap().to_owned();
        assert_eq!(id.len(), 26);
        let secret = made.as_object_mut().unwrap().remove("signing_secret").unwrap();
        assert!(secret.as_str().unwrap().starts_with("whsec_"));
        assert_eq!(made["status"], "enabled");
        let authorization = &made["destination"]["configuration"]["webhook_authorization"];
        assert_eq!(*authorization, json!({ "method": "bearer" }));
        let path = format!("event-streams/{id}");
        assert_eq!(admin.get(&path).await.expect(200).json(), made);
        let listed = admin.get("event-streams").await.expect(200).json();
        assert_eq!(listed, json!({ "eventStreams": [made] }));

        let change = json!({ "name": null, "status": "disabled" });
        let changed = admin.patch(&path, &change).await.expect(200).json();
        assert_eq!((changed.get("name"), &changed["status"]), (None, &json!("disabled")));
        assert_eq!(changed["destination"], made["destination"]);
        let destination = json!({
            "type": "webhook",
            "configuration": {
                "webhook_endpoint": "https://hooks.example/b",
                "webhook_authorization": {
                    "method": "custom_header", "header_key": "x-key", "header_value": "s3cret",
                },
            },
        });
        let change = json!({ "destination": destination });
        let text = admin.patch(&path, &change).await.expect(200).text().to_owned();
        assert!(text.contains("x-key") && !text.contains("s3cret"));

        admin.delete(&path).await.expect(204);
        assert_eq!(refusal(&admin.get(&path).await), refused(404, "inexistent_event_stream"));
        admin.delete(&path).await.expect(204);
    }
}

#[tokio::test]
async fn what_no_receiver_can_be_is_refused() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let with = |change: &dyn Fn(&mut Value)| {
        let mut body = stream("https://hooks.example/a");
        change(&mut body);
        body
    };
    let authorized = |authorization: Value| {
        with(&move |body: &mut Value| {
            body["destination"]["configuration"]["webhook_authorization"] = authorization.clone();
        })
    };
    for body in [
        json!({}),
        with(&|body| body["subscriptions"] = json!([{ "event_type": "user.created" }])),
        with(&|body| body["destination"]["type"] = json!("eventbridge")),
        with(&|body| body["secret"] = json!("x")),
        // A128: nothing leads inside.
        stream("https://10.0.0.1/"),
        stream("https://169.254.169.254/latest"),
        stream("https://[::ffff:10.0.0.1]/"),
        stream("http://hooks.example/"),
        stream("https://user:password@hooks.example/"),
        stream("file:///etc/passwd"),
        stream("hooks.example"),
        authorized(json!({ "method": "bearer" })),
        authorized(json!({ "method": "basic", "password": "x" })),
        authorized(json!({ "method": "bearer", "token": "x", "username": "y" })),
        authorized(json!({ "method": "custom_header", "header_key": "Host", "header_value": "x" })),
        authorized(json!({
            "method": "custom_header", "header_key": "Webhook-Signature", "header_value": "x",
        })),
        authorized(json!({ "method": "custom_header", "header_key": "a b", "header_value": "x" })),
    ] {
        let answer = admin.post("event-streams", &body).await;
        assert_eq!(refusal(&answer), refused(400, "invalid_body"), "{body}");
    }
    let listed = admin.get("event-streams").await.expect(200).json();
    assert_eq!(listed, json!({ "eventStreams": [] }));
    for (scope, method, path) in [
        ("read:event_streams", "POST", "event-streams"),
        ("create:event_streams", "GET", "event-streams"),
        ("read:event_streams", "DELETE", "event-streams/est_x"),
        ("update:event_streams", "POST", "event-streams/est_x/redeliver"),
    ] {
        let method = method.parse().unwrap();
        let caller = Admin::with(&server, scope).await;
        let answer = caller.send(method, path, Some(&json!({}))).await;
        assert_eq!(refusal(&answer), refused(403, "insufficient_scope"), "{path}");
    }
}

/// No tenant sees or changes another's.
#[tokio::test]
async fn a_stream_is_its_tenants_own() {
    let server = TestServer::start().await;
    let other = server.other_tenant().await;
    let (admin, stranger) = (Admin::of(&server).await, Admin::of(&other).await);
    let made = admin.post("event-streams", &stream("https://hooks.example/a")).await.json();
    let path = format!("event-streams/{}", made["id"].as_str().unwrap());
    let unknown = refused(404, "inexistent_event_stream");
    assert_eq!(refusal(&stranger.get(&path).await), unknown);
    let change = json!({ "status": "disabled" });
    assert_eq!(refusal(&stranger.patch(&path, &change).await), unknown);
    stranger.delete(&path).await.expect(204);
    let again = format!("{path}/redeliver");
    assert_eq!(refusal(&stranger.post(&again, &json!({})).await), unknown);
    assert_eq!(admin.get(&path).await.expect(200).json()["status"], "enabled");
}
