//! A80: clients that may have less than the account has. Where the provider makes tokens with fewer
//! scopes they get such a one, made for each answer; the stored one is never theirs, and stays.

use std::collections::HashSet;
use std::time::Duration;

use model::log_event::LogEventKind;
use protocol::oauth::exchange::SubjectTokenType;
use serde_json::{Value, json};
use testkit::{Answer, Call, Connect, Engine, Exchange, Login, TestServer};

use crate::checks::noted;
use crate::management::Admin;
use crate::scene::{LoggedIn, Scene, add_connection};
use crate::vault::explain::ask;

const ALL: &str = "account_info.read files.content.read files.metadata.read";
const FEW: &str = "files.metadata.read";

/// Ada with her Dropbox connected, whose refresh tokens are good for one use, and an application that
/// may have the names of her files alone.
struct Limited {
    scene: Scene,
}

impl Limited {
    async fn new(engine: Engine) -> Self {
        let server = TestServer::builder().engine(engine).start().await;
        let tokens = json!({ "kind": "rotating", "grace_seconds": 0 });
        server.provider().behave_as("dropbox", json!({ "refresh_tokens": tokens })).await;
        let scene = Scene::of(server, &Login::web()).await;
        add_connection(
            &scene.server,
            "dropbox",
            "dropbox",
            json!({ "scope": ALL, "offline_access": true }),
        )
        .await;
        let connect = Connect { connection: "dropbox".to_owned(), scopes: None, persona: None };
        scene.ada.connect(&connect).await;
        let this = Self { scene };
        this.limit_to(json!([FEW])).await;
        this
    }

    async fn limit_to(&self, scopes: Value) {
        let server = &self.scene.server;
        let path = format!("clients/{}", server.seeded().web.client_id);
        let grants = json!([{ "connection": "dropbox", "scopes": scopes }]);
        let change = json!({ "token_vault_policy": { "grants": grants } });
        Admin::of(server).await.patch(&path, &change).await.expect(200);
    }

    /// The limited application's exchange.
    fn asking(&self) -> Call {
        let server = &self.scene.server;
        let token = self.scene.ada.mine.refresh_token.as_deref().unwrap();
        let kind = SubjectTokenType::RefreshToken;
        server.exchanging(&server.seeded().web, kind, token, &dropbox())
    }

    /// The token of an application without limits.
    async fn stored(&self) -> String {
        let spa = LoggedIn::of(&self.scene.server, &Login::spa()).await;
        let answer = spa.exchange(&dropbox()).await.expect(200);
        assert_eq!(scopes_of(&answer), set(ALL));
        answer.member("access_token")
    }

    async fn refreshes(&self) -> u64 {
        self.scene.server.provider().refreshes().await
    }

    /// The provider was asked, and nothing comes of it.
    async fn is_refused(&self) {
        let calls = self.scene.server.provider().calls_of("refresh").await;
        let answer = self.asking().send().await;
        assert_eq!(answer.error(), (403, "insufficient_scope".to_owned()), "{answer:?}");
        assert!(!answer.text().contains("access_token"), "{answer:?}");
        let cause = "the tokens of the account also have the scopes: account_info.read \
                     files.content.read";
        noted(&self.scene.server, LogEventKind::VaultExchangeFailed, cause).await;
        assert_eq!(self.scene.server.provider().calls_of("refresh").await, calls + 1);
    }

    /// The stored token ends, and the grant behind it is as good as ever.
    async fn is_intact(&self) {
        let before = self.stored().await;
        self.scene.server.clock().advance(Duration::from_hours(4));
        assert_ne!(self.stored().await, before);
        let total = self.scene.server.provider().stats().await["total"].clone();
        assert_eq!(total["reuse_detected"], json!(0));
    }
}

fn dropbox() -> Exchange {
    Exchange { connection: "dropbox".to_owned(), ..Exchange::calendar() }
}

fn set(scopes: &str) -> HashSet<String> {
    scopes.split(' ').map(str::to_owned).collect()
}

fn scopes_of(answer: &Answer) -> HashSet<String> {
    set(&answer.member("scope"))
}

#[tokio::test]
async fn a80_a_narrower_token_is_made_for_each_answer_and_kept_nowhere() {
    for engine in Engine::available() {
        let limited = Limited::new(engine).await;
        let stored = limited.stored().await;
        let mut given = HashSet::from([stored.clone()]);
        for made in 1..=3 {
            let answer = limited.asking().send().await.expect(200);
            assert_eq!(scopes_of(&answer), set(FEW));
            let left = answer.json()["expires_in"].as_u64().unwrap();
            assert!((14_000..=14_400).contains(&left), "{left}");
            assert!(given.insert(answer.member("access_token")), "{engine:?}: given before");
            assert_eq!(limited.refreshes().await, made);
            assert_eq!(limited.stored().await, stored, "the stored token is another");
        }
        limited.is_intact().await;
    }
}

