//! Limits that a client's owner sets, and who is told to have acted.

use std::time::Duration;

use model::log_event::LogEventKind;
use protocol::oauth::exchange::SubjectTokenType;
use serde_json::{Value, json};
use testkit::{Answer, Engine, Login, TestServer};

use crate::management::{Admin, refusal, refused};
use crate::scene::{LoggedIn, Refusal, Scene, exchange_with, refuses};

/// Sets limits as an administrator does.
async fn limit(server: &TestServer, policy: Value) {
    let path = format!("clients/{}", server.seeded().web.client_id);
    let change = json!({ "token_vault_policy": policy });
    let changed = Admin::of(server).await.patch(&path, &change).await.expect(200).json();
    assert_eq!(changed["token_vault_policy"], policy);
}

const USED_UP: Refusal = Refusal {
    status: 429,
    error: "too_many_requests",
    description: "The client has used up its exchanges.",
};

#[tokio::test]
async fn a85_budgets_hold_on_all_nodes_and_come_again() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let scene = Scene::of(server, &Login::web()).await;
        let server = &scene.server;
        let other = server.another_node().await;
        let budget = json!({"client": {"exchanges": 3, "seconds": 60}});
        limit(server, json!({ "budgets": budget })).await;
        let calls: Vec<_> = (0..12)
            .map(|number| {
                let call = scene.exchanging();
                let call = if number % 2 == 0 { call } else { call.via(&other) };
                tokio::spawn(call.send())
            })
            .collect();
        let mut given = 0;
        for call in calls {
            given += u32::from(call.await.unwrap().status == 200);
        }
        assert_eq!(given, 3, "{engine:?}");
        let cause = "the budget of 3 exchanges in 60 s of the client is used up";
        let answer = refuses(server, USED_UP, cause, scene.exchanging().send()).await;
        let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
        server.clock().advance(Duration::from_secs(wait));
        scene.is_intact().await;
    }
}

/// What a person's own budget refuses is not taken out of everybody's.
#[tokio::test]
async fn a85_one_person_does_not_use_up_everybodys_budget() {
    let scene = Scene::web().await;
    let server = &scene.server;
    let budgets = json!({
        "user": {"exchanges": 1, "seconds": 3600}, "client": {"exchanges": 3, "seconds": 3600},
    });
    limit(server, json!({ "budgets": budgets })).await;
    scene.ada.exchange_calendar().await.expect(200);
    for _ in 0..5 {
        assert_eq!(scene.ada.exchange_calendar().await.status, 429);
    }
    let grace = LoggedIn::of(server, &Login::web().by_person(server.grace())).await;
    assert_eq!(grace.exchange_calendar().await.error().0, 401, "nothing connected, in the budget");
}

/// A80: a renewal may bring other scopes than the account had when the exchange was allowed.
#[tokio::test]
async fn a80_scopes_are_checked_again_when_a_renewal_brings_others() {
    for (granted, wanted, error) in [
        (
            "openid profile email offline_access read:calendar write:calendar",
            None,
            "insufficient_scope",
        ),
        ("openid profile email offline_access", Some("read:calendar"), "insufficient_scope"),
    ] {
        let scene = Scene::web().await;
        let server = &scene.server;
        let scopes: Vec<_> = scene.account["scopes"].as_array().unwrap().clone();
        let grants = json!([{"connection": "calendar", "scopes": scopes}]);
        limit(server, json!({ "grants": grants })).await;
        server.clock().advance(Duration::from_hours(1));
        let edit = json!({ "kind": "edit", "set": { "scope": granted } });
        server.provider().fault(json!({ "endpoint": "refresh", "effect": edit })).await;
        let exchange =
            testkit::Exchange { scope: wanted.map(str::to_owned), ..testkit::Exchange::calendar() };
        let answer = scene.ada.exchange(&exchange).await;
        assert_eq!(answer.error(), (403, error.to_owned()), "{granted}: {answer:?}");
        assert!(!answer.text().contains("access_token"), "{answer:?}");
    }
}

/// Whoever could lift the limits of a client, or its own, would have none.
#[tokio::test]
async fn a122_limits_are_not_lifted_by_whoever_may_change_a_client() {
    let server = TestServer::start().await;
    let path = format!("clients/{}", server.seeded().web.client_id);
    limit(&server, json!({ "grants": [] })).await;
    let lesser = Admin::with(&server, "update:clients update:client_keys").await;
    let off = json!({ "token_vault_policy": null });
    assert_eq!(refusal(&lesser.patch(&path, &off).await), refused(403, "insufficient_scope"));
    lesser.patch(&path, &json!({ "name": "Another name" })).await.expect(200);
}

