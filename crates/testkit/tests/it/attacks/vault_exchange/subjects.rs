//! Subject tokens that are none any more, or never were.

use std::time::Duration;

use model::client::{AuthMethod, RotationType};
use model::log_event::LogEventKind;
use protocol::oauth::exchange::SubjectTokenType::{self, AccessToken, RefreshToken};
use serde_json::{Value, json};
use testkit::{Answer, Exchange, Login, RESOURCE_SERVER, Tenant, TestServer};

use crate::scene::{
    INVALID_SUBJECT, LoggedIn, NOT_CONNECTED, Refusal, Scene, UNKNOWN_REFRESH_TOKEN, USER_BLOCKED,
    edit, exchange_with, notes, owner_of, refuses, says,
};
use crate::steps::{code, edit_ada, token_request};

const KEY_NOT_PROVEN: Refusal = Refusal {
    status: 400,
    error: "invalid_dpop_proof",
    description: "The refresh token is bound to a key; send a DPoP proof by that key.",
};

async fn exchange(tenant: &Tenant, kind: SubjectTokenType, token: &str) -> Answer {
    let client = match kind {
        RefreshToken => &tenant.seeded().web,
        AccessToken | SubjectTokenType::Jwt => &tenant.seeded().api,
    };
    tenant.exchanging(client, kind, token, &Exchange::calendar()).send().await
}

/// A token signed with the tenant's own key.
async fn signed(tenant: &Tenant, typ: &str, claims: &Value) -> String {
    let (app, id) = (tenant.app(), &tenant.seeded().tenant.id);
    let keys = app.tenant_keys(id, app.now()).await.unwrap();
    keys.signing_key().sign(typ, claims).unwrap()
}

#[tokio::test]
async fn a78_an_access_token_ends_to_the_second() {
    let scene = Scene::spa().await;
    let server = &scene.server;
    let expires_at = server.claims_of(&scene.ada.tokens.access_token)["exp"].as_i64().unwrap();
    let now = server.app().now().as_seconds();
    let left = u64::try_from(expires_at - now).unwrap();
    server.clock().advance(Duration::from_secs(left - 1));
    scene.is_intact().await;
    server.clock().advance(Duration::from_secs(1));
    let cause = "subject token: the token has expired";
    let attempt = scene.ada.exchange_calendar();
    refuses(server, INVALID_SUBJECT, cause, attempt).await;
    LoggedIn::of(server, &Login::spa()).await.calendar_token().await;
}

#[tokio::test]
async fn a78_an_access_token_of_the_future_is_none_yet() {
    let scene = Scene::spa().await;
    let server = &scene.server;
    let now = server.app().now().as_seconds();
    for (claim, cause) in [
        ("nbf", "subject token: the token is not valid yet"),
        ("iat", "subject token: the token is not valid yet"),
    ] {
        let mut claims = server.claims_of(&scene.ada.tokens.access_token);
        claims[claim] = json!(now + 120);
        let token = signed(server, "JWT", &claims).await;
        refuses(server, INVALID_SUBJECT, cause, exchange(server, AccessToken, &token)).await;
    }
    scene.is_intact().await;
}

#[tokio::test]
async fn a78_a_revoked_refresh_token_is_none() {
    let scene = Scene::web().await;
    let server = &scene.server;
    let web = &server.seeded().web;
    let token = scene.ada.mine.refresh_token.as_deref().unwrap();
    let fields = [
        ("client_id", web.client_id.as_str()),
        ("client_secret", web.client_secret.expose()),
        ("token", token),
    ];
    server.post("/oauth/revoke").form(&fields).send().await.expect(200);
    let cause = "subject token: the refresh token was revoked";
    refuses(server, UNKNOWN_REFRESH_TOKEN, cause, exchange(server, RefreshToken, token)).await;
    // The account is the person's, not the grant's.
    LoggedIn::of(server, &Login::web()).await.calendar_token().await;
}

/// What stands behind an offline refresh token is the grant, not the session.
#[tokio::test]
async fn a78_a_logout_ends_no_offline_grant() {
    let scene = Scene::web().await;
    let server = &scene.server;
    scene.ada.browser.open(server.url("/v2/logout").as_str()).await;
    scene.is_intact().await;
}

