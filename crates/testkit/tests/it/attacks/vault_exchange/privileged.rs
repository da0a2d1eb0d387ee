//! A83: privileged clients have tokens of people who gave them none, and so are held to more.

mod table;
mod worker;

use std::time::Duration;

use model::log_event::LogEventKind;
use protocol::oauth::exchange::RequestedTokenType::{self, TokenVaultAccessToken};
use serde_json::{Value, json};
use testkit::{ClientKey, Emulated, Engine, Exchange, Login, TestServer};

use self::worker::{Privileged, TYP};
use crate::scene::{INVALID_SUBJECT, NOT_CONNECTED, Refusal, Scene, USER_BLOCKED, edit, owner_of};
use crate::steps::edit_ada;
use crate::support::housekeep;

const ADDRESS: Refusal = denied("The client may not ask from this address.");
const CONNECTION: Refusal = denied("The client may not have tokens of this connection.");

const fn denied(description: &'static str) -> Refusal {
    Refusal { status: 403, error: "access_denied", description }
}

#[tokio::test]
async fn a_worker_has_the_tokens_of_somebody_who_is_not_there() {
    let worker = Privileged::new().await;
    let server = &worker.scene.server;
    let answer = worker.is_served().await.json();
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["issued_token_type"], TokenVaultAccessToken.as_str());
    assert!(answer["expires_in"].as_u64().unwrap() > 0);
    let details = server.latest_event(LogEventKind::VaultExchange).await.detail.details;
    assert_eq!(details["is_privileged_worker"], true);
    assert_eq!(details["audit_context"], "nightly sync");
}

/// Google's refresh tokens stay good when they are used, so one can be handed over.
#[tokio::test]
async fn a_worker_has_a_refresh_token_where_two_can_use_it() {
    let worker = Privileged::new().await;
    let google = worker.connect("google-oauth2", json!({ "offline_access": true })).await;
    let kind = RequestedTokenType::TokenVaultRefreshToken;
    let answer = worker.presenting(&worker.request(), kind, &google).send().await;
    let answer = answer.expect(200).json();
    assert_eq!(answer["token_type"], "N_A");
    assert_eq!(answer["issued_token_type"], kind.as_str());
    let server = &worker.scene.server;
    let token = answer["access_token"].as_str().unwrap();
    assert_eq!(owner_of(server, token).await, Emulated::subject_of("ada"));
    let ledger = server.provider().tokens().await;
    let line = ledger.iter().find(|line| line["value"] == token).unwrap();
    assert_eq!(line["kind"], "refresh_token", "{line}");
    worker.presenting(&worker.request(), TokenVaultAccessToken, &google).send().await.expect(200);
}

