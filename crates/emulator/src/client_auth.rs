//! Client authentication at the token and revocation endpoints
//! (RFC 6749 §2.3, OIDC Core §9).

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use protocol::secret::ClientSecret;

use crate::app::App;
use crate::client_assertion;
use crate::config::{Client, ClientAuthMethod};
use crate::flavour::Flavour;
use crate::form::Form;

/// Why a client was not authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientRefusal {
    MalformedHeader,
    TwoMethods,
    NoClientId,
    UnknownClient,
    MethodNotRegistered,
    WrongSecret,
    WrongAssertion,
}

impl ClientRefusal {
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::MalformedHeader => "The Authorization header is not valid HTTP Basic.",
            Self::TwoMethods => "The client authenticates by more than one method.",
            Self::NoClientId => "The client is not named.",
            Self::UnknownClient | Self::WrongSecret | Self::WrongAssertion => {
                "The client credentials are wrong."
            }
            Self::MethodNotRegistered => {
                "This way of authentication is not registered for the client."
            }
        }
    }

    /// Whether the request itself is malformed, rather than the proof wrong.
    pub(crate) fn is_invalid_request(self) -> bool {
        match self {
            Self::MalformedHeader | Self::TwoMethods => true,
            Self::NoClientId
            | Self::UnknownClient
            | Self::MethodNotRegistered
            | Self::WrongSecret
            | Self::WrongAssertion => false,
        }
    }
}

/// Finds the client and checks that it proves itself by a method that is
/// registered for it.
pub(crate) fn authenticate<'a>(
    app: &'a App,
    flavour: Flavour,
    headers: &HeaderMap,
    form: &Form,
) -> Result<&'a Client, ClientRefusal> {
    if let Some(assertion) = form.value("client_assertion") {
        // RFC 6749 §2.3: The client MUST NOT use more than one authentication
        // method in each request.
        if headers.contains_key(AUTHORIZATION) || form.value("client_secret").is_some() {
            return Err(ClientRefusal::TwoMethods);
        }
        return client_assertion::authenticate(app, flavour, assertion, form);
    }
    let (client_id, secret, method) = presented(headers, form)?;
    let client = app.client(flavour, &client_id).ok_or(ClientRefusal::UnknownClient)?;
    if !client.auth_methods.contains(&method) {
        return Err(ClientRefusal::MethodNotRegistered);
    }
    check_secret(client, secret.as_ref())
}

/// The same by HTTP Basic alone and whatever is registered: GitHub's management
/// API takes nothing else.
pub(crate) fn authenticate_by_header<'a>(
    app: &'a App,
    flavour: Flavour,
    headers: &HeaderMap,
) -> Result<&'a Client, ClientRefusal> {
    let (client_id, secret) = basic(headers)?.ok_or(ClientRefusal::NoClientId)?;
    let client = app.client(flavour, &client_id).ok_or(ClientRefusal::UnknownClient)?;
    check_secret(client, Some(&secret))
}

fn check_secret<'a>(
    client: &'a Client,
    presented: Option<&ClientSecret>,
) -> Result<&'a Client, ClientRefusal> {
    match (&client.client_secret, presented) {
        (Some(expected), Some(given)) if expected.ct_eq(given) => Ok(client),
        (None, None) => Ok(client),
        (Some(_) | None, Some(_) | None) => Err(ClientRefusal::WrongSecret),
    }
}

type Presented = (String, Option<ClientSecret>, ClientAuthMethod);

fn presented(headers: &HeaderMap, form: &Form) -> Result<Presented, ClientRefusal> {
    let body_id = form.value("client_id");
    let body_secret = form.value("client_secret").map(ClientSecret::new);
    let Some((header_id, header_secret)) = basic(headers)? else {
        let client_id = body_id.ok_or(ClientRefusal::NoClientId)?.to_owned();
        let method = match body_secret {
            Some(_) => ClientAuthMethod::ClientSecretPost,
            None => ClientAuthMethod::None,
        };
        return Ok((client_id, body_secret, method));
    };
    // RFC 6749 §2.3: The client MUST NOT use more than one authentication
    // method in each request.
    if body_secret.is_some() || body_id.is_some_and(|body_id| body_id != header_id) {
        return Err(ClientRefusal::TwoMethods);
    }
    Ok((header_id, Some(header_secret), ClientAuthMethod::ClientSecretBasic))
}

pub(crate) fn basic(headers: &HeaderMap) -> Result<Option<(String, ClientSecret)>, ClientRefusal> {
    let mut lines = headers.get_all(AUTHORIZATION).into_iter();
    let Some(line) = lines.next() else { return Ok(None) };
    if lines.next().is_some() {
        return Err(ClientRefusal::TwoMethods);
    }
    match decoded_basic(line.to_str().unwrap_or_default()) {
        Some(credentials) => Ok(Some(credentials)),
        None => Err(ClientRefusal::MalformedHeader),
    }
}

fn decoded_basic(line: &str) -> Option<(String, ClientSecret)> {
    let (scheme, encoded) = line.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (client_id, secret) = decoded.split_once(':')?;
    Some((form_decoded(client_id)?, ClientSecret::new(form_decoded(secret)?)))
}

/// RFC 6749 §2.3.1: identifier and password are encoded using the
/// "application/x-www-form-urlencoded" encoding algorithm before they are joined.
fn form_decoded(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    Some(percent_decode_str(&spaced).decode_utf8().ok()?.into_owned())
}
