//! Ada, with a browser and the application `web`, at a running `dev`.

use std::collections::BTreeMap;

use reqwest::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use url::Url;
use url::form_urlencoded::Serializer;

use crate::process::Dev;

const CALLBACK: &str = "http://localhost:4999/callback";
const FORM: &str = "application/x-www-form-urlencoded";
const VAULT_GRANT: &str =
    "urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token";
const VAULT_TOKEN: &str = "http://auth0.com/oauth/token-type/federated-connection-access-token";

/// Ada, logged in.
pub(crate) struct Person<'a> {
    dev: &'a Dev,
    http: Client,
    cookies: BTreeMap<String, String>,
    refresh_token: String,
}

impl<'a> Person<'a> {
    pub(crate) async fn log_in(dev: &'a Dev) -> Self {
        #[expect(clippy::disallowed_methods, reason = "tests are outside the server")]
        let builder = Client::builder();
        let http = builder.no_proxy().redirect(Policy::none()).build().unwrap();
        let mut person = Self { dev, http, cookies: BTreeMap::new(), refresh_token: String::new() };
        let mut url = Url::parse(dev.text("/issuer")).unwrap().join("authorize").unwrap();
        url.query_pairs_mut()
            .append_pair("client_id", dev.text("/clients/web/client_id"))
            .append_pair("response_type", "code")
            .append_pair("scope", "openid offline_access")
            .append_pair("redirect_uri", CALLBACK);
        let back = person.travel(url).await;
        let code = parameter(&back, "code");
        let fields =
            [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK)];
        let (status, tokens) = person.token(&fields).await;
        assert_eq!(status, 200, "{tokens}");
        tokens["refresh_token"].as_str().unwrap().clone_into(&mut person.refresh_token);
        person
    }

    /// Connects an account of a connection.
    pub(crate) async fn connect(&mut self, connection: &str) {
        let audience = format!("{}me/", self.dev.text("/issuer"));
        let refresh_token = self.refresh_token.clone();
        let (status, tokens) = self
            .token(&[
                ("grant_type", "refresh_token"),
                ("refresh_token", &refresh_token),
                ("audience", &audience),
            ])
            .await;
        assert_eq!(status, 200, "{tokens}");
        let access_token = tokens["access_token"].as_str().unwrap();
        let start = json!({ "connection": connection, "redirect_uri": CALLBACK });
        let started = self.my_account("connect", access_token, &start).await;
        let mut url = Url::parse(started["connect_uri"].as_str().unwrap()).unwrap();
        let ticket = started["connect_params"]["ticket"].as_str().unwrap();
        url.query_pairs_mut().append_pair("ticket", ticket);
        let back = self.travel(url).await;
        let complete = json!({
            "auth_session": started["auth_session"],
            "connect_code": parameter(&back, "connect_code"),
            "redirect_uri": CALLBACK,
        });
        self.my_account("complete", access_token, &complete).await;
    }

    /// Exchanges the refresh token for the token of a connection: the status and the answer.
    pub(crate) async fn exchange(&self, connection: &str) -> (u16, Value) {
        self.token(&[
            ("grant_type", VAULT_GRANT),
            ("subject_token", &self.refresh_token),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:refresh_token"),
            ("requested_token_type", VAULT_TOKEN),
            ("connection", connection),
        ])
        .await
    }

    async fn token(&self, fields: &[(&str, &str)]) -> (u16, Value) {
        let mut form = fields.to_vec();
        form.push(("client_id", self.dev.text("/clients/web/client_id")));
        form.push(("client_secret", self.dev.text("/clients/web/client_secret")));
        let request = self.http.post(format!("{}oauth/token", self.dev.text("/issuer")));
        read(filled(request, &form).send().await.unwrap()).await
    }

    async fn my_account(&self, step: &str, access_token: &str, body: &Value) -> Value {
        let issuer = self.dev.text("/issuer");
        let request = self.http.post(format!("{issuer}me/v1/connected-accounts/{step}"));
        let request = request.bearer_auth(access_token).header(CONTENT_TYPE, "application/json");
        let (status, answer) = read(request.body(body.to_string()).send().await.unwrap()).await;
        assert!((200..300).contains(&status), "{step}: {status} {answer}");
        answer
    }

    /// Goes from page to page, fills in what is asked, and answers where the application is reached.
    async fn travel(&mut self, mut url: Url) -> Url {
        let mut answer = self.send(self.http.get(url.clone())).await;
        for _ in 0..20 {
            if let Some(location) = answer.headers().get(LOCATION) {
                url = url.join(location.to_str().unwrap()).unwrap();
                if url.as_str().starts_with(CALLBACK) {
                    return url;
                }
                answer = self.send(self.http.get(url.clone())).await;
                continue;
            }
            let page = answer.text().await.unwrap();
            let (action, hidden) = read_form(&page).unwrap_or_else(|| panic!("at {url}: {page}"));
            url = url.join(&action).unwrap();
            let at_provider = url.as_str().starts_with(self.dev.text("/emulator/issuer"));
            let (person, button) = if at_provider {
                (
                    ["/emulator/users/0/username", "/emulator/users/0/password"],
                    ("decision", "allow"),
                )
            } else {
                (["/users/0/email", "/users/0/password"], ("action", "default"))
            };
            let [username, password] = person.map(|path| self.dev.text(path));
            let hidden = hidden.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let own = [("username", username), ("password", password), button];
            let fields: Vec<_> = hidden.chain(own).collect();
            let request = filled(self.http.post(url.clone()), &fields);
            answer = self.send(request).await;
        }
        panic!("no end of pages at {url}");
    }

    async fn send(&mut self, request: RequestBuilder) -> Response {
        let pairs: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = request.header(COOKIE, pairs.join("; ")).send().await.unwrap();
        for line in answer.headers().get_all(SET_COOKIE) {
            let pair = line.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }
}

fn filled(request: RequestBuilder, fields: &[(&str, &str)]) -> RequestBuilder {
    let body = Serializer::new(String::new()).extend_pairs(fields).finish();
    request.header(CONTENT_TYPE, FORM).body(body)
}

async fn read(answer: Response) -> (u16, Value) {
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default())
}

fn parameter(url: &Url, name: &str) -> String {
    let found = url.query_pairs().find(|(known, _)| known == name);
    found.unwrap_or_else(|| panic!("no {name} in {url}")).1.into_owned()
}

/// Where a page's form goes, and its hidden fields.
fn read_form(page: &str) -> Option<(String, Vec<(String, String)>)> {
    let form = &page[page.find("<form")?..];
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!("{name}=\""))?;
        Some(rest.split_once('"')?.0.replace("&amp;", "&"))
    };
    let action = attribute(form, "action").unwrap_or_default();
    let inputs = form.split("<input").skip(1).filter(|tag| tag.contains("type=\"hidden\""));
    let hidden = inputs.filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value")?)));
    Some((action, hidden.collect()))
}
