//! Where the browser is sent (RFC 6749 §4.1.1), for a login or for a connect.
//!
//! Parameters are laid in this order, a later one taking an earlier one's place:
//!
//! 1. what stands in the endpoint's own address;
//! 2. what the catalogue and then the connection configure (`authParams`, `authParamsMap`,
//!    `upstream_params`);
//! 3. what the request that led here passes on: on a login the few parameters
//!    that the catalogue names, on a connect its `authorization_params`;
//! 4. what asks for offline access;
//! 5. what the protocol owns, which therefore nobody else can set.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::oauth::scope::ScopeSet;
use protocol::secret::{CodeVerifier, LoginState};
use url::Url;

use crate::asked::{Asked, keeps_tokens};
use crate::parameters::{Query, UpstreamParameter};
use crate::provider::{Pkce, Provider};
use crate::scopes;

/// The `authorization_params` of a connect that reach the provider.
pub const CONNECT_PARAMETERS: [&str; 9] = [
    "acr_values",
    "audience",
    "display",
    "id_token_hint",
    "login_hint",
    "max_age",
    "prompt",
    "resource",
    "ui_locales",
];

/// One journey of a browser to a provider.
#[derive(Clone, Copy)]
pub struct AuthorizeRequest<'a> {
    /// What for.
    pub purpose: Purpose<'a>,
    /// The parameters of the request that led here: those of `/authorize` on a
    /// login, `authorization_params` on a connect.
    pub parameters: &'a [(String, String)],
    /// Where the provider sends the browser back to.
    pub redirect_uri: &'a str,
    /// Binds the answer to this browser's transaction.
    pub state: &'a LoginState,
    /// Binds an ID token to it; sent if one is asked for.
    pub nonce: &'a str,
    /// Binds the code to it; its challenge is sent if the provider does PKCE.
    pub code_verifier: &'a CodeVerifier,
}

/// What a browser is sent to a provider for.
#[derive(Clone, Copy, Debug)]
pub enum Purpose<'a> {
    /// Somebody logs in through the connection.
    Login {
        /// The comma-separated `connection_scope` of the `/authorize` request:
        /// added to what the connection asks for.
        connection_scope: Option<&'a str>,
        /// Whether the tokens of this login go to the vault. Then offline access
        /// is asked for as on a connect, consent page included.
        keeps_tokens: bool,
    },
    /// Somebody connects an account.
    Connect {
        /// The `scopes` of the request: asked for instead of the connection's.
        scopes: Option<&'a ScopeSet>,
        /// What an earlier grant gave that this one may take the place of. It is asked for again,
        /// unless the provider adds to grants by itself.
        earlier: &'a ScopeSet,
    },
}

/// The address of a journey. Its query does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorizeUrl {
    /// Where to send the browser.
    pub url: Url,
    /// The scopes that are asked for there; granted, if the answer names none.
    pub scopes: ScopeSet,
    /// Those among them that are asked for only so that an earlier grant is not lost.
    pub kept: ScopeSet,
}

impl fmt::Debug for AuthorizeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthorizeUrl({}?…)", self.url.origin().ascii_serialization())
    }
}

/// Builds the authorization URL.
pub fn authorize_url(provider: &Provider, request: &AuthorizeRequest<'_>) -> AuthorizeUrl {
    let endpoint = provider.endpoints.authorization.url();
    let asked = Asked::at(provider, request.purpose);
    let mut query = Query::of(endpoint);
    set_configured(provider, request, &mut query);
    set_passed_on(provider, request, &mut query);
    let extra_words = set_offline(provider, request.purpose, asked.offline, &mut query);
    settle_prompt(provider, extra_words, &mut query);
    set_protocol(provider, request, &asked, &mut query);
    AuthorizeUrl { url: query.into_url(endpoint), scopes: asked.scopes, kept: asked.kept }
}

fn set_configured(provider: &Provider, request: &AuthorizeRequest<'_>, query: &mut Query) {
    for (name, parameter) in &provider.upstream_params {
        match parameter {
            UpstreamParameter::Value(value) => query.set(name, value),
            UpstreamParameter::Alias(source) => {
                if let Some(value) = passed(request, source) {
                    query.set(name, value);
                }
            }
        }
    }
}

