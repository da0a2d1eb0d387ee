//! A provider that hangs is the trouble of its own connection.

use std::time::Duration;

use serde_json::json;
use testkit::{Connect, Emulated, Exchange, Login, Persona, TestServer};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::management::Admin;
use crate::scene::Scene;

/// More accounts than renewals of one connection are under way at once.
const CROWD: usize = 9;
/// No call comes to an end by itself while a test lasts.
const FOR_EVER: Duration = Duration::from_mins(5);

/// Ada with a crowd's calendars, and with Grace's over another connection. All are in use.
async fn crowd() -> Scene {
    let server = TestServer::builder().call_timeout(FOR_EVER).start().await;
    let scene = Scene::of(server, &Login::web()).await;
    let admin = Admin::of(&scene.server).await;
    let calendar = admin.get("connections?name=calendar").await.expect(200).json();
    let body = json!({
        "name": "second", "strategy": "oidc", "options": calendar[0]["options"],
        "connected_accounts": { "active": true },
        "enabled_clients": [scene.server.seeded().web.client_id],
    });
    admin.post("connections", &body).await.expect(201);
    for number in 0..CROWD {
        scene.ada.connect_as(&format!("crowd-{number}")).await;
        scene.ada.exchange(&of_crowd(number)).await.expect(200);
    }
    let grace = Persona { provider_user: "grace".to_owned(), ..scene.ada.persona.clone() };
    let connect = Connect { connection: "second".to_owned(), ..Connect::calendar() };
    let connect = connect.by_person(grace);
    let browser = scene.server.browser();
    scene.server.connect_account(&browser, &scene.ada.mine, &connect).await;
    scene.ada.exchange(&second()).await.expect(200);
    scene
}

fn of_crowd(number: usize) -> Exchange {
    Exchange::calendar().login_hint(&Emulated::subject_of(&format!("crowd-{number}")))
}

fn second() -> Exchange {
    Exchange { connection: "second".to_owned(), ..Exchange::calendar() }
}

async fn hang_for_the_crowd(scene: &Scene) {
    for number in 0..CROWD {
        let user = format!("crowd-{number}");
        let delay_ms = FOR_EVER.as_millis();
        let rule =
            json!({ "endpoint": "refresh", "user": user, "sticky": true, "delay_ms": delay_ms });
        scene.server.provider().fault(rule).await;
    }
}

async fn tokens_of_grace(scene: &Scene) -> usize {
    let tokens = scene.server.provider().tokens().await;
    tokens.iter().filter(|token| token["sub"] == Emulated::subject_of("grace")).count()
}

#[tokio::test]
async fn f25_callers_of_another_connection_do_not_wait_for_a_provider_that_hangs() {
    let scene = crowd().await;
    let provider = scene.server.provider();
    scene.server.clock().advance(Duration::from_hours(1));
    hang_for_the_crowd(&scene).await;
    let web = &scene.server.seeded().web;
    let token = scene.ada.mine.refresh_token.as_deref().unwrap();
    let kind = protocol::oauth::exchange::SubjectTokenType::RefreshToken;
    let mut hanging = JoinSet::new();
    for caller in 0..200 {
        let call = scene.server.exchanging(web, kind, token, &of_crowd(caller % CROWD));
        hanging.spawn(call.send());
    }
    while provider.calls_of("refresh").await < CROWD as u64 {
        sleep(Duration::from_millis(20)).await;
    }
    let before = tokens_of_grace(&scene).await;
    for _ in 0..3 {
        scene.ada.exchange(&second()).await.expect(200);
        scene.server.clock().advance(Duration::from_hours(1));
    }
    assert!(tokens_of_grace(&scene).await >= before + 3);
    assert!(hanging.try_join_next().is_none());
}

#[tokio::test]
async fn f25_a_provider_that_hangs_keeps_no_other_tokenset_from_being_kept_warm() {
    let scene = crowd().await;
    let told = scene.ada.exchange(&second()).await.expect(200).json()["expires_in"].as_u64();
    scene.server.clock().advance(Duration::from_secs(told.unwrap() - 20));
    hang_for_the_crowd(&scene).await;
    let before = tokens_of_grace(&scene).await;
    let grace_is_renewed = async {
        while tokens_of_grace(&scene).await == before {
            sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        _ = scene.server.renew_due() => panic!("the crowd's provider answers"),
        () = grace_is_renewed => {}
        () = sleep(Duration::from_secs(30)) => panic!("Grace waits for the crowd"),
    }
}
