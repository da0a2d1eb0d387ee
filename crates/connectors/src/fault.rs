//! What went wrong at a provider, and whose matter it is.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::place;
use crate::reply::Reply;
use crate::spec::{ErrorCase, ErrorSpec, Meaning};

/// Why a call did not bring what it was made for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// The grant is dead: spent, expired or revoked. Only the person can help,
    /// by connecting again.
    #[error("the provider refuses the grant: {code}")]
    Permanent {
        /// The provider's code.
        code: FaultCode,
    },
    /// The provider refuses our application, not this grant: wrong credentials,
    /// wrong registration, wrong request. An administrator must act; the
    /// person's grant is to be kept.
    #[error("the provider refuses our application: {code}")]
    ClientRejected {
        /// The provider's code.
        code: FaultCode,
    },
    /// The call may succeed when it is made again.
    #[error("the provider cannot answer at present: {code}")]
    Passing {
        /// The provider's code, or ours for what could not be read.
        code: FaultCode,
        /// How long it asks us to wait.
        retry_after: Option<Duration>,
        /// Whether the provider may have acted before it failed, so that a
        /// refresh token that was sent may be spent and its successor lost.
        maybe_processed: bool,
    },
}

impl TokenFault {
    /// The code, whichever the kind.
    pub fn code(&self) -> &FaultCode {
        match self {
            Self::Permanent { code }
            | Self::ClientRejected { code }
            | Self::Passing { code, .. } => code,
        }
    }

    /// A success that cannot be read as one.
    pub(crate) fn unreadable(code: &'static str) -> Self {
        let code = FaultCode::fixed(code);
        Self::Passing { code, retry_after: None, maybe_processed: true }
    }
}

/// A short code that is safe to log, store and show.
///
/// Either a constant of ours, or a code of the catalogue, or a provider's code
/// of the usual shape: lower-case words of at most 20 letters, joined by
/// underscores, 48 bytes in all. A token that a reply puts in its `error` has
/// digits, capitals or length, and is replaced by `unrecognized_error`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FaultCode(Cow<'static, str>);

const CODE_BYTES_MAX: usize = 48;
const WORD_BYTES_MAX: usize = 20;

impl FaultCode {
    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A code of ours, for what no provider said: a timeout, say.
    pub const fn fixed(code: &'static str) -> Self {
        Self(Cow::Borrowed(code))
    }

    /// A code that was stored.
    pub fn stored(code: &str) -> Self {
        Self(Cow::Owned(code.to_owned()))
    }

    /// A code from a provider.
    pub(crate) fn of_provider(code: &str) -> Self {
        let usual = code.len() <= CODE_BYTES_MAX && code.split('_').all(is_word);
        if usual { Self(Cow::Owned(code.to_owned())) } else { Self::fixed("unrecognized_error") }
    }

    fn of_status(status: http::StatusCode) -> Self {
        Self(Cow::Owned(format!("http_{}", status.as_u16())))
    }
}

impl fmt::Display for FaultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_word(word: &str) -> bool {
    (1..=WORD_BYTES_MAX).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// Codes that mean the same everywhere: RFC 6749 §5.2; OpenID Connect Core
/// §3.1.2.6, which some providers also send from the token endpoint.
const PERMANENT: [&str; 5] = [
    "account_selection_required",
    "consent_required",
    "interaction_required",
    "invalid_grant",
    "login_required",
];
const CLIENT: [&str; 6] = [
    "invalid_client",
    "invalid_request",
    "invalid_scope",
    "invalid_target",
    "unauthorized_client",
    "unsupported_grant_type",
];
const PASSING: [&str; 4] =
    ["server_error", "slow_down", "temporarily_unavailable", "too_many_requests"];

/// The error code of an answer, wherever the provider puts it.
pub(crate) fn error_code<'a>(spec: &ErrorSpec, members: &'a Map<String, Value>) -> Option<&'a str> {
    let at = |place: &String| place::descend(members, place)?.as_str();
    spec.code.iter().find_map(at).filter(|code| !code.is_empty())
}

/// Judges a reply that brought no token; `error` is its error code and
/// `description` the sentence about it, as far as there are any.
pub(crate) fn classify(
    spec: &ErrorSpec,
    reply: &Reply<'_>,
    error: Option<&str>,
    description: Option<&str>,
) -> TokenFault {
    let status = reply.status;
    let passing = |code: FaultCode, maybe_processed: bool| TokenFault::Passing {
        code,
        retry_after: reply.retry_after(),
        maybe_processed,
    };
    let code = || error.map_or_else(|| FaultCode::of_status(status), FaultCode::of_provider);
    // A server in trouble says anything; no grant dies of it. 503 comes from
    // before the service, the others possibly from behind it.
    if status.is_server_error() {
        return passing(code(), status.as_u16() != 503);
    }
    if matches!(status.as_u16(), 408 | 429) {
        return passing(code(), false);
    }
    let fits = |case: &&ErrorCase| case_fits(case, status.as_u16(), error, description);
    if let Some(case) = spec.cases.iter().find(fits) {
        let told = case.told.as_deref().or(case.code.as_deref());
        let code = told.map_or_else(code, FaultCode::stored);
        return match case.means {
            Meaning::Permanent => TokenFault::Permanent { code },
            Meaning::Client => TokenFault::ClientRejected { code },
            Meaning::Passing => passing(code, false),
        };
    }
    let Some(error) = error else {
        return passing(code(), status.is_success());
    };
    let listed = |codes: &[String]| codes.iter().any(|code| code == error);
    let known = FaultCode(Cow::Owned(error.to_owned()));
    // The catalogue goes before the standard: it knows who strays from it.
    if listed(&spec.permanent) {
        return TokenFault::Permanent { code: known };
    }
    if listed(&spec.client) {
        return TokenFault::ClientRejected { code: known };
    }
    if listed(&spec.passing) || PASSING.contains(&error) {
        return passing(known, false);
    }
    if PERMANENT.contains(&error) {
        return TokenFault::Permanent { code: known };
    }
    if CLIENT.contains(&error) {
        return TokenFault::ClientRejected { code: known };
    }
    // RFC 6749 §5.2: 401 is for invalid_client.
    if status.as_u16() == 401 {
        return TokenFault::ClientRejected { code: code() };
    }
    // A grant is called dead only by who is known to say so.
    passing(code(), false)
}

