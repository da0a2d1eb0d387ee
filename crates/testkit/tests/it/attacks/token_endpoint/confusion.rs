//! A35, A46: each kind of token is good for one thing, at one place, for one kind of caller.

use model::log_event::LogEventKind;
use protocol::oauth::exchange::SubjectTokenType;
use reqwest::Method;
use serde_json::{Value, json};
use store::users;
use testkit::{Answer, Application, Connect, Exchange, Login, TestServer, Tokens};
use vault::seal::UserShare;

use crate::checks::{noted, provider_requests, refused};
use crate::forge::Forger;
use crate::steps::{code, refresh_spa, refresh_token, token_request};

const ACCOUNTS: &str = "/me/v1/connected-accounts/accounts";
const SUBJECT_REFUSED: &str = "The subject token is invalid or has expired.";

/// What would be taken for an access token if only the signature counted, or not even that.
struct Impostors {
    browser: testkit::Browser,
    tokens: Tokens,
    wrong_everywhere: Vec<(&'static str, String)>,
}

async fn impostors(server: &TestServer) -> Impostors {
    let browser = server.browser();
    let tokens = server.log_in(&browser, &Login::spa()).await;
    let (_, code) = code(server, &browser, &Login::spa()).await;
    let other = server.other_tenant().await;
    let foreign = other.log_in(&other.browser(), &Login::spa().by_person(other.ada())).await;
    let foreign = other.my_account_tokens(&foreign).await;
    let other_host = server.by_second_host();
    let elsewhere = other_host.log_in(&other_host.browser(), &Login::spa()).await;
    let elsewhere = other_host.my_account_tokens(&elsewhere).await;
    let claims = server.claims_of(&tokens.access_token);
    let proof = Forger::new().proof(server, ("GET", &server.url(ACCOUNTS)), |_, _| ());
    let none = crate::forge::input(&json!({ "alg": "none", "typ": "JWT" }), &claims);
    let head = crate::forge::input(&json!({ "alg": "RS256", "typ": "JWT" }), &claims);
    let wrong_everywhere = vec![
        ("an ID token", tokens.id_token.clone().unwrap()),
        ("a refresh token", refresh_token(&tokens).to_owned()),
        ("a code", code),
        ("a session", browser.cookie("strongroom_session").unwrap()),
        ("a proof", proof),
        ("another tenant's token", foreign.access_token),
        ("another issuer's token", elsewhere.access_token),
        ("no signature", format!("{none}.")),
        ("an empty signature", format!("{head}.")),
        ("a key of one's own", forged(server, &claims, "JWT")),
        ("a token like ours", signed_by_us(server, "token-vault-req+jwt", &claims).await),
        ("a logout token", signed_by_us(server, "logout+jwt", &claims).await),
        ("no issuer", signed_by_us(server, "JWT", &without(&claims, "iss")).await),
        ("no audience", signed_by_us(server, "JWT", &without(&claims, "aud")).await),
        ("no end", signed_by_us(server, "JWT", &without(&claims, "exp")).await),
        ("no client", signed_by_us(server, "JWT", &without(&claims, "azp")).await),
        ("an end in words", signed_by_us(server, "JWT", &with(&claims, "exp", "9999999999")).await),
    ];
    Impostors { browser, tokens, wrong_everywhere }
}

/// Under the tenant's own key: what another part of the server might sign one day.
async fn signed_by_us(server: &TestServer, typ: &str, claims: &Value) -> String {
    let (app, tenant) = (server.app(), &server.seeded().tenant.id);
    let keys = app.tenant_keys(tenant, app.now()).await.unwrap();
    keys.signing_key().sign(typ, claims).unwrap()
}

fn forged(server: &TestServer, claims: &Value, typ: &str) -> String {
    let forger = Forger::new();
    let issuer = server.issuer();
    let header = json!({
        "alg": "ES256", "typ": typ, "jwk": forger.jwk(), "jku": format!("{issuer}keys"),
    });
    forger.sign(&header, claims)
}

fn without(claims: &Value, name: &str) -> Value {
    let mut claims = claims.clone();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn with(claims: &Value, name: &str, value: &str) -> Value {
    let mut claims = claims.clone();
    claims[name] = json!(value);
    claims
}

async fn at_my_account(server: &TestServer, token: &str) -> Answer {
    server.get(ACCOUNTS).bearer(token).send().await
}

async fn at_userinfo(server: &TestServer, token: &str) -> Answer {
    server.get("/userinfo").bearer(token).send().await
}

async fn at_management(server: &TestServer, token: &str) -> Answer {
    server.management(Method::GET, "clients", token).send().await
}

async fn as_subject(server: &TestServer, token: &str) -> Answer {
    let kind = SubjectTokenType::AccessToken;
    server.exchanging(&server.seeded().api, kind, token, &Exchange::calendar()).send().await
}

#[track_caller]
fn is_no_token(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 401, "{what} {answer:?}");
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.starts_with("Bearer"), "{what} {challenge}");
}

