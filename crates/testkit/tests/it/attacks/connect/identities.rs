//! Whose account: the provider's subject tells, and nothing else.

use model::log_event::LogEventKind;
use serde_json::{Value, json};
use testkit::{Connect, Emulated, Exchange, Login, TestServer};

use super::accounts;
use crate::scene::{LoggedIn, NOT_CONNECTED, Scene, owner_of, refuses};
use crate::support::{arrive_by_provider, edit_connection};

#[tokio::test]
async fn a107_another_identity_is_another_account() {
    let scene = Scene::web().await;
    let server = &scene.server;
    let first = scene.ada.calendar_token().await;
    let second = scene.ada.connect_as("grace").await;
    assert_ne!(second["id"], scene.account["id"]);
    let ids: Vec<Value> = scene.ada.accounts().await.iter().map(|it| it["id"].clone()).collect();
    assert_eq!(ids, [scene.account["id"].clone(), second["id"].clone()]);
    // What was connected first is untouched.
    for (user, expected) in [("ada", Some(&first)), ("grace", None)] {
        let exchange = Exchange::calendar().login_hint(&Emulated::subject_of(user));
        let token = scene.ada.exchange(&exchange).await.expect(200).member("access_token");
        assert_eq!(owner_of(server, &token).await, Emulated::subject_of(user));
        assert!(expected.is_none_or(|expected| *expected == token));
    }
}

/// The same identity connected again is the same account, with new tokens.
#[tokio::test]
async fn a107_the_same_identity_is_updated_in_place() {
    let scene = Scene::web().await;
    let first = scene.ada.calendar_token().await;
    let again = scene.ada.connect(&Connect::calendar()).await;
    assert_eq!(again["id"], scene.account["id"]);
    assert_eq!(again["created_at"], scene.account["created_at"]);
    assert_eq!(accounts(&scene.server).await, 1);
    assert_ne!(scene.ada.calendar_token().await, first);
}

/// One provider account may be connected by two people; each has tokens of their own.
#[tokio::test]
async fn a107_two_people_with_one_identity_have_two_accounts() {
    let scene = Scene::web().await;
    let server = &scene.server;
    let grace = LoggedIn::of(server, &Login::web().by_person(server.grace())).await;
    let hers = grace.connect_as("ada").await;
    assert_ne!(hers["id"], scene.account["id"]);
    assert_ne!(grace.calendar_token().await, scene.ada.calendar_token().await);

    // Disconnected by one, it stays the other's.
    let path = format!("/me/v1/connected-accounts/accounts/{}", hers["id"].as_str().unwrap());
    server.delete(&path).access(&grace.mine).send().await.expect(204);
    let attempt = grace.exchange_calendar();
    refuses(server, NOT_CONNECTED, "tokenset_not_found", attempt).await;
    scene.is_intact().await;
}

/// Whatever address the provider names: the account belongs to who connected it, and a hint finds it
/// by an address only if the provider vouches for that in so many words.
#[tokio::test]
async fn a111_an_address_links_nobody() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::web()).await;
    let grace = LoggedIn::of(&server, &Login::web().by_person(server.grace())).await;
    let address = server.seeded().people[0].email.as_str();
    let (local, domain) = address.split_once('@').unwrap();
    let homoglyph = format!("{local}\u{ff20}{domain}");
    let twice = format!("{local}@{domain}@evil.example");
    for (email, verified, hint, is_found) in [
        (json!(address), json!(true), address, true),
        (json!(address.to_uppercase()), json!(true), address, true),
        (json!(address), Value::Null, address, false),
        (json!(address), json!(false), address, false),
        (json!(address), json!("true"), address, false),
        (json!(address), json!("false"), address, false),
        (json!(address), json!(1), address, false),
        (json!(homoglyph), json!(true), address, false),
        (json!(homoglyph), json!(true), &homoglyph, false),
        (json!(twice), json!(true), address, false),
        (json!([address]), json!(true), address, false),
        (json!(format!("{address}\n")), json!(true), address, false),
        (Value::Null, json!(true), address, false),
    ] {
        let lie = json!({ "email": email, "email_verified": verified });
        let edit = json!({ "kind": "edit", "set": lie });
        let rule = json!({ "endpoint": "userinfo", "effect": edit });
        server.provider().fault(rule).await;
        // Without an address in the ID token there is none to fall back to.
        let scopes = ["openid", "profile", "offline_access", "read:calendar"];
        let connect =
            Connect { scopes: Some(scopes.map(str::to_owned).into()), ..Connect::calendar() };
        grace.connect(&connect).await;
        assert_eq!(ada.accounts().await, Vec::<Value>::new(), "{email} {verified}");
        let exchange = Exchange::calendar().login_hint(hint);
        let attempt = ada.exchange(&exchange);
        refuses(&server, NOT_CONNECTED, "tokenset_not_found", attempt).await;
        let answer = grace.exchange(&exchange).await;
        assert_eq!(answer.status == 200, is_found, "{email} {verified} {hint}");
    }
    assert_eq!(accounts(&server).await, 1);
}

/// An account that is connected logs nobody in, and a connection for accounts alone does not either.
#[tokio::test]
async fn a112_what_is_connected_logs_nobody_in() {
    let server = TestServer::start().await;
    edit_connection(&server, "calendar", |it| it.authentication.active = false).await;
    let scene = Scene::of(server, &Login::web()).await;
    let server = &scene.server;
    // The browser that connected without being logged in is still nobody's.
    let connecting = scene.ada.begin().await;
    let stranger = server.browser();
    let page = stranger.open(connecting.url.as_str()).await;
    let page = stranger.walk(page, &server.ada()).await;
    page.expect_parameter("connect_code");
    assert_eq!(stranger.cookie("strongroom_session"), None);

    let page = arrive_by_provider(server, &stranger, &Login::spa(), &server.ada()).await;
    assert_eq!(page.expect_parameter("error"), "invalid_request");
    assert_eq!(page.expect_parameter("error_description"), "the connection was not found");
    assert_eq!(stranger.cookie("strongroom_session"), None);
    assert_eq!(server.count_events(LogEventKind::LoginFailed).await, 1);

    // Allowed to log in, the account is a person of its own and has nothing that Ada connected.
    edit_connection(server, "calendar", |it| it.authentication.active = true).await;
    let login = Login::web().with("connection", "calendar");
    let other = server.log_in(&server.browser(), &login).await;
    let claims = server.claims_of(&other.id_token.clone().unwrap());
    assert_eq!(claims["sub"], "oidc|calendar|emulated-ada");
    let calendar = Exchange::calendar();
    let attempt = server.exchange_refresh_token(&other, &calendar);
    refuses(server, NOT_CONNECTED, "tokenset_not_found", attempt).await;
    scene.is_intact().await;
}
