//! How an answer is delivered.

use model::log_event::LogEventKind;
use testkit::{Application, Form, Login, Page, TestServer};

use crate::support::{arrive, edit_client};

async fn answer(server: &TestServer, mode: &str, parameters: &[(&str, &str)]) -> Page {
    let browser = server.browser();
    server.log_in(&browser, &Login::spa()).await;
    let mut login = Login::spa().with("response_mode", mode);
    for (name, value) in parameters {
        login = login.with(name, value);
    }
    arrive(server, &browser, &login).await
}

#[tokio::test]
async fn query_and_fragment_are_redirects() {
    let server = TestServer::start().await;
    for (mode, separator) in [("query", '?'), ("fragment", '#')] {
        let page = answer(&server, mode, &[]).await;
        let address = page.url.as_str();
        assert!(address.starts_with(&format!("http://localhost:1/callback{separator}")), "{mode}");
        assert_eq!(page.expect_parameter("iss"), server.issuer());
        assert!(page.expect_parameter("code").starts_with("sac_"));
        page.expect_parameter("state");
    }
}

fn field<'a>(form: &'a Form, name: &str) -> &'a str {
    &form.fields.iter().find(|(field, _)| field == name).unwrap().1
}

#[tokio::test]
async fn form_post_is_a_form_for_the_application() {
    let server = TestServer::start().await;
    let page = answer(&server, "form_post", &[]).await;
    assert_eq!(page.answer.status, 200);
    let form = page.form_with("code");
    assert_eq!(form.action.as_str(), "http://localhost:1/callback");
    assert!(form.is_post);
    assert_eq!(field(&form, "iss"), server.issuer());
    let policy = page.answer.header("content-security-policy").unwrap();
    assert!(policy.contains("form-action 'self' http://localhost:1"), "{policy}");
    assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
}

#[tokio::test]
async fn web_message_is_addressed_to_one_origin() {
    let server = TestServer::start().await;
    for (parameters, member) in [
        (&[][..], "&quot;code&quot;"),
        (&[("prompt", "none"), ("max_age", "0")], "&quot;error&quot;:&quot;login_required&quot;"),
    ] {
        let page = answer(&server, "web_message", parameters).await;
        assert_eq!(page.answer.status, 200);
        let text = page.answer.text().replace("&#34;", "&quot;");
        assert!(text.contains("data-target-origin=\"http://localhost:1\""), "{text}");
        assert!(text.contains(member), "{text}");
        let policy = page.answer.header("content-security-policy").unwrap();
        assert!(!policy.contains("frame-ancestors"), "{policy}");
    }
}

/// Browser SDKs name the bare origin of their page.
#[tokio::test]
async fn a_message_goes_to_any_registered_web_origin() {
    let server = TestServer::start().await;
    edit_client(&server, Application::Spa, |client| {
        client.web_origins = vec!["https://app.example".to_owned()];
    })
    .await;
    let mut login = Login::spa().with("prompt", "none").with("response_mode", "web_message");
    login.redirect_uri = "https://app.example".to_owned();
    let page = arrive(&server, &server.browser(), &login).await;
    assert!(page.answer.text().contains("data-target-origin=\"https://app.example\""));

    login.redirect_uri = "https://other.example".to_owned();
    let page = arrive(&server, &server.browser(), &login).await;
    assert_eq!(page.answer.status, 403);
    let event = server.latest_event(LogEventKind::LoginFailed).await;
    let cause = event.detail.description.unwrap();
    assert_eq!(cause, "the redirect URI cannot be used: the redirect URI is not registered");
}

#[tokio::test]
async fn an_application_of_its_own_scheme_is_reached_by_redirect_alone() {
    let server = TestServer::start().await;
    let callback = "com.example.app://callback";
    edit_client(&server, Application::Spa, |client| client.callbacks = vec![callback.to_owned()])
        .await;
    for (mode, error) in [
        ("query", "login_required"),
        ("form_post", "invalid_request"),
        ("web_message", "invalid_request"),
    ] {
        let mut login = Login::spa().with("prompt", "none").with("response_mode", mode);
        login.redirect_uri = callback.to_owned();
        let page = arrive(&server, &server.browser(), &login).await;
        assert!(page.url.as_str().starts_with("com.example.app://callback?"), "{page:?}");
        assert_eq!(page.expect_parameter("error"), error, "{mode}");
    }
}

#[tokio::test]
async fn only_codes_are_given() {
    let server = TestServer::start().await;
    let attempt = server.attempt(&Login::spa());
    for response_type in ["token", "id_token", "id_token token", "code id_token", "code token"] {
        let mut url = attempt.url.clone();
        let pairs: Vec<(String, String)> = url
            .query_pairs()
            .into_owned()
            .map(|(name, value)| match name.as_str() {
                "response_type" => (name, response_type.to_owned()),
                _ => (name, value),
            })
            .collect();
        url.query_pairs_mut().clear().extend_pairs(pairs);
        let page = server.browser().open(url.as_str()).await;
        assert_eq!(page.expect_parameter("error"), "unsupported_response_type");
        assert_eq!(page.expect_parameter("state"), attempt.state);
    }
}

#[tokio::test]
async fn a_posted_request_is_answered_alike() {
    let server = TestServer::start().await;
    let attempt = server.attempt(&Login::spa().with("prompt", "none"));
    let fields: Vec<(String, String)> = attempt.url.query_pairs().into_owned().collect();
    let answer = server.post("/authorize").form(&fields).send().await.expect(303);
    assert!(answer.location().contains("error=login_required"));
}
