//! The authorization code grant (RFC 6749 §4.1) with PKCE and OpenID Connect.

use protocol::jose::jwk::JwkSet;
use protocol::jose::jws::{Algorithm, ExpectedTyp, Unverified};
use serde_json::{Value, json};

use crate::world::{
    Answer, CALENDAR_SCOPE, CALLBACK, CHALLENGE, START, VERIFIER, World, form_body, web_request,
    with,
};

const GRANT: (&str, &str) = ("grant_type", "authorization_code");

#[tokio::test]
async fn the_whole_flow_gives_tokens_that_verify_and_work() {
    let world = World::start().await;
    let discovery = world.get("/.well-known/openid-configuration").await.json();
    assert_eq!(discovery["issuer"], world.running.issuer);

    let request = with(
        web_request(CALENDAR_SCOPE),
        &[("nonce", "n-1"), ("code_challenge", CHALLENGE), ("code_challenge_method", "S256")],
    );
    let mut browser = world.browser();
    let callback = browser.authorize("/authorize", &request, "ada").await;
    assert_eq!(browser.seen, ["Sign in", "Allow access"]);
    assert_eq!(callback.value("state"), "the state & more");
    // RFC 9207 §2: iss in the authorization response.
    assert_eq!(callback.value("iss"), world.running.issuer);

    let fields =
        [GRANT, ("code", callback.code()), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)];
    let tokens = world.token(&fields).await;
    assert_eq!(tokens.status, 200, "{}", tokens.body);
    assert_eq!(tokens.header("cache-control"), "no-store");
    assert_eq!(tokens.json()["token_type"], "Bearer");
    assert_eq!(tokens.json()["expires_in"], 3600);
    assert_eq!(tokens.json()["scope"], CALENDAR_SCOPE);
    assert!(tokens.text("access_token").starts_with("emu_at_"));
    assert!(tokens.text("refresh_token").starts_with("emu_rt_"));

    let claims = verified_claims(&world, &tokens.text("id_token")).await;
    assert_eq!(claims["iss"], world.running.issuer);
    assert_eq!(claims["sub"], "sub-ada");
    assert_eq!(claims["aud"], "web");
    assert_eq!(claims["nonce"], "n-1");
    assert_eq!(claims["iat"], START);
    assert_eq!(claims["auth_time"], START);
    assert_eq!(claims["email_verified"], true);

    let userinfo = world.get_with("/userinfo", &tokens.text("access_token")).await.json();
    assert_eq!(
        userinfo,
        json!({
            "sub": "sub-ada",
            "name": "ada Example",
            "preferred_username": "ada",
            "email": "ada@emulator.test",
            "email_verified": true,
        })
    );
    let stats = world.stats().await;
    for counters in
        [&stats["total"], &stats["clients"]["web"], &stats["accounts"]["web"]["sub-ada"]]
    {
        assert_eq!(counters["authorizations"], 1);
        assert_eq!(counters["code_exchanges"], 1);
        assert_eq!(counters["userinfo"], 1);
    }
}

async fn verified_claims(world: &World, token: &str) -> Value {
    let discovery = world.get("/.well-known/openid-configuration").await;
    let jwks_uri = discovery.text("jwks_uri");
    let keys = world.send(world.http.get(jwks_uri)).await;
    let keys: JwkSet = serde_json::from_str(&keys.body).unwrap();
    let token = Unverified::parse(token).unwrap();
    let key = keys.find(token.header().kid.as_deref(), token.header().algorithm).unwrap();
    let verified =
        token.verify_with::<Value>(key, &[Algorithm::Rs256], ExpectedTyp::GenericJwt).unwrap();
    verified.into_claims()
}

#[tokio::test]
async fn a_code_works_once_and_its_replay_revokes_what_it_gave() {
    let world = World::start().await;
    let callback = world.authorize("ada", CALENDAR_SCOPE).await;
    let tokens = world.redeem(callback.code()).await;
    let access_token = tokens.text("access_token");
    assert_eq!(world.get_with("/userinfo", &access_token).await.status, 200);

    let replay = world.redeem(callback.code()).await;
    assert_eq!(replay.error(), (400, "invalid_grant".to_owned()));
    assert_eq!(world.get_with("/userinfo", &access_token).await.status, 401);
    let refreshed = world.refresh(&tokens.text("refresh_token")).await;
    assert_eq!(refreshed.error(), (400, "invalid_grant".to_owned()));
    assert_eq!(world.stats().await["clients"]["web"]["code_reuse_detected"], 1);
}

