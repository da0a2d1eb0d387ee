use std::sync::LazyLock;

use serde_json::json;

use super::*;
use crate::jose::jws::{Es256SigningKey, SigningKey};

static KEY: LazyLock<SigningKey> = LazyLock::new(|| new_key("first"));
static KEYS: LazyLock<JwkSet> = LazyLock::new(|| JwkSet::new(vec![KEY.public_jwk()]));

const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);
const ISSUER: &str = "https://acme.example/";
const ENDPOINT: &str = "https://acme.example/oauth/token";

fn new_key(kid: &str) -> SigningKey {
    SigningKey::from_pkcs8(&SigningKey::generate().unwrap(), kid).unwrap()
}

fn expected(now: Timestamp) -> Expected<'static> {
    Expected { client_id: "worker", keys: &KEYS, audiences: &[ISSUER, ENDPOINT], now }
}

fn seconds_from_now(seconds: i64) -> Value {
    json!(NOW.as_seconds() + seconds)
}

/// Good claims of either kind with one replaced, or removed by `null`.
fn claims_with(sub: &str, claim: &str, value: Value) -> Value {
    let mut claims = json!({
        "iss": "worker",
        "sub": sub,
        "aud": ISSUER,
        "iat": NOW.as_seconds(),
        "exp": NOW.as_seconds() + 60,
        "jti": "id-1",
        "audit_context": "nightly sync",
    });
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(claim)),
        value => claims[claim] = value,
    }
    claims
}

fn sign(typ: &str, claims: &Value) -> ClientJwt {
    ClientJwt::new(KEY.sign(typ, claims).unwrap())
}

fn assertion_with(claim: &str, value: Value) -> Result<OneTime, JwtError> {
    let token = sign("JWT", &claims_with("worker", claim, value));
    verify_assertion(&token, expected(NOW))
}

fn request_with(claim: &str, value: Value) -> Result<VaultRequest, JwtError> {
    let token = sign(VAULT_REQUEST_TYP, &claims_with("auth0|ada", claim, value));
    verify_vault_request(&token, expected(NOW))
}

#[test]
fn an_assertion_names_the_client_for_a_while() {
    let one_time = assertion_with("", Value::Null).unwrap();
    let remember_until = NOW.saturating_add(Duration::from_mins(2));
    assert_eq!(one_time, OneTime { jti: "id-1".to_owned(), remember_until });
    for audience in [json!(ENDPOINT), json!([ISSUER])] {
        assert!(assertion_with("aud", audience).is_ok());
    }
    // SDKs differ in what they leave out.
    for claim in ["iat", "nbf", "audit_context"] {
        assert!(assertion_with(claim, Value::Null).is_ok(), "{claim}");
    }
}

#[test]
fn a31_assertions_refused_by_cause() {
    let check = |claim: &str, value: Value, expected: Option<JwtError>| {
        let refused = assertion_with(claim, value.clone()).err();
        let matches = match expected {
            Some(expected) => refused == Some(expected),
            // The claims have the wrong shape.
            None => matches!(refused, Some(JwtError::Token(JwsError::BadClaims(_)))),
        };
        assert!(matches, "{claim}={value}: {refused:?}");
    };
    check("iss", json!("other"), Some(JwtError::OtherIssuer));
    check("sub", json!("other"), Some(JwtError::OtherSubject));
    check("aud", json!("https://other.example/"), Some(JwtError::OtherAudience));
    check("aud", json!([ISSUER, "https://other.example/"]), Some(JwtError::OtherAudience));
    check("aud", json!([]), Some(JwtError::OtherAudience));
    check("exp", Value::Null, Some(JwtError::NoExpiry));
    check("exp", json!("9999999999"), None);
    check("exp", seconds_from_now(0), Some(JwtError::Expired));
    check("exp", seconds_from_now(10 * 365 * 86_400), Some(JwtError::LivesTooLong));
    check("exp", json!(-1), Some(JwtError::BadTime));
    check("iat", seconds_from_now(61), Some(JwtError::NotYetValid));
    check("nbf", seconds_from_now(61), Some(JwtError::NotYetValid));
    check("jti", Value::Null, Some(JwtError::BadJti));
    check("jti", json!(""), Some(JwtError::BadJti));
    check("jti", json!("x".repeat(JTI_BYTES_MAX + 1)), Some(JwtError::BadJti));
    check("sub", Value::Null, Some(JwtError::OtherSubject));
    for claim in ["iss", "aud"] {
        check(claim, Value::Null, None);
    }
}