#[tokio::test]
async fn a35_no_other_token_passes_for_an_access_token() {
    let server = TestServer::start().await;
    let Impostors { browser, tokens, wrong_everywhere } = impostors(&server).await;
    let provider_before = provider_requests(&server).await;
    for (what, token) in &wrong_everywhere {
        is_no_token(&at_my_account(&server, token).await, what);
        is_no_token(&at_userinfo(&server, token).await, what);
        is_no_token(&at_management(&server, token).await, what);
        let answer = as_subject(&server, token).await;
        assert_eq!(answer.error(), (401, "invalid_token".to_owned()), "{what}");
        let event = server.latest_event(LogEventKind::VaultExchangeFailed).await;
        let cause = event.detail.description.unwrap();
        assert!(cause.starts_with("subject token: "), "{what} {cause}");
        assert!(!cause.contains(token.as_str()), "{what}");
    }
    assert_eq!(provider_requests(&server).await, provider_before);
    // The right token at the right place is taken.
    let mine = server.my_account_tokens(&tokens).await;
    server.connect_account(&browser, &mine, &Connect::calendar()).await;
    at_userinfo(&server, &tokens.access_token).await.expect(200);
    as_subject(&server, &tokens.access_token).await.expect(200);
}

#[tokio::test]
async fn a35_a_token_for_one_api_is_none_for_another() {
    let server = TestServer::start().await;
    let tokens = server.log_in(&server.browser(), &Login::web()).await;
    let mine = server.my_account_tokens(&tokens).await;
    let management = server.management_token().await;
    let check = async |what: &str, token: &str, mine: u16, management: u16, userinfo: u16| {
        assert_eq!(at_my_account(&server, token).await.status, mine, "{what}");
        assert_eq!(at_management(&server, token).await.status, management, "{what}");
        assert_eq!(at_userinfo(&server, token).await.status, userinfo, "{what}");
    };
    check("the calendar's", &tokens.access_token, 401, 401, 200).await;
    check("my account's", &mine.access_token, 200, 401, 200).await;
    check("the management API's", &management, 401, 200, 401).await;
    // Without `openid` a token says nothing of the person.
    let login = Login::web().scope("read:calendar");
    let closed = server.log_in(&server.browser(), &login).await;
    check("without openid", &closed.access_token, 401, 401, 401).await;
    // The vault takes what is for the API that asks.
    for token in [&mine.access_token, &management] {
        let answer = as_subject(&server, token).await;
        let description = "The subject token is not for the API of this client.";
        refused(&answer, 403, "access_denied", description);
        let cause = "subject token: the token is for another audience";
        noted(&server, LogEventKind::VaultExchangeFailed, cause).await;
    }
}

