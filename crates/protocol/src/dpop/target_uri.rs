//! Comparison of a proof's `htu` with the URL of its request.

use url::Url;

/// Whether both are the same after the normalisations of RFC 3986 §6.2.2
/// (syntax) and §6.2.3 (scheme), as RFC 9449 §4.3 recommends; query and
/// fragment are ignored.
pub(super) fn matches(htu: &str, request: &Url) -> bool {
    // The URL parser repairs what browsers are given: blanks, backslashes,
    // control characters, missing slashes. A signed claim needs no repair.
    let written_out = htu.split_once("://").is_some_and(|(scheme, rest)| {
        scheme.eq_ignore_ascii_case(request.scheme()) && !rest.starts_with('/')
    });
    if !written_out || !htu.bytes().all(is_uri_byte) {
        return false;
    }
    let Ok(claimed) = Url::parse(htu) else {
        return false;
    };
    // The parser has lower-cased scheme and host, dropped the default port and
    // resolved dot segments in both.
    claimed.host() == request.host()
        && claimed.port_or_known_default() == request.port_or_known_default()
        && claimed.username().is_empty()
        && claimed.password().is_none()
        && normalize_path(claimed.path()) == normalize_path(request.path())
}

/// RFC 3986 §2: reserved, unreserved and percent-encoded characters.
fn is_uri_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte)
}

/// RFC 3986 §6.2.2.1 and §6.2.2.2: percent-encodings in upper case, and none
/// of characters that are unreserved.
fn normalize_path(path: &str) -> String {
    let mut normalized = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        normalized.push_str(before);
        rest = if let Some((digits, after)) = after.split_at_checked(2) {
            push_octet(&mut normalized, digits);
            after
        } else {
            normalized.push('%');
            after
        };
    }
    normalized.push_str(rest);
    normalized
}

fn push_octet(normalized: &mut String, digits: &str) {
    match u8::from_str_radix(digits, 16).map(char::from) {
        Ok(octet) if octet.is_ascii_alphanumeric() || "-._~".contains(octet) => {
            normalized.push(octet);
        }
        Ok(_) | Err(_) => {
            normalized.push('%');
            normalized.push_str(&digits.to_ascii_uppercase());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(htu: &str, expected: bool) {
        let request = Url::parse("https://auth.example.com/oauth/token?secret=no").unwrap();
        assert_eq!(matches(htu, &request), expected, "{htu}");
    }

    #[test]
    fn equal_after_normalisation() {
        check("https://auth.example.com/oauth/token", true);
        check("HTTPS://AUTH.Example.COM/oauth/token", true);
        check("https://auth.example.com:443/oauth/token", true);
        check("https://auth.example.com/oauth/token?a=b#c", true);
        check("https://auth.example.com/x/../oauth/./token", true);
        check("https://auth.example.com/%6fauth/toke%6E", true);
    }

    #[test]
    fn different_all_the_same() {
        check("", false);
        check("/oauth/token", false);
        check("//auth.example.com/oauth/token", false);
        check("http://auth.example.com/oauth/token", false);
        check("https://auth.example.com:8443/oauth/token", false);
        check("https://auth.example.com/oauth/token/", false);
        check("https://auth.example.com/OAuth/token", false);
        check("https://auth.example.com//oauth/token", false);
        check("https://auth.example.com/oauth%2ftoken", false);
        check("https://auth.example.com./oauth/token", false);
        check("https://auth.example.com.evil.test/oauth/token", false);
        check("https://evil.test/oauth/token", false);
        check("https://ada@auth.example.com/oauth/token", false);
        check("https://:x@auth.example.com/oauth/token", false);
    }

    #[test]
    fn nothing_is_repaired() {
        check("https:\\\\auth.example.com\\oauth\\token", false);
        check("https:auth.example.com/oauth/token", false);
        check("https:///auth.example.com/oauth/token", false);
        check("https:x://auth.example.com/oauth/token", false);
        check(" https://auth.example.com/oauth/token", false);
        check("https://auth.example.com/oauth/tok\ten", false);
        check("https://auth.example.com/oauth/token\n", false);
        check("https://auth.example\u{3002}com/oauth/token", false);
    }

    #[test]
    fn percent_encodings_have_one_form() {
        for (path, expected) in [
            ("/a%2fb", "/a%2Fb"),
            ("/%7Eada", "/~ada"),
            ("/%e4%", "/%E4%"),
            ("/%zz%4", "/%ZZ%4"),
            ("/plain", "/plain"),
        ] {
            assert_eq!(normalize_path(path), expected);
        }
    }
}
