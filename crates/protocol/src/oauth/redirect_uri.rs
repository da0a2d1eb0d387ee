//! Redirect URIs: which of them an answer may be sent to.
//!
//! Matching is by comparison of strings, byte for byte (RFC 9700 §2.1): nothing
//! is decoded, folded, normalised or resolved, so that there are no two
//! spellings to confuse. A registered entry may leave exactly one thing open:
//!
//! - `https://*.example.com/back`: the left-most label of the host, as Auth0
//!   documents it: one level, `http` and `https` only, never directly under a
//!   top-level domain; `pr-*-app.example.com` is possible too.
//! - `http://localhost:*/back`: the port, for loopback hosts only (RFC 8252
//!   §7.3).
//!
//! The same matching serves Allowed Logout URLs.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// Longest redirect URI, in bytes.
pub const REDIRECT_URI_BYTES_MAX: usize = 2048;

/// A redirect URI that is registered: an answer may be sent there.
///
/// A proof: made by [`RedirectUri::matching`] and [`RedirectUri::first_of`], and
/// read back from the record of a pending request, never from a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RedirectUri(String);

impl RedirectUri {
    /// The requested URI, if one of the registered entries admits it.
    pub fn matching<E: AsRef<str>>(
        requested: &str,
        registered: impl IntoIterator<Item = E>,
    ) -> Result<Self, RedirectUriError> {
        check_form(requested)?;
        let admitted = registered.into_iter().any(|entry| {
            Pattern::parse(entry.as_ref()).is_ok_and(|pattern| pattern.admits(requested))
        });
        if !admitted {
            return Err(RedirectUriError::NotRegistered);
        }
        Ok(Self(requested.to_owned()))
    }

    /// Where to go when the request names no redirect URI: the first entry,
    /// provided that it leaves nothing open.
    pub fn first_of<E: AsRef<str>>(
        registered: impl IntoIterator<Item = E>,
    ) -> Result<Self, RedirectUriError> {
        let first = registered.into_iter().next().ok_or(RedirectUriError::NotRegistered)?;
        match Pattern::parse(first.as_ref())? {
            Pattern::Exact(entry) => Ok(Self(entry.to_owned())),
            Pattern::OneGap { .. } => Err(RedirectUriError::NotRegistered),
        }
    }

    /// The URI as a pending request's record has kept it.
    pub fn restored(stored: String) -> Self {
        Self(stored)
    }

    /// The URI as requested.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The origin (RFC 6454), as messages between windows are addressed.
    /// `None` for custom schemes, which have none.
    pub fn origin(&self) -> Option<String> {
        let origin = Url::parse(&self.0).ok()?.origin();
        origin.is_tuple().then(|| origin.ascii_serialization())
    }

    /// The URI with these parameters added to its query (RFC 6749 §3.1.2).
    pub fn with_query(&self, parameters: &[(&str, &str)]) -> String {
        let separator = if self.0.contains('?') { '&' } else { '?' };
        self.extended(separator, parameters)
    }

    /// The URI with these parameters as its fragment, which it had none of.
    pub fn with_fragment(&self, parameters: &[(&str, &str)]) -> String {
        self.extended('#', parameters)
    }

    fn extended(&self, separator: char, parameters: &[(&str, &str)]) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(parameters);
        format!("{}{separator}{}", self.0, form.finish())
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether `entry` may be registered at all.
pub fn check_registrable(entry: &str) -> Result<(), RedirectUriError> {
    Pattern::parse(entry).map(drop)
}

/// A registered entry, understood.
enum Pattern<'a> {
    Exact(&'a str),
    OneGap { before: &'a str, after: &'a str, gap: Gap },
}

#[derive(Clone, Copy)]
enum Gap {
    /// Part or all of one host label, the rest of which takes this many bytes.
    Label {
        fixed_bytes: usize,
    },
    Port,
}

const LABEL_BYTES_MAX: usize = 63;

impl<'a> Pattern<'a> {
    fn parse(entry: &'a str) -> Result<Self, RedirectUriError> {
        let Some((before, after)) = entry.split_once('*') else {
            check_form(entry)?;
            return Ok(Self::Exact(entry));
        };
        let gap = gap_between(before, after)?;
        // With the gap filled, what remains must be a URI in its own right.
        let filler = match gap {
            Gap::Label { .. } => "x",
            Gap::Port => "1",
        };
        check_form(&[before, filler, after].concat())?;
        Ok(Self::OneGap { before, after, gap })
    }

