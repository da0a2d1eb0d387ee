//! GitHub's ways: OAuth Apps and GitHub Apps.

use serde_json::json;

use crate::world::{Answer, CALLBACK, World, basic, form_body, json_body, web_request, with};

fn request(client: &str, scope: &str) -> Vec<(&'static str, String)> {
    with(web_request(scope), &[("client_id", client), ("response_type", "")])
}

async fn token(world: &World, flavour: &str, accept: &str, fields: &[(&str, &str)]) -> Answer {
    let url = world.url(&format!("/{flavour}/login/oauth/access_token"));
    world.send(form_body(world.http.post(url).header("accept", accept), fields)).await
}

async fn redeem(world: &World, accept: &str, code: &str) -> Answer {
    let credentials = [("client_id", "github"), ("client_secret", "github-secret")];
    token(world, "github", accept, &[&credentials[..], &[("code", code)]].concat()).await
}

async fn connect(world: &World, scope: &str) -> Answer {
    let path = "/github/login/oauth/authorize";
    let callback = world.browser().authorize(path, &request("github", scope), "ada").await;
    assert!(!callback.has("iss"));
    redeem(world, "application/json", callback.code()).await
}

async fn api(world: &World, path: &str, token: &str) -> Answer {
    let request = world.http.get(world.url(path)).header("user-agent", "tests");
    world.send(request.header("authorization", format!("token {token}"))).await
}

#[tokio::test]
async fn answers_are_forms_unless_json_is_accepted_and_nothing_expires() {
    let world = World::start().await;
    let path = "/github/login/oauth/authorize";
    let request = request("github", "repo user:email no:such");
    let callback = world.browser().authorize(path, &request, "ada").await;
    let answer = redeem(&world, "*/*", callback.code()).await;
    assert!(answer.header("content-type").starts_with("application/x-www-form-urlencoded"));
    assert!(
        answer.body.ends_with("&scope=repo%2Cuser%3Aemail&token_type=bearer"),
        "{}",
        answer.body
    );

    let tokens = connect(&world, "repo").await.json();
    assert_eq!(tokens["token_type"], "bearer");
    for absent in ["expires_in", "refresh_token", "id_token"] {
        assert!(tokens.get(absent).is_none(), "{absent}");
    }
    world.advance(10 * 365 * 24 * 3600).await;
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(api(&world, "/github/user", token).await.status, 200);
}

#[tokio::test]
async fn errors_come_with_status_200() {
    let world = World::start().await;
    let wrong_code = redeem(&world, "application/json", "wrong").await;
    assert_eq!(wrong_code.error(), (200, "bad_verification_code".to_owned()));
    let fields = [("client_id", "github"), ("client_secret", "wrong"), ("code", "x")];
    let wrong_secret = token(&world, "github", "application/json", &fields).await;
    assert_eq!(wrong_secret.error(), (200, "incorrect_client_credentials".to_owned()));
    let form = token(&world, "github", "*/*", &fields).await;
    assert!(form.body.contains("error=incorrect_client_credentials"));
    let header = world.http.post(world.url("/github/login/oauth/access_token"));
    let header = header.header("authorization", basic(("github", "github-secret")));
    let header = form_body(header.header("accept", "application/json"), &[("code", "x")]);
    let by_header = world.send(header).await;
    assert_eq!(by_header.error(), (200, "incorrect_client_credentials".to_owned()));
    let fields = [
        ("client_id", "github"),
        ("client_secret", "github-secret"),
        ("grant_type", "refresh_token"),
        ("refresh_token", "x"),
    ];
    let refresh = token(&world, "github", "application/json", &fields).await;
    assert_eq!(refresh.error(), (200, "unsupported_grant_type".to_owned()));
}

#[tokio::test]
async fn a_wrong_redirect_uri_is_told_to_the_registered_one() {
    let world = World::start().await;
    let path = "/github/login/oauth/authorize";
    let wrong = with(request("github", "repo"), &[("redirect_uri", "https://evil.example/")]);
    let callback = world.browser().authorize(path, &wrong, "ada").await;
    assert_eq!(callback.value("error"), "redirect_uri_mismatch");
    assert_eq!(callback.value("state"), "the state & more");
    let none = with(request("github", "repo"), &[("redirect_uri", "")]);
    let callback = world.browser().authorize(path, &none, "ada").await;
    assert_eq!(redeem(&world, "application/json", callback.code()).await.text("scope"), "repo");
}

