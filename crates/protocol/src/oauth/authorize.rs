//! The authorization request (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1).
//!
//! A request that cannot be understood may be answered at its redirect URI
//! only after that URI has been found registered for its client. So parsing
//! goes in two stages: first the [`ReplyTo`], which must stand for itself; then
//! everything else, whose errors carry the `ReplyTo` along.

mod prompt;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::ErrorCode;
use super::parameters::{InvalidParameter, Parameters};
use super::pkce::{CodeChallenge, PkceError};
use super::scope::ScopeSet;
use crate::jose::jwk::Thumbprint;
use crate::secret::IdToken;

pub use prompt::{InvalidPrompt, Prompt, PromptSet};

/// Longest `nonce`, in bytes; it travels back inside the ID token.
pub const NONCE_BYTES_MAX: usize = 1024;

/// An authorization request, understood but not yet judged.
///
/// It can be stored while its pages are shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizeRequest {
    /// Who asks, and where the answer would go.
    pub reply_to: ReplyTo,
    /// `response_type`.
    pub response_type: ResponseType,
    /// `scope`; empty if absent.
    pub scope: ScopeSet,
    /// `audience`: the identifier of the API that the access token is for.
    pub audience: Option<String>,
    /// `nonce`, to be repeated in the ID token.
    pub nonce: Option<String>,
    /// `code_challenge`, always of the method `S256`.
    pub code_challenge: Option<CodeChallenge>,
    /// `dpop_jkt`: the key that the code is bound to (RFC 9449 §10).
    pub dpop_jkt: Option<Thumbprint>,
    /// `prompt`.
    pub prompt: PromptSet,
    /// `max_age`: how old the login may be.
    pub max_age: Option<Duration>,
    /// `login_hint`: what to prefill as identifier.
    pub login_hint: Option<String>,
    /// `screen_hint`: which page to begin with.
    pub screen_hint: Option<ScreenHint>,
    /// `ui_locales` in order of preference; what is no language tag is left out.
    pub ui_locales: Vec<String>,
    /// `display`.
    pub display: Option<Display>,
    /// `acr_values` in order of preference.
    pub acr_values: Vec<String>,
    /// `id_token_hint`: an ID token issued earlier, not yet verified. Judged
    /// when the request arrives, and not stored with it.
    #[serde(skip)]
    pub id_token_hint: Option<IdToken>,
    /// `connection`: the name of the one to log in through.
    pub connection: Option<String>,
    /// `connection_scope`: further scopes to ask that connection's provider for.
    pub connection_scope: ScopeSet,
    /// `access_type`, passed on to providers that know it.
    pub access_type: Option<AccessType>,
    /// `organization`: an identifier or a name.
    pub organization: Option<String>,
    /// `invitation`: an invitation's ticket.
    pub invitation: Option<String>,
}

impl AuthorizeRequest {
    /// A request for nothing but that somebody logs in.
    pub fn plain(reply_to: ReplyTo, response_type: ResponseType) -> Self {
        Self {
            reply_to,
            response_type,
            scope: ScopeSet::empty(),
            audience: None,
            nonce: None,
            code_challenge: None,
            dpop_jkt: None,
            prompt: PromptSet::default(),
            max_age: None,
            login_hint: None,
            screen_hint: None,
            ui_locales: Vec::new(),
            display: None,
            acr_values: Vec::new(),
            id_token_hint: None,
            connection: None,
            connection_scope: ScopeSet::empty(),
            access_type: None,
            organization: None,
            invitation: None,
        }
    }
}

/// Who sent an authorization request, and where its answer goes.
///
/// The redirect URI is as received: nothing may be sent there before
/// [`RedirectUri::matching`](super::redirect_uri::RedirectUri::matching) has
/// said that it is the client's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyTo {
    /// `client_id`.
    pub client_id: String,
    /// `redirect_uri`, unchecked.
    pub redirect_uri: Option<String>,
    /// `state`, to be echoed byte for byte.
    pub state: Option<String>,
    /// `response_mode`; `query` if absent or unknown.
    pub response_mode: ResponseMode,
}

/// What the client wants back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseType {
    /// `code`: the authorization code grant.
    Code,
}