#[tokio::test]
async fn a83_requests_are_refused_by_cause() {
    let worker = Privileged::new().await;
    let server = &worker.scene.server;
    let now = server.app().now().as_seconds();
    for (claim, value, cause) in [
        ("iss", json!("other"), "the `iss` is not the client"),
        ("aud", json!("https://other.example/"), "the `aud` is not this server alone"),
        ("iat", json!(now - 61), "it is older than a minute"),
        ("iat", json!(now + 61), "it is from the future"),
        ("iat", json!(now.to_string()), "the claims are malformed (Data)"),
        ("iat", Value::Null, "the `iat` is missing"),
        ("exp", json!(now), "it has expired"),
        ("nbf", json!(now + 61), "it is from the future"),
        ("jti", Value::Null, "the `jti` is missing, empty or too long"),
        ("audit_context", Value::Null, "the `audit_context` is not of 1 to 256 characters"),
        ("audit_context", json!(""), "the `audit_context` is not of 1 to 256 characters"),
        (
            "audit_context",
            json!("x".repeat(257)),
            "the `audit_context` is not of 1 to 256 characters",
        ),
        (
            "sub",
            json!("x".repeat(601)),
            "the `sub` or the `org_id` is empty, longer than 600 bytes or unprintable",
        ),
        ("sub", Value::Null, "the `sub` is missing"),
    ] {
        let subject = worker.key.sign(TYP, &worker.claims(claim, value));
        let cause = format!("subject token: {cause}");
        worker.refuses(INVALID_SUBJECT, &cause, worker.asking(&subject)).await;
    }
    let claims = worker.claims("", Value::Null);
    for (typ, key, cause) in [
        ("JWT", worker.key.clone(), "the token is of another type"),
        ("at+jwt", worker.key.clone(), "the token is of another type"),
        (TYP, ClientKey::generate("worker-key-1"), "the signature is wrong"),
        // It is a key of the client, but for another use.
        (
            TYP,
            worker.key.renamed("worker-key-2"),
            "no key of the client fits the header's `kid` and `alg`",
        ),
    ] {
        let subject = key.sign(typ, &claims);
        let cause = format!("subject token: {cause}");
        worker.refuses(INVALID_SUBJECT, &cause, worker.asking(&subject)).await;
    }
    for (header, cause) in [
        (
            "eyJhbGciOiJub25lIiwidHlwIjoidG9rZW4tdmF1bHQtcmVxK2p3dCJ9",
            "the algorithm is not supported",
        ),
        (
            "eyJhbGciOiJIUzI1NiIsInR5cCI6InRva2VuLXZhdWx0LXJlcStqd3QifQ",
            "the algorithm is not supported",
        ),
    ] {
        let signed = worker.request();
        let rest = signed.split_once('.').unwrap().1;
        let cause = format!("subject token: {cause}");
        worker.refuses(INVALID_SUBJECT, &cause, worker.asking(&format!("{header}.{rest}"))).await;
    }
    worker.is_served().await;
}

#[tokio::test]
async fn a83_a_request_is_good_once_on_all_nodes() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let worker = Privileged::of(Scene::of(server, &Login::web()).await).await;
        let other = worker.scene.server.another_node().await;
        let request = worker.request();
        worker.asking(&request).send().await.expect(200);
        let cause = "subject token: it was used before";
        worker.refuses(INVALID_SUBJECT, cause, worker.asking(&request).via(&other)).await;
        worker.refuses(INVALID_SUBJECT, cause, worker.asking(&request)).await;
        let anew = worker.scene.server.same_node_again().await;
        worker.refuses(INVALID_SUBJECT, cause, worker.asking(&request).via(&anew)).await;
        // Until it is too old for anybody, whatever was tidied up meanwhile.
        worker.scene.server.clock().advance(Duration::from_secs(59));
        housekeep(&worker.scene.server).await;
        worker.refuses(INVALID_SUBJECT, cause, worker.asking(&request)).await;
        worker.is_served().await;
    }
}

#[tokio::test]
async fn a83_from_where_a_worker_may_ask() {
    let worker = Privileged::new().await;
    let cause = "the client may not ask from 127.0.0.1";
    for allowed in [json!([]), json!(["192.0.2.7", "::1"]), json!(["127.0.0.2/31"])] {
        worker.privileges(|access| access["ip_allowlist"] = allowed).await;
        worker.refuses(ADDRESS, cause, worker.asking(&worker.request())).await;
        // Nobody's word is taken for where it is.
        let spoofed = worker.asking(&worker.request());
        let spoofed = spoofed.header("x-forwarded-for", "192.0.2.7");
        worker.refuses(ADDRESS, cause, spoofed.header("x-real-ip", "192.0.2.7")).await;
    }
    for allowed in [json!(["127.0.0.1"]), json!(["::ffff:127.0.0.1"]), json!(["127.0.0.0/8"])] {
        worker.privileges(|access| access["ip_allowlist"] = allowed).await;
        worker.is_served().await;
    }
}