/// The refresh tokens are good for one use, and the stored token has ended: whoever comes waits for
/// whoever is there, and everybody gets their own.
#[tokio::test]
async fn a80_limited_and_other_callers_at_once_on_two_nodes() {
    for engine in Engine::available() {
        let limited = Limited::new(engine).await;
        let server = &limited.scene.server;
        let other = server.another_node().await;
        let old = limited.stored().await;
        server.clock().advance(Duration::from_hours(4));
        let spa = LoggedIn::of(server, &Login::spa()).await;
        let token = spa.tokens.access_token.clone();
        let delay = json!({ "endpoint": "refresh", "answer_delay_ms": 50, "sticky": true });
        server.provider().fault(delay).await;

        let api = &server.seeded().api;
        let full = server.exchanging(api, SubjectTokenType::AccessToken, &token, &dropbox());
        let calls = (0..12).map(|number| {
            let call = if number % 3 == 0 { full.clone() } else { limited.asking() };
            let call = if number % 2 == 0 { call } else { call.via(&other) };
            (number % 3 == 0, tokio::spawn(call.send()))
        });
        let (mut wide, mut narrow) = (HashSet::new(), HashSet::new());
        for (is_full, call) in calls.collect::<Vec<_>>() {
            let answer = call.await.unwrap().expect(200);
            let (scopes, given) = if is_full { (ALL, &mut wide) } else { (FEW, &mut narrow) };
            assert_eq!(scopes_of(&answer), set(scopes), "{engine:?}");
            given.insert(answer.member("access_token"));
        }
        assert_eq!((wide.len(), narrow.len()), (1, 8), "{engine:?}");
        assert!(wide.is_disjoint(&narrow) && !wide.contains(&old));
        assert_eq!(limited.refreshes().await, 9, "{engine:?}");
        server.provider().clear_faults().await;
        limited.is_intact().await;
    }
}

/// What the provider gave is not given on, and its next refresh token is kept all the same.
#[tokio::test]
async fn a80_a_provider_that_gives_more_than_was_asked_for() {
    for engine in Engine::available() {
        let limited = Limited::new(engine).await;
        let server = &limited.scene.server;
        let stored = limited.stored().await;
        let wider = json!({
            "endpoint": "refresh", "effect": { "kind": "edit", "set": { "scope": ALL } },
        });
        server.provider().fault(wider).await;
        limited.is_refused().await;
        assert_eq!(limited.stored().await, stored);
        limited.is_intact().await;
    }
}

#[tokio::test]
async fn an_explanation_supposes_that_the_provider_narrows() {
    let limited = Limited::new(Engine::Sqlite).await;
    let server = &limited.scene.server;
    let ada = server.claims_of(&limited.scene.ada.mine.access_token)["sub"].clone();
    let client_id = &server.seeded().web.client_id;
    let question = json!({ "client_id": client_id, "user_id": ada, "connection": "dropbox" });
    let answer = ask(server, &question).await.expect(200).json();
    assert_eq!(answer["allowed"], true, "{answer}");
    let checks = answer["checks"].as_array().unwrap();
    let outcome = |name: &str| &checks.iter().find(|row| row["check"] == name).unwrap()["outcome"];
    assert_eq!(
        (outcome("no_broader_token"), outcome("provider")),
        (&json!("passed"), &json!("supposed"))
    );
    assert_eq!(server.provider().calls_of("refresh").await, 0);
}

#[tokio::test]
async fn a80_a_provider_that_gives_no_such_token() {
    let limited = Limited::new(Engine::Sqlite).await;
    let server = &limited.scene.server;
    let refused = json!({
        "endpoint": "refresh", "effect": { "kind": "error", "error": "invalid_scope" },
    });
    server.provider().fault(refused).await;
    limited.is_refused().await;

    // To ask for nothing would be to ask for all.
    let calls = server.provider().calls_of("refresh").await;
    limited.limit_to(json!(["files.content.write"])).await;
    assert_eq!(limited.asking().send().await.error().1, "insufficient_scope");
    assert_eq!(server.provider().calls_of("refresh").await, calls);
    limited.is_intact().await;
}

/// A grant that the provider has ended is told as such, and the stored token serves who may have it.
#[tokio::test]
async fn a_grant_that_ended_gives_no_narrower_token() {
    let limited = Limited::new(Engine::Sqlite).await;
    let server = &limited.scene.server;
    let stored = limited.stored().await;
    let ended = json!({
        "endpoint": "refresh", "effect": { "kind": "error", "error": "invalid_grant" },
    });
    server.provider().fault(ended).await;
    for _ in 0..2 {
        let answer = limited.asking().send().await.expect(401).json();
        assert!(answer["reconnect_uri"].is_string(), "{answer}");
    }
    assert_eq!(server.provider().calls_of("refresh").await, 1);
    assert_eq!(limited.stored().await, stored);
}

/// The database goes away while the provider makes the token: the next refresh token is kept aside, and
/// nobody is given anything.
#[tokio::test]
async fn a_narrower_token_costs_no_grant_when_the_database_goes_away() {
    let limited = Limited::new(Engine::Sqlite).await;
    let server = &limited.scene.server;
    let provider = server.provider();
    let slow = json!({ "endpoint": "refresh", "answer_delay_ms": 500 });
    provider.fault(slow).await;
    let caller = tokio::spawn(limited.asking().send());
    while limited.refreshes().await == 0 {
        tokio::task::yield_now().await;
    }
    let lock = server.lock_database().await;
    assert_eq!(caller.await.unwrap().status, 503);
    drop(lock);
    limited.is_intact().await;
}