/// How the answer is delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// In the query of the redirect URI.
    #[default]
    Query,
    /// In its fragment.
    Fragment,
    /// In the body of a POST that a page submits (OAuth 2.0 Form Post Response Mode).
    FormPost,
    /// In a message from a page of ours to the window that opened or embeds it.
    WebMessage,
}

/// The page to begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScreenHint {
    /// Log in.
    Login,
    /// Sign up.
    Signup,
}

/// What kind of window the pages are shown in (OpenID Connect Core §3.1.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Display {
    /// A full page.
    Page,
    /// A small window.
    Popup,
    /// A touch screen.
    Touch,
    /// A feature phone.
    Wap,
}

/// Whether a provider is asked for a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessType {
    /// Without.
    Online,
    /// With.
    Offline,
}

impl AuthorizeRequest {
    /// Reads a request from its parameters; unknown ones are ignored.
    pub fn parse(mut parameters: Parameters) -> Result<Self, AuthorizeError> {
        let client_id = parameters
            .require("client_id")
            .map_err(|missing| AuthorizeError { cause: missing.into(), reply_to: None })?;
        let response_mode = parameters.take("response_mode");
        let known_mode = response_mode.as_deref().map(ResponseMode::parse);
        let reply_to = ReplyTo {
            client_id,
            redirect_uri: parameters.take("redirect_uri"),
            state: parameters.take("state"),
            response_mode: known_mode.flatten().unwrap_or_default(),
        };
        let parsed = match known_mode {
            Some(None) => Err(InvalidParameter::Malformed("response_mode").into()),
            Some(Some(_)) | None => Self::parse_rest(reply_to.clone(), parameters),
        };
        parsed.map_err(|cause| AuthorizeError { cause, reply_to: Some(reply_to) })
    }

    fn parse_rest(
        reply_to: ReplyTo,
        mut parameters: Parameters,
    ) -> Result<Self, AuthorizeErrorCause> {
        refuse_request_objects(&parameters)?;
        let response_type = parameters.require("response_type")?;
        if response_type != "code" {
            return Err(AuthorizeErrorCause::UnsupportedResponseType);
        }
        let code_challenge = CodeChallenge::from_parameters(
            parameters.value("code_challenge"),
            parameters.value("code_challenge_method"),
        )
        .map_err(AuthorizeErrorCause::Pkce)?;
        let prompt = parameters.take("prompt").unwrap_or_default();
        let ui_locales = parameters.take("ui_locales").unwrap_or_default();
        let acr_values = parameters.take("acr_values").unwrap_or_default();
        let connection_scope = parameters.take("connection_scope").unwrap_or_default();
        Ok(Self {
            reply_to,
            response_type: ResponseType::Code,
            scope: parameters.take_scope()?.unwrap_or_default(),
            audience: parameters.take("audience"),
            nonce: take_nonce(&mut parameters)?,
            code_challenge,
            dpop_jkt: take_thumbprint(&mut parameters)?,
            prompt: PromptSet::parse(&prompt).map_err(AuthorizeErrorCause::Prompt)?,
            max_age: take_max_age(&mut parameters)?,
            login_hint: parameters.take("login_hint"),
            screen_hint: parameters.value("screen_hint").and_then(ScreenHint::parse),
            ui_locales: parse_locales(&ui_locales),
            display: parameters.value("display").and_then(Display::parse),
            acr_values: acr_values.split_ascii_whitespace().map(str::to_owned).collect(),
            id_token_hint: parameters.take_secret("id_token_hint"),
            connection: parameters.take("connection"),
            connection_scope: ScopeSet::parse_lenient(&connection_scope),
            access_type: parameters.value("access_type").and_then(AccessType::parse),
            organization: parameters.take("organization"),
            invitation: parameters.take("invitation"),
        })
    }
}

/// Request objects would override what stands in the query; a server that
/// ignored them would answer another request than the one that was signed.
fn refuse_request_objects(parameters: &Parameters) -> Result<(), AuthorizeErrorCause> {
    if parameters.value("request").is_some() {
        return Err(AuthorizeErrorCause::RequestObject);
    }
    if parameters.value("request_uri").is_some() {
        return Err(AuthorizeErrorCause::RequestObjectByReference);
    }
    Ok(())
}

