//! A150, A151: one request is one request to everybody on the way, and nothing that is sent becomes a
//! header of the answer.

use std::time::Duration;

use form_urlencoded::byte_serialize;
use testkit::{Login, TestServer};

use crate::wire::{Heard, authority, exchange, exchange_heads};

const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";
/// What the endpoint of these tests answers to a request that it understands.
const SERVED: u16 = 401;
/// What the request in the body of another one would be answered with.
const SMUGGLED: u16 = 404;

/// A server that does not wait for long whether more comes.
async fn impatient() -> TestServer {
    let short = Duration::from_millis(100);
    TestServer::builder().limits(|limits| limits.header_timeout = short).start().await
}

/// A request with these headers and this body, followed by another one where the body should end.
struct Requests {
    host: String,
}

impl Requests {
    fn of(server: &TestServer) -> Self {
        Self { host: authority(server) }
    }

    fn smuggled(&self) -> String {
        format!("GET /smuggled HTTP/1.1\r\nHost: {}\r\n\r\n", self.host)
    }

    fn post(&self, headers: &str, body: &str) -> String {
        let host = &self.host;
        let smuggled = self.smuggled();
        format!("POST /userinfo HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n{body}{smuggled}")
    }

    fn get(&self, line: &str, headers: &str) -> String {
        let host = &self.host;
        format!("{line}\r\nHost: {host}\r\n{headers}\r\n{}", self.smuggled())
    }
}

/// Sends each request over a connection of its own; the statuses of the answers are these, and then
/// the server has closed.
async fn check(server: &TestServer, cases: Vec<(&'static str, String, &'static [u16])>) {
    for (what, request, expected) in cases {
        let heard = exchange(server, request.as_bytes()).await;
        let statuses: Vec<u16> = heard.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, expected, "{what}");
        if statuses == [400] {
            let said = heard[0].header("connection");
            assert!(said.is_none_or(|it| it == "close"), "{what} {heard:?}");
        }
    }
}

#[tokio::test]
async fn a150_a_length_in_two_ways_ends_the_connection() {
    let server = impatient().await;
    let requests = Requests::of(&server);
    let post = |headers: &str| requests.post(headers, "0\r\n\r\n");
    // RFC 9112 §6.1: process by the transfer coding alone, and close. Nothing after it counts.
    let once: &[u16] = &[SERVED];
    let refused: &[u16] = &[400];
    let cases = vec![
        ("CL.TE", post(&format!("Content-Length: 5\r\n{CHUNKED}")), once),
        ("TE.CL", post(&format!("{CHUNKED}Content-Length: 5\r\n")), once),
        ("CL0.TE", post(&format!("Content-Length: 0\r\n{CHUNKED}")), once),
        ("TE.CL.CL", post(&format!("{CHUNKED}Content-Length: 1\r\nContent-Length: 9\r\n")), once),
        ("TE.TE", post(&format!("{CHUNKED}Transfer-Encoding: identity\r\n")), refused),
        ("TE not last", post("Transfer-Encoding: chunked, identity\r\n"), refused),
        ("TE unknown", post("Transfer-Encoding: xchunked\r\nContent-Length: 0\r\n"), refused),
        ("TE quoted", post("Transfer-Encoding: \"chunked\"\r\n"), refused),
        ("TE before a space", post("Transfer-Encoding : chunked\r\n"), refused),
        ("TE after a VT", post("Transfer-Encoding:\x0bchunked\r\n"), refused),
        ("TE with a NUL", post("Transfer-Encoding: chunked\0\r\n"), refused),
        ("TE folded", post("Transfer-Encoding:\r\n chunked\r\n"), refused),
        ("TE in a fold", post("X: a\r\n Transfer-Encoding: chunked\r\n"), refused),
        ("CL.CL", post("Content-Length: 0\r\nContent-Length: 5\r\n"), refused),
        ("CL list", post("Content-Length: 0, 5\r\n"), refused),
        ("CL list of one", post("Content-Length: 5, 5\r\n"), refused),
        ("CL plus", post("Content-Length: +5\r\n"), refused),
        ("CL minus", post("Content-Length: -1\r\n"), refused),
        ("CL hexadecimal", post("Content-Length: 0x5\r\n"), refused),
        ("CL fraction", post("Content-Length: 5.0\r\n"), refused),
        ("CL empty", post("Content-Length: \r\n"), refused),
        ("CL two words", post("Content-Length: 5 5\r\n"), refused),
        ("CL 2^64", post("Content-Length: 18446744073709551616\r\n"), refused),
        (
            "HTTP/1.0 and TE",
            requests
                .get("POST /userinfo HTTP/1.0", &format!("Connection: keep-alive\r\n{CHUNKED}")),
            refused,
        ),
    ];
    check(&server, cases).await;
}

