//! What a client with a key sends, believed as the server believes it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::Form;
use axum::routing::post;
use axum::{Json, Router};
use protocol::jose::jwk::JwkSet;
use protocol::jose::jws::SigningKey;
use protocol::oauth::client_jwt::{Expected, verify_assertion, verify_vault_request};
use protocol::secret::ClientJwt;
use protocol::time::Timestamp;
use serde_json::json;
use strongroom_client::{ClientKey, SetupError, Strongroom, WorkerRequest};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

type Fields = HashMap<String, String>;

/// A key as a client has it, and its public half as the server does.
fn key(kid: &str) -> (ClientKey, JwkSet) {
    let pkcs8 = SigningKey::generate().unwrap();
    let pem = rcgen::KeyPair::try_from(pkcs8.as_slice()).unwrap().serialize_pem();
    let public = SigningKey::from_pkcs8(&pkcs8, kid).unwrap().public_jwk();
    (ClientKey::from_pem(&pem, kid).unwrap(), JwkSet::new(vec![public]))
}

#[expect(clippy::disallowed_methods, reason = "what the SDK signs is of the machine's time")]
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_numeric_date(since.as_secs_f64()).unwrap()
}

#[tokio::test]
async fn a_worker_signs_who_it_is_and_for_whom_it_asks() {
    let (sent, mut received) = mpsc::unbounded_channel::<Fields>();
    let answer = json!({"access_token": "ya29.x", "expires_in": 60, "scope": "read:calendar"});
    let endpoint = async move |Form(fields): Form<Fields>| {
        sent.send(fields).unwrap();
        Json(answer.clone())
    };
    let app = Router::new().route("/oauth/token", post(endpoint));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, app).await });

    let (own, own_public) = key("authentication-1");
    let (signing, signing_public) = key("vault-requests-1");
    let worker = Strongroom::new(issuer.parse().unwrap(), "worker", own).unwrap();
    let request = WorkerRequest { user_id: "auth0|ada", audit_context: "nightly sync" };
    let mut seen = Vec::new();
    for _ in 0..2 {
        let token = worker.exchange_as_worker(&signing, &request, "calendar", None).await.unwrap();
        assert_eq!(token.access_token.expose(), "ya29.x");
        let fields = received.recv().await.unwrap();
        assert_eq!(fields.get("client_secret"), None);
        assert_eq!(fields["subject_token_type"], "urn:ietf:params:oauth:token-type:jwt");
        assert_eq!(
            fields["requested_token_type"],
            "http://auth0.com/oauth/token-type/token-vault-access-token"
        );

        let audiences = [issuer.as_str()];
        let by = |keys| Expected { client_id: "worker", keys, audiences: &audiences, now: now() };
        let assertion = ClientJwt::new(&fields["client_assertion"]);
        let assertion = verify_assertion(&assertion, by(&own_public)).unwrap();
        let subject = ClientJwt::new(&fields["subject_token"]);
        let subject = verify_vault_request(&subject, by(&signing_public)).unwrap();
        assert_eq!((&*subject.user_id, &*subject.audit_context), ("auth0|ada", "nightly sync"));
        seen.extend([assertion.jti, subject.one_time.jti]);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 4, "each is good once");
    server.abort();
}

#[test]
fn what_is_no_private_key_is_refused() {
    let refused =
        ClientKey::from_pem("-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n", "k");
    assert!(matches!(refused, Err(SetupError::NotPem(_))), "{refused:?}");
    let refused =
        ClientKey::from_pem("-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n", "k");
    assert!(matches!(refused, Err(SetupError::Key(_))), "{refused:?}");
}

#[test]
fn a_key_is_never_printed() {
    let (key, _) = key("authentication-1");
    let printed = format!("{key:?}");
    assert!(printed.contains("authentication-1") && printed.len() < 80, "{printed}");
}
