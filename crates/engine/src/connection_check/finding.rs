//! What the steps of a check find.

use std::sync::Arc;

use connectors::{FaultCode, OptionsError, RequestError, Spec};
use model::connection::Connection;
use protocol::oauth::scope::ScopeSet;

use crate::outbound::OutboundError;
use crate::provider_documents::DocumentError;

/// What was found.
#[derive(Debug)]
pub struct Report {
    /// The connection.
    pub connection: Connection,
    /// What the catalogue knows of its provider.
    pub spec: Arc<Spec>,
    /// What has to be registered there, letter by letter: one for each base URL of the tenant.
    pub redirect_uris: Vec<String>,
    /// Step by step. A step that cannot be taken keeps the later ones from being taken.
    pub findings: Vec<Finding>,
}

/// What one step found.
#[derive(Debug)]
pub enum Finding {
    /// Whether people can connect accounts by it.
    Use(Use),
    /// Whether the options describe a provider.
    Settings(Option<OptionsError>),
    /// What the provider publishes about itself.
    Discovery(Discovery),
    /// The keys of its ID tokens, where those are relied on.
    Keys(Option<DocumentError>),
    /// Whether it takes us for who we are.
    Credentials(Credentials),
    /// What it is asked for.
    Scopes {
        /// By a connect that names no scopes.
        asked: ScopeSet,
        /// Those among them that neither it nor the catalogue lists.
        unlisted: ScopeSet,
    },
    /// Whether access lasts when the person has left.
    Offline(Offline),
    /// Whether codes are bound to who asked for them.
    Pkce(PkceUse),
}

/// Whether people can connect accounts by a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// By so many applications.
    Served(usize),
    /// Not for connected accounts.
    NotForAccounts,
    /// By no application.
    NoApplication,
}

/// What came of the discovery document.
#[derive(Debug)]
pub enum Discovery {
    /// There is none: addresses come from the catalogue or from the options.
    Unused,
    /// It was read, and speaks for this issuer.
    Agrees(String),
    /// It could not be had; the copy in the options serves.
    Copy(DocumentError),
    /// It could not be had.
    Failed(DocumentError),
}

/// What a provider made of our credentials.
#[derive(Debug)]
pub enum Credentials {
    /// It refused the code alone.
    Accepted(FaultCode),
    /// It refused us.
    Refused(FaultCode),
    /// It knows us, and not our redirect URI.
    RedirectUri(FaultCode),
    /// It said something else.
    Unclear(FaultCode),
    /// It gave tokens for a code that nobody was given.
    AnyCode,
    /// It could not be asked.
    Unreachable(OutboundError),
    /// The options make no request.
    Request(RequestError),
    /// It would prove itself by a key, and has none.
    NoKey,
}

/// Whether access lasts when the person has left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offline {
    /// The provider gives no refresh tokens.
    Never,
    /// It does without being asked to.
    Always,
    /// It is asked to.
    Asked,
    /// It is not asked to, and would have to be, by one of these scopes. What is known of no provider
    /// in particular may be otherwise.
    NotAsked {
        /// The scopes.
        by: Vec<String>,
        /// Whether the catalogue speaks of this very provider.
        is_certain: bool,
    },
}

/// Whether codes are bound to who asked for them (RFC 7636).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PkceUse {
    /// They are.
    On,
    /// They are not: the provider does not take it, as far as it is known.
    NotOffered,
    /// They are not: the options say so, or do not say otherwise.
    NotChosen,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should.
    Ok,
    /// Something has to be changed.
    Problem,
    /// Nothing is certain.
    Unknown,
}

impl Finding {
    /// How the step ended.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Use(Use::Served(_))
            | Self::Settings(None)
            | Self::Discovery(Discovery::Unused | Discovery::Agrees(_))
            | Self::Keys(None)
            | Self::Credentials(Credentials::Accepted(_))
            | Self::Offline(Offline::Never | Offline::Always | Offline::Asked)
            | Self::Pkce(PkceUse::On | PkceUse::NotOffered) => Verdict::Ok,
            Self::Scopes { unlisted, .. } if unlisted.is_empty() => Verdict::Ok,
            Self::Credentials(Credentials::Unclear(_) | Credentials::AnyCode)
            | Self::Scopes { .. }
            | Self::Offline(Offline::NotAsked { is_certain: false, .. })
            | Self::Pkce(PkceUse::NotChosen) => Verdict::Unknown,
            Self::Use(Use::NotForAccounts | Use::NoApplication)
            | Self::Settings(Some(_))
            | Self::Discovery(Discovery::Copy(_) | Discovery::Failed(_))
            | Self::Keys(Some(_))
            | Self::Credentials(
                Credentials::Refused(_)
                | Credentials::RedirectUri(_)
                | Credentials::Unreachable(_)
                | Credentials::Request(_)
                | Credentials::NoKey,
            )
            | Self::Offline(Offline::NotAsked { is_certain: true, .. }) => Verdict::Problem,
        }
    }
}
