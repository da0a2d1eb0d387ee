//! What tests of answers and of the audit log assert again and again.

use model::log_event::LogEventKind;
use serde_json::json;
use testkit::{Answer, TestServer};

/// An error of an OAuth endpoint: all that an SDK looks at.
#[track_caller]
pub(crate) fn refused(answer: &Answer, status: u16, error: &str, description: &str) {
    let body = json!({ "error": error, "error_description": description });
    let mut told = answer.json();
    // For the owner of an account whose grant is dead, of which SDKs know nothing.
    let _ = told.as_object_mut().map(|members| members.remove("reconnect_uri"));
    assert_eq!((answer.status, told), (status, body), "{answer:?}");
    is_token_answer(answer);
}

/// The headers that every answer of the token endpoint has, and the one that none has: SDKs take a
/// challenge for another kind of error and lose the code.
#[track_caller]
pub(crate) fn is_token_answer(answer: &Answer) {
    assert_eq!(answer.header("content-type"), Some("application/json"), "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
    assert_eq!(answer.header("pragma"), Some("no-cache"), "{answer:?}");
    assert_eq!(answer.header("www-authenticate"), None, "{answer:?}");
}

/// The newest event of all is of this kind and has this cause.
pub(crate) async fn noted(server: &TestServer, kind: LogEventKind, cause: &str) {
    let event = server.log_events().await.pop().unwrap();
    assert_eq!((event.kind, event.detail.description.as_deref()), (kind, Some(cause)), "{event:?}");
}

/// How many events there are: requests that are nobody's leave none.
pub(crate) async fn events(server: &TestServer) -> usize {
    server.log_events().await.len()
}

/// How often the provider was asked for anything.
pub(crate) async fn provider_requests(server: &TestServer) -> i64 {
    let stats = server.provider().stats().await;
    let requests = stats["requests"].as_object().unwrap();
    requests.values().filter_map(serde_json::Value::as_i64).sum()
}
