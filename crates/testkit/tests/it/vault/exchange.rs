//! What an exchange gives, in every form in which it can be asked for.

use std::time::Duration;

use model::log_event::LogEventKind;
use serde_json::json;
use testkit::{Exchange, Login, RESOURCE_SERVER};

use crate::checks::is_token_answer;
use crate::scene::{LoggedIn, Scene};

#[tokio::test]
async fn an_access_token_is_exchanged_by_the_api_that_was_called() {
    let scene = Scene::spa().await;
    let answer = scene.ada.exchange_calendar().await.expect(200);
    is_token_answer(&answer);
    insta::assert_json_snapshot!(answer.json(), { ".access_token" => "[token]" }, @r#"
    {
      "access_token": "[token]",
      "expires_in": 3599,
      "issued_token_type": "http://auth0.com/oauth/token-type/federated-connection-access-token",
      "scope": "openid profile email read:calendar offline_access",
      "token_type": "Bearer"
    }
    "#);
    let events = scene.server.provider().events(&answer.member("access_token")).await.expect(200);
    assert!(!events.json()["events"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn a_refresh_token_is_exchanged_by_the_application_that_has_it() {
    let scene = Scene::web().await;
    let answer = scene.ada.exchange_calendar().await.expect(200);
    is_token_answer(&answer);
    scene.is_intact().await;
    // It is looked at and not spent: its own grant works as before.
    scene.server.refresh(&scene.ada.mine, &[("audience", RESOURCE_SERVER)]).await;
}

/// What the audit log keeps of an exchange: enough to find a leaked token, and no token.
#[tokio::test]
async fn an_exchange_is_noted_with_a_thumbprint() {
    let scene = Scene::spa().await;
    let server = &scene.server;
    let token = scene.ada.calendar_token().await;
    let event = server.latest_event(LogEventKind::VaultExchange).await.detail;
    assert_eq!(event.user_id.as_deref(), Some(server.seeded().people[0].user_id.as_str()));
    assert_eq!(event.client_id.as_deref(), Some(server.seeded().api.client_id.as_str()));
    assert_eq!(event.connection.as_deref(), Some("calendar"));
    assert_eq!(event.ip.as_deref(), Some("127.0.0.1"));
    let hash = protocol::secret::ProviderAccessToken::new(token.as_str()).hashed();
    let digits: Vec<String> = hash.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let thumbprint = digits.concat();
    insta::assert_json_snapshot!(event.details, {
        ".connected_account.id" => "[id]", ".expires_at" => "[time]",
        ".token_thumbprint" => insta::dynamic_redaction(move |value, _| {
            assert_eq!(value.as_str(), Some(thumbprint.as_str()));
            "[thumbprint]"
        }),
    }, @r#"
    {
      "connected_account": {
        "id": "[id]"
      },
      "expires_at": "[time]",
      "is_privileged_worker": false,
      "issued_token_type": "http://auth0.com/oauth/token-type/federated-connection-access-token",
      "scope": "openid profile email read:calendar offline_access",
      "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
      "token_thumbprint": "[thumbprint]"
    }
    "#);
}

/// Bodies in JSON and forms, credentials in the body and in the header.
#[tokio::test]
async fn an_exchange_may_be_asked_for_in_several_ways() {
    let scene = Scene::web().await;
    let server = &scene.server;
    let web = &server.seeded().web;
    let expected = scene.ada.calendar_token().await;
    let body = json!({
        "grant_type":
            "urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token",
        "subject_token_type": "urn:ietf:params:oauth:token-type:refresh_token",
        "subject_token": scene.ada.mine.refresh_token,
        "requested_token_type":
            "http://auth0.com/oauth/token-type/federated-connection-access-token",
        "connection": "calendar",
    });
    let mut with_secret = body.clone();
    with_secret["client_id"] = json!(web.client_id);
    with_secret["client_secret"] = json!(web.client_secret.expose());
    let answer = server.post("/oauth/token").json(&with_secret).send().await.expect(200);
    assert_eq!(answer.member("access_token"), expected);

    crate::support::edit_client(server, testkit::Application::Web, |client| {
        client.token_endpoint_auth_method = model::client::AuthMethod::ClientSecretBasic;
    })
    .await;
    let fields: Vec<(&str, &str)> = body
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        .collect();
    for call in [server.post("/oauth/token").json(&body), server.post("/oauth/token").form(&fields)]
    {
        let answer = call.basic(web).send().await.expect(200);
        assert_eq!(answer.member("access_token"), expected);
    }
}

/// A token of the vault is asked for often and written down seldom.
#[tokio::test]
async fn the_use_of_a_tokenset_is_noted_once_a_day() {
    let scene = Scene::web().await;
    let server = &scene.server;
    let last_used_at = async || {
        let user: String =
            form_urlencoded::byte_serialize(server.seeded().people[0].user_id.as_str().as_bytes())
                .collect();
        let path = format!("users/{user}/federated-connections-tokensets");
        let token = server.management_token().await;
        let call = server.management(reqwest::Method::GET, &path, &token);
        call.send().await.expect(200).json()[0]["last_used_at"].as_i64()
    };
    assert_eq!(last_used_at().await, None);
    scene.ada.calendar_token().await;
    let first = last_used_at().await.unwrap();
    for _ in 0..3 {
        server.clock().advance(Duration::from_hours(7));
        scene.ada.calendar_token().await;
        assert_eq!(last_used_at().await, Some(first));
    }
    server.clock().advance(Duration::from_hours(3));
    scene.ada.calendar_token().await;
    let second = last_used_at().await.unwrap();
    assert!((first + 86_400..first + 86_500).contains(&second), "{first} {second}");
}

/// The same account serves every application of the person that the connection serves.
#[tokio::test]
async fn an_account_serves_all_applications_of_its_person() {
    let scene = Scene::spa().await;
    let by_web = LoggedIn::of(&scene.server, &Login::web()).await;
    assert_eq!(by_web.calendar_token().await, scene.ada.calendar_token().await);
    assert_eq!(by_web.only_account().await, scene.account);
    let exchange = Exchange::calendar().scope("read:calendar");
    by_web.exchange(&exchange).await.expect(200);
}
