//! Reading an authorization request (RFC 6749 §4.1.1).
//!
//! 1. Client and redirect URI first: until both are known to belong together,
//!    an error must not be sent anywhere ([`AuthorizeRefusal::Page`]).
//! 2. Everything else: an error goes back to the client by redirect
//!    ([`AuthorizeRefusal::Redirect`]).

use std::time::Duration;

use protocol::oauth::error::ErrorCode;
use protocol::oauth::pkce::CodeChallenge;
use protocol::oauth::scope::ScopeSet;

use crate::app::App;
use crate::config::{Client, ClientAuthMethod};
use crate::flavour::Flavour;
use crate::flavours::{github, google};
use crate::form::Form;
use crate::interaction::{AuthorizationRequest, Prompts};

/// Why an authorization request was not taken up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AuthorizeRefusal {
    /// Told to the user on a page of ours.
    Page(PageError),
    /// Told to the client.
    Redirect(RedirectError),
}

/// An error that must not leave our origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageError {
    RepeatedParameter,
    MissingClient,
    UnknownClient,
    MissingRedirectUri,
    RedirectUriMismatch,
    /// Google refuses `prompt` beside `approval_prompt` on a page of its own.
    ConflictingPrompts,
}

/// An error that goes to the client's redirect URI (RFC 6749 §4.1.2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RedirectError {
    pub(crate) redirect_uri: String,
    pub(crate) state: Option<String>,
    pub(crate) code: &'static str,
    pub(crate) description: String,
}

impl PageError {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::RepeatedParameter => "A parameter is sent more than once.",
            Self::MissingClient => "The parameter client_id is missing.",
            Self::UnknownClient => "No client with this client_id is registered here.",
            Self::MissingRedirectUri => "The parameter redirect_uri is missing.",
            Self::RedirectUriMismatch => {
                "The redirect_uri is not one of those registered for this client \
                 (redirect_uri_mismatch)."
            }
            Self::ConflictingPrompts => "Conflict params: approval_prompt and prompt.",
        }
    }
}

/// Reads and checks the parameters of one request.
pub(crate) fn parse(
    app: &App,
    flavour: Flavour,
    form: &Form,
) -> Result<AuthorizationRequest, AuthorizeRefusal> {
    let client = known_client(app, flavour, form).map_err(AuthorizeRefusal::Page)?;
    let (redirect_uri, redirect_uri_was_sent) = match registered_redirect_uri(client, form) {
        Ok(found) => found,
        Err(PageError::RedirectUriMismatch) if flavour.redirect_uri_is_optional() => {
            return Err(github::redirect_uri_mismatch(client, form));
        }
        Err(refused) => return Err(AuthorizeRefusal::Page(refused)),
    };
    if flavour == Flavour::Google {
        google::check_prompts(form).map_err(AuthorizeRefusal::Page)?;
    }
    let state = form.value("state").map(ToOwned::to_owned);
    let refuse = |code: ErrorCode, description: String| {
        AuthorizeRefusal::Redirect(RedirectError {
            redirect_uri: redirect_uri.clone(),
            state: state.clone(),
            code: code.as_str(),
            description,
        })
    };
    let details = read_details(client, form)
        .map_err(|DetailError { code, description }| refuse(code, description))?;
    let Details { scope, challenge, mut prompts, max_age, asks_offline } = details;
    prompts.consent |= google::forces_consent(flavour, form);
    let hint = form.value("login_hint");
    Ok(AuthorizationRequest {
        flavour,
        client_id: client.client_id.clone(),
        redirect_uri,
        redirect_uri_was_sent,
        scope,
        state,
        nonce: form.value("nonce").map(ToOwned::to_owned),
        challenge,
        prompts,
        max_age,
        login_hint: hint.map(ToOwned::to_owned),
        hinted_sub: hint.and_then(|hint| app.user_called(hint)).map(|user| user.sub.clone()),
        asks_offline,
        include_granted_scopes: google::includes_granted_scopes(flavour, form),
    })
}

fn known_client<'a>(app: &'a App, flavour: Flavour, form: &Form) -> Result<&'a Client, PageError> {
    if form.is_repeated("client_id") || form.is_repeated("redirect_uri") {
        return Err(PageError::RepeatedParameter);
    }
    let client_id = form.value("client_id").ok_or(PageError::MissingClient)?;
    app.client(flavour, client_id).ok_or(PageError::UnknownClient)
}

/// The redirect URI to use, and whether the request named it.
fn registered_redirect_uri(client: &Client, form: &Form) -> Result<(String, bool), PageError> {
    match form.value("redirect_uri") {
        // RFC 9700 §4.1.3: the authorization server MUST ensure that the two
        // URIs are equal, using simple string comparison.
        Some(uri) if client.redirect_uris.iter().any(|registered| registered == uri) => {
            Ok((uri.to_owned(), true))
        }
        Some(_) => Err(PageError::RedirectUriMismatch),
        None if client.flavour.redirect_uri_is_optional() => {
            let first = client.redirect_uris.first().ok_or(PageError::MissingRedirectUri)?;
            Ok((first.clone(), false))
        }
        None => Err(PageError::MissingRedirectUri),
    }
}

struct Details {
    scope: ScopeSet,
    challenge: Option<CodeChallenge>,
    prompts: Prompts,
    max_age: Option<Duration>,
    asks_offline: bool,
}

/// An [`RedirectError`] before it is known where it goes.
pub(crate) struct DetailError {
    code: ErrorCode,
    description: String,
}

pub(crate) fn refused<T>(
    code: ErrorCode,
    description: impl Into<String>,
) -> Result<T, DetailError> {
    Err(DetailError { code, description: description.into() })
}