    fn admits(&self, requested: &str) -> bool {
        match *self {
            Self::Exact(entry) => requested == entry,
            Self::OneGap { before, after, gap } => requested
                .strip_prefix(before)
                .and_then(|rest| rest.strip_suffix(after))
                .is_some_and(|filling| gap.admits(filling)),
        }
    }
}

impl Gap {
    fn admits(self, filling: &str) -> bool {
        let bytes = filling.as_bytes();
        match self {
            Self::Label { fixed_bytes } => {
                let label_byte = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
                !bytes.is_empty()
                    && bytes.len() + fixed_bytes <= LABEL_BYTES_MAX
                    && bytes.iter().all(label_byte)
                    && !bytes.starts_with(b"-")
                    && !bytes.ends_with(b"-")
            }
            Self::Port => {
                let digits = bytes.iter().all(u8::is_ascii_digit) && !bytes.starts_with(b"0");
                digits && filling.parse::<u16>().is_ok()
            }
        }
    }
}

/// Where the asterisk stands, and whether it may stand there.
fn gap_between(before: &str, after: &str) -> Result<Gap, RedirectUriError> {
    let misplaced = RedirectUriError::WildcardMisplaced;
    if after.contains('*') {
        return Err(misplaced);
    }
    let (scheme, before_in_host) = before.split_once("://").ok_or(misplaced)?;
    if !matches!(scheme, "http" | "https") {
        return Err(misplaced);
    }
    let after_in_authority = after.split(['/', '?']).next().unwrap_or_default();

    if matches!(before_in_host, "localhost:" | "127.0.0.1:" | "[::1]:") {
        return if after_in_authority.is_empty() { Ok(Gap::Port) } else { Err(misplaced) };
    }
    // The asterisk is in the left-most label if nothing before it ends one, and
    // at least two labels must follow: `*.com` would be half the world.
    let (rest_of_label, parent) = after_in_authority.split_once('.').ok_or(misplaced)?;
    let label_text = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !label_text(before_in_host) || !label_text(rest_of_label) || !parent.contains('.') {
        return Err(misplaced);
    }
    if parent.split([':']).next().is_some_and(|host| host.ends_with('.')) {
        return Err(misplaced);
    }
    Ok(Gap::Label { fixed_bytes: before_in_host.len() + rest_of_label.len() })
}

/// Whether a text is an absolute URI without anything that could be read in
/// two ways. Exact matching alone would do; this keeps such URIs from being
/// registered in the first place, and from slipping through a gap.
fn check_form(uri: &str) -> Result<(), RedirectUriError> {
    if uri.len() > REDIRECT_URI_BYTES_MAX {
        return Err(RedirectUriError::TooLong);
    }
    // RFC 6749 §3.1.2: the endpoint URI MUST NOT include a fragment component.
    if uri.contains('#') {
        return Err(RedirectUriError::Fragment);
    }
    // RFC 3986 §2. This also excludes control characters, blanks, backslashes
    // and whatever is not ASCII.
    let uri_byte = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=%".contains(&b);
    if !uri.bytes().all(uri_byte) {
        return Err(RedirectUriError::ForbiddenCharacter);
    }
    let Ok(parsed) = Url::parse(uri) else {
        return Err(RedirectUriError::NotAbsolute);
    };
    match parsed.scheme() {
        "http" | "https" => check_web_uri(uri, &parsed),
        "javascript" | "data" | "vbscript" | "file" | "blob" | "about" | "view-source" | "ws"
        | "wss" | "ftp" => Err(RedirectUriError::ForbiddenScheme),
        // RFC 8252 §7.1: private-use schemes of native applications.
        _ if parsed.username().is_empty() && parsed.password().is_none() => Ok(()),
        _ => Err(RedirectUriError::UserInfo),
    }
}

fn check_web_uri(uri: &str, parsed: &Url) -> Result<(), RedirectUriError> {
    // The parser repairs `https:host` and `https:///host`; others may not.
    let (scheme, rest) = uri.split_once("://").ok_or(RedirectUriError::NotAbsolute)?;
    if scheme != parsed.scheme() || rest.starts_with('/') {
        return Err(RedirectUriError::NotAbsolute);
    }
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(RedirectUriError::UserInfo);
    }
    // A host that means something else than it says: percent-encoded,
    // upper-case, or an address in octal.
    let host = parsed.host().ok_or(RedirectUriError::NotAbsolute)?;
    let spelled = match host {
        Host::Domain(domain) => domain.to_owned(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => format!("[{address}]"),
    };
    if !authority
        .strip_prefix(&spelled)
        .is_some_and(|port| port.is_empty() || port.starts_with(':'))
    {
        return Err(RedirectUriError::AmbiguousHost);
    }
    Ok(())
}

/// Why a redirect URI is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedirectUriError {
    /// No registered entry admits it.
    #[error("the redirect URI is not registered")]
    NotRegistered,
    /// Longer than [`REDIRECT_URI_BYTES_MAX`].
    #[error("the redirect URI is longer than {REDIRECT_URI_BYTES_MAX} bytes")]
    TooLong,
    /// Relative, or not a URI.
    #[error("the redirect URI is not absolute")]
    NotAbsolute,
    /// With a fragment.
    #[error("the redirect URI has a fragment")]
    Fragment,
    /// With user name or password.
    #[error("the redirect URI has user information")]
    UserInfo,
    /// A character that RFC 3986 does not allow.
    #[error("the redirect URI contains a forbidden character")]
    ForbiddenCharacter,
    /// A scheme that runs code or reaches local files.
    #[error("the redirect URI has a forbidden scheme")]
    ForbiddenScheme,
    /// A host whose spelling is not its plainest.
    #[error("the host of the redirect URI is not in its plain spelling")]
    AmbiguousHost,
    /// An asterisk where none may stand.
    #[error("the redirect URI has a wildcard in a place where none is allowed")]
    WildcardMisplaced,
}

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod tests;