#[tokio::test]
async fn a_code_lives_for_a_minute() {
    let world = World::start().await;
    let in_time = world.authorize("ada", "openid").await;
    world.advance(59).await;
    assert_eq!(world.redeem(in_time.code()).await.status, 200);

    let late = world.authorize("ada", "openid").await;
    world.advance(60).await;
    let refused = world.redeem(late.code()).await;
    assert_eq!(refused.error(), (400, "invalid_grant".to_owned()));
    assert_eq!(refused.text("error_description"), "The code has expired.");
}

#[tokio::test]
async fn a_code_is_bound_to_client_redirect_uri_and_verifier_and_survives_bad_attempts() {
    let world = World::start().await;
    let pkce = [("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
    let request = with(web_request("openid"), &pkce);
    let callback = world.browser().authorize("/authorize", &request, "ada").await;
    let code = ("code", callback.code());
    let uri = ("redirect_uri", CALLBACK);
    let verifier = ("code_verifier", VERIFIER);
    let wrong_verifier = "wrong-verifier-wrong-verifier-wrong-verifier-wrong";

    let other =
        [GRANT, code, uri, verifier, ("client_id", "other"), ("client_secret", "other-secret")];
    expect_grant_error(&world.post_form("/token", &other).await, "to another client");
    expect_grant_error(&world.token(&[GRANT, code, verifier]).await, "redirect_uri differs");
    let elsewhere = ("redirect_uri", "http://localhost:4000/login/callback/");
    expect_grant_error(&world.token(&[GRANT, code, elsewhere, verifier]).await, "redirect_uri");
    expect_grant_error(&world.token(&[GRANT, code, uri]).await, "verifier is missing");
    let wrong = ("code_verifier", wrong_verifier);
    expect_grant_error(&world.token(&[GRANT, code, uri, wrong]).await, "verifier is wrong");
    let short = world.token(&[GRANT, code, uri, ("code_verifier", "short")]).await;
    assert_eq!(short.error(), (400, "invalid_request".to_owned()));

    assert_eq!(world.token(&[GRANT, code, uri, verifier]).await.status, 200);
}

#[tokio::test]
async fn a_verifier_without_a_challenge_is_a_downgrade() {
    let world = World::start().await;
    let callback = world.authorize("ada", "openid").await;
    let fields =
        [GRANT, ("code", callback.code()), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)];
    expect_grant_error(&world.token(&fields).await, "without a code_challenge");
}

#[track_caller]
fn expect_grant_error(answer: &Answer, words: &str) {
    assert_eq!(answer.error(), (400, "invalid_grant".to_owned()), "{words}");
    assert!(answer.text("error_description").contains(words), "{}", answer.body);
}

#[tokio::test]
async fn no_refresh_token_without_offline_access_and_no_id_token_without_openid() {
    let world = World::start().await;
    let tokens = world.connect("ada", "read:calendar").await.json();
    assert!(tokens.get("refresh_token").is_none());
    assert!(tokens.get("id_token").is_none());
    let refused = world.get_with("/userinfo", tokens["access_token"].as_str().unwrap()).await;
    assert_eq!(refused.status, 403);
    assert!(refused.header("www-authenticate").contains("error=\"insufficient_scope\""));
}

#[tokio::test]
async fn a_public_client_must_use_pkce_and_needs_nothing_else() {
    let world = World::start().await;
    let request = with(web_request("openid"), &[("client_id", "spa")]);
    let refused = world.browser().authorize("/authorize", &request, "ada").await;
    assert_eq!(refused.value("error"), "invalid_request");

    let pkce = [("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
    let callback = world.browser().authorize("/authorize", &with(request, &pkce), "ada").await;
    let fields = [
        GRANT,
        ("client_id", "spa"),
        ("code", callback.code()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let request = form_body(world.http.post(world.url("/token")), &fields);
    assert_eq!(world.send(request).await.status, 200);
}
