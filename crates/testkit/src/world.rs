//! What the tenants of one server share.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use emulator::{RegisteredKeys, Running};
use engine::app::App;
use engine::entropy::Entropy;
use reqwest::ClientBuilder;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use tokio_util::sync::DropGuard;

use crate::clock::ManualClock;
use crate::database::Place;
use crate::entropy::SeededEntropy;

pub(crate) struct World {
    pub(crate) app: Arc<App>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) entropy: Arc<SeededEntropy>,
    pub(crate) http: reqwest::Client,
    pub(crate) emulator: Running,
    pub(crate) provider: strongroom::seed::ProviderAccess,
    pub(crate) registered_keys: RegisteredKeys,
    /// The server's port.
    pub(crate) port: u16,
    pub(crate) place: Place,
    /// Where renewed tokensets wait when the database is gone.
    pub(crate) journal: tempfile::TempDir,
    /// Stops the server when the last handle is gone.
    #[expect(dead_code, reason = "its drop is its use")]
    pub(crate) stop: DropGuard,
}

impl World {
    /// Sends a request as it is; whoever sends one does it a moment after the one before.
    pub(crate) async fn send(&self, request: reqwest::Request) -> reqwest::Response {
        self.send_by(&self.http, request).await
    }

    /// The same, by a client of its own.
    pub(crate) async fn send_by(
        &self,
        http: &reqwest::Client,
        request: reqwest::Request,
    ) -> reqwest::Response {
        self.clock.advance(Duration::from_millis(1));
        http.execute(request).await.unwrap()
    }

    /// A text that nobody can guess and that a URL takes as it is.
    pub(crate) fn random_text(&self, length: usize) -> String {
        let entropy: &dyn Entropy = &*self.entropy;
        entropy.id::<()>("", length).as_str().to_owned()
    }
}

/// A client that leaves redirects alone and never leaves this machine, whatever the name.
pub(crate) fn http_client() -> reqwest::Client {
    http_client_with(|builder| builder)
}

/// The same, with something of its own.
#[expect(clippy::disallowed_methods, reason = "tests are outside the server")]
pub(crate) fn http_client_with(
    change: impl FnOnce(ClientBuilder) -> ClientBuilder,
) -> reqwest::Client {
    let builder = reqwest::Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .timeout(Duration::from_secs(30))
        .dns_resolver(Arc::new(Loopback));
    change(builder).build().unwrap()
}

struct Loopback;

impl Resolve for Loopback {
    fn resolve(&self, _: Name) -> Resolving {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Box::pin(async move { Ok(Box::new(std::iter::once(address)) as Addrs) })
    }
}
