//! What must hold of every file of the catalogue, with the answers in
//! `fixtures/<strategy>`. A new provider needs no test code.
//!
//! | file | is |
//! |---|---|
//! | `callback.json` | what the browser brings back beside the code, where something of it is kept |
//! | `code.json` | the answer to a code |
//! | `refresh.json` | the answer to a refresh, where there are refresh tokens |
//! | `refused-<status>.json` | the answer to a dead refresh token |
//! | `userinfo.json` | the account, where there is an endpoint for it |
//! | `id_token.json` | the claims of the ID token, where one vouches |
//! | `options.json` | what a connection needs beside client and secret |
//! | `transcript.txt` | what is sent and what is understood; `STRONGROOM_WRITE_DOCS=1` writes it |
//!
//! Invented tokens say what they are: the first access token contains `Access`,
//! its refresh token `Refresh`, the access token of the refresh `Second`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use protocol::oauth::scope::ScopeSet;
use protocol::secret::{
    AuthorizationCode, ClientSecret, CodeVerifier, LoginState, ProviderRefreshToken,
};
use serde_json::{Map, Value, json};

use crate::account::{AccountReplies, ProviderAccount, read_account};
use crate::authorize_url::{AuthorizeRequest, Purpose, authorize_url};
use crate::callback::read_callback;
use crate::catalogue::Catalogue;
use crate::facts::{Facts, options_of_account, read_facts};
use crate::fault::TokenFault;
use crate::provider::{Pkce, Provider};
use crate::reply::Reply;
use crate::request::{ProviderRequest, RequestError};
use crate::revocation::{RevocableTokens, revocation_request};
use crate::spec::{Rotation, Spec, Teller};
use crate::testing::{MOMENT, identity};
use crate::token_call::{code_request, refresh_request, userinfo_request};
use crate::token_reply::{Expiry, TokenReply, read_token_reply};

const CALLBACK: &str = "https://strongroom.test/login/callback";

/// One provider with its fixtures.
struct Case {
    spec: Arc<Spec>,
    provider: Provider,
    facts: Facts,
    folder: PathBuf,
    transcript: String,
}

impl Case {
    fn of(catalogue: &Catalogue, spec: &Arc<Spec>) -> Self {
        let folder =
            PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(&spec.strategy);
        let options = std::fs::read_to_string(folder.join("options.json"));
        let mut options: Map<String, Value> =
            options.map_or_else(|_| Map::new(), |text| serde_json::from_str(&text).unwrap());
        options.insert("client_id".into(), json!("client-1"));
        let resolve = |options: &Map<String, Value>| {
            let secret = Some(ClientSecret::new("s3cr3t"));
            let resolved = Provider::resolve(catalogue, &spec.strategy, options, secret, None);
            resolved.unwrap_or_else(|error| panic!("{}: {error}", spec.strategy))
        };
        let mut case = Self {
            spec: Arc::clone(spec),
            provider: resolve(&options),
            facts: Facts::new(),
            folder,
            transcript: String::new(),
        };
        authorize(&mut case);
        case.come_back();
        case.provider = resolve(&options_of_account(spec, options, &case.facts));
        case
    }

    /// What the browser brings back, where something of it is kept.
    fn come_back(&mut self) {
        if !self.has("callback.json") {
            return;
        }
        let parameters: Map<String, Value> =
            serde_json::from_str(&self.fixture("callback.json")).unwrap();
        let pairs = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
        let callback = read_callback(&self.provider, pairs.chain([("code", "code-1")])).unwrap();
        let mut text = String::new();
        for (name, value) in &parameters {
            writeln!(text, "  {name} = {}", value.as_str().unwrap()).unwrap();
        }
        self.note("The browser comes back", &text);
        self.facts = callback.facts;
    }

    fn has(&self, file: &str) -> bool {
        self.folder.join(file).exists()
    }

    fn fixture(&self, file: &str) -> String {
        let path = self.folder.join(file);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn read(&self, file: &str) -> Result<TokenReply, TokenFault> {
        read_token_reply(&self.provider, &reply(200, &self.fixture(file)))
    }

    fn note(&mut self, heading: &str, text: &str) {
        writeln!(self.transcript, "# {heading}\n{text}").unwrap();
    }
}

fn reply(status: u16, body: &str) -> Reply<'static> {
    static NO_HEADERS: std::sync::OnceLock<HeaderMap> = std::sync::OnceLock::new();
    Reply {
        status: StatusCode::from_u16(status).unwrap(),
        headers: NO_HEADERS.get_or_init(HeaderMap::new),
        body: body.to_owned().leak().as_bytes(),
    }
}

