//! The door by which a second terminal commands a running `dev`: the clock, and the emulator's controls.
//!
//! It is in `dev` alone. It listens on this machine, on a port of its own, and opens to whoever has the
//! secret that lies in the data folder, in a file that only its owner may read. So a page in a browser
//! cannot come through, whatever it makes the browser send: it does not know the secret, what carries an
//! `Origin` is refused, and so is a name that was made to lead here (DNS rebinding).

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::{Request, State as Shared};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use engine::entropy::Entropy;
use protocol::secret::{Disclosed, Secret};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::TcpListener;

use super::clock::{self, Advance, DevClock};
use super::place::{PlaceError, write_private};
use crate::failure::Failure;
use crate::listeners;

/// The file in the data folder.
const FILE: &str = "control.json";

/// The kind of the secret that opens the door.
pub(super) enum ControlSecret {}

/// What the file says.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Door {
    /// Where to knock: an origin, without a slash at the end.
    pub(super) url: String,
    pub(super) secret: Disclosed<ControlSecret>,
    /// What the emulator calls the provider behind a connection.
    pub(super) flavours: BTreeMap<String, String>,
}

/// The door, listening, with its file written.
pub(super) struct Control {
    listener: TcpListener,
    pub(super) door: Arc<Door>,
    file: PathBuf,
}

impl Door {
    /// Where the file is.
    pub(super) fn file(folder: &Path) -> PathBuf {
        folder.join(FILE)
    }

    /// Reads the file; `None` if there is none.
    pub(super) fn read(file: &Path) -> io::Result<Option<Self>> {
        match std::fs::read(file) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn authority(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// Whether a request may come in.
    fn admits(&self, headers: &HeaderMap) -> Result<(), (StatusCode, &'static str)> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        if headers.contains_key(ORIGIN) {
            return Err((StatusCode::FORBIDDEN, "pages are not listened to"));
        }
        if text(HOST) != Some(self.authority()) {
            return Err((StatusCode::FORBIDDEN, "this is not the host that was asked"));
        }
        let given = text(AUTHORIZATION).and_then(|line| line.strip_prefix("Bearer "));
        if given.is_some_and(|given| self.secret.secret().ct_eq(&Secret::new(given))) {
            Ok(())
        } else {
            Err((StatusCode::UNAUTHORIZED, "the secret is another one"))
        }
    }
}

impl Control {
    /// Takes a port and writes the file, in the place of the one that a killed server left.
    pub(super) async fn open(
        folder: &Path,
        entropy: &dyn Entropy,
        flavours: BTreeMap<String, String>,
    ) -> Result<Self, Failure> {
        let (listener, port) = listeners::on_loopback(0, "port").await?;
        let url = format!("http://127.0.0.1:{port}");
        let secret: Secret<ControlSecret> = entropy.secret("");
        let door = Door { url, secret: secret.disclose(), flavours };
        let file = Door::file(folder);
        let unwritten = |source| PlaceError::Write { folder: folder.to_owned(), source };
        let text = serde_json::to_string(&door).map_err(|error| unwritten(error.into()))?;
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(unwritten(error).into());
            }
            Ok(()) | Err(_) => write_private(&file, &text).map_err(unwritten)?,
        }
        Ok(Self { listener, door: Arc::new(door), file })
    }

    /// Serves until it is time to stop, then takes the file away.
    pub(super) async fn serve(
        self,
        clock: Arc<DevClock>,
        emulator: Router,
        stopping: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let Self { listener, door, file } = self;
        let router = router(Arc::clone(&door), clock, emulator);
        let served = axum::serve(listener, router).with_graceful_shutdown(stopping).await;
        // Another server with the same folder has written its own.
        let is_ours = |found: &Door| found.secret == door.secret;
        if Door::read(&file)?.as_ref().is_some_and(is_ours) {
            std::fs::remove_file(&file)?;
        }
        served
    }
}

fn router(door: Arc<Door>, clock: Arc<DevClock>, emulator: Router) -> Router {
    Router::new()
        .route(clock::PATH, get(show_clock).post(advance_clock))
        .with_state(clock)
        .merge(emulator)
        .layer(from_fn_with_state(door, guard))
}

async fn guard(Shared(door): Shared<Arc<Door>>, request: Request, next: Next) -> Response {
    match door.admits(request.headers()) {
        Ok(()) => next.run(request).await,
        Err((status, error)) => refused(status, error),
    }
}

fn refused(status: StatusCode, error: &str) -> Response {
    (status, Json(json!({ "error": error }))).into_response()
}

async fn show_clock(Shared(clock): Shared<Arc<DevClock>>) -> Response {
    Json(clock.told()).into_response()
}

async fn advance_clock(
    Shared(clock): Shared<Arc<DevClock>>,
    Json(advance): Json<Advance>,
) -> Response {
    if clock.advance(&advance) {
        tracing::info!(now = clock.told().now(), "the clock was set forward");
        show_clock(Shared(clock)).await
    } else {
        refused(StatusCode::BAD_REQUEST, "the clock does not go that far ahead")
    }
}
