//! What a stream's deliveries are signed with and what its receiver is shown, as one sealed record.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use model::ids::{EventStreamId, TenantId};
use serde::{Deserialize, Serialize};
use store::StoreError;
use vault::keyring::Purpose;
use vault::seal::{Place, Sealed};
use zeroize::Zeroizing;

use super::{DestinationSecret, SigningSecret};
use crate::app::App;
use crate::entropy::Entropy;
use crate::keys::{KeyError, TenantKeys};

/// How receivers' libraries know a signing secret.
const PREFIX: &str = "whsec_";

/// The secrets of a stream.
#[derive(Deserialize)]
pub(super) struct StreamSecrets {
    pub(super) signing: SigningSecret,
    pub(super) destination: Option<DestinationSecret>,
}

/// The same, on its way into the seal.
#[derive(Serialize)]
struct Packed<'a> {
    signing: &'a str,
    destination: Option<&'a str>,
}

/// A new signing secret of 256 random bits.
pub(super) fn mint(app: &App) -> SigningSecret {
    let bytes = Zeroizing::new(app.entropy.bytes::<32>());
    SigningSecret::new(format!("{PREFIX}{}", BASE64_STANDARD.encode(*bytes)))
}

impl StreamSecrets {
    pub(super) fn seal(
        &self,
        keys: &TenantKeys,
        tenant: &TenantId,
        id: &EventStreamId,
        entropy: &dyn Entropy,
    ) -> Result<Sealed, KeyError> {
        let destination = self.destination.as_ref().map(DestinationSecret::expose);
        let packed = Packed { signing: self.signing.expose(), destination };
        let plaintext = serde_json::to_vec(&packed).map(Zeroizing::new);
        let plaintext = plaintext.map_err(StoreError::from)?;
        keys.seal(Purpose::ProviderSecrets, None, &place(tenant, id), &plaintext, entropy)
    }

    pub(super) fn open(
        keys: &TenantKeys,
        tenant: &TenantId,
        id: &EventStreamId,
        sealed: &Sealed,
    ) -> Result<Self, KeyError> {
        let plaintext = keys.open(Purpose::ProviderSecrets, None, &place(tenant, id), sealed)?;
        Ok(serde_json::from_slice(&plaintext).map_err(StoreError::from)?)
    }

    /// Standard Webhooks: `v1,` and the HMAC-SHA-256 of id, timestamp and body in base64, by the bytes
    /// that the secret is the base64 of.
    pub(super) fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let text = self.signing.expose();
        let key = BASE64_STANDARD.decode(text.strip_prefix(PREFIX).unwrap_or(text));
        let key = Zeroizing::new(key.unwrap_or_default());
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &key));
        context.update(format!("{id}.{timestamp}.").as_bytes());
        context.update(body);
        format!("v1,{}", BASE64_STANDARD.encode(context.sign()))
    }
}

pub(crate) fn place<'a>(tenant: &'a TenantId, id: &'a EventStreamId) -> Place<'a> {
    Place {
        tenant: tenant.as_str(),
        table: "event_streams",
        row: id.as_str(),
        user: "",
        connection: "",
        field: "sealed_secret",
        generation: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification's libraries.
    #[test]
    fn signs_as_the_published_example() {
        let secrets = StreamSecrets {
            signing: SigningSecret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
            destination: None,
        };
        let signature =
            secrets.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
