//! What providers publish about themselves, kept in memory: discovery documents and key sets.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use connectors::{MetadataError, Reply, read_metadata};
use http::header::ACCEPT;
use http::{Request, StatusCode};
use protocol::jose::jwk::JwkSet;
use protocol::oidc::discovery::ProviderMetadata;
use protocol::time::Timestamp;
use serde_json::error::Category;
use url::Url;

use crate::outbound::{Answer, Outbound, OutboundError};

/// A document is read again after this time.
const KEPT: Duration = Duration::from_hours(1);
/// No address is asked more often, whatever tokens with unknown keys come in.
const REST: Duration = Duration::from_secs(10);
/// Longest key set that is read, in bytes.
const KEY_SET_BYTES_MAX: usize = 512 * 1024;
/// Most addresses that are remembered.
const ADDRESSES_MAX: usize = 1024;

/// The documents read lately.
#[derive(Default)]
pub(crate) struct ProviderDocuments {
    metadata: Shelf<ProviderMetadata>,
    keys: Shelf<JwkSet>,
}

/// Whether a document that was read lately will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// It will.
    Recent,
    /// It lacks something that must be there by now.
    Newer,
}

/// Why a document cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// Nobody answered.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// The discovery document is of no use.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The key set came with another status than 200.
    #[error("the key set came with status {0}")]
    KeySetStatus(u16),
    /// The key set is longer than we read.
    #[error("the key set is too long")]
    KeySetTooLong,
    /// The key set is none.
    #[error("the key set is malformed ({0:?})")]
    KeySetMalformed(Category),
    /// The address was asked a moment ago, in vain.
    #[error("the provider's document could not be read a moment ago")]
    TriedLately,
    /// The address cannot be asked.
    #[error("the address cannot be asked")]
    Address(#[from] http::Error),
}

impl ProviderDocuments {
    /// The discovery document at `url`. `issuer` is the one that the connection names.
    pub(crate) async fn metadata(
        &self,
        outbound: &Outbound,
        url: &Url,
        issuer: Option<&str>,
        now: Timestamp,
    ) -> Result<Arc<ProviderMetadata>, DocumentError> {
        // Two connections may expect different issuers of one document.
        let name = format!("{url} {}", issuer.unwrap_or_default());
        let fetch = async {
            let answer = get(outbound, url).await?;
            let Answer { status, headers, body } = &answer;
            let reply = Reply { status: *status, headers, body };
            Ok(read_metadata(url, issuer, &reply)?)
        };
        self.metadata.take(name, Wanted::Recent, now, fetch).await
    }

    /// The key set at `url`.
    pub(crate) async fn keys(
        &self,
        outbound: &Outbound,
        url: &Url,
        wanted: Wanted,
        now: Timestamp,
    ) -> Result<Arc<JwkSet>, DocumentError> {
        let fetch = async {
            let answer = get(outbound, url).await?;
            if answer.status != StatusCode::OK {
                return Err(DocumentError::KeySetStatus(answer.status.as_u16()));
            }
            if answer.body.len() > KEY_SET_BYTES_MAX {
                return Err(DocumentError::KeySetTooLong);
            }
            serde_json::from_slice(&answer.body)
                .map_err(|error| DocumentError::KeySetMalformed(error.classify()))
        };
        self.keys.take(url.to_string(), wanted, now, fetch).await
    }
}

async fn get(outbound: &Outbound, url: &Url) -> Result<Answer, DocumentError> {
    let request = Request::get(url.as_str()).header(ACCEPT, "application/json").body(Vec::new())?;
    Ok(outbound.send(request).await?)
}

/// Documents of one kind by name.
struct Shelf<T>(Mutex<HashMap<String, Arc<tokio::sync::Mutex<Slot<T>>>>>);

