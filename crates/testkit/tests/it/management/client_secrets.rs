//! Secrets of clients: chosen, rotated, and accepted beside the next one for a while.

use std::time::Duration;

use engine::key_rotation;
use model::log_event::LogEventKind;
use reqwest::Method;
use serde_json::{Value, json};
use store::keys;
use testkit::{Answer, Application, ClientKey, Engine, Tenant, TestServer};
use vault::keyring::Purpose;

use super::{Admin, refusal, refused};
use crate::support::{count, housekeep};

const HOUR: u64 = 3600;
/// Known, and without a grant.
const KNOWN: u16 = 403;
const UNKNOWN: u16 = 401;

/// A token for the client itself; the status tells whether it is who it says.
async fn authenticate(tenant: &Tenant, client_id: &str, secret: &str) -> Answer {
    let audience = tenant.management_audience();
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", client_id),
        ("client_secret", secret),
        ("audience", &audience),
    ];
    tenant.post("/oauth/token").form(&fields).send().await
}

/// A client of a server, and what its administrator does to its secret.
struct Machine<'a> {
    server: &'a TestServer,
    admin: Admin,
    id: String,
}

impl<'a> Machine<'a> {
    /// A client with its first secret.
    async fn make(server: &'a TestServer) -> (Self, String) {
        let admin = Admin::of(server).await;
        let made = admin.post("clients", &json!({"name": "Machine"})).await.expect(201);
        (Self { server, admin, id: made.member("client_id") }, made.member("client_secret"))
    }

    fn path(&self) -> String {
        format!("clients/{}", self.id)
    }

    /// Rotates and answers with the new secret.
    async fn rotate(&self, body: &Value) -> String {
        let path = format!("{}/rotate-secret", self.path());
        self.admin.post(&path, body).await.expect(200).member("client_secret")
    }

    async fn keeping(&self, seconds: u64) -> String {
        self.rotate(&json!({"previous_secret_seconds": seconds})).await
    }

    /// What each of these secrets is worth.
    async fn worth<const N: usize>(&self, secrets: [&str; N]) -> [u16; N] {
        let mut worth = [0; N];
        for (secret, worth) in secrets.into_iter().zip(&mut worth) {
            *worth = authenticate(self.server, &self.id, secret).await.status;
        }
        worth
    }

    async fn kept(&self) -> i64 {
        count(self.server, "SELECT COUNT(*) AS n FROM previous_client_secrets").await
    }
}

#[tokio::test]
async fn a_secret_is_rotated_and_the_old_one_is_worth_nothing() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let made = admin.post("clients", &json!({"name": "Machine"})).await.expect(201).json();
    let (id, old) = (made["client_id"].as_str().unwrap(), made["client_secret"].as_str().unwrap());
    // Known, and without a grant.
    assert_eq!(authenticate(&server, id, old).await.status, 403);
    let path = format!("clients/{id}/rotate-secret");
    let rotated = admin.post(&path, &json!({})).await.expect(200).json();
    let new = rotated["client_secret"].as_str().unwrap();
    assert_ne!(new, old);
    assert_eq!(authenticate(&server, id, old).await.status, 401);
    assert_eq!(authenticate(&server, id, new).await.status, 403);
    let event = server.latest_event(LogEventKind::ManagementWrite).await.detail;
    assert_eq!(event.description.as_deref(), Some("Rotate a client secret"));

    let spa = server.client_id(Application::Spa);
    let answer = admin.post(&format!("clients/{spa}/rotate-secret"), &json!({})).await;
    assert_eq!(refusal(&answer), refused(400, "operation_not_supported"));
}

#[tokio::test]
async fn a_secret_can_be_chosen_if_it_is_long_enough() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let chosen = "a secret that somebody chose";
    let body = json!({"name": "Chosen", "client_secret": chosen});
    let made = admin.post("clients", &body).await.expect(201).json();
    let id = made["client_id"].as_str().unwrap();
    assert_eq!(made["client_secret"], chosen);
    let path = format!("clients/{id}");
    let other = "another secret that somebody chose";
    admin.patch(&path, &json!({"client_secret": other})).await.expect(200);
    assert_eq!(authenticate(&server, id, chosen).await.status, 401);
    assert_eq!(authenticate(&server, id, other).await.status, 403);
    let short = admin.patch(&path, &json!({"client_secret": "short"})).await;
    assert_eq!(refusal(&short), refused(400, "invalid_body"));
    let public = json!({"name": "P", "app_type": "spa", "client_secret": chosen});
    assert_eq!(refusal(&admin.post("clients", &public).await), refused(400, "invalid_body"));
}

