//! How a client presents itself at the token endpoint (RFC 6749 §2.3).
//!
//! Reading is not believing: a [`PresentedClient`] says what the request
//! claims. Whether the secret is right, and whether this client may use this
//! method, is decided where the clients are known.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::client_jwt::ASSERTION_TYPE;
use super::error::ErrorCode;
use super::parameters::Parameters;
use crate::jose::jws::Unverified;
use crate::secret::{ClientJwt, ClientSecret};

/// Longest client identifier, in bytes.
pub const CLIENT_ID_BYTES_MAX: usize = 128;

/// A client as the request presents it, by method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PresentedClient {
    /// `none`: a public client only names itself.
    None {
        /// `client_id` of the body.
        client_id: String,
    },
    /// `client_secret_post`: both in the body.
    Post {
        /// `client_id` of the body.
        client_id: String,
        /// `client_secret` of the body.
        secret: ClientSecret,
    },
    /// `client_secret_basic`: both in the `Authorization` header.
    Basic {
        /// The user name of the header.
        client_id: String,
        /// The password of the header.
        secret: ClientSecret,
    },
    /// `private_key_jwt`: an assertion in the body (RFC 7523 §2.2).
    Assertion {
        /// `client_id` of the body, or else the issuer that the assertion names.
        client_id: String,
        /// `client_assertion`, not yet verified.
        assertion: ClientJwt,
    },
}

impl PresentedClient {
    /// Reads the `Authorization` header, if there is one, and moves the
    /// client's credentials out of the body's parameters.
    pub fn read(
        authorization: Option<&str>,
        body: &mut Parameters,
    ) -> Result<Self, ClientAuthError> {
        let in_body = body.take("client_id");
        let secret_in_body = body.take_secret("client_secret");
        let assertion = take_assertion(body)?;
        let presented = match (authorization, secret_in_body, assertion) {
            // RFC 6749 §2.3: the client MUST NOT use more than one
            // authentication method in each request.
            (Some(_), Some(_), _) | (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => {
                return Err(ClientAuthError::SeveralMethods);
            }
            (None, None, Some(assertion)) => Self::asserted(in_body, assertion)?,
            (Some(header), None, None) => {
                let (client_id, secret) = decode_basic(header)?;
                // Some clients repeat their identifier in the body; that is
                // harmless as long as both are the same.
                if in_body.is_some_and(|in_body| in_body != client_id) {
                    return Err(ClientAuthError::DifferentClients);
                }
                Self::Basic { client_id, secret }
            }
            (None, secret, None) => {
                let client_id = in_body.ok_or(ClientAuthError::NoClient)?;
                match secret {
                    Some(secret) => Self::Post { client_id, secret },
                    None => Self::None { client_id },
                }
            }
        };
        check_client_id(presented.client_id())?;
        Ok(presented)
    }

    /// RFC 7521 §4.2: the `client_id` is unnecessary, as the assertion names the client; if both are
    /// there they name the same.
    fn asserted(in_body: Option<String>, assertion: ClientJwt) -> Result<Self, ClientAuthError> {
        let named = Unverified::parse(assertion.expose())
            .ok()
            .and_then(|token| token.claimed_issuer())
            .ok_or(ClientAuthError::MalformedAssertion)?;
        match in_body {
            Some(client_id) if client_id != named => Err(ClientAuthError::DifferentClients),
            Some(_) | None => Ok(Self::Assertion { client_id: named, assertion }),
        }
    }

    /// The client's identifier.
    pub fn client_id(&self) -> &str {
        match self {
            Self::None { client_id }
            | Self::Post { client_id, .. }
            | Self::Basic { client_id, .. }
            | Self::Assertion { client_id, .. } => client_id,
        }
    }

    /// The secret, if one was presented.
    pub fn secret(&self) -> Option<&ClientSecret> {
        match self {
            Self::None { .. } | Self::Assertion { .. } => None,
            Self::Post { secret, .. } | Self::Basic { secret, .. } => Some(secret),
        }
    }

    /// The method's registered name, as in `token_endpoint_auth_method`.
    pub const fn method(&self) -> &'static str {
        match self {
            Self::None { .. } => "none",
            Self::Post { .. } => "client_secret_post",
            Self::Basic { .. } => "client_secret_basic",
            Self::Assertion { .. } => "private_key_jwt",
        }
    }
}

fn take_assertion(body: &mut Parameters) -> Result<Option<ClientJwt>, ClientAuthError> {
    let kind = body.take("client_assertion_type");
    match (body.take_secret("client_assertion"), kind.as_deref()) {
        (None, None) => Ok(None),
        (Some(assertion), Some(ASSERTION_TYPE)) => Ok(Some(assertion)),
        // Refused loudly, since ignoring an assertion would silently treat the client as a public
        // one.
        (Some(_), Some(_)) => Err(ClientAuthError::UnsupportedMethod),
        (Some(_), None) | (None, Some(_)) => Err(ClientAuthError::MalformedAssertion),
    }
}

