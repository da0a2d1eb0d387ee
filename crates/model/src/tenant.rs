//! A tenant: one isolated world of clients, users and tokens, found by the host of the request.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::ids::TenantId;
use crate::resource_server::SystemApi;

/// A tenant and the base URLs under which it answers.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Its name, part of every key in the database.
    pub id: TenantId,
    /// Where it answers; never empty, the first is the canonical one.
    pub base_urls: Vec<BaseUrl>,
    /// What an operator may change.
    pub settings: TenantSettings,
}

/// An origin of a tenant with its closing slash: the issuer of tokens that are asked for there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BaseUrl(String);

/// Why a text is no base URL.
#[derive(Debug, thiserror::Error)]
pub enum InvalidBaseUrl {
    /// Not an absolute URL.
    #[error("not an absolute URL")]
    Syntax(#[from] url::ParseError),
    /// Something other than scheme, host and port stands in it, or the scheme is not HTTP.
    #[error("a base URL is http(s)://host[:port]/ and nothing more")]
    NotAnOrigin,
}

impl BaseUrl {
    /// Accepts `http(s)://host[:port]` with or without the closing slash.
    pub fn parse(text: &str) -> Result<Self, InvalidBaseUrl> {
        let url = Url::parse(text)?;
        let bare = matches!(url.scheme(), "http" | "https")
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if bare { Ok(Self(url.into())) } else { Err(InvalidBaseUrl::NotAnOrigin) }
    }

    /// The issuer identifier: the URL with its closing slash, as Auth0 has it.
    pub fn issuer(&self) -> &str {
        &self.0
    }

    /// The origin as browsers print it: no closing slash.
    pub fn origin(&self) -> &str {
        self.0.trim_end_matches('/')
    }

    /// `host[:port]` without a default port: what a request's `Host` must be.
    pub fn authority(&self) -> &str {
        let origin = self.origin();
        origin.split_once("://").map_or(origin, |(_, authority)| authority)
    }

    /// Whether the origin is served over TLS, which decides the attributes of cookies.
    pub fn is_secure(&self) -> bool {
        self.0.starts_with("https:")
    }

    /// The URL of `path` (which has no leading slash) under this base.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl TryFrom<String> for BaseUrl {
    type Error = InvalidBaseUrl;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<BaseUrl> for String {
    fn from(base: BaseUrl) -> Self {
        base.0
    }
}

/// What an operator may set for the whole tenant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TenantSettings {
    /// The name people see on the pages.
    pub friendly_name: String,
    /// The audience of requests that name none.
    pub default_audience: Option<String>,
    /// Where logout may lead when no client is named.
    pub allowed_logout_urls: Vec<String>,
    /// Absolute lifetime of a login session, in hours.
    pub session_lifetime: f64,
    /// A login session ends when unused for this long, in hours.
    pub idle_session_lifetime: f64,
}

impl Default for TenantSettings {
    fn default() -> Self {
        Self {
            friendly_name: "Strongroom".to_owned(),
            default_audience: None,
            allowed_logout_urls: Vec::new(),
            session_lifetime: 168.0,
            idle_session_lifetime: 72.0,
        }
    }
}

impl TenantSettings {
    /// Absolute lifetime of a login session.
    pub fn session_lifetime(&self) -> Duration {
        hours(self.session_lifetime)
    }

    /// Idle lifetime of a login session.
    pub fn idle_session_lifetime(&self) -> Duration {
        hours(self.idle_session_lifetime)
    }
}

/// A setting that cannot be a duration (negative, not a number) ends a session at once.
fn hours(value: f64) -> Duration {
    Duration::try_from_secs_f64(value * 3600.0).unwrap_or(Duration::ZERO)
}

impl Tenant {
    /// The canonical base URL: under it the audiences of the system APIs are stored.
    pub fn canonical_base(&self) -> Option<&BaseUrl> {
        self.base_urls.first()
    }

    /// The system API that an audience names under any of the tenant's base URLs.
    pub fn system_api(&self, audience: &str) -> Option<SystemApi> {
        self.base_urls
            .iter()
            .find_map(|base| SystemApi::ALL.into_iter().find(|api| api.audience(base) == audience))
    }

    /// The stored form of an audience: that of a system API is written with the canonical base URL,
    /// any other is left as it is.
    pub fn canonical_audience(&self, audience: &str) -> String {
        match (self.system_api(audience), self.canonical_base()) {
            (Some(api), Some(base)) => api.audience(base),
            _ => audience.to_owned(),
        }
    }

    /// The inverse of [`Self::canonical_audience`] for an answer that leaves through `base`.
    pub fn local_audience(&self, stored: &str, base: &BaseUrl) -> String {
        self.system_api(stored).map_or_else(|| stored.to_owned(), |api| api.audience(base))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_an_origin_and_nothing_more() {
        let check = |text: &str, issuer: Option<&str>| {
            assert_eq!(BaseUrl::parse(text).ok().as_ref().map(BaseUrl::issuer), issuer, "{text}");
        };
        check("http://localhost:4000", Some("http://localhost:4000/"));
        check("https://Acme.example/", Some("https://acme.example/"));
        check("https://acme.example:443", Some("https://acme.example/"));
        check("https://acme.example/path", None);
        check("https://acme.example/?q", None);
        check("https://user@acme.example/", None);
        check("ftp://acme.example/", None);
        check("acme.example", None);
    }

    #[test]
    fn audiences_of_system_apis_follow_the_base_url() {
        let local = BaseUrl::parse("http://localhost:4000").unwrap();
        let public = BaseUrl::parse("https://acme.example").unwrap();
        let tenant = Tenant {
            id: TenantId::new("acme"),
            base_urls: vec![local, public.clone()],
            settings: TenantSettings::default(),
        };
        assert_eq!(
            tenant.canonical_audience("https://acme.example/me/"),
            "http://localhost:4000/me/"
        );
        assert_eq!(
            tenant.local_audience("http://localhost:4000/me/", &public),
            "https://acme.example/me/"
        );
        assert_eq!(
            tenant.canonical_audience("https://other.example/me/"),
            "https://other.example/me/"
        );
        assert_eq!(tenant.canonical_audience("https://acme.example/me"), "https://acme.example/me");
    }

    #[test]
    fn the_authority_has_no_scheme_and_no_slash() {
        assert_eq!(BaseUrl::parse("http://localhost:4000").unwrap().authority(), "localhost:4000");
        assert_eq!(BaseUrl::parse("https://acme.example").unwrap().authority(), "acme.example");
    }
}
