//! A provider that fails: for now, for good, or because of us.

use std::time::Duration;

use model::log_event::LogEventKind;
use serde_json::{Value, json};
use testkit::{Answer, Connect, Login, TestServer};

use crate::management::Admin;
use crate::scene::{FLOW_FAILED, PROVIDER_UNREACHABLE, Refusal, Scene, notes, refuses, says};

const CONNECTION_REJECTED: Refusal = Refusal {
    status: 503,
    error: "temporarily_unavailable",
    description: "The provider does not accept the connection's configuration.",
};

/// After one failure the provider is left alone for no longer.
const BACK_OFF: Duration = Duration::from_secs(8);

const OURS: &str = "the provider refused the connection's own credentials or settings";

/// Every way in which a provider can fail for the moment: the rule, what the log says, and for how
/// many seconds the caller is told to wait.
fn passing_faults() -> Vec<(Value, &'static str, &'static str)> {
    let status =
        |status: u16, body: &str| json!({ "kind": "status", "status": status, "body": body });
    let rule = |effect: Value| json!({ "endpoint": "refresh", "effect": effect });
    let html = "<html>Bad gateway</html>";
    vec![
        (rule(json!({ "kind": "rate_limited", "retry_after": "7" })), "rate_limited", "7"),
        (rule(json!({ "kind": "rate_limited", "retry_after": "soon" })), "rate_limited", "5"),
        (rule(status(500, "")), "http_500", "5"),
        (rule(status(502, html)), "http_502", "5"),
        (rule(status(503, html)), "http_503", "5"),
        (rule(status(408, "")), "http_408", "5"),
        (rule(status(404, html)), "http_404", "5"),
        (rule(status(302, "")), "http_302", "5"),
        (rule(status(200, html)), "unreadable_reply", "5"),
        (rule(status(200, "")), "unreadable_reply", "5"),
        (rule(json!({ "kind": "malformed" })), "unreadable_reply", "5"),
        (rule(json!({ "kind": "edit", "omit": ["access_token"] })), "http_200", "5"),
        (
            rule(json!({ "kind": "edit", "set": { "access_token": "a\nb" } })),
            "malformed_token",
            "5",
        ),
        (rule(json!({ "kind": "bloated", "bytes": 2_000_000 })), "reply_too_large", "5"),
        (rule(json!({ "kind": "drop", "after_commit": false })), "unreachable", "5"),
        (rule(json!({ "kind": "drop", "after_commit": true })), "unreachable", "5"),
        (
            rule(json!({ "kind": "error", "error": "temporarily_unavailable" })),
            "temporarily_unavailable",
            "5",
        ),
        (
            rule(json!({ "kind": "error", "error": "invalid_grant", "status": 500 })),
            "invalid_grant",
            "5",
        ),
        (rule(json!({ "kind": "error", "error": "something_new" })), "something_new", "5"),
    ]
}

/// An exchange that fails although the provider was asked.
async fn fails(scene: &Scene, refusal: Refusal, cause: &str) -> Answer {
    let kind = LogEventKind::VaultExchangeFailed;
    let answer = notes(&scene.server, kind, cause, scene.ada.exchange_calendar()).await;
    says(&answer, refusal);
    answer
}

#[tokio::test]
async fn a_passing_fault_is_told_as_one_and_kills_nobodys_account() {
    let scene = Scene::web().await;
    let (server, provider) = (&scene.server, scene.server.provider());
    for (rule, code, retry_after) in passing_faults() {
        server.clock().advance(Duration::from_hours(1));
        provider.fault(rule.clone()).await;
        let cause = format!("the provider could not be reached: {code}");
        let answer = fails(&scene, PROVIDER_UNREACHABLE, &cause).await;
        assert_eq!(answer.header("retry-after"), Some(retry_after), "{rule}");
        provider.clear_faults().await;
        server.clock().advance(BACK_OFF);
        // Nothing was marked: the next caller succeeds.
        scene.is_intact().await;
    }
}

/// A provider that takes longer than we wait for it.
#[tokio::test]
async fn a_provider_that_does_not_answer_in_time_is_a_passing_fault() {
    let server = TestServer::builder().call_timeout(Duration::from_secs(2)).start().await;
    let scene = Scene::of(server, &Login::web()).await;
    let (server, provider) = (&scene.server, scene.server.provider());
    let token = scene.ada.calendar_token().await;
    for (advance, is_good) in [(3572, true), (28, false)] {
        server.clock().advance(Duration::from_secs(advance));
        provider.fault(json!({ "endpoint": "refresh", "delay_ms": 3000 })).await;
        if is_good {
            assert_eq!(scene.ada.calendar_token().await, token);
        } else {
            let cause = "the provider could not be reached: timeout";
            let answer = fails(&scene, PROVIDER_UNREACHABLE, cause).await;
            assert_eq!(answer.header("retry-after"), Some("5"));
        }
        provider.clear_faults().await;
        server.clock().advance(BACK_OFF);
    }
    scene.is_intact().await;
}

