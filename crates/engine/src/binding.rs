//! What an access token is bound to, beside its client: RFC 7800 `cnf`.

use protocol::client_certificate::CertificateThumbprint;
use protocol::jose::jwk::Thumbprint;
use protocol::oauth::answer::TokenType;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::dpop::FreshProof;

/// What whoever uses a token must have besides it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Binding {
    /// The key (RFC 9449).
    Key(Thumbprint),
    /// The key of the certificate (RFC 8705).
    Certificate(CertificateThumbprint),
}

impl Binding {
    /// The key of a proof, if it is one.
    pub fn jkt(&self) -> Option<&Thumbprint> {
        match self {
            Self::Key(jkt) => Some(jkt),
            Self::Certificate(_) => None,
        }
    }

    /// How a token is presented: with a proof where it is bound to the proof's key.
    pub fn token_type(binding: Option<&Self>) -> TokenType {
        match binding {
            Some(Self::Key(_)) => TokenType::Dpop,
            Some(Self::Certificate(_)) | None => TokenType::Bearer,
        }
    }

    /// Whether a request may use a token that is bound so: whoever sends it has what it takes.
    ///
    /// RFC 9449 §7.1: a token that is bound to a key is used with the DPoP scheme and a proof, and no
    /// other token is. RFC 8705 §3: the certificate of the connection matches the token's.
    pub(crate) fn admits(
        binding: Option<&Self>,
        context: &Context,
        scheme: TokenType,
        proof: Option<&FreshProof>,
    ) -> bool {
        match (binding, scheme, proof) {
            (None, TokenType::Bearer, None) => true,
            (Some(Self::Key(jkt)), TokenType::Dpop, Some(proof)) => proof.jkt() == jkt,
            (Some(Self::Certificate(thumbprint)), TokenType::Bearer, None) => {
                let presented = context.certificate.as_ref();
                presented.is_some_and(|presented| presented.thumbprint() == thumbprint)
            }
            (
                None | Some(Self::Key(_) | Self::Certificate(_)),
                TokenType::Bearer | TokenType::Dpop,
                None | Some(_),
            ) => false,
        }
    }
}

/// The claim.
#[derive(Serialize, Deserialize)]
pub(crate) struct Confirmation {
    #[serde(skip_serializing_if = "Option::is_none")]
    jkt: Option<Thumbprint>,
    #[serde(rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    certificate: Option<CertificateThumbprint>,
}

impl From<&Binding> for Confirmation {
    fn from(binding: &Binding) -> Self {
        match binding {
            Binding::Key(jkt) => Self { jkt: Some(jkt.clone()), certificate: None },
            Binding::Certificate(thumbprint) => {
                Self { jkt: None, certificate: Some(thumbprint.clone()) }
            }
        }
    }
}

impl Confirmation {
    /// What it says. A claim that says nothing we know is none of ours, and neither is one that says
    /// two things.
    pub(crate) fn read(self) -> Option<Binding> {
        match (self.jkt, self.certificate) {
            (Some(jkt), None) => Some(Binding::Key(jkt)),
            (None, Some(thumbprint)) => Some(Binding::Certificate(thumbprint)),
            (None, None) | (Some(_), Some(_)) => None,
        }
    }
}
