use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::*;
use crate::testing::{identity, oauth2, oidc, provider};

struct Given {
    id_token: Option<Value>,
    userinfo: Option<(u16, String)>,
    emails: Option<(u16, String)>,
}

fn given(id_token: Option<Value>, userinfo: Option<&Value>) -> Given {
    Given { id_token, userinfo: userinfo.map(|v| (200, v.to_string())), emails: None }
}

fn read(provider: &Provider, given: &Given) -> Result<ProviderAccount, AccountFault> {
    let headers = HeaderMap::new();
    let reply = |(status, body): &'_ (u16, String)| {
        let status = StatusCode::from_u16(*status).unwrap();
        Reply { status, headers: &headers, body: body.clone().leak().as_bytes() }
    };
    let identity = given.id_token.as_ref().map(identity);
    let replies = AccountReplies {
        id_token: identity.as_ref(),
        script: None,
        token: None,
        userinfo: given.userinfo.as_ref().map(reply),
        emails: given.emails.as_ref().map(reply),
    };
    read_account(provider, &replies)
}

#[test]
fn an_openid_account() {
    let claims = json!({
        "sub": "u1", "nonce": "n", "at_hash": "h", "hd": "strongroom.test", "name": "Old Name"
    });
    let userinfo: Value =
        serde_json::from_str(include_str!("../../fixtures/google-oauth2/userinfo.json")).unwrap();
    let mut claims_of_google = claims.clone();
    claims_of_google["sub"] = userinfo["sub"].clone();
    let google = provider("google-oauth2", &json!({}));
    let account = read(&google, &given(Some(claims_of_google), Some(&userinfo))).unwrap();
    assert_eq!(account.subject, "110248495921238986420");
    assert_eq!(account.email.as_deref(), Some("ada@strongroom.test"));
    assert!(account.email_verified);
    assert_eq!(account.name.as_deref(), Some("Ada Lovelace"));
    assert_eq!(account.given_name.as_deref(), Some("Ada"));
    assert_eq!(account.family_name.as_deref(), Some("Lovelace"));
    assert_eq!(account.profile["hd"], "strongroom.test");
    assert!(!account.profile.contains_key("nonce") && !account.profile.contains_key("at_hash"));
    assert_eq!(
        format!("{account:?}"),
        "ProviderAccount { subject: \"110248495921238986420\", .. }"
    );

    let alone = read(&oidc(&json!({})), &given(Some(claims), None)).unwrap();
    assert_eq!((alone.subject.as_str(), alone.name.as_deref()), ("u1", Some("Old Name")));
}

#[test]
fn the_two_sources_must_name_one_subject() {
    let check = |id_token: Option<Value>, userinfo: Value, expected: AccountFault| {
        let outcome = read(&oidc(&json!({})), &given(id_token, Some(&userinfo)));
        assert_eq!(outcome.unwrap_err(), expected);
    };
    let claims = || Some(json!({"sub": "u1"}));
    check(claims(), json!({"sub": "u2"}), AccountFault::SubjectMismatch);
    check(claims(), json!({"name": "Eve"}), AccountFault::SubjectMismatch);
    check(None, json!({"sub": "u1"}), AccountFault::IdTokenMissing);
}

#[test]
fn an_address_is_verified_by_the_one_who_names_it() {
    let check = |claims: Value, userinfo: Value, expected: (Option<&str>, bool)| {
        let (mut claims, mut userinfo) = (claims, userinfo);
        claims["sub"] = json!("u1");
        userinfo["sub"] = json!("u1");
        let account = read(&oidc(&json!({})), &given(Some(claims), Some(&userinfo))).unwrap();
        assert_eq!((account.email.as_deref(), account.email_verified), expected);
    };
    let ada = Some("ada@a.test");
    let verified = || json!({"email": "ada@a.test", "email_verified": true});
    check(json!({}), verified(), (ada, true));
    check(verified(), json!({}), (ada, true));
    check(verified(), json!({"email": "eve@e.test"}), (Some("eve@e.test"), false));
    check(json!({}), json!({"email": "ada@a.test"}), (ada, false));
    check(json!({}), json!({"email": "ada@a.test", "email_verified": "true"}), (ada, false));
    check(json!({}), json!({"email": "ada@a.test", "email_verified": 1}), (ada, false));
    check(json!({}), json!({"email": "not an address", "email_verified": true}), (None, false));
    check(json!({}), json!({"email": "a\n@a.test", "email_verified": true}), (None, false));
    check(json!({}), json!({"email_verified": true}), (None, false));
}