/// While the stored token is good nobody notices that the provider is not.
#[tokio::test]
async fn a_token_that_is_still_good_is_given_out_through_every_fault() {
    let scene = Scene::web().await;
    let (server, provider) = (&scene.server, scene.server.provider());
    let rules = passing_faults().into_iter().map(|(rule, ..)| rule);
    let ours =
        json!({ "endpoint": "refresh", "effect": { "kind": "error", "error": "invalid_client" } });
    for rule in rules.chain([ours]) {
        let token = scene.ada.calendar_token().await;
        // Inside the second half of the margin, and a little before the end.
        let told = scene.ada.exchange_calendar().await.expect(200).json()["expires_in"].clone();
        let left = told.as_u64().unwrap() - 28;
        server.clock().advance(Duration::from_secs(left));
        provider.fault(rule.clone()).await;
        let calls = provider.calls_of("refresh").await;
        let answer = scene.ada.exchange_calendar().await.expect(200);
        assert_eq!(answer.member("access_token"), token, "{rule}");
        let expires_in = answer.json()["expires_in"].as_u64().unwrap();
        assert!((20..=28).contains(&expires_in), "{rule}: {expires_in}");
        assert_eq!(provider.calls_of("refresh").await, calls + 1, "{rule}");
        provider.clear_faults().await;
        server.clock().advance(BACK_OFF);
        assert_ne!(scene.ada.calendar_token().await, token, "{rule}");
    }
}

#[tokio::test]
async fn a_grant_that_is_dead_is_not_asked_for_again_until_it_is_renewed() {
    let scene = Scene::web().await;
    let (server, provider) = (&scene.server, scene.server.provider());
    provider.revoke("ada").await;
    server.clock().advance(Duration::from_hours(1));
    let cause = "the provider refused the refresh token: invalid_grant";
    fails(&scene, FLOW_FAILED, cause).await;
    assert_eq!(provider.calls_of("refresh").await, 1);
    // The vault knows now.
    let cause =
        "the provider's token cannot be renewed: the provider has refused the refresh token";
    for _ in 0..3 {
        refuses(server, FLOW_FAILED, cause, scene.ada.exchange_calendar()).await;
    }
    assert_eq!(provider.calls_of("refresh").await, 1);
    assert_eq!(scene.ada.only_account().await, scene.account);

    let again = scene.ada.connect(&Connect::calendar()).await;
    assert_eq!(again["id"], scene.account["id"]);
    scene.is_intact().await;
    server.clock().advance(Duration::from_hours(1));
    scene.is_intact().await;
    assert_eq!(provider.refreshes().await, 1);
}

/// What the provider refused to one application it may grant to another: with other credentials a dead
/// grant is tried once more.
#[tokio::test]
async fn a_dead_grant_is_tried_again_with_other_credentials() {
    let scene = Scene::web().await;
    let (server, provider) = (&scene.server, scene.server.provider());
    server.clock().advance(Duration::from_hours(1));
    let refused = json!({ "kind": "error", "error": "invalid_grant" });
    provider.fault(json!({ "endpoint": "refresh", "effect": refused })).await;
    scene.ada.exchange_calendar().await.expect(401);
    let admin = Admin::of(server).await;
    let listed = admin.get("connections?name=calendar").await.expect(200).json();
    let connection = &listed[0];
    let path = format!("connections/{}", connection["id"].as_str().unwrap());
    let mut options = connection["options"].clone();
    admin.patch(&path, &json!({ "options": options })).await.expect(200);
    scene.ada.exchange_calendar().await.expect(401);
    assert_eq!(provider.calls_of("refresh").await, 1);
    let secret = options["client_secret"].take();
    options["client_secret"] = json!("another");
    admin.patch(&path, &json!({ "options": options })).await.expect(200);
    fails(&scene, CONNECTION_REJECTED, &format!("{OURS}: invalid_client")).await;
    options["client_secret"] = secret;
    admin.patch(&path, &json!({ "options": options })).await.expect(200);
    scene.is_intact().await;
}

/// A dead grant does not take away what it has given.
#[tokio::test]
async fn a_dead_grants_token_is_given_out_to_its_end() {
    let scene = Scene::web().await;
    let (server, provider) = (&scene.server, scene.server.provider());
    let token = scene.ada.calendar_token().await;
    let told = scene.ada.exchange_calendar().await.expect(200).json()["expires_in"].clone();
    server.clock().advance(Duration::from_secs(told.as_u64().unwrap() - 28));
    let dead = json!({ "kind": "error", "error": "invalid_grant" });
    provider.fault(json!({ "endpoint": "refresh", "effect": dead })).await;
    for _ in 0..3 {
        assert_eq!(scene.ada.calendar_token().await, token);
    }
    assert_eq!(provider.calls_of("refresh").await, 1);
    server.clock().advance(Duration::from_secs(30));
    let cause =
        "the provider's token cannot be renewed: the provider has refused the refresh token";
    refuses(server, FLOW_FAILED, cause, scene.ada.exchange_calendar()).await;
}

