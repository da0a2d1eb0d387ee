//! What is done with each provider.

use std::path::{Path, PathBuf};
use std::time::Duration;

use connectors::spec::UnsaidExpiry;
use connectors::{Rotation, Spec};
use model::log_event::LogEventKind;
use protocol::oauth::scope::{Scope, ScopeSet};
use serde_json::{Value, json};
use testkit::{Connect, Emulated, Exchange, Login, Persona, TestServer};

use crate::management::{Admin, segment};
use crate::scene::{LoggedIn, add_connection, connection_body, owner_of};

const PASS: &str = "pass";
const NO_REFRESH_TOKENS: &str = "no refresh tokens";
const NEVER_ENDS: &str = "never ends";
const NO_ENDPOINT: &str = "no endpoint";
const NO_SCOPES: &str = "no scopes";
const NOT_TOLD: &str = "not told";
const BY_SUBJECT: &str = "by subject";

/// What was seen. What every provider must do, or the journey ends there, has no member.
pub(super) struct Seen {
    pub(super) refresh: &'static str,
    pub(super) rejected: &'static str,
    pub(super) revoke: &'static str,
    pub(super) downgrade: &'static str,
    pub(super) label: &'static str,
    pub(super) lives: String,
    pub(super) told: Option<String>,
    pub(super) kept: Vec<String>,
}

/// An account that Ada connected.
struct Connected {
    id: String,
    /// Whose it is at the provider, by the provider's word.
    subject: String,
    /// By the emulator's.
    user: &'static str,
}

/// A provider, its server, and Ada.
struct Journey<'a> {
    spec: &'a Spec,
    server: TestServer,
    ada: LoggedIn,
}

pub(super) async fn journey(spec: &Spec) -> Seen {
    let server = TestServer::builder().seed(&spec.strategy).start().await;
    let revoke = connection(&server, spec).await;
    let strategy = spec.strategy.as_str();
    if !names_scopes(spec) {
        server.provider().behave_as(flavour(strategy), json!({ "send_scope": false })).await;
    }
    login(&server, strategy).await;
    let ada = LoggedIn::of(&server, &Login::web()).await;
    let journey = Journey { spec, server, ada };
    let (first, lives) = journey.connect().await;
    let second = journey.second(&first).await;
    let label = journey.labels(&first, &second).await;
    let kept = journey.facts(&first).await;
    let downgrade = journey.downgrade().await;
    journey.disconnect(&second, revoke).await;
    let refresh = journey.refresh(&first).await;
    let (rejected, told) = journey.reject(&first, refresh).await;
    Seen { refresh, rejected, revoke, downgrade, label, lives, told, kept }
}

/// Makes the connection, which revokes what is disconnected if that can be done.
async fn connection(server: &TestServer, spec: &Spec) -> &'static str {
    let strategy = spec.strategy.as_str();
    let mut options = options(server, spec);
    if can_revoke(spec) {
        options["revoke_on_disconnect"] = json!(true);
        add_connection(server, strategy, strategy, options).await;
        return PASS;
    }
    add_connection(server, strategy, strategy, options.clone()).await;
    options["revoke_on_disconnect"] = json!(true);
    let body = connection_body(server, "revoking", strategy, &options);
    let refused = Admin::of(server).await.post("connections", &body).await.expect(400);
    assert!(refused.text().contains("revoke_on_disconnect"), "{strategy}: {refused:?}");
    NO_ENDPOINT
}

/// Whether the file, or the connection that it leaves it to, says where a grant is ended.
pub(super) fn can_revoke(spec: &Spec) -> bool {
    let told_by_option = spec.endpoint_options.revocation.is_some();
    spec.endpoints.revocation.is_some() || told_by_option || spec.discovery
}

/// The options that a connection to the provider needs beside our registration there.
fn options(server: &TestServer, spec: &Spec) -> Value {
    if !spec.knows_its_endpoints() {
        return generic(server.provider().issuer(), spec);
    }
    let mut options = fixture(spec, "options.json").unwrap_or_else(|| json!({}));
    if spec.account.must_match.is_some() {
        options["domain"] = json!(Emulated::email_of("ada").rsplit_once('@').unwrap().1);
    }
    // Where a scope asks for it, a connection may have to be told to.
    if !spec.offline.scopes.is_empty() || !spec.offline.parameters.is_empty() {
        options["offline_access"] = json!(true);
        if let (Some(word), false) = (spec.offline.scopes.first(), spec.offline.open) {
            let scopes = spec.scopes.default.iter().map(Scope::as_str);
            options["scope"] = json!(scopes.chain([word.as_str()]).collect::<Vec<_>>());
        }
    }
    options
}

