//! Ada with her calendar connected, where most stories of the vault begin; and what a refusal must
//! leave behind: its cause in the audit log, and nothing else.

use model::client::Client;
use model::ids::ClientId;
use model::log_event::{LogEvent, LogEventKind};
use protocol::oauth::exchange::SubjectTokenType;
use protocol::secret::ClientSecret;
use serde_json::{Value, json};
use store::clients;
use testkit::{
    Answer, Application, Browser, Call, Connect, Connecting, Credentials, Emulated, Exchange,
    Login, Persona, Tenant, TestServer, Tokens,
};
use tokio::task::JoinHandle;

use crate::checks::refused;

/// Somebody, logged in with one application.
pub(crate) struct LoggedIn {
    pub(crate) tenant: Tenant,
    pub(crate) browser: Browser,
    pub(crate) persona: Persona,
    /// From the login, for the calendar's API.
    pub(crate) tokens: Tokens,
    /// For My Account, with the newest refresh token.
    pub(crate) mine: Tokens,
}

impl LoggedIn {
    pub(crate) async fn of(tenant: &Tenant, login: &Login) -> Self {
        let browser = tenant.browser();
        let persona = login.persona.clone().unwrap_or_else(|| tenant.ada());
        let login = login.clone().by_person(persona.clone());
        let tokens = tenant.log_in(&browser, &login).await;
        let mine = tenant.my_account_tokens(&tokens).await;
        Self { tenant: tenant.clone(), browser, persona, tokens, mine }
    }

    /// Connects an account; answers how it was shown.
    pub(crate) async fn connect(&self, connect: &Connect) -> Value {
        let connect = Connect {
            persona: connect.persona.clone().or_else(|| Some(self.persona.clone())),
            ..connect.clone()
        };
        without_health(self.tenant.connect_account(&self.browser, &self.mine, &connect).await)
    }

    /// Connects the calendar of one of the provider's users, in a browser where nobody is signed in at
    /// the provider.
    pub(crate) async fn connect_as(&self, provider_user: &str) -> Value {
        let persona = Persona { provider_user: provider_user.to_owned(), ..self.persona.clone() };
        let connect = Connect::calendar().by_person(persona);
        let browser = self.tenant.browser();
        without_health(self.tenant.connect_account(&browser, &self.mine, &connect).await)
    }

    /// Begins to connect the calendar.
    pub(crate) async fn begin(&self) -> Connecting {
        self.tenant.start_connecting(&self.mine, &Connect::calendar()).await
    }

    /// Takes a connect to the provider and back; answers the `connect_code`.
    pub(crate) async fn consent_to(&self, connecting: &Connecting) -> String {
        self.tenant.consent_to(&self.browser, connecting, &self.persona).await
    }

    /// The request that completes a connect.
    pub(crate) fn completing(&self, connecting: &Connecting, code: &str) -> Call {
        self.tenant.complete_connecting(&self.mine, connecting, code)
    }

    /// The accounts that the person has connected.
    pub(crate) async fn accounts(&self) -> Vec<Value> {
        let accounts = self.tenant.connected_accounts(&self.mine).await;
        accounts.into_iter().map(without_health).collect()
    }

    /// The one account that the person has connected.
    pub(crate) async fn only_account(&self) -> Value {
        let mut accounts = self.accounts().await;
        assert_eq!(accounts.len(), 1, "{accounts:?}");
        accounts.remove(0)
    }

    /// The exchange that the application is made for: of its refresh token, or of the access token
    /// that its API is sent.
    pub(crate) async fn exchange(&self, exchange: &Exchange) -> Answer {
        match self.tokens.application {
            Application::Web => self.tenant.exchange_refresh_token(&self.mine, exchange).await,
            Application::Spa => self.tenant.exchange_access_token(&self.tokens, exchange).await,
        }
    }

    /// The same, of the calendar as it is.
    pub(crate) async fn exchange_calendar(&self) -> Answer {
        self.exchange(&Exchange::calendar()).await
    }

    /// The calendar's token, which must be given.
    pub(crate) async fn calendar_token(&self) -> String {
        self.exchange_calendar().await.expect(200).member("access_token")
    }
}

/// Ada, logged in with one application, with her calendar connected.
pub(crate) struct Scene {
    pub(crate) server: TestServer,
    pub(crate) ada: LoggedIn,
    /// The connected account, as the completion showed it.
    pub(crate) account: Value,
}

impl Scene {
    /// With the confidential application, which exchanges its refresh token.
    pub(crate) async fn web() -> Self {
        Self::of(TestServer::start().await, &Login::web()).await
    }

    /// With the public application, whose API exchanges the access token that it is sent.
    pub(crate) async fn spa() -> Self {
        Self::of(TestServer::start().await, &Login::spa()).await
    }

    pub(crate) async fn of(server: TestServer, login: &Login) -> Self {
        let ada = LoggedIn::of(&server, login).await;
        let account = ada.connect(&Connect::calendar()).await;
        Self { server, ada, account }
    }