#[test]
fn every_provider_does_what_its_file_says() {
    let catalogue = Catalogue::embedded().unwrap();
    for spec in catalogue.iter() {
        let mut case = Case::of(&catalogue, spec);
        let tokens = redeem(&mut case);
        refresh(&mut case);
        refused(&mut case);
        account(&mut case, &tokens);
        revoke(&mut case, &tokens);
        let file = case.folder.join("transcript.txt");
        if std::env::var_os("STRONGROOM_WRITE_DOCS").is_some() {
            std::fs::write(&file, &case.transcript).unwrap();
        }
        assert_eq!(case.fixture("transcript.txt"), case.transcript, "{}", spec.strategy);
    }
}

fn authorize(case: &mut Case) {
    let request = AuthorizeRequest {
        purpose: Purpose::Connect { scopes: None, earlier: &ScopeSet::empty() },
        parameters: &[],
        redirect_uri: CALLBACK,
        state: &LoginState::new("state-1"),
        nonce: "nonce-1",
        code_verifier: &CodeVerifier::new("verifier-1"),
    };
    let target = authorize_url(&case.provider, &request);
    let name = &case.spec.strategy;
    let sent: Vec<(String, String)> = target.url.query_pairs().into_owned().collect();
    let value = |name: &str| {
        let mut found = sent.iter().filter(|(known, _)| known == name);
        let first = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} twice");
        first
    };
    assert_eq!(value("response_type"), Some("code"), "{name}");
    assert_eq!(value("redirect_uri"), Some(CALLBACK), "{name}");
    assert_eq!(value("state"), Some("state-1"), "{name}");
    assert_eq!(value(&case.spec.client.id_parameter), Some("client-1"), "{name}");
    let bound = value("code_challenge").is_some();
    assert_eq!(bound, case.provider.pkce == Pkce::S256, "{name}");
    let asked = value(&case.spec.scopes.parameter).is_some();
    assert_eq!(asked, !target.scopes.is_empty(), "{name}");
    let (address, _) = target.url.as_str().split_once('?').unwrap();
    let mut text = format!("{address}\n");
    for (name, value) in &sent {
        writeln!(text, "  {name} = {value}").unwrap();
    }
    case.note("The browser goes to", &text);
}

fn redeem(case: &mut Case) -> TokenReply {
    let (code, verifier) = (AuthorizationCode::new("code-1"), CodeVerifier::new("verifier-1"));
    let request = code_request(&case.provider, &code, CALLBACK, &verifier, MOMENT).unwrap();
    let text = printed(&request);
    assert!(text.contains("code-1"), "{text}");
    // RFC 6749 §2.3: not more than one authentication method in each request.
    let in_body = text.contains("s3cr3t");
    let in_header = request.headers().contains_key("authorization");
    assert!(in_body != in_header, "{text}");
    case.note("A code is redeemed", &text);
    let reply = case.read("code.json").unwrap_or_else(|fault| {
        panic!("{}: {fault}", case.spec.strategy);
    });
    assert!(reply.access_token.expose().contains("Access"), "{}", case.spec.strategy);
    if let Some(token) = &reply.refresh_token {
        assert!(token.expose().contains("Refresh"), "{}", case.spec.strategy);
        assert_ne!(case.spec.refresh.rotates, Rotation::None, "{}", case.spec.strategy);
    }
    case.note("The answer", &summary(case, &reply));
    reply
}

fn refresh(case: &mut Case) {
    if case.spec.refresh.rotates == Rotation::None {
        assert!(!case.has("refresh.json"), "{}", case.spec.strategy);
        return;
    }
    let token = ProviderRefreshToken::new("refresh-1");
    let text = printed(&refresh_request(&case.provider, &token, MOMENT).unwrap());
    assert!(text.contains("refresh-1"), "{text}");
    case.note("A refresh", &text);
    let reply = case.read("refresh.json").unwrap_or_else(|fault| {
        panic!("{}: {fault}", case.spec.strategy);
    });
    assert!(reply.access_token.expose().contains("Second"), "{}", case.spec.strategy);
    match case.spec.refresh.rotates {
        Rotation::Always => assert!(reply.refresh_token.is_some(), "{}", case.spec.strategy),
        Rotation::Never => assert!(
            reply.refresh_token.is_none_or(|token| !token.expose().contains("Second")),
            "{}",
            case.spec.strategy
        ),
        Rotation::May | Rotation::None => {}
    }
    let reply = case.read("refresh.json").unwrap();
    case.note("The answer", &summary(case, &reply));
}

fn refused(case: &mut Case) {
    let outage = read_token_reply(&case.provider, &reply(503, "<html>Unavailable</html>"));
    assert!(matches!(outage, Err(TokenFault::Passing { .. })), "{}", case.spec.strategy);
    let mut files: Vec<String> = std::fs::read_dir(&case.folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("refused-"))
        .collect();
    files.sort();
    assert_eq!(
        files.is_empty(),
        case.spec.refresh.rotates == Rotation::None,
        "{}: a refused refresh is shown if and only if there are refresh tokens",
        case.spec.strategy
    );
    for file in files {
        let status = file.trim_start_matches("refused-").trim_end_matches(".json");
        let answer = reply(status.parse().unwrap(), &case.fixture(&file));
        let fault = read_token_reply(&case.provider, &answer).unwrap_err();
        assert!(matches!(fault, TokenFault::Permanent { .. }), "{}: {fault}", case.spec.strategy);
        case.note(&format!("A dead refresh token ({status})"), &format!("{fault}\n"));
    }
}