#[tokio::test]
async fn a83_behind_a_trusted_proxy_the_address_is_the_one_that_it_saw() {
    let server = TestServer::builder().behind_proxies().start().await;
    let worker = Privileged::of(Scene::of(server, &Login::web()).await).await;
    worker.privileges(|access| access["ip_allowlist"] = json!(["192.0.2.0/24"])).await;
    let from = |seen: &str| worker.asking(&worker.request()).header("x-forwarded-for", seen);
    from("192.0.2.7").send().await.expect(200);
    let cause = "the client may not ask from 203.0.113.9";
    worker.refuses(ADDRESS, cause, from("203.0.113.9")).await;
    // What stands before the proxy's own entry is the client's word.
    worker.refuses(ADDRESS, cause, from("192.0.2.7, 203.0.113.9")).await;
}

#[tokio::test]
async fn a83_what_a_worker_may_have() {
    let worker = Privileged::new().await;
    let all = "openid profile email read:calendar offline_access";
    let grants = |connection: &str, scopes: &str| {
        let scopes: Vec<_> = scopes.split(' ').filter(|scope| !scope.is_empty()).collect();
        json!([{ "connection": connection, "scopes": scopes }])
    };
    worker.privileges(|access| access["grants"] = grants("calendar", all)).await;
    worker.is_served().await;

    let cause = "the client's grants do not name the connection";
    for other in [json!([]), grants("Calendar", all), grants("other", all)] {
        worker.privileges(|access| access["grants"] = other).await;
        worker.refuses(CONNECTION, cause, worker.asking(&worker.request())).await;
    }
    // A connection that is not there looks the same.
    let nowhere = Exchange { connection: "nowhere".to_owned(), ..Exchange::calendar() };
    let call = worker.presenting(&worker.request(), TokenVaultAccessToken, &nowhere);
    worker.refuses(CONNECTION, cause, call).await;

    worker.privileges(|access| access["grants"] = grants("calendar", all)).await;
    let asking = |scope: &str| {
        let exchange = Exchange::calendar().scope(scope);
        worker.presenting(&worker.request(), TokenVaultAccessToken, &exchange)
    };
    let refusal = denied("The client may not have tokens with the scopes: write:calendar");
    let cause = "the client's grants do not name the scopes: write:calendar";
    worker.refuses(refusal, cause, asking("read:calendar write:calendar")).await;
}

/// A80: the provider of the calendar gives no token with fewer scopes than the account has.
#[tokio::test]
async fn a80_a_worker_never_gets_the_broader_token() {
    let worker = Privileged::new().await;
    let only = json!([{ "connection": "calendar", "scopes": ["read:calendar"] }]);
    worker.privileges(|access| access["grants"] = only).await;
    for scope in [None, Some("read:calendar")] {
        let exchange = Exchange { scope: scope.map(str::to_owned), ..Exchange::calendar() };
        for kind in [TokenVaultAccessToken, RequestedTokenType::TokenVaultRefreshToken] {
            let answer = worker.presenting(&worker.request(), kind, &exchange).send().await;
            assert_eq!(answer.error(), (403, "insufficient_scope".to_owned()), "{answer:?}");
            assert!(!answer.text().contains("access_token"), "{answer:?}");
        }
    }
}

/// A80: that of Dropbox does. Its refresh token is good for every scope, and is not given.
#[tokio::test]
async fn a80_a_worker_gets_the_scopes_that_it_asked_for() {
    let worker = Privileged::new().await;
    let options =
        json!({ "scope": "account_info.read files.metadata.read", "offline_access": true });
    let all = worker.connect("dropbox", options).await;
    let few = all.clone().scope("files.metadata.read");
    let kind = TokenVaultAccessToken;
    let answer = worker.presenting(&worker.request(), kind, &few).send().await.expect(200);
    assert_eq!(answer.member("scope"), "files.metadata.read");
    let event = worker.scene.server.latest_event(LogEventKind::VaultExchange).await;
    assert_eq!(event.detail.details["scope"], "files.metadata.read");
    let whole = worker.presenting(&worker.request(), kind, &all).send().await.expect(200);
    assert_ne!(whole.member("access_token"), answer.member("access_token"));
    let kind = RequestedTokenType::TokenVaultRefreshToken;
    let answer = worker.presenting(&worker.request(), kind, &few).send().await;
    assert_eq!(answer.error(), (403, "insufficient_scope".to_owned()), "{answer:?}");
}

