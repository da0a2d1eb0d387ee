//! A114, A128, A129: what becomes of every place that calls out when it is sent inside, or to somebody
//! who means no good. `STRONGROOM_WRITE_DOCS=1` writes `docs/outbound.md` anew.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use engine::outbound::{Outbound, Reach, Rule};
use model::log_event::LogEventKind;
use serde_json::{Value, json};
use testkit::{Connect, Login, TestServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use crate::management::Admin;
use crate::scene::{LoggedIn, Scene, add_connection};

const HEAD: &str = "# Calls to others

Strongroom calls the providers of its connections and the receivers of its event streams: addresses
that administrators type in. Every such call goes through one guarded client
(`crates/engine/src/outbound.rs`). This page is written by the test `the_table_of_outbound_calls`, which
tries each line and looks.

A call takes at most ten seconds and its answer at most 1 MiB. Redirects are not followed, nothing is
unpacked, no proxy is used. A name is resolved for each connection, every address is checked, and the
connection goes to one that passed: a name that changes between check and use gains nothing. An address
that embeds an IPv4 address is judged by that.

## Where calls may lead

To public addresses over `https`. `strongroom serve --allow-private-network 10.20.0.0/16` (repeatable,
also for IPv6) lets calls lead into a network of yours, still over `https`. `strongroom dev` and
`--allow-loopback-providers` let them lead to this machine, also in clear.

Who saves a connection or an event stream with an address that breaks a rule is told its name. What a
*name* resolves to is seen when it is called, and then the rule stands in the log, in the deliveries of
a stream and in an account's `health`.

| rule | refused, for instance |
|---|---|
";

const MISCHIEF_HEAD: &str = "
## Who means no good

What is noted when the other side does this. Nothing that it sends is kept, and nobody is called because
it says so. A revocation and a delivery are acknowledged by the status alone.

| the other side | discovery | key set | token endpoint | userinfo | refresh | revocation | event stream |
|---|---|---|---|---|---|---|---|
";

/// Every form in which a URL can name an address that calls must not lead to.
const FORBIDDEN: [(&str, &[&str]); 7] = [
    ("not_https", &["http://example.com/", "ftp://example.com/", "file:///etc/passwd", "data:x,y"]),
    ("credentials_in_url", &["https://user@example.com/", "https://user:pw@example.com/"]),
    ("trailing_dot", &["https://example.com./", "https://localhost./"]),
    (
        "loopback_address",
        &[
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0177.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::127.0.0.1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[2002:7f00:1::]/",
        ],
    ),
    (
        "link_local_address",
        &[
            "https://169.254.169.254/",
            "https://[::ffff:169.254.169.254]/",
            "https://[64:ff9b::a9fe:a9fe]/",
            "https://[2002:a9fe:a9fe::]/",
            "https://[fe80::1]/",
        ],
    ),
    (
        "private_address",
        &[
            "https://10.0.0.1/",
            "https://172.16.0.1/",
            "https://192.168.1.1/",
            "https://100.64.0.1/",
            "https://[::ffff:10.0.0.1]/",
            "https://[fc00::1]/",
            "https://[fd00:ec2::254]/",
        ],
    ),
    (
        "special_address",
        &[
            "https://0.0.0.0/",
            "https://198.18.0.1/",
            "https://224.0.0.1/",
            "https://255.255.255.255/",
            "https://[::]/",
            "https://[ff02::1]/",
            "https://[2001:db8::1]/",
            "https://[2001::1]/",
            "https://[64:ff9b:1::1]/",
        ],
    ),
];

#[test]
fn a128_inner_addresses_are_refused_in_every_form() {
    let outbound = Outbound::new(Reach::Public).unwrap();
    let check = |url: &str| outbound.check(&Url::parse(url).unwrap());
    for (rule, urls) in FORBIDDEN {
        for url in urls {
            assert_eq!(check(url).map_err(Rule::as_str), Err(rule), "{url}");
        }
    }
    for url in ["https://example.com/", "https://93.184.216.34/", "https://[2606:4700::1]/"] {
        assert_eq!(check(url), Ok(()), "{url}");
    }
}

/// A128: who saves an address is told which rule it breaks, and nothing is called.
#[tokio::test]
async fn a128_an_administrator_is_told_the_rule() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    for (url, rule) in [
        ("http://example.com/x", "not_https"),
        ("https://example.com./x", "trailing_dot"),
        ("https://10.0.0.1/x", "private_address"),
        ("https://169.254.169.254/x", "link_local_address"),
        ("https://[::ffff:192.168.0.1]/x", "private_address"),
    ] {
        let stream = admin.post("event-streams", &stream_to(url)).await.expect(400);
        let options = json!({ "client_id": "c", "discovery_url": url });
        let body = json!({ "name": "x", "strategy": "oidc", "options": options });
        let discovered = admin.post("connections", &body).await.expect(400);
        let options = json!({
            "client_id": "c", "tokenURL": url, "authorizationURL": "https://example.com/authorize",
        });
        let body = json!({ "name": "x", "strategy": "oauth2", "options": options });
        let described = admin.post("connections", &body).await.expect(400);
        for answer in [stream, discovered, described] {
            let message = answer.member("message");
            assert!(message.contains(rule), "{url}: {message}");
        }
    }
    let url = "https://user:p4ss@example.com/x";
    let message = admin.post("event-streams", &stream_to(url)).await.expect(400).member("message");
    assert!(message.contains("credentials_in_url") && !message.contains("p4ss"), "{message}");
}

