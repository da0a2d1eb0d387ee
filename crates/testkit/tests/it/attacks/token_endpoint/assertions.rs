//! A31: a client that registered keys proves itself by them, once for each assertion, and in no other
//! way.

use std::time::Duration;

use model::log_event::LogEventKind;
use serde_json::{Value, json};
use testkit::{Answer, Call, ClientKey, Engine, TestServer};

use crate::scene::{CLIENT_NOT_AUTHENTICATED, another_client, management, notes, says};
use crate::support::housekeep;

const KID: &str = "first-key-1";

/// A client that authenticates by a key.
struct Keyed {
    server: TestServer,
    client_id: String,
    key: ClientKey,
}

impl Keyed {
    async fn of(server: TestServer) -> Self {
        let key = ClientKey::generate(KID);
        let credentials = json!({ "credentials": [key.credential()] });
        let settings = json!({
            "app_type": "non_interactive",
            "client_authentication_methods": { "private_key_jwt": credentials },
        });
        let client = another_client(&server, settings).await;
        let client_id = client.client_id.to_string();
        let grant = json!({
            "client_id": client_id, "audience": server.management_audience(),
            "scope": ["read:clients"],
        });
        management(&server, "client-grants", &grant).await;
        Self { server, client_id, key }
    }

    fn claims(&self) -> Value {
        self.server.assertion_claims(&self.client_id, ("", Value::Null))
    }

    fn presenting(&self, assertion: &str) -> Call {
        let audience = self.server.management_audience();
        let fields = [("grant_type", "client_credentials"), ("audience", audience.as_str())];
        self.server.asserting("/oauth/token", assertion, &fields)
    }

    async fn refuses(&self, cause: &str, attempt: impl Future<Output = Answer>) {
        let kind = LogEventKind::ClientCredentialsFailed;
        let answer = notes(&self.server, kind, cause, attempt).await;
        says(&answer, CLIENT_NOT_AUTHENTICATED);
    }
}

#[tokio::test]
async fn a31_an_assertion_is_good_once_on_all_nodes() {
    for engine in Engine::available() {
        let keyed = Keyed::of(TestServer::builder().engine(engine).start().await).await;
        let other = keyed.server.another_node().await;
        let assertion = keyed.key.sign("JWT", &keyed.claims());
        keyed.presenting(&assertion).send().await.expect(200);
        let cause = "the client's assertion was used before";
        keyed.refuses(cause, keyed.presenting(&assertion).via(&other).send()).await;
        keyed.refuses(cause, keyed.presenting(&assertion).send()).await;
        let anew = keyed.server.same_node_again().await;
        keyed.refuses(cause, keyed.presenting(&assertion).via(&anew).send()).await;

        // Of several that bring it at once, one is believed.
        let assertion = keyed.key.sign("JWT", &keyed.claims());
        let calls: Vec<_> = (0..8)
            .map(|number| {
                let call = keyed.presenting(&assertion);
                let call = if number % 2 == 0 { call } else { call.via(&other) };
                tokio::spawn(call.send())
            })
            .collect();
        let mut believed = 0;
        for call in calls {
            believed += u32::from(call.await.unwrap().status == 200);
        }
        assert_eq!(believed, 1, "{engine:?}");
    }
}

#[tokio::test]
async fn a31_an_assertion_is_remembered_for_as_long_as_it_lives() {
    let keyed = Keyed::of(TestServer::start().await).await;
    let now = keyed.server.app().now().as_seconds();
    let long = ("exp", json!(now + 3600));
    let claims = keyed.server.assertion_claims(&keyed.client_id, long);
    let assertion = keyed.key.sign("JWT", &claims);
    keyed.presenting(&assertion).send().await.expect(200);
    keyed.server.clock().advance(Duration::from_secs(3599));
    housekeep(&keyed.server).await;
    let cause = "the client's assertion was used before";
    keyed.refuses(cause, keyed.presenting(&assertion).send()).await;
}

