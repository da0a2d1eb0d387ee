//! The same accept loop and router with a handler that does nothing.

use axum::Router;
use axum::routing::post;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use web::listen::{Limits, serve as accept};

use crate::Outcome;

/// As long as an exchange's answer.
const ANSWER: &str = r#"{"access_token":"emu_at_0123456789012345678901234567890123456789","token_type":"Bearer","expires_in":3000,"scope":"openid profile email offline_access read:calendar","issued_token_type":"http://auth0.com/oauth/token-type/federated-connection-access-token"}"#;

/// Serves until killed.
pub(crate) async fn serve(port: &str) -> Outcome<()> {
    let listener = TcpListener::bind(("127.0.0.1", port.parse()?)).await?;
    let answer = || async { ([("content-type", "application/json")], ANSWER) };
    let router = Router::new().route("/oauth/token", post(answer));
    accept(listener, None, router, Limits::default(), CancellationToken::new()).await;
    Ok(())
}
