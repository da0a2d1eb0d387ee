//! Logs a person in, connects an account, and so comes to a request that can be repeated.

use std::collections::BTreeMap;

use protocol::oauth::exchange::{RequestedTokenType, SubjectTokenType, VAULT_GRANT_TYPE};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde_json::{Value, json};
use url::Url;

use crate::Outcome;
use crate::load::Request;
use crate::server::{self, Announced, Dev};

const CALLBACK: &str = "http://localhost:4999/callback";
const SCOPES: &str = "openid profile email offline_access";

/// An exchange of the calendar's token with a refresh token as its subject.
pub(crate) async fn exchange_request(dev: &Dev) -> Outcome<Request> {
    let mut person = Person::log_in(dev).await?;
    person.connect("calendar", 0).await?;
    person.exchange("calendar")
}

/// Somebody who is logged in.
pub(crate) struct Person<'a> {
    journey: Journey<'a>,
    refresh_token: String,
}

impl<'a> Person<'a> {
    pub(crate) async fn log_in(dev: &'a Dev) -> Outcome<Self> {
        let mut journey = Journey::new(dev)?;
        let refresh_token = journey.log_in().await?;
        Ok(Self { journey, refresh_token })
    }

    /// Connects the account of one of the provider's users.
    pub(crate) async fn connect(&mut self, connection: &str, user: usize) -> Outcome<()> {
        self.journey.connect(&self.refresh_token, connection, user).await
    }

    /// The exchange of the refresh token for the connection's token.
    pub(crate) fn exchange(&self, connection: &str) -> Outcome<Request> {
        let Announced { issuer, clients, .. } = &self.journey.dev.announced;
        let requested = RequestedTokenType::FederatedConnectionAccessToken;
        let body = form(&[
            ("grant_type", VAULT_GRANT_TYPE),
            ("client_id", &clients.web.client_id),
            ("client_secret", &clients.web.client_secret),
            ("subject_token", &self.refresh_token),
            ("subject_token_type", SubjectTokenType::RefreshToken.as_str()),
            ("requested_token_type", requested.as_str()),
            ("connection", connection),
        ]);
        Ok(Request { url: issuer.join("oauth/token")?, body: body.into() })
    }

    /// Makes more connections to the calendar's provider.
    pub(crate) async fn add_connections(&self, names: &[&str]) -> Outcome<()> {
        let Announced { issuer, management, clients, .. } = &self.journey.dev.announced;
        let http = &self.journey.http;
        let tokens = self
            .journey
            .token_of(
                &management.client,
                &[("grant_type", "client_credentials"), ("audience", &management.audience)],
            )
            .await?;
        let token = format!("Bearer {}", text(&tokens, "access_token")?);
        let url = issuer.join("api/v2/connections")?;
        let known = http.get(url.clone()).header("authorization", &token).send().await?;
        let known = document(known).await?;
        let known = known.as_array().and_then(|all| all.iter().find(|it| it["name"] == "calendar"));
        let options = &known.ok_or("no calendar")?["options"];
        for name in names {
            let body = json!({
                "name": name, "strategy": "oidc", "options": options,
                "connected_accounts": { "active": true },
                "enabled_clients": [&clients.web.client_id],
            });
            let request = http.post(url.clone()).header("authorization", &token);
            let request = request.header("content-type", "application/json");
            document(request.body(body.to_string()).send().await?).await?;
        }
        Ok(())
    }

    /// Commands the emulated provider.
    pub(crate) async fn command_provider(&self, command: &str, body: &Value) -> Outcome<()> {
        let control = &self.journey.dev.announced.control;
        let url = control.url.join("/_emulator/")?.join(command)?;
        let http = &self.journey.http;
        let request = if command == "faults" { http.post(url) } else { http.put(url) };
        let request = request.bearer_auth(&control.secret);
        let request = request.header("content-type", "application/json").body(body.to_string());
        let answer = request.send().await?;
        if answer.status().is_success() { Ok(()) } else { Err(answer.text().await?.into()) }
    }
}

/// A browser and an application in one.
struct Journey<'a> {
    dev: &'a Dev,
    http: Client,
    cookies: BTreeMap<(String, String), String>,
}

impl<'a> Journey<'a> {
    fn new(dev: &'a Dev) -> Outcome<Self> {
        #[expect(clippy::disallowed_methods, reason = "the load generator is not the server")]
        let http = Client::builder().redirect(Policy::none()).no_proxy().build()?;
        Ok(Self { dev, http, cookies: BTreeMap::new() })
    }

    async fn log_in(&mut self) -> Outcome<String> {
        let client = &self.dev.announced.clients.web;
        let mut url = self.dev.announced.issuer.join("authorize")?;
        url.query_pairs_mut()
            .append_pair("client_id", &client.client_id)
            .append_pair("response_type", "code")
            .append_pair("scope", SCOPES)
            .append_pair("redirect_uri", CALLBACK);
        let person = self.dev.announced.users.first().ok_or("nobody is seeded")?;
        let fields = [
            ("username", person.email.as_str()),
            ("password", &person.password),
            ("action", "default"),
        ];
        let back = self.travel(url, &[&fields]).await?;
        let code = parameter(&back, "code")?;
        let tokens = self
            .token(&[
                ("grant_type", "authorization_code"),
                ("code", &code),
                ("redirect_uri", CALLBACK),
            ])
            .await?;
        text(&tokens, "refresh_token")
    }

