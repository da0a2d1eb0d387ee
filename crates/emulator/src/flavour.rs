//! The providers that one emulator pretends to be, and what tells them apart.
//!
//! A quirk that is a mere fact about a provider stands here as data; a quirk
//! that needs code stands in [`crate::flavours`].

use std::fmt;

use protocol::oauth::scope::{Scope, ScopeSet};
use serde::{Deserialize, Serialize};
use url::Url;

/// The provider that a client, a token or a path belongs to.
///
/// All flavours share one origin, one set of users and one browser cookie, but
/// nothing else: a token of one flavour is unknown to the others.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(into = "String", try_from = "String")]
pub enum Flavour {
    /// A plain OpenID provider at the root of the origin, with a calendar API.
    #[default]
    Oidc,
    /// Google's rules about offline access, consent and scopes.
    Google,
    /// A GitHub OAuth App: tokens that never expire and cannot be refreshed.
    GitHub,
    /// A GitHub App: expiring tokens; a refresh replaces both of them.
    GitHubApp,
    /// A provider that a file of the catalogue describes.
    Catalogued(Strategy),
}

/// The name of a catalogued provider, of up to 31 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Strategy {
    bytes: [u8; 31],
    len: u8,
}

impl Strategy {
    /// A name; `None` if it is too long.
    pub fn of(name: &str) -> Option<Self> {
        let mut bytes = [0; 31];
        bytes.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        Some(Self { bytes, len: u8::try_from(name.len()).ok()? })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        let name = self.bytes.get(..self.len.into()).unwrap_or_default();
        std::str::from_utf8(name).unwrap_or_default()
    }
}

impl fmt::Debug for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Strategy> for String {
    fn from(strategy: Strategy) -> Self {
        strategy.as_str().to_owned()
    }
}

impl TryFrom<String> for Strategy {
    type Error = String;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::of(&name).ok_or(name)
    }
}

impl From<Flavour> for String {
    fn from(flavour: Flavour) -> Self {
        match flavour {
            Flavour::Oidc => "oidc".to_owned(),
            Flavour::Google => "google".to_owned(),
            Flavour::GitHub => "github".to_owned(),
            Flavour::GitHubApp => "github-app".to_owned(),
            Flavour::Catalogued(strategy) => strategy.into(),
        }
    }
}

impl TryFrom<String> for Flavour {
    type Error = String;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        match name.as_str() {
            "oidc" => Ok(Self::Oidc),
            "google" => Ok(Self::Google),
            "github" => Ok(Self::GitHub),
            "github-app" => Ok(Self::GitHubApp),
            _ => Strategy::try_from(name).map(Self::Catalogued),
        }
    }
}

/// Where a flavour answers, as absolute paths on the emulator's origin.
pub(crate) struct Paths {
    pub(crate) authorize: &'static str,
    pub(crate) token: &'static str,
    pub(crate) userinfo: &'static str,
    pub(crate) revoke: &'static str,
    pub(crate) jwks: Option<&'static str>,
    pub(crate) discovery: Option<&'static str>,
}

/// The endpoints of a flavour as absolute URLs.
pub(crate) struct Endpoints {
    /// The issuer identifier, exactly as `iss` carries it.
    pub(crate) issuer: String,
    pub(crate) authorization: String,
    pub(crate) token: String,
    pub(crate) userinfo: String,
    /// GitHub's holds a `{client_id}`.
    pub(crate) revocation: String,
}

impl Flavour {
    /// Every flavour that is written by hand, in the order in which pages list them.
    pub const ALL: [Self; 4] = [Self::Oidc, Self::Google, Self::GitHub, Self::GitHubApp];

    /// The flavour that plays the provider of a catalogue's strategy: one that is
    /// written by hand, or the one that the strategy's file describes. `None` if
    /// the name is too long for one.
    pub fn of_strategy(strategy: &str) -> Option<Self> {
        match strategy {
            "google-oauth2" => Some(Self::Google),
            "github" => Some(Self::GitHub),
            other => Strategy::of(other).map(Self::Catalogued),
        }
    }

    /// The flavour's endpoints on an emulator whose root is `base`.
    pub(crate) fn endpoints(self, base: &Url) -> Endpoints {
        let origin = base.origin().ascii_serialization();
        let paths = self.paths();
        let at = |path: &str| format!("{origin}{path}");
        Endpoints {
            issuer: self.issuer(base),
            authorization: at(paths.authorize),
            token: at(paths.token),
            userinfo: at(paths.userinfo),
            revocation: at(paths.revoke),
        }
    }

