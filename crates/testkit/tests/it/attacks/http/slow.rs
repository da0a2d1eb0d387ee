//! A152: whoever takes their time is not waited for, and keeps nobody else waiting.

use std::time::Duration;

use testkit::TestServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use web::listen::Limits;

use crate::wire::{authority, connect, listen};

const SHORT: Duration = Duration::from_millis(50);
/// How long a slow peer rests between two bytes.
const REST: Duration = Duration::from_millis(5);

async fn server(limit: impl FnOnce(&mut Limits)) -> TestServer {
    TestServer::builder().limits(limit).start().await
}

/// The server closes the connection without a word. If it did not, the test would not end.
async fn is_closed(mut stream: TcpStream) {
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap_or(0), 0);
}

/// Sends byte after byte until nobody takes one any more.
async fn trickle(stream: &mut TcpStream, text: &[u8]) {
    let mut pace = tokio::time::interval(REST);
    for byte in text.iter().cycle() {
        pace.tick().await;
        if stream.write_all(&[*byte]).await.is_err() {
            return;
        }
    }
}

async fn is_alive(server: &TestServer) {
    server.get("/.well-known/jwks.json").send().await.expect(200);
}

#[tokio::test]
async fn a152_a_silent_connection_is_closed() {
    let server = server(|limits| limits.header_timeout = SHORT).await;
    is_closed(connect(&server).await).await;
    // Nor does one that was of use once stay for ever.
    let mut stream = connect(&server).await;
    let request = format!("GET /x HTTP/1.1\r\nHost: {}\r\n\r\n", authority(&server));
    stream.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(listen(&mut stream).await.len(), 1);
}

#[tokio::test]
async fn a152_headers_that_never_end_are_not_waited_for() {
    let server = server(|limits| limits.header_timeout = SHORT).await;
    let mut stream = connect(&server).await;
    let start = format!("GET /x HTTP/1.1\r\nHost: {}\r\n", authority(&server));
    stream.write_all(start.as_bytes()).await.unwrap();
    trickle(&mut stream, b"X: y\r\n").await;
    is_closed(stream).await;
}

#[tokio::test]
async fn a152_a_body_that_never_ends_is_not_waited_for() {
    let server = server(|limits| limits.request_timeout = SHORT).await;
    for length in ["Content-Length: 100000", "Transfer-Encoding: chunked"] {
        let mut stream = connect(&server).await;
        let host = authority(&server);
        let form = "Content-Type: application/x-www-form-urlencoded";
        let head =
            format!("POST /oauth/token HTTP/1.1\r\nHost: {host}\r\n{form}\r\n{length}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let (mut reading, mut writing) = stream.into_split();
        let slow = tokio::spawn(async move {
            let mut pace = tokio::time::interval(REST);
            loop {
                pace.tick().await;
                if writing.write_all(b"1\r\na\r\n").await.is_err() {
                    return;
                }
            }
        });
        let mut answer = String::new();
        let _ = reading.read_to_string(&mut answer).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 503"), "{answer}");
        slow.await.unwrap();
    }
    is_alive(&server).await;
}

/// Asks again and again and reads no answer: sooner or later nothing more fits on the way back.
#[tokio::test]
async fn a152_an_answer_that_nobody_reads_is_not_kept() {
    let server = server(|limits| limits.idle_timeout = SHORT).await;
    let mut stream = connect(&server).await;
    let request =
        format!("GET /.well-known/jwks.json HTTP/1.1\r\nHost: {}\r\n\r\n", authority(&server));
    let requests = request.repeat(1_000);
    while stream.write_all(requests.as_bytes()).await.is_ok() {}
    is_alive(&server).await;
}

#[tokio::test]
async fn a152_a_handshake_that_never_ends_is_not_waited_for() {
    let server = server(|limits| limits.handshake_timeout = SHORT).await;
    let front = server.with_tls().await;
    is_closed(front.stream().await).await;
    let mut stream = front.stream().await;
    // The first bytes of a ClientHello that is to be 64 bytes long.
    stream.write_all(&[0x16, 3, 1, 0, 64, 1, 0, 0, 60]).await.unwrap();
    is_closed(stream).await;
}

/// Those who wait for nothing take the places of no others for long.
#[tokio::test]
async fn a152_idle_connections_give_way() {
    let server = server(|limits| {
        limits.header_timeout = SHORT;
        limits.connections_max = 4;
    })
    .await;
    let mut idle = Vec::new();
    for _ in 0..16 {
        idle.push(connect(&server).await);
    }
    is_alive(&server).await;
    for stream in idle {
        is_closed(stream).await;
    }
}

#[tokio::test]
async fn a152_many_idle_connections_keep_nobody_waiting() {
    let server = TestServer::start().await;
    let mut idle = Vec::new();
    for _ in 0..500 {
        let mut stream = connect(&server).await;
        stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        idle.push(stream);
    }
    is_alive(&server).await;
    drop(idle);
}
