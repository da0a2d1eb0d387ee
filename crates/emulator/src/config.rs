//! What an emulator is started with: clients, users, behaviours, and the two
//! things it never takes from the system itself, time and randomness.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use connectors::Spec;
use protocol::jose::jwk::JwkSet;
use protocol::jose::jws::SigningKey;
use protocol::secret::{ClientSecret, Password};
use protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::flavour::{Flavour, Strategy};

/// Tells the time; the emulator adds what `POST /_emulator/clock` advanced.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Fills a buffer with random bytes; every token, code and cookie comes from it.
pub type Entropy = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// Everything that an emulator is started with.
#[derive(Clone)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The root URL that browsers and clients use. Without one it becomes
    /// `http://localhost:{port}/`.
    pub issuer: Option<Url>,
    /// The registered clients of all flavours.
    pub clients: Vec<Client>,
    /// The catalogue files of further providers, each of which is served under
    /// `/<strategy>/`; its clients are of the flavour of that name.
    pub providers: Vec<Arc<Spec>>,
    /// The people who can sign in, the same for all flavours.
    pub users: Vec<User>,
    /// How each flavour treats its tokens; `PUT /_emulator/behaviours/{flavour}`
    /// changes it while running.
    pub behaviours: Behaviours,
    /// The RS256 key of ID tokens. Without one, a fresh key is made at start,
    /// which costs some tenths of a second.
    pub signing_key: Option<Arc<SigningKey>>,
    /// Whether whoever reaches the emulator may command it, under `/_emulator/`.
    pub open_controls: bool,
    /// The clock.
    pub clock: Clock,
    /// The source of randomness.
    pub entropy: Entropy,
}

impl Config {
    /// An emulator on 127.0.0.1:4001 without clients or users.
    pub fn new(clock: Clock, entropy: Entropy) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 4001)),
            issuer: None,
            clients: Vec::new(),
            providers: Vec::new(),
            users: Vec::new(),
            behaviours: Behaviours::default(),
            signing_key: None,
            open_controls: true,
            clock,
            entropy,
        }
    }
}

/// A registered client (RFC 6749 §2).
#[derive(Clone, Debug)]
pub struct Client {
    /// The flavour that knows this client.
    pub flavour: Flavour,
    /// Unique within its flavour.
    pub client_id: String,
    /// `None` for a public client.
    pub client_secret: Option<ClientSecret>,
    /// The name that the consent page shows.
    pub name: String,
    /// Compared as exact strings (RFC 9700 §2.1).
    pub redirect_uris: Vec<String>,
    /// The ways of authentication that this client may use.
    pub auth_methods: Vec<ClientAuthMethod>,
    /// The public keys of a client that authenticates by assertions.
    pub keys: RegisteredKeys,
}

/// The public keys of a client, which whoever registered it may replace while the emulator runs.
#[derive(Clone, Debug, Default)]
pub struct RegisteredKeys(Arc<Mutex<JwkSet>>);

impl RegisteredKeys {
    /// Registers these keys in the place of all others.
    pub fn replace(&self, keys: JwkSet) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    pub(crate) fn get(&self) -> JwkSet {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Client {
    /// A client with a secret. It may authenticate by header or by body, at
    /// GitHub by body only.
    pub fn confidential(
        flavour: Flavour,
        client_id: impl Into<String>,
        client_secret: ClientSecret,
        redirect_uris: Vec<String>,
    ) -> Self {
        let client_id = client_id.into();
        Self {
            flavour,
            name: client_id.clone(),
            client_id,
            client_secret: Some(client_secret),
            redirect_uris,
            auth_methods: match flavour {
                Flavour::Oidc | Flavour::Google | Flavour::Catalogued(_) => {
                    vec![ClientAuthMethod::ClientSecretBasic, ClientAuthMethod::ClientSecretPost]
                }
                Flavour::GitHub | Flavour::GitHubApp => vec![ClientAuthMethod::ClientSecretPost],
            },
            keys: RegisteredKeys::default(),
        }
    }

    /// A client that authenticates by assertions under its own keys, at the generic provider.
    pub fn with_keys(
        client_id: impl Into<String>,
        keys: RegisteredKeys,
        redirect_uris: Vec<String>,
    ) -> Self {
        let client_id = client_id.into();
        Self {
            flavour: Flavour::Oidc,
            name: client_id.clone(),
            client_id,
            client_secret: None,
            redirect_uris,
            auth_methods: vec![ClientAuthMethod::PrivateKeyJwt],
            keys,
        }
    }

    /// A client without a secret; it must use PKCE (RFC 9700 §2.1.1).
    pub fn public(
        flavour: Flavour,
        client_id: impl Into<String>,
        redirect_uris: Vec<String>,
    ) -> Self {
        let client_id = client_id.into();
        Self {
            flavour,
            name: client_id.clone(),
            client_id,
            client_secret: None,
            redirect_uris,
            auth_methods: vec![ClientAuthMethod::None],
            keys: RegisteredKeys::default(),
        }
    }
}

/// How a client authenticates at the token endpoint (OIDC Core §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuthMethod {
    /// The `Authorization: Basic` header (RFC 6749 §2.3.1).
    ClientSecretBasic,
    /// `client_id` and `client_secret` in the body (RFC 6749 §2.3.1).
    ClientSecretPost,
    /// An assertion under a key of the client (RFC 7523 §2.2).
    PrivateKeyJwt,
    /// `client_id` alone, proven by PKCE.
    None,
}

/// Somebody who can sign in.
#[derive(Clone, Debug)]
pub struct User {
    /// What is typed into the login form; GitHub's `login`.
    pub username: String,
    /// What is typed into the login form.
    pub password: Password,
    /// The stable subject identifier (OIDC Core §2).
    pub sub: String,
    /// The e-mail address.
    pub email: String,
    /// Whether the address counts as verified.
    pub email_verified: bool,
    /// The full name.
    pub name: String,
}

/// How one flavour treats the tokens that it issues.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "four facts that do not depend on each other")]
pub struct Behaviour {
    /// Seconds an access token lives; `None`: it never expires.
    pub access_token_lifetime_seconds: Option<u64>,
    /// What a refresh does to the refresh token.
    pub refresh_tokens: RefreshTokens,
    /// Seconds a refresh token lives from its own issue; `None`: for ever.
    pub refresh_token_lifetime_seconds: Option<u64>,
    /// Whether a refresh also ends the access token that it replaces.
    pub refresh_ends_access_tokens: bool,
    /// Whether token answers carry `expires_in`.
    pub send_expires_in: bool,
    /// Whether token answers carry `scope`.
    pub send_scope: bool,
    /// Whether token answers carry an `id_token` when `openid` was granted.
    pub send_id_token: bool,
    /// The form of the token endpoint's answers.
    pub answer_format: AnswerFormat,
}

/// What a refresh does to the refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum RefreshTokens {
    /// The same token works again; refresh answers carry none.
    Kept,
    /// Each refresh gives a new one (RFC 9700 §4.14.2). The replaced one works
    /// for `grace_seconds` more; after that its use ends the family.
    Rotating {
        /// Seconds for which a replaced token is still honoured.
        grace_seconds: u64,
    },
    /// No refresh token is ever given.
    None,
}