#[tokio::test]
async fn a35_nothing_else_passes_for_a_refresh_token_or_a_code() {
    let server = TestServer::start().await;
    let Impostors { browser, tokens, mut wrong_everywhere } = impostors(&server).await;
    wrong_everywhere.retain(|(what, _)| *what != "a refresh token" && *what != "a code");
    wrong_everywhere.push(("an access token", tokens.access_token.clone()));
    let (attempt, code) = code(&server, &browser, &Login::spa()).await;
    for (what, token) in wrong_everywhere.iter().chain([&("a code", code.clone())]) {
        let answer = refresh_spa(&server, token).await;
        assert_eq!(answer.error(), (403, "invalid_grant".to_owned()), "{what}");
        let cause = "the refresh token is unknown";
        noted(&server, LogEventKind::RefreshExchangeFailed, cause).await;
    }
    let refresh = ("a refresh token", refresh_token(&tokens).to_owned());
    for (what, token) in wrong_everywhere.iter().chain([&refresh]) {
        let answer = server.redeem(&attempt, token).send().await;
        assert_eq!(answer.error(), (403, "invalid_grant".to_owned()), "{what}");
        noted(&server, LogEventKind::CodeExchangeFailed, "the code is unknown").await;
    }
    server.redeem(&attempt, &code).send().await.expect(200);
    refresh_spa(&server, refresh_token(&tokens)).await.expect(200);
}

/// A client that acts for itself is nobody's person.
#[tokio::test]
async fn a46_a_machine_is_not_a_person() {
    let server = TestServer::start().await;
    let seeded = server.seeded();
    let (management, api) = (&seeded.management, testkit::RESOURCE_SERVER);
    grant_to_management(&server, api, &["read:calendar"]).await;
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", management.client_id.as_str()),
        ("client_secret", management.client_secret.expose()),
        ("audience", api),
    ];
    let token = token_request(&server, &fields).send().await.expect(200).member("access_token");
    assert_eq!(server.claims_of(&token)["sub"], format!("{}@clients", management.client_id));
    let answer = as_subject(&server, &token).await;
    refused(&answer, 401, "invalid_token", SUBJECT_REFUSED);
    let cause = "the subject token does not act for a user";
    noted(&server, LogEventKind::VaultExchangeFailed, cause).await;
    is_no_token(&at_my_account(&server, &token).await, "a machine");
    is_no_token(&at_userinfo(&server, &token).await, "a machine");

    // My Account cannot be granted to a machine at all.
    let mine = server.my_account_audience();
    let fields = fields.map(|(name, value)| (name, if name == "audience" { &mine } else { value }));
    let answer = token_request(&server, &fields).send().await;
    assert_eq!(answer.error(), (403, "access_denied".to_owned()));
}

/// The subject of a machine ends in `@clients` and that of a person has a bar in it, whatever names
/// providers choose for their people.
#[tokio::test]
async fn a46_names_of_people_and_machines_do_not_meet() {
    let server = TestServer::start().await;
    let management = &server.seeded().management.client_id;
    let (app, tenant) = (server.app(), &server.seeded().tenant.id);
    let mut tx = app.store.write().await.unwrap();
    let ada = users::find(&mut tx, tenant, &server.seeded().people[0].user_id).await;
    let mut impostor = ada.unwrap().unwrap();
    impostor.user_id = format!("oidc|calendar|{management}@clients").into();
    impostor.identities.clear();
    users::insert(&mut tx, tenant, &impostor, &UserShare::new([7; 32])).await.unwrap();
    tx.commit().await.unwrap();
    let token_of = async |sub: &str| {
        let claims = json!({
            "iss": server.issuer(),
            "sub": sub,
            "aud": server.my_account_audience(),
            "iat": app.now().as_seconds(),
            "exp": app.now().as_seconds() + 60,
            "jti": "x",
            "scope": "read:me:connected_accounts",
            "azp": server.client_id(Application::Spa),
        });
        signed_by_us(&server, "JWT", &claims).await
    };
    let machine = token_of(&format!("{management}@clients")).await;
    is_no_token(&at_my_account(&server, &machine).await, "a machine");
    let person = token_of(impostor.user_id.as_str()).await;
    at_my_account(&server, &person).await.expect(200);
    // Nor does the Management API let anybody choose a client's id.
    let token = server.management_token().await;
    let chosen = json!({ "name": "x", "client_id": impostor.user_id });
    let call = server.management(Method::POST, "clients", &token).json(&chosen);
    call.send().await.expect(400);
}

async fn grant_to_management(server: &TestServer, audience: &str, scopes: &[&str]) {
    let token = server.management_token().await;
    let client_id = &server.seeded().management.client_id;
    let grant = json!({ "client_id": client_id, "audience": audience, "scope": scopes });
    let call = server.management(Method::POST, "client-grants", &token).json(&grant);
    call.send().await.expect(201);
}
