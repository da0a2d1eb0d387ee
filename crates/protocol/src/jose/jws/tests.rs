use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
    RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

static RSA: LazyLock<SigningKey> = LazyLock::new(|| {
    let pkcs8 = SigningKey::generate().unwrap();
    SigningKey::from_pkcs8(&pkcs8, "key-1").unwrap()
});
static EC: LazyLock<Es256SigningKey> = LazyLock::new(|| Es256SigningKey::generate().unwrap());

#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize)]
struct Claims {
    sub: String,
    exp: i64,
}

fn claims() -> Claims {
    Claims { sub: "ada".to_owned(), exp: 42 }
}

fn token_of(header: &str, claims: &str) -> String {
    format!("{}.{}.AA", encoding::encode(header), encoding::encode(claims))
}

#[test]
fn signs_and_verifies_rs256() {
    let token = RSA.sign("at+jwt", &claims()).unwrap();
    let unverified = Unverified::parse(&token).unwrap();
    assert_eq!(unverified.header().algorithm, Algorithm::Rs256);
    assert_eq!(unverified.header().kid.as_deref(), Some("key-1"));
    let typ = ExpectedTyp::Exactly("at+jwt");
    let verified =
        unverified.verify_with::<Claims>(&RSA.public_jwk(), &[Algorithm::Rs256], typ).unwrap();
    assert_eq!(verified.into_claims(), claims());
}

#[test]
fn signs_and_verifies_es256_with_embedded_key() {
    let token = EC.sign("dpop+jwt", &claims()).unwrap();
    let unverified = Unverified::parse(&token).unwrap();
    let key = unverified.header().jwk.clone().unwrap();
    assert_eq!(key, EC.public_jwk());
    let typ = ExpectedTyp::Exactly("dpop+jwt");
    let verified = unverified.verify_with::<Claims>(&key, &[Algorithm::Es256], typ).unwrap();
    assert_eq!(verified.claims(), &claims());
    let reopened = Es256SigningKey::from_pkcs8(&EC.to_pkcs8().unwrap()).unwrap();
    assert_eq!(reopened.public_jwk(), EC.public_jwk());
}

#[test]
fn verification_checks_typ_algorithm_key_and_signature() {
    let token = RSA.sign("JWT", &claims()).unwrap();
    let check = |token: &str, key: &Jwk, allowed: &[Algorithm], typ, expected| {
        let outcome = Unverified::parse(token).unwrap().verify_with::<Claims>(key, allowed, typ);
        assert_eq!(outcome.unwrap_err(), expected);
    };
    let (rs256, jwt) = ([Algorithm::Rs256], ExpectedTyp::GenericJwt);
    let key = RSA.public_jwk();
    check(&token, &key, &rs256, ExpectedTyp::Exactly("at+jwt"), JwsError::WrongTyp);
    check(&token, &key, &rs256, ExpectedTyp::Exactly("jwt"), JwsError::WrongTyp);
    check(&token, &key, &[], jwt, JwsError::AlgorithmNotAllowed);
    check(&token, &key, &[Algorithm::Es256], jwt, JwsError::AlgorithmNotAllowed);
    check(&token, &EC.public_jwk(), &rs256, jwt, JwsError::KeyDoesNotFit);

    let stranger = SigningKey::generate().unwrap();
    let stranger = SigningKey::from_pkcs8(&stranger, "key-1").unwrap().public_jwk();
    check(&token, &stranger, &rs256, jwt, JwsError::BadSignature);

    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, _) = signed.split_once('.').unwrap();
    let forged = encoding::encode(r#"{"sub":"eve","exp":42}"#);
    check(&format!("{header}.{forged}.{signature}"), &key, &rs256, jwt, JwsError::BadSignature);
    check(&format!("{signed}."), &key, &rs256, jwt, JwsError::BadSignature);
    check(&format!("{signed}.{signature}AAAA"), &key, &rs256, jwt, JwsError::BadSignature);
}

