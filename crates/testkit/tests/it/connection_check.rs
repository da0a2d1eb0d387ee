//! What an operator is told of a connection that is set up well, and of one that is not.

use std::sync::Arc;
use std::time::Duration;

use engine::connection_check::{CheckError, Finding, Report, Verdict, check};
use reqwest::Method;
use serde_json::{Value, json};
use store::connections;
use testkit::TestServer;

use crate::scene::add_connection;

/// The connection, looked at.
async fn report(server: &TestServer, name: &str) -> Report {
    let tenant = server.seeded().tenant.clone();
    check(server.app(), tenant, name, server.app().now()).await.unwrap()
}

/// Every step that did not end well, as it prints.
fn troubles(report: &Report) -> Vec<(Verdict, String)> {
    let findings = report.findings.iter().map(|finding| (finding.verdict(), finding));
    let troubles = findings.filter(|(verdict, _)| *verdict != Verdict::Ok);
    troubles.map(|(verdict, finding)| (verdict, format!("{finding:?}"))).collect()
}

/// The one problem of a connection of these options.
async fn problem(server: &TestServer, name: &str, strategy: &str, options: Value) -> String {
    add_connection(server, name, strategy, options).await;
    let report = report(server, name).await;
    let mut troubles = troubles(&report);
    assert_eq!(troubles.len(), 1, "{troubles:?}");
    let (verdict, told) = troubles.remove(0);
    assert_eq!(verdict, Verdict::Problem, "{told}");
    let printed = format!("{report:?}");
    assert!(!printed.contains(server.provider().client_secret().expose()), "{printed}");
    told
}

fn at_the_emulator(server: &TestServer, more: &Value) -> Value {
    let issuer = server.provider().issuer().to_owned();
    let mut options = json!({
        "discovery_url": format!("{issuer}.well-known/openid-configuration"),
        "type": "back_channel",
        "scope": "openid profile offline_access",
    });
    options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    options
}

#[tokio::test]
async fn a_connection_that_is_set_up_well_has_nothing_to_say_of() {
    let server = TestServer::start().await;
    let github = json!({ "scope": ["read:user"] });
    add_connection(&server, "github", "github", github).await;
    let google = json!({ "scope": ["openid", "email"] });
    add_connection(&server, "google-oauth2", "google-oauth2", google).await;
    for name in ["calendar", "github", "google-oauth2"] {
        let report = report(&server, name).await;
        assert!(troubles(&report).is_empty(), "{report:?}");
        let accepted = |finding: &Finding| matches!(finding, Finding::Credentials(_));
        assert!(report.findings.iter().any(accepted), "{report:?}");
        let bases = &server.seeded().tenant.base_urls;
        let expected: Vec<_> = bases.iter().map(|base| base.join("login/callback")).collect();
        assert_eq!(report.redirect_uris, expected);
    }
    // Nobody was connected for it, and nothing noted.
    assert_eq!(server.provider().stats().await["total"]["code_exchanges"], 0);
}

#[tokio::test]
async fn wrong_credentials_are_told_from_a_wrong_code() {
    let server = TestServer::start().await;
    let other_secret = at_the_emulator(&server, &json!({ "client_secret": "another" }));
    let told = problem(&server, "other-secret", "oidc", other_secret).await;
    assert!(told.contains("Refused") && told.contains("invalid_client"), "{told}");
    let other_client = at_the_emulator(&server, &json!({ "client_id": "nobody" }));
    let told = problem(&server, "other-client", "oidc", other_client).await;
    assert!(told.contains("Refused") && told.contains("invalid_client"), "{told}");
    let told = problem(&server, "hub", "github", json!({ "client_secret": "another" })).await;
    assert!(told.contains("Refused") && told.contains("incorrect_client_credentials"), "{told}");
}