#[tokio::test]
async fn the_api_wants_a_user_agent_and_shows_emails_only_with_the_scope() {
    let world = World::start().await;
    let bare = connect(&world, "repo").await.text("access_token");
    let full = connect(&world, "repo,user:email").await.text("access_token");

    let without = world.get_with("/github/user", &bare).await;
    assert_eq!(without.status, 403);
    assert!(without.body.contains("User-Agent"));
    let user = api(&world, "/github/user", &bare).await;
    assert_eq!(user.text("login"), "ada");
    assert!(user.json()["id"].is_u64() && user.json()["email"].is_null());
    assert_eq!(user.header("x-oauth-scopes"), "repo");
    assert_eq!(api(&world, "/github/user/emails", &bare).await.status, 404);
    let emails = api(&world, "/github/user/emails", &full).await.json();
    assert_eq!(emails[0]["email"], "ada@emulator.test");
    assert_eq!(emails[0]["verified"], true);
    assert_eq!(api(&world, "/github/user", "wrong").await.status, 401);
}

#[tokio::test]
async fn only_ten_tokens_of_a_user_and_an_app_live() {
    let world = World::start().await;
    let oldest = connect(&world, "repo").await.text("access_token");
    for _ in 0..9 {
        connect(&world, "repo").await;
    }
    assert_eq!(api(&world, "/github/user", &oldest).await.status, 200);
    connect(&world, "repo").await;
    assert_eq!(api(&world, "/github/user", &oldest).await.status, 401);
}

#[tokio::test]
async fn tokens_and_grants_are_deleted_by_the_application() {
    let world = World::start().await;
    let one = connect(&world, "repo").await.text("access_token");
    let two = connect(&world, "repo").await.text("access_token");
    let delete = |what: &str, secret: &str, token: &str| {
        let url = world.url(&format!("/github/applications/github/{what}"));
        let request = world.http.delete(url).header("authorization", basic(("github", secret)));
        world.send(json_body(request, &json!({ "access_token": token })))
    };
    assert_eq!(delete("token", "wrong", &one).await.status, 401);
    assert_eq!(delete("token", "github-secret", "unknown").await.status, 404);
    assert_eq!(delete("token", "github-secret", &one).await.status, 204);
    assert_eq!(api(&world, "/github/user", &one).await.status, 401);
    assert_eq!(api(&world, "/github/user", &two).await.status, 200);
    let three = connect(&world, "repo").await.text("access_token");
    assert_eq!(delete("grant", "github-secret", &two).await.status, 204);
    assert_eq!(api(&world, "/github/user", &three).await.status, 401);
}

#[tokio::test]
async fn a_github_app_replaces_both_tokens_and_the_old_ones_die() {
    let world = World::start().await;
    let path = "/github-app/login/oauth/authorize";
    let callback = world.browser().authorize(path, &request("app", "repo"), "ada").await;
    let credentials = [("client_id", "app"), ("client_secret", "app-secret")];
    let json = "application/json";
    let fields = [&credentials[..], &[("code", callback.code()), ("redirect_uri", CALLBACK)]];
    let first = token(&world, "github-app", json, &fields.concat()).await;
    assert_eq!(first.json()["expires_in"], 28_800);
    assert_eq!(first.json()["refresh_token_expires_in"], 15_897_600);
    assert_eq!(first.text("scope"), "");

    let old_refresh = first.text("refresh_token");
    let grant = [("grant_type", "refresh_token"), ("refresh_token", old_refresh.as_str())];
    let fields = [&credentials[..], &grant].concat();
    let second = token(&world, "github-app", json, &fields).await;
    let (old, new) = (first.text("access_token"), second.text("access_token"));
    assert_eq!(api(&world, "/github-app/user", &old).await.status, 401);
    assert_eq!(api(&world, "/github-app/user", &new).await.status, 200);

    let replay = token(&world, "github-app", json, &fields).await;
    assert_eq!(replay.error(), (200, "bad_refresh_token".to_owned()));
    assert_eq!(api(&world, "/github-app/user/emails", &new).await.status, 200);
    assert_eq!(world.stats().await["flavours"]["github-app"]["reuse_detected"], 1);
}