/// A reconnect without a refresh token does not bring a dead one back to life.
#[tokio::test]
async fn a_dead_refresh_token_is_not_kept_by_a_reconnect() {
    let scene = Scene::web().await;
    let (server, provider) = (&scene.server, scene.server.provider());
    provider.revoke("ada").await;
    server.clock().advance(Duration::from_hours(1));
    fails(&scene, FLOW_FAILED, "the provider refused the refresh token: invalid_grant").await;
    let edit = json!({ "kind": "edit", "omit": ["refresh_token"] });
    provider.fault(json!({ "endpoint": "code_exchange", "effect": edit })).await;
    scene.ada.connect(&Connect::calendar()).await;
    scene.is_intact().await;
    server.clock().advance(Duration::from_hours(1));
    let cause = "the provider's token cannot be renewed: there is no refresh token";
    refuses(server, crate::scene::NOT_CONNECTED, cause, scene.ada.exchange_calendar()).await;
    assert_eq!(provider.calls_of("refresh").await, 1);
}

/// When the provider does not know us, no person can help: nobody is asked to connect again.
#[tokio::test]
async fn a_provider_that_does_not_know_us_kills_nobodys_account() {
    let scene = Scene::web().await;
    let (server, provider) = (&scene.server, scene.server.provider());
    scene.ada.connect_as("grace").await;
    server.clock().advance(Duration::from_hours(1));
    for (effect, code) in [
        (json!({ "kind": "error", "error": "invalid_client", "status": 401 }), "invalid_client"),
        (json!({ "kind": "error", "error": "unauthorized_client" }), "unauthorized_client"),
        (json!({ "kind": "error", "error": "invalid_scope" }), "invalid_scope"),
        (json!({ "kind": "error", "error": "invalid_request" }), "invalid_request"),
        (json!({ "kind": "error", "error": "what_is_this", "status": 401 }), "what_is_this"),
    ] {
        let rule = json!({ "endpoint": "refresh", "sticky": true, "effect": effect });
        provider.fault(rule).await;
        let cause =
            format!("the provider refused the connection's own credentials or settings: {code}");
        let answer = fails(&scene, CONNECTION_REJECTED, &cause).await;
        assert_eq!(answer.header("retry-after"), Some("60"));
        provider.clear_faults().await;
    }
    for user in ["emulated-ada", "emulated-grace"] {
        let exchange = testkit::Exchange::calendar().login_hint(user);
        scene.ada.exchange(&exchange).await.expect(200);
    }
    assert_eq!(provider.refreshes().await, 2);
}

/// Settings that an operator broke are the operator's to mend; the accounts wait.
#[tokio::test]
async fn broken_settings_of_a_connection_kill_nobodys_account() {
    let scene = Scene::web().await;
    let server = &scene.server;
    server.clock().advance(Duration::from_hours(1));
    let mut before = None;
    crate::support::edit_connection(server, "calendar", |connection| {
        before = Some(connection.clone());
        connection.options.remove("client_id");
    })
    .await;
    let cause =
        "the provider refused the connection's own credentials or settings: connection_settings";
    let answer = fails(&scene, CONNECTION_REJECTED, cause).await;
    assert_eq!(answer.header("retry-after"), Some("60"));
    assert_eq!(server.provider().calls_of("refresh").await, 0);
    let before = before.unwrap();
    crate::support::edit_connection(server, "calendar", |connection| *connection = before).await;
    scene.is_intact().await;
}

/// A provider whose discovery document cannot be read at present is out of reach, not misconfigured.
/// Who has read it before goes on with what it said.
#[tokio::test]
async fn a_discovery_document_that_cannot_be_read_is_a_passing_fault() {
    let scene = Scene::web().await;
    let (server, provider) = (&scene.server, scene.server.provider());
    server.clock().advance(Duration::from_hours(2));
    let down = json!({ "kind": "status", "status": 503 });
    provider.fault(json!({ "endpoint": "discovery", "sticky": true, "effect": down })).await;
    scene.is_intact().await;

    // A node that has just started has read nothing yet.
    server.clock().advance(Duration::from_hours(2));
    let node = server.another_node().await;
    let web = &server.seeded().web;
    let token = scene.ada.mine.refresh_token.as_deref().unwrap();
    let kind = protocol::oauth::exchange::SubjectTokenType::RefreshToken;
    let call = server.exchanging(web, kind, token, &testkit::Exchange::calendar()).via(&node);
    let cause = "the provider could not be reached: discovery";
    let kind = LogEventKind::VaultExchangeFailed;
    let answer = notes(server, kind, cause, call.clone().send()).await;
    says(&answer, PROVIDER_UNREACHABLE);
    provider.clear_faults().await;
    server.clock().advance(Duration::from_secs(10));
    call.send().await.expect(200);
}
