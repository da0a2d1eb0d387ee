use serde_json::{Value, json};

use super::*;
use crate::testing::{oauth2, oidc, provider};

const LOGIN: Purpose<'static> = Purpose::Login { connection_scope: None, keeps_tokens: false };
const VAULT_LOGIN: Purpose<'static> = Purpose::Login { connection_scope: None, keeps_tokens: true };
const CONNECT: Purpose<'static> = Purpose::Connect { scopes: None, earlier: &NONE };
const NONE: ScopeSet = ScopeSet::empty();

/// RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn build(provider: &Provider, purpose: Purpose<'_>, parameters: &[(&str, &str)]) -> AuthorizeUrl {
    let parameters: Vec<_> =
        parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let request = AuthorizeRequest {
        purpose,
        parameters: &parameters,
        redirect_uri: "https://acme.strongroom.test/login/callback",
        state: &LoginState::new("state-1"),
        nonce: "nonce-1",
        code_verifier: &CodeVerifier::new(VERIFIER),
    };
    authorize_url(provider, &request)
}

/// The query without what is the same everywhere.
fn peculiar(built: &AuthorizeUrl) -> Vec<String> {
    let same = [
        "response_type",
        "client_id",
        "redirect_uri",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
    ];
    let pairs = built.url.query_pairs();
    let mut rest: Vec<String> = pairs
        .filter(|(name, _)| !same.contains(&&**name))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    rest.sort();
    rest
}

fn check(
    provider: &Provider,
    purpose: Purpose<'_>,
    parameters: &[(&str, &str)],
    expected: &[&str],
) {
    let built = build(provider, purpose, parameters);
    assert_eq!(peculiar(&built), expected, "{purpose:?} {parameters:?}");
}

#[test]
fn the_protocol_parameters() {
    let built = build(&oidc(&json!({})), LOGIN, &[]);
    assert_eq!(
        built.url.as_str(),
        "https://idp.example/authorize?response_type=code&client_id=client-1\
         &redirect_uri=https%3A%2F%2Facme.strongroom.test%2Flogin%2Fcallback&state=state-1\
         &scope=openid+profile+email&nonce=nonce-1"
            .to_owned()
            + &format!("&code_challenge={CHALLENGE}&code_challenge_method=S256")
    );
    assert_eq!(format!("{built:?}"), "AuthorizeUrl(https://idp.example?…)");
}

#[test]
fn no_challenge_and_no_nonce_where_they_mean_nothing() {
    let built = build(&oauth2(&json!({"scope": "read"})), LOGIN, &[]);
    let names: Vec<_> = built.url.query_pairs().map(|(name, _)| name.into_owned()).collect();
    assert_eq!(names, ["tenant", "response_type", "client_id", "redirect_uri", "state", "scope"]);
    let built = build(&oauth2(&json!({"pkce_enabled": true})), LOGIN, &[]);
    assert!(built.url.as_str().ends_with("&code_challenge_method=S256"));
    assert!(!built.url.as_str().contains("scope="));
}

#[test]
fn google_login_and_connect() {
    let google = |options: Value| provider("google-oauth2", &options);
    let plain = google(json!({}));
    let offline = google(json!({"email": true, "offline_access": true}));
    check(&plain, LOGIN, &[], &["scope=openid email profile"]);
    check(&offline, LOGIN, &[], &["access_type=offline", "scope=openid email"]);
    let asked = [
        "access_type=offline",
        "include_granted_scopes=true",
        "prompt=consent",
        "scope=openid email profile",
    ];
    check(&plain, VAULT_LOGIN, &[], &asked);
    check(&plain, CONNECT, &[], &asked);
    check(
        &plain,
        CONNECT,
        &[("prompt", "select_account"), ("login_hint", "ada@strongroom.test")],
        &[
            "access_type=offline",
            "include_granted_scopes=true",
            "login_hint=ada@strongroom.test",
            "prompt=select_account consent",
            "scope=openid email profile",
        ],
    );
    // Google has no prompt=login, and silence excludes everything else.
    check(&plain, CONNECT, &[("prompt", "login")], &asked);
    check(
        &plain,
        CONNECT,
        &[("prompt", "none")],
        &[
            "access_type=offline",
            "include_granted_scopes=true",
            "prompt=none",
            "scope=openid email profile",
        ],
    );
}

