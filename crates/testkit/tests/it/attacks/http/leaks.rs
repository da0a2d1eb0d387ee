//! A161, A163, A165: what is inside stays inside: no secret in the database or the log, no door that
//! tells of the house, no key in the repository.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use serde_json::json;
use testkit::{CALENDAR_CONNECTION, Connect, Exchange, Login, Tenant, TestServer, Tokens};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use url::Url;

use crate::steps::{code, logged_in, refresh_spa, refresh_token, token_request};
use crate::support::{arrive_by_provider, login_page, type_password};

/// The crates whose log an operator can make louder, as `STRONGROOM_LOG=trace` does.
const OUR_CRATES: [&str; 6] = ["strongroom", "web", "engine", "store", "connectors", "emulator"];

/// What this process logs from now on, the tests beside this one included.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn of_this_process() -> Self {
        static LOG: OnceLock<Log> = OnceLock::new();
        let begin = || {
            let log = Self::default();
            let levels = Targets::new()
                .with_default(LevelFilter::WARN)
                .with_targets(OUR_CRATES.map(|name| (name, LevelFilter::TRACE)));
            let lines = tracing_subscriber::fmt::layer().with_writer(log.clone());
            let subscriber = tracing_subscriber::registry().with(levels).with(lines);
            tracing::subscriber::set_global_default(subscriber).unwrap();
            log
        };
        LOG.get_or_init(begin).clone()
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Secrets by their names.
#[derive(Default)]
struct Canaries(BTreeMap<String, String>);

impl Canaries {
    fn add(&mut self, name: &str, value: &str) {
        assert!(value.len() >= 12, "{name} is too short to be looked for");
        self.0.insert(format!("{name} {}", self.0.len()), value.to_owned());
    }

    fn add_tokens(&mut self, tokens: &Tokens) {
        self.add("an access token", &tokens.access_token);
        self.add("an ID token", tokens.id_token.as_deref().unwrap());
        self.add("a refresh token", refresh_token(tokens));
    }

    fn are_absent(&self, place: &str, bytes: &[u8]) {
        for (name, value) in &self.0 {
            // Part of a token is as bad as all of it; the signature of a JWT is its last part.
            let secret = value.rsplit('.').next().unwrap();
            assert!(find(bytes, secret.as_bytes()).is_none(), "{name} in {place}");
        }
    }
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    let first = pattern[0];
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == first) {
        from += at;
        if bytes[from..].starts_with(pattern) {
            return Some(from);
        }
        from += 1;
    }
    None
}

/// A life with everything in it that leaves traces; answers what must leave none.
async fn live(server: &TestServer) -> Canaries {
    let mut canaries = Canaries::default();
    let browser = server.browser();
    let key = server.dpop_key();
    let mistyped = "almost-the-right-password";
    let page = login_page(server, &browser, &Login::spa()).await;
    type_password(&browser, &page, &server.ada().login.0, mistyped).await.expect(400);
    canaries.add("a mistyped password", mistyped);

    let tokens = server.log_in(&browser, &Login::spa().bound_to(&key)).await;
    let mine = server.my_account_tokens(&tokens).await;
    let by_provider = Login::web().with("connection", CALENDAR_CONNECTION);
    let others = server.log_in(&server.browser(), &by_provider).await;
    for tokens in [&tokens, &mine, &others] {
        canaries.add_tokens(tokens);
    }
    let connecting = server.start_connecting(&mine, &Connect::calendar()).await;
    let connect_code = server.consent_to(&browser, &connecting, &server.ada()).await;
    canaries.add("a ticket", &parameter(&connecting.url, "ticket"));
    canaries.add("a connect code", &connect_code);
    canaries.add("an auth session", &connecting.auth_session);
    canaries.add("a connect verifier", &connecting.verifier);
    let complete = server.complete_connecting(&mine, &connecting, &connect_code);
    complete.send().await.expect(201);

    server.exchange_access_token(&tokens, &Exchange::calendar()).await.expect(200);
    server.provider().expire("ada").await;
    server.clock().advance(Duration::from_hours(1));
    server.exchange_access_token(&tokens, &Exchange::calendar()).await.expect(200);
    canaries.add_tokens(&server.refresh(&mine, &[]).await);

    let unused = server.attempt(&Login::spa());
    let unused_code = browser.open(unused.url.as_str()).await.expect_parameter("code");
    canaries.add("a code", &unused_code);
    canaries.add("a verifier", &unused.verifier);
    for name in ["strongroom_session", "strongroom_browser"] {
        canaries.add(name, &browser.cookie(name).unwrap());
    }
    canaries.add("a proof", &key.proof("POST", &server.url("/oauth/token"), None));
    fail(server, &mut canaries).await;
    administer(server, &mut canaries).await;
    canaries
}