/// What is unusual and means one thing to everybody.
#[tokio::test]
async fn a150_an_unambiguous_length_is_served() {
    let server = impatient().await;
    let requests = Requests::of(&server);
    let chunked = |headers: &str| requests.post(headers, "0\r\n\r\n");
    let plain = |headers: &str| requests.post(headers, "hello");
    let both: &[u16] = &[SERVED, SMUGGLED];
    let cases = vec![
        ("upper case", chunked("Transfer-Encoding: CHUNKED\r\n"), both),
        ("a tab", chunked("Transfer-Encoding:\tchunked\r\n"), both),
        ("twice the same", plain("Content-Length: 5\r\nContent-Length: 5\r\n"), both),
        ("an extension", requests.post(CHUNKED, "0;a=b\r\n\r\n"), both),
        ("a trailer", requests.post(CHUNKED, "0\r\nX: y\r\n\r\n"), both),
        // A trailer is no header, whatever it calls itself.
        ("a length at the end", requests.post(CHUNKED, "0\r\nContent-Length: 99\r\n\r\n"), both),
        ("a host at the end", requests.post(CHUNKED, "0\r\nHost: evil.example\r\n\r\n"), both),
        ("a coding at the end", requests.post(CHUNKED, &format!("0\r\n{CHUNKED}\r\n")), both),
        // Another header, so there is no body, and what follows is no request.
        ("an underscore", chunked("Transfer_Encoding: chunked\r\n"), &[SERVED, 400]),
    ];
    check(&server, cases).await;
}

#[tokio::test]
async fn a150_a_broken_chunk_ends_the_connection() {
    let server = impatient().await;
    let requests = Requests::of(&server);
    let chunk = |body: &str| {
        let body = format!("{body}{}", requests.smuggled());
        let host = &requests.host;
        let form = "Content-Type: application/x-www-form-urlencoded\r\n";
        format!("POST /oauth/revoke HTTP/1.1\r\nHost: {host}\r\n{form}{CHUNKED}\r\n{body}")
    };
    let refused: &[u16] = &[400];
    let cases = vec![
        ("plus", chunk("+0\r\n\r\n"), refused),
        ("minus", chunk("-1\r\n\r\n"), refused),
        ("0x", chunk("0x0\r\n\r\n"), refused),
        ("2^64", chunk("10000000000000000\r\nx\r\n0\r\n\r\n"), refused),
        ("line feeds", chunk("0\n\n"), refused),
        ("a line feed in an extension", chunk("1;a\nb\r\nx\r\n0\r\n\r\n"), refused),
        ("a return in an extension", chunk("1;a\rb\r\nx\r\n0\r\n\r\n"), refused),
        ("no end of the data", chunk("1\r\nx0\r\n\r\n"), refused),
        ("a line feed after the data", chunk("1\r\nx\n0\r\n\r\n"), refused),
        ("a long extension", chunk(&format!("0;{}\r\n\r\n", "a".repeat(20_000))), refused),
    ];
    check(&server, cases).await;
}

