//! What becomes of an earlier grant when an account is connected once more.

use model::log_event::LogEventKind;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{CALENDAR_CONNECTION, Connect, Emulated, Engine, Exchange, Login, TestServer};
use url::Url;

use crate::scene::{LoggedIn, Scene, add_connection};
use crate::support::edit_connection;

const EMAIL: &str = "https://www.googleapis.com/auth/userinfo.email";
const DRIVE: &str = "https://www.googleapis.com/auth/drive.readonly";

fn for_writing() -> Connect {
    let scopes = ["openid", "offline_access", "write:calendar"].map(str::to_owned);
    Connect { scopes: Some(scopes.into()), ..Connect::calendar() }
}

fn scopes(account: &Value) -> Vec<&str> {
    let mut scopes: Vec<_> =
        account["scopes"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    scopes.sort_unstable();
    scopes
}

/// What a connect of more asks the provider for.
async fn asked(ada: &LoggedIn, parameters: Value) -> Vec<String> {
    let body = json!({
        "connection": "calendar", "redirect_uri": "http://localhost:1/callback",
        "scopes": ["openid", "write:calendar"], "authorization_params": parameters,
    });
    let call = ada.tenant.post("/me/v1/connected-accounts/connect").access(&ada.mine);
    let begun = call.json(&body).send().await.expect(201);
    let mut url = Url::parse(&begun.member("connect_uri")).unwrap();
    let ticket = begun.json()["connect_params"]["ticket"].as_str().unwrap().to_owned();
    url.query_pairs_mut().append_pair("ticket", &ticket);
    let departure = Url::parse(ada.browser.get(&url).await.location()).unwrap();
    let scope = departure.query_pairs().find(|(name, _)| name == "scope").unwrap().1;
    let mut scopes: Vec<_> = scope.split(' ').map(str::to_owned).collect();
    scopes.sort_unstable();
    scopes
}

/// The provider's newest grant has what the latest request asked for and nothing else.
#[tokio::test]
async fn connecting_for_more_keeps_what_there_was() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let scene = Scene::of(server, &Login::web()).await;
        let account = scene.ada.connect(&for_writing()).await;
        assert_eq!(account["id"], scene.account["id"]);
        let all =
            ["email", "offline_access", "openid", "profile", "read:calendar", "write:calendar"];
        assert_eq!(scopes(&account), all);
        // The tokens can do so as well, also once they were renewed.
        scene.is_intact().await;
        scene.server.clock().advance(Duration::from_hours(1));
        scene.ada.exchange(&Exchange::calendar().scope("write:calendar")).await.expect(200);
        scene.is_intact().await;
    }
}

/// Which account is meant is known if the application says so; otherwise it may be any.
#[tokio::test]
async fn a_hint_tells_whose_earlier_grant_is_asked_for_again() {
    let scene = Scene::web().await;
    let ada = &scene.ada;
    let all = ["email", "offline_access", "openid", "profile", "read:calendar", "write:calendar"];
    let only = ["offline_access", "openid", "write:calendar"];
    assert_eq!(asked(ada, json!({})).await, all);
    for hint in [Emulated::email_of("ada"), Emulated::subject_of("ada")] {
        assert_eq!(asked(ada, json!({ "login_hint": hint })).await, all);
    }
    assert_eq!(asked(ada, json!({ "login_hint": Emulated::email_of("grace") })).await, only);
    // Somebody else's accounts are nobody's business.
    let grace = Login::web().by_person(scene.server.grace());
    let grace = LoggedIn::of(&scene.server, &grace).await;
    assert_eq!(asked(&grace, json!({})).await, only);
}

/// What was asked for only to keep it may be withheld. The account then has what it has.
#[tokio::test]
async fn what_the_provider_keeps_back_of_an_earlier_grant_is_told() {
    let scene = Scene::web().await;
    let scope = "openid offline_access write:calendar";
    let edit = json!({ "kind": "edit", "set": { "scope": scope } });
    scene.server.provider().fault(json!({ "endpoint": "code_exchange", "effect": edit })).await;
    let account = scene.ada.connect(&for_writing()).await;
    assert_eq!(scopes(&account), ["offline_access", "openid", "write:calendar"]);
    let event = scene.server.latest_event(LogEventKind::AccountUpdated).await.detail;
    assert_eq!(event.description.as_deref(), Some("granted_less"));
    let reading = Exchange::calendar().scope("read:calendar");
    scene.ada.exchange(&reading).await.expect(403);
}

/// Google adds to what it granted before. An answer without scopes means all of that.
#[tokio::test]
async fn a_provider_whose_grants_add_up_is_asked_for_no_more_than_is_wanted() {
    let server = TestServer::start().await;
    add_connection(&server, "google", "google-oauth2", json!({ "email": true })).await;
    let ada = LoggedIn::of(&server, &Login::web()).await;
    let connect = |scopes: &[&str]| Connect {
        connection: "google".to_owned(),
        scopes: Some(scopes.iter().map(|&scope| scope.to_owned()).collect()),
        persona: None,
    };
    let first = ada.connect(&connect(&["openid", DRIVE])).await;
    let edit = json!({ "kind": "edit", "omit": ["scope"] });
    server.provider().fault(json!({ "endpoint": "code_exchange", "effect": edit })).await;
    let wanted = connect(&["openid", "email"]);
    let connecting = server.start_connecting(&ada.mine, &wanted).await;
    let departure = Url::parse(ada.browser.get(&connecting.url).await.location()).unwrap();
    let scope = departure.query_pairs().find(|(name, _)| name == "scope").unwrap().1;
    assert_eq!(scope, "openid email");
    let second = ada.connect(&wanted).await;
    assert_eq!(second["id"], first["id"]);
    assert_eq!(scopes(&second), ["email", DRIVE, EMAIL, "openid"]);
}

/// A login asks for what the connection asks for, whoever logs in.
#[tokio::test]
async fn a_login_does_not_take_away_what_was_connected_for_more() {
    let server = TestServer::start().await;
    edit_connection(&server, CALENDAR_CONNECTION, |connection| {
        let switch = json!({ "active": true });
        connection.options.insert("federated_connections_access_tokens".to_owned(), switch);
    })
    .await;
    let login = Login::web().with("connection", CALENDAR_CONNECTION);
    let ada = LoggedIn::of(&server, &login).await;
    let account = ada.connect(&for_writing()).await;
    let all = ["email", "offline_access", "openid", "profile", "read:calendar", "write:calendar"];
    assert_eq!(scopes(&account), all);
    let again = LoggedIn::of(&server, &login).await;
    assert_eq!(again.only_account().await, account);
    again.exchange(&Exchange::calendar().scope("write:calendar")).await.expect(200);
}
