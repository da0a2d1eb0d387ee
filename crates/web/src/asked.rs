//! Who was asked, by whom, and when: read once, at the door.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use engine::context::Context;
use model::tenant::BaseUrl;
use protocol::time::Timestamp;

use crate::client_certificates::ClientCertificates;
use crate::error::OAuthError;
use crate::listen::PeerCertificates;
use crate::{AppState, Edge};

/// A user agent is kept no longer in the audit log, in characters.
const USER_AGENT_CHARS_MAX: usize = 256;

/// The circumstances of a request, and its time.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) context: Context,
    pub(crate) now: Timestamp,
}

/// Why a request reaches no tenant.
#[derive(Debug)]
pub(crate) enum Unaddressed {
    /// No tenant answers at this host.
    UnknownHost,
    /// The database failed.
    Unavailable(store::StoreError),
}

impl IntoResponse for Unaddressed {
    fn into_response(self) -> Response {
        match self {
            // RFC 9110 §15.5.20: the server is not able to produce an authoritative response.
            Self::UnknownHost => {
                (StatusCode::MISDIRECTED_REQUEST, "No tenant answers at this host.\n")
                    .into_response()
            }
            // Of whichever surface: where there is no tenant there is no page either.
            Self::Unavailable(error) => OAuthError::internal(&error).into_response(),
        }
    }
}

impl FromRequestParts<AppState> for Asked {
    type Rejection = Unaddressed;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &AppState,
    ) -> Result<Self, Self::Rejection> {
        // Layers and handlers of one request see one tenant and one time.
        if let Some(asked) = parts.extensions.get::<Self>() {
            return Ok(asked.clone());
        }
        let asked = resolve(parts, state).await?;
        parts.extensions.insert(asked.clone());
        Ok(asked)
    }
}

async fn resolve(parts: &Parts, state: &AppState) -> Result<Asked, Unaddressed> {
    let AppState { app, edge, .. } = state;
    let Edge { proxies, certificates } = &**edge;
    let now = app.now();
    let authority = authority(parts, certificates).ok_or(Unaddressed::UnknownHost)?;
    let tenant = app
        .tenant_at(&authority, now)
        .await
        .map_err(Unaddressed::Unavailable)?
        .ok_or(Unaddressed::UnknownHost)?;
    // From here on the configured URL counts, never what the request said of itself.
    let base = tenant.base_urls.iter().find(|base| base.authority() == authority).cloned();
    let base = base.ok_or(Unaddressed::UnknownHost)?;
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    let ip = peer.map(|peer| proxies.caller(peer, &parts.headers));
    let certificate = peer.and_then(|peer| {
        let presented = parts.extensions.get::<PeerCertificates>();
        certificates.read(&proxies.certificates(peer, presented, &parts.headers), now)
    });
    let context = Context { tenant, base, ip, certificate, user_agent: user_agent(parts) };
    Ok(Asked { context, now })
}

/// The host that was asked: the URI's authority in HTTP/2, else the one `Host` header, in the form in
/// which tenants are stored. `Forwarded` and its relatives say nothing here.
fn authority(parts: &Parts, certificates: &ClientCertificates) -> Option<String> {
    let host = match parts.uri.authority() {
        Some(authority) => authority.as_str(),
        None => {
            let mut hosts = parts.headers.get_all(header::HOST).iter();
            let host = hosts.next()?.to_str().ok()?;
            if hosts.next().is_some() {
                return None;
            }
            host
        }
    };
    let host = host.to_ascii_lowercase();
    let host = certificates.without_alias(&host);
    // A base URL without a port is asked for at its scheme's own.
    let bare = host.strip_suffix(":443").or_else(|| host.strip_suffix(":80"));
    let normal = BaseUrl::parse(&format!("http://{}", bare.unwrap_or(host))).ok()?;
    Some(normal.authority().to_owned())
}

fn user_agent(parts: &Parts) -> Option<String> {
    let agent = parts.headers.get(header::USER_AGENT)?.to_str().ok()?;
    Some(agent.chars().filter(|c| !c.is_control()).take(USER_AGENT_CHARS_MAX).collect())
}