#[tokio::test]
async fn a150_a_broken_head_ends_the_connection() {
    let server = impatient().await;
    let requests = Requests::of(&server);
    let get = |line: &str| requests.get(line, "");
    let header = |header: &str| requests.get("GET /x HTTP/1.1", header);
    let refused: &[u16] = &[400];
    let cases = vec![
        ("a return alone", header("X: a\rY: b\r\n"), refused),
        ("a NUL", header("X: a\0b\r\n"), refused),
        ("a space in a name", header("X Y: b\r\n"), refused),
        ("no colon", header("X\r\n"), refused),
        ("no name", header(": b\r\n"), refused),
        ("a space first", format!("GET /x HTTP/1.1\r\n Host: {}\r\n\r\n", requests.host), refused),
        ("two spaces", get("GET  /x HTTP/1.1"), refused),
        ("a tab", get("GET\t/x HTTP/1.1"), refused),
        ("a space at the end", get("GET /x HTTP/1.1 "), refused),
        ("no version", "GET /x\r\n".to_owned(), refused),
        ("version 1.2", get("GET /x HTTP/1.2"), refused),
        ("version 2.0", get("GET /x HTTP/2.0"), refused),
        ("small letters", get("GET /x http/1.1"), refused),
        ("many headers", header(&"X: y\r\n".repeat(101)), &[431]),
        ("a long header", header(&format!("X: {}\r\n", "y".repeat(300_000))), &[431]),
        ("a long path", get(&format!("GET /{} HTTP/1.1", "x".repeat(70_000))), &[414]),
        // HTTP/2 is agreed on inside TLS and nowhere else.
        ("HTTP/2 in clear", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), &[]),
        (
            "an upgrade to it",
            header(
                "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
            ),
            &[SMUGGLED, SMUGGLED],
        ),
    ];
    check(&server, cases).await;
}

/// A body where none is expected belongs to its request all the same.
#[tokio::test]
async fn a150_a_body_is_never_taken_for_a_request() {
    let server = impatient().await;
    let requests = Requests::of(&server);
    let smuggled = requests.smuggled();
    let length = format!("Content-Length: {}\r\n", smuggled.len());
    let host = &requests.host;
    for line in [
        "GET /.well-known/jwks.json HTTP/1.1",
        "GET /userinfo HTTP/1.1",
        "GET /nothing HTTP/1.1",
        "DELETE /oauth/token HTTP/1.1",
        "OPTIONS /oauth/token HTTP/1.1",
        "GET /api/v2/clients HTTP/1.1",
        "POST /me/v1/connected-accounts/connect HTTP/1.1",
        "HEAD /userinfo HTTP/1.1",
    ] {
        let request = format!("{line}\r\nHost: {host}\r\n{length}\r\n{smuggled}");
        let heard = statuses(&server, &request).await;
        assert_eq!(heard.len(), 1, "{line} {heard:?}");
    }
}

async fn statuses(server: &TestServer, request: &str) -> Vec<u16> {
    // The answer to HEAD has a length and no body.
    let heard = if request.starts_with("HEAD") {
        exchange_heads(server, request.as_bytes()).await
    } else {
        exchange(server, request.as_bytes()).await
    };
    heard.iter().map(|answer| answer.status).collect()
}

