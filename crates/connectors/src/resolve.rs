//! From a connection's options to a [`Provider`].

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderName, HeaderValue, header};
use protocol::jose::jws::Algorithm;
use protocol::oidc::discovery::ProviderMetadata;
use protocol::secret::ClientSecret;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use crate::attribute_map;
use crate::catalogue::Catalogue;
use crate::endpoint::Endpoint;
use crate::options::{Options, OptionsError, malformed};
use crate::parameters;
use crate::provider::{ClientAuth, Endpoints, Pkce, Provider};
use crate::scopes;
use crate::spec::{ClientAuthRule, PkceRule, RequestSeparator, Spec, VariableSpec};
use crate::template::Template;

/// Headers that belong to the connection and not to a caller.
pub const TRANSPORT_HEADERS: [HeaderName; 7] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::HOST,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

impl Provider {
    /// Makes a provider of a connection's strategy, options and secret.
    ///
    /// `discovered` is the discovery document where one was fetched; without it
    /// the copy in `options.oidc_metadata` serves. What the options say
    /// themselves goes before either.
    pub fn resolve(
        catalogue: &Catalogue,
        strategy: &str,
        options: &Map<String, Value>,
        secret: Option<ClientSecret>,
        discovered: Option<&ProviderMetadata>,
    ) -> Result<Self, OptionsError> {
        let spec = catalogue
            .get(strategy)
            .ok_or_else(|| OptionsError::UnknownStrategy(strategy.to_owned()))?;
        let options = Options(options);
        let metadata = metadata(spec, options, discovered)?;
        let metadata = metadata.as_ref();
        let client_id = options.string("client_id")?.ok_or(OptionsError::Missing("client_id"))?;
        let secret = secret.filter(|secret| !secret.expose().is_empty());
        let custom_headers = custom_headers(options)?;
        let authenticates_itself = custom_headers.iter().any(|(n, _)| *n == header::AUTHORIZATION);
        let usable_secret = secret.is_some() && !authenticates_itself;
        let asks = scopes::configured(spec, options)?;
        let endpoints = endpoints(spec, options, metadata)?;
        Ok(Self {
            spec: Arc::clone(spec),
            assertion_key: None,
            assertion_audience: assertion_audience(options, &endpoints)?,
            endpoints,
            client_id: client_id.to_owned(),
            client_auth: client_auth(spec, options, metadata, usable_secret, authenticates_itself)?,
            pkce: pkce(spec, options, metadata, secret.is_some())?,
            client_secret: secret,
            upstream_params: parameters::configured(spec, options)?,
            added_separator: added_separator(options, asks.separator)?,
            asks,
            names_issuer_in_response: metadata
                .is_some_and(|m| m.authorization_response_iss_parameter_supported),
            custom_headers,
            fields_map: fields_map(options)?,
            attribute_map: if spec.account.id_token {
                attribute_map::configured(options)?
            } else {
                None
            },
            fetch_user_profile: if spec.account.script {
                fetch_user_profile(options)?
            } else {
                None
            },
            must_match: must_match(spec, options)?,
        })
    }
}

fn metadata(
    spec: &Spec,
    options: Options<'_>,
    discovered: Option<&ProviderMetadata>,
) -> Result<Option<ProviderMetadata>, OptionsError> {
    if !spec.discovery {
        return Ok(None);
    }
    if let Some(metadata) = discovered {
        return Ok(Some(metadata.clone()));
    }
    let cached = options.value("oidc_metadata");
    // Emptied, it asks for a new discovery.
    let cached = cached.filter(|value| value.as_object().is_none_or(|m| !m.is_empty()));
    cached.map(ProviderMetadata::deserialize).transpose().map_err(OptionsError::Metadata)
}

