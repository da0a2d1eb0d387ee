//! HTTP/2 frame by frame (RFC 9113), as no client library would send it.

use testkit::Front;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const ACK: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame as it came.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The error code of a GOAWAY or RST_STREAM frame.
    pub(crate) fn error(&self) -> Option<u32> {
        let at = match self.kind {
            GOAWAY => 4,
            RST_STREAM => 0,
            _ => return None,
        };
        let bytes = self.payload.get(at..at + 4)?.try_into().unwrap();
        Some(u32::from_be_bytes(bytes))
    }
}

/// A frame to send.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [&head, payload].concat()
}

/// A header by its name and value, uncompressed and not to be remembered (RFC 7541 §6.2.2).
pub(crate) fn header(name: &str, value: &str) -> Vec<u8> {
    let text = |text: &str| [vec![u8::try_from(text.len()).unwrap()], text.into()].concat();
    [vec![0], text(name), text(value)].concat()
}

/// The headers of a request.
pub(crate) fn request(method: &str, authority: &str, path: &str) -> Vec<u8> {
    [(":method", method), (":scheme", "https"), (":authority", authority), (":path", path)]
        .map(|(name, value)| header(name, value))
        .concat()
}

/// A connection on which both have said hello.
pub(crate) struct Connection(pub(crate) TlsStream<TcpStream>);

impl Connection {
    pub(crate) async fn open(front: &Front) -> Self {
        let mut connection = Self(front.connect("h2").await);
        connection.send(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await;
        connection
    }

    /// Sends bytes. Whether the server still took them.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).await.is_ok() && self.0.flush().await.is_ok()
    }

    /// Sends the same again and again until the server takes no more.
    pub(crate) async fn flood(&mut self, bytes: &[u8]) {
        let many = bytes.repeat(1 + 64 * 1024 / bytes.len());
        while self.send(&many).await {}
    }

    /// All frames until the server closes the connection.
    pub(crate) async fn listen(mut self) -> Vec<Frame> {
        let mut bytes = Vec::new();
        let _ = self.0.read_to_end(&mut bytes).await;
        frames(&bytes)
    }
}

fn frames(mut bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let Some((head, rest)) = bytes.split_at_checked(9) {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let stream = u32::from_be_bytes(head[5..9].try_into().unwrap()) & 0x7fff_ffff;
        let Some((payload, rest)) = rest.split_at_checked(length) else { break };
        frames.push(Frame { kind: head[3], stream, payload: payload.to_vec() });
        bytes = rest;
    }
    frames
}