/// The options of a connection whose file describes nobody, to the emulator's plain provider.
fn generic(issuer: &str, spec: &Spec) -> Value {
    let scope = ["openid", "profile", "email", "offline_access", "read:calendar"];
    if spec.discovery {
        return json!({ "issuer": issuer, "scope": scope });
    }
    json!({
        "authorizationURL": format!("{issuer}authorize"),
        "tokenURL": format!("{issuer}token"),
        "userinfo_endpoint": format!("{issuer}userinfo"),
        "revocation_endpoint": format!("{issuer}revoke"),
        "scope": scope,
        "pkce_enabled": true,
    })
}

fn fixture(spec: &Spec, file: &str) -> Option<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../connectors/fixtures");
    let path: PathBuf = folder.join(&spec.strategy).join(file);
    Some(serde_json::from_str(&std::fs::read_to_string(path).ok()?).unwrap())
}

/// Whether the recorded answer of the provider names the scopes that were granted.
fn names_scopes(spec: &Spec) -> bool {
    let answer = fixture(spec, "code.json").unwrap();
    let inside = spec.token.inside.first().and_then(|name| answer.get(name)).unwrap_or(&answer);
    let mut places = spec.token.scope.iter();
    places.any(|place| {
        inside.pointer(&format!("/{}", place.replace('.', "/"))).is_some_and(|it| !it.is_null())
    })
}

/// The emulator's name for it.
fn flavour(strategy: &str) -> &str {
    match strategy {
        "google-oauth2" => "google",
        "oauth2" => "oidc",
        strategy => strategy,
    }
}

/// A member of an account among those that are listed.
fn member(list: &[Value], account: &Connected, name: &str) -> Value {
    let found = list.iter().find(|listed| listed["id"] == account.id);
    found.map_or(Value::Null, |found| found[name].clone())
}

async fn login(server: &TestServer, strategy: &str) {
    let login = Login::web().with("connection", strategy);
    let tokens = server.log_in(&server.browser(), &login).await;
    let user = server.claims_of(&tokens.access_token)["sub"].as_str().unwrap().to_owned();
    let shown = Admin::of(server).await.get(&format!("users/{}", segment(&user))).await.json();
    let identity = &shown["identities"][0];
    assert_eq!(identity["connection"], strategy, "{shown}");
}