fn case_fits(
    case: &ErrorCase,
    status: u16,
    error: Option<&str>,
    description: Option<&str>,
) -> bool {
    let ErrorCase { status: wanted, code, contains, means: _, told: _ } = case;
    wanted.is_none_or(|wanted| wanted == status)
        && code.as_deref().is_none_or(|code| error == Some(code))
        && contains.as_ref().is_none_or(|part| description.is_some_and(|all| all.contains(part)))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;

    #[test]
    fn codes_cannot_carry_tokens() {
        let check = |code: &str, expected: &str| {
            assert_eq!(FaultCode::of_provider(code).as_str(), expected);
        };
        check("invalid_grant", "invalid_grant");
        check("bad_verification_code", "bad_verification_code");
        for code in [
            "",
            "Invalid_Grant",
            "invalid grant",
            "invalid_",
            "1//0gCANARY",
            "ghr_1B4a2e77838347a7E420ce178F2E7c6912E169246c34E1ccbF66C46812d16D5B1A9Dc86A1498",
            "abcdefghijklmnopqrstuvwxyz",
            "a_b_c_d_e_f_g_h_i_j_k_l_m_n_o_p_q_r_s_t_u_v_w_x_y_z",
            "x\r\ny",
        ] {
            check(code, "unrecognized_error");
        }
    }

    #[test]
    fn status_and_code_decide_together() {
        let spec = ErrorSpec {
            permanent: vec!["Token Expired".to_owned()],
            client: vec!["invalid_grant".to_owned()],
            passing: vec!["hiccup".to_owned()],
            cases: vec![ErrorCase {
                status: Some(403),
                code: Some("unauthorized_client".to_owned()),
                contains: Some("refresh_token is invalid".to_owned()),
                means: Meaning::Permanent,
                told: Some("refresh_token_invalid".to_owned()),
            }],
            ..ErrorSpec::default()
        };
        let judge = |spec: &ErrorSpec, status: u16, error: Option<&str>| {
            let reply = Reply {
                status: StatusCode::from_u16(status).unwrap(),
                headers: &HeaderMap::new(),
                body: b"",
            };
            match classify(spec, &reply, error, Some("the refresh_token is invalid.")) {
                TokenFault::Permanent { code } => format!("permanent {code}"),
                TokenFault::ClientRejected { code } => format!("client {code}"),
                TokenFault::Passing { code, maybe_processed: true, .. } => {
                    format!("uncertain {code}")
                }
                TokenFault::Passing { code, .. } => format!("passing {code}"),
            }
        };
        let check = |status, error, expected: &str| {
            assert_eq!(judge(&ErrorSpec::default(), status, error), expected);
        };
        check(400, Some("invalid_grant"), "permanent invalid_grant");
        check(200, Some("invalid_grant"), "permanent invalid_grant");
        check(403, Some("interaction_required"), "permanent interaction_required");
        check(401, Some("invalid_client"), "client invalid_client");
        check(400, Some("unauthorized_client"), "client unauthorized_client");
        check(401, Some("CANARY-1"), "client unrecognized_error");
        check(400, Some("who_knows"), "passing who_knows");
        check(400, Some("temporarily_unavailable"), "passing temporarily_unavailable");
        check(429, Some("invalid_grant"), "passing invalid_grant");
        check(500, Some("invalid_grant"), "uncertain invalid_grant");
        check(503, None, "passing http_503");
        check(502, None, "uncertain http_502");
        check(404, None, "passing http_404");
        check(302, None, "passing http_302");
        check(200, None, "uncertain http_200");
        assert_eq!(judge(&spec, 400, Some("Token Expired")), "permanent Token Expired");
        assert_eq!(judge(&spec, 400, Some("invalid_grant")), "client invalid_grant");
        assert_eq!(judge(&spec, 400, Some("hiccup")), "passing hiccup");
        let unauthorized = Some("unauthorized_client");
        assert_eq!(judge(&spec, 403, unauthorized), "permanent refresh_token_invalid");
        assert_eq!(judge(&spec, 400, unauthorized), "client unauthorized_client");
        assert_eq!(judge(&spec, 500, unauthorized), "uncertain unauthorized_client");
    }
}
