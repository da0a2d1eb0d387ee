//! `/clients/{id}/credentials`, and what clients use them for.

use std::time::Duration;

use model::log_event::LogEventKind;
use serde_json::{Value, json};
use testkit::{ClientKey, Engine, TestServer};

use super::{Admin, refusal, refused};

const KID: &str = "first-key-1";

/// A client by the name of its path, and the key that it is to use.
async fn client(admin: &Admin) -> (String, ClientKey) {
    let made = admin.post("clients", &json!({"name": "Worker"})).await.expect(201).json();
    (format!("clients/{}", made["client_id"].as_str().unwrap()), ClientKey::generate(KID))
}

#[tokio::test]
async fn a_credential_is_registered_used_prolonged_and_removed() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let admin = Admin::of(&server).await;
        let (path, key) = client(&admin).await;
        let list = format!("{path}/credentials");
        let made = admin.post(&list, &key.credential()).await.expect(201).json();
        let id = made["id"].as_str().unwrap();
        assert!(id.starts_with("cred_") && id.len() == 27, "{id}");
        assert_eq!((&made["kid"], &made["alg"]), (&json!(KID), &json!("RS256")));
        assert_eq!(made["credential_type"], "public_key");
        assert_eq!(made.get("pem"), None);
        assert_eq!(admin.get(&list).await.expect(200).json(), json!([made]));
        let one = format!("{list}/{id}");
        assert_eq!(admin.get(&one).await.expect(200).json(), made);

        let uses = json!({
            "client_authentication_methods": {"private_key_jwt": {"credentials": [{"id": id}]}},
            "signed_request_object": {"required": false, "credentials": [{"id": id}]},
            "token_vault_privileged_access": {
                "credentials": [{"id": id}], "ip_allowlist": ["10.0.0.1", "2001:db8::/32"],
                "grants": [{"connection": "calendar", "scopes": ["read:calendar"]}],
            },
        });
        let mut change = uses.clone();
        change["token_endpoint_auth_method"] = Value::Null;
        let changed = admin.patch(&path, &change).await.expect(200).json();
        for (name, expected) in uses.as_object().unwrap() {
            assert_eq!(&changed[name], expected, "{name}");
        }
        assert_eq!(changed.get("token_endpoint_auth_method"), None);
        assert_eq!(refusal(&admin.delete(&one).await), refused(409, "conflict"));

        // What is not named stays.
        let signed = json!({"signed_request_object": {"required": true}});
        let changed = admin.patch(&path, &signed).await.expect(200).json();
        let expected = json!({"required": true, "credentials": [{"id": id}]});
        assert_eq!(changed["signed_request_object"], expected);

        let soon = json!({"expires_at": "2050-05-13T09:33:13Z"});
        let prolonged = admin.patch(&one, &soon).await.expect(200).json();
        assert_eq!(prolonged["expires_at"], "2050-05-13T09:33:13.000Z");
        let never = admin.patch(&one, &json!({"expires_at": null})).await.expect(200).json();
        assert_eq!(never.get("expires_at"), None);

        let back = json!({
            "client_authentication_methods": null, "signed_request_object": null,
            "token_vault_privileged_access": null,
            "token_endpoint_auth_method": "client_secret_post",
        });
        let changed = admin.patch(&path, &back).await.expect(200).json();
        assert_eq!(changed["token_endpoint_auth_method"], "client_secret_post");
        assert_eq!(changed.get("client_authentication_methods"), None);
        admin.delete(&one).await.expect(204);
        admin.delete(&one).await.expect(204);
        assert_eq!(refusal(&admin.get(&one).await), refused(404, "inexistent_credential"));
        assert_eq!(admin.get(&list).await.expect(200).json(), json!([]));
        assert_eq!(server.count_events(LogEventKind::ManagementWrite).await, 8);
    }
}