#[test]
fn a_request_to_the_vault_names_a_person_and_a_reason() {
    let request = request_with("", Value::Null).unwrap();
    assert_eq!(request.user_id, "auth0|ada");
    assert_eq!(request.audit_context, "nightly sync");
    assert_eq!(request.organization, None);
    assert_eq!(request.one_time.remember_until, NOW.saturating_add(Duration::from_mins(2)));
    assert!(request_with("exp", Value::Null).is_ok());
    assert!(request_with("iat", seconds_from_now(-60)).is_ok());
    assert!(request_with("iat", seconds_from_now(60)).is_ok());
    let fraction = json!(f64::from(1_790_000_000) - 0.5);
    assert!(request_with("iat", fraction).is_ok());
    let longest = json!("é".repeat(AUDIT_CONTEXT_CHARS_MAX));
    assert!(request_with("audit_context", longest).is_ok());
    let organization = request_with("org_id", json!("org_1")).unwrap().organization;
    assert_eq!(organization.as_deref(), Some("org_1"));
}

#[test]
fn a_request_may_name_who_acts() {
    let chain = json!({"sub": "agent-7", "act": {"sub": "planner", "iss": "https://x.example"}});
    assert_eq!(request_with("act", chain).unwrap().actors, ["agent-7", "planner"]);
    assert_eq!(request_with("", Value::Null).unwrap().actors, [""; 0]);
    let deep = |depth: usize| {
        (0..depth).fold(Value::Null, |inner, _| match inner {
            Value::Null => json!({"sub": "a"}),
            inner => json!({"sub": "a", "act": inner}),
        })
    };
    assert!(request_with("act", deep(ACTORS_MAX)).is_ok());
    for broken in [
        json!("agent-7"),
        json!({}),
        json!({"sub": 7}),
        json!({"sub": ""}),
        json!({"sub": "a", "act": "b"}),
        json!({"sub": "x".repeat(257)}),
        deep(ACTORS_MAX + 1),
    ] {
        assert_eq!(request_with("act", broken.clone()), Err(JwtError::BadActor), "{broken}");
    }
}

#[test]
fn a83_requests_refused_by_cause() {
    let check = |claim: &str, value: Value, expected: JwtError| {
        assert_eq!(request_with(claim, value.clone()), Err(expected), "{claim}={value}");
    };
    check("iss", json!("other"), JwtError::OtherIssuer);
    check("aud", json!("https://other.example/"), JwtError::OtherAudience);
    check("iat", Value::Null, JwtError::NoIssueTime);
    check("iat", seconds_from_now(-61), JwtError::TooOld);
    check("iat", seconds_from_now(61), JwtError::NotYetValid);
    check("exp", seconds_from_now(-1), JwtError::Expired);
    check("nbf", seconds_from_now(61), JwtError::NotYetValid);
    check("jti", Value::Null, JwtError::BadJti);
    check("audit_context", Value::Null, JwtError::BadAuditContext);
    check("audit_context", json!(""), JwtError::BadAuditContext);
    check("audit_context", json!("x".repeat(257)), JwtError::BadAuditContext);
    // An `exp` far away does not keep it alive.
    let old = claims_with("auth0|ada", "exp", seconds_from_now(86_400));
    let token = sign(VAULT_REQUEST_TYP, &old);
    let later = NOW.saturating_add(Duration::from_secs(61));
    assert_eq!(verify_vault_request(&token, expected(later)), Err(JwtError::TooOld));
}

fn object_with(typ: &str, claim: &str, value: Value) -> Result<Parameters, JwtError> {
    let mut claims = json!({
        "iss": "worker", "aud": ISSUER, "exp": NOW.as_seconds() + 60, "client_id": "worker",
        "response_type": "code", "max_age": 60, "ext": {"a": 1},
    });
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(claim)),
        value => claims[claim] = value,
    }
    verify_request_object(&sign(typ, &claims), expected(NOW))
}

