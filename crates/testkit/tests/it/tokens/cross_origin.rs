//! Applications in browsers: preflights, and what their scripts may read.

use std::time::Duration;

use testkit::{Answer, Application, Login, TestServer};

use crate::support::edit_client;

const ORIGIN: &str = "http://localhost:1";
const STRANGER: &str = "https://evil.example";
const PATHS: [(&str, &str); 5] = [
    ("POST", "/oauth/token"),
    ("POST", "/oauth/revoke"),
    ("GET", "/userinfo"),
    ("POST", "/me/v1/connected-accounts/connect"),
    ("DELETE", "/me/v1/connected-accounts/accounts/cac_1"),
];

async fn preflight(server: &TestServer, origin: &str, method: &str, path: &str) -> Answer {
    let call = server.call(reqwest::Method::OPTIONS, path).header("origin", origin);
    call.header("access-control-request-method", method)
        .header("access-control-request-headers", "authorization,content-type,dpop,auth0-client")
        .send()
        .await
}

fn allowed(answer: &Answer) -> Option<&str> {
    answer.header("access-control-allow-origin")
}

#[tokio::test]
async fn a_preflight_of_a_registered_origin_is_answered() {
    let server = TestServer::start().await;
    for (method, path) in PATHS {
        let answer = preflight(&server, ORIGIN, method, path).await.expect(204);
        assert_eq!(allowed(&answer), Some(ORIGIN), "{path}");
        let methods = answer.header("access-control-allow-methods").unwrap();
        assert!(methods.split(", ").any(|it| it == method), "{methods}");
        let headers = answer.header("access-control-allow-headers").unwrap();
        for header in ["authorization", "content-type", "dpop", "auth0-client"] {
            assert!(headers.split(", ").any(|it| it == header), "{headers}");
        }
        assert_eq!(answer.header("access-control-max-age"), Some("300"));
        assert_eq!(answer.header("vary"), Some("origin"));
        // Cookies are of no use here, so nobody may send them.
        assert_eq!(answer.header("access-control-allow-credentials"), None);
    }
}

#[tokio::test]
async fn a_stranger_reads_nothing() {
    let server = TestServer::start().await;
    for origin in [
        STRANGER,
        "null",
        "http://localhost",
        "https://localhost:1",
        "http://localhost:1.evil.example",
    ] {
        for (method, path) in PATHS {
            let preflight = preflight(&server, origin, method, path).await;
            let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
            let answer = server.call(method, path).header("origin", origin).send().await;
            for answer in [preflight, answer] {
                assert_eq!(allowed(&answer), None, "{origin} {path}");
                assert_eq!(answer.header("access-control-expose-headers"), None);
                assert_eq!(answer.header("vary"), Some("origin"));
            }
        }
    }
}

#[tokio::test]
async fn answers_and_errors_are_read_alike() {
    let server = TestServer::start().await;
    let tokens = server.log_in(&server.browser(), &Login::spa()).await;
    let refreshed = server.refreshing(&tokens, &[]).header("origin", ORIGIN).send().await;
    let refused =
        server.refreshing(&tokens, &[("scope", "\"")]).header("origin", ORIGIN).send().await;
    let unknown = server.post("/oauth/token").form(&[("a", "b")]).header("origin", ORIGIN).send();
    let unauthorized = server.get("/userinfo").header("origin", ORIGIN).send();
    let nothing = server.get("/me/v1/nothing").header("origin", ORIGIN).send();
    let revoked = server
        .post("/oauth/revoke")
        .header("origin", ORIGIN)
        .form(&[("client_id", server.client_id(Application::Spa).as_str()), ("token", "x")]);
    for (answer, status) in [
        (refreshed, 200),
        (refused, 400),
        (unknown.await, 400),
        (unauthorized.await, 401),
        (nothing.await, 404),
        (revoked.send().await, 200),
    ] {
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(allowed(&answer), Some(ORIGIN), "{answer:?}");
        let exposed = answer.header("access-control-expose-headers");
        assert_eq!(exposed, Some("DPoP-Nonce, WWW-Authenticate, Location"));
        assert_eq!(answer.header("access-control-allow-credentials"), None);
    }
}

/// A server that calls has no origin, and needs none.
#[tokio::test]
async fn without_an_origin_nothing_is_said_of_it() {
    let server = TestServer::start().await;
    let tokens = server.log_in(&server.browser(), &Login::web()).await;
    let answer = server.refreshing(&tokens, &[]).send().await.expect(200);
    assert_eq!(allowed(&answer), None);
}

#[tokio::test]
async fn an_origin_is_registered_with_a_tenant_and_at_once() {
    let server = TestServer::start().await;
    let other = server.other_tenant().await;
    let origin = "https://app.example";
    let token_path = PATHS[0].1;
    assert_eq!(allowed(&preflight(&server, origin, "POST", token_path).await), None);
    edit_client(&server, Application::Spa, |client| client.web_origins = vec![origin.to_owned()])
        .await;
    server.clock().advance(Duration::from_secs(1));
    assert_eq!(allowed(&preflight(&server, origin, "POST", token_path).await), Some(origin));
    let foreign = other.call(reqwest::Method::OPTIONS, token_path).header("origin", origin);
    let foreign = foreign.header("access-control-request-method", "POST").send().await;
    assert_eq!(allowed(&foreign), None);
    edit_client(&server, Application::Spa, |client| client.web_origins.clear()).await;
    server.clock().advance(Duration::from_secs(1));
    assert_eq!(allowed(&preflight(&server, origin, "POST", token_path).await), None);
}

/// The documents are anybody's to read, from where they are registered.
#[tokio::test]
async fn documents_are_read_by_applications() {
    let server = TestServer::start().await;
    for path in ["/.well-known/openid-configuration", "/.well-known/jwks.json"] {
        let answer = server.get(path).header("origin", ORIGIN).send().await.expect(200);
        assert_eq!(allowed(&answer), Some(ORIGIN), "{path}");
    }
}
