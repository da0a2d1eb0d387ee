//! A154: HTTP/2 has many ways to make a server work for nothing.

use std::time::Duration;

use testkit::{Front, TestServer};

use crate::frames::{
    ACK, CONTINUATION, Connection, DATA, END_HEADERS, END_STREAM, Frame, GOAWAY, HEADERS, PING,
    RST_STREAM, SETTINGS, WINDOW_UPDATE, frame, header, request,
};
use crate::wire::authority;

const JWKS: &str = "/.well-known/jwks.json";
/// RFC 9113 §7.
const PROTOCOL_ERROR: u32 = 1;
const ENHANCE_YOUR_CALM: u32 = 11;

struct Scene {
    server: TestServer,
    front: Front,
}

impl Scene {
    async fn start() -> Self {
        let server = TestServer::builder().limits(|limits| {
            limits.header_timeout = Duration::from_millis(100);
            limits.request_timeout = Duration::from_millis(100);
            limits.idle_timeout = Duration::from_millis(300);
        });
        let server = server.start().await;
        let front = server.with_tls().await;
        Self { server, front }
    }

    fn get(&self, path: &str) -> Vec<u8> {
        request("GET", &authority(&self.server), path)
    }

    fn post(&self, path: &str) -> Vec<u8> {
        request("POST", &authority(&self.server), path)
    }

    /// Sends these frames; what came until the server closed.
    async fn exchange(&self, frames: &[Vec<u8>]) -> Vec<Frame> {
        let mut connection = Connection::open(&self.front).await;
        connection.send(&frames.concat()).await;
        connection.listen().await
    }

    /// Somebody else is served.
    async fn is_alive(&self) {
        let ask = frame(HEADERS, END_HEADERS | END_STREAM, 1, &self.get(JWKS));
        assert_eq!(status(&self.exchange(&[ask]).await, 1), Some(200));
        self.server.get(JWKS).send().await.expect(200);
    }
}

/// The status of the answer on a stream, as far as these tests need to read HPACK: 200 and 400 are
/// in its static table, others follow as text.
fn status(frames: &[Frame], stream: u32) -> Option<u16> {
    let found = frames.iter().find(|frame| frame.kind == HEADERS && frame.stream == stream)?;
    match found.payload[0] {
        0x88 => Some(200),
        0x8c => Some(400),
        0x8d => Some(404),
        0x48 => huffman_status(&found.payload[1..]),
        other => panic!("{other:#x} {found:?}"),
    }
}

/// Digits in Huffman coding (RFC 7541, appendix B): `0`, `1` and `2` have five bits, the rest six.
fn huffman_status(text: &[u8]) -> Option<u16> {
    let length = usize::from(text[0] & 0x7f);
    if text[0] & 0x80 == 0 {
        return str::from_utf8(&text[1..=length]).ok()?.parse().ok();
    }
    let bits: Vec<u8> = text[1..=length]
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1))
        .collect();
    let number = |bits: &[u8]| bits.iter().fold(0_u16, |number, bit| number << 1 | u16::from(*bit));
    let (mut status, mut rest) = (0, &bits[..]);
    for _ in 0..3 {
        let short = number(&rest[..5]);
        let (digit, used) = if short < 3 { (short, 5) } else { (number(&rest[..6]) - 22, 6) };
        status = status * 10 + digit;
        rest = &rest[used..];
    }
    Some(status)
}

fn ended_with(frames: &[Frame]) -> Option<u32> {
    frames.iter().rev().find(|frame| frame.kind == GOAWAY).and_then(Frame::error)
}

fn reset_with(frames: &[Frame], stream: u32) -> Option<u32> {
    let reset = frames.iter().find(|frame| frame.kind == RST_STREAM && frame.stream == stream);
    reset.and_then(Frame::error)
}