#[test]
fn a_request_object_is_its_parameters() {
    for typ in ["JWT", REQUEST_OBJECT_TYP] {
        let parameters = object_with(typ, "state", json!("x y")).unwrap();
        assert_eq!(parameters.value("response_type"), Some("code"));
        assert_eq!(parameters.value("max_age"), Some("60"));
        assert_eq!(parameters.value("state"), Some("x y"));
        for claim in ["iss", "aud", "exp", "ext"] {
            assert_eq!(parameters.value(claim), None, "{claim}");
        }
    }
}

#[test]
fn a14_request_objects_refused_by_cause() {
    let check = |claim: &str, value: Value, expected: JwtError| {
        assert_eq!(object_with("JWT", claim, value.clone()), Err(expected), "{claim}={value}");
    };
    check("iss", json!("other"), JwtError::OtherIssuer);
    check("aud", json!("https://other.example/"), JwtError::OtherAudience);
    check("aud", json!([ISSUER, "https://other.example/"]), JwtError::OtherAudience);
    check("exp", Value::Null, JwtError::NoExpiry);
    check("exp", seconds_from_now(0), JwtError::Expired);
    check("exp", seconds_from_now(3_661), JwtError::LivesTooLong);
    check("nbf", seconds_from_now(61), JwtError::NotYetValid);
    check("iat", seconds_from_now(61), JwtError::NotYetValid);
    check("sub", json!("worker"), JwtError::HasSubject);
    check("client_id", json!("other"), JwtError::OtherClient);
    check("client_id", Value::Null, JwtError::OtherClient);
    check("request", json!("a.b.c"), JwtError::Nested);
    check("request_uri", json!("https://app.example/"), JwtError::Nested);
    check("state", json!("a\0b"), JwtError::Parameters(ParametersError::Nul));
    for typ in ["at+jwt", "token-vault-req+jwt", "OAUTH-AUTHZ-REQ+JWT"] {
        let wrong_typ = Err(JwtError::Token(JwsError::WrongTyp));
        assert_eq!(object_with(typ, "state", json!("x")), wrong_typ, "{typ}");
    }
}

#[test]
fn a35_neither_kind_is_taken_for_the_other() {
    let wrong_typ = Err(JwtError::Token(JwsError::WrongTyp));
    let claims = claims_with("worker", "", Value::Null);
    for typ in ["JWT", "at+jwt", "token-vault-req", "TOKEN-VAULT-REQ+JWT"] {
        assert_eq!(verify_vault_request(&sign(typ, &claims), expected(NOW)).map(drop), wrong_typ);
    }
    let token = sign(VAULT_REQUEST_TYP, &claims);
    assert_eq!(verify_assertion(&token, expected(NOW)).map(drop), wrong_typ);
}

#[test]
fn a31_keys_are_those_that_were_registered() {
    let claims = claims_with("worker", "", Value::Null);
    // A key of the attacker under the name of the client's.
    let stranger = ClientJwt::new(new_key("first").sign("JWT", &claims).unwrap());
    let wrong = Err(JwtError::Token(JwsError::BadSignature));
    assert_eq!(verify_assertion(&stranger, expected(NOW)), wrong);
    for kid in ["", "second", "../../etc/passwd", "' OR 1=1 --"] {
        let token = ClientJwt::new(new_key(kid).sign("JWT", &claims).unwrap());
        assert_eq!(verify_assertion(&token, expected(NOW)), Err(JwtError::NoSuchKey), "{kid}");
    }
    // A key that comes along in the header.
    let proof = Es256SigningKey::generate().unwrap().sign("JWT", &claims).unwrap();
    assert_eq!(verify_assertion(&ClientJwt::new(proof), expected(NOW)), Err(JwtError::KeyInHeader));
    let none = JwkSet::default();
    let without = Expected { keys: &none, ..expected(NOW) };
    assert_eq!(verify_assertion(&sign("JWT", &claims), without), Err(JwtError::NoSuchKey));
}
