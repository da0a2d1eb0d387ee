//! `/connections/{id}/keys`: keys of connections.

use std::time::Duration;

use model::log_event::LogEventKind;
use serde_json::{Value, json};
use testkit::{Engine, TestServer};

use super::{Admin, each, refusal, refused};

async fn id_of(admin: &Admin, name: &str) -> String {
    let listed = admin.get(&format!("connections?name={name}")).await.json();
    listed[0]["id"].as_str().unwrap().to_owned()
}

/// The calendar's keys.
async fn keys_of_calendar(admin: &Admin) -> String {
    format!("connections/{}/keys", id_of(admin, "calendar").await)
}

fn stages(keys: &Value) -> Vec<(&str, &str)> {
    let stage = |key: &Value| {
        let stages = ["previous", "current", "next"];
        stages.into_iter().find(|stage| key[stage] == true).unwrap()
    };
    let keys = keys.as_array().unwrap().iter();
    keys.map(|key| (stage(key), key["kid"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn keys_are_made_shown_and_rotated() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let admin = Admin::of(&server).await;
        let path = keys_of_calendar(&admin).await;
        assert_eq!(admin.get(&path).await.expect(200).json(), json!([]));
        let made = admin.post(&path, &json!({})).await.expect(201).json();
        let [("current", first), ("next", second)] = stages(&made)[..] else { panic!("{made}") };
        assert_eq!(admin.get(&path).await.expect(200).json(), made);
        let again = admin.post(&path, &json!({})).await;
        assert_eq!((again.status, again.json()["error"].as_str()), (409, Some("Conflict")));

        server.clock().advance(Duration::from_mins(1));
        let rotate = format!("{path}/rotate");
        let third = admin.post(&rotate, &json!(null)).await.expect(201).json();
        assert_eq!(third["next"], true);
        let listed = admin.get(&path).await.expect(200).json();
        let expected =
            [("current", second), ("next", third["kid"].as_str().unwrap()), ("previous", first)];
        let mut found = stages(&listed);
        found.sort_unstable();
        assert_eq!(found, expected);
        let event = server.latest_event(LogEventKind::ManagementWrite).await.detail;
        assert_eq!(event.description.as_deref(), Some("Rotate the keys of a connection"));
        assert_eq!(event.details["kid"], second);

        // The one before the previous one is gone.
        server.clock().advance(Duration::from_mins(1));
        admin.post(&rotate, &json!({ "signing_alg": "ES256" })).await.expect(201);
        let listed = admin.get(&path).await.expect(200).json();
        let kids = each(&listed, "kid");
        assert_eq!((kids.len(), kids.contains(&first)), (3, false));
    }
}

#[tokio::test]
async fn a_key_shows_its_public_half_as_providers_want_it() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let path = keys_of_calendar(&admin).await;
    let made = admin.post(&path, &json!({ "signing_alg": "ES256" })).await.expect(201);
    assert!(!made.text().contains("PRIVATE"), "{made:?}");
    let made = made.json();
    let key = &made[0];
    let certificate = key["cert"].as_str().unwrap();
    assert!(certificate.starts_with("-----BEGIN CERTIFICATE-----"), "{certificate}");
    let thumbprint = key["thumbprint"].as_str().unwrap();
    assert_eq!(key["fingerprint"].as_str().unwrap().replace(':', ""), thumbprint);
    assert_eq!(thumbprint.len(), 40);
    assert_eq!((&key["algorithm"], &key["key_use"]), (&json!("ES256"), &json!("signing")));
    let mut members: Vec<_> = key["jwk"].as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    assert_eq!(key["jwk"]["kid"], key["kid"]);
    assert!(key["current_since"].is_string() && made[1].get("current_since").is_none());
}

#[tokio::test]
async fn the_options_say_which_algorithm() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let id = id_of(&admin, "calendar").await;
    let mut options = admin.get(&format!("connections/{id}")).await.json()["options"].take();
    options["token_endpoint_auth_signing_alg"] = json!("PS256");
    let connection = format!("connections/{id}");
    admin.patch(&connection, &json!({ "options": options })).await.expect(200);
    let made = admin.post(&format!("{connection}/keys"), &json!({})).await.expect(201).json();
    assert_eq!(each(&made, "algorithm"), ["PS256", "PS256"]);
    for (option, value) in [
        ("token_endpoint_auth_method", "client_secret_jwt"),
        ("token_endpoint_jwtca_aud_format", "both"),
    ] {
        let mut wrong = options.clone();
        wrong[option] = json!(value);
        let answer = admin.patch(&connection, &json!({ "options": wrong })).await;
        assert_eq!(refusal(&answer), refused(400, "invalid_body"), "{option}");
    }
    let mut wrong = options.clone();
    wrong["token_endpoint_auth_method"] = json!("private_key_jwt");
    wrong["token_endpoint_auth_signing_alg"] = json!("HS256");
    let answer = admin.patch(&connection, &json!({ "options": wrong })).await;
    assert_eq!(refusal(&answer), refused(400, "invalid_body"));
}

#[tokio::test]
async fn whoever_may_not_gets_and_changes_nothing() {
    let server = TestServer::start().await;
    let all = Admin::of(&server).await;
    let path = keys_of_calendar(&all).await;
    let rotate = format!("{path}/rotate");
    let none = json!({});
    let reader = Admin::with(&server, "read:connections_keys").await;
    assert_eq!(refusal(&reader.post(&path, &none).await), refused(403, "insufficient_scope"));
    let outsider = Admin::with(&server, "read:connections update:connections").await;
    assert_eq!(refusal(&outsider.get(&path).await), refused(403, "insufficient_scope"));
    let maker = Admin::with(&server, "create:connections_keys").await;
    assert_eq!(refusal(&maker.post(&rotate, &none).await), refused(403, "insufficient_scope"));
    // None to rotate.
    let early = all.post(&rotate, &none).await;
    assert_eq!(refusal(&early), refused(400, "operation_not_supported"));
    let unknown = json!({ "signing_alg": "HS256" });
    assert_eq!(refusal(&all.post(&path, &unknown).await), refused(400, "invalid_body"));
    let more = json!({ "key": "mine" });
    assert_eq!(refusal(&all.post(&path, &more).await), refused(400, "invalid_body"));
    assert_eq!(reader.get(&path).await.expect(200).json(), json!([]));

    let elsewhere =
        format!("connections/{}/keys", id_of(&all, "Username-Password-Authentication").await);
    let answer = all.post(&elsewhere, &none).await;
    assert_eq!(refusal(&answer), refused(400, "operation_not_supported"));
    let nowhere = all.get("connections/con_nowhere/keys").await;
    assert_eq!(refusal(&nowhere), refused(404, "inexistent_connection"));
    let other = server.other_tenant().await;
    let stranger = Admin::of(&other).await;
    assert_eq!(refusal(&stranger.get(&path).await), refused(404, "inexistent_connection"));
}