fn set_passed_on(provider: &Provider, request: &AuthorizeRequest<'_>, query: &mut Query) {
    let spec = &provider.spec.authorize;
    let names: Vec<&str> = match request.purpose {
        Purpose::Login { .. } => spec.forwarded.iter().map(String::as_str).collect(),
        Purpose::Connect { .. } => CONNECT_PARAMETERS.to_vec(),
    };
    for name in names {
        if let Some(value) = passed(request, name) {
            let theirs = spec.renamed.get(name).map_or(name, String::as_str);
            query.set(theirs, value);
        }
    }
    // On a login `prompt` is meant for our own pages, save for the wish to be
    // asked for consent again, which only the provider can grant.
    if let Purpose::Login { .. } = request.purpose
        && passed(request, "prompt").is_some_and(|prompt| words(prompt).any(|w| w == "consent"))
    {
        let prompt = with_word(query.get("prompt").unwrap_or_default(), "consent");
        query.set("prompt", prompt);
    }
}

fn passed<'a>(request: &AuthorizeRequest<'a>, name: &str) -> Option<&'a str> {
    let found = request.parameters.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
}

/// Sets what asks for offline access; returns the `prompt` word that it needs.
fn set_offline<'a>(
    provider: &'a Provider,
    purpose: Purpose<'_>,
    asked: bool,
    query: &mut Query,
) -> Option<&'a str> {
    let spec = &provider.spec.offline;
    let for_the_vault = keeps_tokens(purpose);
    // A parameter can always ask for it; a scope may not be open to our client,
    // so only who asks for it gets it, unless the catalogue knows better.
    let by_parameter = !spec.parameters.is_empty() && (asked || for_the_vault);
    if by_parameter {
        for (name, value) in &spec.parameters {
            query.set(name, value);
        }
    }
    // An ordinary login does not put the person before the consent page each time.
    let needs_consent = for_the_vault && (asked || by_parameter);
    spec.prompt.as_deref().filter(|_| needs_consent)
}

/// Merges the `prompt` words, and keeps what the provider takes beside them.
fn settle_prompt(provider: &Provider, extra: Option<&str>, query: &mut Query) {
    let prompts = &provider.spec.authorize.prompts;
    let mut prompt = query.get("prompt").unwrap_or_default().to_owned();
    // OpenID Connect Core §3.1.2.1: if prompt contains none with any other value,
    // an error is returned. Who asks for silence gets it.
    if let Some(extra) = extra
        && words(&prompt).all(|word| word != "none")
    {
        prompt = with_word(&prompt, extra);
    }
    let known = |word: &&str| {
        prompts.as_ref().is_none_or(|prompts| prompts.iter().any(|known| known == word))
    };
    let prompt = words(&prompt).filter(known).collect::<Vec<_>>().join(" ");
    if prompt.is_empty() {
        query.remove("prompt");
        return;
    }
    for excluded in &provider.spec.authorize.prompt_excludes {
        query.remove(excluded);
    }
    query.set("prompt", prompt);
}

fn words(prompt: &str) -> impl Iterator<Item = &str> {
    prompt.split(' ').filter(|word| !word.is_empty())
}

fn with_word(prompt: &str, word: &str) -> String {
    if words(prompt).any(|known| known == word) {
        return prompt.to_owned();
    }
    format!("{prompt} {word}").trim().to_owned()
}

fn set_protocol(
    provider: &Provider,
    request: &AuthorizeRequest<'_>,
    asked: &Asked,
    query: &mut Query,
) {
    query.remove("response_mode");
    query.set("response_type", "code");
    query.set(&provider.spec.client.id_parameter, &provider.client_id);
    query.set("redirect_uri", request.redirect_uri);
    query.set("state", request.state.expose());
    query.remove("scope");
    if !asked.scopes.is_empty() {
        let parameter = &provider.spec.scopes.parameter;
        query.set(parameter, scopes::write(&asked.scopes, asked.separator));
    }
    if keeps_tokens(request.purpose) {
        for (name, value) in &provider.spec.scopes.widening {
            query.set(name, value);
        }
    }
    if asked.scopes.contains("openid") {
        query.set("nonce", request.nonce);
    }
    match provider.pkce {
        Pkce::S256 => {
            // RFC 7636 §4.2: code_challenge =
            // BASE64URL-ENCODE(SHA256(ASCII(code_verifier)))
            let hash = request.code_verifier.hashed();
            query.set("code_challenge", URL_SAFE_NO_PAD.encode(hash.as_bytes()));
            query.set("code_challenge_method", "S256");
        }
        Pkce::Off => {}
    }
}

#[cfg(test)]
mod tests;
