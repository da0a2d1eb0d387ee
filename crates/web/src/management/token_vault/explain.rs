//! `POST /token-vault/explain-exchange`

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use engine::vault_access::{self, Explanation, Question};
use protocol::oauth::exchange::SubjectTokenType;
use protocol::oauth::scope::ScopeSet;
use serde_json::{Map, Value};

use crate::management::answer::Found;
use crate::management::caller::{Caller, Permission};
use crate::management::error::ManagementError;
use crate::management::json::JsonBody;
use crate::management::patch::Members;
use crate::management::shape::{self, Member, Shape};

const ID: Shape = Shape::Text { least: 1, most: 600 };
const QUESTION: &[Member] = &[
    Member::required("client_id", ID),
    Member::required("user_id", ID),
    Member::required("connection", ID),
    Member::new("login_hint", ID),
    Member::new("scope", Shape::Text { least: 0, most: 16_384 }),
    Member::new("subject_token_type", ID),
    Member::new("holder_client_id", ID),
    Member::new("ip", ID),
];

pub(in crate::management) enum ExplainExchanges {}

impl Permission for ExplainExchanges {
    const ANY_OF: &'static [&'static str] = &["read:clients"];
}

/// Explains an exchange without making it. Who asks learns something of a client, of a person and of a
/// connection, and so must be allowed to see all three.
pub(in crate::management) async fn explain(
    State(app): State<Arc<App>>,
    caller: Caller<ExplainExchanges>,
    JsonBody(body): JsonBody,
) -> Result<Found<Explanation>, ManagementError> {
    caller.require_any(&["read:users"])?;
    caller.require_any(&["read:connections"])?;
    let question = read(shape::check(body, &[QUESTION])?)?;
    let (context, now) = (caller.context(), caller.now());
    let explanation =
        vault_access::explain(&app.store, &app.catalogue, context, &question, now).await?;
    Ok(Found(explanation))
}

fn read(body: Map<String, Value>) -> Result<Question, ManagementError> {
    let mut members = Members::new(body);
    let refused = |property: &str, why: &str| ManagementError::invalid_body(property, why);
    let kind: Option<String> = members.optional("subject_token_type")?;
    let scope: Option<String> = members.optional("scope")?;
    let ip: Option<String> = members.optional("ip")?;
    Ok(Question {
        client_id: members.required("client_id")?,
        user_id: members.required("user_id")?,
        connection: members.required("connection")?,
        login_hint: members.optional("login_hint")?,
        scope: scope
            .map(|text| ScopeSet::parse(&text))
            .transpose()
            .map_err(|error| refused("scope", &error.to_string()))?,
        subject_token_type: kind
            .map(|name| {
                SubjectTokenType::parse(&name)
                    .ok_or_else(|| refused("subject_token_type", "No enum match"))
            })
            .transpose()?,
        holder: members.optional("holder_client_id")?,
        address: ip
            .map(|text| text.parse::<IpAddr>())
            .transpose()
            .map_err(|error| refused("ip", &error.to_string()))?
            .map(|address| address.to_canonical()),
    })
}