#[test]
fn a_workspace_account_belongs_to_the_domain() {
    let workspace = provider("google-apps", &json!({"domain": "Strongroom.test"}));
    let check = |hd: Value, told: Value, expected: Result<&str, AccountFault>| {
        let (claims, told) = (json!({"sub": "1", "hd": hd}), json!({"sub": "1", "hd": told}));
        let account = read(&workspace, &given(Some(claims), Some(&told)));
        assert_eq!(account.map(|account| account.subject), expected.map(str::to_owned));
    };
    let other = || Err(AccountFault::OtherOrganization);
    check(json!("strongroom.test"), json!(null), Ok("1"));
    check(json!("evil.test"), json!("strongroom.test"), other());
    check(json!(null), json!("strongroom.test"), other());
    check(json!(["strongroom.test"]), json!(null), other());
    check(json!("strongroom.test.evil.test"), json!(null), other());
}

#[test]
fn a_label_tells_accounts_apart() {
    let check = |strategy: &str, told: Value, expected: &str| {
        let account = read(&provider(strategy, &json!({})), &given(None, Some(&told))).unwrap();
        assert_eq!(account.label, expected);
    };
    let ada = json!({"team_id": "T1", "user_id": "U1", "user": "ada", "team": "Strongroom"});
    check("slack", ada, "ada (Strongroom)");
    check("slack", json!({"team_id": "T1", "user_id": "U1"}), "T1-U1");
    check("box", json!({"id": "1", "login": "ada@strongroom.test"}), "ada@strongroom.test");
}

#[test]
fn a_github_account() {
    let github = provider("github", &json!({}));
    let user = include_str!("../../fixtures/github/userinfo.json").to_owned();
    let emails = include_str!("../../fixtures/github/emails.json").to_owned();
    let check = |emails: Option<(u16, &str)>, expected: (&str, bool)| {
        let emails = emails.map(|(status, body)| (status, body.to_owned()));
        let given = Given { id_token: None, userinfo: Some((200, user.clone())), emails };
        let account = read(&github, &given).unwrap();
        assert_eq!(account.subject, "583231");
        assert_eq!(account.nickname.as_deref(), Some("octocat"));
        assert_eq!(account.name.as_deref(), Some("The Octocat"));
        assert!(account.picture.unwrap().starts_with("https://avatars."));
        assert_eq!((account.email.as_deref().unwrap(), account.email_verified), expected);
    };
    check(Some((200, &emails)), ("octocat@strongroom.test", true));
    check(None, ("octocat@public.test", false));
    check(Some((404, "{}")), ("octocat@public.test", false));
    check(Some((200, "[]")), ("octocat@public.test", false));
    let unverified = r#"[{"email":"o@x.test","primary":true,"verified":false}]"#;
    check(Some((200, unverified)), ("o@x.test", false));
}

