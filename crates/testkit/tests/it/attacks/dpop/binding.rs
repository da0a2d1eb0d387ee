//! A55, A56: a bound token or code is worth nothing without its key, and an unbound token is not
//! dressed up as a bound one.

use model::log_event::LogEventKind;
use protocol::dpop::access_token_hash;
use serde_json::json;
use testkit::{Answer, Attempt, Call, DpopKey, Login, TestServer, Tokens};

use crate::checks::{events, noted, refused};
use crate::forge::Forger;
use crate::steps::{code, logged_in, refresh_spa};
use crate::support::count;

const ACCOUNTS: &str = "/me/v1/connected-accounts/accounts";
const CONNECT: &str = "/me/v1/connected-accounts/connect";
const CONNECTS: &str = "SELECT COUNT(*) AS n FROM connect_transactions";

struct Bound {
    server: TestServer,
    key: DpopKey,
    /// For My Account and `/userinfo`.
    tokens: Tokens,
}

impl Bound {
    async fn start() -> Self {
        let server = TestServer::start().await;
        let key = server.dpop_key();
        let tokens = server.log_in(&server.browser(), &Login::spa().bound_to(&key)).await;
        let tokens = server.my_account_tokens(&tokens).await;
        assert_eq!(tokens.token_type, "DPoP");
        Self { server, key, tokens }
    }

    /// The three places that take the token: to read, to say who one is, to change something.
    fn calls(&self) -> [Call; 3] {
        let body =
            json!({ "connection": "calendar", "redirect_uri": "http://localhost:1/callback" });
        [
            self.server.get(ACCOUNTS),
            self.server.get("/userinfo"),
            self.server.post(CONNECT).json(&body),
        ]
    }

    /// The same three, with the token under a scheme and with a proof for each.
    fn with(&self, scheme: &str, proof: impl Fn(&str, &str) -> Option<String>) -> Vec<Call> {
        let value = format!("{scheme} {}", self.tokens.access_token);
        let targets = [("GET", ACCOUNTS), ("GET", "/userinfo"), ("POST", CONNECT)];
        let with_target = self.calls().into_iter().zip(targets);
        with_target
            .map(|(call, (method, path))| {
                let call = call.header("authorization", &value);
                match proof(method, path) {
                    Some(proof) => call.header("dpop", &proof),
                    None => call,
                }
            })
            .collect()
    }

    /// A proof by the right key with these claims changed. The nonce is the newest.
    fn proof(&self, method: &str, path: &str, token: Option<&str>) -> String {
        self.key.proof(method, &self.server.url(path), token)
    }
}

#[track_caller]
fn is_refused(answer: &Answer, what: &str, challenge: &str) {
    assert_eq!(answer.status, 401, "{what} {answer:?}");
    let told = answer.header("www-authenticate").unwrap();
    assert!(told.starts_with(challenge), "{what} {told}");
}

#[tokio::test]
async fn a55_a_bound_token_is_used_with_a_proof_of_its_key() {
    let bound = Bound::start().await;
    let token = Some(bound.tokens.access_token.as_str());
    // The newest nonce, so that nothing is refused for want of one.
    bound.server.get(ACCOUNTS).access(&bound.tokens).send().await.expect(200);
    let (stranger, other_token) = (Forger::new(), "another token");
    let nonce = bound.key.nonce(&bound.server.url("/")).unwrap();
    let by_stranger = |method: &str, path: &str| {
        Some(stranger.proof(&bound.server, (method, &bound.server.url(path)), |_, claims| {
            claims["ath"] = json!(access_token_hash(&bound.tokens.access_token));
            claims["nonce"] = json!(nonce);
        }))
    };
    let before = (events(&bound.server).await, count(&bound.server, CONNECTS).await);
    for (what, challenge, calls) in [
        ("no proof", "DPoP error=\"", bound.with("DPoP", |_, _| None)),
        ("as a bearer", "Bearer error=\"invalid_token\"", bound.with("Bearer", |_, _| None)),
        (
            "as a bearer with a proof",
            "Bearer error=\"invalid_token\"",
            bound.with("Bearer", |method, path| Some(bound.proof(method, path, token))),
        ),
        (
            "without ath",
            "DPoP error=\"",
            bound.with("DPoP", |method, path| Some(bound.proof(method, path, None))),
        ),
        (
            "for another token",
            "DPoP error=\"",
            bound.with("DPoP", |method, path| Some(bound.proof(method, path, Some(other_token)))),
        ),
        ("by another key", "DPoP error=\"", bound.with("DPoP", by_stranger)),
        (
            "for another method",
            "DPoP error=\"",
            bound.with("DPoP", |_, path| Some(bound.proof("DELETE", path, token))),
        ),
        (
            "for another path",
            "DPoP error=\"",
            bound.with("DPoP", |method, _| Some(bound.proof(method, "/me/v1/other", token))),
        ),
    ] {
        for call in calls {
            is_refused(&call.send().await, what, challenge);
        }
    }
    // Of those that would have changed something, what is wrong with the token is noted; a proof that
    // is none stops before it.
    let noted = bound.server.count_events(LogEventKind::AccountConnectFailed).await;
    assert_eq!(noted, 4);
    let after = (events(&bound.server).await - noted, count(&bound.server, CONNECTS).await);
    assert_eq!(after, before);
    for call in bound.calls() {
        let answer = call.access(&bound.tokens).send().await;
        assert!(answer.status < 300, "{answer:?}");
    }
}

