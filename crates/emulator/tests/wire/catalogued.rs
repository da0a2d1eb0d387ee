//! Providers that a file of the catalogue describes, one of them written here.

use std::sync::Arc;

use connectors::{Catalogue, Spec};
use emulator::{Client, Flavour, Strategy};
use protocol::secret::ClientSecret;
use serde_json::Value;

use crate::world::{Answer, CALLBACK, World, basic, form_body, with};

/// Written for this test alone: a provider is one file.
const ACME: &str = r#"
strategy = "acme"
name = "Acme"
verified_on = "2026-11-27"
sources = [{ url = "https://acme.example/docs", for = [
  "endpoints", "client", "scopes", "token", "refresh", "errors", "userinfo", "account",
] }]
[endpoints]
authorization = "https://acme.example/sign/in"
token = "https://api.acme.example/token"
userinfo = "https://api.acme.example/me"
[client]
auth = "post"
pkce = "off"
id_parameter = "app"
[scopes]
parameter = "wanted"
request_separator = "comma"
answer_separator = "comma"
[token]
body = "json"
scope = ["rights.given"]
[refresh]
rotates = "always"
ends_access_token = true
margin_seconds = 60
[errors]
status = 200
code = ["problem.code"]
permanent = ["invalid_pass"]
[userinfo]
header = "x-acme-token"
scheme = ""
[account]
id_token = false
subject = ["people.0.id"]
email = ["people.0.mail"]
"#;

async fn world() -> World {
    let catalogue = Catalogue::embedded().unwrap().load_dir([("acme.toml", ACME)]).unwrap();
    let spec = |name: &str| -> Arc<Spec> { Arc::clone(catalogue.get(name).unwrap()) };
    let specs = ["acme", "slack", "windowslive"].map(spec);
    World::start_with(|config| {
        for spec in &specs {
            let flavour = Flavour::Catalogued(Strategy::of(&spec.strategy).unwrap());
            let (secret, to) = (ClientSecret::new("s3cr3t"), vec![CALLBACK.to_owned()]);
            config.clients.push(Client::confidential(flavour, "client-1", secret, to));
        }
        config.providers = specs.into();
    })
    .await
}

fn request(changes: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let base = with(crate::world::web_request(""), &[("client_id", "client-1")]);
    with(base, changes)
}

async fn slack(world: &World, fields: &[(&str, &str)]) -> Answer {
    let call = world.http.post(world.url("/slack/api/oauth.v2.access"));
    let call = call.header("authorization", basic(("client-1", "s3cr3t")));
    world.send(form_body(call, fields)).await
}

#[tokio::test]
async fn slack_nests_the_persons_token_and_refuses_with_status_200() {
    let world = world().await;
    let asked = request(&[("user_scope", "chat:write,channels:read")]);
    let callback = world.browser().authorize("/slack/oauth/v2/authorize", &asked, "ada").await;
    let fields = [("grant_type", "authorization_code"), ("code", callback.code())];
    let fields = [&fields[..], &[("redirect_uri", CALLBACK)]].concat();
    let answer = slack(&world, &fields).await.json();
    assert!(answer.get("access_token").is_none(), "{answer}");
    let person = &answer["authed_user"];
    assert_eq!(person["scope"], "chat:write,channels:read");
    assert_eq!(person["expires_in"], 43_200);

    let refresh = |token: &Value| {
        let token = token.as_str().unwrap().to_owned();
        let world = &world;
        async move {
            let grant = ("grant_type", "refresh_token");
            slack(world, &[grant, ("refresh_token", token.as_str())]).await
        }
    };
    let second = refresh(&person["refresh_token"]).await.json();
    assert!(second["access_token"].is_string() && second["refresh_token"].is_string(), "{second}");
    let replayed = refresh(&person["refresh_token"]).await;
    assert_eq!(replayed.error(), (200, "invalid_refresh_token".to_owned()));
}

#[tokio::test]
async fn microsoft_tells_a_dead_refresh_token_by_its_number() {
    let world = world().await;
    let asked = request(&[("scope", "openid offline_access Mail.Read")]);
    let path = "/windowslive/common/oauth2/v2.0/authorize";
    let callback = world.browser().authorize(path, &asked, "ada").await;
    let credentials = [("client_id", "client-1"), ("client_secret", "s3cr3t")];
    let token = async |fields: &[(&str, &str)]| {
        let path = "/windowslive/common/oauth2/v2.0/token";
        world.post_form(path, &[&credentials, fields].concat()).await
    };
    let grant = ("grant_type", "authorization_code");
    let code = [grant, ("code", callback.code()), ("redirect_uri", CALLBACK)];
    let answer = token(&code).await.json();
    assert_eq!(answer["scope"], "openid Mail.Read");
    let refused = token(&[("grant_type", "refresh_token"), ("refresh_token", "unknown")]).await;
    assert_eq!(refused.error(), (400, "invalid_grant".to_owned()));
    assert!(refused.text("error_description").starts_with("AADSTS700082"));
}

#[tokio::test]
async fn a_provider_is_one_file() {
    let world = world().await;
    let asked = with(request(&[("client_id", ""), ("app", "client-1")]), &[("wanted", "a,b")]);
    let callback = world.browser().authorize("/acme/sign/in", &asked, "ada").await;
    let call = async |body: Value| world.post_json("/acme/token", body).await;
    let code = serde_json::json!({
        "grant_type": "authorization_code", "code": callback.code(), "redirect_uri": CALLBACK,
        "app": "client-1", "client_secret": "s3cr3t",
    });
    let answer = call(code).await.json();
    assert_eq!(answer["rights"]["given"], "a,b");
    let token = answer["access_token"].as_str().unwrap();
    let me = async |token: &str| {
        world.send(world.http.get(world.url("/acme/me")).header("x-acme-token", token)).await
    };
    assert_eq!(me(token).await.json()["people"][0]["mail"], "ada@emulator.test");

    let refresh = serde_json::json!({
        "grant_type": "refresh_token", "refresh_token": answer["refresh_token"],
        "app": "client-1", "client_secret": "s3cr3t",
    });
    assert!(call(refresh.clone()).await.json()["access_token"].is_string());
    assert_eq!(me(token).await.status, 401, "the refresh ended it");
    let replayed = call(refresh).await;
    assert_eq!(replayed.status, 200);
    assert_eq!(replayed.json()["problem"]["code"], "invalid_pass");
}
