//! Client authentication and the form of token requests.

use crate::world::{CALLBACK, WEB, World, basic, form_body};

const GRANT: (&str, &str) = ("grant_type", "authorization_code");
const URI: (&str, &str) = ("redirect_uri", CALLBACK);

#[tokio::test]
async fn header_and_body_both_authenticate() {
    let world = World::start().await;
    let by_header = world.authorize("ada", "openid").await;
    assert_eq!(world.redeem(by_header.code()).await.status, 200);
    let by_body = world.authorize("ada", "openid").await;
    let fields =
        [GRANT, URI, ("code", by_body.code()), ("client_id", WEB.0), ("client_secret", WEB.1)];
    assert_eq!(world.post_form("/token", &fields).await.status, 200);
}

/// What is wrong, credentials in the header, fields in the body, what comes back.
type Case = (
    &'static str,
    Option<(&'static str, &'static str)>,
    &'static [(&'static str, &'static str)],
    (u16, &'static str),
);

#[tokio::test]
async fn wrong_credentials_are_refused_and_leave_the_code_alone() {
    let world = World::start().await;
    let callback = world.authorize("ada", "openid").await;
    let code = ("code", callback.code());
    let cases: [Case; 8] = [
        ("wrong secret in the header", Some(("web", "wrong")), &[], (401, "invalid_client")),
        (
            "wrong secret in the body",
            None,
            &[("client_id", "web"), ("client_secret", "wrong")],
            (401, "invalid_client"),
        ),
        ("no secret", None, &[("client_id", "web")], (401, "invalid_client")),
        ("nobody", Some(("nobody", "x")), &[], (401, "invalid_client")),
        ("no client", None, &[], (401, "invalid_client")),
        ("header and body", Some(WEB), &[("client_secret", WEB.1)], (400, "invalid_request")),
        ("two names", Some(WEB), &[("client_id", "other")], (400, "invalid_request")),
        (
            "a public client with a secret",
            None,
            &[("client_id", "spa"), ("client_secret", "x")],
            (401, "invalid_client"),
        ),
    ];
    for (what, header, more, expected) in cases {
        let mut request = world.http.post(world.url("/token"));
        if let Some(credentials) = header {
            request = request.header("authorization", basic(credentials));
        }
        let fields = [&[GRANT, URI, code], more].concat();
        let answer = world.send(form_body(request, &fields)).await;
        assert_eq!(answer.error(), (expected.0, expected.1.to_owned()), "{what}");
        if expected.0 == 401 {
            assert!(answer.header("www-authenticate").starts_with("Basic"), "{what}");
        }
    }
    assert_eq!(world.redeem(callback.code()).await.status, 200);
}

#[tokio::test]
async fn a_broken_authorization_header_is_an_invalid_request() {
    let world = World::start().await;
    for header in ["Basic", "Basic !!!", "Bearer abc", "Basic d2Vi"] {
        let request = world.http.post(world.url("/token")).header("authorization", header);
        let answer = world.send(form_body(request, &[GRANT, ("code", "x")])).await;
        assert_eq!(answer.error(), (400, "invalid_request".to_owned()), "{header}");
    }
}

#[tokio::test]
async fn credentials_in_the_url_are_refused() {
    let world = World::start().await;
    let callback = world.authorize("ada", "openid").await;
    let url = world.url("/token?client_id=web&client_secret=x");
    let fields = [GRANT, URI, ("code", callback.code())];
    let answer = world.send(form_body(world.http.post(url), &fields)).await;
    assert_eq!(answer.error(), (400, "invalid_request".to_owned()));
}

#[tokio::test]
async fn requests_must_be_forms_without_repetition() {
    let world = World::start().await;
    let authorization = basic(WEB);
    let post = |content_type: &'static str, body: &'static str| {
        let request = world.http.post(world.url("/token"));
        let request = request.header("authorization", authorization.clone());
        world.send(request.header("content-type", content_type).body(body))
    };
    let form = "application/x-www-form-urlencoded";
    for (content_type, body) in [
        ("application/json", r#"{"grant_type":"authorization_code","code":"x"}"#),
        ("text/plain", "grant_type=authorization_code&code=x"),
        (form, "grant_type=authorization_code&code=x&code=x"),
        (form, "code=x"),
        (form, "grant_type=authorization_code"),
        (form, "grant_type=refresh_token&refresh_token="),
    ] {
        let answer = post(content_type, body).await;
        assert_eq!(answer.error(), (400, "invalid_request".to_owned()), "{body}");
    }
    let answer = post(form, "grant_type=password&username=a&password=b").await;
    assert_eq!(answer.error(), (400, "unsupported_grant_type".to_owned()));
    assert_eq!(world.get("/token").await.status, 405);
}

#[tokio::test]
async fn unknown_parameters_are_ignored() {
    let world = World::start().await;
    let callback = world.authorize("ada", "openid").await;
    let fields = [GRANT, URI, ("code", callback.code()), ("colour", "red")];
    assert_eq!(world.token(&fields).await.status, 200);
}
