use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::jose::jwk::JwkError;
use crate::jose::jws::SigningKey;

static KEY: LazyLock<Es256SigningKey> = LazyLock::new(|| Es256SigningKey::generate().unwrap());
static TOKEN_ENDPOINT: LazyLock<Url> =
    LazyLock::new(|| Url::parse("https://server.example.com/token").unwrap());

const NOW: Timestamp = Timestamp::from_seconds(1_562_262_616);

// RFC 9449 §4.1 and §7.1.
const RFC_TOKEN_PROOF: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
const RFC_RESOURCE_PROOF: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
const RFC_ACCESS_TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";

fn at_token_endpoint(now: Timestamp) -> ProofContext<'static> {
    ProofContext { method: "POST", url: &TOKEN_ENDPOINT, now, access_token: None }
}

fn good_claims() -> Value {
    json!({
        "jti": "id-1",
        "htm": "POST",
        "htu": TOKEN_ENDPOINT.as_str(),
        "iat": NOW.as_seconds(),
    })
}

/// Signs the good claims with one of them replaced, or removed by `null`.
fn proof_with(claim: &str, value: Value) -> String {
    let mut claims = good_claims();
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(claim)),
        value => claims[claim] = value,
    }
    KEY.sign(PROOF_TYP, &claims).unwrap()
}

fn check(proof: &str, expected: Result<(), DpopError>) {
    let outcome = Proof::verify(proof, &at_token_endpoint(NOW));
    assert_eq!(outcome.map(drop), expected);
}

