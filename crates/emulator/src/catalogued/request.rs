//! From a provider's own words to ours.

use axum::http::HeaderMap;
use connectors::spec::{BodyFormat, ClientAuthRule, RequestSeparator, Rotation, Spec};
use serde_json::{Map, Value};

use super::in_header;
use crate::app::App;
use crate::client_auth::{ClientRefusal, authenticate, basic};
use crate::config::Client;
use crate::flavour::Flavour;
use crate::form::{Form, InvalidForm, has_content_type};
use crate::token::TokenRefusal;

/// The prompts of OpenID Connect; others are a provider's own matter.
const PROMPTS: [&str; 4] = ["none", "login", "consent", "select_account"];

/// An authorization request in the standard's words. Whether it asks for offline
/// access is said as Google has it said.
pub(super) fn authorization(spec: &Spec, sent: &Form) -> Form {
    let scope_name = spec.scopes.parameter.as_str();
    let separator = match spec.scopes.request_separator {
        RequestSeparator::Space => ' ',
        RequestSeparator::Comma => ',',
    };
    let scope = sent.value(scope_name).unwrap_or_default().replace(separator, " ");
    let prompts = sent.value("prompt").unwrap_or_default().split(' ');
    let prompts: Vec<&str> = prompts.filter(|prompt| PROMPTS.contains(prompt)).collect();
    let offline = asks_offline(spec, sent, &scope);
    let id = spec.client.id_parameter.as_str();
    let own = [id, scope_name, "scope", "prompt", "access_type", "client_id"];
    let mut values: Vec<(String, String)> =
        sent.pairs().filter(|(name, _)| !own.contains(&name.as_str())).cloned().collect();
    let mut put = |name: &str, value: &str| values.push((name.to_owned(), value.to_owned()));
    put("client_id", sent.value(id).unwrap_or_default());
    put("scope", &scope);
    put("prompt", &prompts.join(" "));
    put("access_type", if offline { "offline" } else { "online" });
    Form::of(values)
}

fn asks_offline(spec: &Spec, sent: &Form, scope: &str) -> bool {
    let offline = &spec.offline;
    if spec.refresh.rotates == Rotation::None {
        return false;
    }
    let by_scope = offline.scopes.iter().any(|word| scope.split(' ').any(|asked| asked == word));
    let by_parameter = !offline.parameters.is_empty()
        && offline.parameters.iter().all(|(name, value)| sent.value(name) == Some(value.as_str()));
    // Where nothing asks for it, the application's settings do.
    let nothing_asks = offline.scopes.is_empty() && offline.parameters.is_empty();
    by_scope || by_parameter || nothing_asks
}

/// Whether a refresh token comes only with a consent page that was really shown.
pub(crate) fn needs_page(spec: &Spec) -> bool {
    spec.offline.prompt.is_some()
}

/// A token request in the standard's words, by a client that has proven itself.
pub(super) struct TokenCall<'a> {
    pub(super) client: &'a Client,
    pub(super) form: Form,
}

pub(super) fn token<'a>(
    app: &'a App,
    spec: &Spec,
    flavour: Flavour,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<TokenCall<'a>, TokenRefusal> {
    let form = match spec.token.body {
        BodyFormat::Form => Form::from_body(headers, body).map_err(TokenRefusal::Form)?,
        BodyFormat::Json if has_content_type(headers, "application/json") => lenient(body),
        BodyFormat::Json => return Err(TokenRefusal::Form(InvalidForm::WrongContentType)),
    };
    let is_refresh = form.value("refresh_token").is_some();
    let needed =
        if is_refresh { &spec.token.refresh_parameters } else { &spec.token.code_parameters };
    if needed.iter().any(|(name, value)| form.value(name) != Some(value.as_str())) {
        return Err(TokenRefusal::Missing("a parameter of this provider's own"));
    }
    let client = client(app, spec, flavour, headers, &form)?;
    Ok(TokenCall { client, form })
}

/// The client, if it proves itself in the one way that the file names.
pub(super) fn client<'a>(
    app: &'a App,
    spec: &Spec,
    flavour: Flavour,
    headers: &HeaderMap,
    form: &Form,
) -> Result<&'a Client, TokenRefusal> {
    let wrong = || TokenRefusal::Client(ClientRefusal::MethodNotRegistered);
    let id = form.value(&spec.client.id_parameter);
    match (spec.client.auth, in_header(headers)) {
        (ClientAuthRule::Post, true)
        | (ClientAuthRule::Basic | ClientAuthRule::BasicSecret, false) => Err(wrong()),
        (ClientAuthRule::BasicSecret, true) => {
            let presented = basic(headers).map_err(TokenRefusal::Client)?;
            let (secret, _) = presented.ok_or_else(wrong)?;
            app.client_with_secret(flavour, &secret).ok_or_else(wrong)
        }
        (ClientAuthRule::Post | ClientAuthRule::Basic | ClientAuthRule::Discovered, _) => {
            let mut values: Vec<_> =
                form.pairs().filter(|(name, _)| name != "client_id").cloned().collect();
            values.extend(id.map(|id| ("client_id".to_owned(), id.to_owned())));
            authenticate(app, flavour, headers, &Form::of(values)).map_err(TokenRefusal::Client)
        }
    }
}

/// The parameters of a body, whether it is a form or a JSON object of strings.
pub(crate) fn lenient(body: &[u8]) -> Form {
    let Ok(text) = std::str::from_utf8(body) else { return Form::default() };
    match serde_json::from_str::<Map<String, Value>>(text) {
        Ok(members) => {
            let values = members.into_iter().filter_map(|(name, value)| match value {
                Value::String(text) => Some((name, text)),
                _ => None,
            });
            Form::of(values.collect())
        }
        Err(_not_json) => Form::parse(text),
    }
}