#[tokio::test]
async fn a154_requests_that_are_taken_back_end_the_connection() {
    let scene = Scene::start().await;
    let headers = scene.get(JWKS);
    let frames: Vec<Vec<u8>> = (0..2_000)
        .flat_map(|number| {
            let stream = 2 * number + 1;
            let ask = frame(HEADERS, END_HEADERS | END_STREAM, stream, &headers);
            [ask, frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())]
        })
        .collect();
    let heard = scene.exchange(&frames).await;
    assert_eq!(ended_with(&heard), Some(ENHANCE_YOUR_CALM));
    scene.is_alive().await;
}

#[tokio::test]
async fn a154_headers_without_end_end_the_connection() {
    let scene = Scene::start().await;
    let mut connection = Connection::open(&scene.front).await;
    connection.send(&frame(HEADERS, END_STREAM, 1, &scene.get(JWKS))).await;
    connection.flood(&frame(CONTINUATION, 0, 1, &header("x", "y").repeat(100))).await;
    let heard = connection.listen().await;
    assert_eq!(status(&heard, 1), None);
    // Nor by frames that add nothing.
    let mut connection = Connection::open(&scene.front).await;
    connection.send(&frame(HEADERS, END_STREAM, 1, &scene.get(JWKS))).await;
    connection.flood(&frame(CONTINUATION, 0, 1, &[])).await;
    scene.is_alive().await;
}

#[tokio::test]
async fn a154_frames_without_content_end_the_connection() {
    let scene = Scene::start().await;
    let form = header("content-type", "application/x-www-form-urlencoded");
    let headers = [scene.post("/oauth/token"), form].concat();
    for empty in [
        frame(DATA, 0, 1, &[]),
        // Padding alone is no content either.
        frame(DATA, 8, 1, &[1, 0]),
        // What has to be answered, by a peer that reads no answer.
        frame(PING, 0, 0, &[0; 8]),
        frame(SETTINGS, 0, 0, &[]),
        frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]),
    ] {
        let mut connection = Connection::open(&scene.front).await;
        connection.send(&frame(HEADERS, END_HEADERS, 1, &headers)).await;
        connection.flood(&empty).await;
        scene.is_alive().await;
    }
}

#[tokio::test]
async fn a154_many_headers_are_not_kept() {
    let scene = Scene::start().await;
    let wide = header("x", &"y".repeat(100)).repeat(150);
    let frames = [
        frame(HEADERS, END_STREAM, 1, &scene.get(JWKS)),
        frame(CONTINUATION, 0, 1, &wide),
        frame(CONTINUATION, 0, 1, &wide),
        frame(CONTINUATION, 0, 1, &wide),
        frame(CONTINUATION, 0, 1, &wide),
        frame(CONTINUATION, END_HEADERS, 1, &wide),
    ];
    let heard = scene.exchange(&frames).await;
    let refused = status(&heard, 1) == Some(431) || reset_with(&heard, 1).is_some();
    assert!(refused || ended_with(&heard).is_some_and(|error| error != 0), "{heard:?}");
    scene.is_alive().await;
}

#[tokio::test]
async fn a154_a_connection_has_no_more_streams_than_agreed() {
    let scene = Scene::start().await;
    let form = header("content-type", "application/x-www-form-urlencoded");
    let headers = [scene.post("/oauth/token"), form].concat();
    // None of them ever comes to its end.
    let frames: Vec<Vec<u8>> =
        (0..300).map(|number| frame(HEADERS, END_HEADERS, 2 * number + 1, &headers)).collect();
    let heard = scene.exchange(&frames).await;
    let answered = heard.iter().filter(|frame| frame.kind == HEADERS).count();
    assert!(answered <= 100, "{answered}");
    scene.is_alive().await;
}

#[tokio::test]
async fn a152_over_http2_a_silent_peer_is_left() {
    let scene = Scene::start().await;
    // It says hello, and nothing more: not even that it is still there.
    Connection::open(&scene.front).await.listen().await;
    // It asks, and lets no answer through.
    let closed_window = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let ask = frame(HEADERS, END_HEADERS | END_STREAM, 1, &scene.get(JWKS));
    let heard = scene.exchange(&[closed_window, ask]).await;
    assert_eq!(status(&heard, 1), Some(200));
    assert!(!heard.iter().any(|frame| frame.kind == DATA && !frame.payload.is_empty()));
    // A body that never ends, over a connection on which other things go well.
    let form = header("content-type", "application/x-www-form-urlencoded");
    let post = [scene.post("/oauth/token"), form].concat();
    let heard = scene.exchange(&[frame(HEADERS, END_HEADERS, 1, &post)]).await;
    assert_eq!(status(&heard, 1), Some(503));
}