#[tokio::test]
async fn a31_assertions_are_refused_by_cause_and_the_caller_learns_none() {
    let keyed = Keyed::of(TestServer::start().await).await;
    let server = &keyed.server;
    let now = server.app().now().as_seconds();
    let prefix = "the client's assertion is not accepted: ";
    for (claim, value, cause) in [
        ("sub", json!("auth0|ada"), "the `sub` is not the client"),
        ("aud", json!("https://other.example/"), "the `aud` is not this server alone"),
        (
            "aud",
            json!([server.issuer(), "https://x.example/"]),
            "the `aud` is not this server alone",
        ),
        ("exp", Value::Null, "the `exp` is missing"),
        ("exp", json!("9999999999"), "the claims are malformed (Data)"),
        ("exp", json!(now), "it has expired"),
        ("exp", json!(now + 315_360_000), "it lives for longer than an hour"),
        ("iat", json!(now + 90), "it is from the future"),
        ("jti", Value::Null, "the `jti` is missing, empty or too long"),
    ] {
        let claims = server.assertion_claims(&keyed.client_id, (claim, value.clone()));
        let assertion = keyed.key.sign("JWT", &claims);
        let cause = format!("{prefix}{cause}");
        keyed.refuses(&cause, keyed.presenting(&assertion).send()).await;
    }
    let claims = keyed.claims();
    for (typ, key, cause) in [
        ("at+jwt", keyed.key.clone(), "the token is of another type"),
        ("token-vault-req+jwt", keyed.key.clone(), "the token is of another type"),
        ("JWT", ClientKey::generate(KID), "the signature is wrong"),
        (
            "JWT",
            ClientKey::generate("../../etc/passwd"),
            "no key of the client fits the header's `kid` and `alg`",
        ),
    ] {
        let assertion = key.sign(typ, &claims);
        let cause = format!("{prefix}{cause}");
        keyed.refuses(&cause, keyed.presenting(&assertion).send()).await;
    }
    keyed.presenting(&keyed.key.sign("JWT", &claims)).send().await.expect(200);
}

/// Were its secret still good, the keys would protect nothing; and a client without keys has nothing
/// that an assertion could be verified by.
#[tokio::test]
async fn a31_one_way_to_authenticate() {
    let keyed = Keyed::of(TestServer::start().await).await;
    let server = &keyed.server;
    let token = server.management_token().await;
    let path = format!("clients/{}", keyed.client_id);
    let shown = server.management(reqwest::Method::GET, &path, &token).send().await.expect(200);
    let secret = shown.member("client_secret");
    let audience = server.management_audience();
    let fields = [
        ("grant_type", "client_credentials"),
        ("audience", audience.as_str()),
        ("client_id", keyed.client_id.as_str()),
        ("client_secret", secret.as_str()),
    ];
    let by_key = "the client authenticates by private_key_jwt";
    keyed.refuses(by_key, server.post("/oauth/token").form(&fields).send()).await;
    keyed.refuses(by_key, server.post("/oauth/token").form(&fields[..3]).send()).await;

    let other = server.seeded().web.client_id.to_string();
    let claims = server.assertion_claims(&other, ("", Value::Null));
    let assertion = keyed.key.sign("JWT", &claims);
    let cause = "the client does not authenticate by private_key_jwt";
    keyed.refuses(cause, keyed.presenting(&assertion).send()).await;
}

/// The next key is registered beside the present one, and either is good until that one goes.
#[tokio::test]
async fn keys_overlap_while_one_replaces_the_other() {
    let keyed = Keyed::of(TestServer::start().await).await;
    let server = &keyed.server;
    let next = ClientKey::generate("second-key-2");
    let path = format!("clients/{}", keyed.client_id);
    let noun = format!("{path}/credentials");
    let registered = management(server, &noun, &next.credential()).await;
    let token = server.management_token().await;
    let shown = server.management(reqwest::Method::GET, &path, &token).send().await.expect(200);
    let methods = &shown.json()["client_authentication_methods"];
    let old = methods["private_key_jwt"]["credentials"][0]["id"].clone();
    let uses = |ids: Vec<&Value>| {
        let credentials: Vec<_> = ids.into_iter().map(|id| json!({ "id": id })).collect();
        let methods = json!({ "private_key_jwt": { "credentials": credentials } });
        let change = json!({ "client_authentication_methods": methods });
        server.management(reqwest::Method::PATCH, &path, &token).json(&change).send()
    };
    let assert = |key: &ClientKey| keyed.presenting(&key.sign("JWT", &keyed.claims())).send();
    assert_eq!(assert(&next).await.status, 401);
    uses(vec![&old, &registered["id"]]).await.expect(200);
    assert(&keyed.key).await.expect(200);
    assert(&next).await.expect(200);
    uses(vec![&registered["id"]]).await.expect(200);
    assert_eq!(assert(&keyed.key).await.status, 401);
    assert(&next).await.expect(200);
}