fn parameter(url: &Url, name: &str) -> String {
    url.query_pairs().find(|(other, _)| other == name).unwrap().1.into_owned()
}

/// What goes wrong is what gets logged.
async fn fail(server: &TestServer, canaries: &mut Canaries) {
    for (name, guess) in [
        ("a guessed refresh token", "srt_a-guess-at-a-refresh-token"),
        ("a guessed access token", "eyJhbGciOiJSUzI1NiJ9.e30.YSBndWVzc2VkIHNpZ25hdHVyZQ"),
    ] {
        refresh_spa(server, guess).await.expect(403);
        for path in ["/userinfo", "/me/v1/connected-accounts/accounts", "/api/v2/clients"] {
            server.get(path).bearer(guess).send().await.expect(401);
        }
        canaries.add(name, guess);
    }
    let (web, guess) = (&server.seeded().web, "a-guess-at-a-client-secret");
    let guessed = testkit::Credentials {
        client_id: web.client_id.clone(),
        client_secret: protocol::secret::ClientSecret::new(guess),
    };
    token_request(server, &[("grant_type", "refresh_token"), ("refresh_token", "x")])
        .basic(&guessed)
        .send()
        .await
        .expect(401);
    canaries.add("a guessed client secret", guess);
    let basic = BASE64_STANDARD.encode(format!("{}:{guess}", web.client_id));
    canaries.add("guessed credentials", &basic);

    let (attempt, code) = code(server, &logged_in(server).await, &Login::web()).await;
    let broken = "a-verifier-that-is-not-that-of-the-challenge-at-all";
    let wrong = testkit::Attempt { verifier: broken.to_owned(), ..attempt };
    server.redeem(&wrong, &code).send().await.expect(403);
    canaries.add("a wrong verifier", broken);
    canaries.add("a spent code", &code);

    // Pages that cannot go on are logged, with why and not with what they were given.
    let stray = "a-value-that-is-nobodys";
    for path in [
        "/login/callback?code={}&state={}",
        "/u/login?state={}",
        "/connected-accounts/connect?ticket={}",
    ] {
        let path = path.replace("{}", stray);
        assert!(server.get(&path).send().await.status >= 400, "{path}");
    }
    canaries.add("a stray value", stray);

    // A provider that puts secrets into its errors.
    let told = "a-secret-in-an-error-of-the-provider";
    let effect = json!({ "kind": "error", "error": "invalid_grant", "error_description": told });
    server.provider().fault(json!({ "endpoint": "code_exchange", "effect": effect })).await;
    arrive_by_provider(server, &server.browser(), &Login::spa(), &server.ada()).await;
    canaries.add("what a provider told", told);
}

/// What an operator sets and reads.
async fn administer(server: &TestServer, canaries: &mut Canaries) {
    let token = server.management_token().await;
    canaries.add("a management token", &token);
    let call = server.management(Method::POST, "clients", &token);
    let made = call.json(&json!({ "name": "Made" })).send().await.expect(201);
    canaries.add("a new client's secret", &made.member("client_secret"));
    let path = format!("clients/{}/rotate-secret", made.member("client_id"));
    let call = server.management(Method::POST, &path, &token);
    let rotated = call.json(&json!({})).send().await.expect(200);
    canaries.add("a rotated secret", &rotated.member("client_secret"));
    server.management(Method::GET, "clients", &token).send().await.expect(200);
    let person = json!({
        "connection": testkit::DATABASE_CONNECTION,
        "email": "new@strongroom.test",
        "password": "the password of somebody new",
    });
    let call = server.management(Method::POST, "users", &token).json(&person);
    call.send().await.expect(201);
    canaries.add("a new user's password", "the password of somebody new");
    let connection = json!({
        "name": "made",
        "strategy": "oauth2",
        "options": {
            "client_id": "us", "client_secret": "a-secret-of-a-connection",
            "authorizationURL": "https://provider.example/authorize",
            "tokenURL": "https://provider.example/token",
            "scripts": { "fetchUserProfile": "function(t,c,cb){cb(null,{})}" },
        },
    });
    let call = server.management(Method::POST, "connections", &token).json(&connection);
    call.send().await.expect(201);
    canaries.add("a connection's secret", "a-secret-of-a-connection");
}

