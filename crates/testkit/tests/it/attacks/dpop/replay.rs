//! A50: a proof is used once, wherever and by however many at the same moment.

use std::time::Duration;

use engine::clock::Clock;
use model::log_event::LogEventKind;
use serde_json::json;
use testkit::{Call, Engine, Login, TestServer, Tokens};

use crate::checks::{noted, refused};
use crate::forge::Forger;
use crate::steps::{AT_ONCE, at_once, refresh_token, token_request};

fn refreshing(server: &TestServer, tokens: &Tokens, proof: &str) -> Call {
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token(tokens))];
    token_request(server, &fields).basic(&server.seeded().web).header("dpop", proof)
}

#[tokio::test]
async fn a50_a_proof_is_accepted_once() {
    let server = TestServer::start().await;
    let tokens = server.log_in(&server.browser(), &Login::web()).await;
    let url = server.url("/oauth/token");
    let (forger, another) = (Forger::new(), Forger::new());
    // From a clock that runs ahead, so that it stays acceptable for as long as can be.
    let ahead = json!(server.clock().now().as_seconds() + 60);
    let named = |forger: &Forger| {
        forger.proof(&server, ("POST", &url), |_, claims| {
            claims["iat"] = ahead.clone();
            claims["jti"] = json!("the same");
        })
    };
    let proof = named(&forger);
    refreshing(&server, &tokens, &proof).send().await.expect(200);
    for wait in [0, 60, 59] {
        server.clock().advance(Duration::from_secs(wait));
        // The same bytes, and the same name under a fresh signature.
        for again in [&proof, &named(&forger)] {
            let answer = refreshing(&server, &tokens, again).send().await;
            refused(&answer, 400, "invalid_dpop_proof", "The proof was used before.");
            let cause = "the proof was used before";
            noted(&server, LogEventKind::RefreshExchangeFailed, cause).await;
        }
    }
    server.clock().advance(Duration::from_secs(2));
    let answer = refreshing(&server, &tokens, &proof).send().await;
    refused(&answer, 400, "invalid_dpop_proof", "The proof is not of this minute.");
    // A name belongs to a key.
    let fresh =
        another.proof(&server, ("POST", &url), |_, claims| claims["jti"] = json!("the same"));
    refreshing(&server, &tokens, &fresh).send().await.expect(200);
}

#[tokio::test]
async fn a50_of_a_hundred_with_one_proof_one_is_let_through() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let tokens = server.log_in(&server.browser(), &Login::web()).await;
        let forger = Forger::new();
        let proof = forger.proof(&server, ("POST", &server.url("/oauth/token")), |_, _| ());
        let answers = at_once(&server, &refreshing(&server, &tokens, &proof)).await;
        let (granted, others): (Vec<_>, Vec<_>) = answers.iter().partition(|it| it.status == 200);
        assert_eq!(granted.len(), 1, "{engine:?}");
        for other in others {
            refused(other, 400, "invalid_dpop_proof", "The proof was used before.");
        }
        let failures = server.count_events(LogEventKind::RefreshExchangeFailed).await;
        assert_eq!(failures, AT_ONCE - 1, "{engine:?}");
    }
}

/// What one tenant has seen is nothing to another: the URLs differ anyway.
#[tokio::test]
async fn a50_a_proof_for_one_tenant_is_none_for_another() {
    let server = TestServer::start().await;
    let other = server.other_tenant().await;
    let tokens = other.log_in(&other.browser(), &Login::web()).await;
    let forger = Forger::new();
    let proof = forger.proof(&server, ("POST", &server.url("/oauth/token")), |_, _| ());
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token(&tokens))];
    let call = other.post("/oauth/token").form(&fields).basic(&other.seeded().web);
    let answer = call.header("dpop", &proof).send().await;
    refused(&answer, 400, "invalid_dpop_proof", "The proof is for another URL.");
}
