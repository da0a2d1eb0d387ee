//! A43: the vectors of Wycheproof, each judged as its authors judge it. Where they came from is told in
//! `vectors/README.md`.
//!
//! Their signatures are over anything, and ours are over claims: a payload that is no set of claims is
//! found out only after the signature was found good, and counts as that here.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::jose::jwk::JwkSet;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File<G> {
    number_of_tests: usize,
    test_groups: Vec<G>,
}

#[derive(Deserialize)]
struct Tokens {
    /// Absent if the key is symmetric.
    public: Option<Value>,
    tests: Vec<Vector<SignedToken>>,
}

#[derive(Deserialize)]
struct Signatures {
    uncompressed: Option<String>,
    jwk: Option<Value>,
    tests: Vec<Vector<SignedBytes>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector<S> {
    tc_id: u32,
    comment: String,
    flags: Vec<String>,
    result: Verdict,
    #[serde(flatten)]
    signed: S,
}

#[derive(Deserialize)]
struct SignedToken {
    jws: String,
}

#[derive(Deserialize)]
struct SignedBytes {
    msg: String,
    sig: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Valid,
    Invalid,
    Acceptable,
}

/// Where we refuse what a vector takes for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stricter {
    /// HMAC, and the longer hashes and curves: no algorithm of ours.
    Algorithm,
    /// A character that is not of the alphabet of base64url; RFC 7515 §2 knows no white space either.
    Alphabet,
    /// What a verifier may do either way, `acceptable`, we refuse.
    Leniency,
}

/// How many vectors of a file came out how.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    accepted: usize,
    refused: usize,
    stricter: BTreeMap<Stricter, usize>,
}

impl Tally {
    fn judge<S>(&mut self, file: &str, vector: &Vector<S>, outcome: Result<(), Refusal>) {
        let Vector { tc_id, comment, flags, result, .. } = vector;
        let rule = match (result, outcome) {
            (Verdict::Valid, Ok(())) => return self.accepted += 1,
            (Verdict::Invalid, Err(_)) => return self.refused += 1,
            (Verdict::Acceptable, Err(_)) => Stricter::Leniency,
            (Verdict::Valid, Err(Refusal::Token(JwsError::UnsupportedAlgorithm))) => {
                Stricter::Algorithm
            }
            (Verdict::Valid, Err(Refusal::Token(JwsError::BadBase64))) => Stricter::Alphabet,
            (_, outcome) => {
                panic!("{file} {tc_id} ({comment}, {flags:?}): {result:?}, {outcome:?}")
            }
        };
        *self.stricter.entry(rule).or_default() += 1;
    }

    fn of(accepted: usize, refused: usize, stricter: &[(Stricter, usize)]) -> Self {
        Self { accepted, refused, stricter: stricter.iter().copied().collect() }
    }
}

#[derive(Debug)]
enum Refusal {
    /// There is no key to verify with.
    Key,
    /// The key is good, and the token is not.
    Token(JwsError),
}

/// Whether the signature is accepted, whatever is signed.
fn verify(token: &Unverified<'_>, key: &Jwk, allowed: &[Algorithm]) -> Result<(), Refusal> {
    match token.verify_with::<Value>(key, allowed, ExpectedTyp::GenericJwt) {
        Ok(_) | Err(JwsError::ClaimsNotAnObject | JwsError::BadClaims(_)) => Ok(()),
        Err(error) => Err(Refusal::Token(error)),
    }
}

fn judge_tokens<F>(file: &str, json: &str, key_for: F) -> Tally
where
    F: Fn(&Value, &Header) -> Option<Jwk>,
{
    let read: File<Tokens> = serde_json::from_str(json).unwrap();
    let mut tally = Tally::default();
    for group in &read.test_groups {
        for vector in &group.tests {
            let outcome = Unverified::parse(&vector.signed.jws).map_err(Refusal::Token);
            let outcome = outcome.and_then(|token| {
                let key = group.public.as_ref().and_then(|keys| key_for(keys, token.header()));
                verify(&token, &key.ok_or(Refusal::Key)?, &Algorithm::ALL)
            });
            tally.judge(file, vector, outcome);
        }
    }
    assert_eq!(
        read.test_groups.iter().map(|group| group.tests.len()).sum::<usize>(),
        read.number_of_tests
    );
    tally
}

