//! `strongroom dev --providers`, and what a second terminal can do to a server that runs: faults, the
//! clock. And who cannot.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::person::Person;
use crate::process::{Dev, folder, http, run};

/// The code of a command, and what it said on both outputs.
async fn told(home: &Path, line: &str) -> (Option<i32>, String) {
    let arguments: Vec<&str> = line.split(' ').collect();
    let output = run(home, &arguments).await;
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code(), text)
}

/// What a command that must work said.
async fn done(home: &Path, line: &str) -> String {
    let (code, text) = told(home, line).await;
    assert_eq!(code, Some(0), "{line}: {text}");
    text
}

#[tokio::test]
async fn the_providers_that_are_named_are_connected_and_exchanged() {
    let home = folder();
    let dev = Dev::start(home.path(), &["--no-demo", "--providers", "google,github,slack"]).await;
    assert_eq!(dev.announced["providers"], json!(["github", "google-oauth2", "slack"]));
    let mut ada = Person::log_in(&dev).await;
    for connection in ["calendar", "github", "google-oauth2", "slack"] {
        ada.connect(connection).await;
        let (status, answer) = ada.exchange(connection).await;
        assert_eq!(status, 200, "{connection}: {answer}");
        assert!(answer["access_token"].is_string(), "{connection}");
    }
    dev.stop().await;

    // Started again, it leads them to where the emulator is now.
    let dev = Dev::start(home.path(), &["--no-demo", "--providers", "slack"]).await;
    let mut ada = Person::log_in(&dev).await;
    ada.connect("slack").await;
    assert_eq!(ada.exchange("slack").await.0, 200);
    dev.stop().await;
}

#[tokio::test]
async fn a_provider_misbehaves_when_it_is_told_to() {
    let home = folder();
    let dev = Dev::start(home.path(), &["--no-demo", "--providers", "google"]).await;
    let mut ada = Person::log_in(&dev).await;
    ada.connect("google-oauth2").await;
    let home = home.path();
    assert_eq!(done(home, "dev fault list").await, "Every provider behaves.\n");
    assert_eq!(
        done(home, "dev fault google refresh 503 --always").await,
        "  1  google-oauth2  refresh        503; until it is cleared, struck 0\n"
    );
    let listed = done(home, "dev fault calendar token hang --times 2").await;
    assert!(
        listed.contains("  2  calendar       token          hang; 2 more, struck 0"),
        "{listed}"
    );

    // The token has ended on both clocks, and the provider does not renew it.
    assert!(done(home, "dev clock").await.contains(", the time of this machine"));
    let told_of_clock = done(home, "dev clock +2h").await;
    assert!(told_of_clock.contains("2h ahead of this machine"), "{told_of_clock}");
    let (status, answer) = ada.exchange("google-oauth2").await;
    assert_eq!((status, answer["error"].as_str()), (503, Some("temporarily_unavailable")));

    let cleared = done(home, "dev fault clear google").await;
    assert!(cleared.contains("calendar") && !cleared.contains("google"), "{cleared}");
    // Whoever failed is not asked at once again.
    done(home, "dev clock 1h").await;
    assert!(done(home, "dev clock").await.contains("3h ahead of this machine"));
    let (status, answer) = ada.exchange("google-oauth2").await;
    assert_eq!(status, 200, "{answer}");

    done(home, "dev fault google-oauth2 refresh invalid_grant").await;
    done(home, "dev clock 1d").await;
    let (status, answer) = ada.exchange("google-oauth2").await;
    let ended = "federated_connection_refresh_token_flow_failed";
    assert_eq!((status, answer["error"].as_str()), (401, Some(ended)));
    assert_eq!(done(home, "dev fault clear").await, "Every provider behaves.\n");
    dev.stop().await;
}