#[test]
fn claims_must_be_an_object_of_the_right_types() {
    // Signed by the library directly, since `sign` refuses to.
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &EC.to_pkcs8().unwrap());
    let pair = pair.unwrap();
    let check = |payload: &str, expected| {
        let token = token_of(r#"{"alg":"ES256"}"#, payload);
        let (input, _) = token.rsplit_once('.').unwrap();
        let signature = pair.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
        let token = format!("{input}.{}", encoding::encode(signature));
        let outcome = Unverified::parse(&token).unwrap().verify_with::<Claims>(
            &EC.public_jwk(),
            &[Algorithm::Es256],
            ExpectedTyp::GenericJwt,
        );
        assert_eq!(outcome.map(Verified::into_claims).err(), expected, "{payload}");
    };
    check(r#" {"sub":"ada","exp":42,"more":[]}"#, None);
    check(r#"{"sub":"ada"}"#, Some(JwsError::BadClaims(Category::Data)));
    check(r#"{"sub":"ada","exp":"42"}"#, Some(JwsError::BadClaims(Category::Data)));
    check(r#"{"sub":"ada","exp":1,"exp":2}"#, Some(JwsError::BadClaims(Category::Data)));
    check(r#"{"sub":"ada","exp":1}}"#, Some(JwsError::BadClaims(Category::Syntax)));
    check(r#"["ada",42]"#, Some(JwsError::ClaimsNotAnObject));
    check("", Some(JwsError::ClaimsNotAnObject));
    assert!(matches!(EC.sign("JWT", &["ada"]), Err(SigningError::ClaimsNotAnObject)));
}

#[test]
fn malformed_tokens_are_refused_by_cause() {
    let check = |token: &str, expected| {
        assert_eq!(Unverified::parse(token).unwrap_err(), expected, "{token:.80}");
    };
    check("", JwsError::NotThreeParts);
    check("a.b", JwsError::NotThreeParts);
    check("a.b.c.d.e", JwsError::NotThreeParts);
    check(&".".repeat(10_000), JwsError::NotThreeParts);
    check(&"a".repeat(TOKEN_BYTES_MAX + 1), JwsError::TooLarge);
    check("e30=.e30.AA", JwsError::BadBase64);
    check("e3 0.e30.AA", JwsError::BadBase64);
    check("eyJhbGciOiJSUzI1NiJ9.e30.AB", JwsError::BadBase64);
    check("..", JwsError::BadHeader(Category::Eof));
}

#[test]
fn headers_are_refused_by_cause() {
    let check = |header: &str, expected| {
        let token = token_of(header, "{}");
        assert_eq!(Unverified::parse(&token).unwrap_err(), expected, "{header}");
    };
    for name in ["none", "None", "NONE", "HS256", "HS512", "rs256", "RS512", "ES384", "EdDSA", ""] {
        check(&format!(r#"{{"alg":"{name}"}}"#), JwsError::UnsupportedAlgorithm);
    }
    check("{}", JwsError::UnsupportedAlgorithm);
    check("[]", JwsError::BadHeader(Category::Data));
    check(r#"{"alg":["RS256"]}"#, JwsError::BadHeader(Category::Data));
    check(r#"{"alg":"RS256","kid":7}"#, JwsError::BadHeader(Category::Data));
    check(r#"{"alg":"RS256"}{"#, JwsError::BadHeader(Category::Syntax));
    check(r#"{"alg":"none","alg":"RS256"}"#, JwsError::DuplicateMember);
    check(r#"{"alg":"RS256","x":1,"x":1}"#, JwsError::DuplicateMember);
    check(r#"{"alg":"RS256","\u0061lg":"none"}"#, JwsError::DuplicateMember);
    check(r#"{"alg":"RS256","crit":["exp"]}"#, JwsError::UnsupportedExtension);
    check(r#"{"alg":"RS256","b64":true}"#, JwsError::UnsupportedExtension);
    check(r#"{"alg":"RS256","zip":"DEF"}"#, JwsError::UnsupportedExtension);
    check(
        r#"{"alg":"ES256","jwk":{"kty":"oct","k":"AQ"}}"#,
        JwsError::BadEmbeddedKey(JwkError::PrivateMember),
    );
}

#[test]
fn references_to_keys_are_noted_and_never_followed() {
    for member in ["jku", "x5u", "x5c"] {
        let token = token_of(&format!(r#"{{"alg":"RS256","{member}":"https://evil"}}"#), "{}");
        assert!(Unverified::parse(&token).unwrap().header().points_elsewhere);
    }
}

#[test]
fn generic_typ_is_jwt_or_nothing() {
    for (typ, admitted) in
        [(None, true), (Some("JWT"), true), (Some("jwt"), true), (Some("at+jwt"), false)]
    {
        assert_eq!(ExpectedTyp::GenericJwt.admits(typ), admitted, "{typ:?}");
    }
}

#[test]
fn degenerate_ecdsa_signatures_fail() {
    let token = EC.sign("JWT", &claims()).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let good = encoding::decode(signature).unwrap();
    let zeros = vec![0; 64];
    let der = {
        let mut der = vec![0x30, 0x44, 0x02, 0x20];
        der.extend_from_slice(&good[..32]);
        der.extend_from_slice(&[0x02, 0x20]);
        der.extend_from_slice(&good[32..]);
        der
    };
    for bad in [zeros, der, good[..63].to_vec(), Vec::new()] {
        let token = format!("{signed}.{}", encoding::encode(bad));
        let outcome = Unverified::parse(&token).unwrap().verify_with::<Claims>(
            &EC.public_jwk(),
            &[Algorithm::Es256],
            ExpectedTyp::GenericJwt,
        );
        assert_eq!(outcome.unwrap_err(), JwsError::BadSignature);
    }
}

#[test]
fn verified_by_the_algorithm_that_the_header_names() {
    let pkcs8 = SigningKey::generate().unwrap();
    let pair = RsaKeyPair::from_pkcs8(&pkcs8).unwrap();
    let mut public =
        serde_json::to_value(SigningKey::from_pkcs8(&pkcs8, "k").unwrap().public_jwk()).unwrap();
    public.as_object_mut().unwrap().remove("alg");
    let unrestricted = Jwk::from_json(&public).unwrap();

    let encodings: [(&str, &'static dyn RsaEncoding); 3] =
        [("RS256", &RSA_PKCS1_SHA256), ("RS384", &RSA_PKCS1_SHA384), ("PS256", &RSA_PSS_SHA256)];
    for (named, _) in encodings {
        for (used, encoding_used) in encodings {
            let token = token_of(&format!(r#"{{"alg":"{named}"}}"#), r#"{"sub":"a","exp":1}"#);
            let (input, _) = token.rsplit_once('.').unwrap();
            let mut signature = vec![0; pair.public_modulus_len()];
            let random = SystemRandom::new();
            pair.sign(encoding_used, &random, input.as_bytes(), &mut signature).unwrap();
            let token = format!("{input}.{}", encoding::encode(signature));
            let outcome = Unverified::parse(&token).unwrap().verify_with::<Claims>(
                &unrestricted,
                &Algorithm::ALL,
                ExpectedTyp::GenericJwt,
            );
            let expected = if named == used { None } else { Some(JwsError::BadSignature) };
            assert_eq!(outcome.err(), expected, "{named} {used}");
        }
    }
}

#[test]
fn the_rfcs_examples() {
    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Example {
        iss: String,
        exp: i64,
    }
    let check = |token: &str, key: Value| {
        let key = Jwk::from_json(&key).unwrap();
        let verified = Unverified::parse(token).unwrap().verify_with::<Example>(
            &key,
            &Algorithm::ALL,
            ExpectedTyp::GenericJwt,
        );
        let expected = Example { iss: "joe".to_owned(), exp: 1_300_819_380 };
        assert_eq!(verified.unwrap().into_claims(), expected);
    };
    // RFC 7515, appendices A.2 and A.3.
    check(
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
        json!({
            "kty": "RSA",
            "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
            "e": "AQAB",
        }),
    );
    check(
        "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        json!({
            "kty": "EC",
            "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        }),
    );
}

#[test]
fn private_keys_do_not_print() {
    let shown = format!("{:?} {:?}", *RSA, *EC);
    assert!(!shown.contains("pair"), "{shown}");
}

proptest! {
    #[test]
    fn parse_never_panics(token in "\\PC*") {
        let _ = Unverified::parse(&token).is_ok();
    }

    #[test]
    fn header_parse_never_panics(header in "\\{(\"(alg|typ|kid|jwk|crit)\":(\"RS256\"|1|\\{\\}|\\[\\]),?){0,5}\\}") {
        let token = token_of(&header, "{}");
        let _ = Unverified::parse(&token).is_ok();
    }
}