#[tokio::test]
async fn a150_over_http2_nothing_is_smuggled() {
    let scene = Scene::start().await;
    let host = authority(&scene.server);
    let with = |name: &str, value: &str| [scene.get(JWKS), header(name, value)].concat();
    let ask = |headers: &[u8]| [frame(HEADERS, END_HEADERS | END_STREAM, 1, headers)];
    // RFC 9113 §8.2: such requests are malformed.
    for (what, headers) in [
        ("a coding", with("transfer-encoding", "chunked")),
        ("a connection", with("connection", "close")),
        ("keep-alive", with("keep-alive", "1")),
        ("an upgrade", with("upgrade", "h2c")),
        ("te", with("te", "gzip")),
        ("capitals", with("X-A", "1")),
        ("a line end in a value", with("x", "a\r\nHost: evil.example")),
        ("a NUL", with("x", "a\0b")),
        ("a line end in a name", with("x\r\ny", "1")),
        ("a colon in a name", with("x: y", "1")),
        ("a space in a name", with("x y", "1")),
        ("a length that lies", with("content-length", "5")),
        ("two paths", with(":path", "/userinfo")),
        ("an unknown pseudo-header", with(":x", "1")),
        ("a status", with(":status", "200")),
        ("a line end in the path", request("GET", &host, "/x HTTP/1.1\r\nX: y")),
        ("a space in the path", request("GET", &host, "/x y")),
        ("no path", request("GET", &host, "")),
    ] {
        let heard = scene.exchange(&ask(&headers)).await;
        let refused = reset_with(&heard, 1) == Some(PROTOCOL_ERROR)
            || ended_with(&heard) == Some(PROTOCOL_ERROR)
            || status(&heard, 1) == Some(400);
        assert!(refused, "{what} {heard:?}");
    }
    // One host is asked, and it is the one in `:authority`.
    let status_of = async |headers: Vec<u8>| status(&scene.exchange(&ask(&headers)).await, 1);
    assert_eq!(status_of(with("host", "evil.example")).await, Some(200));
    let elsewhere = [request("GET", "evil.example", JWKS), header("host", &host)].concat();
    assert_eq!(status_of(elsewhere).await, Some(421));
    let by_second_host = scene.server.by_second_host();
    let other = request("GET", by_second_host.url("/").authority(), JWKS);
    assert_eq!(status_of(other).await, Some(200));
}

/// What a well-behaved peer says does not end anything.
#[tokio::test]
async fn a154_a_peer_that_keeps_to_the_rules_is_served() {
    let scene = Scene::start().await;
    let get = scene.get(JWKS);
    let frames = [
        frame(SETTINGS, ACK, 0, &[]),
        frame(PING, 0, 0, b"12345678"),
        frame(WINDOW_UPDATE, 0, 0, &1_000_000_u32.to_be_bytes()),
        frame(HEADERS, END_HEADERS | END_STREAM, 1, &get),
        frame(HEADERS, END_HEADERS | END_STREAM, 3, &scene.get("/userinfo")),
        frame(HEADERS, END_STREAM, 5, &get[..20]),
        frame(CONTINUATION, END_HEADERS, 5, &get[20..]),
        frame(RST_STREAM, 0, 5, &8_u32.to_be_bytes()),
    ];
    let heard = scene.exchange(&frames).await;
    assert_eq!(status(&heard, 1), Some(200));
    assert_eq!(status(&heard, 3), Some(401));
    assert!(heard.iter().any(|frame| frame.kind == PING && frame.payload == b"12345678"));
}