#[tokio::test]
async fn who_becomes_public_loses_the_secret_and_who_becomes_confidential_gets_one() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let made = admin.post("clients", &json!({"name": "Turncoat"})).await.expect(201).json();
    let path = format!("clients/{}", made["client_id"].as_str().unwrap());
    let to = async |method: &str| {
        let change = json!({"token_endpoint_auth_method": method});
        admin.patch(&path, &change).await.expect(200).json()
    };
    assert_eq!(to("none").await.get("client_secret"), None);
    let again = to("client_secret_basic").await;
    assert!(again["client_secret"].as_str().unwrap().len() >= 43);
    assert_ne!(again["client_secret"], made["client_secret"]);
}

/// The old secret is as good as the new one, until then and no longer.
#[tokio::test]
async fn a_previous_secret_is_accepted_until_its_end() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let (machine, old) = Machine::make(&server).await;
        let new = machine.keeping(HOUR).await;
        let event = server.latest_event(LogEventKind::ManagementWrite).await;
        assert_eq!(event.detail.description.as_deref(), Some("Rotate a client secret"));
        let until = event.at.saturating_add(Duration::from_secs(HOUR));
        let told = &event.detail.details["previous_secret_expires_at"];
        assert_eq!(told, &json!(until.to_rfc3339()));
        let shown = machine.admin.get(&machine.path()).await.expect(200);
        assert_eq!(shown.member("client_secret"), new);
        assert!(!shown.text().contains("previous") && !shown.text().contains(&old));

        let second = Duration::from_secs(1);
        let left = until.saturating_sub(second).since(server.app().now());
        server.clock().advance(left);
        assert_eq!(machine.worth([&old, &new, "neither"]).await, [KNOWN, KNOWN, UNKNOWN]);
        housekeep(&server).await;
        assert_eq!((machine.kept().await, machine.worth([&old]).await), (1, [KNOWN]));
        server.clock().advance(second);
        assert_eq!(machine.worth([&old, &new]).await, [UNKNOWN, KNOWN], "{engine:?}");
        housekeep(&server).await;
        assert_eq!((machine.kept().await, machine.worth([&new]).await), (0, [KNOWN]));
    }
}

#[tokio::test]
async fn of_previous_secrets_one_alone_is_accepted() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let (machine, first) = Machine::make(&server).await;
        let second = machine.keeping(HOUR).await;
        let third = machine.keeping(2 * HOUR).await;
        let worth = machine.worth([&first, &second, &third]).await;
        assert_eq!(worth, [UNKNOWN, KNOWN, KNOWN], "{engine:?}");
        server.clock().advance(Duration::from_secs(HOUR));
        assert_eq!(machine.worth([&second]).await, [KNOWN], "the end is the second one's");

        let mut last = third;
        for body in [
            json!({}),
            json!({"previous_secret_seconds": 0}),
            json!({"id": machine.id}),
            Value::Null,
        ] {
            let kept = last;
            let present = machine.keeping(HOUR).await;
            last = machine.rotate(&body).await;
            let worth = machine.worth([&kept, &present, &last]).await;
            assert_eq!(worth, [UNKNOWN, UNKNOWN, KNOWN], "{body}");
        }
        let event = server.latest_event(LogEventKind::ManagementWrite).await.detail;
        assert_eq!(event.details.get("previous_secret_expires_at"), None);
        let present = machine.keeping(HOUR).await;
        let path = format!("{}/rotate-secret", machine.path());
        let bare = machine.admin.send(Method::POST, &path, None).await.expect(200);
        let worth = machine.worth([&last, &present, &bare.member("client_secret")]).await;
        assert_eq!(worth, [UNKNOWN, UNKNOWN, KNOWN]);
    }
}

#[tokio::test]
async fn a_previous_secret_ends_with_what_it_came_from() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let (machine, old) = Machine::make(&server).await;
        let patch =
            async |change: Value| machine.admin.patch(&machine.path(), &change).await.expect(200);
        machine.keeping(HOUR).await;
        patch(json!({"name": "Machine again"})).await;
        assert_eq!(machine.worth([&old]).await, [KNOWN], "nothing was done to secrets");
        let chosen = "a secret that somebody chose";
        patch(json!({"client_secret": chosen})).await;
        assert_eq!(machine.worth([&old, chosen]).await, [UNKNOWN, KNOWN], "{engine:?}");

        let to = |method: &str| json!({"token_endpoint_auth_method": method});
        machine.keeping(HOUR).await;
        patch(to("none")).await;
        patch(to("client_secret_post")).await;
        assert_eq!((machine.kept().await, machine.worth([chosen]).await), (0, [UNKNOWN]));

        let key = ClientKey::generate("first-key-1");
        let credentials = format!("{}/credentials", machine.path());
        let made = machine.admin.post(&credentials, &key.credential()).await.expect(201);
        let methods = json!({"private_key_jwt": {"credentials": [{"id": made.member("id")}]}});
        patch(json!({"client_secret": chosen})).await;
        let present = machine.keeping(HOUR).await;
        patch(json!({
            "client_authentication_methods": methods, "token_endpoint_auth_method": null,
        }))
        .await;
        let rotate = format!("{}/rotate-secret", machine.path());
        let overlap = json!({"previous_secret_seconds": HOUR});
        let pointless = machine.admin.post(&rotate, &overlap).await;
        assert_eq!(refusal(&pointless), refused(400, "invalid_body"));
        patch(json!({
            "client_authentication_methods": null,
            "token_endpoint_auth_method": "client_secret_post",
        }))
        .await;
        assert_eq!(machine.worth([chosen, &present]).await, [UNKNOWN, KNOWN], "{engine:?}");

        machine.keeping(HOUR).await;
        machine.admin.delete(&machine.path()).await.expect(204);
        assert_eq!((machine.kept().await, machine.worth([&present]).await), (0, [UNKNOWN]));
    }
}