fn endpoints(
    spec: &Spec,
    options: Options<'_>,
    metadata: Option<&ProviderMetadata>,
) -> Result<Endpoints, OptionsError> {
    let (by_option, fixed) = (&spec.endpoint_options, &spec.endpoints);
    let variables = variables(spec, options)?;
    let fill = |template: &Template| {
        let filled = template.fill(&variables);
        let option = || template.names().next().unwrap_or_default().to_owned();
        filled.map_err(|source| OptionsError::Endpoint { option: option(), source })
    };
    let find = |option: Option<&String>, said: Option<&Url>, fixed: Option<&Template>| {
        let configured = match option {
            Some(option) => options.endpoint(option)?,
            None => None,
        };
        if configured.is_some() {
            return Ok(configured);
        }
        let Some(url) = said else { return fixed.map(fill).transpose() };
        let option = || "oidc_metadata".to_owned();
        let parsed = Endpoint::parse(url.as_str());
        parsed.map(Some).map_err(|source| OptionsError::Endpoint { option: option(), source })
    };
    let require = |endpoint: Option<Endpoint>, option: Option<&String>| {
        endpoint.ok_or_else(|| OptionsError::MissingEndpoint(option.cloned().unwrap_or_default()))
    };
    let option = by_option.authorization.as_ref();
    let found =
        find(option, metadata.map(|m| &m.authorization_endpoint), fixed.authorization.as_ref())?;
    let authorization = require(found, option)?;

    let option = by_option.token.as_ref();
    let token =
        require(find(option, metadata.map(|m| &m.token_endpoint), fixed.token.as_ref())?, option)?;

    let option = by_option.userinfo.as_ref();
    let userinfo =
        find(option, metadata.and_then(|m| m.userinfo_endpoint.as_ref()), fixed.userinfo.as_ref())?;

    let option = by_option.revocation.as_ref();
    let revocation = find(
        option,
        metadata.and_then(|m| m.revocation_endpoint.as_ref()),
        fixed.revocation.as_ref(),
    )?;

    let option = by_option.jwks.as_ref();
    let mut jwks = find(option, metadata.map(|m| &m.jwks_uri), fixed.jwks.as_ref())?;
    let mut issuer = issuer(spec, options, metadata)?;
    if spec.account.id_token {
        // Whoever cannot check an ID token must not begin a flow that relies on one.
        jwks = Some(require(jwks, option)?);
        let option = || by_option.issuer.clone().unwrap_or_default();
        issuer = Some(issuer.ok_or_else(|| OptionsError::MissingEndpoint(option()))?);
    }
    let refresh = fixed.refresh.as_ref().map(fill).transpose()?;
    let emails = fixed.emails.as_ref().map(fill).transpose()?;
    Ok(Endpoints { authorization, token, refresh, userinfo, emails, revocation, jwks, issuer })
}

/// What fills the gaps in the addresses.
fn variables(spec: &Spec, options: Options<'_>) -> Result<BTreeMap<String, String>, OptionsError> {
    let mut values = BTreeMap::new();
    for (name, variable) in &spec.variables {
        values.insert(name.clone(), variable_value(name, variable, options)?);
    }
    Ok(values)
}

fn variable_value(
    name: &str,
    variable: &VariableSpec,
    options: Options<'_>,
) -> Result<String, OptionsError> {
    for (option, value) in &variable.switches {
        if options.boolean(option)? == Some(true) {
            return Ok(value.clone());
        }
    }
    for option in &variable.options {
        let Some(value) = options.string(option)? else { continue };
        return if variable.admits(value) {
            Ok(value.to_owned())
        } else {
            Err(malformed(option, "a value that fits"))
        };
    }
    let missing = || variable.options.first().map_or(name, String::as_str).to_owned();
    variable.default.clone().ok_or_else(|| OptionsError::MissingVariable(missing()))
}

fn must_match(spec: &Spec, options: Options<'_>) -> Result<Option<String>, OptionsError> {
    let Some(wanted) = &spec.account.must_match else { return Ok(None) };
    for option in &wanted.options {
        if let Some(value) = options.string(option)? {
            return Ok(Some(value.to_owned()));
        }
    }
    let option = wanted.options.first().cloned().unwrap_or_default();
    Err(OptionsError::MissingVariable(option))
}

