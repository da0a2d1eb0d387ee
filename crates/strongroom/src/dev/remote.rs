//! A running `dev`, commanded from another process.

use std::io;
use std::path::{Path, PathBuf};

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{self, Method, Request};
use engine::outbound::{Outbound, OutboundError, Reach};
use serde_json::Value;

use super::control::Door;
use super::place::DEFAULT_FOLDER;
use crate::failure::Failure;

/// The server, found.
pub(super) struct Remote {
    folder: PathBuf,
    pub(super) door: Door,
    outbound: Outbound,
}

/// Why a running server did not do what it was told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemoteError {
    #[error(
        "no dev server runs with the folder {}: start one with `strongroom dev`, or name the \
         folder of the one that runs with --data", folder.display()
    )]
    NotRunning { folder: PathBuf },
    #[error(
        "the dev server of the folder {} does not answer; it was killed, or it is stopping",
        folder.display()
    )]
    Gone { folder: PathBuf, source: OutboundError },
    #[error("{} cannot be read", file.display())]
    Unreadable { file: PathBuf, source: io::Error },
    #[error("the dev server refuses: {0}")]
    Refused(String),
    #[error("the dev server cannot be asked for that")]
    Request(#[from] http::Error),
    #[error("the dev server answers something else; is it of another version?")]
    Answer(#[source] serde_json::Error),
}

impl Remote {
    /// Finds the server by the file in its folder.
    pub(super) fn find(data: Option<&Path>) -> Result<Self, Failure> {
        let folder = data.unwrap_or(Path::new(DEFAULT_FOLDER)).to_owned();
        let file = Door::file(&folder);
        let door = match Door::read(&file) {
            Ok(Some(door)) => door,
            Ok(None) => return Err(RemoteError::NotRunning { folder }.into()),
            Err(source) => return Err(RemoteError::Unreadable { file, source }.into()),
        };
        let outbound = Outbound::new(Reach::PublicAndLoopback).map_err(Failure::Outbound)?;
        Ok(Self { folder, door, outbound })
    }

    /// Asks it. An answer without a body is null.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, RemoteError> {
        let secret = self.door.secret.secret().expose();
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.door.url))
            .header(AUTHORIZATION, format!("Bearer {secret}"))
            .header(CONTENT_TYPE, "application/json")
            .body(body.map(|body| body.to_string().into_bytes()).unwrap_or_default())?;
        let sent = self.outbound.send(request).await;
        let answer =
            sent.map_err(|source| RemoteError::Gone { folder: self.folder.clone(), source })?;
        let body = if answer.body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&answer.body).map_err(RemoteError::Answer)?
        };
        if answer.status.is_success() {
            return Ok(body);
        }
        let told = body["error"].as_str().unwrap_or(answer.status.as_str());
        Err(RemoteError::Refused(told.to_owned()))
    }
}