#[tokio::test]
async fn a78_a_refresh_token_that_was_replaced_reveals_a_theft() {
    let scene = Scene::web().await;
    let server = &scene.server;
    edit(server, &server.seeded().web.client_id, |client| {
        client.refresh_token.rotation_type = RotationType::Rotating;
    })
    .await;
    let ada = LoggedIn::of(server, &Login::web()).await;
    let next = server.refresh(&ada.mine, &[]).await;
    let stolen = ada.mine.refresh_token.as_deref().unwrap();
    let calls = server.provider().calls_of("refresh").await;
    says(&exchange(server, RefreshToken, stolen).await, UNKNOWN_REFRESH_TOKEN);
    let events = server.log_events().await;
    // Of one moment, so in no order.
    let mut kinds: Vec<_> = events.iter().rev().take(2).map(|event| event.kind.code()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["ferrt", "feta"]);
    // The family has ended, for the thief and for the owner.
    let newest = next.refresh_token.as_deref().unwrap();
    let cause = "subject token: the refresh token was revoked";
    refuses(server, UNKNOWN_REFRESH_TOKEN, cause, exchange(server, RefreshToken, newest)).await;
    assert_eq!(server.provider().calls_of("refresh").await, calls);
}

#[tokio::test]
async fn a78_a_blocked_person_has_no_tokens() {
    for scene in [Scene::web().await, Scene::spa().await] {
        let server = &scene.server;
        edit_ada(server, |ada| ada.blocked = true).await;
        let attempt = scene.ada.exchange_calendar();
        refuses(server, USER_BLOCKED, "the user is blocked", attempt).await;
        edit_ada(server, |ada| ada.blocked = false).await;
        scene.is_intact().await;
    }
}

#[tokio::test]
async fn a78_a_deleted_person_has_no_tokens() {
    for (scene, refusal, cause) in [
        (Scene::web().await, UNKNOWN_REFRESH_TOKEN, "subject token: the refresh token is unknown"),
        (Scene::spa().await, NOT_CONNECTED, "the user does not exist any more"),
    ] {
        let server = &scene.server;
        delete(server, "users", server.seeded().people[0].user_id.as_str()).await;
        let attempt = scene.ada.exchange_calendar();
        refuses(server, refusal, cause, attempt).await;
    }
}

/// The access token outlives what it was given for; what it was given for is asked anew.
#[tokio::test]
async fn a78_what_was_taken_from_the_holder_is_gone_at_once() {
    let scene = Scene::spa().await;
    let server = &scene.server;
    let policy = async |policy: &str| {
        let token = server.management_token().await;
        let id: String = form_urlencoded::byte_serialize(RESOURCE_SERVER.as_bytes()).collect();
        let path = format!("resource-servers/{id}");
        let change = json!({ "subject_type_authorization": { "user": { "policy": policy } } });
        let call = server.management(reqwest::Method::PATCH, &path, &token).json(&change);
        call.send().await.expect(200);
    };
    for (changed, cause) in [
        ("deny_all", "the resource server gives no tokens for people"),
        ("require_client_grant", "there is no client grant for users"),
    ] {
        policy(changed).await;
        let cause = format!(
            "subject token: the client is not authorized to access {RESOURCE_SERVER:?}: {cause}"
        );
        let attempt = scene.ada.exchange_calendar();
        refuses(server, INVALID_SUBJECT, &cause, attempt).await;
    }
    policy("allow_all").await;
    scene.is_intact().await;
    delete(server, "clients", server.seeded().spa.as_str()).await;
    let cause = "the client that the subject token was given to does not exist any more";
    let attempt = scene.ada.exchange_calendar();
    refuses(server, INVALID_SUBJECT, cause, attempt).await;
}

async fn delete(tenant: &Tenant, noun: &str, id: &str) {
    let token = tenant.management_token().await;
    let id: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
    let path = format!("{noun}/{id}");
    tenant.management(reqwest::Method::DELETE, &path, &token).send().await.expect(204);
}

