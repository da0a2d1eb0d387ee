//! What we need again at the return and nobody else may know meanwhile.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use model::ids::ConnectionId;
use protocol::oauth::scope::ScopeSet;
use protocol::secret::{CodeVerifier, Hashed, kind};
use serde::{Deserialize, Serialize};
use store::StoreError;
use vault::keyring::Purpose;
use vault::seal::{Place, Sealed};
use zeroize::Zeroizing;

use crate::context::Context;
use crate::entropy::Entropy;
use crate::keys::{KeyError, TenantKeys};

/// Sealed beside a journey.
#[derive(Deserialize)]
pub(super) struct Luggage {
    /// Redeems the code.
    pub(super) verifier: CodeVerifier,
    /// Stands in the ID token.
    pub(super) nonce: String,
    /// RFC 6749 §4.1.3: the token request names the redirect URI of the authorization request.
    pub(super) redirect_uri: String,
    /// What was asked for.
    pub(super) scopes: ScopeSet,
    /// Those among them that nobody fails without.
    #[serde(default)]
    pub(super) kept: ScopeSet,
}

/// The same, on its way into the seal.
#[derive(Serialize)]
struct Packed<'a> {
    verifier: &'a str,
    nonce: &'a str,
    redirect_uri: &'a str,
    scopes: &'a ScopeSet,
    kept: &'a ScopeSet,
}

impl Luggage {
    pub(super) fn seal(
        &self,
        keys: &TenantKeys,
        context: &Context,
        connection_id: &ConnectionId,
        state: &Hashed<kind::LoginState>,
        entropy: &dyn Entropy,
    ) -> Result<Sealed, KeyError> {
        let Self { verifier, nonce, redirect_uri, scopes, kept } = self;
        let packed = Packed { verifier: verifier.expose(), nonce, redirect_uri, scopes, kept };
        let plaintext = serde_json::to_vec(&packed).map(Zeroizing::new);
        let plaintext = plaintext.map_err(StoreError::from)?;
        let row = BASE64_URL_SAFE_NO_PAD.encode(state.as_bytes());
        let place = place(context, connection_id, &row);
        keys.seal(Purpose::Tickets, None, &place, &plaintext, entropy)
    }

    pub(super) fn open(
        keys: &TenantKeys,
        context: &Context,
        connection_id: &ConnectionId,
        state: &Hashed<kind::LoginState>,
        sealed: &Sealed,
    ) -> Result<Self, KeyError> {
        let row = BASE64_URL_SAFE_NO_PAD.encode(state.as_bytes());
        let place = place(context, connection_id, &row);
        let plaintext = keys.open(Purpose::Tickets, None, &place, sealed)?;
        Ok(serde_json::from_slice(&plaintext).map_err(StoreError::from)?)
    }
}

/// The connection is part of the place: the verifier of one connection opens for no other.
fn place<'a>(context: &'a Context, connection_id: &'a ConnectionId, row: &'a str) -> Place<'a> {
    Place {
        tenant: context.tenant_id().as_str(),
        table: "provider_states",
        row,
        user: "",
        connection: connection_id.as_str(),
        field: "sealed_verifier",
        generation: 0,
    }
}
