//! A connection that proves by a key who we are: nothing but public keys is known to its provider.

use std::time::Duration;

use engine::key_rotation;
use model::log_event::LogEventKind;
use protocol::jose::jwk::JwkSet;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Connect, Emulated, Engine, Exchange, Login, TestServer};

use crate::management::Admin;
use crate::scene::{LoggedIn, add_connection, lives};

/// A connection to the calendar's provider, whose keys are registered there.
struct Signing {
    server: TestServer,
    admin: Admin,
    ada: LoggedIn,
    /// Its path.
    connection: String,
}

impl Signing {
    async fn of(server: TestServer, options: Value) -> Self {
        let signing = Self::unregistered(server, options).await;
        signing.make_keys().await;
        signing.register(&["current", "next"]).await;
        signing
    }

    async fn unregistered(server: TestServer, more: Value) -> Self {
        let issuer = server.provider().issuer().to_owned();
        let mut options = json!({
            "client_id": Emulated::SIGNER, "client_secret": null, "issuer": issuer,
            "token_endpoint_auth_method": "private_key_jwt", "revoke_on_disconnect": true,
            "scope": "openid profile email offline_access read:calendar",
        });
        options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let made = add_connection(&server, "signing", "oidc", options).await;
        let connection = format!("connections/{}", made["id"].as_str().unwrap());
        let admin = Admin::of(&server).await;
        let ada = LoggedIn::of(&server, &Login::web()).await;
        Self { server, admin, ada, connection }
    }

    async fn make_keys(&self) {
        let path = format!("{}/keys", self.connection);
        self.admin.send(Method::POST, &path, None).await.expect(201);
    }

    async fn rotate(&self) {
        let path = format!("{}/keys/rotate", self.connection);
        self.admin.send(Method::POST, &path, None).await.expect(201);
    }

    /// Registers what the connection shows of these keys at the provider.
    async fn register(&self, stages: &[&str]) {
        let keys = self.admin.get(&format!("{}/keys", self.connection)).await.expect(200).json();
        let keys = keys.as_array().unwrap().iter();
        let chosen = keys.filter(|key| stages.iter().any(|stage| key[stage] == true));
        let jwks = json!({ "keys": chosen.map(|key| key["jwk"].clone()).collect::<Vec<_>>() });
        let jwks: JwkSet = serde_json::from_value(jwks).unwrap();
        self.server.provider().register_keys(jwks);
    }

    async fn connect(&self) -> Value {
        self.ada.connect(&connect()).await
    }

    /// Lets the access token end and asks for another. Answers the status.
    async fn renew(&self) -> u16 {
        self.server.clock().advance(Duration::from_hours(1));
        let exchange = Exchange { connection: "signing".to_owned(), ..Exchange::calendar() };
        self.ada.exchange(&exchange).await.status
    }

    /// What the connection is told by the provider when it is not believed.
    async fn is_not_believed(&self) {
        let connecting = self.server.start_connecting(&self.ada.mine, &connect()).await;
        let page = self.ada.browser.open(connecting.url.as_str()).await;
        let page = self.ada.browser.walk(page, &self.ada.persona).await;
        assert_eq!(page.expect_parameter("error"), "server_error");
        let event = self.server.latest_event(LogEventKind::AccountConnectFailed).await.detail;
        let why = "the provider refuses our application: invalid_client";
        assert_eq!(event.description.as_deref(), Some(why));
    }
}

fn connect() -> Connect {
    Connect { connection: "signing".to_owned(), scopes: None, persona: None }
}

/// Code, renewals and revocation, each with an assertion of its own: the provider takes none twice.
#[tokio::test]
async fn everything_at_the_token_endpoint_is_proven_by_the_key() {
    for engine in Engine::available() {
        for options in [
            json!({}),
            json!({ "token_endpoint_auth_signing_alg": "ES256" }),
            json!({
                "token_endpoint_auth_signing_alg": "PS256",
                "token_endpoint_jwtca_aud_format": "issuer",
            }),
        ] {
            let server = TestServer::builder().engine(engine).start().await;
            let signing = Signing::of(server, options).await;
            let account = signing.connect().await;
            for refreshes in 1..=2 {
                assert_eq!(signing.renew().await, 200);
                assert_eq!(signing.server.provider().refreshes().await, refreshes);
            }
            let id = account["id"].as_str().unwrap();
            let path = format!("/me/v1/connected-accounts/accounts/{id}");
            signing.server.delete(&path).access(&signing.ada.mine).send().await.expect(204);
            assert_eq!(signing.server.revoke_due().await, 1);
            assert!(!lives(&signing.server).await);
        }
    }
}