/// What somebody does with whoever calls.
#[derive(Clone, Copy)]
enum Mischief {
    Redirect,
    SlowHeaders,
    SlowBody,
    HugeHeaders,
    HugeBody,
    Packed,
    Silence,
    HangsUp,
}

const MISCHIEF: [(&str, Mischief); 8] = [
    ("redirects inside", Mischief::Redirect),
    ("sends its headers byte by byte", Mischief::SlowHeaders),
    ("sends its body byte by byte", Mischief::SlowBody),
    ("sends 1 MiB of headers", Mischief::HugeHeaders),
    ("sends 2 MiB", Mischief::HugeBody),
    ("sends a packed body", Mischief::Packed),
    ("takes the call and says nothing", Mischief::Silence),
    ("hangs up", Mischief::HangsUp),
];

/// How long a slow peer rests between two bytes.
const REST: Duration = Duration::from_millis(20);
/// For how long it is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Somebody who listens on this machine and means no good.
struct Villain {
    url: String,
    calls: Arc<AtomicUsize>,
    #[expect(dead_code, reason = "its drop is its use")]
    serving: AbortOnDropHandle<()>,
}

impl Villain {
    async fn start(mischief: Mischief) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/villain", listener.local_addr().unwrap());
        let calls = Arc::new(AtomicUsize::new(0));
        let (counted, inside) = (Arc::clone(&calls), url.clone());
        let serving = tokio::spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let inside = inside.clone();
                tokio::spawn(async move { mischief.play(caller, &inside).await });
            }
        });
        Self { url, calls, serving: AbortOnDropHandle::new(serving) }
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Mischief {
    /// Whoever is played with may hang up at any time.
    async fn play(self, mut caller: TcpStream, inside: &str) {
        let mut request = vec![0; 64 * 1024];
        let length = caller.read(&mut request).await.unwrap_or(0);
        let asked = String::from_utf8_lossy(&request[..length]).to_lowercase();
        assert!(!asked.contains("accept-encoding"), "{asked}");
        let ok = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
        let answer = match self {
            Self::Redirect => {
                format!("HTTP/1.1 302 Found\r\nlocation: {inside}\r\ncontent-length: 0\r\n\r\n")
            }
            Self::SlowHeaders => {
                return trickle(&mut caller, "HTTP/1.1 200 OK\r\n", "x: y\r\n").await;
            }
            Self::SlowBody => {
                let head = format!("{ok}content-length: 100000\r\n\r\n");
                return trickle(&mut caller, &head, " ").await;
            }
            Self::HugeHeaders => format!("{ok}x: {}\r\n\r\n", "y".repeat(1024 * 1024)),
            Self::HugeBody => {
                let body = " ".repeat(2 * 1024 * 1024);
                format!("{ok}content-length: {}\r\n\r\n{body}", body.len())
            }
            // What it would be unpacked is never seen.
            Self::Packed => {
                format!("{ok}content-encoding: gzip\r\ncontent-length: 4\r\n\r\n\u{1f}gz!")
            }
            Self::Silence => return std::future::pending().await,
            Self::HangsUp => return,
        };
        let _ = caller.write_all(answer.as_bytes()).await;
    }
}