    /// The issuer identifier. The generic provider's ends in a slash, as the
    /// tenants of Auth0 do; the prefixed ones do not.
    pub fn issuer(self, base: &Url) -> String {
        let origin = base.origin().ascii_serialization();
        match self {
            Self::Oidc => format!("{origin}/"),
            Self::Google => format!("{origin}/google"),
            Self::GitHub => format!("{origin}/github"),
            Self::GitHubApp => format!("{origin}/github-app"),
            Self::Catalogued(strategy) => format!("{origin}/{}", strategy.as_str()),
        }
    }

    pub(crate) fn paths(self) -> Paths {
        match self {
            Self::Oidc => Paths {
                authorize: "/authorize",
                token: "/token",
                userinfo: "/userinfo",
                revoke: "/revoke",
                jwks: Some("/jwks"),
                discovery: Some("/.well-known/openid-configuration"),
            },
            Self::Google => Paths {
                authorize: "/google/o/oauth2/v2/auth",
                token: "/google/token",
                userinfo: "/google/v1/userinfo",
                revoke: "/google/revoke",
                jwks: Some("/google/oauth2/v3/certs"),
                discovery: Some("/google/.well-known/openid-configuration"),
            },
            Self::GitHub => Paths {
                authorize: "/github/login/oauth/authorize",
                token: "/github/login/oauth/access_token",
                userinfo: "/github/user",
                revoke: "/github/applications/{client_id}/token",
                jwks: None,
                discovery: None,
            },
            Self::GitHubApp => Paths {
                authorize: "/github-app/login/oauth/authorize",
                token: "/github-app/login/oauth/access_token",
                userinfo: "/github-app/user",
                revoke: "/github-app/applications/{client_id}/token",
                jwks: None,
                discovery: None,
            },
            // Its own are in its file (`crate::catalogued`).
            Self::Catalogued(_) => Paths {
                authorize: "",
                token: "",
                userinfo: "",
                revoke: "",
                jwks: None,
                discovery: None,
            },
        }
    }

    /// The name that pages show.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Oidc | Self::Catalogued(_) => "Emulated provider",
            Self::Google => "Emulated Google",
            Self::GitHub => "Emulated GitHub",
            Self::GitHubApp => "Emulated GitHub App",
        }
    }

    /// The style sheet's class for this flavour's accent colour.
    pub(crate) fn style_class(self) -> &'static str {
        match self {
            Self::Oidc | Self::Catalogued(_) => "oidc",
            Self::Google => "google",
            Self::GitHub | Self::GitHubApp => "github",
        }
    }

    /// What this flavour grants out of a request, or the first scope that it
    /// refuses. GitHub drops what it does not know; a GitHub App has
    /// permissions of its own and ignores the parameter.
    pub(crate) fn grantable(self, requested: &ScopeSet) -> Result<ScopeSet, Scope> {
        match self {
            Self::Oidc | Self::Google => match requested.iter().find(|scope| !self.knows(scope)) {
                Some(unknown) => Err(unknown.clone()),
                None => Ok(requested.clone()),
            },
            Self::GitHub => {
                Ok(requested.iter().filter(|scope| self.knows(scope)).cloned().collect())
            }
            Self::GitHubApp => Ok(ScopeSet::empty()),
            Self::Catalogued(_) => Ok(requested.clone()),
        }
    }

    fn knows(self, scope: &Scope) -> bool {
        let scope = scope.as_str();
        match self {
            Self::Oidc => OIDC_SCOPES.contains(&scope),
            Self::Google => {
                GOOGLE_OIDC_SCOPES.contains(&scope)
                    || scope.starts_with("https://www.googleapis.com/auth/")
            }
            Self::GitHub => GITHUB_SCOPES.contains(&scope),
            Self::GitHubApp => false,
            Self::Catalogued(_) => true,
        }
    }

    /// How the token answer spells granted scopes.
    pub(crate) fn spell_scopes(self, granted: &ScopeSet) -> String {
        let spelled: Vec<&str> = granted.iter().map(|scope| self.spell(scope.as_str())).collect();
        match self {
            Self::Oidc | Self::Google | Self::Catalogued(_) => spelled.join(" "),
            Self::GitHub | Self::GitHubApp => spelled.join(","),
        }
    }

    /// Google answers the two short scopes by their long names.
    fn spell(self, scope: &str) -> &str {
        match (self, scope) {
            (Self::Google, "email") => "https://www.googleapis.com/auth/userinfo.email",
            (Self::Google, "profile") => "https://www.googleapis.com/auth/userinfo.profile",
            (
                Self::Oidc | Self::Google | Self::GitHub | Self::GitHubApp | Self::Catalogued(_),
                _,
            ) => scope,
        }
    }

    /// Whether the user may untick single scopes on the consent page.
    pub(crate) fn has_granular_consent(self) -> bool {
        match self {
            // Whoever plays a provider may find out what comes of less.
            Self::Google | Self::Catalogued(_) => true,
            Self::Oidc | Self::GitHub | Self::GitHubApp => false,
        }
    }

    /// Whether a replayed refresh token takes its whole family along
    /// (RFC 9700 §4.14.2) or is merely refused.
    pub(crate) fn replay_ends_family(self) -> bool {
        match self {
            Self::Oidc | Self::Google | Self::Catalogued(_) => true,
            Self::GitHub | Self::GitHubApp => false,
        }
    }

    /// How many lasting grants of one user to one client stay alive; the oldest
    /// ends silently when one more is given.
    pub(crate) fn grants_kept(self) -> Option<usize> {
        match self {
            Self::Google => Some(100),
            Self::GitHub => Some(10),
            Self::Oidc | Self::GitHubApp | Self::Catalogued(_) => None,
        }
    }

    /// Seconds for which an authorization code may be redeemed.
    pub(crate) fn code_lifetime_seconds(self) -> u64 {
        match self {
            Self::Oidc | Self::Google | Self::Catalogued(_) => 60,
            Self::GitHub | Self::GitHubApp => 600,
        }
    }

    /// Whether an authorization request may leave out `redirect_uri` and get
    /// the client's first registered one.
    pub(crate) fn redirect_uri_is_optional(self) -> bool {
        match self {
            Self::GitHub | Self::GitHubApp => true,
            Self::Oidc | Self::Google | Self::Catalogued(_) => false,
        }
    }

    /// Whether authorization responses carry `iss` (RFC 9207).
    pub(crate) fn names_itself(self) -> bool {
        match self {
            Self::Oidc | Self::Google => true,
            Self::GitHub | Self::GitHubApp | Self::Catalogued(_) => false,
        }
    }

    /// The scopes that discovery advertises.
    pub(crate) fn advertised_scopes(self) -> &'static [&'static str] {
        match self {
            Self::Oidc => &OIDC_SCOPES,
            Self::Google => &GOOGLE_OIDC_SCOPES,
            Self::GitHub => &GITHUB_SCOPES,
            Self::GitHubApp | Self::Catalogued(_) => &[],
        }
    }
}