    /// The confidential application's exchange of Ada's refresh token, not sent yet.
    pub(crate) fn exchanging(&self) -> Call {
        let web = &self.server.seeded().web;
        let token = self.ada.mine.refresh_token.as_deref().unwrap();
        let kind = SubjectTokenType::RefreshToken;
        self.server.exchanging(web, kind, token, &Exchange::calendar())
    }

    /// That exchange, caught in the middle: the provider has spent the refresh token, and its answer is
    /// on its way to us for so many milliseconds.
    pub(crate) async fn exchange_in_flight(&self, answer_delay_ms: u64) -> JoinHandle<Answer> {
        let provider = self.server.provider();
        let before = provider.refreshes().await;
        let slow = json!({ "endpoint": "refresh", "answer_delay_ms": answer_delay_ms });
        provider.fault(slow).await;
        let caller = tokio::spawn(self.exchanging().send());
        while provider.refreshes().await == before {
            tokio::task::yield_now().await;
        }
        caller
    }

    /// Nobody gets a token, and the provider is asked for none, until Ada connects her calendar again.
    pub(crate) async fn is_dead_until_reconnected(&self) {
        let provider = self.server.provider();
        let calls = provider.calls_of("refresh").await;
        for _ in 0..3 {
            self.ada.exchange_calendar().await.expect(401);
        }
        assert_eq!(provider.calls_of("refresh").await, calls);
        self.ada.connect(&Connect::calendar()).await;
        self.is_intact().await;
    }

    /// Everything is as it was: Ada gets a token with which the calendar opens, and it is one that
    /// the provider gave for her.
    pub(crate) async fn is_intact(&self) {
        let token = self.ada.calendar_token().await;
        self.server.provider().events(&token).await.expect(200);
        assert_eq!(owner_of(&self.server, &token).await, Emulated::subject_of("ada"));
    }
}

/// Whose a provider's token is, by the provider's own ledger.
pub(crate) async fn owner_of(tenant: &Tenant, token: &str) -> String {
    let tokens = tenant.provider().tokens().await;
    let line = tokens.iter().find(|line| line["value"] == token);
    let line = line.unwrap_or_else(|| panic!("no token of the provider's: {token}"));
    line["sub"].as_str().unwrap().to_owned()
}

/// Whether any of the provider's tokens is alive.
pub(crate) async fn lives(tenant: &Tenant) -> bool {
    let tokens = tenant.provider().tokens().await;
    tokens.iter().any(|token| token["active"].as_bool().unwrap_or(false))
}

/// What a refusal of the token endpoint says.
#[derive(Clone, Copy)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) error: &'static str,
    pub(crate) description: &'static str,
}

/// Nothing is connected, or nothing that the caller may know of.
pub(crate) const NOT_CONNECTED: Refusal = Refusal {
    status: 401,
    error: "federated_connection_refresh_token_not_found",
    description: "Federated connection Refresh Token not found.",
};
/// The provider has ended the grant.
pub(crate) const FLOW_FAILED: Refusal = Refusal {
    status: 401,
    error: "federated_connection_refresh_token_flow_failed",
    description: "Refresh Token flow for the Federated Connection failed",
};
pub(crate) const UNKNOWN_REFRESH_TOKEN: Refusal = Refusal {
    status: 403,
    error: "invalid_grant",
    description: "Unknown or invalid refresh token.",
};
pub(crate) const INVALID_SUBJECT: Refusal = Refusal {
    status: 401,
    error: "invalid_token",
    description: "The subject token is invalid or has expired.",
};
pub(crate) const OTHER_AUDIENCE: Refusal = Refusal {
    status: 403,
    error: "access_denied",
    description: "The subject token is not for the API of this client.",
};
pub(crate) const GRANT_NOT_ALLOWED: Refusal = Refusal {
    status: 403,
    error: "unauthorized_client",
    description: "Grant type 'urn:auth0:params:oauth:grant-type:token-exchange:\
        federated-connection-access-token' not allowed for the client.",
};
pub(crate) const CLIENT_NOT_AUTHENTICATED: Refusal =
    Refusal { status: 401, error: "invalid_client", description: "Client authentication failed" };
pub(crate) const USER_BLOCKED: Refusal =
    Refusal { status: 403, error: "unauthorized", description: "user is blocked" };
pub(crate) const PROVIDER_UNREACHABLE: Refusal = Refusal {
    status: 503,
    error: "temporarily_unavailable",
    description: "The provider could not be reached.",
};

/// An exchange that must be refused: the answer is this one and has nothing else in it, one event
/// tells the cause, and the provider was asked for nothing.
pub(crate) async fn refuses(
    tenant: &Tenant,
    expected: Refusal,
    cause: &str,
    attempt: impl Future<Output = Answer>,
) -> Answer {
    let calls = tenant.provider().calls_of("refresh").await;
    let answer = notes(tenant, LogEventKind::VaultExchangeFailed, cause, attempt).await;
    assert_eq!(tenant.provider().calls_of("refresh").await, calls, "{answer:?}");
    says(&answer, expected);
    answer
}

/// The answer is this refusal, with its headers.
#[track_caller]
pub(crate) fn says(answer: &Answer, expected: Refusal) {
    let Refusal { status, error, description } = expected;
    refused(answer, status, error, description);
}

