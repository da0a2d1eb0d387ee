//! `GET` and `POST /connections/{id}/keys`, `POST /connections/{id}/keys/rotate`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use engine::connection_keys::{self, ConnectionKeyError};
use protocol::jose::jws::Algorithm;
use serde_json::{Value, json};
use store::connection_keys::ConnectionKey;
use store::keys::Stage;

use super::unknown;
use crate::management::answer::{Created, Found};
use crate::management::caller::{Caller, Permission};
use crate::management::error::{Code, ManagementError};
use crate::management::json::OptionalJsonBody;
use crate::management::patch::Members;
use crate::management::path::InPath;
use crate::management::query::Query;
use crate::management::shape::{self, Member, Shape};

const ALGORITHM: &[Member] =
    &[Member::new("signing_alg", Shape::OneOf(&["RS256", "RS384", "PS256", "ES256"]))];

pub(in crate::management) enum ReadKeys {}

impl Permission for ReadKeys {
    const ANY_OF: &'static [&'static str] = &["read:connections_keys"];
}

pub(in crate::management) enum CreateKeys {}

impl Permission for CreateKeys {
    const ANY_OF: &'static [&'static str] = &["create:connections_keys"];
}

impl From<ConnectionKeyError> for ManagementError {
    fn from(error: ConnectionKeyError) -> Self {
        match &error {
            ConnectionKeyError::Unknown => unknown(),
            ConnectionKeyError::NotAvailable => {
                let why = "Keys are not available for this connection";
                Self::new(Code::OperationNotSupported, why)
            }
            ConnectionKeyError::Exist => {
                let why = "Keys have already been created for this connection";
                Self::new(Code::Conflict, why)
            }
            ConnectionKeyError::None => {
                let why = "Connection is not configured to use JWT Client Authentication";
                Self::new(Code::OperationNotSupported, why)
            }
            ConnectionKeyError::Certificate(cause) => Self::internal(cause),
            ConnectionKeyError::Key(cause) => Self::internal(cause),
        }
    }
}

/// Lists the keys of a connection, their public halves alone.
pub(in crate::management) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<ReadKeys>,
    InPath(id): InPath<String>,
    query: Query,
) -> Result<Found<Vec<Value>>, ManagementError> {
    query.finish()?;
    let keys = connection_keys::list(&app, caller.context(), &id.into()).await?;
    Ok(Found(keys.iter().map(show).collect()))
}

/// Gives a connection its first keys.
pub(in crate::management) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller<CreateKeys>,
    InPath(id): InPath<String>,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Created<Vec<Value>>, ManagementError> {
    let algorithm = algorithm(body)?;
    let (context, by, now) = (caller.context(), caller.administrator(), caller.now());
    let keys = connection_keys::create(&app, context, by, &id.into(), algorithm, now).await?;
    Ok(Created(keys.iter().map(show).collect()))
}

/// Lets a connection sign with its next key. The answer is the one after that.
pub(in crate::management) async fn rotate(
    State(app): State<Arc<App>>,
    caller: Caller<CreateKeys>,
    InPath(id): InPath<String>,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Created<Value>, ManagementError> {
    caller.require_any(&["update:connections_keys"])?;
    let algorithm = algorithm(body)?;
    let (context, by, now) = (caller.context(), caller.administrator(), caller.now());
    let key = connection_keys::rotate(&app, context, by, &id.into(), algorithm, now).await?;
    Ok(Created(show(&key)))
}

fn algorithm(body: Value) -> Result<Option<Algorithm>, ManagementError> {
    if body.is_null() {
        return Ok(None);
    }
    let mut members = Members::new(shape::check(body, &[ALGORITHM])?);
    let name: Option<String> = members.optional("signing_alg")?;
    Ok(name.and_then(|name| Algorithm::parse(&name)))
}

fn show(key: &ConnectionKey) -> Value {
    let pairs: Vec<_> = key.thumbprint.as_bytes().chunks(2).map(String::from_utf8_lossy).collect();
    let mut shown = json!({
        "kid": key.kid,
        "cert": key.certificate,
        "fingerprint": pairs.join(":"),
        "thumbprint": key.thumbprint,
        "algorithm": key.algorithm,
        "key_use": "signing",
        "subject_dn": format!("/CN={}", key.connection_id),
        // Providers that take no certificate take this.
        "jwk": key.public_jwk,
    });
    let stage = match key.stage {
        Stage::Current => "current",
        Stage::Next => "next",
        Stage::Previous => "previous",
    };
    shown[stage] = json!(true);
    if let Some(since) = key.current_since {
        shown["current_since"] = json!(since.to_rfc3339());
    }
    shown
}