#[tokio::test]
async fn a55_an_unbound_token_is_a_bearer_token() {
    let server = TestServer::start().await;
    let tokens = server.log_in(&server.browser(), &Login::spa()).await;
    let tokens = server.my_account_tokens(&tokens).await;
    assert_eq!(tokens.token_type, "Bearer");
    let key = server.dpop_key();
    for path in [ACCOUNTS, "/userinfo"] {
        let call =
            server.get(path).header("authorization", &format!("DPoP {}", tokens.access_token));
        call.clone().send().await.expect(401);
        let dressed_up = Tokens { key: Some(key.clone()), ..tokens.clone() };
        let answer = server.get(path).access(&dressed_up).send().await;
        is_refused(&answer, path, "DPoP error=\"invalid_token\"");
        server.get(path).bearer(&tokens.access_token).send().await.expect(200);
    }
}

#[tokio::test]
async fn a56_a_code_is_bound_to_the_key_that_was_announced() {
    let server = TestServer::start().await;
    let browser = logged_in(&server).await;
    let (key, other) = (server.dpop_key(), server.dpop_key());
    for login in [Login::spa(), Login::web()] {
        for wrong in [Some(other.clone()), None] {
            let (attempt, code) = code(&server, &browser, &login.clone().bound_to(&key)).await;
            let stolen = Attempt { key: wrong, ..attempt.clone() };
            let answer = server.redeem(&stolen, &code).send().await;
            refused(&answer, 403, "invalid_grant", "Invalid authorization code");
            let cause = "the proof is not by the key that the authorization request named";
            noted(&server, LogEventKind::CodeExchangeFailed, cause).await;
            // It is burnt, for its owner too.
            let answer = server.redeem(&attempt, &code).send().await;
            refused(&answer, 403, "invalid_grant", "Invalid authorization code");
            let cause = "the code was redeemed before; what it gave is revoked";
            noted(&server, LogEventKind::CodeExchangeFailed, cause).await;
        }
        let (attempt, code) = code(&server, &browser, &login.bound_to(&key)).await;
        let answer = server.redeem(&attempt, &code).send().await.expect(200);
        let claims = server.claims_of(&answer.member("access_token"));
        assert_eq!(claims["cnf"]["jkt"], key.thumbprint());
    }
}

/// A key that nobody announced binds what follows from then on.
#[tokio::test]
async fn a56_the_first_proof_binds_the_refresh_token() {
    let server = TestServer::start().await;
    let browser = logged_in(&server).await;
    let key = server.dpop_key();
    let (attempt, code) = code(&server, &browser, &Login::spa()).await;
    let bound = Attempt { key: Some(key), ..attempt };
    let answer = server.redeem(&bound, &code).send().await.expect(200);
    let answer = refresh_spa(&server, &answer.member("refresh_token")).await;
    let description = "The refresh token is bound to a key; send a DPoP proof by that key.";
    refused(&answer, 400, "invalid_dpop_proof", description);
}
