//! A54: public clients, and whoever comes to My Account, answer our nonce: a proof that was made in
//! advance is worth nothing.

use std::time::Duration;

use serde_json::json;
use testkit::{Answer, Application, Attempt, Login, Tenant, TestServer, Tokens};
use url::Url;

use crate::checks::{events, is_token_answer};
use crate::forge::Forger;
use crate::steps::{code, logged_in, refresh_token, refreshing_as};

const ORIGIN: &str = "http://localhost:1";
const ACCOUNTS: &str = "/me/v1/connected-accounts/accounts";

/// The token endpoint wants a nonce; answers which.
#[track_caller]
fn wanted(answer: &Answer) -> String {
    let body = json!({
        "error": "use_dpop_nonce",
        "error_description": "Authorization server requires nonce in DPoP proof",
    });
    assert_eq!((answer.status, answer.json()), (400, body), "{answer:?}");
    is_token_answer(answer);
    // RFC 9449 §8.2: without this, a browser's application could not read it.
    assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN));
    let exposed = answer.header("access-control-expose-headers").unwrap();
    assert!(exposed.contains("DPoP-Nonce"), "{exposed}");
    answer.header("dpop-nonce").unwrap().to_owned()
}

/// A code redeemed with a proof that carries this nonce, or none.
async fn redeem(
    tenant: &Tenant,
    attempt: &Attempt,
    code: &str,
    forger: &Forger,
    server: &TestServer,
    nonce: Option<&str>,
) -> Answer {
    let proof = forger.proof(server, ("POST", &tenant.url("/oauth/token")), |_, claims| {
        if let Some(nonce) = nonce {
            claims["nonce"] = json!(nonce);
        }
    });
    let call = tenant.redeem(attempt, code).header("dpop", &proof).header("origin", ORIGIN);
    call.send().await
}

#[tokio::test]
async fn a54_a_public_client_answers_the_nonce() {
    let server = TestServer::start().await;
    let browser = logged_in(&server).await;
    let other = server.other_tenant().await;
    let (attempt, code) = code(&server, &browser, &Login::spa()).await;
    let forger = Forger::new();
    let before = events(&server).await;
    let ours = wanted(&redeem(&server, &attempt, &code, &forger, &server, None).await);
    let foreign = {
        let attempt = other.attempt(&Login::spa());
        wanted(&redeem(&other, &attempt, "sac_any", &forger, &server, None).await)
    };
    let mut flipped = ours.clone().into_bytes();
    flipped[20] ^= 1;
    let flipped = String::from_utf8(flipped).unwrap();
    let wrong =
        [foreign.as_str(), &flipped, "", "x", "AAAA", &"A".repeat(43), &ours[..ours.len() - 1]];
    for nonce in wrong {
        let answer = redeem(&server, &attempt, &code, &forger, &server, Some(nonce)).await;
        assert_eq!(wanted(&answer), ours, "{nonce}");
    }
    // To be asked for a nonce is no failure, and spends nothing.
    assert_eq!(events(&server).await, before);
    redeem(&server, &attempt, &code, &forger, &server, Some(&ours)).await.expect(200);
}

#[tokio::test]
async fn a54_a_nonce_grows_old() {
    let server = TestServer::start().await;
    let browser = logged_in(&server).await;
    let forger = Forger::new();
    let (attempt, first) = code(&server, &browser, &Login::spa()).await;
    let nonce = wanted(&redeem(&server, &attempt, &first, &forger, &server, None).await);
    redeem(&server, &attempt, &first, &forger, &server, Some(&nonce)).await.expect(200);
    server.clock().advance(Duration::from_mins(5));
    let (attempt, second) = code(&server, &browser, &Login::spa()).await;
    redeem(&server, &attempt, &second, &forger, &server, Some(&nonce)).await.expect(200);
    server.clock().advance(Duration::from_mins(5));
    let (attempt, third) = code(&server, &browser, &Login::spa()).await;
    let answer = redeem(&server, &attempt, &third, &forger, &server, Some(&nonce)).await;
    let next = wanted(&answer);
    assert_ne!(next, nonce);
    redeem(&server, &attempt, &third, &forger, &server, Some(&next)).await.expect(200);
}