#[tokio::test]
async fn a_client_is_made_with_its_credentials() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let (first, second) = (ClientKey::generate(KID), ClientKey::generate("second-key-2"));
    let body = json!({
        "name": "Worker",
        "client_authentication_methods": {"private_key_jwt": {"credentials": [first.credential()]}},
        "token_vault_privileged_access": {"credentials": [second.credential()]},
    });
    let made = admin.post("clients", &body).await.expect(201).json();
    let in_full = &made["client_authentication_methods"]["private_key_jwt"]["credentials"][0];
    assert_eq!((&in_full["kid"], &in_full["alg"]), (&json!(KID), &json!("RS256")));
    let path = format!("clients/{}", made["client_id"].as_str().unwrap());
    let shown = admin.get(&path).await.expect(200).json();
    let reference = json!([{"id": in_full["id"]}]);
    let methods = &shown["client_authentication_methods"]["private_key_jwt"];
    assert_eq!(methods["credentials"], reference);
    let listed = admin.get(&format!("{path}/credentials")).await.expect(200).json();
    assert_eq!(listed.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_no_credential_is_refused_and_changes_nothing() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let (path, key) = client(&admin).await;
    let list = format!("{path}/credentials");
    let usual = key.credential();
    let with = |member: &str, value: Value| {
        let mut body = usual.clone();
        body[member] = value;
        body
    };
    let invalid = refused(400, "invalid_body");
    for body in [
        json!({}),
        json!({"credential_type": "public_key"}),
        with("pem", json!("no pem")),
        with("alg", json!("HS256")),
        with("alg", json!("ES256")),
        with("kid", json!("short")),
        with("kid", json!("../../etc/passwd")),
        with("expires_at", json!("yesterday")),
        with("expires_at", json!("2001-01-01T00:00:00Z")),
        with("parse_expiry_from_cert", json!(true)),
        with("private_key", json!("x")),
    ] {
        assert_eq!(refusal(&admin.post(&list, &body).await), invalid, "{body}");
    }
    assert_eq!(admin.get(&list).await.expect(200).json(), json!([]));
    admin.post(&list, &usual).await.expect(201);
    // The names of keys tell them apart.
    let again = admin.post(&list, &usual).await;
    assert_eq!(refusal(&again), refused(409, "conflict"));

    let nowhere = admin.post("clients/nobody/credentials", &usual).await;
    assert_eq!(refusal(&nowhere), refused(404, "inexistent_client"));
    let unknown = json!({"credentials": [{"id": "cred_unknown"}]});
    let one = json!({"id": "cred_unknown"});
    for change in [
        json!({"client_authentication_methods": {"private_key_jwt": unknown}}),
        json!({"client_authentication_methods": {}}),
        json!({"client_authentication_methods": {"private_key_jwt": {"credentials": [usual]}}}),
        json!({"token_vault_privileged_access": unknown}),
        json!({"token_vault_privileged_access": {}}),
        json!({"token_vault_privileged_access": {"credentials": [], "ip_allowlist": ["10.0.0"]}}),
        json!({"token_vault_privileged_access": {"credentials": [], "ip_allowlist":
            vec!["10.0.0.1"; 11]}}),
        json!({"token_vault_privileged_access": {"credentials": [], "grants":
            vec![json!({"connection": "c", "scopes": []}); 6]}}),
        json!({"token_vault_privileged_access": {"credentials": [], "grants":
            [{"connection": "c", "scopes": vec!["s"; 21]}]}}),
        json!({"signed_request_object": {"required": true, "credentials": [one]}}),
        json!({"client_authentication_methods": {"private_key_jwt": {"credentials": []}},
            "token_endpoint_auth_method": "client_secret_post"}),
    ] {
        assert_eq!(refusal(&admin.patch(&path, &change).await), invalid, "{change}");
    }
    let shown = admin.get(&path).await.expect(200).json();
    assert_eq!(shown.get("token_vault_privileged_access"), None);
    assert_eq!(shown["token_endpoint_auth_method"], "client_secret_post");
}

