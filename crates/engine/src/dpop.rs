//! DPoP (RFC 9449) beyond the proof itself: nonces, and that no proof is used twice.

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use protocol::dpop::{DpopError, JTI_MEMORY, Proof, ProofContext};
use protocol::jose::jwk::Thumbprint;
use protocol::time::Timestamp;
use store::{StoreError, replay_marks};
use vault::keyring::Purpose;

use crate::app::App;
use crate::context::Context;
use crate::keys::{KeyError, TenantKeys};
use crate::mark::mark;

/// A nonce is accepted for this long at least, and for twice as long at most.
const NONCE_WINDOW: Duration = Duration::from_mins(5);

/// That whoever sent this request holds a key, shown by a fresh proof that was never used.
#[derive(Clone, Debug)]
pub struct DpopBound {
    jkt: Thumbprint,
}

impl DpopBound {
    /// The thumbprint of the key.
    pub fn jkt(&self) -> &Thumbprint {
        &self.jkt
    }
}

/// Why a proof is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The proof does not fit the request.
    #[error(transparent)]
    Invalid(#[from] DpopError),
    /// A nonce is wanted and is missing, stale or not ours. The caller gets a new one.
    #[error("the proof lacks a current nonce")]
    NonceWanted {
        /// What the next proof must carry.
        nonce: String,
    },
    /// The proof was used before.
    #[error("the proof was used before")]
    Replayed,
    /// The database or a key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl From<StoreError> for ProofError {
    fn from(error: StoreError) -> Self {
        Self::Key(error.into())
    }
}

/// Whether a proof must carry one of our nonces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoncePolicy {
    /// It must.
    Required,
    /// It need not; if it does, the nonce must be ours and current.
    Optional,
}

/// A proof that fits its request. Whether it was used before shows when it is spent.
#[derive(Debug)]
pub struct FreshProof {
    jkt: Thumbprint,
    mark: [u8; 32],
    remembered_until: Timestamp,
}

/// Checks a proof against its request, without a trace in the database: who has no business here
/// makes us write nothing.
pub async fn check(
    app: &App,
    context: &Context,
    header: &str,
    request: &ProofContext<'_>,
    policy: NoncePolicy,
) -> Result<FreshProof, ProofError> {
    let now = request.now;
    let proof = Proof::verify(header, request)?;
    let keys = app.tenant_keys(context.tenant_id(), now).await?;
    let current = match (proof.nonce(), policy) {
        (Some(nonce), _) => is_current(&keys, nonce, now),
        (None, NoncePolicy::Optional) => true,
        (None, NoncePolicy::Required) => false,
    };
    if !current {
        return Err(ProofError::NonceWanted { nonce: nonce(&keys, now)? });
    }
    let jkt = proof.jkt().clone();
    let mark = mark(&[jkt.as_str(), proof.jti()]);
    Ok(FreshProof { jkt, mark, remembered_until: now.saturating_add(JTI_MEMORY) })
}

impl FreshProof {
    /// The thumbprint of the key that made it.
    pub fn jkt(&self) -> &Thumbprint {
        &self.jkt
    }

    /// Spends the proof. RFC 9449 §11.1: it is remembered for longer than it is accepted.
    pub async fn spend(self, app: &App, context: &Context) -> Result<DpopBound, ProofError> {
        let Self { jkt, mark, remembered_until } = self;
        let mut tx = app.store.write().await?;
        let tenant = context.tenant_id();
        let first = replay_marks::insert(&mut tx, tenant, "dpop", &mark, remembered_until).await?;
        tx.commit().await?;
        if first { Ok(DpopBound { jkt }) } else { Err(ProofError::Replayed) }
    }
}

/// A nonce for the next proof. It carries the window it was made in and is authentic, so every node
/// knows it without having stored it.
pub fn nonce(keys: &TenantKeys, now: Timestamp) -> Result<String, KeyError> {
    let window = window_of(now);
    let mac = keys.newest(Purpose::DpopNonces)?.mac(&[b"dpop nonce", &window.to_be_bytes()]);
    Ok(BASE64_URL_SAFE_NO_PAD.encode([window.to_be_bytes().as_slice(), &mac[..24]].concat()))
}

fn is_current(keys: &TenantKeys, nonce: &str, now: Timestamp) -> bool {
    let Ok(bytes) = BASE64_URL_SAFE_NO_PAD.decode(nonce) else { return false };
    let Some((window, mac)) = bytes.split_at_checked(8) else { return false };
    let Ok(window) = window.try_into().map(i64::from_be_bytes) else { return false };
    let age = window_of(now).checked_sub(window);
    let is_ours = keys.all(Purpose::DpopNonces).any(|key| {
        let expected = key.mac(&[b"dpop nonce", &window.to_be_bytes()]);
        verify_slices_are_equal(&expected[..24], mac).is_ok()
    });
    matches!(age, Some(0 | 1)) && is_ours
}

fn window_of(now: Timestamp) -> i64 {
    let length = i64::try_from(NONCE_WINDOW.as_millis()).unwrap_or(i64::MAX);
    now.as_millis().div_euclid(length)
}
