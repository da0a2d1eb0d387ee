//! Ports, and what to say of those that cannot be had.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;

/// A port that cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenError {
    #[error("port {} is taken; stop what listens there, or pass another {option}", address.port())]
    Taken { address: SocketAddr, option: &'static str },
    #[error(
        "port {} is only for privileged processes; pass another {option}, or allow it with: \
         sudo sysctl net.ipv4.ip_unprivileged_port_start={}",
        address.port(), address.port()
    )]
    Privileged { address: SocketAddr, option: &'static str },
    #[error("{option} {address} cannot be listened on: {source}")]
    Other { address: SocketAddr, option: &'static str, source: io::Error },
}

impl ListenError {
    /// What the system's answer means; `option` is what the person can change.
    pub(crate) fn new(address: SocketAddr, option: &'static str, source: io::Error) -> Self {
        match source.kind() {
            ErrorKind::AddrInUse => Self::Taken { address, option },
            ErrorKind::PermissionDenied => Self::Privileged { address, option },
            _ => Self::Other { address, option, source },
        }
    }
}

/// Listens on this machine alone; port 0 takes a free one.
pub(crate) async fn on_loopback(
    port: u16,
    option: &'static str,
) -> Result<(TcpListener, u16), ListenError> {
    let listener = on(loopback(port), option).await?;
    let address = listener.local_addr();
    let address = address.map_err(|source| ListenError::new(loopback(port), option, source))?;
    Ok((listener, address.port()))
}

/// Listens on an address.
pub(crate) async fn on(
    address: SocketAddr,
    option: &'static str,
) -> Result<TcpListener, ListenError> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|source| ListenError::new(address, option, source))
}

/// The loopback address with a port.
pub(crate) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}