#[tokio::test]
async fn a_command_that_cannot_be_done_says_why() {
    let home = folder();
    let home = home.path();
    let no_server =
        "no dev server runs with the folder .strongroom: start one with `strongroom dev`";
    let check = async |line: &str, code: i32, sentence: &str| {
        let (found, text) = told(home, line).await;
        assert_eq!(found, Some(code), "{line}: {text}");
        assert!(text.contains(sentence), "{line}: {text}");
    };
    check("dev clock +2h", 1, no_server).await;
    check("dev fault list", 1, no_server).await;
    check("dev clock --data elsewhere", 1, "with the folder elsewhere").await;
    check("dev clock -2h", 2, "the clock goes forward only").await;
    check("dev clock reset", 2, "the clock goes forward only").await;
    check("dev clock soon", 2, "soon is not a length of time").await;
    check("dev --providers gogle", 5, "no provider gogle is known (near it: google").await;
    check("dev --providers oidc", 5, "oidc has no addresses of its own to emulate").await;
    check("dev --port 1 clock", 2, "error:").await;
    assert!(!home.join(".strongroom").exists());

    let dev = Dev::start(home, &["--no-demo"]).await;
    check("dev fault slack refresh 503", 5, "slack is not emulated there, but: calendar").await;
    check("dev fault calendar refresh slwo", 2, "slwo is no effect that there is").await;
    check("dev fault calendar refresh", 2, "this is not how a fault is described").await;
    check("dev fault calendar refreshes 503", 1, "unknown variant `refreshes`, expected one of")
        .await;
    check("dev clock 20000d", 1, "the clock does not go that far ahead").await;
    dev.kill().await;
    check("dev clock", 1, "does not answer; it was killed, or it is stopping").await;
}

/// A page in a browser, or another user of the machine, does not get through.
#[tokio::test]
async fn the_door_opens_to_the_secret_alone() {
    let home = folder();
    let dev = Dev::start(home.path(), &["--no-demo"]).await;
    let file = home.path().join(".strongroom/control.json");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let door: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(door["secret"], dev.text("/control/secret"));
    let url = dev.text("/control/url").to_owned();
    let secret = dev.text("/control/secret").to_owned();
    let client = http(None, "localhost");
    let ask = async |path: &str, headers: &[(&str, &str)]| {
        let mut request = client.request(Method::GET, format!("{url}{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        assert!(answer.headers().get("access-control-allow-origin").is_none());
        answer.status()
    };
    let bearer = format!("Bearer {secret}");
    let port = url.rsplit(':').next().unwrap();
    for path in ["/clock", "/_emulator/tokens", "/_emulator/faults"] {
        assert_eq!(ask(path, &[("authorization", &bearer)]).await, StatusCode::OK, "{path}");
        assert_eq!(ask(path, &[]).await, StatusCode::UNAUTHORIZED, "{path}");
        let wrong = [("authorization", "Bearer wrong")];
        assert_eq!(ask(path, &wrong).await, StatusCode::UNAUTHORIZED, "{path}");
        let page = [("authorization", &*bearer), ("origin", dev.text("/issuer"))];
        assert_eq!(ask(path, &page).await, StatusCode::FORBIDDEN, "{path}");
        let no_origin = [("authorization", &*bearer), ("origin", "null")];
        assert_eq!(ask(path, &no_origin).await, StatusCode::FORBIDDEN, "{path}");
        for host in [format!("evil.example:{port}"), format!("localhost:{port}")] {
            let rebound = [("authorization", &*bearer), ("host", &*host)];
            assert_eq!(ask(path, &rebound).await, StatusCode::FORBIDDEN, "{path}");
        }
    }
    // Neither the emulator nor the server has it on a port of its own.
    for origin in [dev.text("/emulator/issuer"), dev.text("/issuer")] {
        for path in ["_emulator/tokens", "_emulator/faults", "clock"] {
            let answer = client.get(format!("{origin}{path}")).bearer_auth(&secret).send().await;
            assert_eq!(answer.unwrap().status(), StatusCode::NOT_FOUND, "{origin}{path}");
        }
    }
    dev.stop().await;
    assert!(!file.exists());
}