#[test]
fn google_never_gets_both_prompts() {
    let old = json!({"upstream_params": {"approval_prompt": {"value": "force"}}});
    let old = provider("google-oauth2", &old);
    check(&old, LOGIN, &[], &["approval_prompt=force", "scope=openid email profile"]);
    check(
        &old,
        CONNECT,
        &[],
        &[
            "access_type=offline",
            "include_granted_scopes=true",
            "prompt=consent",
            "scope=openid email profile",
        ],
    );
    check(&old, LOGIN, &[("prompt", "consent")], &["prompt=consent", "scope=openid email profile"]);
    check(
        &provider("google-oauth2", &json!({})),
        LOGIN,
        &[("approval_prompt", "force"), ("access_type", "offline")],
        &["access_type=offline", "approval_prompt=force", "scope=openid email profile"],
    );
}

#[test]
fn scopes_of_a_connect_take_the_place_of_the_connections() {
    let requested = |text: &str| ScopeSet::parse(text).unwrap();
    let calendar = requested("https://www.googleapis.com/auth/calendar offline_access");
    let google = provider("google-oauth2", &json!({"drive": true, "email": true}));
    let built = build(&google, Purpose::Connect { scopes: Some(&calendar), earlier: &NONE }, &[]);
    let expected = requested("openid https://www.googleapis.com/auth/calendar");
    assert_eq!(built.scopes, expected);
    assert_eq!(
        peculiar(&built),
        [
            "access_type=offline",
            "include_granted_scopes=true",
            "prompt=consent",
            "scope=openid https://www.googleapis.com/auth/calendar"
        ]
    );

    let oidc = |scope: &str| {
        let metadata = crate::testing::with_metadata(&json!({}));
        provider("oidc", &json!({"scope": scope, "oidc_metadata": metadata}))
    };
    let check = |configured: &str, asked: &str, expected: &[&str]| {
        let purpose = Purpose::Connect { scopes: Some(&requested(asked)), earlier: &NONE };
        assert_eq!(peculiar(&build(&oidc(configured), purpose, &[])), expected);
    };
    check("openid email", "read:calendar", &["scope=openid read:calendar"]);
    check(
        "openid email offline_access",
        "read:calendar",
        &["prompt=consent", "scope=openid read:calendar offline_access"],
    );
    check(
        "openid",
        "openid read:calendar offline_access",
        &["prompt=consent", "scope=openid read:calendar offline_access"],
    );
}

/// Where a new grant takes the place of the earlier one, what that one gave is asked for again.
#[test]
fn what_an_earlier_grant_gave_is_asked_for_again() {
    let set = |text: &str| ScopeSet::parse(text).unwrap();
    let check = |strategy, asked: &str, earlier: &str, scope: &str, kept: &str| {
        let provider = match strategy {
            "oidc" => oidc(&json!({})),
            strategy => provider(strategy, &json!({})),
        };
        let purpose = Purpose::Connect { scopes: Some(&set(asked)), earlier: &set(earlier) };
        let built = build(&provider, purpose, &[]);
        let sent = built.url.query_pairs().find(|(name, _)| name == "scope").unwrap().1;
        assert_eq!((&*sent, built.kept), (scope, set(kept)), "{strategy} {asked} {earlier}");
    };
    check("oidc", "write", "openid read", "openid write read", "read");
    check("oidc", "write", "read offline_access", "openid write read offline_access", "read");
    check("oidc", "openid read", "read openid", "openid read", "");
    check("github", "gist", "repo user:email", "gist repo user:email", "repo user:email");
    // Once, whatever it is called.
    let graph = "https://graph.microsoft.com/";
    let earlier = format!("{graph}User.Read User.Read {graph}Files.Read");
    let scope = format!("openid profile email User.Read {graph}Files.Read offline_access");
    check("windowslive", "User.Read", &earlier, &scope, &format!("{graph}Files.Read"));
    // Google adds to what was granted by itself.
    check("google-oauth2", "email", "openid profile", "openid email", "");
}

