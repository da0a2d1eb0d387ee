//! A key-encryption key that the Transit engine of Vault or OpenBao has encrypted: 1. its ciphertext
//! lies in a file of ours, worth nothing by itself; 2. at the start Transit decrypts it; 3. from then on
//! it is a key like any other, in memory alone.

use std::fmt;
use std::fs;
use std::path::Path;
use std::time::Duration;

use http::{Method, Request, StatusCode};
use serde::Deserialize;
use url::Url;
use vault::keyring::Kek;
use zeroize::Zeroizing;

use super::{KekError, decode};
use crate::outbound::{Outbound, OutboundError, Reach};

/// Transit answers no later: a start that lacks its key is refused within three seconds.
const LIMIT: Duration = Duration::from_millis(2500);
/// A ciphertext is no longer, in bytes.
const CIPHERTEXT_MAX: usize = 4096;

/// Where Transit decrypts, and who asks.
#[derive(Clone)]
pub struct Transit {
    url: Url,
    token: Option<Zeroizing<String>>,
}

/// A text that is not the URL of a key of Transit.
#[derive(Debug, thiserror::Error)]
#[error("a key of Transit is https://HOST/v1/transit/decrypt/NAME")]
pub struct NotATransitUrl;

/// Why Transit did not decrypt. Nothing that was sent or received is told.
#[derive(Debug, thiserror::Error)]
pub enum TransitFault {
    /// It could not be asked.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// The client for the call cannot be set up.
    #[error("the client for the call cannot be set up")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It refused.
    #[error("it answered {0}")]
    Refused(StatusCode),
    /// The request could not be made.
    #[error("the token or the URL cannot be sent")]
    Unsendable(#[from] http::Error),
    /// Its answer is none of Transit.
    #[error("its answer is not one of Transit")]
    NotTransit(#[from] serde_json::Error),
}

#[derive(Deserialize)]
struct Decrypted {
    data: Plaintext,
}

#[derive(Deserialize)]
struct Plaintext {
    plaintext: String,
}

impl Transit {
    /// Takes the URL at which a key decrypts, and a token; an agent beside us may add its own.
    pub fn new(url: &str, token: Option<Zeroizing<String>>) -> Result<Self, NotATransitUrl> {
        let url = Url::parse(url).or(Err(NotATransitUrl))?;
        let segments: Vec<&str> = url.path_segments().ok_or(NotATransitUrl)?.collect();
        let is_decrypt = matches!(segments[..], ["v1", .., "decrypt", name] if !name.is_empty());
        if !is_decrypt || url.query().is_some() || url.fragment().is_some() {
            return Err(NotATransitUrl);
        }
        Ok(Self { url, token })
    }

    /// Has the ciphertext of a file decrypted. Calls lead to public addresses over TLS, or to an agent
    /// on this machine.
    pub async fn kek(&self, ciphertext: &Path) -> Result<Kek, KekError> {
        let text = fs::read_to_string(ciphertext)
            .map_err(|source| KekError::Unreadable { path: ciphertext.to_owned(), source })?;
        let text = text.trim();
        // Vault and OpenBao both write it so.
        if !text.starts_with("vault:v") || text.len() > CIPHERTEXT_MAX {
            return Err(KekError::NotACiphertext { path: ciphertext.to_owned() });
        }
        let host = self.url.host_str().unwrap_or_default().to_owned();
        let plaintext = self
            .decrypted(text)
            .await
            .map_err(|source| KekError::Transit { host: host.clone(), source })?;
        decode(&plaintext, &format!("what Transit at {host} decrypted"))
    }

    async fn decrypted(&self, ciphertext: &str) -> Result<Zeroizing<String>, TransitFault> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(self.url.as_str())
            .header("content-type", "application/json")
            // Agents take it as a sign that no browser was tricked into asking.
            .header("x-vault-request", "true");
        if let Some(token) = &self.token {
            request = request.header("x-vault-token", token.as_str());
        }
        let body = serde_json::json!({ "ciphertext": ciphertext }).to_string();
        let outbound = Outbound::within(Reach::PublicAndLoopback, LIMIT)
            .map_err(|error| TransitFault::Client(error.into()))?;
        let answer = outbound.send(request.body(body.into_bytes())?).await?;
        if answer.status != StatusCode::OK {
            return Err(TransitFault::Refused(answer.status));
        }
        let decrypted: Decrypted = serde_json::from_slice(&answer.body)?;
        Ok(Zeroizing::new(decrypted.data.plaintext))
    }
}

impl fmt::Debug for Transit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transit({})", self.url.host_str().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_leads_to_a_key_that_decrypts() {
        for (url, expected) in [
            ("https://vault.example:8200/v1/transit/decrypt/strongroom", true),
            ("https://vault.example/v1/team/transit/decrypt/strongroom", true),
            ("http://127.0.0.1:8100/v1/transit/decrypt/strongroom", true),
            ("https://vault.example/v1/transit/encrypt/strongroom", false),
            ("https://vault.example/v1/transit/decrypt/", false),
            ("https://vault.example/v1/transit/decrypt", false),
            ("https://vault.example/v1/transit/decrypt/strongroom?x=1", false),
            ("https://vault.example/", false),
            ("vault.example", false),
            ("mailto:vault@example.com", false),
        ] {
            assert_eq!(Transit::new(url, None).is_ok(), expected, "{url}");
        }
    }

    #[tokio::test]
    async fn clear_text_leads_to_this_machine_alone() {
        let folder =
            std::env::temp_dir().join(format!("strongroom-transit-{}", std::process::id()));
        fs::write(&folder, "vault:v1:AAAA").unwrap();
        for url in ["http://vault.example/v1/t/decrypt/k", "https://10.0.0.1/v1/t/decrypt/k"] {
            let transit = Transit::new(url, Some(Zeroizing::new("hvs.secret".to_owned()))).unwrap();
            assert!(!format!("{transit:?}").contains("secret"));
            let refused = transit.kek(&folder).await.unwrap_err();
            let KekError::Transit { source: TransitFault::Outbound(source), .. } = refused else {
                panic!("{url}: {refused}")
            };
            assert!(matches!(source, OutboundError::Forbidden(_)), "{url}");
        }
        fs::remove_file(&folder).unwrap();
    }
}