    async fn connect(&mut self, refresh_token: &str, connection: &str, user: usize) -> Outcome<()> {
        let issuer = &self.dev.announced.issuer;
        let tokens = self
            .token(&[
                ("grant_type", "refresh_token"),
                ("refresh_token", refresh_token),
                ("audience", issuer.join("me/")?.as_str()),
            ])
            .await?;
        let access_token = text(&tokens, "access_token")?;
        let start = json!({ "connection": connection, "redirect_uri": CALLBACK });
        let started = self.my_account("connect", &access_token, &start).await?;
        let mut url = Url::parse(&text(&started, "connect_uri")?)?;
        let ticket = started["connect_params"]["ticket"].as_str().ok_or("no ticket")?;
        url.query_pairs_mut().append_pair("ticket", ticket);
        let account = self.dev.announced.emulator.users.get(user).ok_or("no account")?;
        let login = [("username", account.username.as_str()), ("password", &account.password)];
        let allow = [("decision", "allow")];
        // Whoever is signed in at the provider is not asked again who they are.
        let provider = self.dev.announced.emulator.issuer.origin().ascii_serialization();
        self.cookies.retain(|(origin, _), _| *origin != provider);
        let back = self.travel(url, &[&login, &allow]).await?;
        let complete = json!({
            "auth_session": started["auth_session"],
            "connect_code": parameter(&back, "connect_code")?,
            "redirect_uri": CALLBACK,
        });
        self.my_account("complete", &access_token, &complete).await?;
        Ok(())
    }

    /// Follows redirects and fills in the forms on the way, in order, until the callback.
    async fn travel(&mut self, mut url: Url, forms: &[&[(&str, &str)]]) -> Outcome<Url> {
        let mut forms = forms.iter();
        let mut answer = self.get(&url).await?;
        loop {
            if let Some(location) = answer.headers().get("location") {
                url = url.join(location.to_str()?)?;
                if url.as_str().starts_with(CALLBACK) {
                    return Ok(url);
                }
                answer = self.get(&url).await?;
                continue;
            }
            let page = answer.text().await?;
            let fields = forms.next().ok_or_else(|| format!("an unexpected page at {url}"))?;
            let (action, mut filled) = read_form(&page).ok_or("a page without a form")?;
            filled.extend(fields.iter().map(|(name, value)| ((*name).into(), (*value).into())));
            url = url.join(&action)?;
            let body = form(&filled);
            let request = self.http.post(url.clone()).body(body);
            let request = request.header("content-type", "application/x-www-form-urlencoded");
            answer = self.send(&url, request).await?;
        }
    }

    async fn get(&mut self, url: &Url) -> Outcome<Response> {
        let request = self.http.get(url.clone());
        self.send(url, request).await
    }

    async fn send(&mut self, url: &Url, request: reqwest::RequestBuilder) -> Outcome<Response> {
        let origin = url.origin().ascii_serialization();
        let cookies: Vec<_> = self
            .cookies
            .iter()
            .filter(|((of, _), _)| *of == origin)
            .map(|((_, name), value)| format!("{name}={value}"))
            .collect();
        let answer = request.header("cookie", cookies.join("; ")).send().await?;
        for cookie in answer.headers().get_all("set-cookie") {
            let pair = cookie.to_str()?.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                self.cookies.insert((origin.clone(), name.to_owned()), value.to_owned());
            }
        }
        Ok(answer)
    }

    async fn token(&self, fields: &[(&str, &str)]) -> Outcome<Value> {
        self.token_of(&self.dev.announced.clients.web, fields).await
    }

    async fn token_of(&self, client: &server::Client, fields: &[(&str, &str)]) -> Outcome<Value> {
        let mut body = fields.to_vec();
        body.extend([("client_id", &*client.client_id), ("client_secret", &*client.client_secret)]);
        let request = self
            .http
            .post(self.dev.announced.issuer.join("oauth/token")?)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form(&body));
        document(request.send().await?).await
    }

    async fn my_account(&self, step: &str, access_token: &str, body: &Value) -> Outcome<Value> {
        let path = format!("me/v1/connected-accounts/{step}");
        let request = self
            .http
            .post(self.dev.announced.issuer.join(&path)?)
            .header("authorization", format!("Bearer {access_token}"))
            .header("content-type", "application/json")
            .body(body.to_string());
        document(request.send().await?).await
    }
}

async fn document(answer: Response) -> Outcome<Value> {
    let status = answer.status();
    let body = answer.text().await?;
    if status.is_success() { Ok(serde_json::from_str(&body)?) } else { Err(body.into()) }
}

fn text(document: &Value, member: &str) -> Outcome<String> {
    Ok(document[member].as_str().ok_or_else(|| format!("no {member}"))?.to_owned())
}

fn parameter(url: &Url, name: &str) -> Outcome<String> {
    let found = url.query_pairs().find(|(known, _)| known == name);
    Ok(found.ok_or_else(|| format!("no {name} in the answer"))?.1.into_owned())
}

fn form<N: AsRef<str>, V: AsRef<str>>(fields: &[(N, V)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// The action and the hidden fields of the first form that is posted.
fn read_form(page: &str) -> Option<(String, Vec<(String, String)>)> {
    let (_, form) = page.split_once("<form")?;
    let (form, _) = form.split_once("</form>")?;
    let action = attribute(form.split('>').next()?, "action").unwrap_or_default();
    let hidden = form
        .split("<input")
        .skip(1)
        .filter_map(|input| input.split('>').next())
        .filter(|input| attribute(input, "type").as_deref() == Some("hidden"))
        .filter_map(|input| Some((attribute(input, "name")?, attribute(input, "value")?)))
        .collect();
    Some((action, hidden))
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!("{name}=\""))?;
    Some(rest.split('"').next()?.replace("&amp;", "&"))
}
