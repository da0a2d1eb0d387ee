//! A156: headers by which a proxy would tell of its client are anybody's word: nothing is built on
//! them, unless a proxy of the operator's own wrote them.

use model::log_event::LogEventKind;
use testkit::{Call, Connect, Login, TestServer};

use crate::steps::token_request;
use crate::support::{login_page, type_password};

const SPOOFED: [(&str, &str); 16] = [
    ("x-forwarded-for", "203.0.113.7"),
    ("x_forwarded_for", "203.0.113.7"),
    ("x-forwarded-host", "evil.example"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-port", "443"),
    ("x-forwarded-server", "evil.example"),
    ("x-forwarded-prefix", "/evil"),
    ("x-real-ip", "203.0.113.7"),
    ("x-host", "evil.example"),
    ("x-original-host", "evil.example"),
    ("client-ip", "203.0.113.7"),
    ("true-client-ip", "203.0.113.7"),
    ("cf-connecting-ip", "203.0.113.7"),
    ("auth0-forwarded-for", "203.0.113.7"),
    ("forwarded", "for=203.0.113.7;host=evil.example;proto=https"),
    ("connection", "x-forwarded-for, authorization"),
];

fn spoofed(call: Call) -> Call {
    SPOOFED.into_iter().fold(call, |call, (name, value)| call.header(name, value))
}

#[tokio::test]
async fn a156_documents_and_links_come_from_configuration() {
    let server = TestServer::start().await;
    for path in ["/.well-known/openid-configuration", "/.well-known/jwks.json"] {
        let plain = server.get(path).send().await.expect(200);
        let answer = spoofed(server.get(path)).send().await.expect(200);
        assert_eq!(answer.text(), plain.text(), "{path}");
    }
    let attempt = server.attempt(&Login::spa().with("prompt", "none"));
    let path = format!("/authorize?{}", attempt.url.query().unwrap());
    let answer = spoofed(server.get(&path)).send().await.expect(302);
    assert!(!answer.location().contains("evil"), "{answer:?}");

    let tokens = server.log_in(&server.browser(), &Login::spa()).await;
    let mine = server.my_account_tokens(&tokens).await;
    let begun = server.start_connecting(&mine, &Connect::calendar()).await;
    let body = serde_json::json!({
        "connection": "calendar", "redirect_uri": begun.redirect_uri, "state": "x",
    });
    let call = server.post("/me/v1/connected-accounts/connect").access(&mine).json(&body);
    let answer = spoofed(call).send().await.expect(201);
    assert!(answer.member("connect_uri").starts_with(server.issuer()));
}

/// Neither the log nor the count of attempts takes a client's word for where it is.
#[tokio::test]
async fn a156_a_peer_is_where_it_is() {
    let server = TestServer::start().await;
    assert_eq!(noted_address(&server, spoofed).await, "127.0.0.1");
    let event = server.latest_event(LogEventKind::RefreshExchangeFailed).await;
    assert_eq!(event.detail.hostname.as_deref(), Some(server.url("/").authority()));
}

/// The address that the log has of a refused request.
async fn noted_address(server: &TestServer, change: impl FnOnce(Call) -> Call) -> String {
    let fields = [
        ("grant_type", "refresh_token"),
        ("client_id", server.seeded().web.client_id.as_str()),
        ("client_secret", "guess"),
        ("refresh_token", "guess"),
    ];
    change(token_request(server, &fields)).send().await.expect(401);
    server.latest_event(LogEventKind::RefreshExchangeFailed).await.detail.ip.unwrap()
}

/// Behind a proxy of the operator's own, its last word counts, of the one header. The hosts of this
/// test trust 10.0.0.0/8 and this machine.
#[tokio::test]
async fn a156_a_trusted_proxy_tells_where_a_request_comes_from() {
    let server = TestServer::builder().behind_proxies().start().await;
    let check = async |lines: &[&str], expected: &str| {
        let told = |call: Call| {
            lines.iter().fold(call, |call, line| call.another_header("x-forwarded-for", line))
        };
        assert_eq!(noted_address(&server, told).await, expected, "{lines:?}");
    };
    check(&[], "127.0.0.1").await;
    check(&["203.0.113.7"], "203.0.113.7").await;
    check(&["::ffff:203.0.113.7"], "203.0.113.7").await;
    check(&["192.0.2.1, 203.0.113.7"], "203.0.113.7").await;
    check(&["192.0.2.1", "203.0.113.7, 10.0.0.4"], "203.0.113.7").await;
    check(&["10.1.1.1, 203.0.113.7"], "203.0.113.7").await;
    check(&["192.0.2.1, unknown"], "127.0.0.1").await;
    let other_names = |call: Call| {
        let others = SPOOFED.into_iter().filter(|(name, _)| *name != "x-forwarded-for");
        others.fold(call, |call, (name, value)| call.header(name, value))
    };
    assert_eq!(noted_address(&server, other_names).await, "127.0.0.1");
}

/// What a client writes into the header before the proxy adds its own word buys no further guess.
#[tokio::test]
async fn a156_a_made_up_address_is_no_way_around_a_limit() {
    let server = TestServer::builder().behind_proxies().start().await;
    let (name, password) = server.ada().login;
    let guess_from = async |line: &str, guess: &str| {
        let browser = server.browser().forwarded_for(line);
        let page = login_page(&server, &browser, &Login::spa()).await;
        type_password(&browser, &page, &name, guess).await.status
    };
    for n in 0..10 {
        assert_eq!(guess_from(&format!("198.51.100.{n}, 203.0.113.7"), "guess").await, 400);
    }
    assert_eq!(guess_from("198.51.100.99, 203.0.113.7", &password).await, 429);
    assert_eq!(guess_from("198.51.100.99, ::ffff:203.0.113.7", &password).await, 429);
    assert_eq!(guess_from("203.0.113.8", &password).await, 303);
}

/// RFC 9110 §7.6.1 lets a client name headers for a proxy to drop; there is none here, so a name
/// changes nothing.
#[tokio::test]
async fn a156_a_client_drops_no_header_of_ours() {
    let server = TestServer::start().await;
    let tokens = server.log_in(&server.browser(), &Login::spa()).await;
    let call = server.get("/userinfo").bearer(&tokens.access_token);
    call.header("connection", "authorization, host").send().await.expect(200);
}
