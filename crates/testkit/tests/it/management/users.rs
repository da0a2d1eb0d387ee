//! `/users` and `/users-by-email`

use model::log_event::LogEventKind;
use serde_json::{Value, json};
use testkit::{
    Answer, Application, Browser, CALENDAR_CONNECTION, DATABASE_CONNECTION, Engine, Login, Persona,
    TestServer, Tokens,
};

use super::{Admin, each, refusal, refused, segment};
use crate::support::arrive;

const PASSWORD: &str = "correct horse battery staple";

fn new_user(email: &str) -> Value {
    json!({"connection": DATABASE_CONNECTION, "email": email, "password": PASSWORD})
}

fn persona(email: &str, password: &str) -> Persona {
    Persona {
        login: (email.to_owned(), password.to_owned()),
        provider_user: "ada".to_owned(),
        accepts: true,
        allows: true,
    }
}

/// A refresh, whatever comes of it.
async fn refresh(server: &TestServer, tokens: &Tokens) -> Answer {
    let fields = [
        ("grant_type", "refresh_token"),
        ("client_id", &server.client_id(Application::Spa)),
        ("refresh_token", tokens.refresh_token.as_deref().unwrap()),
    ];
    server.post("/oauth/token").form(&fields).send().await
}

/// Whether the browser is still logged in.
async fn is_logged_in(server: &TestServer, browser: &Browser) -> bool {
    let page = arrive(server, browser, &Login::spa().with("prompt", "none")).await;
    page.parameter("code").is_some()
}

fn ada(server: &TestServer) -> String {
    format!("users/{}", segment(server.seeded().people[0].user_id.as_str()))
}

#[tokio::test]
async fn a_user_is_made_logs_in_is_changed_and_removed() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let admin = Admin::of(&server).await;
        let mut body = new_user("New.Person@Strongroom.test");
        body["user_id"] = json!("person-1");
        body["email_verified"] = json!(true);
        body["app_metadata"] = json!({"plan": "gold"});
        let made = admin.post("users", &body).await.expect(201).json();
        assert_eq!(made["user_id"], "auth0|person-1");
        assert_eq!(made["email"], "new.person@strongroom.test");
        assert_eq!(made["email_verified"], true);
        assert_eq!(made["name"], "new.person@strongroom.test");
        assert_eq!(made["nickname"], "new.person");
        assert_eq!(made["app_metadata"], json!({"plan": "gold"}));
        assert_eq!(
            made["identities"],
            json!([{
                "connection": DATABASE_CONNECTION, "provider": "auth0",
                "user_id": "person-1", "isSocial": false,
            }])
        );
        let login = Login {
            persona: Some(persona("new.person@strongroom.test", PASSWORD)),
            ..Login::spa()
        };
        server.log_in(&server.browser(), &login).await;

        let path = "users/auth0%7Cperson-1";
        let seen = admin.get(path).await.expect(200).json();
        assert_eq!(seen["logins_count"], 1);
        assert!(seen["last_login"].is_string());
        let change = json!({"name": "New Person", "app_metadata": {"seats": 3}, "nickname": null});
        let changed = admin.patch(path, &change).await.expect(200).json();
        assert_eq!(changed["app_metadata"], json!({"plan": "gold", "seats": 3}));
        assert_eq!(changed["name"], "New Person");
        assert_eq!(changed.get("nickname"), None);
        assert_eq!(changed["logins_count"], 1);

        admin.delete(path).await.expect(204);
        assert_eq!(refusal(&admin.get(path).await), refused(404, "inexistent_user"));
        admin.delete(path).await.expect(204);
    }
}

#[tokio::test]
async fn one_address_is_one_person() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    admin.post("users", &new_user("one@strongroom.test")).await.expect(201);
    let again = admin.post("users", &new_user("ONE@strongroom.test")).await;
    assert_eq!(refusal(&again), refused(409, "auth0_idp_error"));
    assert_eq!(again.json()["message"], "The user already exists.");
    let taken = admin.patch(&ada(&server), &json!({"email": "one@strongroom.test"})).await;
    assert_eq!(refusal(&taken), refused(409, "auth0_idp_error"));
    let listed = admin.get("users-by-email?email=ada%40strongroom.test").await.expect(200).json();
    assert_eq!(listed.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_no_user_is_refused() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    for (member, value) in [
        ("email", json!("nobody")),
        ("email", json!("a@b@c.test")),
        ("password", json!("short")),
        ("password", json!("x".repeat(129))),
        ("connection", json!("nothing")),
        ("connection", json!(CALENDAR_CONNECTION)),
        ("user_id", json!("a b")),
        ("picture", json!("javascript:alert(1)")),
        ("phone_number", json!("+4912345")),
        ("verify_email", json!(true)),
        ("identities", json!([])),
    ] {
        let mut body = new_user("x@strongroom.test");
        body[member] = value;
        let answer = admin.post("users", &body).await;
        assert_eq!(refusal(&answer), refused(400, "invalid_body"), "{body}");
    }
    for missing in ["email", "password", "connection"] {
        let mut body = new_user("x@strongroom.test");
        body.as_object_mut().unwrap().remove(missing);
        assert_eq!(refusal(&admin.post("users", &body).await), refused(400, "invalid_body"));
    }
}

