//! The two servers, as processes.

use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use url::Url;

use crate::Outcome;
use crate::load::Request;

/// `strongroom dev`, with what it says of itself.
pub(crate) struct Dev {
    _process: Child,
    pub(crate) announced: Announced,
}

/// The line that `dev --json` prints.
#[derive(Debug, Deserialize)]
pub(crate) struct Announced {
    pub(crate) issuer: Url,
    pub(crate) management: Management,
    pub(crate) clients: Clients,
    pub(crate) users: Vec<User>,
    pub(crate) emulator: Emulator,
    pub(crate) control: Control,
}

/// How the running server is commanded.
#[derive(Debug, Deserialize)]
pub(crate) struct Control {
    pub(crate) url: Url,
    pub(crate) secret: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Management {
    pub(crate) audience: String,
    #[serde(flatten)]
    pub(crate) client: Client,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Clients {
    pub(crate) web: Client,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Client {
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct User {
    pub(crate) email: String,
    pub(crate) password: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Emulator {
    pub(crate) issuer: Url,
    pub(crate) users: Vec<EmulatorUser>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct EmulatorUser {
    pub(crate) username: String,
    pub(crate) password: String,
}

impl Dev {
    pub(crate) async fn start(binary: &str) -> Outcome<Self> {
        let ports = [free_port().await?, free_port().await?];
        let mut process = Command::new(binary)
            .args(["dev", "--ephemeral", "--json", "--no-demo"])
            .args(["--port", &ports[0], "--emulator-port", &ports[1]])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = process.stdout.take().ok_or("no standard output")?;
        let line = BufReader::new(stdout).lines().next_line().await?;
        let line = line.ok_or("the server did not start")?;
        Ok(Self { _process: process, announced: serde_json::from_str(&line)? })
    }
}

/// This program, serving a constant.
pub(crate) struct Bare {
    _process: Child,
    url: Url,
}

impl Bare {
    pub(crate) async fn start() -> Outcome<Self> {
        let port = free_port().await?;
        let process = Command::new(std::env::current_exe()?)
            .args(["bare", &port])
            .kill_on_drop(true)
            .spawn()?;
        let address = format!("127.0.0.1:{port}");
        while TcpStream::connect(&address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let url = Url::parse(&format!("http://{address}/oauth/token"))?;
        Ok(Self { _process: process, url })
    }

    pub(crate) fn request(&self) -> Request {
        // As long as the request of an exchange.
        Request { url: self.url.clone(), body: "x".repeat(700).into() }
    }
}

async fn free_port() -> Outcome<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    Ok(listener.local_addr()?.port().to_string())
}
