use http::{HeaderMap, HeaderValue, StatusCode, header};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::fault::FaultCode;
use crate::testing::{oauth2, oidc, provider};

fn read(provider: &Provider, status: u16, body: &[u8]) -> Result<TokenReply, TokenFault> {
    let headers = HeaderMap::from_iter([(header::RETRY_AFTER, HeaderValue::from_static("30"))]);
    let status = StatusCode::from_u16(status).unwrap();
    read_token_reply(provider, &Reply { status, headers: &headers, body })
}

fn google() -> Provider {
    provider("google-oauth2", &json!({}))
}

fn github() -> Provider {
    provider("github", &json!({}))
}

/// What a reply says, in one line.
fn summary(reply: &TokenReply) -> String {
    let refresh = reply.refresh_token.as_ref().map_or("none", |token| token.expose());
    let expires = match reply.expires_in {
        Expiry::Known(lifetime) => format!("{}s", lifetime.as_secs()),
        Expiry::Unknown => "unknown".to_owned(),
        Expiry::Never => "never".to_owned(),
    };
    let refresh_expires =
        reply.refresh_expires_in.map_or("unsaid".to_owned(), |d| format!("{}s", d.as_secs()));
    let scopes = reply.granted.as_ref().map_or("as asked".to_owned(), ToString::to_string);
    format!("{} {expires} | {refresh} {refresh_expires} | {scopes}", reply.access_token.expose())
}

#[test]
fn recorded_successes() {
    let check = |provider: &Provider, body: &str, expected: &str| {
        assert_eq!(summary(&read(provider, 200, body.as_bytes()).unwrap()), expected);
    };
    let calendar = "openid https://www.googleapis.com/auth/userinfo.email \
                    https://www.googleapis.com/auth/calendar";
    check(
        &google(),
        include_str!("../../fixtures/google-oauth2/code.json"),
        &format!("ya29.a0AXexampleAccess 3599s | 1//0gExampleRefresh 604799s | {calendar}"),
    );
    check(
        &google(),
        include_str!("../../fixtures/google-oauth2/refresh.json"),
        &format!("ya29.a0AXexampleSecond 3599s | none unsaid | {calendar}"),
    );
    check(
        &github(),
        include_str!("../../fixtures/github/oauth_app.json"),
        "gho_exampleAccess never | none unsaid | repo gist user:email",
    );
    check(
        &github(),
        include_str!("../../fixtures/github/oauth_app.form"),
        "gho_exampleAccess never | none unsaid | repo gist",
    );
    check(
        &github(),
        include_str!("../../fixtures/github/code.json"),
        "ghu_exampleAccess 28800s | ghr_exampleRefresh 15897600s | as asked",
    );
    check(
        &oidc(&json!({})),
        include_str!("../../fixtures/oidc/refresh.json"),
        "eyJhbGciOiJSUzI1NiJ9.exampleSecond 300s | eyJhbGciOiJIUzUxMiJ9.exampleNextRefresh unsaid | \
         openid email profile offline_access",
    );
    check(
        &oauth2(&json!({})),
        include_str!("../../fixtures/oauth2/code.json"),
        "00Dexample!AQ4exampleAccess unknown | 5AepexampleRefresh unsaid | refresh_token api",
    );
    check(
        &oauth2(&json!({})),
        include_str!("../../fixtures/oauth2/scope_array.json"),
        "rfx2uswqe8l4g1mkagrvg5tv0ks3 14124s | \
         5b93chm6hdve3mycz05zfzatkfdenfspp1h1ar2xxdalen01 unsaid | \
         channel:moderate chat:edit chat:read",
    );
}