/// The value of an `Authorization` header for `client_secret_basic`.
pub fn encode_basic(client_id: &str, secret: &ClientSecret) -> Zeroizing<String> {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let secret = Zeroizing::new(encoded(secret.expose()));
    let credentials = Zeroizing::new(format!("{}:{}", encoded(client_id), *secret));
    Zeroizing::new(format!("Basic {}", STANDARD.encode(credentials.as_bytes())))
}

fn decode_basic(header: &str) -> Result<(String, ClientSecret), ClientAuthError> {
    let Some((scheme, credentials)) = header.split_once(' ') else {
        return Err(ClientAuthError::MalformedBasic);
    };
    // RFC 9110 §11.1: the scheme is a case-insensitive token.
    if !scheme.eq_ignore_ascii_case("Basic") {
        return Err(ClientAuthError::UnsupportedMethod);
    }
    let Ok(decoded) = STANDARD.decode(credentials.trim_matches(' ')).map(Zeroizing::new) else {
        return Err(ClientAuthError::MalformedBasic);
    };
    let Ok(text) = std::str::from_utf8(&decoded) else {
        return Err(ClientAuthError::MalformedBasic);
    };
    let Some((client_id, secret)) = text.split_once(':') else {
        return Err(ClientAuthError::MalformedBasic);
    };
    Ok((decode_form(client_id)?, ClientSecret::new(decode_form(secret)?)))
}

/// RFC 6749 §2.3.1: identifier and secret are each encoded with the
/// `application/x-www-form-urlencoded` algorithm before they are joined.
fn decode_form(encoded: &str) -> Result<String, ClientAuthError> {
    // The library parses whole pairs; these two would be taken for separators.
    let single = Zeroizing::new(encoded.replace('&', "%26").replace('=', "%3D"));
    let decoded = form_urlencoded::parse(single.as_bytes()).next();
    let decoded = decoded.map(|(name, _)| name.into_owned()).unwrap_or_default();
    if decoded.contains(char::REPLACEMENT_CHARACTER) {
        return Err(ClientAuthError::MalformedBasic);
    }
    Ok(decoded)
}

fn check_client_id(client_id: &str) -> Result<(), ClientAuthError> {
    // RFC 6749, appendix A.1: client-id = *VSCHAR
    let visible = |byte: u8| matches!(byte, 0x20..=0x7e);
    if client_id.is_empty()
        || client_id.len() > CLIENT_ID_BYTES_MAX
        || !client_id.bytes().all(visible)
    {
        return Err(ClientAuthError::MalformedClientId);
    }
    Ok(())
}

/// Why a request does not present a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientAuthError {
    /// Neither header nor body names one.
    #[error("Missing required parameter: client_id")]
    NoClient,
    /// Header and body both authenticate.
    #[error("More than one client authentication method")]
    SeveralMethods,
    /// Header and body name different clients.
    #[error("Header and body name different clients")]
    DifferentClients,
    /// The header is not base64 of `identifier:secret`.
    #[error("Malformed Authorization header")]
    MalformedBasic,
    /// The assertion is no JWT that names an issuer, or comes without its type, or the type without
    /// it.
    #[error("Malformed client_assertion")]
    MalformedAssertion,
    /// A scheme other than `Basic`, or an assertion other than a JWT.
    #[error("Unsupported client authentication method")]
    UnsupportedMethod,
    /// Empty, longer than [`CLIENT_ID_BYTES_MAX`], or with unprintable characters.
    #[error("Invalid parameter: client_id")]
    MalformedClientId,
}

