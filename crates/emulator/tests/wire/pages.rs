//! The authorization endpoint and its pages.

use crate::browser::form_action;
use crate::world::{CALLBACK, CHALLENGE, World, encoded, web_request, with};

#[tokio::test]
async fn errors_before_client_and_redirect_uri_are_known_stay_on_a_page() {
    let world = World::start().await;
    let bad: [&[(&str, &str)]; 7] = [
        &[("client_id", "")],
        &[("client_id", "nobody")],
        &[("client_id", "google")],
        &[("redirect_uri", "")],
        &[("redirect_uri", "http://localhost:4000/login/callback/")],
        &[("redirect_uri", "http://localhost:4000/login/callback?x=1")],
        &[("redirect_uri", "http://LOCALHOST:4000/login/callback")],
    ];
    for changes in bad {
        let answer =
            world.browser().start("/authorize", &with(web_request("openid"), changes)).await;
        assert_eq!((answer.status, answer.header("location")), (400, ""), "{changes:?}");
        assert!(answer.body.contains("Emulated provider"));
    }
    let twice = format!("/authorize?{}&client_id=web", encoded(&web_request("openid")));
    assert_eq!(world.browser().get(&twice).await.status, 400);
}

#[tokio::test]
async fn other_errors_go_to_the_client_with_state_and_issuer() {
    let world = World::start().await;
    let cases: [(&[(&str, &str)], &str); 12] = [
        (&[("response_type", "")], "invalid_request"),
        (&[("response_type", "token")], "unsupported_response_type"),
        (&[("response_mode", "fragment")], "invalid_request"),
        (&[("scope", "openid no:such")], "invalid_scope"),
        (&[("scope", "openid \"")], "invalid_scope"),
        (&[("scope", "")], "invalid_scope"),
        (&[("code_challenge", CHALLENGE)], "invalid_request"),
        (&[("code_challenge", CHALLENGE), ("code_challenge_method", "plain")], "invalid_request"),
        (&[("code_challenge", "short"), ("code_challenge_method", "S256")], "invalid_request"),
        (&[("prompt", "none login")], "invalid_request"),
        (&[("max_age", "soon")], "invalid_request"),
        (&[("request", "eyJ")], "request_not_supported"),
    ];
    for (changes, expected) in cases {
        let request = with(web_request("openid"), changes);
        let callback = world.browser().authorize("/authorize", &request, "ada").await;
        assert_eq!(callback.value("error"), expected, "{changes:?}");
        assert_eq!(callback.value("state"), "the state & more");
        assert_eq!(callback.value("iss"), world.running.issuer);
        assert!(!callback.has("code"));
    }
    let twice = format!("/authorize?{}&scope=openid", encoded(&web_request("openid")));
    let answer = world.browser().get(&twice).await;
    assert!(answer.header("location").contains("error=invalid_request"));
}

#[tokio::test]
async fn a_session_and_a_consent_are_remembered() {
    let world = World::start().await;
    let mut browser = world.browser();
    let request = web_request("openid email");
    browser.authorize("/authorize", &request, "ada").await;
    browser.seen.clear();
    assert!(browser.authorize("/authorize", &request, "ada").await.has("code"));
    assert!(browser.seen.is_empty());

    let wider = web_request("openid email read:calendar");
    assert!(browser.authorize("/authorize", &wider, "ada").await.has("code"));
    assert_eq!(browser.seen, ["Allow access"]);
}

#[tokio::test]
async fn prompt_none_never_shows_a_page() {
    let world = World::start().await;
    let mut browser = world.browser();
    let silent = |scope| with(web_request(scope), &[("prompt", "none")]);
    let callback = browser.authorize("/authorize", &silent("openid"), "ada").await;
    assert_eq!(callback.value("error"), "login_required");
    browser.authorize("/authorize", &web_request("openid"), "ada").await;
    browser.seen.clear();
    let callback = browser.authorize("/authorize", &silent("openid"), "ada").await;
    assert!(callback.has("code"));
    let callback = browser.authorize("/authorize", &silent("openid email"), "ada").await;
    assert_eq!(callback.value("error"), "consent_required");
    assert!(browser.seen.is_empty());
}

#[tokio::test]
async fn prompts_ask_again_and_another_user_may_come() {
    let world = World::start().await;
    let mut browser = world.browser();
    browser.authorize("/authorize", &web_request("openid"), "ada").await;
    let sub_of = async |code: &str| {
        let access_token = world.redeem(code).await.text("access_token");
        world.get_with("/userinfo", &access_token).await.text("sub")
    };

    browser.seen.clear();
    let login = with(web_request("openid"), &[("prompt", "login")]);
    let callback = browser.authorize("/authorize", &login, "grace").await;
    assert_eq!(browser.seen, ["Sign in", "Allow access"]);
    assert_eq!(sub_of(callback.code()).await, "sub-grace");

    browser.seen.clear();
    let select = with(web_request("openid"), &[("prompt", "select_account")]);
    let callback = browser.authorize("/authorize", &select, "ada").await;
    assert_eq!(browser.seen, ["Choose an account"]);
    assert_eq!(sub_of(callback.code()).await, "sub-ada");

    browser.seen.clear();
    let consent = with(web_request("openid"), &[("prompt", "consent")]);
    let callback = browser.authorize("/authorize", &consent, "ada").await;
    assert_eq!(browser.seen, ["Allow access"]);
    assert_eq!(sub_of(callback.code()).await, "sub-ada");

    browser.seen.clear();
    let hint = with(web_request("openid"), &[("login_hint", "grace@emulator.test")]);
    let callback = browser.authorize("/authorize", &hint, "ada").await;
    assert!(browser.seen.is_empty());
    assert_eq!(sub_of(callback.code()).await, "sub-grace");
}