#[test]
fn a43_tokens_of_wycheproof() {
    let json = include_str!("../../../vectors/wycheproof/json_web_signature.json");
    let tally = judge_tokens("json_web_signature", json, |key, _| Jwk::from_json(key).ok());
    let stricter = [(Stricter::Algorithm, 25), (Stricter::Alphabet, 1)];
    assert_eq!(tally, Tally::of(20, 355, &stricter));
}

#[test]
fn a43_key_sets_of_wycheproof() {
    let json = include_str!("../../../vectors/wycheproof/json_web_key.json");
    let tally = judge_tokens("json_web_key", json, |keys, header| {
        let keys: JwkSet = serde_json::from_value(keys.clone()).unwrap();
        keys.find(header.kid.as_deref(), header.algorithm).cloned()
    });
    assert_eq!(tally, Tally::of(1, 21, &[(Stricter::Algorithm, 4)]));
}

fn judge_signatures(file: &str, json: &str, algorithm: Algorithm) -> Tally {
    let read: File<Signatures> = serde_json::from_str(json).unwrap();
    let mut tally = Tally::default();
    for group in &read.test_groups {
        let key = group.key();
        for vector in &group.tests {
            let message = from_hex(&vector.signed.msg);
            let token = Unverified {
                header: Header {
                    algorithm,
                    typ: None,
                    kid: None,
                    jwk: None,
                    points_elsewhere: false,
                },
                signing_input: &message,
                payload: b"{}".to_vec(),
                signature: from_hex(&vector.signed.sig),
            };
            tally.judge(file, vector, verify(&token, &key, &[algorithm]));
        }
    }
    assert_eq!(
        read.test_groups.iter().map(|group| group.tests.len()).sum::<usize>(),
        read.number_of_tests
    );
    tally
}

impl Signatures {
    fn key(&self) -> Jwk {
        let of_point = |point: &String| {
            let point = from_hex(point);
            let (x, y) = point[1..].split_at(32);
            json!({ "kty": "EC", "crv": "P-256", "x": encoding::encode(x), "y": encoding::encode(y) })
        };
        let jwk = self.uncompressed.as_ref().map(of_point).or_else(|| self.jwk.clone()).unwrap();
        Jwk::from_json(&jwk).unwrap()
    }
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

#[test]
fn a43_ecdsa_signatures_of_wycheproof() {
    let json = include_str!("../../../vectors/wycheproof/ecdsa_secp256r1_sha256_p1363.json");
    let tally = judge_signatures("ecdsa_secp256r1_sha256_p1363", json, Algorithm::Es256);
    assert_eq!(tally, Tally::of(173, 89, &[]));
}

#[test]
fn a43_rsa_signatures_of_wycheproof() {
    let json = include_str!("../../../vectors/wycheproof/rsa_signature_2048_sha256.json");
    let tally = judge_signatures("rsa_signature_2048_sha256", json, Algorithm::Rs256);
    assert_eq!(tally, Tally::of(9, 249, &[(Stricter::Leniency, 1)]));
    let json = include_str!("../../../vectors/wycheproof/rsa_signature_2048_sha384.json");
    let tally = judge_signatures("rsa_signature_2048_sha384", json, Algorithm::Rs384);
    assert_eq!(tally, Tally::of(7, 250, &[(Stricter::Leniency, 1)]));
    let json = include_str!("../../../vectors/wycheproof/rsa_pss_2048_sha256_mgf1_32.json");
    let tally = judge_signatures("rsa_pss_2048_sha256_mgf1_32", json, Algorithm::Ps256);
    assert_eq!(tally, Tally::of(63, 45, &[]));
}