/// The form of the token endpoint's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerFormat {
    /// `application/json` (RFC 6749 §5.1).
    Json,
    /// `application/x-www-form-urlencoded`, whatever the client accepts.
    Form,
    /// Form-encoded unless the request's `Accept` names `application/json`.
    FormUnlessJsonAccepted,
}

/// One [`Behaviour`] per flavour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Behaviours {
    /// The generic provider: an hour, kept refresh tokens.
    pub oidc: Behaviour,
    /// Google: an hour, kept refresh tokens.
    pub google: Behaviour,
    /// GitHub OAuth App: no expiry, no refresh token.
    pub github: Behaviour,
    /// GitHub App: eight hours, single-use refresh tokens of six months.
    #[serde(rename = "github-app")]
    pub github_app: Behaviour,
    /// Those of the catalogue, as their files have it.
    #[serde(flatten)]
    pub catalogued: BTreeMap<Strategy, Behaviour>,
}

impl Behaviours {
    /// The behaviour of `flavour`.
    pub fn of(&self, flavour: Flavour) -> &Behaviour {
        match flavour {
            Flavour::Oidc => &self.oidc,
            Flavour::Google => &self.google,
            Flavour::GitHub => &self.github,
            Flavour::GitHubApp => &self.github_app,
            Flavour::Catalogued(strategy) => self.catalogued.get(&strategy).unwrap_or(&self.oidc),
        }
    }

    /// The behaviour of `flavour`, to be changed.
    pub fn of_mut(&mut self, flavour: Flavour) -> &mut Behaviour {
        match flavour {
            Flavour::Oidc => &mut self.oidc,
            Flavour::Google => &mut self.google,
            Flavour::GitHub => &mut self.github,
            Flavour::GitHubApp => &mut self.github_app,
            Flavour::Catalogued(strategy) => {
                self.catalogued.entry(strategy).or_insert_with(|| self.oidc.clone())
            }
        }
    }
}

impl Default for Behaviours {
    fn default() -> Self {
        let oidc = Behaviour {
            access_token_lifetime_seconds: Some(3600),
            refresh_tokens: RefreshTokens::Kept,
            refresh_token_lifetime_seconds: None,
            refresh_ends_access_tokens: false,
            send_expires_in: true,
            send_scope: true,
            send_id_token: true,
            answer_format: AnswerFormat::Json,
        };
        let github = Behaviour {
            access_token_lifetime_seconds: None,
            refresh_tokens: RefreshTokens::None,
            refresh_token_lifetime_seconds: None,
            refresh_ends_access_tokens: false,
            send_expires_in: false,
            send_scope: true,
            send_id_token: false,
            answer_format: AnswerFormat::FormUnlessJsonAccepted,
        };
        let github_app = Behaviour {
            access_token_lifetime_seconds: Some(28_800),
            refresh_tokens: RefreshTokens::Rotating { grace_seconds: 0 },
            refresh_token_lifetime_seconds: Some(15_897_600),
            refresh_ends_access_tokens: true,
            send_expires_in: true,
            ..github.clone()
        };
        Self { google: oidc.clone(), oidc, github, github_app, catalogued: BTreeMap::new() }
    }
}
