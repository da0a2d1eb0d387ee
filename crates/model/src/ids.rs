//! One type per kind of identifier, so that a user's id never stands where a client's belongs.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An identifier of a record of kind `K`. Cheap to clone; compared byte for byte.
pub struct Id<K>(Arc<str>, PhantomData<fn() -> K>);

/// The kinds that [`Id`] is used with. Uninhabited: they exist for the type checker alone.
pub mod kind {
    /// See [`super::TenantId`].
    pub enum Tenant {}
    /// See [`super::ClientId`].
    pub enum Client {}
    /// See [`super::ClientCredentialId`].
    pub enum ClientCredential {}
    /// See [`super::ClientGrantId`].
    pub enum ClientGrant {}
    /// See [`super::ResourceServerId`].
    pub enum ResourceServer {}
    /// See [`super::ConnectionId`].
    pub enum Connection {}
    /// See [`super::UserId`].
    pub enum User {}
    /// See [`super::SessionId`].
    pub enum Session {}
    /// See [`super::GrantFamilyId`].
    pub enum GrantFamily {}
    /// See [`super::ConnectedAccountId`].
    pub enum ConnectedAccount {}
    /// See [`super::TokensetId`].
    pub enum Tokenset {}
    /// See [`super::AccountEventId`].
    pub enum AccountEvent {}
    /// See [`super::EventStreamId`].
    pub enum EventStream {}
    /// See [`super::LogId`].
    pub enum Log {}
    /// See [`super::ProviderSubject`].
    pub enum ProviderSubject {}
}

/// A tenant, as operators name it (`acme`).
pub type TenantId = Id<kind::Tenant>;
/// An OAuth client: 32 alphanumeric characters.
pub type ClientId = Id<kind::Client>;
/// A key or certificate of a client: `cred_` and 22 characters.
pub type ClientCredentialId = Id<kind::ClientCredential>;
/// A client grant: `cgr_` and 16 characters.
pub type ClientGrantId = Id<kind::ClientGrant>;
/// A resource server: 24 hexadecimal characters.
pub type ResourceServerId = Id<kind::ResourceServer>;
/// A connection: `con_` and 16 characters.
pub type ConnectionId = Id<kind::Connection>;
/// A user: `<strategy>|<id>`, for example `auth0|64f0…`.
pub type UserId = Id<kind::User>;
/// A login session; public, the `sid` of ID tokens. The cookie holds another, secret value.
pub type SessionId = Id<kind::Session>;
/// A family of refresh tokens: everything that descends from one authorization.
pub type GrantFamilyId = Id<kind::GrantFamily>;
/// A connected account: `cac_` and 22 characters.
pub type ConnectedAccountId = Id<kind::ConnectedAccount>;
/// A tokenset: a UUID.
pub type TokensetId = Id<kind::Tokenset>;
/// Something that happened to a connected account; sorts by time.
pub type AccountEventId = Id<kind::AccountEvent>;
/// A stream of events to one receiver: `est_` and 22 characters.
pub type EventStreamId = Id<kind::EventStream>;
/// A log event; sorts by time.
pub type LogId = Id<kind::Log>;
/// The subject by which a provider knows an account (`sub`, GitHub's numeric id, …).
pub type ProviderSubject = Id<kind::ProviderSubject>;

impl<K> Id<K> {
    /// Takes the text as it is. Where an identifier comes from outside, what follows is a look-up
    /// in the database, and that is the check.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self(Arc::from(text.as_ref()), PhantomData)
    }

    /// The identifier's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0), PhantomData)
    }
}

impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<K> Eq for Id<K> {}

impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<K> From<String> for Id<K> {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl<K> From<&str> for Id<K> {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl<K> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de, K> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer).map(Self::new)
    }
}