#[test]
fn offline_access_of_an_openid_provider() {
    let scope = "openid profile offline_access";
    let metadata = crate::testing::with_metadata(&json!({}));
    let plain = provider("oidc", &json!({"scope": scope, "oidc_metadata": metadata}));
    check(&plain, LOGIN, &[], &[&format!("scope={scope}")]);
    check(&plain, CONNECT, &[], &["prompt=consent", &format!("scope={scope}")]);
    let none = oidc(&json!({}));
    check(&none, CONNECT, &[], &["scope=openid profile email"]);
}

#[test]
fn connection_scope_is_added_on_a_login() {
    let login = |added| Purpose::Login { connection_scope: Some(added), keeps_tokens: false };
    let check = |options: Value, added, expected: &str| {
        let built = build(&oauth2(&options), login(added), &[]);
        assert_eq!(peculiar(&built), [expected, "tenant=a"]);
    };
    check(json!({"scope": "read"}), "write,admin", "scope=read write admin");
    check(json!({"scope": "read"}), "write read", "scope=read write");
    check(json!({"scope": "read", "useOauthSpecScope": true}), "write", "scope=read write");
    check(json!({"scope": "read", "useOauthSpecScope": false}), "write", "scope=read,write");
    check(json!({"scope": "a,b"}), "c", "scope=a,b,c");
    let built = build(&oauth2(&json!({"scope": "a b", "useOauthSpecScope": false})), LOGIN, &[]);
    assert_eq!(peculiar(&built), ["scope=a b", "tenant=a"]);
}

#[test]
fn configured_parameters() {
    let social = oauth2(&json!({
        "authParams": {"tone": "low", "tenant": "b"},
        "authParamsMap": {"custom_param": "access_type"},
        "upstream_params": {"screen_name": {"alias": "login_hint"}, "team": {"value": "x"}}
    }));
    check(
        &social,
        LOGIN,
        &[("access_type", "offline"), ("login_hint", "ada"), ("audience", "https://api/")],
        &["custom_param=offline", "screen_name=ada", "team=x", "tenant=b", "tone=low"],
    );
    check(&social, LOGIN, &[], &["team=x", "tenant=b", "tone=low"]);
}

#[test]
fn a_login_passes_on_little_and_a_connect_its_own_list() {
    let given = [
        ("acr_values", "2"),
        ("audience", "https://api/"),
        ("login_hint", "ada"),
        ("max_age", "60"),
        ("organization", "org_1"),
        ("prompt", "login"),
        ("redirect_uri", "https://evil.example/"),
        ("scope", "admin"),
        ("state", "theirs"),
    ];
    let provider = oidc(&json!({}));
    check(&provider, LOGIN, &given, &["login_hint=ada", "scope=openid profile email"]);
    check(
        &provider,
        CONNECT,
        &given,
        &[
            "acr_values=2",
            "audience=https://api/",
            "login_hint=ada",
            "max_age=60",
            "prompt=login",
            "scope=openid profile email",
        ],
    );
    let built = build(&provider, CONNECT, &given);
    let state = built.url.query_pairs().find(|(name, _)| name == "state").unwrap().1;
    assert_eq!(state, "state-1");
}

#[test]
fn github_has_its_own_word_for_a_hint() {
    let github = provider("github", &json!({"scope": ["repo", "offline_access"]}));
    let hint = [("login_hint", "octocat"), ("prompt", "select_account")];
    check(&github, LOGIN, &hint, &["login=octocat", "scope=repo"]);
    check(&github, CONNECT, &hint, &["login=octocat", "prompt=select_account", "scope=repo"]);
}

#[test]
fn an_endpoint_cannot_choose_the_response_mode() {
    let social = oauth2(&json!({
        "authorizationURL": "https://social.example/a?response_mode=fragment&state=fixed"
    }));
    let built = build(&social, LOGIN, &[]);
    assert!(!built.url.as_str().contains("response_mode"), "{}", built.url);
    assert_eq!(built.url.query_pairs().filter(|(name, _)| name == "state").count(), 1);
}