async fn seeded(server: &TestServer, canaries: &mut Canaries) {
    let tenant: &Tenant = server;
    let seeded = tenant.seeded();
    for client in [&seeded.management, &seeded.web, &seeded.api] {
        let (id, secret) = (client.client_id.as_str(), client.client_secret.expose());
        canaries.add("a client secret", secret);
        canaries.add("client credentials", &BASE64_STANDARD.encode(format!("{id}:{secret}")));
    }
    for person in &seeded.people {
        canaries.add("a password", person.password.expose());
    }
    let provider = server.provider();
    canaries.add("our secret at the provider", provider.client_secret().expose());
    for token in provider.tokens().await {
        canaries.add(token["kind"].as_str().unwrap(), token["value"].as_str().unwrap());
    }
}

#[tokio::test]
async fn a163_no_secret_is_in_the_database_or_the_log() {
    let log = Log::of_this_process();
    let server = TestServer::start().await;
    let mut canaries = live(&server).await;
    seeded(&server, &mut canaries).await;
    assert!(canaries.0.len() > 50, "{}", canaries.0.len());
    let folder = server.database_folder().unwrap();
    let mut files = 0;
    let mut found_something = false;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        found_something |= find(&bytes, b"new@strongroom.test").is_some();
        canaries.are_absent(&path.display().to_string(), &bytes);
        files += 1;
    }
    assert!(files >= 2 && found_something, "the database and its log are what was searched");
    let log = log.bytes();
    assert!(find(&log, b"a page tells of a refusal").is_some(), "the log is what was searched");
    canaries.are_absent("the log", &log);
    // Nor does the audit log tell it to whoever may read it.
    let events = server.log_events().await;
    canaries.are_absent("the audit log", format!("{events:?}").as_bytes());
}

#[tokio::test]
async fn a161_no_door_tells_of_the_house() {
    let server = TestServer::start().await;
    for path in [
        "/",
        "/metrics",
        "/health",
        "/healthz",
        "/readyz",
        "/livez",
        "/status",
        "/debug",
        "/debug/vars",
        "/debug/pprof/",
        "/actuator",
        "/actuator/env",
        "/server-status",
        "/console",
        "/version",
        "/openapi.json",
        "/swagger.json",
        "/api/v2/openapi.json",
        "/graphql",
        "/.env",
        "/.git/config",
        "/strongroom.db",
        "/assets/",
        "/assets/../Cargo.toml",
        "/assets/..%2f..%2fCargo.toml",
        "/robots.txt",
        "/.well-known/security.txt",
        "/_emulator/stats",
    ] {
        let answer = server.get(path).send().await;
        assert!([401, 404].contains(&answer.status), "{path} {answer:?}");
        let text = answer.text().to_lowercase();
        for word in
            ["strongroom", "axum", "hyper", "rust", "sqlite", "postgres", "/work", "panicked"]
        {
            assert!(!text.contains(word), "{path} {text}");
        }
        for header in ["server", "x-powered-by", "via"] {
            assert_eq!(answer.header(header), None, "{path}");
        }
    }
    // A host that is nobody's learns of no tenant.
    let answer = server.get("/.well-known/jwks.json").header("host", "evil.example").send().await;
    assert_eq!((answer.status, answer.text()), (421, "No tenant answers at this host.\n"));
}

/// Keys are made where they are used: none is in the repository, not even for tests.
#[test]
fn a165_no_key_is_in_the_repository() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    // In two parts, so that this file does not hold what it looks for.
    let begin = ["-----BEGIN ", "PRIVATE KEY-----"];
    let mut searched = 0;
    for path in files(root) {
        let bytes = fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let holds_key = text.split(begin[0]).skip(1).any(|rest| {
            rest.lines().next().is_some_and(|line| line.trim_end().ends_with(begin[1]))
        });
        assert!(!holds_key, "{}", path.display());
        searched += 1;
    }
    assert!(searched > 300, "{searched}");
}

/// The files of the repository, without what builds and installations leave in it.
fn files(folder: &Path) -> Vec<PathBuf> {
    const LEFT_OUT: [&str; 5] = ["target", "node_modules", ".venv", ".git", ".strongroom"];
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let kept = entries.filter(|path| {
        let name = path.file_name().unwrap_or_default();
        LEFT_OUT.iter().all(|left_out| name != *left_out) && !path.is_symlink()
    });
    kept.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
