//! Google's ways.

use serde_json::Value;

use crate::browser::Browser;
use crate::world::{Answer, CALLBACK, World, with};

const AUTH: &str = "/google/o/oauth2/v2/auth";
const CALENDAR: &str = "https://www.googleapis.com/auth/calendar.readonly";

fn request(scope: &str, changes: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let base = crate::world::web_request(scope);
    with(with(base, &[("client_id", "google")]), changes)
}

async fn token(world: &World, fields: &[(&str, &str)]) -> Answer {
    let credentials = [("client_id", "google"), ("client_secret", "google-secret")];
    world.post_form("/google/token", &[&credentials, fields].concat()).await
}

async fn connect(world: &World, browser: &mut Browser<'_>, request: &[(&str, String)]) -> Value {
    let callback = browser.authorize(AUTH, request, "ada").await;
    let grant = ("grant_type", "authorization_code");
    let fields = [grant, ("code", callback.code()), ("redirect_uri", CALLBACK)];
    token(world, &fields).await.json()
}

#[tokio::test]
async fn a_refresh_token_comes_only_offline_and_only_with_a_consent_page() {
    let world = World::start().await;
    let mut browser = world.browser();
    let has_refresh = |tokens: &Value| tokens.get("refresh_token").is_some();
    let offline = request("openid email", &[("access_type", "offline")]);

    let online = connect(&world, &mut world.browser(), &request("openid", &[])).await;
    assert!(!has_refresh(&online));
    let first = connect(&world, &mut browser, &offline).await;
    assert!(has_refresh(&first));
    let second = connect(&world, &mut browser, &offline).await;
    assert!(!has_refresh(&second));
    let again = with(offline.clone(), &[("prompt", "consent")]);
    assert!(has_refresh(&connect(&world, &mut browser, &again).await));
    let forced = with(offline, &[("approval_prompt", "force")]);
    assert!(has_refresh(&connect(&world, &mut browser, &forced).await));
}

#[tokio::test]
async fn conflicting_prompts_are_an_error_page() {
    let world = World::start().await;
    let both = [("prompt", "consent"), ("approval_prompt", "force")];
    let answer = world.browser().start(AUTH, &request("openid", &both)).await;
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("Conflict params") && answer.body.contains("Emulated Google"));
    let odd = request("openid", &[("access_type", "sometimes")]);
    let callback = world.browser().authorize(AUTH, &odd, "ada").await;
    assert_eq!(callback.value("error"), "invalid_request");
}

#[tokio::test]
async fn a_refresh_answer_has_no_refresh_token_and_scopes_are_spelled_long() {
    let world = World::start().await;
    let offline = request("openid email", &[("access_type", "offline")]);
    let tokens = connect(&world, &mut world.browser(), &offline).await;
    assert_eq!(tokens["scope"], "openid https://www.googleapis.com/auth/userinfo.email");
    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
    let refreshed = token(&world, &fields).await;
    assert_eq!(refreshed.status, 200);
    assert!(refreshed.json().get("refresh_token").is_none());
    let userinfo = world.get_with("/google/v1/userinfo", &refreshed.text("access_token")).await;
    assert_eq!(userinfo.text("email"), "ada@emulator.test");

    let revoked = world.post_form("/google/revoke", &[("token", refresh_token)]).await;
    assert_eq!(revoked.status, 200);
    let refused = token(&world, &fields).await;
    assert_eq!(refused.error(), (400, "invalid_grant".to_owned()));
    assert_eq!(refused.text("error_description"), "Token has been expired or revoked.");
    let again = world.post_form("/google/revoke", &[("token", refresh_token)]).await;
    assert_eq!(again.error(), (400, "invalid_token".to_owned()));
}

#[tokio::test]
async fn revoking_an_access_token_ends_the_whole_grant() {
    let world = World::start().await;
    let offline = request("openid", &[("access_type", "offline")]);
    let tokens = connect(&world, &mut world.browser(), &offline).await;
    let path = format!("/google/revoke?token={}", tokens["access_token"].as_str().unwrap());
    assert_eq!(world.post_form(&path, &[]).await.status, 200);
    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
    assert_eq!(token(&world, &fields).await.status, 400);
}

#[tokio::test]
async fn single_scopes_can_be_unticked_and_earlier_ones_included() {
    let world = World::start().await;
    let mut browser = world.browser();
    let drive = "https://www.googleapis.com/auth/drive.file";
    let both = request(&format!("openid {CALENDAR} {drive}"), &[]);
    let page = browser.start(AUTH, &both).await;
    let decision = [("decision", "allow"), ("scope", CALENDAR)];
    let callback = browser.walk(page, "ada", &decision).await;
    let grant = ("grant_type", "authorization_code");
    let uri = ("redirect_uri", CALLBACK);
    let tokens = token(&world, &[grant, uri, ("code", callback.code())]).await;
    assert_eq!(tokens.text("scope"), format!("openid {CALENDAR}"));

    let more = request("openid", &[("include_granted_scopes", "true")]);
    let tokens = connect(&world, &mut browser, &more).await;
    assert_eq!(tokens["scope"], format!("openid {CALENDAR}"));
}

#[tokio::test]
async fn discovery_names_its_own_issuer_and_tokens_stay_in_their_flavour() {
    let world = World::start().await;
    let discovery = world.get("/google/.well-known/openid-configuration").await;
    assert_eq!(discovery.text("issuer"), world.url("/google"));
    let callback = world.browser().authorize(AUTH, &request("openid", &[]), "ada").await;
    assert_eq!(callback.value("iss"), world.url("/google"));
    let grant = ("grant_type", "authorization_code");
    let fields = [grant, ("code", callback.code()), ("redirect_uri", CALLBACK)];
    let tokens = token(&world, &fields).await;
    assert_eq!(world.get_with("/userinfo", &tokens.text("access_token")).await.status, 401);
}