#[test]
fn a_custom_account_is_found_where_the_options_say() {
    let check = |options: Value, userinfo: Value, expected: Result<&str, AccountFault>| {
        let account = read(&oauth2(&options), &given(None, Some(&userinfo)));
        let summary = account.map(|a| format!("{} {}", a.subject, a.email.unwrap_or_default()));
        assert_eq!(summary, expected.map(str::to_owned), "{userinfo}");
    };
    check(json!({}), json!({"id": 42, "email": "a@b.test"}), Ok("42 a@b.test"));
    check(json!({}), json!({"id": 1, "sub": "s", "user_id": "u"}), Ok("u "));
    check(json!({}), json!({"id": null, "sub": "s"}), Ok("s "));
    let fields = json!({"fieldsMap": {"user_id": "account.uuid", "email": "account.mail"}});
    let nested = json!({"account": {"uuid": "x", "mail": "a@b.test"}, "id": 1});
    check(fields.clone(), nested, Ok("x a@b.test"));
    let missing = Err(AccountFault::SubjectMissing);
    check(fields, json!({"id": 1}), missing.clone());
    check(json!({}), json!({"id": ""}), missing.clone());
    check(json!({}), json!({"id": 1.5}), missing.clone());
    check(json!({}), json!({"id": true}), missing.clone());
    check(json!({}), json!({"id": "a\u{0}b"}), missing.clone());
    check(json!({}), json!({"id": "x".repeat(256)}), missing);
}

#[test]
fn a_picture_is_a_web_address() {
    let check = |picture: &str, expected: Option<&str>| {
        let userinfo = json!({"id": 1, "picture": picture});
        let account = read(&oauth2(&json!({})), &given(None, Some(&userinfo))).unwrap();
        assert_eq!(account.picture.as_deref(), expected);
    };
    check("https://a.test/p.png", Some("https://a.test/p.png"));
    check("javascript:alert(1)", None);
    check("data:image/png;base64,AA", None);
    check("p.png", None);
}

#[test]
fn a_userinfo_endpoint_can_fail_in_three_ways() {
    let check = |status: u16, body: &str, expected: AccountFault| {
        let userinfo = Some((status, body.to_owned()));
        let given = Given { id_token: None, userinfo, emails: None };
        assert_eq!(read(&oauth2(&json!({})), &given).unwrap_err(), expected);
    };
    check(401, "{}", AccountFault::Refused(401));
    check(302, "", AccountFault::Refused(302));
    check(503, "", AccountFault::Passing { status: 503, retry_after: None });
    check(429, "{}", AccountFault::Passing { status: 429, retry_after: None });
    check(200, "<html>", AccountFault::Malformed);
    check(200, "eyJhbGciOiJSUzI1NiJ9.e30.c2ln", AccountFault::Malformed);
    check(200, "id=1", AccountFault::Malformed);
    let nobody = read(&oauth2(&json!({})), &given(None, None));
    assert_eq!(nobody.unwrap_err(), AccountFault::SubjectMissing);
}

#[test]
fn a_mapped_account_has_what_the_map_names() {
    let map = json!({"mapping_mode": "use_map", "attributes": {
        "email": "${context.tokenset.upn}", "name": "${context.userinfo.display}",
        "email_verified": "${context.tokenset.email_verified}", "team": "blue"
    }});
    let metadata = crate::testing::with_metadata(&json!({}));
    let provider = provider("oidc", &json!({"attribute_map": map, "oidc_metadata": metadata}));
    let check = |verified: Value, expected: bool| {
        let claims = json!({"sub": "u1", "upn": "ada@a.test", "email_verified": verified});
        let userinfo = json!({"sub": "u1", "display": "Ada", "email": "eve@e.test"});
        let account = read(&provider, &given(Some(claims), Some(&userinfo))).unwrap();
        assert_eq!((account.subject.as_str(), account.name.as_deref()), ("u1", Some("Ada")));
        assert_eq!(account.email.as_deref(), Some("ada@a.test"));
        assert_eq!(account.email_verified, expected);
        let mut names: Vec<_> = account.profile.keys().cloned().collect();
        names.sort();
        assert_eq!(names, ["email", "email_verified", "name", "team"]);
    };
    check(json!(true), true);
    check(json!("true"), false);
}