#[tokio::test]
async fn a_rotation_that_is_refused_changes_nothing() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let (machine, old) = Machine::make(&server).await;
        let new = machine.keeping(HOUR).await;
        let events = server.count_events(LogEventKind::ManagementWrite).await;
        let path = format!("{}/rotate-secret", machine.path());
        for seconds in [json!(-1), json!("x"), json!(2_592_001), json!(1.5), Value::Null] {
            let body = json!({"previous_secret_seconds": seconds});
            let answer = machine.admin.post(&path, &body).await;
            assert_eq!(refusal(&answer), refused(400, "invalid_body"), "{body}");
        }
        for body in
            [json!({"previous_secret_second": 1}), json!({"id": "other"}), json!([]), json!("x")]
        {
            let answer = machine.admin.post(&path, &body).await;
            assert_eq!(refusal(&answer), refused(400, "invalid_body"), "{body}");
        }
        let reader = Admin::with(&server, "update:clients read:client_keys").await;
        let answer = reader.post(&path, &json!({"previous_secret_seconds": HOUR})).await;
        assert_eq!(refusal(&answer), refused(403, "insufficient_scope"));
        let stranger = Admin::of(&server.other_tenant().await).await;
        let answer = stranger.post(&path, &json!({"previous_secret_seconds": HOUR})).await;
        assert_eq!(refusal(&answer), refused(404, "inexistent_client"));
        assert_eq!(machine.worth([&old, &new]).await, [KNOWN, KNOWN], "{engine:?}");
        assert_eq!(server.count_events(LogEventKind::ManagementWrite).await, events);
    }
}

/// Both secrets are sealed and hashed anew, and the key that did it before is not needed any more.
#[tokio::test]
async fn both_secrets_outlive_a_rotation_of_the_keys() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let rotating = server.rotating().await;
        let (machine, old) = Machine::make(&server).await;
        let new = machine.keeping(24 * HOUR).await;
        let opened = key_rotation::verify(&rotating).await.unwrap().opened;
        key_rotation::add_tenant_keys(&rotating, rotating.now()).await.unwrap();
        server.clock().advance(Duration::from_secs(4));
        assert_eq!(machine.worth([&old, &new]).await, [KNOWN, KNOWN]);
        let older = key_rotation::status(&rotating).await.unwrap().older_records();
        let done = key_rotation::reseal(&rotating, |_, _| {}, rotating.now()).await.unwrap();
        assert!(done.failures.is_empty(), "{done:?}");
        assert_eq!(i64::try_from(done.sealed).unwrap(), older);
        assert_eq!(key_rotation::status(&rotating).await.unwrap().older_records(), 0);

        let tenant = &server.seeded().tenant.id;
        let mut tx = server.app().store.write().await.unwrap();
        let found = keys::tenant_keys(&mut tx, tenant).await.unwrap();
        let of_secrets: Vec<_> =
            found.iter().filter(|key| key.purpose == Purpose::ClientSecrets).collect();
        assert_eq!(of_secrets.len(), 2);
        assert!(keys::remove_tenant_key(&mut tx, tenant, &of_secrets[0].id).await.unwrap());
        tx.commit().await.unwrap();
        server.clock().advance(Duration::from_secs(2));
        assert_eq!(machine.worth([&old, &new]).await, [KNOWN, KNOWN], "{engine:?}");
        let verified = key_rotation::verify(&rotating).await.unwrap();
        assert!(verified.failures.is_empty(), "{verified:?}");
        // Four keys came and one went.
        assert_eq!(verified.opened, opened + 3);

        // The one secret does not open in the place of the other.
        let mut tx = server.app().store.write().await.unwrap();
        let sql = "UPDATE previous_client_secrets SET sealed_secret = (SELECT sealed_secret \
            FROM clients WHERE clients.client_id = previous_client_secrets.client_id)";
        assert_eq!(tx.execute(sql, vec![]).await.unwrap(), 1);
        tx.commit().await.unwrap();
        let found = key_rotation::verify(&rotating).await.unwrap();
        let failed: Vec<_> = found.failures.iter().map(|it| (it.table, &it.row)).collect();
        assert_eq!(failed, [("previous_client_secrets", &machine.id)]);
    }
}