fn read_details(client: &Client, form: &Form) -> Result<Details, DetailError> {
    let flavour = client.flavour;
    if let Some(name) = form.repeated() {
        return refused(
            ErrorCode::InvalidRequest,
            format!("The parameter {name} is sent more than once."),
        );
    }
    check_unsupported(flavour, form)?;
    let scope = read_scope(flavour, form)?;
    let asks_offline = match flavour {
        Flavour::Oidc => scope.contains("offline_access"),
        Flavour::Google => google::asks_offline(form)?,
        Flavour::GitHub | Flavour::GitHubApp => true,
        Flavour::Catalogued(_) => form.value("access_type") == Some("offline"),
    };
    Ok(Details {
        scope,
        challenge: read_challenge(client, form)?,
        prompts: read_prompts(form)?,
        max_age: read_max_age(form)?,
        asks_offline,
    })
}

fn check_unsupported(flavour: Flavour, form: &Form) -> Result<(), DetailError> {
    // OIDC Core §6.1 and §6.2: request_not_supported, request_uri_not_supported.
    if form.value("request").is_some() {
        return refused(ErrorCode::RequestNotSupported, "Request objects are not supported.");
    }
    if form.value("request_uri").is_some() {
        return refused(ErrorCode::RequestUriNotSupported, "request_uri is not supported.");
    }
    match (form.value("response_type"), flavour) {
        (Some("code"), _) | (None, Flavour::GitHub | Flavour::GitHubApp) => {}
        (None, Flavour::Oidc | Flavour::Google | Flavour::Catalogued(_)) => {
            return refused(ErrorCode::InvalidRequest, "The parameter response_type is missing.");
        }
        (Some(_), _) => {
            return refused(
                ErrorCode::UnsupportedResponseType,
                "Only response_type=code is supported.",
            );
        }
    }
    match form.value("response_mode") {
        None | Some("query") => Ok(()),
        Some(_) => refused(ErrorCode::InvalidRequest, "Only response_mode=query is supported."),
    }
}

fn read_scope(flavour: Flavour, form: &Form) -> Result<ScopeSet, DetailError> {
    let text = match flavour {
        Flavour::Oidc | Flavour::Google | Flavour::Catalogued(_) => {
            form.value("scope").map(ToOwned::to_owned)
        }
        // GitHub's clients may separate by comma, too.
        Flavour::GitHub | Flavour::GitHubApp => {
            form.value("scope").map(|text| text.replace(',', " "))
        }
    };
    let requested = match ScopeSet::parse(text.as_deref().unwrap_or_default()) {
        Ok(requested) => requested,
        Err(invalid) => return refused(ErrorCode::InvalidScope, invalid.to_string()),
    };
    // RFC 6749 §3.3: If the client omits the scope parameter, the authorization
    // server MUST either process the request using a pre-defined default value
    // or fail the request indicating an invalid scope.
    let needs_scope = match flavour {
        Flavour::Oidc | Flavour::Google => true,
        Flavour::GitHub | Flavour::GitHubApp | Flavour::Catalogued(_) => false,
    };
    if needs_scope && requested.is_empty() {
        return refused(ErrorCode::InvalidScope, "The parameter scope is missing.");
    }
    match flavour.grantable(&requested) {
        Ok(scope) => Ok(scope),
        Err(unknown) => {
            refused(ErrorCode::InvalidScope, format!("The scope {unknown} is not known here."))
        }
    }
}

fn read_challenge(client: &Client, form: &Form) -> Result<Option<CodeChallenge>, DetailError> {
    let Some(challenge) = form.value("code_challenge") else {
        if form.value("code_challenge_method").is_some() {
            return refused(ErrorCode::InvalidRequest, "code_challenge is missing.");
        }
        // RFC 9700 §2.1.1: Public clients MUST use PKCE.
        if client.auth_methods.contains(&ClientAuthMethod::None) {
            return refused(ErrorCode::InvalidRequest, "Public clients must use PKCE.");
        }
        return Ok(None);
    };
    // RFC 7636 §4.3: defaults to "plain" if not present; §4.4.1: if the server
    // does not support the requested transformation, invalid_request.
    if form.value("code_challenge_method") != Some("S256") {
        return refused(ErrorCode::InvalidRequest, "Transform algorithm not supported: use S256.");
    }
    match CodeChallenge::parse(challenge) {
        Ok(challenge) => Ok(Some(challenge)),
        Err(invalid) => refused(ErrorCode::InvalidRequest, invalid.to_string()),
    }
}

fn read_prompts(form: &Form) -> Result<Prompts, DetailError> {
    let mut prompts = Prompts::default();
    let values = form.value("prompt").unwrap_or_default();
    let mut count = 0;
    for value in values.split(' ').filter(|value| !value.is_empty()) {
        count += 1;
        match value {
            "none" => prompts.none = true,
            "login" => prompts.login = true,
            "consent" => prompts.consent = true,
            "select_account" => prompts.select_account = true,
            unknown => {
                return refused(
                    ErrorCode::InvalidRequest,
                    format!("prompt={unknown} is not supported."),
                );
            }
        }
    }
    // OIDC Core §3.1.2.1: If this parameter contains none with any other value,
    // an error is returned.
    if prompts.none && count > 1 {
        return refused(ErrorCode::InvalidRequest, "prompt=none goes with no other value.");
    }
    Ok(prompts)
}

fn read_max_age(form: &Form) -> Result<Option<Duration>, DetailError> {
    let Some(text) = form.value("max_age") else { return Ok(None) };
    match text.parse() {
        Ok(seconds) => Ok(Some(Duration::from_secs(seconds))),
        Err(_not_a_number) => {
            refused(ErrorCode::InvalidRequest, "max_age is not a number of seconds.")
        }
    }
}
