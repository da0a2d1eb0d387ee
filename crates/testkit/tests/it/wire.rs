//! HTTP byte by byte, as no client library would send it.

use testkit::TestServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) status: u16,
    /// Status line and headers.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Heard {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.find_map(|(line, value)| line.eq_ignore_ascii_case(name).then_some(value.trim()))
    }
}

/// The value of the `Host` header.
pub(crate) fn authority(server: &TestServer) -> String {
    server.url("/").authority().to_owned()
}

pub(crate) async fn connect(server: &TestServer) -> TcpStream {
    TcpStream::connect(("127.0.0.1", server.url("/").port().unwrap())).await.unwrap()
}

/// Sends bytes and listens until the server closes the connection.
pub(crate) async fn exchange(server: &TestServer, request: &[u8]) -> Vec<Heard> {
    let mut stream = connect(server).await;
    // A server that has heard enough may close before it has heard all.
    let _ = stream.write_all(request).await;
    listen(&mut stream).await
}

/// The same, of answers that have no bodies, whatever length they tell.
pub(crate) async fn exchange_heads(server: &TestServer, request: &[u8]) -> Vec<Heard> {
    let mut stream = connect(server).await;
    let _ = stream.write_all(request).await;
    let bytes = hear(&mut stream).await;
    let text = String::from_utf8(bytes).unwrap().replace("content-length", "x-length");
    answers(text.as_bytes())
}

/// All answers until the server closes the connection.
pub(crate) async fn listen(stream: &mut TcpStream) -> Vec<Heard> {
    answers(&hear(stream).await)
}

async fn hear(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(1..) = stream.read(&mut buffer).await.inspect(|read| {
        bytes.extend_from_slice(&buffer[..*read]);
    }) {}
    bytes
}

/// Takes apart what came over one connection.
fn answers(mut bytes: &[u8]) -> Vec<Heard> {
    let mut answers = Vec::new();
    while !bytes.is_empty() {
        let end = find(bytes, b"\r\n\r\n").unwrap();
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut heard = Heard { status, head, body: String::new() };
        bytes = &bytes[end + 4..];
        let length = heard.header("content-length").map_or(0, |text| text.parse().unwrap());
        let (body, rest) = bytes.split_at(length);
        heard.body = String::from_utf8(body.to_vec()).unwrap();
        bytes = rest;
        answers.push(heard);
    }
    answers
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}