impl ClientAuthError {
    /// The code to answer with (RFC 6749 §5.2).
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::NoClient
            | Self::SeveralMethods
            | Self::DifferentClients
            | Self::MalformedClientId => ErrorCode::InvalidRequest,
            Self::MalformedBasic | Self::MalformedAssertion | Self::UnsupportedMethod => {
                ErrorCode::InvalidClient
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(authorization: Option<&str>, body: &str) -> Result<PresentedClient, ClientAuthError> {
        PresentedClient::read(authorization, &mut Parameters::from_query(body).unwrap())
    }

    fn basic(credentials: &str) -> String {
        format!("Basic {}", STANDARD.encode(credentials))
    }

    fn secret() -> ClientSecret {
        ClientSecret::new("s3cret")
    }

    #[test]
    fn methods() {
        let check = |authorization: Option<&str>, body: &str, expected| {
            assert_eq!(read(authorization, body), Ok(expected));
        };
        let client_id = || "app".to_owned();
        check(None, "client_id=app", PresentedClient::None { client_id: client_id() });
        check(
            None,
            "client_id=app&client_secret=",
            PresentedClient::None { client_id: client_id() },
        );
        check(
            None,
            "client_id=app&client_secret=s3cret",
            PresentedClient::Post { client_id: client_id(), secret: secret() },
        );
        let jwt = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhcHAifQ.AAAA";
        let asserted =
            PresentedClient::Assertion { client_id: client_id(), assertion: ClientJwt::new(jwt) };
        for client_id in ["", "client_id=app&"] {
            let body = format!(
                "{client_id}client_assertion={jwt}&client_assertion_type={}",
                ASSERTION_TYPE.replace(':', "%3A")
            );
            check(None, &body, asserted.clone());
        }
        let in_header = PresentedClient::Basic { client_id: client_id(), secret: secret() };
        check(Some(&basic("app:s3cret")), "", in_header.clone());
        check(Some(&basic("app:s3cret")), "client_id=app", in_header.clone());
        check(Some(&basic("app:s3cret").replace("Basic", "bASIC")), "", in_header.clone());
        check(Some(&basic("app:s3cret").replace(' ', "  ")), "", in_header.clone());
        check(Some(&basic("%61pp:s%33cret")), "", in_header);
    }

    #[test]
    fn credentials_are_form_encoded() {
        let check = |credentials, client_id: &str, secret: &str| {
            let presented = read(Some(&basic(credentials)), "").unwrap();
            assert_eq!(presented.client_id(), client_id);
            assert_eq!(presented.secret().unwrap().expose(), secret);
        };
        check("a+b:c+d", "a b", "c d");
        check("a%3Ab:c:d", "a:b", "c:d");
        check("a=b&c:d=e&f", "a=b&c", "d=e&f");
        check("app:", "app", "");
    }

    #[test]
    fn a30_refused_by_cause() {
        let check = |authorization: Option<&str>, body: &str, expected| {
            assert_eq!(read(authorization, body), Err(expected), "{authorization:?} {body}");
        };
        let header = basic("app:s3cret");
        check(None, "", ClientAuthError::NoClient);
        check(None, "client_secret=x", ClientAuthError::NoClient);
        check(Some(&header), "client_secret=s3cret", ClientAuthError::SeveralMethods);
        check(Some(&header), "client_id=app&client_secret=s3cret", ClientAuthError::SeveralMethods);
        check(Some(&header), "client_id=other", ClientAuthError::DifferentClients);
        let bearer = "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
        let saml = "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Asaml2-bearer";
        let jwt = "client_assertion=eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhcHAifQ.AAAA";
        let several = ClientAuthError::SeveralMethods;
        check(Some(&header), &format!("{bearer}&{jwt}"), several);
        check(None, &format!("client_id=app&client_secret=s3cret&{bearer}&{jwt}"), several);
        check(None, &format!("{saml}&{jwt}"), ClientAuthError::UnsupportedMethod);
        check(None, &format!("client_id=app&{jwt}"), ClientAuthError::MalformedAssertion);
        check(None, &format!("client_id=app&{bearer}"), ClientAuthError::MalformedAssertion);
        let no_jwt = format!("client_id=app&{bearer}&client_assertion=x");
        check(None, &no_jwt, ClientAuthError::MalformedAssertion);
        let other = format!("client_id=other&{bearer}&{jwt}");
        check(None, &other, ClientAuthError::DifferentClients);
        check(Some("Bearer x"), "client_id=app", ClientAuthError::UnsupportedMethod);
        check(Some("Basic"), "", ClientAuthError::MalformedBasic);
        check(Some("Basic !"), "", ClientAuthError::MalformedBasic);
        check(Some(&basic("no colon")), "", ClientAuthError::MalformedBasic);
        check(Some(&basic("%ff:x")), "", ClientAuthError::MalformedBasic);
        check(Some(&basic(":x")), "", ClientAuthError::MalformedClientId);
        check(Some(&basic("a%00b:x")), "", ClientAuthError::MalformedClientId);
        check(None, "client_id=%C3%A9", ClientAuthError::MalformedClientId);
        let long = format!("client_id={}", "x".repeat(CLIENT_ID_BYTES_MAX + 1));
        check(None, &long, ClientAuthError::MalformedClientId);
    }

    #[test]
    fn credentials_leave_the_body() {
        let mut body = Parameters::from_query("client_id=app&client_secret=x&code=y").unwrap();
        PresentedClient::read(None, &mut body).unwrap();
        assert_eq!(body.value("client_secret"), None);
        assert_eq!(body.value("code"), Some("y"));
    }

    proptest! {
        #[test]
        fn header_never_panics(header in "\\PC*") {
            let _ = read(Some(&header), "").is_ok();
        }

        #[test]
        fn parse_inverts_print(client_id in "[ -~]{1,40}", secret in "[^\u{fffd}]*") {
            let secret = ClientSecret::new(secret);
            let header = encode_basic(&client_id, &secret);
            let expected = PresentedClient::Basic { client_id, secret };
            prop_assert_eq!(read(Some(&header), ""), Ok(expected));
        }
    }
}