#[test]
fn recorded_refusals() {
    let check = |provider: &Provider, status: u16, body: &str, expected: &str| {
        let fault = read(provider, status, body.as_bytes()).unwrap_err();
        assert_eq!(fault.to_string(), expected);
    };
    check(
        &google(),
        400,
        include_str!("../../fixtures/google-oauth2/refused-400.json"),
        "the provider refuses the grant: invalid_grant",
    );
    check(
        &github(),
        200,
        include_str!("../../fixtures/github/refused-200.json"),
        "the provider refuses the grant: bad_refresh_token",
    );
    check(
        &github(),
        200,
        include_str!("../../fixtures/github/incorrect_client_credentials.json"),
        "the provider refuses our application: incorrect_client_credentials",
    );
    check(
        &oauth2(&json!({})),
        200,
        include_str!("../../fixtures/oauth2/refused-200.json"),
        "the provider refuses the grant: invalid_refresh_token",
    );
}

#[test]
fn a_busy_provider_is_asked_again() {
    let check = |status: u16, body: &str, code: &str, maybe_processed: bool| {
        let expected = TokenFault::Passing {
            code: FaultCode::of_provider(code),
            retry_after: Some(Duration::from_secs(30)),
            maybe_processed,
        };
        assert_eq!(read(&google(), status, body.as_bytes()).unwrap_err(), expected);
    };
    check(429, r#"{"error":"too_many_requests"}"#, "too_many_requests", false);
    check(503, r#"{"error":"temporarily_unavailable"}"#, "temporarily_unavailable", false);
    let html = "<html><body>Bad gateway</body></html>";
    let fault = read(&google(), 502, html.as_bytes()).unwrap_err();
    assert!(matches!(fault, TokenFault::Passing { maybe_processed: true, .. }), "{fault:?}");
    assert_eq!(fault.code().as_str(), "http_502");
}

#[test]
fn a_success_that_cannot_be_read_may_have_spent_the_grant() {
    let check = |body: &str, code: &str| {
        let fault = read(&google(), 200, body.as_bytes()).unwrap_err();
        let uncertain = TokenFault::unreadable("x");
        let TokenFault::Passing { code: seen, maybe_processed: true, .. } = &fault else {
            panic!("{fault:?} is not like {uncertain:?}");
        };
        assert_eq!(seen.as_str(), code, "{body}");
    };
    check("<html>hello</html>", "unreadable_reply");
    check("", "unreadable_reply");
    check(r#"{"access_token":"a"#, "unreadable_reply");
    check("{}", "http_200");
    check(r#"{"access_token":""}"#, "http_200");
    check(r#"{"access_token":7}"#, "http_200");
    check(r#"{"access_token":"a\r\nX-Evil: 1"}"#, "malformed_token");
    check(r#"{"access_token":"a\u0000"}"#, "malformed_token");
    check(r#"{"access_token":"tökén"}"#, "malformed_token");
    check(r#"{"access_token":"a","refresh_token":"b\n"}"#, "malformed_token");
    check(r#"{"access_token":"a","refresh_token":{"t":"b"}}"#, "malformed_token");
    check(r#"{"access_token":"a","id_token":"é"}"#, "malformed_token");
    check(r#"{"access_token":"a","token_type":"DPoP"}"#, "unsupported_token_type");
    let long = "x".repeat(TOKEN_BYTES_MAX + 1);
    check(&format!(r#"{{"access_token":"{long}"}}"#), "malformed_token");
    let huge = "x".repeat(crate::REPLY_BYTES_MAX);
    check(&format!(r#"{{"access_token":"a","x":"{huge}"}}"#), "reply_too_large");
}

#[test]
fn lifetimes_as_providers_write_them() {
    let check = |member: &str, expected: Expiry| {
        let body = format!(r#"{{"access_token":"a"{member}}}"#);
        assert_eq!(read(&google(), 200, body.as_bytes()).unwrap().expires_in, expected, "{member}");
    };
    let known = |seconds| Expiry::Known(Duration::from_secs(seconds));
    check(r#","expires_in":3600"#, known(3600));
    check(r#","expires_in":"3600""#, known(3600));
    check(r#","expires_in":" 3600 ""#, known(3600));
    check(r#","expires_in":3599.9"#, known(3599));
    check("", Expiry::Unknown);
    check(r#","expires_in":null"#, Expiry::Unknown);
    check(r#","expires_in":-1"#, Expiry::Unknown);
    check(r#","expires_in":0"#, Expiry::Unknown);
    check(r#","expires_in":1e12"#, Expiry::Unknown);
    check(r#","expires_in":1e300"#, Expiry::Unknown);
    check(r#","expires_in":"NaN""#, Expiry::Unknown);
    check(r#","expires_in":"soon""#, Expiry::Unknown);
    check(r#","expires_in":true"#, Expiry::Unknown);
    check(r#","expires_in":[3600]"#, Expiry::Unknown);
}

#[test]
fn a_provider_that_speaks_is_not_taken_to_be_silent() {
    let reply = read(&github(), 200, br#"{"access_token":"a","expires_in":-1}"#).unwrap();
    assert_eq!(reply.expires_in, Expiry::Unknown);
}

#[test]
fn an_error_beside_a_token_is_no_error() {
    let reply = read(&google(), 200, br#"{"access_token":"a","error":null}"#).unwrap();
    assert_eq!(reply.access_token.expose(), "a");
    assert!(read(&google(), 400, br#"{"access_token":"a","error":"invalid_grant"}"#).is_err());
}

#[test]
fn an_error_may_be_an_object() {
    let body = br#"{"error":{"code":"invalid_grant","message":"gone"}}"#;
    let fault = read(&google(), 400, body).unwrap_err();
    assert_eq!(fault, TokenFault::Permanent { code: FaultCode::of_provider("invalid_grant") });
}

#[test]
fn nothing_of_a_reply_prints() {
    let body = include_bytes!("../../fixtures/oauth2/code.json");
    let reply = read(&oauth2(&json!({})), 200, body).unwrap();
    assert_eq!(reply.extras.as_map()["instance_url"], "https://example.my.salesforce.com");
    let printed = format!("{reply:?}");
    for canary in ["AQ4example", "5Aepexample", "instance_url", "c2lnbmF0dXJl"] {
        assert!(!printed.contains(canary), "{printed}");
    }
    let body = br#"{"error":"1//0gCANARY","error_description":"1//0gCANARY"}"#;
    let fault = read(&google(), 400, body).unwrap_err();
    assert!(!format!("{fault:?} {fault}").contains("CANARY"));
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,8}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn token_members() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "access_token",
        "refresh_token",
        "id_token",
        "expires_in",
        "refresh_expires_in",
        "scope",
        "token_type",
        "error",
    ]);
    prop::collection::btree_map(names.prop_map(str::to_owned), json_value(), 0..8)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

/// Whatever is accepted can be put into a header and is of bounded size.
fn assert_safe(outcome: Result<TokenReply, TokenFault>) {
    match outcome {
        Ok(reply) => {
            assert!(HeaderValue::from_str(reply.access_token.expose()).is_ok());
            assert!(reply.access_token.expose().len() <= TOKEN_BYTES_MAX);
            if let Expiry::Known(lifetime) = reply.expires_in {
                assert!(lifetime <= LIFETIME_MAX && !lifetime.is_zero());
            }
        }
        Err(fault) => assert!(fault.code().as_str().len() <= 48),
    }
}

proptest! {
    #[test]
    fn any_bytes_are_survived(status in 100_u16..600, body: Vec<u8>) {
        for provider in [google(), github(), oauth2(&json!({}))] {
            assert_safe(read(&provider, status, &body));
        }
    }

    #[test]
    fn any_members_are_survived(status in 200_u16..600, body in token_members()) {
        let body = body.to_string();
        for provider in [google(), github(), oauth2(&json!({}))] {
            assert_safe(read(&provider, status, body.as_bytes()));
        }
    }

    #[test]
    fn any_form_is_survived(body in "(access_token|error|scope|expires_in)=[!-~]{0,40}(&[!-~]{0,20})*") {
        assert_safe(read(&oauth2(&json!({})), 200, body.as_bytes()));
    }
}
