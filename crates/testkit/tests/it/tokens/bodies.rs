//! Forms and JSON documents, and clients that present themselves in every way.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use protocol::oauth::exchange::{RequestedTokenType, SubjectTokenType, VAULT_GRANT_TYPE};
use serde_json::{Value, json};
use testkit::{Answer, Application, CALENDAR_CONNECTION, Connect, Credentials, Login, TestServer};

use crate::checks::{is_token_answer, refused};
use crate::steps::{code, logged_in, refresh_token};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// How a client presents itself, and how the parameters travel.
#[derive(Clone, Copy, Debug)]
enum Way {
    Form,
    FormWithBasic,
    Json,
    JsonWithBasic,
}

impl Way {
    const ALL: [Self; 4] = [Self::Form, Self::FormWithBasic, Self::Json, Self::JsonWithBasic];

    async fn ask(self, server: &TestServer, client: &Credentials, fields: &Value) -> Answer {
        let mut fields = fields.clone();
        let by_header = matches!(self, Self::FormWithBasic | Self::JsonWithBasic);
        if !by_header {
            fields["client_id"] = json!(client.client_id);
            fields["client_secret"] = json!(client.client_secret.expose());
        }
        let call = server.post("/oauth/token");
        let call = match self {
            Self::Json | Self::JsonWithBasic => call.json(&fields),
            Self::Form | Self::FormWithBasic => {
                let members = fields.as_object().unwrap().iter();
                let pairs: Vec<(&str, &str)> =
                    members.map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
                call.form(&pairs)
            }
        };
        if by_header { call.basic(client).send().await } else { call.send().await }
    }
}

#[tokio::test]
async fn every_grant_takes_every_form() {
    let server = TestServer::start().await;
    let browser = logged_in(&server).await;
    let tokens = server.log_in(&browser, &Login::web()).await;
    let tokens = server.my_account_tokens(&tokens).await;
    server.connect_account(&browser, &tokens, &Connect::calendar()).await;
    let (web, management) = (&server.seeded().web, &server.seeded().management);
    for way in Way::ALL {
        let (attempt, code) = code(&server, &browser, &Login::web()).await;
        for (client, fields) in [
            (
                web,
                json!({
                    "grant_type": "authorization_code",
                    "code": code,
                    "redirect_uri": attempt.redirect_uri,
                    "code_verifier": attempt.verifier,
                }),
            ),
            (
                web,
                json!({ "grant_type": "refresh_token", "refresh_token": refresh_token(&tokens) }),
            ),
            (
                management,
                json!({
                    "grant_type": "client_credentials", "audience": server.management_audience(),
                }),
            ),
            (
                web,
                json!({
                    "grant_type": VAULT_GRANT_TYPE,
                    "subject_token_type": SubjectTokenType::RefreshToken.as_str(),
                    "subject_token": refresh_token(&tokens),
                    "requested_token_type":
                        RequestedTokenType::FederatedConnectionAccessToken.as_str(),
                    "connection": CALENDAR_CONNECTION,
                }),
            ),
        ] {
            let answer = way.ask(&server, client, &fields).await.expect(200);
            is_token_answer(&answer);
            assert!(answer.json()["expires_in"].is_u64(), "{way:?} {fields}");
        }
    }
}

#[tokio::test]
async fn a_public_client_names_itself() {
    let server = TestServer::start().await;
    let mut tokens = server.log_in(&server.browser(), &Login::spa()).await;
    let client_id = server.client_id(Application::Spa);
    for is_json in [false, true] {
        let token = refresh_token(&tokens).to_owned();
        let fields = [
            ("grant_type", "refresh_token"),
            ("client_id", client_id.as_str()),
            ("refresh_token", token.as_str()),
        ];
        let call = server.post("/oauth/token");
        let call = if is_json {
            let document: Value =
                fields.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
            call.json(&document)
        } else {
            call.form(&fields)
        };
        let answer = call.send().await.expect(200);
        tokens.refresh_token = Some(answer.member("refresh_token"));
    }
}

/// RFC 6749 §2.3.1: identifier and secret are form-encoded before they are joined. Clients that
/// repeat their identifier in the body are right as well.
#[tokio::test]
async fn basic_credentials_are_encoded() {
    let server = TestServer::start().await;
    let tokens = server.log_in(&server.browser(), &Login::web()).await;
    let web = &server.seeded().web;
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token(&tokens)),
        ("client_id", web.client_id.as_str()),
    ];
    server.post("/oauth/token").form(&fields).basic(web).send().await.expect(200);
    let secret = web.client_secret.expose();
    let encoded = format!("%{:02x}{}", secret.as_bytes()[0], &secret[1..]);
    let credentials = format!("{}:{encoded}", web.client_id);
    let value = format!("bAsIc {}", BASE64_STANDARD.encode(credentials));
    let call = server.post("/oauth/token").form(&fields[..2]).header("authorization", &value);
    call.send().await.expect(200);
}

#[tokio::test]
async fn a_body_says_what_it_is() {
    let server = TestServer::start().await;
    let tokens = server.log_in(&server.browser(), &Login::web()).await;
    let web = &server.seeded().web;
    let token = refresh_token(&tokens);
    let form = format!("grant_type=refresh_token&refresh_token={token}");
    let document = json!({ "grant_type": "refresh_token", "refresh_token": token }).to_string();
    let ask = async |content_type: &str, body: &str| {
        let call = server.post("/oauth/token").body(content_type, body).basic(web);
        call.send().await
    };
    for (content_type, body) in [
        (FORM, &form),
        ("application/x-www-form-urlencoded; charset=UTF-8", &form),
        ("Application/X-WWW-Form-Urlencoded", &form),
        (JSON, &document),
        ("application/json; charset=utf-8", &document),
    ] {
        is_token_answer(&ask(content_type, body).await.expect(200));
    }
    let description = "The body must be application/x-www-form-urlencoded or application/json.";
    for content_type in ["text/plain", "multipart/form-data; boundary=x", "application/json5", ""] {
        refused(&ask(content_type, &form).await, 400, "invalid_request", description);
    }
    refused(
        &ask(JSON, &form).await,
        400,
        "invalid_request",
        "The body is not a JSON object (Syntax).",
    );
    let untyped = server.post("/oauth/token").basic(web).send().await;
    refused(&untyped, 400, "invalid_request", description);
    server.get("/oauth/token").send().await.expect(405);
}
