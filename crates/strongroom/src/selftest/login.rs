//! Ada logs in through the provider, which connects her account: a browser without a screen.

use std::collections::BTreeMap;

use protocol::secret::RefreshToken;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{RequestBuilder, Response};
use serde::Deserialize;
use url::Url;

use super::SelftestError;
use super::http::form;
use super::site::Site;
use crate::seed::{CALENDAR_CONNECTION, Credentials};

/// Nothing listens there; the code is taken from the address.
const REDIRECT_URI: &str = "http://localhost:1/callback";
/// More pages and redirects than a login has.
const STEPS_MAX: usize = 20;

#[derive(Deserialize)]
struct Tokens {
    refresh_token: RefreshToken,
}

/// Logs in with a fresh browser. The provider's tokens are in the vault afterwards; the answer is the
/// application's refresh token, by which they are had.
pub(super) async fn log_in(site: &Site) -> Result<RefreshToken, SelftestError> {
    let base_url = &site.first().base_url;
    let mut url = Url::parse(&base_url.join("authorize"))?;
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", site.web.client_id.as_str())
        .append_pair("redirect_uri", REDIRECT_URI)
        .append_pair("scope", "openid offline_access")
        .append_pair("state", "selftest")
        .append_pair("connection", CALENDAR_CONNECTION);
    let mut browser = Browser { site, cookies: BTreeMap::new() };
    let code = browser.walk(url).await?;

    let Credentials { client_id, client_secret } = &site.web;
    let request = site.http.post(base_url.join("oauth/token"));
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", client_id.as_str()),
        ("client_secret", client_secret.expose()),
        ("redirect_uri", REDIRECT_URI),
        ("code", &code),
    ];
    let answer = form(request, &fields).send().await.map_err(SelftestError::Http)?;
    let status = answer.status();
    if !status.is_success() {
        let place = "oauth/token".to_owned();
        return Err(SelftestError::Login { place, status: status.as_u16() });
    }
    let body = answer.bytes().await.map_err(SelftestError::Http)?;
    let Tokens { refresh_token } = serde_json::from_slice(&body).map_err(SelftestError::Json)?;
    Ok(refresh_token)
}

struct Browser<'a> {
    site: &'a Site,
    cookies: BTreeMap<String, String>,
}

impl Browser<'_> {
    /// Goes from page to page until the application is reached with a code.
    async fn walk(&mut self, start: Url) -> Result<String, SelftestError> {
        let mut place = start;
        let mut answer = self.send(self.site.http.get(place.clone())).await?;
        for _ in 0..STEPS_MAX {
            let status = answer.status();
            let location = answer.headers().get(LOCATION).and_then(|text| text.to_str().ok());
            if let (true, Some(location)) = (status.is_redirection(), location) {
                place = place.join(location)?;
                if place.as_str().starts_with(REDIRECT_URI) {
                    let code = place.query_pairs().find(|(name, _)| name == "code");
                    return match code {
                        Some((_, code)) => Ok(code.into_owned()),
                        None => Err(stranded(&place, status.as_u16())),
                    };
                }
                answer = self.send(self.site.http.get(place.clone())).await?;
                continue;
            }
            if !status.is_success() {
                return Err(stranded(&place, status.as_u16()));
            }
            let page = answer.text().await.map_err(SelftestError::Http)?;
            answer = self.fill_in(&mut place, &page).await?;
        }
        Err(SelftestError::EndlessLogin)
    }

    /// Does what the provider's page asks for.
    async fn fill_in(&mut self, place: &mut Url, page: &str) -> Result<Response, SelftestError> {
        let action = page.split_once("action=\"").and_then(|(_, rest)| rest.split_once('"'));
        let Some((action, _)) = action else { return Err(stranded(place, 200)) };
        let provider = &self.site.provider;
        let target = place.join(action)?;
        let request = self.site.http.post(target.clone());
        let fields: &[(&str, &str)] = match target.path().rsplit('/').next() {
            Some("login") => {
                &[("username", provider.username), ("password", provider.password.expose())]
            }
            Some("decision") => &[("decision", "allow")],
            Some(_) | None => return Err(stranded(place, 200)),
        };
        *place = target;
        self.send(form(request, fields)).await
    }

    /// The cookies of a name go to every port of this machine, and so they do in a browser.
    async fn send(&mut self, request: RequestBuilder) -> Result<Response, SelftestError> {
        let pairs: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = request.header(COOKIE, pairs.join("; "));
        let answer = request.send().await.map_err(SelftestError::Http)?;
        let lines = answer.headers().get_all(SET_COOKIE).iter();
        for line in lines.filter_map(|line| line.to_str().ok()) {
            let pair = line.split(';').next().and_then(|pair| pair.split_once('='));
            if let Some((name, value)) = pair {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(answer)
    }
}

/// Without the query, which may hold a code.
fn stranded(place: &Url, status: u16) -> SelftestError {
    let mut place = place.clone();
    place.set_query(None);
    SelftestError::Login { place: place.into(), status }
}
