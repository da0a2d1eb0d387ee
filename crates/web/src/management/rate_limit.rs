//! A limit on requests per tenant and minute, told in every answer as Auth0 tells it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{FromRequestParts, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use model::ids::TenantId;
use protocol::time::Timestamp;

use super::error::{Code, ManagementError};
use crate::AppState;
use crate::asked::Asked;

/// Far beyond what administration needs; it is there to bound a loop that went wrong.
const REQUESTS_PER_MINUTE_MAX: u32 = 60_000;
const MINUTE_SECONDS: i64 = 60;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// What was used of the limit in this minute, by tenant. Each node counts for itself.
#[derive(Debug, Default)]
pub(super) struct Counts(Mutex<HashMap<TenantId, Count>>);

#[derive(Clone, Copy, Debug)]
struct Count {
    minute: i64,
    requests: u32,
}

/// What is left of a minute's requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Standing {
    /// `None` is beyond the limit.
    remaining: Option<u32>,
    /// When the next minute begins, in seconds since 1970.
    reset: i64,
}

impl Counts {
    fn count(&self, tenant: &TenantId, now: Timestamp) -> Standing {
        let minute = now.as_seconds().div_euclid(MINUTE_SECONDS);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(tenant.clone()).or_insert(Count { minute, requests: 0 });
        if count.minute != minute {
            *count = Count { minute, requests: 0 };
        }
        count.requests = count.requests.saturating_add(1);
        let remaining = REQUESTS_PER_MINUTE_MAX.checked_sub(count.requests);
        Standing { remaining, reset: minute.saturating_add(1).saturating_mul(MINUTE_SECONDS) }
    }
}

/// Counts a request, answers it if the limit is reached, and tells in any answer how things stand.
pub(super) async fn limit(
    State((state, counts)): State<(AppState, Arc<Counts>)>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let asked = match Asked::from_request_parts(&mut parts, &state).await {
        Ok(asked) => asked,
        Err(error) => return ManagementError::from(error).into_response(),
    };
    let standing = counts.count(asked.context.tenant_id(), asked.now);
    let mut response = if standing.remaining.is_some() {
        next.run(Request::from_parts(parts, body)).await
    } else {
        let wait = standing.reset.saturating_sub(asked.now.as_seconds());
        let error = ManagementError::new(Code::TooManyRequests, "Global limit has been reached");
        let mut response = error.into_response();
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait));
        response
    };
    tell(response.headers_mut(), standing);
    response
}

fn tell(headers: &mut HeaderMap, standing: Standing) {
    headers.insert(LIMIT, HeaderValue::from(REQUESTS_PER_MINUTE_MAX));
    headers.insert(REMAINING, HeaderValue::from(standing.remaining.unwrap_or(0)));
    headers.insert(RESET, HeaderValue::from(standing.reset));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tenant_has_a_limit_that_begins_anew_each_minute() {
        let counts = Counts::default();
        let (acme, other) = (TenantId::new("acme"), TenantId::new("other"));
        let at = |seconds: i64| Timestamp::from_seconds(600 + seconds);
        let first = counts.count(&acme, at(1));
        assert_eq!(first, Standing { remaining: Some(REQUESTS_PER_MINUTE_MAX - 1), reset: 660 });
        for _ in 1..REQUESTS_PER_MINUTE_MAX {
            counts.count(&acme, at(2));
        }
        assert_eq!(counts.count(&acme, at(59)).remaining, None);
        assert_eq!(counts.count(&other, at(59)).remaining, Some(REQUESTS_PER_MINUTE_MAX - 1));
        assert_eq!(counts.count(&acme, at(60)).remaining, Some(REQUESTS_PER_MINUTE_MAX - 1));
    }
}
