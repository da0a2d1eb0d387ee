//! Several accounts of one person on one connection, and which of them is meant.

use serde_json::json;
use testkit::{Connect, Emulated, Exchange, Login, TestServer};

use crate::scene::{LoggedIn, NOT_CONNECTED, Scene, owner_of, refuses};

/// Whose token an exchange gives.
async fn given(ada: &LoggedIn, hint: Option<&str>) -> String {
    let mut exchange = Exchange::calendar();
    exchange.login_hint = hint.map(str::to_owned);
    let token = ada.exchange(&exchange).await.expect(200).member("access_token");
    owner_of(&ada.tenant, &token).await
}

#[tokio::test]
async fn a_hint_picks_an_account_and_without_one_the_latest_is_meant() {
    let scene = Scene::web().await;
    let ada = &scene.ada;
    assert_eq!(given(ada, None).await, "emulated-ada");
    ada.connect_as("grace").await;
    assert_eq!(ada.accounts().await.len(), 2);
    for (hint, expected) in [
        (None, "emulated-grace"),
        (Some("emulated-ada"), "emulated-ada"),
        (Some("emulated-grace"), "emulated-grace"),
        (Some("ada@calendar.test"), "emulated-ada"),
        (Some(" Ada@Calendar.Test "), "emulated-ada"),
        (Some("grace@calendar.test"), "emulated-grace"),
    ] {
        assert_eq!(given(ada, hint).await, expected, "{hint:?}");
    }
    for hint in ["nobody", "ada", "EMULATED-ADA", "emulated-ada ", "ada@strongroom.test", "%"] {
        let exchange = Exchange::calendar().login_hint(hint);
        let attempt = ada.exchange(&exchange);
        refuses(&scene.server, NOT_CONNECTED, "tokenset_not_found", attempt).await;
    }
    // Connected again, the first is the latest.
    ada.connect_as("ada").await;
    assert_eq!(ada.accounts().await.len(), 2);
    assert_eq!(given(ada, None).await, "emulated-ada");
}

/// One account that looks like another's address is found by what it is.
#[tokio::test]
async fn a_subject_goes_before_an_address() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::web()).await;
    ada.connect_as("ada").await;
    // Grace's account there bears Ada's address, and the provider vouches for it.
    let edit =
        json!({ "kind": "edit", "set": { "email": "emulated-ada", "email_verified": true } });
    server.provider().fault(json!({ "endpoint": "userinfo", "effect": edit })).await;
    ada.connect_as("grace").await;
    assert_eq!(given(&ada, Some("emulated-ada")).await, "emulated-ada");
}

/// Each account has tokens, scopes and an end of its own.
#[tokio::test]
async fn accounts_of_one_connection_live_apart() {
    let scene = Scene::web().await;
    let (server, ada) = (&scene.server, &scene.ada);
    let second = ada.connect_as("grace").await;
    server.clock().advance(std::time::Duration::from_hours(1));
    let by_ada = Exchange::calendar().login_hint(&Emulated::subject_of("ada"));
    let by_grace = Exchange::calendar().login_hint(&Emulated::subject_of("grace"));
    ada.exchange(&by_ada).await.expect(200);
    assert_eq!(server.provider().refreshes().await, 1);
    server.provider().revoke("grace").await;
    assert_eq!(ada.exchange(&by_grace).await.status, 401);
    ada.exchange(&by_ada).await.expect(200);

    let path = format!("/me/v1/connected-accounts/accounts/{}", second["id"].as_str().unwrap());
    server.delete(&path).access(&ada.mine).send().await.expect(204);
    let attempt = ada.exchange(&by_grace);
    refuses(server, NOT_CONNECTED, "tokenset_not_found", attempt).await;
    scene.is_intact().await;
}

/// What was granted is what the provider says, not what was asked for.
#[tokio::test]
async fn the_scopes_are_those_of_the_providers_answer() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::web()).await;
    let asked = ["openid", "offline_access", "read:calendar"];
    let as_asked = || json!(["openid", "read:calendar", "offline_access"]);
    let connect = Connect { scopes: Some(asked.map(str::to_owned).into()), ..Connect::calendar() };
    for (answered, granted) in [
        (json!("openid read:calendar"), json!(["openid", "read:calendar"])),
        (json!("read:calendar more:than:asked"), json!(["read:calendar", "more:than:asked"])),
        (json!(["openid", "read:calendar"]), json!(["openid", "read:calendar"])),
        // RFC 6749 §5.1: what is not said is as it was asked for.
        (json!(null), as_asked()),
        (json!(""), as_asked()),
    ] {
        let edit = json!({ "kind": "edit", "set": { "scope": answered } });
        server.provider().fault(json!({ "endpoint": "code_exchange", "effect": edit })).await;
        let account = ada.connect(&connect).await;
        assert_eq!(account["scopes"], granted, "{answered}");
        let words: Vec<&str> =
            granted.as_array().unwrap().iter().filter_map(|word| word.as_str()).collect();
        assert_eq!(ada.exchange_calendar().await.expect(200).member("scope"), words.join(" "));
    }
}