/// A33: what ends a person's standing ends it in every browser and application at once.
#[tokio::test]
async fn a33_block_password_and_deletion_end_sessions_and_refresh_tokens() {
    let changes = [
        Some(json!({"blocked": true})),
        Some(json!({"password": "another horse battery staple"})),
        None,
    ];
    for change in changes {
        let server = TestServer::start().await;
        let browser = server.browser();
        let tokens = server.log_in(&browser, &Login::spa()).await;
        let admin = Admin::of(&server).await;
        match &change {
            Some(change) => admin.patch(&ada(&server), change).await.expect(200),
            None => admin.delete(&ada(&server)).await.expect(204),
        };
        assert_eq!(refresh(&server, &tokens).await.status, 403, "{change:?}");
        assert!(!is_logged_in(&server, &browser).await, "{change:?}");
    }
}

#[tokio::test]
async fn other_changes_end_nothing() {
    let server = TestServer::start().await;
    let browser = server.browser();
    let tokens = server.log_in(&browser, &Login::spa()).await;
    let admin = Admin::of(&server).await;
    let change = json!({"name": "Countess", "blocked": false, "user_metadata": {"a": 1}});
    admin.patch(&ada(&server), &change).await.expect(200);
    refresh(&server, &tokens).await.expect(200);
    assert!(is_logged_in(&server, &browser).await);
}

#[tokio::test]
async fn a_new_password_and_a_new_address_are_those_that_log_in() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let change = json!({"email": "Countess@strongroom.test", "password": PASSWORD});
    let changed = admin.patch(&ada(&server), &change).await.expect(200).json();
    assert_eq!(changed["email"], "countess@strongroom.test");
    assert_eq!(changed["email_verified"], false);
    let login =
        Login { persona: Some(persona("countess@strongroom.test", PASSWORD)), ..Login::spa() };
    server.log_in(&server.browser(), &login).await;
    let event = server.latest_event(LogEventKind::ManagementWrite).await.detail;
    assert_eq!(event.details["changed"], json!(["email", "password"]));
}

#[tokio::test]
async fn metadata_merge_on_the_first_level() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let patch = async |metadata: Value| {
        let change = json!({ "user_metadata": metadata });
        admin.patch(&ada(&server), &change).await.expect(200).json()["user_metadata"].clone()
    };
    assert_eq!(patch(json!({"a": {"x": 1}, "b": 2})).await, json!({"a": {"x": 1}, "b": 2}));
    assert_eq!(patch(json!({"a": {"y": 1}})).await, json!({"a": {"y": 1}, "b": 2}));
    assert_eq!(patch(json!({"b": null})).await, json!({"a": {"y": 1}}));
    assert_eq!(patch(json!({})).await, json!({}));
}

#[tokio::test]
async fn users_are_searched_by_exact_terms() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let mut body = new_user("third@strongroom.test");
    body["username"] = json!("third");
    admin.post("users", &body).await.expect(201);
    let ada = server.seeded().people[0].user_id.as_str();
    let find = async |q: &str| {
        let answer = admin.get(&format!("users?q={}&search_engine=v3", segment(q))).await;
        let found = answer.expect(200).json();
        let mut found: Vec<String> = each(&found, "email").into_iter().map(str::to_owned).collect();
        found.sort();
        found
    };
    let all = ["ada@strongroom.test", "grace@strongroom.test", "third@strongroom.test"];
    assert_eq!(find("email:\"ADA@strongroom.test\"").await, [all[0]]);
    assert_eq!(find(&format!("user_id:\"{ada}\"")).await, [all[0]]);
    assert_eq!(find("username:third").await, [all[2]]);
    assert_eq!(find(&format!("identities.connection:\"{DATABASE_CONNECTION}\"")).await, all);
    assert_eq!(find("identities.connection:\"calendar\"").await, [""; 0]);
    assert_eq!(find("identities.provider:auth0 AND blocked:true").await, [""; 0]);
    assert_eq!(find("email:\"ada@strongroom.test\" AND blocked:false").await, [all[0]]);
    let answer = admin.get("users?q=name%3Aada*").await;
    assert_eq!(refusal(&answer), refused(400, "invalid_query_string"));

    let page = admin.get("users?include_totals=true&per_page=2&page=1").await.expect(200).json();
    assert_eq!((&page["total"], &page["length"]), (&json!(3), &json!(1)));
    let path = format!("users?connection={DATABASE_CONNECTION}&fields=email&per_page=1");
    let first = admin.get(&path).await.expect(200).json();
    assert_eq!(first[0].as_object().unwrap().len(), 1);
    assert!(all.contains(&first[0]["email"].as_str().unwrap()));
    let missing = admin.get("users-by-email").await;
    assert_eq!(refusal(&missing), refused(400, "invalid_query_string"));
}

#[tokio::test]
async fn the_events_of_a_user_are_listed() {
    let server = TestServer::start().await;
    server.log_in(&server.browser(), &Login::spa()).await;
    let admin = Admin::of(&server).await;
    let path = format!("{}/logs", ada(&server));
    let listed = admin.get(&format!("{path}?include_totals=true")).await.expect(200).json();
    let types = each(&listed["logs"], "type");
    assert!(types.contains(&"s") && types.contains(&"seacft"), "{types:?}");
    assert_eq!(listed["total"], types.len());
    let newest = admin.get(&format!("{path}?per_page=1&sort=date%3A-1")).await.expect(200).json();
    assert_eq!(newest[0], listed["logs"][0]);
}
