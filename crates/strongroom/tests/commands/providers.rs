//! `strongroom providers test`, beside a server that runs.

use serde_json::json;

use crate::process::{Dev, folder, http, run};

const STORAGE: [&str; 5] = [
    "--database",
    "sqlite:.strongroom/strongroom.db",
    "--kek-file",
    ".strongroom/kek",
    "--allow-loopback-providers",
];

#[tokio::test]
async fn a_connection_is_looked_at_beside_the_server() {
    let home = folder();
    let dev = Dev::start(home.path(), &["--no-demo"]).await;
    let test = async |more: &[&str], options: &[&str]| {
        let output = run(home.path(), &[&["providers", "test"], more, options].concat()).await;
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), text)
    };
    let (code, text) = test(&["calendar"], &STORAGE).await;
    assert_eq!(code, Some(0), "{text}");
    let (issuer, emulator) = (dev.text("/issuer"), dev.text("/emulator/issuer"));
    for line in [
        "calendar: OpenID Connect (oidc)\n",
        "ok       use          for connected accounts, by 3 applications\n",
        &format!("ok       discovery    the document speaks for {emulator}\n"),
        "ok       keys         the keys of its ID tokens can be read\n",
        "ok       credentials  the provider knows us: of a code that it never gave it says \
         invalid_grant\n",
        "ok       scopes       openid profile email read:calendar offline_access\n",
        "ok       offline      access in the person's absence is asked for\n",
        "ok       PKCE         on\n",
        &format!("letter by letter:\n  {issuer}login/callback\n"),
    ] {
        assert!(text.contains(line), "{line:?} in {text}");
    }
    assert!(!text.contains("problem") && !text.contains("unknown"), "{text}");

    // Without leave to call this machine, the rule is named.
    let (code, text) = test(&["calendar", "--tenant", "dev"], &STORAGE[..4]).await;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("problem  discovery    the address is not allowed: not_https"), "{text}");
    assert!(text.contains("--allow-private-network (docs/outbound.md)"), "{text}");

    // The operator mistypes the secret.
    let client = http(None, "localhost");
    let management = &dev.announced["management"];
    let body = json!({
        "grant_type": "client_credentials", "audience": management["audience"],
        "client_id": management["client_id"], "client_secret": management["client_secret"],
    });
    let post =
        client.post(format!("{issuer}oauth/token")).header("content-type", "application/json");
    let answer = post.body(body.to_string()).send().await.unwrap().text().await.unwrap();
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let token = answer["access_token"].as_str().unwrap();
    let body = json!({
        "name": "mistyped", "strategy": "oidc", "connected_accounts": { "active": true },
        "enabled_clients": [dev.announced["clients"]["web"]["client_id"]],
        "options": {
            "discovery_url": format!("{emulator}.well-known/openid-configuration"),
            "client_id": "strongroom", "client_secret": "a-mistyped-secret", "type": "back_channel",
            "scope": "openid",
        },
    });
    let post = client.post(format!("{issuer}api/v2/connections")).bearer_auth(token);
    let post = post.header("content-type", "application/json").body(body.to_string());
    assert_eq!(post.send().await.unwrap().status(), 201);
    let (code, text) = test(&["mistyped"], &STORAGE).await;
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("problem  credentials  the provider refuses our client: invalid_client"),
        "{text}"
    );
    assert!(text.contains("Compare options.client_id and options.client_secret"), "{text}");
    assert!(text.contains("unknown  offline"), "{text}");
    assert!(!text.contains("a-mistyped-secret"), "{text}");

    let (code, text) = test(&["nobody"], &STORAGE).await;
    assert_eq!((code, text.contains("no connection of this name")), (Some(5), true), "{text}");
    let (code, text) = test(&["calendar", "--tenant", "nobody"], &STORAGE).await;
    assert_eq!((code, text.contains("there is no tenant nobody")), (Some(5), true), "{text}");
    dev.stop().await;
}
