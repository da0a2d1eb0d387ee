use std::sync::LazyLock;

use serde_json::error::Category;
use serde_json::json;

use super::*;
use crate::jose::jws::SigningKey;
use crate::oauth::scope::ScopeSet;

static KEY: LazyLock<SigningKey> = LazyLock::new(|| {
    let pkcs8 = SigningKey::generate().unwrap();
    SigningKey::from_pkcs8(&pkcs8, "idp-1").unwrap()
});
static KEYS: LazyLock<JwkSet> = LazyLock::new(|| JwkSet::new(vec![KEY.public_jwk()]));

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn expected() -> ExpectedIdToken<'static> {
    ExpectedIdToken {
        issuer: "https://idp.example.com",
        client_id: "us",
        nonce: Some("n-1"),
        keys: &KEYS,
        now: NOW,
    }
}

fn good_claims() -> Value {
    json!({
        "iss": "https://idp.example.com",
        "sub": "ada",
        "aud": "us",
        "iat": NOW.as_seconds(),
        "exp": NOW.as_seconds() + 3600,
        "nonce": "n-1",
        "email": "ada@example.com",
        "email_verified": true,
    })
}

fn signed(claims: &Value) -> ProviderIdToken {
    ProviderIdToken::new(KEY.sign("JWT", claims).unwrap())
}

/// Signs the good claims with some replaced, or removed by `null`.
fn token_with(changes: &Value) -> ProviderIdToken {
    let mut claims = good_claims();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    signed(&claims)
}

fn check(changes: &Value, expected_outcome: Result<(), IdTokenError>) {
    let outcome = ProviderIdentity::verify(&token_with(changes), &expected());
    assert_eq!(outcome.map(drop), expected_outcome, "{changes}");
}

#[test]
fn a_good_token() {
    let identity = ProviderIdentity::verify(&signed(&good_claims()), &expected()).unwrap();
    assert_eq!(identity.subject(), "ada");
    assert_eq!(identity.text("email"), Some("ada@example.com"));
    assert!(identity.email_verified());
    assert!(!identity.claims().contains_key("iss"));
}

#[test]
fn a114_issuer_and_audience() {
    check(&json!({"iss": "https://idp.example.com/"}), Err(IdTokenError::WrongIssuer));
    check(&json!({"iss": "https://evil.test"}), Err(IdTokenError::WrongIssuer));
    check(&json!({"aud": "others"}), Err(IdTokenError::WrongAudience));
    check(&json!({"aud": []}), Err(IdTokenError::WrongAudience));
    check(&json!({"aud": ["us"]}), Ok(()));
    check(&json!({"aud": ["us", "others"]}), Err(IdTokenError::WrongAuthorizedParty));
    check(&json!({"aud": ["us", "others"], "azp": "us"}), Ok(()));
    check(
        &json!({"aud": ["us", "others"], "azp": "others"}),
        Err(IdTokenError::WrongAuthorizedParty),
    );
    check(&json!({"azp": "others"}), Err(IdTokenError::WrongAuthorizedParty));
}

#[test]
fn a114_times() {
    let now = NOW.as_seconds();
    check(&json!({"exp": now - 59}), Ok(()));
    check(&json!({"exp": now - 60}), Err(IdTokenError::Expired));
    check(&json!({"exp": 0}), Err(IdTokenError::Expired));
    check(&json!({"exp": -1}), Err(IdTokenError::BadTime));
    check(&json!({"exp": 1e12}), Ok(()));
    check(&json!({"iat": now + 60}), Ok(()));
    check(&json!({"iat": now + 61}), Err(IdTokenError::FromTheFuture));
    check(&json!({"iat": 1_799_999_999.5}), Ok(()));
    check(&json!({"nbf": now + 61}), Err(IdTokenError::FromTheFuture));
    check(&json!({"nbf": now - 61}), Ok(()));
}

#[test]
fn a114_claims_are_required_and_typed() {
    let malformed = Err(IdTokenError::Token(JwsError::BadClaims(Category::Data)));
    for name in ["iss", "sub", "aud", "exp", "iat"] {
        check(&json!({name: null}), malformed);
        check(&json!({name: {}}), malformed);
    }
    check(&json!({"exp": "1800003600"}), malformed);
    check(&json!({"iat": true}), malformed);
    check(&json!({"sub": 7}), malformed);
    check(&json!({"sub": ""}), Err(IdTokenError::BadSubject));
    check(&json!({"sub": "x".repeat(SUBJECT_BYTES_MAX + 1)}), Err(IdTokenError::BadSubject));
}

#[test]
fn nonce() {
    check(&json!({"nonce": null}), Err(IdTokenError::NoNonce));
    check(&json!({"nonce": "n-2"}), Err(IdTokenError::WrongNonce));
    check(&json!({"nonce": "n-11"}), Err(IdTokenError::WrongNonce));
    let without = ExpectedIdToken { nonce: None, ..expected() };
    assert!(ProviderIdentity::verify(&token_with(&json!({})), &without).is_ok());
}

#[test]
fn keys() {
    let none = JwkSet::default();
    let expected_with = |keys| ExpectedIdToken { keys, ..expected() };
    let token = token_with(&json!({}));
    let outcome = ProviderIdentity::verify(&token, &expected_with(&none));
    assert_eq!(outcome, Err(IdTokenError::UnknownKey));

    let pkcs8 = SigningKey::generate().unwrap();
    let stranger = SigningKey::from_pkcs8(&pkcs8, "idp-1").unwrap().public_jwk();
    let strangers = JwkSet::new(vec![stranger]);
    let outcome = ProviderIdentity::verify(&token, &expected_with(&strangers));
    assert_eq!(outcome, Err(IdTokenError::Token(JwsError::BadSignature)));
}

#[test]
fn other_types_of_token_are_refused() {
    let token = ProviderIdToken::new(KEY.sign("at+jwt", &good_claims()).unwrap());
    let outcome = ProviderIdentity::verify(&token, &expected());
    assert_eq!(outcome, Err(IdTokenError::Token(JwsError::WrongTyp)));
}

#[test]
fn a111_only_true_verifies_an_address() {
    for value in [json!("true"), json!("false"), json!(1), json!(false), json!([true])] {
        let token = token_with(&json!({"email_verified": value}));
        assert!(!ProviderIdentity::verify(&token, &expected()).unwrap().email_verified());
    }
    let token = token_with(&json!({"email_verified": null}));
    assert!(!ProviderIdentity::verify(&token, &expected()).unwrap().email_verified());
}

#[test]
fn our_claims() {
    let person = StandardClaims { name: Some("Ada".to_owned()), ..StandardClaims::default() };
    let claims = IdTokenClaims {
        iss: "https://acme.test/".to_owned(),
        sub: "auth0|1".to_owned(),
        aud: "app".to_owned(),
        iat: 1,
        exp: 36_001,
        nonce: Some("n=".to_owned()),
        sid: None,
        auth_time: None,
        acr: None,
        amr: Vec::new(),
        org_id: None,
        org_name: None,
        person: person.limited_to(&ScopeSet::parse("openid profile").unwrap()),
    };
    let json = json!({
        "iss": "https://acme.test/",
        "sub": "auth0|1",
        "aud": "app",
        "iat": 1,
        "exp": 36_001,
        "nonce": "n=",
        "name": "Ada",
    });
    assert_eq!(serde_json::to_value(&claims).unwrap(), json);
    assert_eq!(serde_json::from_value::<IdTokenClaims>(json).unwrap(), claims);
}