fn issuer(
    spec: &Spec,
    options: Options<'_>,
    metadata: Option<&ProviderMetadata>,
) -> Result<Option<String>, OptionsError> {
    let configured = match &spec.endpoint_options.issuer {
        Some(option) => options.string(option)?,
        None => None,
    };
    let said = metadata.map(|metadata| metadata.issuer.as_str());
    let fixed = spec.endpoints.issuer.as_deref();
    Ok(configured.or(said).or(fixed).map(str::to_owned))
}

fn client_auth(
    spec: &Spec,
    options: Options<'_>,
    metadata: Option<&ProviderMetadata>,
    usable_secret: bool,
    authenticates_itself: bool,
) -> Result<ClientAuth, OptionsError> {
    let method = match spec.client.auth {
        ClientAuthRule::Post => ClientAuth::Post,
        ClientAuthRule::Basic => ClientAuth::Basic,
        ClientAuthRule::BasicSecret => ClientAuth::BasicSecret,
        ClientAuthRule::Discovered => match options.string("token_endpoint_auth_method")? {
            Some("client_secret_post") => ClientAuth::Post,
            Some("client_secret_basic") => ClientAuth::Basic,
            Some("none") => ClientAuth::None,
            Some("private_key_jwt") if !authenticates_itself => {
                return assertion_algorithm(options).map(|_| ClientAuth::PrivateKeyJwt);
            }
            Some(other) => {
                return Err(OptionsError::Unsupported {
                    option: "token_endpoint_auth_method",
                    value: other.to_owned(),
                });
            }
            None => discovered_client_auth(metadata),
        },
    };
    // RFC 6749 §2.3: the client MUST NOT use more than one authentication method
    // in each request. A configured Authorization header is one already.
    Ok(if usable_secret { method } else { ClientAuth::None })
}

/// The algorithm that the options want assertions to be signed by, if they name one.
pub(crate) fn assertion_algorithm(options: Options<'_>) -> Result<Option<Algorithm>, OptionsError> {
    let option = "token_endpoint_auth_signing_alg";
    let Some(name) = options.string(option)? else { return Ok(None) };
    let unsupported = || OptionsError::Unsupported { option, value: name.to_owned() };
    Algorithm::parse(name).ok_or_else(unsupported).map(Some)
}

/// Whom assertions are for. RFC 7523 §3 takes either.
fn assertion_audience(options: Options<'_>, endpoints: &Endpoints) -> Result<String, OptionsError> {
    let option = "token_endpoint_jwtca_aud_format";
    let endpoint = || endpoints.token.url().to_string();
    match options.string(option)? {
        None | Some("token_endpoint") => Ok(endpoint()),
        Some("issuer") => Ok(endpoints.issuer.clone().unwrap_or_else(endpoint)),
        Some(other) => Err(OptionsError::Unsupported { option, value: other.to_owned() }),
    }
}

fn discovered_client_auth(metadata: Option<&ProviderMetadata>) -> ClientAuth {
    let Some(metadata) = metadata else { return ClientAuth::Post };
    let supported = &metadata.token_endpoint_auth_methods_supported;
    // OpenID Connect Discovery §3: if omitted, the default is client_secret_basic.
    if supported.iter().any(|method| method == "client_secret_post") {
        ClientAuth::Post
    } else {
        ClientAuth::Basic
    }
}