#[tokio::test]
async fn a83_for_whom_a_worker_may_ask() {
    let worker = Privileged::new().await;
    let server = &worker.scene.server;
    for somebody in ["auth0|nobody", "auth0|ADA"] {
        let claims = worker.claims("sub", json!(somebody));
        let call = worker.asking(&worker.key.sign(TYP, &claims));
        worker.refuses(NOT_CONNECTED, "the user does not exist any more", call).await;
    }
    // Somebody of another tenant is nobody here.
    let other = server.other_tenant().await;
    let claims = worker.claims("aud", json!(other.issuer()));
    let call = worker.asking(&worker.key.sign(TYP, &claims));
    let cause = "subject token: the `aud` is not this server alone";
    worker.refuses(INVALID_SUBJECT, cause, call).await;
    edit_ada(server, |ada| ada.blocked = true).await;
    let call = worker.asking(&worker.request());
    worker.refuses(USER_BLOCKED, "the user is blocked", call).await;
    edit_ada(server, |ada| ada.blocked = false).await;
    worker.is_served().await;
}

/// A73: accounts are of people, and none is of an organization. A request that names one finds nothing,
/// rather than the account that the person has beside.
#[tokio::test]
async fn a73_an_organization_has_no_accounts() {
    let worker = Privileged::new().await;
    let of_organization = worker.key.sign(TYP, &worker.claims("org_id", json!("org_1")));
    worker.refuses(NOT_CONNECTED, "tokenset_not_found", worker.asking(&of_organization)).await;
    let event = worker.scene.server.latest_event(LogEventKind::VaultExchangeFailed).await;
    assert_eq!(event.detail.details["org_id"], "org_1");
    worker.is_served().await;
}

#[tokio::test]
async fn a83_what_a_client_signs_for_the_log_is_inert() {
    let worker = Privileged::new().await;
    let text = "sync\r\nforged: line\u{1b}[31m <script>";
    let claims = worker.claims("audit_context", json!(text));
    worker.asking(&worker.key.sign(TYP, &claims)).send().await.expect(200);
    let event = worker.scene.server.latest_event(LogEventKind::VaultExchange).await;
    assert_eq!(event.detail.details["audit_context"], "syncforged: line[31m <script>");
}

/// Two who use such a token would end each other's grant, and the vault loses no grant.
#[tokio::test]
async fn a83_no_refresh_token_that_the_provider_replaces() {
    let worker = Privileged::new().await;
    let exchange = worker.connect("box", json!({})).await;
    let kind = RequestedTokenType::TokenVaultRefreshToken;
    let call = worker.presenting(&worker.request(), kind, &exchange);
    let refusal = Refusal {
        status: 400,
        error: "invalid_request",
        description: "The provider replaces its refresh tokens, so none is given out.",
    };
    let cause = "the provider replaces its refresh tokens, so that only the vault can use them";
    worker.refuses(refusal, cause, call).await;
    worker.presenting(&worker.request(), TokenVaultAccessToken, &exchange).send().await.expect(200);
}

/// Privileges are asked anew for each exchange.
#[tokio::test]
async fn a83_a_client_without_privileges_signs_in_vain() {
    let worker = Privileged::new().await;
    let server = &worker.scene.server;
    let id = worker.client_id.as_str().into();
    edit(server, &id, |client| client.token_vault_privileged_access = None).await;
    let cause = "the client has no token_vault_privileged_access";
    let refusal = denied("The client has no privileged access to the Token Vault.");
    worker.refuses(refusal, cause, worker.asking(&worker.request())).await;
}
