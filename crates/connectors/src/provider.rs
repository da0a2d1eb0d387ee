//! A provider, ready to be called: the catalogue's facts and a connection's
//! choices made into one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use protocol::jose::jws::{Algorithm, SigningKey};
use protocol::oauth::scope::ScopeSet;
use protocol::secret::ClientSecret;
use serde_json::{Map, Value};
use url::Url;

use crate::attribute_map::AttributeMap;
use crate::endpoint::Endpoint;
use crate::metadata::discovery_url_of;
use crate::options::{Options, OptionsError};
use crate::parameters::UpstreamParameter;
use crate::resolve::assertion_algorithm;
use crate::scopes::{self, ConfiguredScopes};
use crate::spec::{RequestSeparator, Spec};

/// Everything that a call to a provider needs.
#[derive(Clone, Debug)]
pub struct Provider {
    /// What the catalogue knows.
    pub spec: Arc<Spec>,
    /// Where to call.
    pub endpoints: Endpoints,
    /// Who we are there.
    pub client_id: String,
    /// By what we prove it.
    pub client_secret: Option<ClientSecret>,
    /// How we prove it.
    pub client_auth: ClientAuth,
    /// By what we prove it with [`ClientAuth::PrivateKeyJwt`]. Whoever has the connection's keys
    /// puts it here.
    pub assertion_key: Option<Arc<SigningKey>>,
    /// Whom our assertions are for.
    pub(crate) assertion_audience: String,
    /// Whether codes are bound to a verifier.
    pub pkce: Pkce,
    /// Extra parameters of the authorization request, by name.
    pub upstream_params: BTreeMap<String, UpstreamParameter>,
    /// What the connection asks for.
    pub(crate) asks: ConfiguredScopes,
    /// What stands between scopes once a request brings its own.
    pub(crate) added_separator: RequestSeparator,
    pub(crate) names_issuer_in_response: bool,
    /// The script that tells the profile, in JavaScript; the userinfo endpoint is then not asked.
    pub fetch_user_profile: Option<String>,
    /// Sent to the token endpoint. Marked sensitive: one may be `Authorization`.
    pub(crate) custom_headers: Vec<(HeaderName, HeaderValue)>,
    /// Account attribute → member of the provider's profile.
    pub(crate) fields_map: BTreeMap<String, String>,
    pub(crate) attribute_map: Option<AttributeMap>,
    /// What the account's fact of `account.must_match` has to be.
    pub(crate) must_match: Option<String>,
}

/// Where a provider is called.
#[derive(Clone, Debug)]
pub struct Endpoints {
    /// Where the browser goes (RFC 6749 §3.1).
    pub authorization: Endpoint,
    /// Where codes are redeemed (RFC 6749 §3.2).
    pub token: Endpoint,
    /// Where refresh tokens are redeemed, if not where codes are.
    pub refresh: Option<Endpoint>,
    /// Where the account is described.
    pub userinfo: Option<Endpoint>,
    /// Where the account's e-mail addresses are, if not in the description.
    pub emails: Option<Endpoint>,
    /// Where tokens are revoked.
    pub revocation: Option<Endpoint>,
    /// Where the keys of its ID tokens are.
    pub jwks: Option<Endpoint>,
    /// Its name for itself; compared character by character.
    pub issuer: Option<String>,
}

/// How we authenticate at a provider (RFC 6749 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// `client_secret_basic`.
    Basic,
    /// `client_secret_post`.
    Post,
    /// The secret alone as the user name of Basic.
    BasicSecret,
    /// `private_key_jwt` (OpenID Connect Core §9): an assertion under a key of the connection's.
    PrivateKeyJwt,
    /// A public client, or one whose custom headers authenticate it.
    None,
}

/// What came of the scopes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettledScopes {
    /// What the provider says that it granted, in its own words; what was asked
    /// for, if it said nothing (RFC 6749 §5.1).
    pub granted: ScopeSet,
    /// The same under every name that it goes by: as it was asked for, too.
    pub effective: ScopeSet,
    /// What was asked for and not granted. Words for offline access do not count.
    pub missing: ScopeSet,
}

/// Whether authorization codes are bound to a verifier (RFC 7636).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pkce {
    /// By its SHA-256.
    S256,
    /// Not at all.
    Off,
}

impl Provider {
    /// Where the discovery document of a connection is, if it has one: its
    /// `discovery_url`, else what its `issuer` implies, unless the connection
    /// was described by hand.
    pub fn discovery_url(options: &Map<String, Value>) -> Result<Option<Url>, OptionsError> {
        let options = Options(options);
        let by_hand = options.string("authorization_endpoint")?.is_some()
            && options.string("token_endpoint")?.is_some();
        let by_hand = by_hand || options.object("oidc_metadata")?.next().is_some();
        let named = match options.string("discovery_url")? {
            Some(url) => ("discovery_url", url),
            None => match options.string("issuer")?.filter(|_| !by_hand) {
                Some(issuer) => ("issuer", issuer),
                None => return Ok(None),
            },
        };
        let (option, text) = named;
        let endpoint = Endpoint::parse(text)
            .map_err(|source| OptionsError::Endpoint { option: option.to_owned(), source })?;
        Ok(discovery_url_of(endpoint.url().as_str()))
    }

    /// How long an access token is believed to live when the provider did not
    /// say, or said something absurd.
    pub fn assumed_lifetime(&self) -> Duration {
        self.spec.assumed_lifetime()
    }

    /// Whether the answer to a code must bring an ID token, which then vouches
    /// for the account. `endpoints.issuer` and `endpoints.jwks` are set if so.
    pub fn expects_id_token(&self) -> bool {
        self.spec.account.id_token
    }

    /// The algorithm that a connection's options want its assertions to be signed by, if they name
    /// one that is supported.
    pub fn assertion_algorithm(options: &Map<String, Value>) -> Option<Algorithm> {
        // Options that name another were refused when they were given.
        assertion_algorithm(Options(options)).ok().flatten()
    }

    /// What came of the scopes that were asked for. `granted` is what the answer
    /// said, if it did.
    pub fn settle_scopes(&self, asked: &ScopeSet, granted: Option<&ScopeSet>) -> SettledScopes {
        scopes::settle(&self.spec, asked, granted)
    }
}