fn pkce(
    spec: &Spec,
    options: Options<'_>,
    metadata: Option<&ProviderMetadata>,
    confidential: bool,
) -> Result<Pkce, OptionsError> {
    match spec.client.pkce {
        PkceRule::S256 => Ok(Pkce::S256),
        PkceRule::Off => Ok(Pkce::Off),
        // RFC 9700 §2.1.1: public clients MUST use PKCE.
        PkceRule::Option => {
            let enabled = options.boolean("pkce_enabled")?.unwrap_or(false);
            Ok(if enabled || !confidential { Pkce::S256 } else { Pkce::Off })
        }
        PkceRule::Discovered => {
            let mut settings = options.object("connection_settings")?;
            let wanted = settings.find(|(name, _)| *name == "pkce").map(|(_, value)| value);
            let wanted = match wanted {
                None | Some(Value::Null) => "auto".to_owned(),
                Some(Value::String(text)) => text.to_ascii_lowercase(),
                Some(_) => return Err(malformed("connection_settings.pkce", "a string")),
            };
            match wanted.as_str() {
                "auto" => Ok(discovered_pkce(metadata)),
                "s256" => Ok(Pkce::S256),
                "disabled" => Ok(Pkce::Off),
                // RFC 9700 §2.1.1: methods that expose the verifier in the
                // authorization request should not be used.
                _ => Err(OptionsError::Unsupported {
                    option: "connection_settings.pkce",
                    value: wanted,
                }),
            }
        }
    }
}

fn discovered_pkce(metadata: Option<&ProviderMetadata>) -> Pkce {
    let methods = metadata.map_or(&[][..], |m| m.code_challenge_methods_supported.as_slice());
    // RFC 6749 §3.1: the authorization server MUST ignore unrecognized request
    // parameters, so the challenge is sent to those that do not tell, too.
    if methods.is_empty() || methods.iter().any(|method| method == "S256") {
        Pkce::S256
    } else {
        Pkce::Off
    }
}

/// Auth0 joins scopes by commas as soon as a request adds its own, unless
/// `useOauthSpecScope`. RFC 6749 §3.3 wants spaces, so here only an explicit
/// `false` brings commas.
fn added_separator(
    options: Options<'_>,
    configured: RequestSeparator,
) -> Result<RequestSeparator, OptionsError> {
    Ok(match options.boolean("useOauthSpecScope")? {
        Some(true) => RequestSeparator::Space,
        Some(false) => RequestSeparator::Comma,
        None => configured,
    })
}

fn custom_headers(options: Options<'_>) -> Result<Vec<(HeaderName, HeaderValue)>, OptionsError> {
    let header = |(name, value): (&str, &str)| {
        let option = || format!("customHeaders.{name}");
        let (Ok(parsed_name), Ok(mut parsed_value)) =
            (HeaderName::try_from(name), HeaderValue::try_from(value))
        else {
            return Err(malformed(&option(), "an HTTP header"));
        };
        // The body is ours, and so is what it is called.
        if TRANSPORT_HEADERS.contains(&parsed_name) || parsed_name == header::CONTENT_TYPE {
            let parameter = name.to_owned();
            return Err(OptionsError::Reserved { option: "customHeaders", parameter });
        }
        parsed_value.set_sensitive(true);
        Ok((parsed_name, parsed_value))
    };
    options.strings_by_name("customHeaders")?.into_iter().map(header).collect()
}

fn fields_map(options: Options<'_>) -> Result<BTreeMap<String, String>, OptionsError> {
    let fields = options.strings_by_name("fieldsMap")?;
    Ok(fields.into_iter().map(|(name, member)| (name.to_owned(), member.to_owned())).collect())
}

/// The script that asks for a profile in the userinfo endpoint's place.
fn fetch_user_profile(options: Options<'_>) -> Result<Option<String>, OptionsError> {
    let mut script = None;
    for (name, value) in options.object("scripts")? {
        match (name, value) {
            (_, Value::Null) => {}
            ("fetchUserProfile", Value::String(text)) => script = Some(text.clone()),
            ("fetchUserProfile", _) => {
                return Err(malformed("scripts.fetchUserProfile", "a string"));
            }
            (other, _) => {
                return Err(OptionsError::Unsupported {
                    option: "scripts",
                    value: other.to_owned(),
                });
            }
        }
    }
    Ok(script.filter(|script| !script.trim().is_empty()))
}

#[cfg(test)]
mod tests;