impl Journey<'_> {
    fn strategy(&self) -> &str {
        &self.spec.strategy
    }

    fn of(&self, provider_user: &str, scopes: Option<Vec<String>>) -> Connect {
        let provider_user = provider_user.to_owned();
        let persona = Some(Persona { provider_user, ..self.server.ada() });
        Connect { connection: self.strategy().to_owned(), scopes, persona }
    }

    /// The exchange of one account.
    fn on(&self, connected: &Connected) -> Exchange {
        let connection = self.strategy().to_owned();
        Exchange { connection, ..Exchange::calendar() }.login_hint(&connected.subject)
    }

    /// An account that has just been connected.
    async fn connected(&self, account: Value, user: &'static str) -> Connected {
        let event = self.server.latest_event(LogEventKind::AccountConnected).await.detail;
        let named = &event.details["connected_account"];
        assert_eq!(named["id"], account["id"]);
        let subject = named["idp_user_id"].as_str().unwrap().to_owned();
        Connected { id: account["id"].as_str().unwrap().to_owned(), subject, user }
    }

    /// Connects; answers the account, and how long its token lives.
    async fn connect(&self) -> (Connected, String) {
        let Self { spec, server, ada } = self;
        let account = ada.connect(&self.of("ada", None)).await;
        let scopes = account["scopes"].as_array().unwrap();
        for scope in &spec.scopes.always.union(&spec.scopes.default) {
            assert!(scopes.contains(&json!(scope.as_str())), "{}: {scope}", self.strategy());
        }
        let exchange = Exchange { connection: self.strategy().to_owned(), ..Exchange::calendar() };
        let answer = ada.exchange(&exchange).await.expect(200);
        let token = answer.member("access_token");
        assert_eq!(owner_of(server, &token).await, Emulated::subject_of("ada"));
        (self.connected(account, "ada").await, answer.json()["expires_in"].to_string())
    }

    /// The same person, with another account there, from another browser.
    async fn second(&self, first: &Connected) -> Connected {
        let Self { server, ada, .. } = self;
        let connecting = server.start_connecting(&ada.mine, &self.of("grace", None)).await;
        let persona = Persona { provider_user: "grace".to_owned(), ..server.ada() };
        let code = server.consent_to(&server.browser(), &connecting, &persona).await;
        let second = ada.completing(&connecting, &code).send().await.expect(201).json();
        let second = self.connected(second, "grace").await;
        assert_ne!((&second.id, &second.subject), (&first.id, &first.subject));
        for connected in [first, &second] {
            let token = ada.exchange(&self.on(connected)).await.expect(200).member("access_token");
            assert_eq!(owner_of(server, &token).await, Emulated::subject_of(connected.user));
        }
        second
    }

    /// Each account is listed under what its owner knows it by, at both APIs.
    async fn labels(&self, first: &Connected, second: &Connected) -> &'static str {
        let Self { spec, server, ada } = self;
        let mine = server.connected_accounts(&ada.mine).await;
        let labels = [first, second].map(|account| member(&mine, account, "label"));
        assert_ne!(labels[0], labels[1], "{}", self.strategy());
        assert_eq!(labels[0], member(&self.accounts().await, first, "label"));
        for (label, name) in labels.iter().zip(["ada", "grace"]) {
            let label = label.as_str().unwrap().to_lowercase();
            assert!(label.contains(name), "{}: {label}", self.strategy());
        }
        // Without the scope an ID token does not tell the address.
        let asked = spec.scopes.always.union(&spec.scopes.default);
        let says_no_more = spec.account.label.first() == spec.account.subject.first()
            || spec.account.id_token && !asked.contains("email");
        let is_subject = labels[0] == first.subject;
        assert_eq!(is_subject, says_no_more, "{}: {labels:?}", self.strategy());
        if is_subject { BY_SUBJECT } else { PASS }
    }

    /// What the file names is kept of an account, and nothing else.
    async fn facts(&self, account: &Connected) -> Vec<String> {
        let Self { spec, server, ada } = self;
        let kept = member(&server.connected_accounts(&ada.mine).await, account, "facts");
        assert_eq!(kept, member(&self.accounts().await, account, "facts"));
        let kept = kept.as_object().cloned().unwrap_or_default();
        let facts = spec.facts.keys().map(|name| (name, format!("{name}-of-ada")));
        let told = spec.variables.iter().filter(|(_, variable)| variable.told.is_some());
        let told = told.map(|(name, variable)| (name, variable.example.clone()));
        let expected = facts.chain(told).map(|(name, value)| (name.clone(), json!(value)));
        assert_eq!(kept, expected.collect(), "{}", self.strategy());
        kept.into_iter().map(|(name, _)| name).collect()
    }

    /// The accounts, as an operator sees them.
    async fn accounts(&self) -> Vec<Value> {
        let user = &self.server.claims_of(&self.ada.mine.access_token)["sub"];
        let path = format!("users/{}/connected-accounts", segment(user.as_str().unwrap()));
        let shown = Admin::of(&self.server).await.get(&path).await.expect(200).json();
        shown["connected_accounts"].as_array().unwrap().clone()
    }

    /// One scope more is asked for, and the person does not grant it.
    async fn downgrade(&self) -> &'static str {
        let Self { spec, server, ada } = self;
        let scopes = &spec.scopes;
        let options = options(server, spec)["scope"].clone();
        let options = options.as_array().into_iter().flatten().filter_map(Value::as_str);
        let options = options.filter_map(|scope| Scope::parse(scope).ok()).collect();
        let asked = scopes.always.union(&scopes.default).union(&options);
        if asked.is_empty() && scopes.words.is_empty() {
            return NO_SCOPES;
        }
        let extra = self.another_scope(&asked);
        if !spec.knows_its_endpoints() {
            // The plain provider grants all or nothing.
            let edit = json!({ "kind": "edit", "set": { "scope": asked.to_string() } });
            let rule = json!({ "endpoint": "code_exchange", "effect": edit });
            server.provider().fault(rule).await;
        }
        let wanted = asked.iter().map(|scope| scope.as_str().to_owned()).chain([extra.clone()]);
        let connect = self.of("crowd-0", Some(wanted.collect()));
        let connecting = server.start_connecting(&ada.mine, &connect).await;
        let browser = server.browser();
        let page = browser.open(connecting.url.as_str()).await;
        let back = browser.walk_granting(page, &connect.persona.clone().unwrap(), &extra).await;
        if !(names_scopes(spec) && scopes.complete_answer) {
            let code = back.expect_parameter("connect_code");
            ada.completing(&connecting, &code).send().await.expect(201);
            return NOT_TOLD;
        }
        assert_eq!(
            back.parameter("error").as_deref(),
            Some("access_denied"),
            "{}",
            self.strategy()
        );
        let why = format!("the provider did not grant: {extra}");
        assert_eq!(back.parameter("error_description"), Some(why.clone()));
        let event = server.latest_event(LogEventKind::AccountConnectFailed).await;
        assert_eq!(event.detail.description, Some(why));
        assert_eq!(server.connected_accounts(&ada.mine).await.len(), 2, "{}", self.strategy());
        PASS
    }

    fn another_scope(&self, asked: &ScopeSet) -> String {
        let Spec { scopes, offline, strategy, .. } = self.spec;
        match strategy.as_str() {
            // What GitHub does not know it leaves out.
            "github" => return "admin:org".to_owned(),
            "google-oauth2" => return "https://www.googleapis.com/auth/drive.readonly".to_owned(),
            "oauth2" | "oidc" => return "write:calendar".to_owned(),
            _ => {}
        }
        let identifies = ["openid", "email", "profile"];
        let is_usual = |word: &str| {
            let held = scopes.includes.values().any(|held| held.contains(word));
            held || asked.contains(word)
                || identifies.contains(&word)
                || offline.scopes.iter().chain(&scopes.unanswered).any(|known| known == word)
        };
        let mut words = scopes.words.keys().filter(|word| !is_usual(word));
        words.next().cloned().unwrap_or_else(|| "another:scope".to_owned())
    }

    /// Disconnects the account of `grace`, which ends at the provider if that can be told.
    async fn disconnect(&self, account: &Connected, revoke: &str) {
        let Self { server, ada, .. } = self;
        assert!(self.lives("grace").await);
        let path = format!("/me/v1/connected-accounts/accounts/{}", account.id);
        server.delete(&path).access(&ada.mine).send().await.expect(204);
        server.revoke_due().await;
        assert_eq!(self.lives("grace").await, revoke != PASS, "{}", self.strategy());
        assert!(self.lives("ada").await);
        let revoked = server.count_events(LogEventKind::GrantRevoked).await;
        assert_eq!(revoked == 1, revoke == PASS, "{}", self.strategy());
    }

    /// Whether the provider honours anything that it gave for somebody.
    async fn lives(&self, provider_user: &str) -> bool {
        let subject = Emulated::subject_of(provider_user);
        let tokens = self.server.provider().tokens().await;
        tokens.iter().any(|line| line["sub"] == subject && line["active"] == true)
    }

    fn let_the_token_end(&self) {
        // The plain provider's live for an hour.
        let shortest = Duration::from_hours(u64::from(!self.spec.knows_its_endpoints()));
        let lifetime = self.spec.assumed_lifetime().max(shortest);
        self.server.clock().advance(lifetime + Duration::from_mins(1));
    }

    async fn refresh(&self, account: &Connected) -> &'static str {
        let Self { spec, server, ada } = self;
        let on = self.on(account);
        let before = ada.exchange(&on).await.expect(200).member("access_token");
        let refreshes = server.provider().refreshes().await;
        self.let_the_token_end();
        let later = ada.exchange(&on).await;
        let renewed = server.provider().refreshes().await - refreshes;
        if spec.refresh.rotates == Rotation::None {
            assert_eq!(renewed, 0);
            return NO_REFRESH_TOKENS;
        }
        let token = later.expect(200).member("access_token");
        let says_no_end = spec.token.expires_in.is_empty() || self.strategy() == "github";
        if spec.token.unsaid_expiry == UnsaidExpiry::Never && says_no_end {
            assert_eq!((renewed, token), (0, before), "{}", self.strategy());
            return NEVER_ENDS;
        }
        assert_eq!(renewed, 1, "{}", self.strategy());
        assert_ne!(token, before, "{}", self.strategy());
        PASS
    }

    /// The provider ends the grant, and says so when it is asked for a token.
    async fn reject(
        &self,
        account: &Connected,
        refresh: &'static str,
    ) -> (&'static str, Option<String>) {
        if refresh != PASS {
            return (refresh, None);
        }
        let Self { spec, server, ada } = self;
        server.provider().revoke("ada").await;
        self.let_the_token_end();
        ada.exchange(&self.on(account)).await.expect(401);
        let accounts = self.accounts().await;
        let health = &accounts.iter().find(|it| it["id"] == account.id).unwrap()["health"];
        assert_eq!(health["status"], "needs_reconnect", "{}", self.strategy());
        let told = health["reason"].as_str().unwrap().to_owned();
        let by_case = spec.errors.cases.iter().filter_map(|case| case.told.as_ref());
        let known = spec.errors.permanent.iter().chain(by_case).any(|code| *code == told);
        assert!(known || told == "invalid_grant", "{}: {told}", self.strategy());
        (PASS, Some(told))
    }
}
