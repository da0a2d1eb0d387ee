//! A30 for certificates (RFC 8705 §2): a client that authenticates by one does so by its own, and in no
//! other way.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use model::log_event::LogEventKind;
use serde_json::{Value, json};
use testkit::{Authority, Call, ClientKey, Front, Identity, TestServer};

use crate::scene::{CLIENT_NOT_AUTHENTICATED, another_client, management, notes, says};

const WORKER_DN: &str = "CN=worker,O=Acme\\, Inc.";

/// A client that authenticates by certificates.
struct Certified {
    server: TestServer,
    front: Front,
    client_id: String,
}

impl Certified {
    async fn of(server: TestServer, method: &str, credential: Value) -> Self {
        let settings = json!({
            "app_type": "non_interactive",
            "client_authentication_methods": { method: { "credentials": [credential] } },
        });
        let client_id = another_client(&server, settings).await.client_id.to_string();
        let grant = json!({
            "client_id": client_id, "audience": server.management_audience(),
            "scope": ["read:clients"],
        });
        management(&server, "client-grants", &grant).await;
        let front = server.with_tls().await;
        Self { server, front, client_id }
    }

    fn asking(&self, more: &[(&str, &str)]) -> Call {
        let audience = self.server.management_audience();
        let mut fields = vec![
            ("grant_type", "client_credentials"),
            ("client_id", self.client_id.as_str()),
            ("audience", audience.as_str()),
        ];
        fields.extend(more);
        self.server.post("/oauth/token").form(&fields)
    }

    async fn refuses(&self, cause: &str, call: Call) {
        let kind = LogEventKind::ClientCredentialsFailed;
        let answer = notes(&self.server, kind, cause, call.send()).await;
        says(&answer, CLIENT_NOT_AUTHENTICATED);
    }
}

const NONE: &str = "the client presented no certificate";
const WRONG: &str = "the certificate is none of the client's";

#[tokio::test]
async fn a30_a_registered_certificate_is_the_client_whoever_signed_it() {
    let authority = Authority::make("CA");
    let server = TestServer::builder().taking_certificates(&[&authority]).start().await;
    let own = Identity::self_signed("worker");
    let credential = json!({ "credential_type": "x509_cert", "pem": own.pem() });
    let certified = Certified::of(server, "self_signed_tls_client_auth", credential).await;
    let front = &certified.front;
    let asking = || certified.asking(&[]);
    asking().by_mtls(front, Some(&own)).send().await.expect(200);
    certified.refuses(NONE, asking()).await;
    certified.refuses(NONE, asking().by_mtls(front, None)).await;
    for other in [Identity::self_signed("worker"), authority.issue("worker")] {
        certified.refuses(WRONG, asking().by_mtls(front, Some(&other))).await;
    }
    let header = format!(":{}:", BASE64_STANDARD.encode(own.der()));
    certified.refuses(NONE, asking().header("client-cert", &header)).await;
    let cause = "the client authenticates by self_signed_tls_client_auth";
    let by_secret = certified.asking(&[("client_secret", "guess")]);
    certified.refuses(cause, by_secret.by_mtls(front, Some(&own))).await;
    let other_client = certified.server.seeded().management.client_id.to_string();
    let fields = [("grant_type", "client_credentials"), ("client_id", other_client.as_str())];
    let as_other = certified.server.post("/oauth/token").form(&fields);
    certified.refuses("the client sent no secret", as_other.by_mtls(front, Some(&own))).await;
}

#[tokio::test]
async fn a30_a_name_counts_where_a_trusted_authority_signed_it() {
    let (authority, stranger) = (Authority::make("CA"), Authority::make("CA"));
    for by_pem in [false, true] {
        let server = TestServer::builder().taking_certificates(&[&authority]).start().await;
        let credential = if by_pem {
            json!({
                "credential_type": "cert_subject_dn", "pem": authority.issue("worker").pem(),
            })
        } else {
            json!({ "credential_type": "cert_subject_dn", "subject_dn": WORKER_DN })
        };
        let certified = Certified::of(server, "tls_client_auth", credential).await;
        let front = &certified.front;
        let asking = |identity: &Identity| certified.asking(&[]).by_mtls(front, Some(identity));
        for own in [authority.issue("worker"), authority.issue("worker")] {
            asking(&own).send().await.expect(200);
        }
        for other in [
            authority.issue("worker2"),
            authority.issue("Worker"),
            authority.issue("worker,O=Acme\\, Inc."),
            stranger.issue("worker"),
            Identity::self_signed("worker"),
        ] {
            certified.refuses(WRONG, asking(&other)).await;
        }
        certified.refuses(NONE, certified.asking(&[]).by_mtls(front, None)).await;
    }
}

