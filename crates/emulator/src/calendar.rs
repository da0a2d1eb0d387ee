//! A small calendar API of the generic provider: something worth a token.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::app::App;
use crate::bearer;
use crate::flavour::Flavour;
use crate::form::has_content_type;
use crate::stats::Counted;

/// How many events of its own a user's calendar holds.
const EVENTS_MAX: usize = 1000;

/// How many characters a title or a place has.
const TEXT_CHARACTERS_MAX: usize = 200;

const MILLIS_PER_DAY: i64 = 24 * 60 * 60 * 1000;

/// An event as the API shows it; times are RFC 3339 in UTC.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CalendarEvent {
    id: String,
    title: String,
    start: String,
    end: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
}

/// An event as the API takes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewEvent {
    title: String,
    start: String,
    end: String,
    location: Option<String>,
}

/// `GET /calendar/events`, scope `read:calendar`.
pub(crate) async fn list(Shared(app): Shared<Arc<App>>, headers: HeaderMap) -> Response {
    let now = app.now();
    let mut state = app.lock();
    let scope = "read:calendar";
    let access = match bearer::authorize(&app, &state, &headers, Flavour::Oidc, scope) {
        Ok(access) => access,
        Err(refused) => return refused.into_response(),
    };
    state.count(Counted::CalendarCall, &access.account);
    let mut events = seeded(now);
    events.extend(state.calendars.get(&access.account.sub).into_iter().flatten().cloned());
    // RFC 3339 in UTC with three decimals sorts as text.
    events.sort_by(|one, other| one.start.cmp(&other.start));
    Json(json!({ "events": events })).into_response()
}

/// `POST /calendar/events`, scope `write:calendar`.
pub(crate) async fn create(
    Shared(app): Shared<Arc<App>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut state = app.lock();
    let scope = "write:calendar";
    let access = match bearer::authorize(&app, &state, &headers, Flavour::Oidc, scope) {
        Ok(access) => access,
        Err(refused) => return refused.into_response(),
    };
    if !has_content_type(&headers, "application/json") {
        let text = "The body must be application/json.";
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, text);
    }
    let event = match checked(&body, app.mint.id("evt_")) {
        Ok(event) => event,
        Err(text) => return refuse(StatusCode::BAD_REQUEST, &text),
    };
    let events = state.calendars.entry(access.account.sub.clone()).or_default();
    if events.len() >= EVENTS_MAX {
        return refuse(StatusCode::CONFLICT, "The calendar is full.");
    }
    events.push(event.clone());
    state.count(Counted::CalendarCall, &access.account);
    (StatusCode::CREATED, Json(event)).into_response()
}

fn checked(body: &[u8], id: String) -> Result<CalendarEvent, String> {
    let parsed: Result<NewEvent, _> = serde_json::from_slice(body);
    let NewEvent { title, start, end, location } = parsed.map_err(|error| error.to_string())?;
    let length = |text: &str| text.chars().count();
    if title.trim().is_empty() || length(&title) > TEXT_CHARACTERS_MAX {
        return Err("title is empty or too long".to_owned());
    }
    if location.as_deref().is_some_and(|place| length(place) > TEXT_CHARACTERS_MAX) {
        return Err("location is too long".to_owned());
    }
    let time = |name: &str, text: &str| {
        Timestamp::parse_rfc3339(text).map_err(|error| format!("{name}: {error}"))
    };
    let (start, end) = (time("start", &start)?, time("end", &end)?);
    if end <= start {
        return Err("end is not after start".to_owned());
    }
    Ok(CalendarEvent { id, title, start: start.to_rfc3339(), end: end.to_rfc3339(), location })
}

/// What everybody's calendar holds: always in the next days, whatever the day.
fn seeded(now: Timestamp) -> Vec<CalendarEvent> {
    let midnight =
        Timestamp::from_millis(now.as_millis().div_euclid(MILLIS_PER_DAY) * MILLIS_PER_DAY);
    let event = |id: &str, title: &str, place: Option<&str>, after_midnight: Duration| {
        let start = midnight.saturating_add(after_midnight);
        CalendarEvent {
            id: id.to_owned(),
            title: title.to_owned(),
            start: start.to_rfc3339(),
            end: start.saturating_add(Duration::from_mins(45)).to_rfc3339(),
            location: place.map(ToOwned::to_owned),
        }
    };
    vec![
        event("evt_seed_1", "Stand-up", None, Duration::from_hours(24 + 9)),
        event("evt_seed_2", "Lunch with Grace", Some("Harbour café"), Duration::from_hours(36)),
        event("evt_seed_3", "Design review", Some("Room 2"), Duration::from_hours(48 + 14)),
        event("evt_seed_4", "Train home", Some("Platform 4"), Duration::from_hours(96 + 17)),
    ]
}

fn refuse(status: StatusCode, description: &str) -> Response {
    let body = json!({ "error": "invalid_request", "error_description": description });
    (status, Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeded_events_lie_ahead_of_any_clock() {
        for millis in [0, 1_795_219_200_000, 1_795_219_199_999] {
            let now = Timestamp::from_millis(millis);
            assert!(seeded(now).iter().all(|event| event.start > now.to_rfc3339()));
        }
    }

    #[test]
    fn an_event_must_have_a_title_and_end_after_it_starts() {
        let read = |text: &str| checked(text.as_bytes(), "evt_1".to_owned());
        let times = r#""start":"2026-11-21T10:00:00Z","end":"2026-11-21T11:00:00+00:00""#;
        let event = read(&format!(r#"{{"title":"Tea",{times}}}"#)).unwrap();
        assert_eq!(event.end, "2026-11-21T11:00:00.000Z");
        assert!(read(&format!(r#"{{"title":" ",{times}}}"#)).is_err());
        assert!(
            read(r#"{"title":"Tea","start":"2026-11-21T10:00:00Z","end":"2026-11-21T10:00:00Z"}"#)
                .is_err()
        );
        assert!(read(&format!(r#"{{"title":"Tea","colour":"red",{times}}}"#)).is_err());
    }
}