#[test]
fn the_rfcs_proof_for_the_token_endpoint() {
    let proof = Proof::verify(RFC_TOKEN_PROOF, &at_token_endpoint(NOW)).unwrap();
    assert_eq!(proof.jkt().as_str(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    assert_eq!(proof.jti(), "-BwC3ESc6acc2lTc");
    assert_eq!(proof.issued_at(), NOW);
    assert_eq!(proof.nonce(), None);
}

#[test]
fn the_rfcs_proof_for_a_resource() {
    let url = Url::parse("https://resource.example.org/protectedresource").unwrap();
    let context = ProofContext {
        method: "GET",
        url: &url,
        now: Timestamp::from_seconds(1_562_262_618),
        access_token: Some(RFC_ACCESS_TOKEN),
    };
    assert!(Proof::verify(RFC_RESOURCE_PROOF, &context).is_ok());
    let other = ProofContext { access_token: Some("other"), ..context };
    assert_eq!(Proof::verify(RFC_RESOURCE_PROOF, &other), Err(DpopError::TokenHashMismatch));
    // A proof for the token endpoint names no access token.
    let claims = ProofClaims {
        jti: "x",
        htm: "GET",
        htu: url.as_str(),
        iat: 1_562_262_618,
        ath: None,
        nonce: None,
    };
    let proof = claims.sign(&KEY).unwrap();
    assert_eq!(Proof::verify(&proof, &context), Err(DpopError::NoTokenHash));
    let ath = access_token_hash(RFC_ACCESS_TOKEN);
    let proof = ProofClaims { ath: Some(&ath), ..claims }.sign(&KEY).unwrap();
    assert_eq!(Proof::verify(&proof, &context).unwrap().jkt(), &KEY.public_jwk().thumbprint());
}

#[test]
fn a51_method_and_url() {
    check(&proof_with("htm", json!("GET")), Err(DpopError::MethodMismatch));
    check(&proof_with("htm", json!("post")), Err(DpopError::MethodMismatch));
    check(
        &proof_with("htu", json!("https://server.example.com/other")),
        Err(DpopError::UriMismatch),
    );
    check(&proof_with("htu", json!("https://SERVER.example.com:443/token?x=1#y")), Ok(()));
}

#[test]
fn a52_issue_time() {
    let seconds = NOW.as_seconds();
    let outside = Err(DpopError::OutsideWindow);
    for (iat, expected) in [
        (json!(seconds - 61), outside),
        (json!(seconds - 60), Ok(())),
        (json!(seconds + 60), Ok(())),
        (json!(seconds + 61), outside),
        (json!(1_562_262_616.731), Ok(())),
        (json!(1_562_262_555.9), outside),
        (json!(-1), outside),
        (json!(0), outside),
        (json!(1e300), outside),
        // A client that counts milliseconds.
        (json!(seconds * 1000), outside),
    ] {
        check(&proof_with("iat", iat), expected);
    }
    let malformed = Err(DpopError::Token(JwsError::BadClaims(serde_json::error::Category::Data)));
    check(&proof_with("iat", json!(seconds.to_string())), malformed);
    check(&proof_with("iat", Value::Null), malformed);
    check(&proof_with("iat", json!([seconds])), malformed);
}

#[test]
fn a53_header() {
    let token = |error| Err(DpopError::Token(error));
    let claims = good_claims();
    check(&KEY.sign("JWT", &claims).unwrap(), token(JwsError::WrongTyp));
    check(&KEY.sign("DPoP+jwt", &claims).unwrap(), token(JwsError::WrongTyp));

    let pkcs8 = SigningKey::generate().unwrap();
    let rsa = SigningKey::from_pkcs8(&pkcs8, "k").unwrap();
    check(&rsa.sign(PROOF_TYP, &claims).unwrap(), Err(DpopError::NoKey));

    let jwk = serde_json::to_value(KEY.public_jwk()).unwrap();
    let good = KEY.sign(PROOF_TYP, &claims).unwrap();
    let (_, rest) = good.split_once('.').unwrap();
    let with_header = |header: Value| format!("{}.{rest}", encoding::encode(header.to_string()));
    let header = |alg: &str| json!({"typ": "dpop+jwt", "alg": alg, "jwk": jwk});

    check(&with_header(header("none")), token(JwsError::UnsupportedAlgorithm));
    check(&with_header(header("HS256")), token(JwsError::UnsupportedAlgorithm));
    check(&with_header(header("RS256")), token(JwsError::AlgorithmNotAllowed));
    // The same header in another spelling is not what was signed.
    check(&with_header(header("ES256")), token(JwsError::BadSignature));

    let mut private = header("ES256");
    private["jwk"]["d"] = json!("AQ");
    check(&with_header(private), token(JwsError::BadEmbeddedKey(JwkError::PrivateMember)));
    let symmetric = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": {"kty": "oct", "k": "AQ"}});
    check(&with_header(symmetric), token(JwsError::BadEmbeddedKey(JwkError::PrivateMember)));
    let mut certificate = header("ES256");
    certificate["x5c"] = json!(["AQ"]);
    check(&with_header(certificate), Err(DpopError::KeyByReference));
    check(&format!("{good}, {good}"), token(JwsError::NotThreeParts));
}

/// The order of the group of P-256 (FIPS 186-5).
const ORDER: &str = "_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE";

/// The same signature with `s` on the other side of the order.
fn mirrored(signature: &[u8]) -> Vec<u8> {
    let (r, s) = signature.split_at(32);
    let order = encoding::decode(ORDER).unwrap();
    let mut borrow = 0;
    let mut other: Vec<_> = order
        .iter()
        .zip(s)
        .rev()
        .map(|(order, s)| {
            let digit = i16::from(*order) - i16::from(*s) - borrow;
            borrow = i16::from(digit < 0);
            u8::try_from(digit.rem_euclid(256)).unwrap()
        })
        .collect();
    other.reverse();
    [r, &other].concat()
}

/// The signature as X.509 has it.
fn der(signature: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        let number = &number[zeros..];
        let sign: &[u8] = if number[0] >= 0x80 { &[0] } else { &[] };
        let number = [sign, number].concat();
        [&[2, u8::try_from(number.len()).unwrap()], number.as_slice()].concat()
    };
    let (r, s) = signature.split_at(32);
    let content = [integer(r), integer(s)].concat();
    [&[0x30, u8::try_from(content.len()).unwrap()], content.as_slice()].concat()
}

#[test]
fn a43_signatures_are_right_or_wrong() {
    let bad = Err(DpopError::Token(JwsError::BadSignature));
    let order = encoding::decode(ORDER).unwrap();
    let (zero, one) = ([0; 32], [[0; 31].as_slice(), &[1]].concat());
    for proof in [RFC_TOKEN_PROOF.to_owned(), KEY.sign(PROOF_TYP, &good_claims()).unwrap()] {
        let (signed, signature) = proof.rsplit_once('.').unwrap();
        let good = encoding::decode(signature).unwrap();
        let (r, s) = good.split_at(32);
        let check = |signature: &[u8], expected| {
            check(&format!("{signed}.{}", encoding::encode(signature)), expected);
        };
        check(&good, Ok(()));
        // ECDSA has two signatures for each; only some block chains forbid one. A proof is used up by
        // its `jti`, whatever its signature is.
        check(&mirrored(&good), Ok(()));
        assert_eq!(mirrored(&mirrored(&good)), good);
        check(&der(&good), bad);
        check(&[s, r].concat(), bad);
        check(&[], bad);
        check(&good[..63], bad);
        check(&[good.as_slice(), &[0]].concat(), bad);
        check(&[&[0], r, &[0], s].concat(), bad);
        for edge in [&zero, one.as_slice(), &order] {
            for other in [&zero, one.as_slice(), &order] {
                check(&[edge, other].concat(), bad);
            }
            check(&[r, edge].concat(), bad);
            check(&[edge, s].concat(), bad);
        }
    }
}

#[test]
fn a43_a_key_of_another_curve_proves_nothing() {
    let good = KEY.sign(PROOF_TYP, &good_claims()).unwrap();
    let (_, rest) = good.split_once('.').unwrap();
    for curve in ["P-384", "P-521", "secp256k1"] {
        let mut jwk = serde_json::to_value(KEY.public_jwk()).unwrap();
        jwk["crv"] = json!(curve);
        let header = json!({ "typ": PROOF_TYP, "alg": "ES256", "jwk": jwk }).to_string();
        let proof = format!("{}.{rest}", encoding::encode(header));
        let cause = JwsError::BadEmbeddedKey(JwkError::UnsupportedCurve);
        check(&proof, Err(DpopError::Token(cause)));
    }
}

#[test]
fn identifier_and_nonce() {
    check(&proof_with("jti", json!("")), Err(DpopError::BadJti));
    check(&proof_with("jti", json!("x".repeat(JTI_BYTES_MAX))), Ok(()));
    check(&proof_with("jti", json!("x".repeat(JTI_BYTES_MAX + 1))), Err(DpopError::BadJti));
    let proof = Proof::verify(&proof_with("nonce", json!("n-1")), &at_token_endpoint(NOW));
    assert_eq!(proof.unwrap().nonce(), Some("n-1"));
}

#[test]
fn memory_outlives_acceptance() {
    assert!(JTI_MEMORY > PROOF_AGE_MAX + PROOF_SKEW_MAX);
}

proptest! {
    #[test]
    fn verify_never_panics(header in "\\PC*") {
        let _ = Proof::verify(&header, &at_token_endpoint(NOW)).is_ok();
    }
}
