//! A key-encryption key that the Transit engine of Vault or OpenBao has encrypted: 1. its ciphertext
//! lies in a file of ours, worth nothing by itself; 2. at the start Transit decrypts it; 3. from then on
//! it is a key like any other, in memory alone.

use std::fmt;
use std::fs;
use std::path::Path;

use http::{Method, Request};
use serde::Deserialize;
use url::Url;
use vault::keyring::Kek;
use zeroize::Zeroizing;

use super::remote::{self, RemoteFault};
use super::{KekError, decode};

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

    /// Has the ciphertext of a file decrypted.
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

    async fn decrypted(&self, ciphertext: &str) -> Result<Zeroizing<String>, RemoteFault> {
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
        let decrypted: Decrypted = remote::ask(request.body(body.into_bytes())?).await?;
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
    use crate::outbound::OutboundError;

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
            let KekError::Transit { source: RemoteFault::Outbound(source), .. } = refused else {
                panic!("{url}: {refused}")
            };
            assert!(matches!(source, OutboundError::Forbidden(_)), "{url}");
        }
        fs::remove_file(&folder).unwrap();
    }
}