fn account(case: &mut Case, tokens: &TokenReply) {
    let request = userinfo_request(&case.provider, &tokens.access_token);
    assert_eq!(request.is_ok(), case.has("userinfo.json"), "{}", case.spec.strategy);
    let body = request.is_ok().then(|| case.fixture("userinfo.json"));
    if let Ok(request) = &request {
        case.note("The account is asked for", &printed(request));
    }
    let claims = || serde_json::from_str(&case.fixture("id_token.json")).unwrap();
    let identity = case.spec.account.id_token.then(|| identity(&claims()));
    let replies = AccountReplies {
        script: None,
        id_token: identity.as_ref(),
        token: Some(&tokens.extras),
        userinfo: body.as_deref().map(|body| reply(200, body)),
        emails: None,
    };
    let account = read_account(&case.provider, &replies)
        .unwrap_or_else(|fault| panic!("{}: {fault}", case.spec.strategy));
    assert!(!account.subject.is_empty() && !account.label.is_empty());
    let ProviderAccount { subject, email, email_verified, name, label, .. } = &account;
    let text = format!(
        "subject {subject}\nlabel {label}\nemail {} (verified: {email_verified})\nname {}\n",
        email.as_deref().unwrap_or("-"),
        name.as_deref().unwrap_or("-"),
    );
    case.note("The account", &text);
    let mut facts = std::mem::take(&mut case.facts);
    facts.extend(read_facts(&case.spec, Teller::Token, tokens.extras.as_map()));
    facts.extend(read_facts(&case.spec, Teller::Account, &account.profile));
    for name in case.spec.facts.keys() {
        assert!(facts.contains_key(name), "{}: no {name}", case.spec.strategy);
    }
    if !facts.is_empty() {
        let mut text = String::new();
        for (name, fact) in &facts {
            writeln!(text, "{name} {fact}").unwrap();
        }
        case.note("What is kept beside", &text);
    }
}

fn revoke(case: &mut Case, tokens: &TokenReply) {
    let revocable = RevocableTokens {
        access_token: Some(&tokens.access_token),
        refresh_token: tokens.refresh_token.as_ref(),
    };
    match revocation_request(&case.provider, revocable, MOMENT) {
        Ok(request) => {
            let text = printed(&request);
            let all = format!("{text}{:?}", request.headers());
            let sent = all.contains("Access") || all.contains("Refresh");
            assert!(sent, "{}: no token in {text}", case.spec.strategy);
            case.note("A revocation", &text);
        }
        Err(RequestError::NoEndpoint(_)) => {
            case.note("A revocation", "There is none.\n");
        }
        Err(error) => panic!("{}: {error}", case.spec.strategy),
    }
}

fn printed(request: &ProviderRequest) -> String {
    let mut text = format!("{} {}\n", request.method(), request.uri());
    for (name, value) in request.headers() {
        writeln!(text, "{name}: {}", value.to_str().unwrap()).unwrap();
    }
    let body = std::str::from_utf8(request.body().as_bytes()).unwrap();
    if !body.is_empty() {
        let lines = if body.starts_with('{') { body.to_owned() } else { body.replace('&', "\n&") };
        writeln!(text, "\n{lines}").unwrap();
    }
    text
}

fn summary(case: &Case, reply: &TokenReply) -> String {
    let ends = match reply.expires_in {
        Expiry::Known(lifetime) => format!("in {} s", lifetime.as_secs()),
        Expiry::Unknown => {
            format!("unsaid: in {} s", case.spec.assumed_lifetime().as_secs())
        }
        Expiry::Never => "never".to_owned(),
    };
    let refresh = reply.refresh_token.as_ref().map_or("none", |token| token.expose());
    let refresh_ends = reply
        .refresh_expires_in
        .map_or_else(|| "unsaid".to_owned(), |life| format!("in {} s", life.as_secs()));
    let set = |scopes: &Option<ScopeSet>| {
        scopes.as_ref().map_or_else(|| "as asked".to_owned(), ToString::to_string)
    };
    let extras: Vec<&str> = reply.extras.as_map().keys().map(String::as_str).collect();
    format!(
        "access token {}\nends {ends}\nrefresh token {refresh}\nends {refresh_ends}\n\
         granted {}\nalso {}\nbeside {}\n",
        reply.access_token.expose(),
        set(&reply.granted),
        set(&reply.scopes),
        extras.join(" "),
    )
}
