//! What the browser brings back from a provider.

use protocol::secret::AuthorizationCode;
use serde_json::{Map, Value};

use crate::facts::{self, Facts};
use crate::fault::FaultCode;
use crate::provider::Provider;

/// Longest authorization code that is taken, in bytes.
const CODE_BYTES_MAX: usize = 4096;

/// A usable code, and what came with it.
#[derive(Debug)]
pub struct Callback {
    /// The code.
    pub code: AuthorizationCode,
    /// What is to be kept of the account, and where it is.
    pub facts: Facts,
}

/// Why the browser came back without a usable code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallbackFault {
    /// The person said no at the provider.
    #[error("access was denied at the provider")]
    Denied,
    /// The provider refused the request.
    #[error("the provider refused the request: {0}")]
    Refused(FaultCode),
    /// The response is another issuer's: a mix-up, never to be redeemed.
    #[error("the response comes from another issuer")]
    OtherIssuer,
    /// The account is said to be where the provider has none.
    #[error("the response names a place that is not the provider's")]
    Elsewhere,
    /// A parameter stands there twice, or neither code nor error does.
    #[error("the response is malformed")]
    Malformed,
}

/// Reads the authorization response, given as its query's parameters.
///
/// `provider` is the one for which the `state` was made; that the `state` is
/// the browser's own is checked before. Nothing is redeemed here.
pub fn read_callback<'a>(
    provider: &Provider,
    parameters: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Callback, CallbackFault> {
    let (mut code, mut error, mut issuer) = (None, None, None);
    let mut told = Map::new();
    for (name, value) in parameters {
        let slot = match name {
            "code" => &mut code,
            "error" => &mut error,
            "iss" => &mut issuer,
            name if facts::is_told_by(&provider.spec, name) => {
                if told.insert(name.to_owned(), Value::from(value)).is_some() {
                    return Err(CallbackFault::Malformed);
                }
                continue;
            }
            _ => continue,
        };
        // RFC 6749 §3.1: parameters MUST NOT be included more than once.
        if slot.replace(value).is_some() {
            return Err(CallbackFault::Malformed);
        }
    }
    check_issuer(provider, issuer)?;
    match (code, error) {
        (Some(code), None) if (1..=CODE_BYTES_MAX).contains(&code.len()) => {
            let facts = facts::of_callback(&provider.spec, &told)?;
            Ok(Callback { code: AuthorizationCode::new(code), facts })
        }
        (None, Some("access_denied")) => Err(CallbackFault::Denied),
        (None, Some(error)) => Err(CallbackFault::Refused(FaultCode::of_provider(error))),
        (Some(_), _) | (None, None) => Err(CallbackFault::Malformed),
    }
}

fn check_issuer(provider: &Provider, named: Option<&str>) -> Result<(), CallbackFault> {
    // RFC 9207 §2.4: clients MUST compare the value to the issuer identifier of
    // the authorization server where the authorization request was sent to. If
    // the value does not match, clients MUST reject the authorization response.
    // Where the server announces the parameter, its absence is a rejection too.
    match (named, provider.endpoints.issuer.as_deref()) {
        (Some(named), Some(expected)) if named != expected => Err(CallbackFault::OtherIssuer),
        (None, _) if provider.names_issuer_in_response => Err(CallbackFault::OtherIssuer),
        (Some(_), Some(_) | None) | (None, _) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{oidc, provider};

    #[test]
    fn a_code_or_a_reason() {
        let check = |query: &str, expected: Result<&str, CallbackFault>| {
            let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
            let pairs = pairs.iter().map(|(name, value)| (&**name, &**value));
            let outcome = read_callback(&oidc(&json!({})), pairs);
            let outcome = outcome.as_ref().map(|it| it.code.expose()).map_err(Clone::clone);
            assert_eq!(outcome, expected, "{query}");
        };
        let refused = |code| Err(CallbackFault::Refused(FaultCode::of_provider(code)));
        check("state=s&code=abc", Ok("abc"));
        check("code=abc&iss=https%3A%2F%2Fidp.example", Ok("abc"));
        check("error=access_denied&error_description=no", Err(CallbackFault::Denied));
        check("error=invalid_scope", refused("invalid_scope"));
        check("error=%3Cscript%3E", refused("unrecognized_error"));
        check("code=abc&iss=https%3A%2F%2Fevil.example", Err(CallbackFault::OtherIssuer));
        check("code=abc&iss=https%3A%2F%2Fidp.example%2F", Err(CallbackFault::OtherIssuer));
        check("code=abc&code=def", Err(CallbackFault::Malformed));
        check("code=abc&error=access_denied", Err(CallbackFault::Malformed));
        check("state=s", Err(CallbackFault::Malformed));
        check("code=", Err(CallbackFault::Malformed));
        check(&format!("code={}", "x".repeat(4097)), Err(CallbackFault::Malformed));
    }

    #[test]
    fn an_announced_issuer_must_be_there() {
        let announced = json!({"authorization_response_iss_parameter_supported": true});
        let outcome = read_callback(&oidc(&announced), [("code", "abc")]);
        assert_eq!(outcome.unwrap_err(), CallbackFault::OtherIssuer);
        let named = [("code", "abc"), ("iss", "https://idp.example")];
        assert!(read_callback(&oidc(&announced), named).is_ok());
    }

    #[test]
    fn what_is_to_be_kept_comes_once() {
        let quickbooks = provider("quickbooks", &json!({}));
        let company = ("realmId", "4620816365291231230");
        let callback = read_callback(&quickbooks, [("code", "abc"), company, ("x", "y")]).unwrap();
        assert_eq!(callback.facts, Facts::from([company].map(|(n, v)| (n.into(), v.into()))));
        let twice = read_callback(&quickbooks, [("code", "abc"), company, company]);
        assert_eq!(twice.unwrap_err(), CallbackFault::Malformed);
        assert!(read_callback(&quickbooks, [("code", "abc")]).unwrap().facts.is_empty());
    }

    #[test]
    fn a_provider_without_issuer_ignores_the_name() {
        let github = provider("github", &json!({}));
        assert!(read_callback(&github, [("code", "abc"), ("iss", "https://x.example")]).is_ok());
    }
}