#[tokio::test]
async fn a54_every_node_knows_the_nonces_of_the_others() {
    let server = TestServer::start().await;
    let node = server.another_node().await;
    let browser = logged_in(&server).await;
    let (attempt, code) = code(&server, &browser, &Login::spa()).await;
    let forger = Forger::new();
    let nonce = wanted(&redeem(&server, &attempt, &code, &forger, &server, None).await);
    let url = server.url("/oauth/token");
    let proof = forger.proof(&server, ("POST", &url), |_, claims| claims["nonce"] = json!(nonce));
    let call = server.redeem(&attempt, &code).header("dpop", &proof).via(&node);
    call.send().await.expect(200);
}

/// A confidential client need not; but what it sends is ours and fresh.
#[tokio::test]
async fn a54_a_confidential_client_may_leave_it_out() {
    let server = TestServer::start().await;
    let tokens = server.log_in(&server.browser(), &Login::web()).await;
    let (forger, url) = (Forger::new(), server.url("/oauth/token"));
    let refresh = async |nonce: Option<&str>| {
        let proof = forger.proof(&server, ("POST", &url), |_, claims| {
            if let Some(nonce) = nonce {
                claims["nonce"] = json!(nonce);
            }
        });
        let call = refreshing_as(&server, &server.seeded().web, refresh_token(&tokens));
        call.header("dpop", &proof).header("origin", ORIGIN).send().await
    };
    refresh(None).await.expect(200);
    let nonce = wanted(&refresh(Some("invented")).await);
    refresh(Some(&nonce)).await.expect(200);
}

/// A bound token for My Account, with the key that it is bound to.
async fn bound(server: &TestServer, forger: &Forger) -> String {
    let browser = logged_in(server).await;
    let (attempt, code) = code(server, &browser, &Login::spa()).await;
    let asked = redeem(server, &attempt, &code, forger, server, None).await;
    let nonce = wanted(&asked);
    let first = redeem(server, &attempt, &code, forger, server, Some(&nonce)).await.expect(200);
    let proof = forger.proof(server, ("POST", &server.url("/oauth/token")), |_, claims| {
        claims["nonce"] = json!(nonce);
    });
    let fields = [
        ("grant_type", "refresh_token".to_owned()),
        ("client_id", server.client_id(Application::Spa)),
        ("refresh_token", first.member("refresh_token")),
        ("audience", server.my_account_audience()),
    ];
    let call = server.post("/oauth/token").form(&fields).header("dpop", &proof);
    call.send().await.expect(200).member("access_token")
}

#[tokio::test]
async fn a54_my_account_wants_a_nonce() {
    let server = TestServer::start().await;
    let forger = Forger::new();
    let token = bound(&server, &forger).await;
    let url: Url = server.url(ACCOUNTS);
    let ask = async |nonce: Option<&str>| {
        let proof = forger.proof(&server, ("GET", &url), |_, claims| {
            claims["ath"] = json!(protocol::dpop::access_token_hash(&token));
            if let Some(nonce) = nonce {
                claims["nonce"] = json!(nonce);
            }
        });
        let call = server.get(ACCOUNTS).header("authorization", &format!("DPoP {token}"));
        call.header("dpop", &proof).header("origin", ORIGIN).send().await
    };
    let mut newest = String::new();
    for stale in [None, Some("invented"), Some("AAAA")] {
        let answer = ask(stale).await.expect(401);
        let challenge = answer.header("www-authenticate");
        assert_eq!(challenge, Some("DPoP error=\"use_dpop_nonce\", algs=\"ES256\""));
        let exposed = answer.header("access-control-expose-headers").unwrap();
        assert!(exposed.contains("DPoP-Nonce") && exposed.contains("WWW-Authenticate"));
        answer.header("dpop-nonce").unwrap().clone_into(&mut newest);
    }
    ask(Some(&newest)).await.expect(200);
}

/// The harness' own clients do as published SDKs do, and come through.
#[tokio::test]
async fn a54_a_client_that_repeats_with_the_nonce_comes_through() {
    let server = TestServer::start().await;
    let key = server.dpop_key();
    let tokens: Tokens = server.log_in(&server.browser(), &Login::spa().bound_to(&key)).await;
    let mine = server.my_account_tokens(&tokens).await;
    assert!(server.connected_accounts(&mine).await.is_empty());
}
