//! The ports, taken, and the origins that follow from them.

use model::tenant::{BaseUrl, InvalidBaseUrl};
use tokio::net::TcpListener;
use url::Url;

use super::Options;
use crate::failure::Failure;
use crate::listeners;

/// What everything listens on.
pub(super) struct Ports {
    pub(super) plain: TcpListener,
    pub(super) secure: Option<TcpListener>,
    pub(super) emulator: TcpListener,
    pub(super) demo: Option<TcpListener>,
}

/// Where everything answers.
pub(super) struct Origins {
    /// The server, on localhost.
    pub(super) plain: BaseUrl,
    /// The server, over TLS.
    pub(super) secure: Option<BaseUrl>,
    pub(super) emulator: BaseUrl,
    pub(super) demo: Option<BaseUrl>,
}

impl Ports {
    /// Takes them all or none.
    pub(super) async fn take(options: &Options) -> Result<(Self, Origins), Failure> {
        let option = if options.https { "--http-port" } else { "--port" };
        let (plain, plain_port) = listeners::on_loopback(options.plain_port(), option).await?;
        let (secure, secure_base) = if options.https {
            let (listener, port) = listeners::on_loopback(options.port, "--port").await?;
            (Some(listener), Some(origin(&format!("https://{}:{port}", options.host))?))
        } else {
            (None, None)
        };
        let (emulator, emulator_port) =
            listeners::on_loopback(options.emulator_port, "--emulator-port").await?;
        let emulator_base = origin(&format!("http://localhost:{emulator_port}"))?;
        let (demo, demo_base) = if options.no_demo {
            (None, None)
        } else {
            let (listener, port) = listeners::on_loopback(options.demo_port, "--demo-port").await?;
            (Some(listener), Some(origin(&format!("http://localhost:{port}"))?))
        };
        let plain_base = origin(&format!("http://localhost:{plain_port}"))?;
        let origins = Origins {
            plain: plain_base,
            secure: secure_base,
            emulator: emulator_base,
            demo: demo_base,
        };
        Ok((Self { plain, secure, emulator, demo }, origins))
    }
}

impl Origins {
    /// The one to announce.
    pub(super) fn announced(&self) -> &BaseUrl {
        self.secure.as_ref().unwrap_or(&self.plain)
    }

    /// Every one of the server's, the announced one first.
    pub(super) fn base_urls(&self) -> Vec<BaseUrl> {
        self.secure.iter().chain([&self.plain]).cloned().collect()
    }
}

/// An origin as a URL.
pub(super) fn url(origin: &BaseUrl) -> Result<Url, Failure> {
    let text = origin.issuer();
    Url::parse(text).map_err(|error| invalid(text, error.into()))
}

fn origin(text: &str) -> Result<BaseUrl, Failure> {
    BaseUrl::parse(text).map_err(|source| invalid(text, source))
}

fn invalid(text: &str, source: InvalidBaseUrl) -> Failure {
    Failure::Origin { origin: text.to_owned(), source }
}
