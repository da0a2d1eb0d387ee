//! Proof Key for Code Exchange (RFC 7636), with the method `S256` only.
//!
//! `plain` is refused: it proves nothing to whoever saw the authorization
//! request, and RFC 9700 §2.1.1 advises against it.

use std::fmt;

use aws_lc_rs::{constant_time, digest};
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::jose::encoding;
use crate::secret::CodeVerifier;

/// The one method that we support.
pub const METHOD: &str = "S256";

/// The challenge that an authorization request carries: 43 characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CodeChallenge(String);

impl CodeChallenge {
    /// Reads a challenge of the method `S256`.
    pub fn parse(text: &str) -> Result<Self, PkceError> {
        // RFC 7636 §4.2: BASE64URL-ENCODE(SHA256(ASCII(code_verifier)))
        match encoding::decode(text) {
            Some(hash) if hash.len() == digest::SHA256_OUTPUT_LEN => Ok(Self(text.to_owned())),
            Some(_) | None => Err(PkceError::MalformedChallenge),
        }
    }

    /// Reads the two parameters of an authorization request.
    pub fn from_parameters(
        challenge: Option<&str>,
        method: Option<&str>,
    ) -> Result<Option<Self>, PkceError> {
        match (challenge, method) {
            (Some(challenge), Some(METHOD)) => Self::parse(challenge).map(Some),
            // RFC 7636 §4.3: the method defaults to "plain" if not present.
            (Some(_), Some(_) | None) => Err(PkceError::UnsupportedMethod),
            (None, Some(_)) => Err(PkceError::MethodWithoutChallenge),
            (None, None) => Ok(None),
        }
    }

    /// The challenge that goes with a verifier.
    pub fn of(verifier: &CodeVerifier) -> Self {
        Self(encoding::encode(digest::digest(&digest::SHA256, verifier.expose().as_bytes())))
    }

    /// The text, as in `code_challenge`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Checks the verifier that the token request brings.
    pub fn verify(&self, verifier: &CodeVerifier) -> Result<PkceVerified, PkceError> {
        check_verifier(verifier.expose())?;
        let expected = Self::of(verifier);
        let (ours, theirs) = (self.0.as_bytes(), expected.0.as_bytes());
        if constant_time::verify_slices_are_equal(ours, theirs).is_err() {
            return Err(PkceError::Mismatch);
        }
        Ok(PkceVerified(()))
    }
}

impl fmt::Display for CodeChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for CodeChallenge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// Proof that a verifier matched its challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PkceVerified(());

/// Compares what a code was bound to with what the token request brings.
///
/// `None` comes back only where neither side used PKCE; whether the client may
/// go without is for the caller to say.
pub fn redeem(
    challenge: Option<&CodeChallenge>,
    verifier: Option<&CodeVerifier>,
) -> Result<Option<PkceVerified>, PkceError> {
    match (challenge, verifier) {
        (Some(challenge), Some(verifier)) => challenge.verify(verifier).map(Some),
        (Some(_), None) => Err(PkceError::MissingVerifier),
        // RFC 9700 §2.1.1: a code_verifier without a code_challenge in the
        // authorization request is how a PKCE downgrade shows.
        (None, Some(_)) => Err(PkceError::UnexpectedVerifier),
        (None, None) => Ok(None),
    }
}

/// Reads a code verifier.
pub fn parse_verifier(text: String) -> Result<CodeVerifier, PkceError> {
    let verifier = CodeVerifier::new(text);
    check_verifier(verifier.expose())?;
    Ok(verifier)
}

fn check_verifier(text: &str) -> Result<(), PkceError> {
    // RFC 7636 §4.1: code-verifier = 43*128unreserved
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if !(43..=128).contains(&text.len()) || !text.bytes().all(unreserved) {
        return Err(PkceError::MalformedVerifier);
    }
    Ok(())
}

/// Why PKCE does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PkceError {
    /// Not the base64url of 32 bytes.
    #[error("the code challenge is malformed")]
    MalformedChallenge,
    /// `plain`, which absence also means, or an unknown method.
    #[error("the code challenge method is not S256")]
    UnsupportedMethod,
    /// A method alone.
    #[error("a code challenge method without a code challenge")]
    MethodWithoutChallenge,
    /// Not 43 to 128 unreserved characters.
    #[error("the code verifier is malformed")]
    MalformedVerifier,
    /// The code was bound to a challenge, and no verifier came.
    #[error("the code verifier is missing")]
    MissingVerifier,
    /// The code was bound to no challenge, and a verifier came.
    #[error("a code verifier without a code challenge")]
    UnexpectedVerifier,
    /// The verifier belongs to another challenge.
    #[error("the code verifier does not match the code challenge")]
    Mismatch,
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn challenge() -> CodeChallenge {
        CodeChallenge::parse(CHALLENGE).unwrap()
    }

    #[test]
    fn appendix_b() {
        let verifier = parse_verifier(VERIFIER.to_owned()).unwrap();
        assert_eq!(CodeChallenge::of(&verifier), challenge());
        assert!(challenge().verify(&verifier).is_ok());
    }

    #[test]
    fn a09_verifiers() {
        let check = |verifier: &str, expected| {
            assert_eq!(
                challenge().verify(&CodeVerifier::new(verifier)),
                Err(expected),
                "{verifier}"
            );
        };
        check(CHALLENGE, PkceError::Mismatch);
        check(&VERIFIER.to_lowercase(), PkceError::Mismatch);
        check(&format!("{VERIFIER}A"), PkceError::Mismatch);
        check("", PkceError::MalformedVerifier);
        check(&VERIFIER[1..], PkceError::MalformedVerifier);
        check(&"x".repeat(129), PkceError::MalformedVerifier);
        check(&VERIFIER.replace('-', "+"), PkceError::MalformedVerifier);
        check(&VERIFIER.replace('-', "\u{e9}"), PkceError::MalformedVerifier);
        assert!(parse_verifier("x".repeat(128)).is_ok());
        assert!(parse_verifier("x".repeat(42)).is_err());
    }

    #[test]
    fn a09_downgrades() {
        let (bound, brought) = (challenge(), CodeVerifier::new(VERIFIER));
        assert!(matches!(redeem(Some(&bound), Some(&brought)), Ok(Some(PkceVerified(())))));
        assert_eq!(redeem(Some(&bound), None), Err(PkceError::MissingVerifier));
        assert_eq!(redeem(None, Some(&brought)), Err(PkceError::UnexpectedVerifier));
        assert_eq!(redeem(None, None), Ok(None));
    }

    #[test]
    fn a09_parameters() {
        let check = |challenge, method, expected| {
            assert_eq!(CodeChallenge::from_parameters(challenge, method), expected);
        };
        check(Some(CHALLENGE), Some("S256"), Ok(Some(challenge())));
        check(Some(CHALLENGE), None, Err(PkceError::UnsupportedMethod));
        check(Some(CHALLENGE), Some("plain"), Err(PkceError::UnsupportedMethod));
        check(Some(CHALLENGE), Some("s256"), Err(PkceError::UnsupportedMethod));
        check(None, Some("S256"), Err(PkceError::MethodWithoutChallenge));
        check(None, None, Ok(None));
        check(Some(""), Some("S256"), Err(PkceError::MalformedChallenge));
        check(Some(&CHALLENGE[1..]), Some("S256"), Err(PkceError::MalformedChallenge));
        let padded = format!("{CHALLENGE}=");
        check(Some(&padded), Some("S256"), Err(PkceError::MalformedChallenge));
    }
}
