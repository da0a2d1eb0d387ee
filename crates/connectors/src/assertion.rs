//! Client assertions (RFC 7523 §2.2): how a connection with a key of its own proves at the token endpoint
//! who we are.

use std::time::Duration;

use protocol::time::Timestamp;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::provider::Provider;
use crate::request::RequestError;

/// Long enough for a provider whose clock is not ours.
const LIFETIME: Duration = Duration::from_mins(5);

/// What makes the assertion of one request good for that one alone.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// Names the assertion; no other has it.
    pub jti: &'a str,
    /// When it is made.
    pub now: Timestamp,
}

/// An assertion for one request. It is a secret for as long as it lives.
pub(crate) fn sign(
    provider: &Provider,
    moment: Moment<'_>,
) -> Result<Zeroizing<String>, RequestError> {
    #[derive(Serialize)]
    struct Claims<'a> {
        iss: &'a str,
        sub: &'a str,
        aud: &'a str,
        jti: &'a str,
        iat: i64,
        exp: i64,
    }
    let key = provider.assertion_key.as_ref().ok_or(RequestError::NoKey)?;
    // RFC 7523 §3: both are the client_id of the OAuth client.
    let (iss, sub) = (provider.client_id.as_str(), provider.client_id.as_str());
    let Moment { jti, now } = moment;
    let exp = now.saturating_add(LIFETIME).as_seconds();
    let aud = &provider.assertion_audience;
    let claims = Claims { iss, sub, aud, jti, iat: now.as_seconds(), exp };
    Ok(Zeroizing::new(key.sign("JWT", &claims)?))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use protocol::jose::jws::{Algorithm, ExpectedTyp, SigningKey, Unverified};
    use protocol::secret::{AuthorizationCode, CodeVerifier};
    use serde_json::{Value, json};

    use crate::provider::ClientAuth;
    use crate::request::RequestError;
    use crate::testing::{MOMENT, try_provider, with_metadata};
    use crate::token_call::code_request;

    #[test]
    fn an_assertion_says_who_for_whom_and_for_how_long() {
        let pkcs8 = SigningKey::generate_for(Algorithm::Es256).unwrap();
        let key = SigningKey::from_pkcs8_for(Algorithm::Es256, &pkcs8, "key-1").unwrap();
        let (public, key) = (key.public_jwk(), Arc::new(key));
        let check = |format: Value, audience: &str| {
            let options = json!({
                "oidc_metadata": with_metadata(&json!({})),
                "token_endpoint_auth_method": "private_key_jwt",
                "token_endpoint_jwtca_aud_format": format,
            });
            // A secret that is there is not sent beside the assertion.
            let mut provider = try_provider("oidc", &options, Some("s3cr3t")).unwrap();
            assert_eq!(provider.client_auth, ClientAuth::PrivateKeyJwt);
            let (code, verifier) = (AuthorizationCode::new("c"), CodeVerifier::new("v"));
            let missing = code_request(&provider, &code, "https://us/", &verifier, MOMENT);
            assert!(matches!(missing, Err(RequestError::NoKey)));
            provider.assertion_key = Some(Arc::clone(&key));
            let request = code_request(&provider, &code, "https://us/", &verifier, MOMENT).unwrap();
            assert!(!request.headers().contains_key("authorization"));
            let body = std::str::from_utf8(request.body().as_bytes()).unwrap();
            let fields: Vec<_> = form_urlencoded::parse(body.as_bytes()).collect();
            let names: Vec<_> = fields.iter().map(|(name, _)| name.as_ref()).collect();
            let last = ["client_id", "client_assertion_type", "client_assertion"];
            assert_eq!(names[names.len() - 3..], last);
            assert!(!names.contains(&"client_secret"));
            let token = Unverified::parse(&fields.last().unwrap().1).unwrap();
            let typ = ExpectedTyp::GenericJwt;
            let verified = token.verify_with::<Value>(&public, &[Algorithm::Es256], typ).unwrap();
            let expected = json!({
                "iss": "client-1", "sub": "client-1", "aud": audience, "jti": "jti-1",
                "iat": 1_000, "exp": 1_300,
            });
            assert_eq!(verified.claims(), &expected);
        };
        check(Value::Null, "https://idp.example/token");
        check(json!("token_endpoint"), "https://idp.example/token");
        check(json!("issuer"), "https://idp.example");
    }
}
