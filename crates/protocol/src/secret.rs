//! Secrets as types.
//!
//! A [`Secret`] is wiped when dropped, prints as `[secret]`, implements neither
//! `Display` nor `Serialize`, and carries in its type what kind of secret it is:
//! a refresh token of a provider cannot be passed where one of ours is meant.
//! The two ways out are deliberate words in the code, easy to search for:
//! [`Secret::expose`] and [`Secret::disclose`].

use std::fmt;
use std::marker::PhantomData;

use aws_lc_rs::{constant_time, digest};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

/// A secret string of the kind `K` (see [`kind`]).
pub struct Secret<K> {
    text: Zeroizing<String>,
    kind: PhantomData<fn() -> K>,
}

impl<K> Secret<K> {
    /// Takes the secret over; an owned `String` is not copied.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: Zeroizing::new(text.into()), kind: PhantomData }
    }

    /// The secret in clear. Whoever calls this answers for where it goes.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The form in which our own tokens are stored and looked up: SHA-256 of
    /// the whole string. Sound only for secrets of high entropy; passwords
    /// need a slow hash instead.
    pub fn hashed(&self) -> Hashed<K> {
        let digest = digest::digest(&digest::SHA256, self.text.as_bytes());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest.as_ref());
        Hashed::from_bytes(bytes)
    }

    /// Whether both are the same, in time that depends on their lengths only.
    pub fn ct_eq(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(self.text.as_bytes(), other.text.as_bytes()).is_ok()
    }

    /// Marks the secret as part of an answer: the result can be serialized.
    pub fn disclose(self) -> Disclosed<K> {
        Disclosed(self)
    }
}

// By hand: a derive would demand `K: Clone`, and kinds have no values.
impl<K> Clone for Secret<K> {
    fn clone(&self) -> Self {
        Self { text: self.text.clone(), kind: PhantomData }
    }
}

impl<K> fmt::Debug for Secret<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// In constant time, so that the convenient operator is also the safe one.
impl<K> PartialEq for Secret<K> {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other)
    }
}

impl<K> Eq for Secret<K> {}

impl<'de, K> Deserialize<'de> for Secret<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// A secret that is meant to leave in a serialized answer.
///
/// This is the only type through which `serde` ever sees a secret's text, so
/// the answers that carry secrets can be counted.
pub struct Disclosed<K>(Secret<K>);

impl<K> Disclosed<K> {
    /// The secret inside.
    pub fn secret(&self) -> &Secret<K> {
        &self.0
    }

    /// The secret inside, no longer serializable.
    pub fn into_secret(self) -> Secret<K> {
        self.0
    }
}

impl<K> Clone for Disclosed<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K> fmt::Debug for Disclosed<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<K> PartialEq for Disclosed<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0)
    }
}

impl<K> Eq for Disclosed<K> {}

impl<K> Serialize for Disclosed<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

impl<'de, K> Deserialize<'de> for Disclosed<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Secret::deserialize(deserializer).map(Self)
    }
}

/// The SHA-256 of a [`Secret`] of the kind `K`.
pub struct Hashed<K> {
    bytes: [u8; 32],
    kind: PhantomData<fn() -> K>,
}

impl<K> Hashed<K> {
    /// A hash that was stored earlier.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self { bytes, kind: PhantomData }
    }

    /// The hash as it is stored.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }
}

impl<K> Clone for Hashed<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Hashed<K> {}

impl<K> PartialEq for Hashed<K> {
    fn eq(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(&self.bytes, &other.bytes).is_ok()
    }
}

impl<K> Eq for Hashed<K> {}

impl<K> fmt::Debug for Hashed<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hashed secret]")
    }
}

