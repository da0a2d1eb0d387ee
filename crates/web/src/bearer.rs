//! Access tokens as requests present them: RFC 6750 and RFC 9449 §7.1, in the header alone.

use axum::http::{HeaderMap, header};
use protocol::oauth::answer::TokenType;
use protocol::secret::AccessToken;

/// A token and the scheme it came by.
#[derive(Debug)]
pub(crate) struct PresentedToken {
    pub(crate) scheme: TokenType,
    pub(crate) token: AccessToken,
}

/// Why a request presents no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoToken {
    /// There is no `Authorization` header.
    Missing,
    /// There are several, or it is of another scheme, or holds no token.
    Malformed,
}

/// Reads the token of a request.
pub(crate) fn presented(headers: &HeaderMap) -> Result<PresentedToken, NoToken> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().ok_or(NoToken::Missing)?;
    if values.next().is_some() {
        return Err(NoToken::Malformed);
    }
    let value = value.to_str().or(Err(NoToken::Malformed))?;
    let (scheme, token) = value.split_once(' ').ok_or(NoToken::Malformed)?;
    let scheme = [TokenType::Bearer, TokenType::Dpop]
        .into_iter()
        .find(|known| known.as_str().eq_ignore_ascii_case(scheme))
        .ok_or(NoToken::Malformed)?;
    let token = token.trim();
    let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    if is_token {
        Ok(PresentedToken { scheme, token: AccessToken::new(token) })
    } else {
        Err(NoToken::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn one_header_one_scheme_one_token() {
        let check = |values: &[&'static str], expected: Result<TokenType, NoToken>| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, HeaderValue::from_static(value));
            }
            assert_eq!(presented(&headers).map(|found| found.scheme), expected, "{values:?}");
        };
        check(&["Bearer abc"], Ok(TokenType::Bearer));
        check(&["bearer abc"], Ok(TokenType::Bearer));
        check(&["DPoP abc"], Ok(TokenType::Dpop));
        check(&["dpop abc"], Ok(TokenType::Dpop));
        check(&[], Err(NoToken::Missing));
        check(&["Bearer"], Err(NoToken::Malformed));
        check(&["Bearer "], Err(NoToken::Malformed));
        check(&["Bearer a b"], Err(NoToken::Malformed));
        check(&["Basic abc"], Err(NoToken::Malformed));
        check(&["Bearer a", "Bearer b"], Err(NoToken::Malformed));
    }
}
