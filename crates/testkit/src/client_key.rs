//! A key by which a client proves itself, and what it signs.

use std::sync::Arc;

use engine::clock::Clock;
use engine::entropy::Entropy;
use protocol::jose::jws::SigningKey;
use protocol::oauth::client_jwt::{ASSERTION_TYPE, VAULT_REQUEST_TYP};
use protocol::oauth::exchange::{RequestedTokenType, SubjectTokenType};
use protocol::oauth::token::GrantType;
use serde_json::{Value, json};

use crate::call::Call;
use crate::exchange::Exchange;
use crate::tenant::Tenant;

/// An RSA key under a name.
#[derive(Clone)]
pub struct ClientKey {
    key: Arc<SigningKey>,
    pkcs8: Arc<[u8]>,
    pem: String,
}

impl ClientKey {
    /// A new key.
    pub fn generate(kid: &str) -> Self {
        let pkcs8 = SigningKey::generate().unwrap();
        let pem = rcgen::KeyPair::try_from(pkcs8.as_slice()).unwrap().public_key_pem();
        let key = Arc::new(SigningKey::from_pkcs8(&pkcs8, kid).unwrap());
        Self { key, pkcs8: Arc::from(pkcs8.as_slice()), pem }
    }

    /// The credential as it is registered.
    pub fn credential(&self) -> Value {
        json!({ "credential_type": "public_key", "pem": self.pem, "kid": self.key.kid() })
    }

    /// The same key under another name.
    #[must_use]
    pub fn renamed(&self, kid: &str) -> Self {
        let key = SigningKey::from_pkcs8(&self.pkcs8, kid).unwrap();
        Self { key: Arc::new(key), ..self.clone() }
    }

    /// Signs anything.
    pub fn sign(&self, typ: &str, claims: &Value) -> String {
        self.key.sign(typ, claims).unwrap()
    }
}

impl Tenant {
    /// Good claims of a client about itself, with one replaced, or removed by `null`.
    pub fn assertion_claims(&self, client_id: &str, (claim, value): (&str, Value)) -> Value {
        let now = self.world.clock.now().as_seconds();
        let mut claims = json!({
            "iss": client_id, "sub": client_id, "aud": self.issuer(),
            "iat": now, "exp": now + 60, "jti": self.fresh_jti(),
        });
        replace(&mut claims, claim, value);
        claims
    }

    /// Good claims of a privileged client about a person, with one replaced, or removed by `null`.
    pub fn vault_request_claims(
        &self,
        client_id: &str,
        user_id: &str,
        (claim, value): (&str, Value),
    ) -> Value {
        let now = self.world.clock.now().as_seconds();
        let mut claims = json!({
            "iss": client_id, "sub": user_id, "aud": self.issuer(), "iat": now,
            "jti": self.fresh_jti(), "audit_context": "nightly sync",
        });
        replace(&mut claims, claim, value);
        claims
    }

    /// A request of a client that authenticates by its key.
    pub fn asserting(&self, path: &str, assertion: &str, fields: &[(&str, &str)]) -> Call {
        let proof = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion)];
        let all: Vec<_> = proof.into_iter().chain(fields.iter().copied()).collect();
        self.post(path).form(&all)
    }

    /// A privileged client's exchange: it authenticates by the key that also signs for the person.
    pub fn exchanging_for(
        &self,
        client_id: &str,
        key: &ClientKey,
        subject_token: &str,
        (requested, exchange): (RequestedTokenType, &Exchange),
    ) -> Call {
        let assertion = key.sign("JWT", &self.assertion_claims(client_id, ("", Value::Null)));
        let mut fields = vec![
            ("client_id", client_id),
            ("grant_type", GrantType::VaultExchange.as_str()),
            ("subject_token_type", SubjectTokenType::Jwt.as_str()),
            ("subject_token", subject_token),
            ("requested_token_type", requested.as_str()),
            ("connection", &exchange.connection),
        ];
        fields.extend(exchange.login_hint.as_deref().map(|hint| ("login_hint", hint)));
        fields.extend(exchange.scope.as_deref().map(|scope| ("scope", scope)));
        self.asserting("/oauth/token", &assertion, &fields)
    }

    /// A request of a privileged client for a person, signed.
    pub fn vault_request(&self, client_id: &str, key: &ClientKey, user_id: &str) -> String {
        let claims = self.vault_request_claims(client_id, user_id, ("", Value::Null));
        key.sign(VAULT_REQUEST_TYP, &claims)
    }

    fn fresh_jti(&self) -> String {
        let entropy: &dyn Entropy = &*self.world.entropy;
        entropy.uuid()
    }
}

fn replace(claims: &mut Value, claim: &str, value: Value) {
    match (claim, value) {
        ("", _) => {}
        (claim, Value::Null) => drop(claims.as_object_mut().unwrap().remove(claim)),
        (claim, value) => claims[claim] = value,
    }
}
