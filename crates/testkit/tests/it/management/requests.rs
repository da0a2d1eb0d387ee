//! What every endpoint has in common: tokens, envelopes, headers, strict input.

use model::log_event::LogEventKind;
use reqwest::Method;
use serde_json::json;
use testkit::TestServer;

use super::{Admin, refusal, refused};

#[tokio::test]
async fn without_a_token_nobody_gets_in() {
    let server = TestServer::start().await;
    let answer = server.get("/api/v2/clients").send().await;
    assert_eq!(refusal(&answer), refused(401, ""));
    assert_eq!(answer.json()["message"], "Missing authentication");
    assert_eq!(answer.json()["attributes"]["error"], "Missing authentication");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));

    let answer = Admin::presenting(&server, "x.y.z").get("clients").await;
    assert_eq!(refusal(&answer), refused(401, "invalid_token"));
    assert_eq!(answer.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
}

#[tokio::test]
async fn a_token_stands_in_the_header_alone() {
    let server = TestServer::start().await;
    let token = server.management_token().await;
    let path = format!("/api/v2/clients?access_token={token}");
    assert_eq!(refusal(&server.get(&path).send().await).0, 401);
    let cookie = server.get("/api/v2/clients").header("cookie", &format!("access_token={token}"));
    assert_eq!(refusal(&cookie.send().await).0, 401);
}

#[tokio::test]
async fn what_is_not_there_is_not_there_in_the_envelope() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    for path in ["organizations", "connections/con_1/scim-configuration", "clients/a/b/c"] {
        assert_eq!(refusal(&admin.get(path).await), refused(404, ""), "{path}");
    }
    assert_eq!(refusal(&admin.send(Method::PUT, "clients", None).await), refused(405, ""));
    let paths = [
        ("clients/x", "inexistent_client"),
        ("client-grants/x", "inexistent_client_grant"),
        ("resource-servers/x", "inexistent_resource_server"),
        ("connections/x", "inexistent_connection"),
        ("connections/x/clients", "inexistent_connection"),
        ("users/x", "inexistent_user"),
        ("users/x/connected-accounts", "inexistent_user"),
        ("users/x/federated-connections-tokensets", "inexistent_user"),
        ("logs/x", "inexistent_log_event"),
    ];
    for (path, code) in paths {
        assert_eq!(refusal(&admin.get(path).await), refused(404, code), "{path}");
    }
}

#[tokio::test]
async fn every_answer_tells_the_rate_limit() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let remaining = |answer: &testkit::Answer| -> u32 {
        assert_eq!(answer.header("x-ratelimit-limit"), Some("60000"));
        let reset: i64 = answer.header("x-ratelimit-reset").unwrap().parse().unwrap();
        assert!(reset > server.app().now().as_seconds());
        answer.header("x-ratelimit-remaining").unwrap().parse().unwrap()
    };
    let first = remaining(&admin.get("clients").await.expect(200));
    let refused = remaining(&server.get("/api/v2/clients").send().await.expect(401));
    assert_eq!(refused, first - 1);
}

#[tokio::test]
async fn bodies_are_json_of_the_documented_shape() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let token = server.management_token().await;
    let post = |kind: &str, body: &str| {
        server.management(Method::POST, "clients", &token).body(kind, body).send()
    };
    let json = "application/json";
    for (kind, body, expected) in [
        ("text/plain", "{\"name\": \"x\"}", refused(415, "invalid_body")),
        (json, "{", refused(400, "invalid_body")),
        (json, "[]", refused(400, "invalid_body")),
        (json, "{\"name\": \"x\", \"name\": \"y\"}", refused(400, "invalid_body")),
        (json, "{\"name\": \"x\\u0000\"}", refused(400, "invalid_body")),
    ] {
        assert_eq!(refusal(&post(kind, body).await), expected, "{body}");
    }
    let long = format!("{{\"name\": \"{}\"}}", "x".repeat(2 * 1024 * 1024));
    assert_eq!(refusal(&post(json, &long).await), refused(413, "invalid_body"));

    let answer = admin.post("clients", &json!({"name": "x", "color": "red"})).await;
    assert_eq!(refusal(&answer), refused(400, "invalid_body"));
    assert_eq!(
        answer.json()["message"],
        "Payload validation error: 'Additional properties not allowed: color'."
    );
    let answer = admin.post("clients", &json!({"name": 7})).await;
    assert_eq!(
        answer.json()["message"],
        "Payload validation error: 'Expected type string but found type integer' on property name."
    );
    assert_eq!(server.count_events(LogEventKind::ManagementWrite).await, 0);
}

#[tokio::test]
async fn queries_are_read_strictly() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    for query in ["colour=red", "per_page=x", "per_page=1&per_page=2", "include_totals=yes", "q=x"]
    {
        let answer = admin.get(&format!("clients?{query}")).await;
        assert_eq!(refusal(&answer), refused(400, "invalid_query_string"), "{query}");
    }
    let answer = admin.get("clients?page=20&per_page=100").await;
    assert_eq!(refusal(&answer), refused(400, "invalid_paging"));
    assert_eq!(refusal(&admin.get("clients/%00").await), refused(400, "invalid_uri"));
    assert_eq!(refusal(&admin.get("clients/%ff").await), refused(400, "invalid_uri"));
}

#[tokio::test]
async fn each_change_and_each_refused_one_is_noted() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let client = admin.post("clients", &json!({"name": "Noted"})).await.expect(201);
    let event = server.latest_event(LogEventKind::ManagementWrite).await.detail;
    assert_eq!(event.description.as_deref(), Some("Create a client"));
    assert_eq!(event.client_id.as_deref(), Some(server.seeded().management.client_id.as_str()));
    assert_eq!(event.details["client"]["client_id"], client.json()["client_id"]);

    admin.post("clients", &json!({})).await.expect(400);
    let event = server.latest_event(LogEventKind::ManagementFailed).await.detail;
    assert_eq!(event.details["operation"], "POST /api/v2/clients");
    assert_eq!(event.details["status"], 400);
    assert!(event.description.unwrap().contains("Missing required property: name"));

    // A read that is refused is noted; one of something that is not there changes nothing.
    let before = server.count_events(LogEventKind::ManagementFailed).await;
    admin.get("clients/x").await.expect(404);
    assert_eq!(server.count_events(LogEventKind::ManagementFailed).await, before);
    Admin::with(&server, "read:users").await.get("clients").await.expect(403);
    assert_eq!(server.count_events(LogEventKind::ManagementFailed).await, before + 1);

    // Strangers cannot fill the log.
    server.post("/api/v2/clients").json(&json!({"name": "x"})).send().await.expect(401);
    assert_eq!(server.count_events(LogEventKind::ManagementFailed).await, before + 1);
}

#[tokio::test]
async fn both_hosts_are_one_tenant_with_audiences_of_their_own() {
    let server = TestServer::start().await;
    let second = server.by_second_host();
    let admin = Admin::of(&second).await;
    let audience = second.my_account_audience();
    let id = segment_of(&audience);
    let server_shown = admin.get(&format!("resource-servers/{id}")).await.expect(200).json();
    assert_eq!(server_shown["identifier"], audience);

    // A token is for the host that it was asked for at.
    let elsewhere = Admin::presenting(&server, &second.management_token().await);
    assert_eq!(refusal(&elsewhere.get("clients").await), refused(401, "invalid_token"));
}

fn segment_of(audience: &str) -> String {
    super::segment(audience)
}