const OIDC_SCOPES: [&str; 6] =
    ["openid", "profile", "email", "offline_access", "read:calendar", "write:calendar"];

const GOOGLE_OIDC_SCOPES: [&str; 3] = ["openid", "email", "profile"];

const GITHUB_SCOPES: [&str; 8] =
    ["repo", "public_repo", "gist", "notifications", "read:org", "read:user", "user", "user:email"];

/// What a scope lets a client do, for the consent page.
pub(crate) fn scope_in_words(scope: &str) -> &'static str {
    match scope {
        "openid" => "Know who you are",
        "profile" | "read:user" => "See your name and profile",
        "email" | "user:email" => "See your e-mail address",
        "offline_access" => "Keep this access while you are away",
        "read:calendar" => "Read your calendar",
        "write:calendar" => "Add events to your calendar",
        "user" => "See and change your profile",
        "repo" => "Read and change your repositories",
        "public_repo" => "Change your public repositories",
        "gist" => "Create gists",
        "notifications" => "Read your notifications",
        "read:org" => "See your organizations",
        _ => "Use this part of your account",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(text: &str) -> ScopeSet {
        ScopeSet::parse(text).unwrap()
    }

    #[test]
    fn strict_flavours_refuse_an_unknown_scope_and_github_drops_it() {
        let asked = scopes("user:email no:such");
        assert_eq!(Flavour::Oidc.grantable(&asked).unwrap_err().as_str(), "user:email");
        assert_eq!(Flavour::GitHub.grantable(&asked).unwrap(), scopes("user:email"));
        assert!(Flavour::GitHubApp.grantable(&asked).unwrap().is_empty());
    }

    #[test]
    fn google_spells_short_scopes_long_and_github_separates_by_comma() {
        assert_eq!(
            Flavour::Google.spell_scopes(&scopes("openid email")),
            "openid https://www.googleapis.com/auth/userinfo.email"
        );
        assert_eq!(Flavour::GitHub.spell_scopes(&scopes("repo gist")), "repo,gist");
    }

    #[test]
    fn endpoints_are_absolute_and_keep_the_origin() {
        let base = Url::parse("http://localhost:4001/").unwrap();
        let google = Flavour::Google.endpoints(&base);
        assert_eq!(google.issuer, "http://localhost:4001/google");
        assert_eq!(google.token, "http://localhost:4001/google/token");
        assert_eq!(Flavour::Oidc.endpoints(&base).issuer, "http://localhost:4001/");
    }
}