/// Sends `head`, then a text again and again, byte by byte, until nobody takes one any more.
async fn trickle(caller: &mut TcpStream, head: &str, text: &str) {
    let _ = caller.write_all(head.as_bytes()).await;
    let mut pace = tokio::time::interval(REST);
    for byte in text.bytes().cycle() {
        pace.tick().await;
        if caller.write_all(&[byte]).await.is_err() {
            return;
        }
    }
}

fn stream_to(url: &str) -> Value {
    json!({
        "name": "tests",
        "subscriptions": [{ "event_type": "connected_account.created" }],
        "destination": { "type": "webhook", "configuration": { "webhook_endpoint": url } },
    })
}

/// A server whose calendar can be led astray.
struct Stage {
    server: TestServer,
    admin: Admin,
}

impl Stage {
    async fn set() -> Self {
        let server = TestServer::builder().call_timeout(PATIENCE).start().await;
        let admin = Admin::of(&server).await;
        Self { server, admin }
    }

    /// Leads the calendar's endpoint elsewhere.
    async fn lead(&self, endpoint: &str, url: &str) {
        let listed = self.admin.get("connections?name=calendar").await.json();
        let mut options = listed[0]["options"].clone();
        options[endpoint] = json!(url);
        let path = format!("connections/{}", listed[0]["id"].as_str().unwrap());
        self.admin.patch(&path, &json!({ "options": options })).await.expect(200);
    }

    async fn cause(&self, kind: LogEventKind) -> String {
        self.server.latest_event(kind).await.detail.description.unwrap()
    }

    /// What is noted of a connect that the provider's side spoils.
    async fn connect(&self, connect: &Connect) -> String {
        let ada = LoggedIn::of(&self.server, &Login::web()).await;
        let connecting = self.server.start_connecting(&ada.mine, connect).await;
        let page = ada.browser.open(connecting.url.as_str()).await;
        let page = ada.browser.walk(page, &ada.persona).await;
        page.expect_parameter("error");
        assert_eq!(ada.accounts().await, Vec::<Value>::new());
        self.cause(LogEventKind::AccountConnectFailed).await
    }
}

async fn discovery(url: &str) -> String {
    let stage = Stage::set().await;
    let options = json!({ "client_id": "c", "discovery_url": url });
    let body = json!({ "name": "x", "strategy": "oidc", "options": options });
    stage.admin.post("connections", &body).await.expect(400);
    stage.cause(LogEventKind::ManagementFailed).await
}

async fn key_set(url: &str) -> String {
    let stage = Stage::set().await;
    stage.lead("jwks_uri", url).await;
    stage.connect(&Connect::calendar()).await
}

async fn token_endpoint(url: &str) -> String {
    let stage = Stage::set().await;
    stage.lead("token_endpoint", url).await;
    stage.connect(&Connect::calendar()).await
}

