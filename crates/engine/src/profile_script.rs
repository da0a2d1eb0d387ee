//! The script of a custom provider that says whose account a token is for.
//!
//! It runs in a worker process; the requests that it makes are made here, by the one way out.

use std::collections::BTreeMap;

use actions::{ActionError, FetchUserProfile, HttpAnswer, HttpRequest};
use connectors::{TRANSPORT_HEADERS, TokenReply};
use http::{HeaderName, Request};
use model::ids::TenantId;
use protocol::oauth::scope::ScopeSet;
use serde_json::{Map, Value};

use crate::app::App;
use crate::outbound::{Outbound, OutboundError};

/// Asks the script for the profile that belongs to the tokens in `reply`.
pub(crate) async fn fetch_profile(
    app: &App,
    tenant: &TenantId,
    script: &str,
    reply: &TokenReply,
    scopes: &ScopeSet,
) -> Result<Map<String, Value>, ActionError> {
    let event = FetchUserProfile {
        access_token: &reply.access_token,
        id_token: reply.id_token.as_ref(),
        scope: &scopes.to_string(),
        others: reply.extras.as_map(),
    };
    let call = |request| call(&app.outbound, request);
    app.actions.fetch_user_profile(tenant.as_str(), script, event, call).await
}

/// Makes a request of a script. The reason of a failure is for the script.
async fn call(outbound: &Outbound, asked: HttpRequest) -> Result<HttpAnswer, String> {
    let mut request = Request::builder().method(asked.method.as_str()).uri(asked.url);
    for (name, value) in asked.headers {
        let name: HeaderName = name.parse().map_err(|error| format!("{name}: {error}"))?;
        if TRANSPORT_HEADERS.contains(&name) {
            return Err(format!("the header {name} is not for scripts to set"));
        }
        request = request.header(name, value);
    }
    let body = asked.body.unwrap_or_default().into_bytes();
    let request = request.body(body).map_err(|error| error.to_string())?;
    let answer = outbound.send(request).await.map_err(|error| match error {
        // Which rule it is would tell a script what inner names lead to.
        OutboundError::Forbidden(_) => "the address is not allowed".to_owned(),
        error @ (OutboundError::TimedOut | OutboundError::Unreachable | OutboundError::TooLong) => {
            error.to_string()
        }
    })?;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let mut headers = BTreeMap::<String, String>::new();
    for (name, value) in &answer.headers {
        // RFC 9110 §5.3: several fields of one name are one field with their values joined.
        let joined = headers.entry(name.as_str().to_owned()).or_default();
        if !joined.is_empty() {
            joined.push_str(", ");
        }
        joined.push_str(&text(value.as_bytes()));
    }
    Ok(HttpAnswer { status: answer.status.as_u16(), headers, body: text(&answer.body) })
}
