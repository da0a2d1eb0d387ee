//! Somebody who is told of events.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

/// A receiver of events on this machine.
pub struct Receiver {
    url: String,
    inbox: Arc<Mutex<Inbox>>,
    #[expect(dead_code, reason = "its drop is its use")]
    serving: AbortOnDropHandle<()>,
}

struct Inbox {
    answer: StatusCode,
    received: Vec<Received>,
}

/// What came in one request.
#[derive(Clone, Debug)]
pub struct Received {
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Received {
    /// The body.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// A header.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Receiver {
    /// Takes everything with 204.
    pub async fn start() -> Self {
        let inbox =
            Arc::new(Mutex::new(Inbox { answer: StatusCode::NO_CONTENT, received: Vec::new() }));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}/events", listener.local_addr().unwrap());
        let router = Router::new().fallback(take).with_state(Arc::clone(&inbox));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, inbox, serving: AbortOnDropHandle::new(serving) }
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How it answers from now on.
    pub fn answers(&self, status: u16) {
        self.inbox.lock().unwrap().answer = StatusCode::from_u16(status).unwrap();
    }

    /// What came since this was last asked.
    pub fn received(&self) -> Vec<Received> {
        std::mem::take(&mut self.inbox.lock().unwrap().received)
    }

    /// The kinds of event that came since this was last asked, and to which accounts they happened.
    pub fn heard(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let heard = self.received().into_iter().map(|received| received.json());
        heard.map(|event| (text(&event["type"]), text(&event["data"]["object"]["id"]))).collect()
    }
}

async fn take(
    State(inbox): State<Arc<Mutex<Inbox>>>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let mut inbox = inbox.lock().unwrap();
    inbox.received.push(Received { headers, body });
    inbox.answer
}