/// The problems of a connection whose options were changed behind the Management API, which would have
/// refused them.
async fn problems_of(server: &TestServer, name: &str, changed: &Value, keep_copy: bool) -> String {
    add_connection(server, name, "oidc", at_the_emulator(server, &json!({}))).await;
    let (app, tenant) = (server.app(), &server.seeded().tenant.id);
    let mut tx = app.store.write().await.unwrap();
    let found = connections::find_by_name(&mut tx, tenant, name).await.unwrap();
    let mut stored = found.unwrap();
    let options = &mut stored.connection.options;
    options.extend(changed.as_object().unwrap().clone());
    if !keep_copy {
        options.remove("oidc_metadata");
    }
    connections::update(&mut tx, tenant, &stored).await.unwrap();
    tx.commit().await.unwrap();
    let troubles = troubles(&report(server, name).await);
    assert_eq!(troubles.len(), 1, "{troubles:?}");
    assert_eq!(troubles[0].0, Verdict::Problem);
    troubles[0].1.clone()
}

#[tokio::test]
async fn a_provider_that_is_not_there_or_not_itself_is_named() {
    let server = TestServer::start().await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nowhere = format!("http://localhost:{}/", free.local_addr().unwrap().port());
    drop(free);
    let gone = json!({ "discovery_url": nowhere });
    let told = problems_of(&server, "gone", &gone, false).await;
    assert_eq!(told, "Discovery(Failed(Outbound(Unreachable)))");
    server.clock().advance(Duration::from_secs(10));
    // People can still connect, by what the provider said when the connection was made.
    let told = problems_of(&server, "copied", &gone, true).await;
    assert_eq!(told, "Discovery(Copy(Outbound(Unreachable)))");

    let other = json!({ "issuer": "https://other.example/" });
    let told = problems_of(&server, "other", &other, false).await;
    assert_eq!(told, "Discovery(Failed(Metadata(OtherIssuer)))");

    let elsewhere = json!({
        "discovery_url": format!("{}calendar/events", server.provider().issuer()),
    });
    let told = problems_of(&server, "elsewhere", &elsewhere, false).await;
    assert_eq!(told, "Discovery(Failed(Metadata(Status(404))))");
}

/// The rule that keeps calls from leading inside is named.
#[tokio::test]
async fn an_address_inside_is_named_by_its_rule() {
    let server = TestServer::start().await;
    let inward = json!({ "discovery_url": "https://10.0.0.1/" });
    let told = problems_of(&server, "inward", &inward, false).await;
    assert_eq!(told, "Discovery(Failed(Outbound(Forbidden(PrivateAddress))))");
    let inward = json!({ "token_endpoint": "https://169.254.169.254/token" });
    let told = problems_of(&server, "metadata", &inward, false).await;
    assert_eq!(told, "Credentials(Unreachable(Forbidden(LinkLocalAddress)))");
}

#[tokio::test]
async fn what_would_keep_people_from_connecting_is_told() {
    let server = TestServer::start().await;
    let token = server.management_token().await;
    let own = add_connection(&server, "sales", "salesforce", json!({ "scope": ["api"] })).await;
    let told = troubles(&report(&server, "sales").await);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].0, Verdict::Problem);
    assert!(told[0].1.contains("NotAsked") && told[0].1.contains("refresh_token"), "{told:?}");

    let path = format!("connections/{}", own["id"].as_str().unwrap());
    let off = json!({ "connected_accounts": { "active": false } });
    server.management(Method::PATCH, &path, &token).json(&off).send().await.expect(200);
    let told = troubles(&report(&server, "sales").await);
    assert!(told.iter().any(|(_, told)| told == "Use(NotForAccounts)"), "{told:?}");

    let unheard_of = at_the_emulator(&server, &json!({ "scope": "openid offline_access no:such" }));
    add_connection(&server, "unheard-of", "oidc", unheard_of).await;
    let told = troubles(&report(&server, "unheard-of").await);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].0, Verdict::Unknown);
    assert!(told[0].1.contains("no:such"), "{told:?}");
}

#[tokio::test]
async fn what_is_no_connection_to_a_provider_is_not_looked_at() {
    let server = TestServer::start().await;
    let look = async |name: &str| {
        let tenant = server.seeded().tenant.clone();
        check(&Arc::clone(server.app()), tenant, name, server.app().now()).await.map(drop)
    };
    assert!(matches!(look("nobody").await, Err(CheckError::UnknownConnection)));
    let database = testkit::DATABASE_CONNECTION;
    assert!(matches!(look(database).await, Err(CheckError::NotAProvider)));
}