/// Behind a proxy the same certificate counts, by the same authorities.
#[tokio::test]
async fn a30_a_trusted_proxy_tells_of_the_clients_certificate() {
    let (authority, stranger) = (Authority::make("CA"), Authority::make("CA"));
    let builder = TestServer::builder().behind_proxies().taking_certificates(&[&authority]);
    let credential = json!({ "credential_type": "cert_subject_dn", "subject_dn": WORKER_DN });
    let certified = Certified::of(builder.start().await, "tls_client_auth", credential).await;
    let told = |identity: &Identity| {
        let header = format!(":{}:", BASE64_STANDARD.encode(identity.der()));
        certified.asking(&[]).header("client-cert", &header)
    };
    told(&authority.issue("worker")).send().await.expect(200);
    let forged = told(&stranger.issue("worker"));
    certified.refuses(WRONG, forged.header("client-certificate-ca-verified", "SUCCESS")).await;
    // What the proxy itself presents is not its client's.
    let by_proxy = certified.asking(&[]);
    let by_proxy = by_proxy.by_mtls(&certified.front, Some(&authority.issue("worker")));
    certified.refuses(NONE, by_proxy).await;
}

#[tokio::test]
async fn certificates_are_registered_as_what_they_are() {
    let server = TestServer::start().await;
    let token = server.management_token().await;
    let client = another_client(&server, json!({})).await;
    let path = format!("clients/{}/credentials", client.client_id);
    let register = async |body: Value| {
        server.management(reqwest::Method::POST, &path, &token).json(&body).send().await
    };
    let identity = Identity::self_signed("worker");
    let made = register(json!({ "credential_type": "x509_cert", "pem": identity.pem() })).await;
    let made = made.expect(201).json();
    assert_eq!(made["thumbprint_sha256"].as_str().unwrap().len(), 43);
    assert_eq!(made.get("pem"), None);
    let named = json!({ "credential_type": "cert_subject_dn", "pem": identity.pem(), "name": "w" });
    let named = register(named).await.expect(201).json();
    assert_eq!((&named["subject_dn"], &named["name"]), (&json!(WORKER_DN), &json!("w")));
    let key = ClientKey::generate("first-key-1").credential()["pem"].clone();
    let two = format!("{0}{0}", identity.pem());
    for refused in [
        json!({ "credential_type": "x509_cert" }),
        json!({ "credential_type": "x509_cert", "pem": key }),
        json!({ "credential_type": "x509_cert", "pem": two }),
        json!({ "credential_type": "x509_cert", "pem": "certificate" }),
        json!({ "credential_type": "x509_cert", "pem": identity.pem(), "kid": "first-key-1" }),
        json!({ "credential_type": "cert_subject_dn" }),
        json!({ "credential_type": "cert_subject_dn", "pem": identity.pem(), "subject_dn": "CN=x" }),
    ] {
        register(refused.clone()).await.expect(400);
    }
    // A credential of another kind would never be accepted.
    let client = format!("clients/{}", client.client_id);
    let certificate = json!({ "credentials": [{ "id": made["id"] }] });
    let name = json!({ "credentials": [{ "id": named["id"] }] });
    for (uses, status) in [
        (json!({ "client_authentication_methods": { "tls_client_auth": certificate } }), 400),
        (json!({ "client_authentication_methods": { "private_key_jwt": name } }), 400),
        (json!({ "signed_request_object": certificate }), 400),
        (json!({ "client_authentication_methods": { "self_signed_tls_client_auth": name } }), 400),
        (json!({ "client_authentication_methods": { "tls_client_auth": name } }), 200),
    ] {
        let mut change = uses.clone();
        change["token_endpoint_auth_method"] = Value::Null;
        let call = server.management(reqwest::Method::PATCH, &client, &token).json(&change);
        let answer = call.send().await;
        assert_eq!(answer.status, status, "{uses} {answer:?}");
    }
}