/// RFC 9112 §3.2: one request names one host, and it is one of ours.
#[tokio::test]
async fn a150_a_request_names_one_host() {
    let server = impatient().await;
    let host = authority(&server);
    let port = server.url("/").port().unwrap();
    let misdirected: &[u16] = &[421];
    let named = |line: &str, hosts: &str| format!("{line} HTTP/1.1\r\n{hosts}\r\n");
    let jwks = "GET /.well-known/jwks.json";
    let cases = vec![
        ("ours", named(jwks, &format!("Host: {host}\r\n")), &[200][..]),
        ("ours in capitals", named(jwks, &format!("Host: LOCALHOST:{port}\r\n")), &[200]),
        ("none", named(jwks, ""), misdirected),
        ("empty", named(jwks, "Host:\r\n"), misdirected),
        ("two", named(jwks, &format!("Host: {host}\r\nHost: {host}\r\n")), misdirected),
        ("a list", named(jwks, &format!("Host: {host}, evil.example\r\n")), misdirected),
        ("a user", named(jwks, &format!("Host: evil@{host}\r\n")), misdirected),
        ("a path", named(jwks, &format!("Host: {host}/x\r\n")), misdirected),
        ("a query", named(jwks, &format!("Host: {host}?x\r\n")), misdirected),
        ("a closing dot", named(jwks, &format!("Host: localhost.:{port}\r\n")), misdirected),
        ("another port", named(jwks, "Host: localhost:1\r\n"), misdirected),
        ("no port", named(jwks, "Host: localhost\r\n"), misdirected),
        ("a suffix", named(jwks, &format!("Host: {host}.evil.example\r\n")), misdirected),
        ("a sub-domain", named(jwks, &format!("Host: evil.{host}\r\n")), misdirected),
        ("nobody's", named(jwks, "Host: evil.example\r\n"), misdirected),
        // RFC 9112 §3.2.2: what stands in the request line counts, and not the header.
        (
            "a line of ours",
            named(&format!("GET http://{host}/.well-known/jwks.json"), "Host: evil.example\r\n"),
            &[200],
        ),
        (
            "a line of nobody's",
            named("GET http://evil.example/.well-known/jwks.json", &format!("Host: {host}\r\n")),
            misdirected,
        ),
    ];
    check(&server, cases).await;
}

/// Lines that would be headers if they were not encoded.
#[tokio::test]
async fn a151_nothing_that_is_sent_becomes_a_header() {
    let server = impatient().await;
    let host = authority(&server);
    let attempt = server.attempt(&Login::spa().with("prompt", "none"));
    let query: Vec<(String, String)> = attempt.url.query_pairs().into_owned().collect();
    let mut paths = Vec::new();
    for injection in [
        "\r\nX-Injected: 1",
        "\nX-Injected: 1",
        "\rX-Injected: 1",
        "\r\n\r\n<script>alert(1)</script>",
        "\r\nSet-Cookie: strongroom_session=x",
        "\u{560a}\u{560d}X-Injected: 1",
        "%0d%0aX-Injected: 1",
        "\0",
    ] {
        let encoded: String = byte_serialize(injection.as_bytes()).collect();
        for mode in ["query", "fragment", "form_post", "web_message"] {
            let query = query.iter().filter(|(name, _)| name != "state");
            let query =
                form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
            paths.push(format!("/authorize?{query}&state=a{encoded}&response_mode={mode}"));
        }
        paths.extend([
            format!("/v2/logout?returnTo=https://app.example/{encoded}"),
            format!("/authorize?client_id={encoded}"),
            format!("/authorize?client_id=x&redirect_uri=https://app.example/{encoded}"),
            format!("/login/callback?state={encoded}&code={encoded}"),
            format!("/u/login?state={encoded}"),
            format!("/connected-accounts/connect?ticket={encoded}"),
            format!("/assets/{encoded}"),
            format!("/{encoded}"),
        ]);
    }
    for path in paths {
        let line = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        for answer in exchange(&server, line.as_bytes()).await {
            clean(&path, &answer);
        }
    }
}

#[track_caller]
fn clean(path: &str, answer: &Heard) {
    assert_eq!(answer.header("x-injected"), None, "{path} {answer:?}");
    let cookies = answer.head.lines().filter(|line| line.to_lowercase().starts_with("set-cookie"));
    assert!(cookies.into_iter().all(|line| !line.contains("session=x")), "{path} {answer:?}");
    assert!(!answer.body.contains("<script>alert"), "{path} {answer:?}");
    assert!(answer.status < 500, "{path} {answer:?}");
}