/// The kinds of secrets. They have no values; they only tell types apart.
pub mod kind {
    /// See [`ProviderAccessToken`](super::ProviderAccessToken).
    pub enum ProviderAccessToken {}
    /// See [`ProviderRefreshToken`](super::ProviderRefreshToken).
    pub enum ProviderRefreshToken {}
    /// See [`ProviderIdToken`](super::ProviderIdToken).
    pub enum ProviderIdToken {}
    /// See [`ClientSecret`](super::ClientSecret).
    pub enum ClientSecret {}
    /// See [`ClientJwt`](super::ClientJwt).
    pub enum ClientJwt {}
    /// See [`Password`](super::Password).
    pub enum Password {}
    /// See [`AccessToken`](super::AccessToken).
    pub enum AccessToken {}
    /// See [`IdToken`](super::IdToken).
    pub enum IdToken {}
    /// See [`RefreshToken`](super::RefreshToken).
    pub enum RefreshToken {}
    /// See [`AuthorizationCode`](super::AuthorizationCode).
    pub enum AuthorizationCode {}
    /// See [`CodeVerifier`](super::CodeVerifier).
    pub enum CodeVerifier {}
    /// See [`SessionToken`](super::SessionToken).
    pub enum SessionToken {}
    /// See [`BrowserToken`](super::BrowserToken).
    pub enum BrowserToken {}
    /// See [`LoginState`](super::LoginState).
    pub enum LoginState {}
    /// See [`PushedRequest`](super::PushedRequest).
    pub enum PushedRequest {}
    /// See [`Ticket`](super::Ticket).
    pub enum Ticket {}
    /// See [`AuthSession`](super::AuthSession).
    pub enum AuthSession {}
    /// See [`ConnectCode`](super::ConnectCode).
    pub enum ConnectCode {}
    /// What deliveries to a receiver of events are signed with (Standard Webhooks).
    pub enum WebhookSigning {}
    /// What a receiver of events is shown.
    pub enum WebhookDestination {}
}

/// An access token that a provider issued to us for one of its accounts.
pub type ProviderAccessToken = Secret<kind::ProviderAccessToken>;
/// A refresh token that a provider issued to us: the most valuable secret here.
pub type ProviderRefreshToken = Secret<kind::ProviderRefreshToken>;
/// An ID token that a provider issued about one of its accounts.
pub type ProviderIdToken = Secret<kind::ProviderIdToken>;
/// The secret of a confidential client, ours or ours at a provider.
pub type ClientSecret = Secret<kind::ClientSecret>;
/// What a client signed with its own key, to be used once: whoever has it first is taken for the
/// client.
pub type ClientJwt = Secret<kind::ClientJwt>;
/// A person's password.
pub type Password = Secret<kind::Password>;
/// An access token that we issue.
pub type AccessToken = Secret<kind::AccessToken>;
/// An ID token that we issue.
pub type IdToken = Secret<kind::IdToken>;
/// A refresh token that we issue.
pub type RefreshToken = Secret<kind::RefreshToken>;
/// An authorization code (RFC 6749 §1.3.1), of either direction.
pub type AuthorizationCode = Secret<kind::AuthorizationCode>;
/// A PKCE code verifier (RFC 7636 §4.1), of either direction.
pub type CodeVerifier = Secret<kind::CodeVerifier>;
/// What the login session's cookie carries.
pub type SessionToken = Secret<kind::SessionToken>;
/// What the cookie carries that binds a transaction to one browser.
pub type BrowserToken = Secret<kind::BrowserToken>;
/// The `state` of one of our own pending logins, here or at a provider.
pub type LoginState = Secret<kind::LoginState>;
/// By what a pushed authorization request is known (RFC 9126).
pub type PushedRequest = Secret<kind::PushedRequest>;
/// A one-time ticket that opens a page of ours.
pub type Ticket = Secret<kind::Ticket>;
/// The handle of a connect flow that the starting client keeps.
pub type AuthSession = Secret<kind::AuthSession>;
/// The one-time code that ends a connect flow.
pub type ConnectCode = Secret<kind::ConnectCode>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_prints_the_text() {
        let secret = RefreshToken::new("canary");
        assert_eq!(format!("{secret:?}"), "[secret]");
        assert_eq!(format!("{:?}", secret.clone().disclose()), "[secret]");
        assert_eq!(format!("{:?}", secret.hashed()), "[hashed secret]");
    }

    #[test]
    fn equality_is_of_the_text() {
        let secret = ClientSecret::new("one");
        assert_eq!(secret, ClientSecret::new("one"));
        assert_ne!(secret, ClientSecret::new("two"));
        assert_ne!(secret, ClientSecret::new("on"));
        assert_eq!(secret.hashed(), ClientSecret::new("one").hashed());
        assert_ne!(secret.hashed(), ClientSecret::new("two").hashed());
    }

    // FIPS 180-2, appendix B.1: SHA-256 of "abc".
    #[test]
    fn hash_is_sha_256() {
        let hashed = AccessToken::new("abc").hashed();
        assert_eq!(hashed.as_bytes()[..4], [0xba, 0x78, 0x16, 0xbf]);
        assert_eq!(hashed, Hashed::from_bytes(*hashed.as_bytes()));
    }

    #[test]
    fn disclosed_is_the_way_through_serde() {
        let secret: AccessToken = serde_json::from_str("\"abc\"").unwrap();
        assert_eq!(serde_json::to_string(&secret.disclose()).unwrap(), "\"abc\"");
    }
}