#[tokio::test]
async fn another_account_than_those_signed_in_can_be_used() {
    let world = World::start().await;
    let mut browser = world.browser();
    browser.authorize("/authorize", &web_request("openid"), "ada").await;
    let select = with(web_request("openid"), &[("prompt", "select_account")]);
    let page = browser.start("/authorize", &select).await;
    let sent = browser.post(&form_action(&page.body), &[("account", "")]).await;
    let page = browser.follow(sent).await;
    assert!(page.body.contains("id=\"username\""));
    let callback = browser.walk(page, "edsger", &[("decision", "allow")]).await;
    let tokens = world.redeem(callback.code()).await;
    let userinfo = world.get_with("/userinfo", &tokens.text("access_token")).await;
    assert_eq!(userinfo.text("sub"), "sub-edsger");
}

#[tokio::test]
async fn max_age_demands_a_fresh_sign_in() {
    let world = World::start().await;
    let mut browser = world.browser();
    browser.authorize("/authorize", &web_request("openid"), "ada").await;
    world.advance(61).await;
    browser.seen.clear();
    let aged = with(web_request("openid"), &[("max_age", "60")]);
    browser.authorize("/authorize", &aged, "ada").await;
    assert_eq!(browser.seen, ["Sign in"]);
}

#[tokio::test]
async fn the_login_hint_fills_the_form_in_and_is_inert_there() {
    let world = World::start().await;
    let hint = with(web_request("openid"), &[("login_hint", "\"><script>alert(1)</script>")]);
    let page = world.browser().start("/authorize", &hint).await;
    assert!(!page.body.contains("<script"), "{}", page.body);
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    let hint = with(web_request("openid"), &[("login_hint", "ada")]);
    let page = world.browser().start("/authorize", &hint).await;
    assert!(page.body.contains("value=\"ada\""), "{}", page.body);
}

#[tokio::test]
async fn a_wrong_password_shows_the_form_again() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = browser.start("/authorize", &web_request("openid")).await;
    let action = form_action(&page.body);
    for (username, password) in [("ada", "grace-password"), ("nobody", "ada-password")] {
        let again = browser.post(&action, &[("username", username), ("password", password)]).await;
        assert_eq!(again.status, 400);
        assert!(again.body.contains("Wrong user name or password."));
    }
    let callback = browser.walk(page, "ada", &[("decision", "allow")]).await;
    assert!(callback.has("code"));
}

#[tokio::test]
async fn denying_goes_back_with_access_denied_and_ends_the_interaction() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = browser.start("/authorize", &web_request("openid")).await;
    let action = form_action(&page.body);
    let callback = browser.walk(page, "ada", &[("decision", "deny")]).await;
    assert_eq!(callback.value("error"), "access_denied");
    assert_eq!(callback.value("state"), "the state & more");
    let gone = browser.get(action.trim_end_matches("/login")).await;
    assert_eq!(gone.status, 400);
    assert_eq!(world.stats().await["total"]["authorizations"], 0);
}

#[tokio::test]
async fn an_interaction_belongs_to_the_browser_that_started_it() {
    let world = World::start().await;
    let mut victim = world.browser();
    let page = victim.start("/authorize", &web_request("openid")).await;
    let action = form_action(&page.body);
    let login = [("username", "ada"), ("password", "ada-password")];

    let mut attacker = world.browser();
    assert_eq!(attacker.post(&action, &login).await.status, 400);
    attacker.start("/authorize", &web_request("openid")).await;
    assert_eq!(attacker.post(&action, &login).await.status, 400);

    let planted = victim.cookies.clone();
    let sent = victim.post(&action, &login).await;
    assert_ne!(victim.cookies, planted, "a new cookie at sign-in");
    attacker.cookies = planted;
    let consent = sent.header("location").to_owned();
    assert_eq!(attacker.get(&consent).await.status, 400);
    assert_eq!(victim.get(&consent).await.status, 200);
}

#[tokio::test]
async fn an_interaction_ends_after_ten_minutes() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = browser.start("/authorize", &web_request("openid")).await;
    world.advance(600).await;
    let login = [("username", "ada"), ("password", "ada-password")];
    assert_eq!(browser.post(&form_action(&page.body), &login).await.status, 400);
}

#[tokio::test]
async fn the_home_page_and_the_style_sheet_are_there() {
    let world = World::start().await;
    let home = world.get("/").await;
    assert!(home.body.contains("Provider emulator") && home.body.contains("ada Example"));
    assert_eq!(
        world.get("/assets/emulator.css").await.header("content-type"),
        "text/css; charset=utf-8"
    );
    assert!(!home.body.contains("style=") && !home.body.contains("<script"));
    assert!(home.body.contains(&world.url("/google/o/oauth2/v2/auth")));
}

#[tokio::test]
async fn an_authorization_request_may_be_posted_too() {
    let world = World::start().await;
    let request = web_request("openid");
    let fields: Vec<(&str, &str)> =
        request.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = world.post_form("/authorize", &fields).await;
    assert_eq!(answer.status, 303);
    assert!(!answer.header("location").starts_with(CALLBACK));
}