/// An error of the My Account API: the whole envelope.
#[track_caller]
pub(crate) fn account_error(answer: &Answer, status: u16, code: &str, title: &str, detail: &str) {
    let body = json!({
        "type": format!("https://auth0.com/api-errors/{code}"),
        "status": status, "title": title, "detail": detail,
    });
    assert_eq!((answer.status, answer.json()), (status, body), "{answer:?}");
}

/// The answer to a completion that does not fit, whatever it is that does not.
#[track_caller]
pub(crate) fn session_not_found(answer: &Answer) {
    account_error(answer, 404, "A0E-404-0001", "Not Found", "Invalid or expired session");
}

/// Exactly one event comes of an attempt, of this kind and with this cause.
pub(crate) async fn notes(
    tenant: &Tenant,
    kind: LogEventKind,
    cause: &str,
    attempt: impl Future<Output = Answer>,
) -> Answer {
    let before = tenant.log_events().await.len();
    let answer = attempt.await;
    let events = tenant.log_events().await;
    // What happened to the account is told beside what was refused.
    let of_attempt = |event: &&LogEvent| event.kind != LogEventKind::AccountNeedsReconnect;
    let noted: Vec<_> = events[before..].iter().filter(of_attempt).map(of_event).collect();
    assert_eq!(noted, [(kind, cause)], "{answer:?}");
    answer
}

fn of_event(event: &LogEvent) -> (LogEventKind, &str) {
    (event.kind, event.detail.description.as_deref().unwrap_or_default())
}

/// Changes any client as its owner could.
pub(crate) async fn edit(tenant: &Tenant, client_id: &ClientId, change: impl FnOnce(&mut Client)) {
    let (store, id) = (&tenant.app().store, &tenant.seeded().tenant.id);
    let mut tx = store.write().await.unwrap();
    let mut stored = clients::find(&mut tx, id, client_id).await.unwrap().unwrap();
    change(&mut stored.client);
    clients::update(&mut tx, id, &stored, tenant.app().now()).await.unwrap();
    tx.commit().await.unwrap();
}

/// Another client that is like the confidential application, or like what it is changed into.
pub(crate) async fn another_client(tenant: &Tenant, settings: Value) -> Credentials {
    let mut body = json!({ "name": "Another", "oidc_conformant": true });
    body.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let made = management(tenant, "clients", &body).await;
    Credentials {
        client_id: made["client_id"].as_str().unwrap().into(),
        client_secret: ClientSecret::new(made["client_secret"].as_str().unwrap()),
    }
}

/// Makes something by the Management API.
pub(crate) async fn management(tenant: &Tenant, noun: &str, body: &Value) -> Value {
    let token = tenant.management_token().await;
    let call = tenant.management(reqwest::Method::POST, noun, &token).json(body);
    call.send().await.expect(201).json()
}

/// Makes a connection for connected accounts, of which `options` says everything but who we are.
pub(crate) async fn add_connection(
    tenant: &Tenant,
    name: &str,
    strategy: &str,
    options: Value,
) -> Value {
    management(tenant, "connections", &connection_body(tenant, name, strategy, &options)).await
}

/// What such a connection is asked for with.
pub(crate) fn connection_body(
    tenant: &Tenant,
    name: &str,
    strategy: &str,
    options: &Value,
) -> Value {
    let seeded = tenant.seeded();
    let mut all = json!({
        "client_id": "strongroom", "client_secret": tenant.provider().client_secret().expose(),
    });
    all.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    json!({
        "name": name, "strategy": strategy, "options": all, "connected_accounts": { "active": true },
        "enabled_clients": [seeded.spa, seeded.web.client_id],
    })
}

/// A call, sent with fields of its form replaced, or (empty) left out.
pub(crate) fn exchange_with(
    tenant: &Tenant,
    client: &Credentials,
    subject: (&str, &str),
    changes: &[(&str, &str)],
) -> Call {
    let usual = [
        ("client_id", client.client_id.as_str()),
        ("client_secret", client.client_secret.expose()),
        (
            "grant_type",
            "urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token",
        ),
        ("subject_token_type", subject.0),
        ("subject_token", subject.1),
        (
            "requested_token_type",
            "http://auth0.com/oauth/token-type/federated-connection-access-token",
        ),
        ("connection", "calendar"),
    ];
    let is_changed = |name: &str| changes.iter().any(|(changed, _)| *changed == name);
    let kept = usual.into_iter().filter(|(name, _)| !is_changed(name));
    let added = changes.iter().copied().filter(|(_, value)| !value.is_empty());
    let fields: Vec<_> = kept.chain(added).collect();
    tenant.post("/oauth/token").form(&fields)
}

/// An account but for how it is doing, which changes with each refresh, and for what the list alone
/// shows.
pub(crate) fn without_health(mut account: Value) -> Value {
    let members = account.as_object_mut().unwrap();
    let health = members.remove("health");
    members.retain(|name, _| !["label", "facts"].contains(&name.as_str()));
    assert!(health.is_some(), "{account}");
    account
}