struct Slot<T> {
    document: Option<Arc<T>>,
    read_at: Timestamp,
    tried_at: Option<Timestamp>,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Shelf<T> {
    /// The document of a name, fetched if need be. Whoever comes while it is being fetched waits
    /// for that. A provider that fails does not take away what it said before.
    async fn take(
        &self,
        name: String,
        wanted: Wanted,
        now: Timestamp,
        fetch: impl Future<Output = Result<T, DocumentError>>,
    ) -> Result<Arc<T>, DocumentError> {
        let slot = self.slot(name, now);
        let mut slot = slot.lock().await;
        let is_recent = now.since(slot.read_at) < KEPT;
        if let Some(document) = &slot.document
            && is_recent
            && wanted == Wanted::Recent
        {
            return Ok(Arc::clone(document));
        }
        if slot.tried_at.is_some_and(|tried_at| now.since(tried_at) < REST) {
            return slot.document.clone().ok_or(DocumentError::TriedLately);
        }
        slot.tried_at = Some(now);
        match (fetch.await, &slot.document) {
            (Ok(document), _) => {
                let document = Arc::new(document);
                slot.document = Some(Arc::clone(&document));
                slot.read_at = now;
                Ok(document)
            }
            (Err(error), Some(document)) => {
                tracing::warn!(%error, "a provider's document could not be read again");
                Ok(Arc::clone(document))
            }
            (Err(error), None) => Err(error),
        }
    }

    fn slot(&self, name: String, now: Timestamp) -> Arc<tokio::sync::Mutex<Slot<T>>> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Connections name the addresses, so there are few; should they be changed without end, it
        // is cheaper to begin anew than to remember who came when.
        if slots.len() >= ADDRESSES_MAX && !slots.contains_key(&name) {
            slots.clear();
        }
        let empty = || Slot { document: None, read_at: now, tried_at: None };
        Arc::clone(slots.entry(name).or_insert_with(|| Arc::new(empty().into())))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// A provider that counts how often it is asked.
    #[derive(Default)]
    struct Provider {
        asked: AtomicU32,
        is_down: bool,
    }

    impl Provider {
        async fn ask(
            &self,
            shelf: &Shelf<u32>,
            wanted: Wanted,
            seconds: i64,
        ) -> Result<u32, DocumentError> {
            let fetch = async {
                let asked = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
                if self.is_down { Err(OutboundError::Unreachable.into()) } else { Ok(asked) }
            };
            let now = Timestamp::from_seconds(1_000_000 + seconds);
            shelf.take("a".to_owned(), wanted, now, fetch).await.map(|document| *document)
        }
    }

    #[tokio::test]
    async fn a_document_is_kept_for_an_hour() {
        let (shelf, provider) = (Shelf::default(), Provider::default());
        for (seconds, expected) in [(0, 1), (1, 1), (3599, 1), (3600, 2), (3601, 2)] {
            assert_eq!(provider.ask(&shelf, Wanted::Recent, seconds).await.unwrap(), expected);
        }
    }

    /// A129: a flood of tokens with unknown keys.
    #[tokio::test]
    async fn a129_a_newer_document_is_asked_for_every_ten_seconds_at_most() {
        let (shelf, provider) = (Shelf::default(), Provider::default());
        for (seconds, expected) in [(0, 1), (0, 1), (9, 1), (10, 2), (11, 2), (19, 2), (20, 3)] {
            assert_eq!(provider.ask(&shelf, Wanted::Newer, seconds).await.unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn what_was_said_outlives_a_failure() {
        let shelf = Shelf::default();
        let (up, down) = (Provider::default(), Provider { is_down: true, ..Provider::default() });
        assert!(matches!(
            down.ask(&shelf, Wanted::Recent, 0).await,
            Err(DocumentError::Outbound(OutboundError::Unreachable))
        ));
        assert!(matches!(
            down.ask(&shelf, Wanted::Recent, 1).await,
            Err(DocumentError::TriedLately)
        ));
        assert_eq!(down.asked.load(Ordering::Relaxed), 1);
        assert_eq!(up.ask(&shelf, Wanted::Recent, 10).await.unwrap(), 1);
        assert_eq!(down.ask(&shelf, Wanted::Recent, 5000).await.unwrap(), 1);
    }
}