fn take_nonce(parameters: &mut Parameters) -> Result<Option<String>, InvalidParameter> {
    match parameters.take("nonce") {
        Some(nonce) if nonce.len() > NONCE_BYTES_MAX => Err(InvalidParameter::Malformed("nonce")),
        nonce => Ok(nonce),
    }
}

fn take_thumbprint(parameters: &mut Parameters) -> Result<Option<Thumbprint>, InvalidParameter> {
    let Some(text) = parameters.take("dpop_jkt") else {
        return Ok(None);
    };
    match Thumbprint::parse(&text) {
        Ok(thumbprint) => Ok(Some(thumbprint)),
        Err(_) => Err(InvalidParameter::Malformed("dpop_jkt")),
    }
}

fn take_max_age(parameters: &mut Parameters) -> Result<Option<Duration>, InvalidParameter> {
    let Some(text) = parameters.take("max_age") else {
        return Ok(None);
    };
    // A sign is no digit, though the standard library takes one.
    match text.parse::<u32>() {
        Ok(seconds) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok(Some(Duration::from_secs(seconds.into())))
        }
        Ok(_) | Err(_) => Err(InvalidParameter::Malformed("max_age")),
    }
}

/// OpenID Connect Core §3.1.2.1: an error SHOULD NOT result if some or all of
/// the requested locales are not supported.
fn parse_locales(text: &str) -> Vec<String> {
    const LOCALES_MAX: usize = 16;
    let language_tag = |tag: &&str| {
        tag.len() <= 35 && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let tags = text.split_ascii_whitespace().filter(language_tag);
    tags.take(LOCALES_MAX).map(str::to_owned).collect()
}

impl ResponseMode {
    /// The value of `response_mode`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Fragment => "fragment",
            Self::FormPost => "form_post",
            Self::WebMessage => "web_message",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Query, Self::Fragment, Self::FormPost, Self::WebMessage]
            .into_iter()
            .find(|mode| mode.as_str() == text)
    }
}

impl ScreenHint {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "login" => Some(Self::Login),
            "signup" => Some(Self::Signup),
            _ => None,
        }
    }
}

impl Display {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "page" => Some(Self::Page),
            "popup" => Some(Self::Popup),
            "touch" => Some(Self::Touch),
            "wap" => Some(Self::Wap),
            _ => None,
        }
    }
}

impl AccessType {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "online" => Some(Self::Online),
            "offline" => Some(Self::Offline),
            _ => None,
        }
    }
}

/// A request that was not understood, and where to say so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct AuthorizeError {
    /// What is wrong. Its text is fit for `error_description`.
    #[source]
    pub cause: AuthorizeErrorCause,
    /// Where to answer, once its redirect URI has been found registered;
    /// without it the error is shown as a page and redirects nowhere.
    pub reply_to: Option<ReplyTo>,
}

/// What is wrong with an authorization request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizeErrorCause {
    /// A parameter is missing or malformed.
    #[error(transparent)]
    Parameter(#[from] InvalidParameter),
    /// The response type is not `code`.
    #[error("Unsupported response type")]
    UnsupportedResponseType,
    /// The code challenge cannot be used.
    #[error("Invalid PKCE parameters: {0}")]
    Pkce(#[source] PkceError),
    /// The prompts contradict each other, or one is unknown.
    #[error("Invalid parameter: prompt")]
    Prompt(#[source] InvalidPrompt),
    /// `request` is present.
    #[error("The request parameter is not supported")]
    RequestObject,
    /// `request_uri` is present.
    #[error("The request_uri parameter is not supported")]
    RequestObjectByReference,
}

impl AuthorizeErrorCause {
    /// The code to answer with (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6).
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::Parameter(invalid) => invalid.code(),
            Self::UnsupportedResponseType => ErrorCode::UnsupportedResponseType,
            Self::Pkce(_) | Self::Prompt(_) => ErrorCode::InvalidRequest,
            Self::RequestObject => ErrorCode::RequestNotSupported,
            Self::RequestObjectByReference => ErrorCode::RequestUriNotSupported,
        }
    }
}

#[cfg(test)]
mod tests;