/// Everything else that we or the provider sign or give is no access token for the API.
#[tokio::test]
async fn a79_tokens_of_another_kind_are_not_exchanged() {
    let scene = Scene::spa().await;
    let server = &scene.server;
    let web = LoggedIn::of(server, &Login::web()).await;
    let id_token = scene.ada.tokens.id_token.clone().unwrap();
    let upstream = scene.ada.calendar_token().await;
    let upstream_id_token = {
        let tokens = server.provider().tokens().await;
        let line = tokens.iter().find(|line| line["kind"] == "id_token").unwrap();
        line["value"].as_str().unwrap().to_owned()
    };
    let claims = server.claims_of(&scene.ada.tokens.access_token);
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        claims
    };
    let acting = with("act", json!({ "sub": "somebody|else" }));
    let (head, payload) = {
        let mut parts = scene.ada.tokens.access_token.split('.');
        (parts.next().unwrap().to_owned(), parts.next().unwrap().to_owned())
    };
    let tokens = [
        id_token,
        upstream,
        upstream_id_token,
        web.mine.refresh_token.clone().unwrap(),
        signed(server, "logout+jwt", &claims).await,
        signed(server, "token-vault-req+jwt", &claims).await,
        signed(server, "dpop+jwt", &claims).await,
        signed(server, "JWT", &acting).await,
        signed(server, "at+jwt", &acting).await,
        signed(server, "JWT", &with("sub", Value::Null)).await,
        signed(server, "JWT", &with("exp", json!("9999999999"))).await,
        format!("{head}.{payload}."),
        format!("eyJhbGciOiJub25lIn0.{payload}."),
        "not-a-token".to_owned(),
    ];
    for (number, token) in tokens.iter().enumerate() {
        let calls = server.provider().calls_of("refresh").await;
        let answer = exchange(server, AccessToken, token).await;
        assert_eq!(answer.status, 401, "{number}: {answer:?}");
        says(&answer, INVALID_SUBJECT);
        let event = server.log_events().await.pop().unwrap();
        assert_eq!(event.kind.code(), "feta", "{number}");
        let cause = event.detail.description.unwrap();
        assert!(cause.starts_with("subject token: the token "), "{number}: {cause}");
        assert_eq!(event.detail.details["failure_reason"], cause.as_str());
        assert!(!cause.contains(token.as_str()), "{cause}");
        assert_eq!(server.provider().calls_of("refresh").await, calls, "{number}");
    }
    let unknown = "subject token: the refresh token is unknown";
    for token in [&scene.ada.tokens.access_token, &tokens[0], &tokens[1], "not-a-token"] {
        refuses(server, UNKNOWN_REFRESH_TOKEN, unknown, exchange(server, RefreshToken, token))
            .await;
    }
    // RFC 9068's dialect of the same token is one.
    let dialect = signed(server, "at+jwt", &claims).await;
    exchange(server, AccessToken, &dialect).await.expect(200);
    scene.is_intact().await;
}

/// A79, A83: kinds of subject that are not served, and what may not be asked for by which.
#[tokio::test]
async fn a83_kinds_that_are_not_served_are_refused_by_name() {
    let scene = Scene::web().await;
    let server = &scene.server;
    let web = &server.seeded().web;
    let token = scene.ada.mine.refresh_token.clone().unwrap();
    let subject = (RefreshToken.as_str(), token.as_str());
    for (changes, status, error, description) in [
        (
            &[("subject_token_type", "urn:ietf:params:oauth:token-type:jwt")][..],
            400,
            "invalid_request",
            "Invalid parameter: requested_token_type",
        ),
        (
            &[("subject_token_type", "urn:ietf:params:oauth:token-type:id_token")],
            400,
            "invalid_request",
            "Invalid parameter: subject_token_type",
        ),
        (
            &[(
                "requested_token_type",
                "http://auth0.com/oauth/token-type/token-vault-access-token",
            )],
            400,
            "invalid_request",
            "Invalid parameter: requested_token_type",
        ),
        (
            &[("actor_token", "x"), ("actor_token_type", "y")],
            400,
            "invalid_request",
            "Invalid parameter: actor_token",
        ),
        (&[("connection", "")], 400, "invalid_request", "Missing required parameter: connection"),
        (
            &[("subject_token", "")],
            400,
            "invalid_request",
            "Missing required parameter: subject_token",
        ),
        (
            &[("scope", "read:\u{e9}")],
            400,
            "invalid_scope",
            "A scope contains a character that RFC 6749 forbids.",
        ),
    ] {
        let before = server.log_events().await.len();
        let answer = exchange_with(server, web, subject, changes).send().await;
        assert_eq!(answer.error(), (status, error.to_owned()), "{changes:?}");
        assert_eq!(answer.member("error_description"), description, "{changes:?}");
        // What does not read is nobody's request yet.
        assert_eq!(server.log_events().await.len(), before, "{changes:?}");
    }
    let twice = exchange_with(server, web, subject, &[]).send().await.expect(200);
    assert_eq!(twice.member("token_type"), "Bearer");
    scene.is_intact().await;
}