/// The next key is registered before it signs, so that nothing stops when it does.
#[tokio::test]
async fn a_rotation_stops_nothing_where_the_next_key_is_registered() {
    let signing = Signing::of(TestServer::start().await, json!({})).await;
    signing.connect().await;
    signing.rotate().await;
    assert_eq!(signing.renew().await, 200);
    // The one that is the next now is not known to the provider.
    signing.rotate().await;
    assert_eq!(signing.renew().await, 503);
    signing.is_not_believed().await;
    signing.register(&["current", "next"]).await;
    assert_eq!(signing.renew().await, 200);
}

#[tokio::test]
async fn a_key_that_the_provider_does_not_know_is_worth_nothing() {
    let signing = Signing::unregistered(TestServer::start().await, json!({})).await;
    signing.make_keys().await;
    signing.is_not_believed().await;
    signing.register(&["next"]).await;
    signing.is_not_believed().await;
    signing.register(&["current"]).await;
    signing.connect().await;
}

/// Without a key there is no way to the provider, and nobody is sent there in vain.
#[tokio::test]
async fn without_a_key_nobody_is_sent_to_the_provider() {
    let signing = Signing::unregistered(TestServer::start().await, json!({})).await;
    let connecting = signing.server.start_connecting(&signing.ada.mine, &connect()).await;
    let page = signing.ada.browser.open(connecting.url.as_str()).await;
    assert_eq!((page.answer.status, page.is_at_application), (500, false), "{page:?}");
    let event = signing.server.latest_event(LogEventKind::AccountConnectFailed).await.detail;
    let why = "the browser cannot be sent to the provider: the connection has no key";
    assert_eq!(event.description.as_deref(), Some(why));
}

/// A connection that is removed has its grants revoked all the same, and its keys go after that.
#[tokio::test]
async fn a_removed_connection_signs_until_its_grants_are_revoked() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let signing = Signing::of(server, json!({})).await;
        signing.connect().await;
        assert!(signing.admin.delete(&signing.connection).await.status < 300);
        let keys = "SELECT COUNT(*) AS n FROM connection_keys";
        assert_eq!(crate::support::count(&signing.server, keys).await, 2);
        assert_eq!(signing.server.revoke_due().await, 1);
        assert!(!lives(&signing.server).await);
        // Whatever else was under way with it is over by then.
        signing.server.clock().advance(Duration::from_mins(6));
        let ada = &signing.ada;
        let account = ada.connect(&Connect::calendar()).await;
        let path =
            format!("/me/v1/connected-accounts/accounts/{}", account["id"].as_str().unwrap());
        signing.server.delete(&path).access(&ada.mine).send().await.expect(204);
        assert_eq!(signing.server.revoke_due().await, 1);
        assert_eq!(crate::support::count(&signing.server, keys).await, 0);
    }
}

/// A rotation of the keys that seal everything takes those of connections along.
#[tokio::test]
async fn the_keys_of_a_connection_are_sealed_anew_with_everything_else() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let signing = Signing::of(server, json!({})).await;
        signing.connect().await;
        let rotating = signing.server.rotating().await;
        key_rotation::add_tenant_keys(&rotating, rotating.now()).await.unwrap();
        signing.server.clock().advance(key_rotation::KNOWN_TO_ALL);
        let before = key_rotation::status(&rotating).await.unwrap().older_records();
        let done = key_rotation::reseal(&rotating, |_, _| {}, rotating.now()).await.unwrap();
        assert!(done.failures.is_empty(), "{done:?}");
        assert_eq!(i64::try_from(done.sealed).unwrap(), before);
        assert_eq!(key_rotation::status(&rotating).await.unwrap().older_records(), 0);
        let verified = key_rotation::verify(&rotating).await.unwrap();
        assert!(verified.failures.is_empty(), "{verified:?}");
        assert_eq!(signing.renew().await, 200);
    }
}
