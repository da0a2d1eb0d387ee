//! A client's key, and the proofs that it makes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use engine::clock::Clock;
use engine::entropy::Entropy;
use protocol::dpop::{ProofClaims, access_token_hash};
use protocol::jose::jws::Es256SigningKey;
use url::Url;

use crate::world::World;

/// The key of one client in one place: an application in one browser, or a server.
#[derive(Clone)]
pub struct DpopKey(Arc<Inner>);

struct Inner {
    world: Arc<World>,
    key: Es256SigningKey,
    /// The newest nonce by origin.
    nonces: Mutex<HashMap<String, String>>,
}

impl DpopKey {
    pub(crate) fn generate(world: &Arc<World>) -> Self {
        let key = Es256SigningKey::generate().unwrap();
        Self(Arc::new(Inner { world: Arc::clone(world), key, nonces: Mutex::default() }))
    }

    /// The name by which tokens are bound to it (RFC 7638).
    pub fn thumbprint(&self) -> String {
        self.0.key.public_jwk().thumbprint().as_str().to_owned()
    }

    /// A proof for one request, with the newest nonce of the URL's origin.
    pub fn proof(&self, method: &str, url: &Url, access_token: Option<&str>) -> String {
        let entropy: &dyn Entropy = &*self.0.world.entropy;
        let mut htu = url.clone();
        htu.set_query(None);
        htu.set_fragment(None);
        self.sign(&ProofClaims {
            jti: &entropy.uuid(),
            htm: method,
            htu: htu.as_str(),
            iat: self.0.world.clock.now().as_seconds(),
            ath: access_token.map(access_token_hash).as_deref(),
            nonce: self.nonce(url).as_deref(),
        })
    }

    /// A proof with these claims, right or wrong.
    pub fn sign(&self, claims: &ProofClaims<'_>) -> String {
        claims.sign(&self.0.key).unwrap()
    }

    /// The newest nonce of the URL's origin.
    pub fn nonce(&self, url: &Url) -> Option<String> {
        self.0.nonces.lock().unwrap().get(&origin(url)).cloned()
    }

    pub(crate) fn keep_nonce(&self, url: &Url, nonce: &str) {
        self.0.nonces.lock().unwrap().insert(origin(url), nonce.to_owned());
    }
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}