/// Whoever could register a key for a client that is mightier could act as that client; and to let a
/// client have everybody's tokens is a permission of its own.
#[tokio::test]
async fn a122_keys_are_no_way_up() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let mighty = format!("clients/{}", server.seeded().management.client_id);
    let key = ClientKey::generate(KID).credential();
    let list = format!("{mighty}/credentials");
    let registered = admin.post(&list, &key).await.expect(201).json();
    let uses = json!({"credentials": [{"id": registered["id"]}]});

    let lesser = Admin::with(&server, "update:clients update:client_credentials").await;
    let change = json!({"client_authentication_methods": {"private_key_jwt": uses}});
    let forbidden = refused(403, "insufficient_scope");
    assert_eq!(refusal(&lesser.patch(&mighty, &change).await), forbidden);
    let prolong = json!({"expires_at": null});
    let one = format!("{list}/{}", registered["id"].as_str().unwrap());
    assert_eq!(refusal(&lesser.patch(&one, &prolong).await), forbidden);

    // A key is as good as a secret, and takes the permission for either.
    let other = format!("clients/{}", server.seeded().web.client_id);
    let clients_alone = Admin::with(&server, "update:clients").await;
    let none = json!({"client_authentication_methods": null});
    assert_eq!(refusal(&clients_alone.patch(&other, &none).await), forbidden);

    let privilege = json!({"token_vault_privileged_access": uses});
    assert_eq!(refusal(&lesser.patch(&mighty, &privilege).await), forbidden);
    let maker = Admin::with(&server, "create:clients").await;
    let body = json!({"name": "x", "token_vault_privileged_access": {"credentials": [key]}});
    assert_eq!(refusal(&maker.post("clients", &body).await), forbidden);
    for scope in ["read:client_credentials", "create:client_credentials"] {
        let other = Admin::with(&server, scope).await;
        assert_eq!(refusal(&other.delete(&one).await), forbidden, "{scope}");
    }
}

/// An expired key of a privileged worker is not revived by whoever may prolong credentials.
#[tokio::test]
async fn a122_a_privileged_key_takes_more_to_be_prolonged() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let credentials = json!({"credentials": [ClientKey::generate(KID).credential()]});
    let body = json!({"name": "Worker", "token_vault_privileged_access": credentials});
    let made = admin.post("clients", &body).await.expect(201).json();
    let id = made["token_vault_privileged_access"]["credentials"][0]["id"].as_str().unwrap();
    let one = format!("clients/{}/credentials/{id}", made["client_id"].as_str().unwrap());
    let prolong = json!({"expires_at": null});
    let lesser = Admin::with(&server, "update:client_credentials").await;
    assert_eq!(refusal(&lesser.patch(&one, &prolong).await), refused(403, "insufficient_scope"));
    admin.patch(&one, &prolong).await.expect(200);
}

#[tokio::test]
async fn a_credential_ends_when_it_was_said_to() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let key = ClientKey::generate(KID);
    let mut credential = key.credential();
    let ends = server.app().now().saturating_add(Duration::from_hours(1));
    credential["expires_at"] = json!(ends.to_rfc3339());
    let body = json!({
        "name": "Worker", "app_type": "non_interactive",
        "client_authentication_methods": {"private_key_jwt": {"credentials": [credential]}},
    });
    let made = admin.post("clients", &body).await.expect(201).json();
    let client_id = made["client_id"].as_str().unwrap();
    let grant = json!({"client_id": client_id, "audience": server.management_audience(),
        "scope": []});
    admin.post("client-grants", &grant).await.expect(201);
    let audience = server.management_audience();
    let attempt = || {
        let claims = server.assertion_claims(client_id, ("", Value::Null));
        let fields = [("grant_type", "client_credentials"), ("audience", audience.as_str())];
        server.asserting("/oauth/token", &key.sign("JWT", &claims), &fields)
    };
    attempt().send().await.expect(200);
    server.clock().advance(Duration::from_hours(1));
    assert_eq!(attempt().send().await.error(), (401, "invalid_client".to_owned()));
}
