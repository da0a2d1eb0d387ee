//! The browser origins that the clients of a tenant registered.

use std::sync::Arc;

use model::client::Client;
use model::ids::TenantId;
use protocol::time::Timestamp;
use store::{StoreError, clients};
use url::Url;

use crate::app::App;
use crate::context::Context;

/// Whether some client of the tenant registered an origin, as browsers send it. The tenant's own
/// pages need no registration.
pub async fn is_registered(
    app: &App,
    context: &Context,
    origin: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let registered = registered(app, context.tenant_id(), now).await?;
    let is_own = context.tenant.base_urls.iter().any(|base| base.origin() == origin);
    Ok(is_own || registered.iter().any(|entry| matches(entry, origin)))
}

async fn registered(
    app: &App,
    tenant: &TenantId,
    now: Timestamp,
) -> Result<Arc<Vec<String>>, StoreError> {
    if let Some(registered) = app.origins.get(tenant, now) {
        return Ok(registered);
    }
    let clients = clients::list(&mut app.store.read().await?, tenant).await?;
    let origins = clients.iter().flat_map(|stored| of_client(&stored.client)).collect();
    Ok(app.origins.put(tenant.clone(), origins, now))
}

/// `allowed_origins`, `web_origins`, and the origins of the callbacks.
pub fn of_client(client: &Client) -> Vec<String> {
    let listed = client.allowed_origins.iter().chain(&client.web_origins);
    let of_callbacks = client.callbacks.iter().filter_map(|callback| origin_of(callback));
    listed.map(|entry| entry.trim_end_matches('/').to_owned()).chain(of_callbacks).collect()
}

/// Whether an origin, as browsers send it, is the one of a registered entry. `http://localhost:*`
/// stands for every port of this machine.
pub fn matches(entry: &str, origin: &str) -> bool {
    if entry == origin {
        return true;
    }
    let Some(host) = entry.strip_suffix(":*") else { return false };
    let is_loopback = ["http://localhost", "http://127.0.0.1", "http://[::1]"].contains(&host);
    let port = origin.strip_prefix(host).and_then(|rest| rest.strip_prefix(':'));
    is_loopback && port.is_some_and(|port| port.parse::<u16>().is_ok())
}

/// The origin of a callback, whose port may be `*`.
fn origin_of(callback: &str) -> Option<String> {
    if let Some((before, _)) = callback.split_once(":*") {
        return Some(format!("{before}:*"));
    }
    let url = Url::parse(callback).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A130: arbitrary, `null`, suffix and prefix matches.
    #[test]
    fn a130_origins_match_exactly() {
        let check = |entry: &str, origin: &str, expected: bool| {
            assert_eq!(matches(entry, origin), expected, "{entry} {origin}");
        };
        check("https://app.example", "https://app.example", true);
        check("https://app.example", "https://app.example.evil.example", false);
        check("https://app.example", "https://evil-app.example", false);
        check("https://app.example", "http://app.example", false);
        check("https://app.example", "https://app.example:444", false);
        check("https://app.example", "null", false);
        check("http://localhost:*", "http://localhost:4002", true);
        check("http://localhost:*", "http://localhost", false);
        check("http://localhost:*", "http://localhost:", false);
        check("http://localhost:*", "http://localhost:4002.evil.example", false);
        check("https://app.example:*", "https://app.example:1", false);
        check("*", "https://app.example", false);
    }

    #[test]
    fn callbacks_bring_their_origins() {
        assert_eq!(origin_of("https://a.example/cb").as_deref(), Some("https://a.example"));
        assert_eq!(origin_of("http://localhost:*/cb").as_deref(), Some("http://localhost:*"));
        assert_eq!(origin_of("com.example.app://cb"), None);
    }
}