async fn userinfo(url: &str) -> String {
    let stage = Stage::set().await;
    let issuer = stage.server.provider().issuer().to_owned();
    let options = json!({
        "authorizationURL": format!("{issuer}authorize"),
        "tokenURL": format!("{issuer}token"),
        "userinfo_endpoint": url,
        "scope": "openid offline_access",
        "pkce_enabled": true,
    });
    add_connection(&stage.server, "custom", "oauth2", options).await;
    let connection = "custom".to_owned();
    stage.connect(&Connect { connection, scopes: None, persona: None }).await
}

async fn refresh(url: &str) -> String {
    let Stage { server, admin } = Stage::set().await;
    let scene = Scene::of(server, &Login::web()).await;
    let stage = Stage { server: scene.server, admin };
    stage.lead("token_endpoint", url).await;
    stage.server.clock().advance(Duration::from_hours(1));
    assert_eq!(scene.ada.exchange_calendar().await.status, 503);
    stage.cause(LogEventKind::VaultExchangeFailed).await
}

async fn revocation(url: &str) -> String {
    let Stage { server, admin } = Stage::set().await;
    let scene = Scene::of(server, &Login::web()).await;
    let stage = Stage { server: scene.server, admin };
    stage.lead("revocation_endpoint", url).await;
    let id = scene.account["id"].as_str().unwrap();
    let path = format!("/me/v1/connected-accounts/accounts/{id}");
    stage.server.delete(&path).access(&scene.ada.mine).send().await.expect(204);
    // The reason is told when it is given up.
    while stage.server.revoke_due().await > 0 {
        stage.server.clock().advance(Duration::from_hours(24));
    }
    if stage.server.count_events(LogEventKind::GrantRevoked).await > 0 {
        return "acknowledged".to_owned();
    }
    stage.cause(LogEventKind::GrantNotRevoked).await
}

async fn event_stream(url: &str) -> String {
    let Stage { server, admin } = Stage::set().await;
    let made = admin.post("event-streams", &stream_to(url)).await.expect(201).json();
    let scene = Scene::of(server, &Login::web()).await;
    let deliver = async || {
        let delivered = scene.server.deliver_due().await;
        scene.server.clock().advance(Duration::from_hours(27));
        delivered
    };
    while deliver().await > 0 {}
    let path = format!("event-streams/{}/deliveries", made["id"].as_str().unwrap());
    // The first token of the administrator has ended meanwhile.
    let failed = Admin::of(&scene.server).await.get(&path).await.expect(200).json();
    let fault = failed[0]["attempts"][0]["error_message"].as_str();
    fault.unwrap_or("taken").to_owned()
}

/// What is noted at one place.
async fn cell(mischief: Mischief, place: impl AsyncFnOnce(&str) -> String) -> String {
    let villain = Villain::start(mischief).await;
    let noted = place(&villain.url).await;
    assert!(villain.calls() > 0, "nobody called");
    noted
}

async fn row(what: &str, mischief: Mischief) -> String {
    let cells: [String; 7] = tokio::join!(
        cell(mischief, discovery),
        cell(mischief, key_set),
        cell(mischief, token_endpoint),
        cell(mischief, userinfo),
        cell(mischief, refresh),
        cell(mischief, revocation),
        cell(mischief, event_stream),
    )
    .into();
    format!("| {what} | {} |\n", cells.join(" | "))
}

#[tokio::test]
async fn the_table_of_outbound_calls_is_what_happens() {
    let mut page = HEAD.to_owned();
    for (rule, urls) in FORBIDDEN {
        let urls = urls.iter().map(|url| format!("`{url}`")).collect::<Vec<_>>().join(", ");
        writeln!(page, "| `{rule}` | {urls} |").unwrap();
    }
    page.push_str(MISCHIEF_HEAD);
    for (what, mischief) in MISCHIEF {
        page.push_str(&Box::pin(row(what, mischief)).await);
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/outbound.md");
    if std::env::var_os("STRONGROOM_WRITE_DOCS").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), page);
}
