use serde_json::{Value, json};

use super::*;

// RFC 7638 §3.1.
const RFC_7638_MODULUS: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";

fn rsa() -> Value {
    json!({"kty": "RSA", "n": RFC_7638_MODULUS, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"})
}

// RFC 9449 §4.1.
fn ec() -> Value {
    json!({
        "kty": "EC",
        "crv": "P-256",
        "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
        "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
    })
}

fn with(mut key: Value, member: &str, value: Value) -> Value {
    key[member] = value;
    key
}

#[test]
fn thumbprints_of_the_rfcs() {
    let thumbprint = |key| Jwk::from_json(&key).unwrap().thumbprint();
    assert_eq!(thumbprint(rsa()).as_str(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    assert_eq!(thumbprint(ec()).as_str(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
}

#[test]
fn prints_what_it_parsed() {
    let key = Jwk::from_json(&rsa()).unwrap();
    assert_eq!(serde_json::to_value(&key).unwrap(), with(rsa(), "use", json!("sig")));
    let bare = Jwk::from_json(&ec()).unwrap();
    assert_eq!(serde_json::to_value(&bare).unwrap(), ec());
    for key in [key, bare] {
        let text = serde_json::to_string(&key).unwrap();
        assert_eq!(serde_json::from_str::<Jwk>(&text).unwrap(), key);
    }
}

#[test]
fn refuses_everything_but_good_public_keys() {
    let check = |key: Value, expected: JwkError| {
        assert_eq!(Jwk::from_json(&key), Err(expected), "{key}");
    };
    for member in ["d", "k", "p", "q", "dp", "dq", "qi", "oth"] {
        check(with(ec(), member, json!("AQ")), JwkError::PrivateMember);
        check(with(rsa(), member, json!([1])), JwkError::PrivateMember);
    }
    check(json!("key"), JwkError::NotAnObject(Category::Data));
    check(with(ec(), "x", json!(1)), JwkError::NotAnObject(Category::Data));
    check(json!({"kty": "OKP", "crv": "Ed25519", "x": "AQ"}), JwkError::UnsupportedKeyType);
    check(json!({"kty": "oct"}), JwkError::UnsupportedKeyType);
    check(with(ec(), "crv", json!("P-384")), JwkError::UnsupportedCurve);
    check(with(ec(), "use", json!("enc")), JwkError::UnsupportedUse);
    check(with(ec(), "key_ops", json!(["sign", "encrypt"])), JwkError::UnsupportedUse);
    assert!(Jwk::from_json(&with(ec(), "key_ops", json!(["verify"]))).is_ok());
    check(with(ec(), "alg", json!("RS256")), JwkError::UnsupportedAlgorithm);
    check(with(rsa(), "alg", json!("HS256")), JwkError::UnsupportedAlgorithm);
    check(json!({"kty": "EC", "crv": "P-256", "x": "AQ"}), JwkError::BadEncoding("x"));
    check(json!({"kty": "RSA", "n": RFC_7638_MODULUS}), JwkError::MissingMember("e"));
    check(with(rsa(), "n", json!("not base64!")), JwkError::BadEncoding("n"));
    check(with(rsa(), "n", json!(format!("{RFC_7638_MODULUS}="))), JwkError::BadEncoding("n"));
    check(with(rsa(), "n", json!("")), JwkError::BadEncoding("n"));
}

#[test]
fn refuses_weak_rsa() {
    let modulus = |bytes: usize, first: u8, last: u8| {
        let mut modulus = vec![0xa5; bytes];
        modulus[0] = first;
        modulus[bytes - 1] = last;
        json!(encoding::encode(modulus))
    };
    let check = |member: &str, value: Value, expected: JwkError| {
        assert_eq!(Jwk::from_json(&with(rsa(), member, value)), Err(expected));
    };
    check("n", modulus(256, 0x7f, 1), JwkError::BadModulus);
    check("n", modulus(64, 0xff, 1), JwkError::BadModulus);
    check("n", modulus(513, 1, 1), JwkError::BadModulus);
    check("n", modulus(2048, 0xff, 1), JwkError::BadModulus);
    check("n", modulus(256, 0xff, 2), JwkError::BadModulus);
    check("n", modulus(257, 0, 1), JwkError::BadEncoding("n"));
    for exponent in [&[1][..], &[2], &[1, 0, 0], &[1, 0, 0, 0, 1]] {
        check("e", json!(encoding::encode(exponent)), JwkError::BadExponent);
    }
    for exponent in [&[][..], &[0], &[0, 3]] {
        check("e", json!(encoding::encode(exponent)), JwkError::BadEncoding("e"));
    }
    for exponent in [&[3][..], &[0xff, 0xff, 0xff, 0xff]] {
        let key = with(rsa(), "e", json!(encoding::encode(exponent)));
        assert!(Jwk::from_json(&key).is_ok());
    }
}

#[test]
fn refuses_points_off_the_curve() {
    let zeros = json!(encoding::encode([0; 32]));
    let origin = with(with(ec(), "x", zeros.clone()), "y", zeros);
    let swapped = with(with(ec(), "x", ec()["y"].clone()), "y", ec()["x"].clone());
    for key in [origin, swapped] {
        assert!(matches!(Jwk::from_json(&key), Err(JwkError::Rejected(_))), "{key}");
    }
}

#[test]
fn a_set_skips_what_it_does_not_know() {
    let foreign = json!({"kty": "OKP", "crv": "Ed25519", "x": "AQ", "kid": "ed"});
    let named = with(ec(), "kid", json!("ec"));
    let set: JwkSet = serde_json::from_value(json!({"keys": [foreign, rsa(), named, 7]})).unwrap();
    assert_eq!(set.keys().len(), 2);
    assert!(serde_json::from_value::<JwkSet>(json!({"keys": 7})).is_err());
}

#[test]
fn a_set_is_searched_by_kid_and_algorithm() {
    let key = |kid: &str| Jwk::from_json(&with(ec(), "kid", json!(kid))).unwrap();
    let rsa = Jwk::from_json(&rsa()).unwrap();
    let set = JwkSet::new(vec![rsa.clone(), key("one"), key("two")]);
    assert_eq!(set.find(Some("two"), Algorithm::Es256), Some(&key("two")));
    assert_eq!(set.find(Some("two"), Algorithm::Rs256), None);
    assert_eq!(set.find(Some("three"), Algorithm::Es256), None);
    assert_eq!(set.find(None, Algorithm::Rs256), Some(&rsa));
    // Two candidates and no identifier: no guessing.
    assert_eq!(set.find(None, Algorithm::Es256), None);
    // The RSA key is restricted to RS256 by its `alg`.
    assert_eq!(set.find(None, Algorithm::Ps256), None);
}

#[test]
fn thumbprint_text_is_checked() {
    let text = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    assert_eq!(Thumbprint::parse(text).unwrap().to_string(), text);
    for bad in ["", "AQAB", &format!("{text}="), &text.replace('-', "+"), &format!("{text}A")] {
        assert_eq!(Thumbprint::parse(bad), Err(InvalidThumbprint), "{bad}");
    }
}
