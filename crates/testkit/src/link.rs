//! The wire between a server and its database, with a hand on it.

use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Carries what is said between a server and PostgreSQL. Dropped, it is cut.
pub struct Link {
    port: u16,
    state: watch::Sender<State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Frozen,
    Cut,
}

impl Link {
    /// A link to where PostgreSQL listens on this machine.
    pub(crate) async fn to(database_port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = watch::Sender::new(State::Open);
        tokio::spawn(carry(listener, database_port, state.subscribe()));
        Self { port, state }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Nothing that is said arrives, and nobody is told.
    pub fn freeze(&self) {
        self.state.send_replace(State::Frozen);
    }

    /// All connections end, and new ones do too.
    pub fn cut(&self) {
        self.state.send_replace(State::Cut);
    }

    /// What was held back arrives, and connections can be made again.
    pub fn resume(&self) {
        self.state.send_replace(State::Open);
    }
}

async fn carry(listener: TcpListener, port: u16, state: watch::Receiver<State>) {
    while let Ok((near, _)) = listener.accept().await {
        if state.has_changed().is_err() {
            return;
        }
        if *state.borrow() == State::Cut {
            continue;
        }
        let (near_in, near_out) = near.into_split();
        let far = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        let (far_in, far_out) = far.into_split();
        tokio::spawn(pump(near_in, far_out, state.clone()));
        tokio::spawn(pump(far_in, near_out, state.clone()));
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut state: watch::Receiver<State>) {
    let mut buffer = vec![0; 16 * 1024];
    let mut is_cut = state.clone();
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            _ = is_cut.wait_for(|&state| state == State::Cut) => return,
        };
        let Ok(length @ 1..) = read else { return };
        let thawed = state.wait_for(|&state| state != State::Frozen).await.map(|state| *state);
        if !matches!(thawed, Ok(State::Open)) || to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
