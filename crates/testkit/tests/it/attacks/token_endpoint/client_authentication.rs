//! A30, A36: a client that does not prove who it is gets nothing, by whatever grant; and what is
//! another's stays another's.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use model::log_event::LogEventKind;
use protocol::oauth::client_auth::encode_basic;
use protocol::oauth::exchange::{RequestedTokenType, SubjectTokenType, VAULT_GRANT_TYPE};
use protocol::secret::ClientSecret;
use store::clients;
use testkit::{
    Application, CALENDAR_CONNECTION, Call, Connect, Credentials, Exchange, Login, TestServer,
};

use crate::checks::{events, noted, provider_requests, refused};
use crate::steps::{code, logged_in, refresh_spa, refresh_token, refreshing_as, token_request};

/// A grant that would be given if the client showed who it is.
struct Wish {
    path: &'static str,
    fields: Vec<(&'static str, String)>,
    /// Who may have it.
    owner: Credentials,
    /// As what a refusal is noted.
    failure: LogEventKind,
}

impl Wish {
    fn call(&self, server: &TestServer, more: &[(&'static str, &str)]) -> Call {
        self.call_at(server, self.path, more)
    }

    fn call_at(&self, server: &TestServer, path: &str, more: &[(&'static str, &str)]) -> Call {
        let mut fields = self.fields.clone();
        fields.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        server.post(path).form(&fields)
    }

    fn id(&self) -> &str {
        self.owner.client_id.as_str()
    }

    fn secret(&self) -> &str {
        self.owner.client_secret.expose()
    }
}

/// One wish per grant, and one for revocation; none of them is spent by being refused.
async fn wishes(server: &TestServer) -> Vec<Wish> {
    let browser = logged_in(server).await;
    let tokens = server.log_in(&browser, &Login::web()).await;
    let tokens = server.my_account_tokens(&tokens).await;
    server.connect_account(&browser, &tokens, &Connect::calendar()).await;
    let (attempt, code) = code(server, &browser, &Login::web()).await;
    let seeded = server.seeded();
    let (text, token) = (str::to_owned, refresh_token(&tokens).to_owned());
    let requested = RequestedTokenType::FederatedConnectionAccessToken.as_str();
    let wish = |path, owner: &Credentials, failure, fields| {
        let owner = owner.clone();
        Wish { path, fields, owner, failure }
    };
    let token_path = "/oauth/token";
    vec![
        wish(
            token_path,
            &seeded.web,
            LogEventKind::CodeExchangeFailed,
            vec![
                ("grant_type", text("authorization_code")),
                ("code", code),
                ("redirect_uri", attempt.redirect_uri),
                ("code_verifier", attempt.verifier),
            ],
        ),
        wish(
            token_path,
            &seeded.web,
            LogEventKind::RefreshExchangeFailed,
            vec![("grant_type", text("refresh_token")), ("refresh_token", token.clone())],
        ),
        wish(
            token_path,
            &seeded.management,
            LogEventKind::ClientCredentialsFailed,
            vec![
                ("grant_type", text("client_credentials")),
                ("audience", server.management_audience()),
            ],
        ),
        wish(
            token_path,
            &seeded.web,
            LogEventKind::VaultExchangeFailed,
            vec![
                ("grant_type", text(VAULT_GRANT_TYPE)),
                ("subject_token_type", text(SubjectTokenType::RefreshToken.as_str())),
                ("subject_token", token.clone()),
                ("requested_token_type", text(requested)),
                ("connection", text(CALENDAR_CONNECTION)),
            ],
        ),
        wish(
            "/oauth/revoke",
            &seeded.web,
            LogEventKind::RefreshExchangeFailed,
            vec![("token", token)],
        ),
    ]
}

fn basic(id: &str, secret: &str) -> String {
    encode_basic(id, &ClientSecret::new(secret)).to_string()
}

fn raw_basic(credentials: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(credentials))
}

#[tokio::test]
async fn a30_no_grant_without_the_clients_secret() {
    let server = TestServer::start().await;
    let wishes = wishes(&server).await;
    let other_tenant = server.other_tenant().await;
    let provider_before = provider_requests(&server).await;
    for wish in &wishes {
        let (id, secret) = (wish.id(), wish.secret());
        let stranger = server.seeded().api.client_secret.expose();
        let foreign = &other_tenant.seeded().web;
        let foreign_basic = basic(foreign.client_id.as_str(), foreign.client_secret.expose());
        let (upper, longer) = (secret.to_uppercase(), format!("{secret}x"));
        let in_query = format!("{}?client_id={id}&client_secret={secret}", wish.path);
        let no_secret = "the client sent no secret";
        let wrong = "the client's secret is wrong";
        let post = |fields: &[(&'static str, &str)]| wish.call(&server, fields);
        let by_header = |value: &str| post(&[]).header("authorization", value);
        for (call, cause) in [
            (post(&[("client_id", id)]), no_secret),
            (post(&[("client_id", id), ("client_secret", "")]), no_secret),
            (wish.call_at(&server, &in_query, &[("client_id", id)]), no_secret),
            (post(&[("client_id", id), ("client_secret", stranger)]), wrong),
            (post(&[("client_id", id), ("client_secret", &upper)]), wrong),
            (post(&[("client_id", id), ("client_secret", &longer)]), wrong),
            (post(&[("client_id", id), ("client_secret", &secret[1..])]), wrong),
            (by_header(&basic(id, "guess")), wrong),
            (by_header(&basic(id, "")), wrong),
            (by_header(&raw_basic(&format!("{id}:{secret}:"))), wrong),
            (by_header(&foreign_basic), "the client is unknown"),
            (post(&[("client_id", "nobody"), ("client_secret", secret)]), "the client is unknown"),
        ] {
            let answer = call.send().await;
            refused(&answer, 401, "invalid_client", "Client authentication failed");
            noted(&server, wish.failure, cause).await;
        }
    }
    assert_eq!(provider_requests(&server).await, provider_before);
    // Every wish is still there for its owner.
    for wish in &wishes {
        let credentials = [("client_id", wish.id()), ("client_secret", wish.secret())];
        wish.call(&server, &credentials).send().await.expect(200);
    }
}

#[tokio::test]
async fn a30_a_request_presents_one_client_in_one_way() {
    let server = TestServer::start().await;
    let wishes = wishes(&server).await;
    let before = events(&server).await;
    for wish in &wishes {
        let (id, secret) = (wish.id(), wish.secret());
        let other = server.client_id(Application::Spa);
        let right = basic(id, secret);
        let post = |fields: &[(&'static str, &str)]| wish.call(&server, fields);
        let assertion = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let unsupported = "Unsupported client authentication method";
        for (call, status, error, description) in [
            (
                post(&[("client_secret", secret)]).header("authorization", &right),
                400,
                "invalid_request",
                "More than one client authentication method",
            ),
            (
                post(&[("client_id", &other)]).header("authorization", &right),
                400,
                "invalid_request",
                "Header and body name different clients",
            ),
            (
                post(&[]).header("authorization", &right).another_header("authorization", &right),
                400,
                "invalid_request",
                "There is more than one Authorization header.",
            ),
            (post(&[]), 400, "invalid_request", "Missing required parameter: client_id"),
            (
                post(&[("client_secret", secret)]),
                400,
                "invalid_request",
                "Missing required parameter: client_id",
            ),
            (
                post(&[("client_id", id), ("client_id", id), ("client_secret", secret)]),
                400,
                "invalid_request",
                "A parameter is included more than once.",
            ),
            (
                post(&[
                    ("client_id", id),
                    ("client_assertion_type", assertion),
                    ("client_assertion", "eyJhbGciOiJub25lIn0.e30."),
                ]),
                401,
                "invalid_client",
                "Malformed client_assertion",
            ),
            (
                post(&[("client_id", id)]).header("authorization", &format!("Bearer {secret}")),
                401,
                "invalid_client",
                unsupported,
            ),
            (
                post(&[]).header("authorization", "Basic !"),
                401,
                "invalid_client",
                "Malformed Authorization header",
            ),
            (
                post(&[]).header("authorization", &raw_basic(id)),
                401,
                "invalid_client",
                "Malformed Authorization header",
            ),
        ] {
            refused(&call.send().await, status, error, description);
        }
    }
    // Nobody has said who they are, so there is nobody to note.
    assert_eq!(events(&server).await, before);
    for wish in &wishes {
        let call = wish.call(&server, &[]).basic(&wish.owner);
        call.send().await.expect(200);
    }
}

/// A31: assertions are not understood, so they are refused whatever they say, and not overlooked: a
/// client that sends one would otherwise count as a public one.
#[tokio::test]
async fn a31_assertions_that_are_none_are_refused() {
    let server = TestServer::start().await;
    let tokens = server.log_in(&server.browser(), &Login::spa()).await;
    let client_id = server.client_id(Application::Spa);
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let assertion = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJ4In0.";
    let fields = [
        ("grant_type", "refresh_token"),
        ("client_id", client_id.as_str()),
        ("refresh_token", refresh_token(&tokens)),
    ];
    let malformed = "Malformed client_assertion";
    let other_kind = "urn:ietf:params:oauth:client-assertion-type:saml2-bearer";
    for (extra, description) in [
        (&[("client_assertion_type", kind), ("client_assertion", assertion)][..], malformed),
        (&[("client_assertion", assertion)], malformed),
        (&[("client_assertion_type", kind)], malformed),
        (
            &[("client_assertion_type", other_kind), ("client_assertion", assertion)],
            "Unsupported client authentication method",
        ),
    ] {
        let answer = token_request(&server, &[&fields[..], extra].concat()).send().await;
        refused(&answer, 401, "invalid_client", description);
    }
    refresh_spa(&server, refresh_token(&tokens)).await.expect(200);
}

#[tokio::test]
async fn a30_a_public_client_has_no_secret() {
    let server = TestServer::start().await;
    let tokens = server.log_in(&server.browser(), &Login::spa()).await;
    let client_id = server.client_id(Application::Spa);
    let token = refresh_token(&tokens);
    let fields = [("grant_type", "refresh_token"), ("refresh_token", token)];
    let in_body = [("client_id", client_id.as_str()), ("client_secret", "any")];
    for call in [
        token_request(&server, &[&fields[..], &in_body].concat()),
        token_request(&server, &fields).header("authorization", &basic(&client_id, "any")),
        token_request(&server, &fields).header("authorization", &basic(&client_id, "")),
    ] {
        let answer = call.send().await;
        refused(&answer, 401, "invalid_client", "Client authentication failed");
        let cause = "a public client sent a secret";
        noted(&server, LogEventKind::RefreshExchangeFailed, cause).await;
    }
    refresh_spa(&server, token).await.expect(200);
}

#[tokio::test]
async fn a30_a_client_that_is_gone_gets_nothing() {
    let server = TestServer::start().await;
    let tokens = server.log_in(&server.browser(), &Login::web()).await;
    let (tenant, web) = (&server.seeded().tenant.id, &server.seeded().web);
    let mut tx = server.app().store.write().await.unwrap();
    clients::delete(&mut tx, tenant, &web.client_id).await.unwrap();
    tx.commit().await.unwrap();
    let answer = refreshing_as(&server, web, refresh_token(&tokens)).send().await;
    refused(&answer, 401, "invalid_client", "Client authentication failed");
    noted(&server, LogEventKind::RefreshExchangeFailed, "the client is unknown").await;
    let answer = server.exchange_refresh_token(&tokens, &Exchange::calendar()).await;
    refused(&answer, 401, "invalid_client", "Client authentication failed");
}

/// An unknown client and a wrong secret are told alike.
#[tokio::test]
async fn a38_nobody_learns_which_clients_exist() {
    let server = TestServer::start().await;
    let web = &server.seeded().web;
    let asked = async |client_id: &str| {
        let fields = [
            ("grant_type", "refresh_token"),
            ("client_id", client_id),
            ("client_secret", "guess"),
            ("refresh_token", "srt_guess"),
        ];
        let answer = token_request(&server, &fields).send().await;
        let names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
        (answer.status, names, answer.text().to_owned())
    };
    let (known, unknown) = (asked(web.client_id.as_str()).await, asked("nobody").await);
    assert_eq!(known, unknown);
}

#[tokio::test]
async fn a36_nobody_revokes_the_token_of_another_client() {
    let server = TestServer::start().await;
    let (browser, key) = (server.browser(), server.dpop_key());
    let theirs = server.log_in(&browser, &Login::web()).await;
    let public = server.log_in(&browser, &Login::spa().bound_to(&key)).await;
    let other_tenant = server.other_tenant().await;
    let revoke = |tenant: &testkit::Tenant, client: &Credentials, token: &str| {
        tenant.post("/oauth/revoke").basic(client).form(&[("token", token)])
    };
    let (api, foreign) = (&server.seeded().api, &other_tenant.seeded().web);
    let before = events(&server).await;
    for call in [
        revoke(&server, api, refresh_token(&theirs)),
        revoke(&server, &server.seeded().web, refresh_token(&public)),
        revoke(&other_tenant, foreign, refresh_token(&theirs)),
        server.post("/oauth/revoke").form(&[
            ("client_id", server.client_id(Application::Spa).as_str()),
            ("token", refresh_token(&theirs)),
        ]),
    ] {
        let answer = call.send().await.expect(200);
        assert_eq!(answer.text(), "");
    }
    let noted: Vec<_> = server.log_events().await.split_off(before);
    for event in &noted {
        assert_eq!(event.kind, LogEventKind::Warning);
        let cause = event.detail.description.as_deref();
        assert_eq!(cause, Some("a client tried to revoke another client's refresh token"));
    }
    assert_eq!(noted.len(), 3);
    server.refreshing(&theirs, &[]).send().await.expect(200);
    server.refreshing(&public, &[]).send().await.expect(200);
}
