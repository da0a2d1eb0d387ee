//! A privileged worker, and what it asks for.

use protocol::oauth::exchange::RequestedTokenType::{self, TokenVaultAccessToken};
use serde_json::{Value, json};
use testkit::{Answer, Call, ClientKey, Connect, Emulated, Exchange};

use crate::scene::{Refusal, Scene, add_connection, another_client, edit, owner_of, refuses};

/// The type of what a worker signs for the vault.
pub(super) const TYP: &str = "token-vault-req+jwt";

/// Ada with her calendar connected, and a worker that may have its tokens.
pub(super) struct Privileged {
    pub(super) scene: Scene,
    pub(super) client_id: String,
    pub(super) key: ClientKey,
    pub(super) ada: String,
}

impl Privileged {
    pub(super) async fn new() -> Self {
        Self::of(Scene::web().await).await
    }

    pub(super) async fn of(scene: Scene) -> Self {
        let key = ClientKey::generate("worker-key-1");
        let server = &scene.server;
        let client = another_client(
            server,
            json!({
                "app_type": "non_interactive",
                "grant_types": ["urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token"],
                "token_vault_privileged_access": { "credentials": [key.credential()] },
                "client_authentication_methods": {
                    "private_key_jwt": { "credentials": [with_kid(&key, "worker-key-2")] },
                },
            }),
        )
        .await;
        let client_id = client.client_id.to_string();
        let ada = scene.server.claims_of(&scene.ada.mine.access_token)["sub"].clone();
        let ada = ada.as_str().unwrap().to_owned();
        let this = Self { scene, client_id, key, ada };
        this.enable("calendar").await;
        this
    }

    /// Enables a connection for the worker.
    pub(super) async fn enable(&self, name: &str) {
        let server = &self.scene.server;
        let token = server.management_token().await;
        let path = format!("connections?name={name}");
        let found = server.management(reqwest::Method::GET, &path, &token).send().await;
        let id = found.expect(200).json()[0]["id"].as_str().unwrap().to_owned();
        let path = format!("connections/{id}/clients");
        let change = json!([{ "client_id": self.client_id, "status": true }]);
        let call = server.management(reqwest::Method::PATCH, &path, &token).json(&change);
        call.send().await.expect(204);
    }

    /// Connects Ada's account at another provider, which the worker may have as well.
    pub(super) async fn connect(&self, strategy: &str, options: Value) -> Exchange {
        add_connection(&self.scene.server, strategy, strategy, options).await;
        let connection = strategy.to_owned();
        let connect = Connect { connection: connection.clone(), scopes: None, persona: None };
        self.scene.ada.connect(&connect).await;
        self.enable(strategy).await;
        Exchange { connection, ..Exchange::calendar() }
    }

    /// Changes the worker's privileges.
    pub(super) async fn privileges(&self, change: impl FnOnce(&mut Value)) {
        edit(&self.scene.server, &self.client_id.as_str().into(), |client| {
            let access = client.token_vault_privileged_access.as_ref();
            let mut access = serde_json::to_value(access).unwrap();
            change(&mut access);
            client.token_vault_privileged_access = serde_json::from_value(access).unwrap();
        })
        .await;
    }

    pub(super) fn claims(&self, claim: &str, value: Value) -> Value {
        self.scene.server.vault_request_claims(&self.client_id, &self.ada, (claim, value))
    }

    pub(super) fn request(&self) -> String {
        self.key.sign(TYP, &self.claims("", Value::Null))
    }

    pub(super) fn presenting(
        &self,
        subject: &str,
        kind: RequestedTokenType,
        exchange: &Exchange,
    ) -> Call {
        let authentication = self.key.renamed("worker-key-2");
        let (id, server) = (&self.client_id, &self.scene.server);
        server.exchanging_for(id, &authentication, subject, (kind, exchange))
    }

    pub(super) fn asking(&self, subject: &str) -> Call {
        self.presenting(subject, TokenVaultAccessToken, &Exchange::calendar())
    }

    pub(super) async fn refuses(&self, expected: Refusal, cause: &str, call: Call) {
        refuses(&self.scene.server, expected, cause, call.send()).await;
    }

    pub(super) async fn is_served(&self) -> Answer {
        let answer = self.asking(&self.request()).send().await.expect(200);
        let token = answer.member("access_token");
        let owner = owner_of(&self.scene.server, &token).await;
        assert_eq!(owner, Emulated::subject_of("ada"));
        answer
    }
}

fn with_kid(key: &ClientKey, kid: &str) -> Value {
    let mut credential = key.credential();
    credential["kid"] = json!(kid);
    credential
}
