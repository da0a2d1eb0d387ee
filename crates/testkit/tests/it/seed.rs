//! What every test and `strongroom dev` begin with is sound, and is found again.

use model::ids::TenantId;
use model::tenant::BaseUrl;
use protocol::secret::Password;
use reqwest::Method;
use serde_json::json;
use strongroom::seed::{self, Applications, Person, Plan, ProviderAccess, TENANT};
use testkit::{Login, TestServer};

/// What the Management API would refuse is not planted either.
#[tokio::test]
async fn every_seeded_record_passes_the_management_apis_own_checks() {
    let server = TestServer::start().await;
    let token = server.management_token().await;
    for (list, id, unchanged) in [
        ("clients", "client_id", &["callbacks", "grant_types", "refresh_token", "web_origins"][..]),
        ("connections", "id", &["authentication", "connected_accounts"]),
        ("resource-servers", "id", &["scopes", "token_lifetime"]),
    ] {
        let records = server.management(Method::GET, list, &token).send().await.expect(200).json();
        let records = records.as_array().unwrap();
        assert!(!records.is_empty(), "{list}");
        for record in records.iter().filter(|record| record["is_system"] != true) {
            let path = format!("{list}/{}", record[id].as_str().unwrap());
            let mut change = json!({});
            for member in unchanged.iter().filter(|member| !record[**member].is_null()) {
                change[*member] = record[*member].clone();
            }
            let call = server.management(Method::PATCH, &path, &token).json(&change);
            call.send().await.expect(200);
        }
    }
}

#[tokio::test]
async fn planting_again_finds_what_is_there_and_sets_new_passwords() {
    let server = TestServer::start().await;
    let before = server.seeded();
    let person = Person {
        email: before.people[0].email.clone(),
        name: "Ada".to_owned(),
        password: Password::new("a new password"),
    };
    let moved = BaseUrl::parse("http://localhost:5000").unwrap();
    let plan = Plan {
        tenant: TenantId::new(TENANT),
        base_urls: vec![moved.clone(), before.tenant.base_urls[1].clone()],
        applications: Applications::default(),
        people: vec![person.clone()],
        provider: ProviderAccess {
            issuer: server.provider().issuer().to_owned(),
            client_id: "strongroom".to_owned(),
            client_secret: server.provider().client_secret().clone(),
        },
    };
    let no_keys = std::future::pending();
    let app = server.app();
    let after = seed::plant(app, plan, no_keys, app.now()).await.unwrap();

    assert_eq!(after.spa, before.spa);
    assert_eq!(after.web.client_id, before.web.client_id);
    assert!(after.web.client_secret.ct_eq(&before.web.client_secret));
    assert_eq!(after.people[0].user_id, before.people[0].user_id);
    let hosts: Vec<&str> = after.tenant.base_urls.iter().map(BaseUrl::authority).collect();
    let canonical = before.tenant.base_urls[0].authority();
    assert_eq!(hosts, [canonical, "localhost:5000", before.tenant.base_urls[1].authority()]);

    let mut ada = server.ada();
    ada.login.1 = person.password.expose().to_owned();
    server.log_in(&server.browser(), &Login::spa().by_person(ada)).await;
}