/// The API does not have the key of whoever called it, so it shows no proof; what it gets is the
/// provider's token and never one of ours.
#[tokio::test]
async fn a86_a_bound_access_token_gives_nothing_of_ours() {
    let server = TestServer::start().await;
    let key = server.dpop_key();
    let scene = Scene::of(server, &Login::spa().bound_to(&key)).await;
    let server = &scene.server;
    assert_eq!(scene.ada.tokens.token_type, "DPoP");
    let answer = scene.ada.exchange_calendar().await.expect(200);
    assert_eq!(answer.member("token_type"), "Bearer");
    let token = answer.member("access_token");
    assert_eq!(owner_of(server, &token).await, "emulated-ada");
    server.get("/userinfo").bearer(&token).send().await.expect(401);
    // Nor does a key of the API's own bind what is the provider's.
    let call = server.exchanging(
        &server.seeded().api,
        AccessToken,
        &scene.ada.tokens.access_token,
        &Exchange::calendar(),
    );
    let answer = call.proving(&server.dpop_key()).send().await.expect(200);
    assert_eq!(answer.member("token_type"), "Bearer");
    scene.is_intact().await;
}

/// Refresh tokens are bound where the client cannot authenticate (RFC 9449 §5), and such clients get
/// nothing of the vault. A client that has come by a secret since keeps the tokens that it had.
#[tokio::test]
async fn a86_a_bound_refresh_token_is_worth_nothing_without_its_key() {
    let scene = Scene::web().await;
    let server = &scene.server;
    let web = &server.seeded().web;
    let key = server.dpop_key();
    edit(server, &web.client_id, |it| it.token_endpoint_auth_method = AuthMethod::None).await;
    let token = {
        let login = Login::web().bound_to(&key);
        let (attempt, code) = code(server, &scene.ada.browser, &login).await;
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", web.client_id.as_str()),
            ("code", &code),
            ("redirect_uri", &attempt.redirect_uri),
            ("code_verifier", &attempt.verifier),
        ];
        let answer = token_request(server, &fields).proving(&key).send().await.expect(200);
        answer.member("refresh_token")
    };
    edit(server, &web.client_id, |it| it.token_endpoint_auth_method = AuthMethod::default()).await;

    let call = || server.exchanging(web, RefreshToken, &token, &Exchange::calendar());
    let cause = "subject token: the refresh token is bound to a key, and the request has no proof";
    refuses(server, KEY_NOT_PROVEN, cause, call().send()).await;
    let cause = "subject token: the refresh token is bound to another key than that of the proof";
    let other = server.dpop_key();
    refuses(server, UNKNOWN_REFRESH_TOKEN, cause, call().proving(&other).send()).await;

    // A proof is good once, and for this request.
    let url = server.url("/oauth/token");
    let proof = key.proof("POST", &url, None);
    let answer = call().header("dpop", &proof).send().await.expect(200);
    assert_eq!(answer.member("token_type"), "Bearer");
    let refused = LogEventKind::VaultExchangeFailed;
    let replay = call().header("dpop", &proof).send();
    let answer = notes(server, refused, "the proof was used before", replay).await;
    assert_eq!(answer.error(), (400, "invalid_dpop_proof".to_owned()));
    let elsewhere = key.proof("POST", &server.url("/oauth/revoke"), None);
    let elsewhere = call().header("dpop", &elsewhere).send();
    let answer = notes(server, refused, "the proof is for another URL", elsewhere).await;
    assert_eq!(answer.error(), (400, "invalid_dpop_proof".to_owned()));
    call().proving(&key).send().await.expect(200);
}