/// One person's use leaves another's budget alone, and one client's another's.
#[tokio::test]
async fn a85_budgets_are_of_one_client_and_of_one_person() {
    let scene = Scene::web().await;
    let server = &scene.server;
    let budget = json!({"user": {"exchanges": 1, "seconds": 3600}});
    limit(server, json!({ "budgets": budget })).await;
    scene.ada.exchange_calendar().await.expect(200);
    let cause = "the budget of 1 exchanges in 3600 s for the user is used up";
    refuses(server, USED_UP, cause, scene.ada.exchange_calendar()).await;

    let grace = LoggedIn::of(server, &Login::web().by_person(server.grace())).await;
    let answer = grace.exchange_calendar().await;
    assert_eq!(answer.error().0, 401, "nothing connected, but not too often: {answer:?}");
    let spa = LoggedIn::of(server, &Login::spa()).await;
    spa.calendar_token().await;
}

#[tokio::test]
async fn limits_are_for_any_client_and_off_unless_set() {
    let scene = Scene::web().await;
    let server = &scene.server;
    let denied =
        |description: &'static str| Refusal { status: 403, error: "access_denied", description };
    for (policy, refusal, cause) in [
        (
            json!({"ip_allowlist": ["192.0.2.0/24"]}),
            denied("The client may not ask from this address."),
            "the client may not ask from 127.0.0.1",
        ),
        (
            json!({"hours": []}),
            denied("The client may not ask at this time."),
            "the client may not ask at this time",
        ),
        (
            json!({"grants": [{"connection": "other", "scopes": ["read:calendar"]}]}),
            denied("The client may not have tokens of this connection."),
            "the client's grants do not name the connection",
        ),
    ] {
        limit(server, policy).await;
        refuses(server, refusal, cause, scene.ada.exchange_calendar()).await;
    }
    let path = format!("clients/{}", server.seeded().web.client_id);
    let off = json!({ "token_vault_policy": null });
    Admin::of(server).await.patch(&path, &off).await.expect(200);
    scene.is_intact().await;
}

#[tokio::test]
async fn limits_that_make_no_sense_are_refused() {
    let server = TestServer::start().await;
    let path = format!("clients/{}", server.seeded().web.client_id);
    let admin = Admin::of(&server).await;
    let hours = |from: &str, to: &str, zone: &str| json!({"hours": [{"days": ["mon"], "from": from, "to": to, "time_zone": zone}]});
    for policy in [
        json!([]),
        json!({"unknown": 1}),
        json!({"ip_allowlist": ["nowhere"]}),
        json!({"grants": [{"connection": "c"}]}),
        json!({"grants": [{"connection": "c", "scopes": ["\u{e9}"]}]}),
        hours("25:00", "26:00", "UTC"),
        hours("08:00", "08:00", "UTC"),
        hours("08:00", "18:00", "Europe/Atlantis"),
        json!({"hours": [{"days": ["someday"], "from": "08:00", "to": "09:00"}]}),
        json!({"budgets": {"client": {"exchanges": -1, "seconds": 60}}}),
        json!({"budgets": {"client": {"exchanges": 1, "seconds": 0}}}),
        json!({"budgets": {"everybody": {"exchanges": 1, "seconds": 60}}}),
    ] {
        let change = json!({ "token_vault_policy": policy });
        let answer = admin.patch(&path, &change).await;
        assert_eq!(refusal(&answer), refused(400, "invalid_body"), "{change}");
    }
    let good = hours("22:00", "06:00", "America/New_York");
    let change = json!({ "token_vault_policy": good });
    let shown = admin.patch(&path, &change).await.expect(200).json();
    assert_eq!(shown["token_vault_policy"], good);
}

async fn exchange_saying(scene: &Scene, notes: &[(&str, &str)]) -> Answer {
    let token = scene.ada.mine.refresh_token.as_deref().unwrap();
    let subject = (SubjectTokenType::RefreshToken.as_str(), token);
    exchange_with(&scene.server, &scene.server.seeded().web, subject, notes).send().await
}

/// Which agent of the client asked, and for what, stands in the event of the exchange, whatever became
/// of it.
#[tokio::test]
async fn an_agent_and_its_purpose_stand_in_the_log() {
    let scene = Scene::web().await;
    let server = &scene.server;
    let said = [("agent_id", "planner-7"), ("purpose", "find a slot\r\nfor Monday")];
    exchange_saying(&scene, &said).await.expect(200);
    let details = server.latest_event(LogEventKind::VaultExchange).await.detail.details;
    assert_eq!(details["agent_id"], "planner-7");
    assert_eq!(details["purpose"], "find a slotfor Monday");

    let wrong = [said[0], said[1], ("connection", "nowhere")];
    assert_eq!(exchange_saying(&scene, &wrong).await.status, 401);
    let event = server.latest_event(LogEventKind::VaultExchangeFailed).await;
    assert_eq!(event.detail.details["agent_id"], "planner-7");
    assert_eq!(event.detail.details["failed_check"], "connection");
    let ada = server.seeded().people[0].user_id.as_str();
    assert_eq!(event.detail.user_id.as_deref(), Some(ada));

    let long = "x".repeat(257);
    assert_eq!(exchange_saying(&scene, &[("purpose", &long)]).await.status, 400);
}
