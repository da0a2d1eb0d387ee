//! JWTs that no honest client makes: any header, any claims, a valid signature or none.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use engine::clock::Clock;
use serde_json::{Value, json};
use testkit::TestServer;
use url::Url;

/// A key on P-256 whose owner signs anything.
pub(crate) struct Forger(EcdsaKeyPair);

impl Forger {
    pub(crate) fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    /// The public key.
    pub(crate) fn jwk(&self) -> Value {
        let point = self.0.public_key().as_ref();
        json!({ "kty": "EC", "crv": "P-256", "x": encode(&point[1..33]), "y": encode(&point[33..]) })
    }

    /// A token with this header and these claims, and an ES256 signature whatever the header says.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let input = input(header, claims);
        let signature = self.0.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
        format!("{input}.{}", encode(signature.as_ref()))
    }

    /// The header of a DPoP proof.
    pub(crate) fn proof_header(&self) -> Value {
        json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk() })
    }

    /// A proof that is right but for what `change` does to its header and claims.
    pub(crate) fn proof(
        &self,
        server: &TestServer,
        (method, url): (&str, &Url),
        change: impl FnOnce(&mut Value, &mut Value),
    ) -> String {
        let (mut header, mut claims) = (self.proof_header(), proof_claims(server, method, url));
        change(&mut header, &mut claims);
        self.sign(&header, &claims)
    }
}

/// The claims of a right proof without a nonce.
pub(crate) fn proof_claims(server: &TestServer, method: &str, url: &Url) -> Value {
    let entropy = &server.app().entropy;
    json!({
        "jti": entropy.uuid(),
        "htm": method,
        "htu": url.as_str(),
        "iat": server.clock().now().as_seconds(),
    })
}

/// What a signature is made over.
pub(crate) fn input(header: &Value, claims: &Value) -> String {
    format!("{}.{}", encode(header.to_string()), encode(claims.to_string()))
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
