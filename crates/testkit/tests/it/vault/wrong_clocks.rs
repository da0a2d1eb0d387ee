//! Nodes whose clocks are wrong, and nodes that were told of a change a moment ago.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::json;
use testkit::{Front, Login, TestServer};
use tokio::task::JoinSet;

use crate::management::Admin;
use crate::scene::Scene;

const FIVE_MINUTES: i64 = 300;

async fn strict() -> Scene {
    let server = TestServer::start().await;
    let tokens = json!({ "kind": "rotating", "grace_seconds": 0 });
    server.provider().behave(json!({ "refresh_tokens": tokens })).await;
    Scene::of(server, &Login::web()).await
}

/// What all nodes give out when they are asked at once.
async fn given(scene: &Scene, nodes: &[Front]) -> HashSet<String> {
    let mut calls = JoinSet::new();
    for number in 0..30 {
        let call = scene.exchanging();
        let call = match nodes.get(number % (nodes.len() + 1)) {
            Some(node) => call.via(node),
            None => call,
        };
        calls.spawn(call.send());
    }
    let answers = calls.join_all().await;
    answers.into_iter().map(|answer| answer.expect(200).member("access_token")).collect()
}

/// F32: leases are measured by the database's clock, so clocks that are wrong cause no second refresh.
/// A token's end is measured by the node that got it: others are wrong about it by as much as their
/// clocks differ, and by no more.
#[tokio::test]
async fn f32_nodes_whose_clocks_are_wrong_refresh_once() {
    let scene = strict().await;
    let (server, provider) = (&scene.server, scene.server.provider());
    let nodes = [
        server.another_node_ahead(FIVE_MINUTES).await,
        server.another_node_ahead(-FIVE_MINUTES).await,
    ];
    let mut before = given(&scene, &nodes).await;
    assert_eq!((before.len(), provider.refreshes().await), (1, 0));
    for round in 1..=4 {
        // Past the end by every clock.
        server.clock().advance(Duration::from_mins(60 + 2 * 5));
        let now = given(&scene, &nodes).await;
        assert!(now.is_disjoint(&before), "a token that had ended was given out");
        assert_eq!((now.len(), provider.refreshes().await), (1, round));
        before = now;
    }
    // Past the end by the clock that is ahead alone: it renews, and the others give out the new one.
    server.clock().advance(Duration::from_secs(3600 - 200));
    let ahead = scene.exchanging().via(&nodes[0]).send().await.expect(200).member("access_token");
    assert_eq!(given(&scene, &nodes).await, HashSet::from([ahead]));
    assert_eq!(provider.stats().await["total"]["reuse_detected"], 0);
    scene.is_intact().await;
}

/// F42: what was changed by one node holds on another at once.
#[tokio::test]
async fn f42_a_change_on_one_node_holds_on_another_at_once() {
    let scene = strict().await;
    let server = &scene.server;
    let node = server.another_node().await;
    let admin = Admin::of(server).await;
    let connection = admin.get("connections?name=calendar").await.expect(200).json();
    let connection = format!("connections/{}", connection[0]["id"].as_str().unwrap());
    let client = format!("clients/{}", server.seeded().web.client_id);
    let grants = admin.get(&client).await.expect(200).json()["grant_types"].clone();
    let active = |active: bool| json!({ "connected_accounts": { "active": active } });
    let none = json!({ "grant_types": ["client_credentials"] });
    let changes = [
        (&connection, active(false), active(true)),
        (&client, none, json!({ "grant_types": grants })),
    ];
    let exchange = || scene.exchanging().via(&node).send();
    exchange().await.expect(200);
    for round in 0..100 {
        for (path, close, open) in &changes {
            admin.patch(path, close).await.expect(200);
            let answer = exchange().await;
            assert!((400..500).contains(&answer.status), "round {round}, {path}: {answer:?}");
            admin.patch(path, open).await.expect(200);
            exchange().await.expect(200);
        }
    }
}

/// F42: what cannot be undone.
#[tokio::test]
async fn f42_whoever_is_blocked_or_disconnected_on_one_node_is_so_on_another() {
    let scene = strict().await;
    let node = scene.server.another_node().await;
    let exchange = || scene.exchanging().via(&node).send();
    for _ in 0..10 {
        exchange().await.expect(200);
        let account = scene.ada.only_account().await["id"].as_str().unwrap().to_owned();
        let path = format!("/me/v1/connected-accounts/accounts/{account}");
        scene.server.delete(&path).access(&scene.ada.mine).send().await.expect(204);
        exchange().await.expect(401);
        scene.ada.connect(&testkit::Connect::calendar()).await;
    }
    exchange().await.expect(200);
    let admin = Admin::of(&scene.server).await;
    let user = admin.get("users?q=email:ada@strongroom.test").await.expect(200).json();
    let user = format!("users/{}", user[0]["user_id"].as_str().unwrap().replace('|', "%7C"));
    admin.patch(&user, &json!({ "blocked": true })).await.expect(200);
    let answer = exchange().await;
    assert!((400..500).contains(&answer.status), "{answer:?}");
}
