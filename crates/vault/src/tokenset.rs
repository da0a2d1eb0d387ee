//! The content of a tokenset: what a provider gave, as one blob to seal.

use protocol::secret::{ProviderAccessToken, ProviderRefreshToken};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The tokens of one connected account. Exists in memory only between the provider or the database
/// and the one answer it is for.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Given to whoever exchanges.
    pub access_token: ProviderAccessToken,
    /// Never leaves the vault.
    pub refresh_token: Option<ProviderRefreshToken>,
}

/// The blob is no tokenset. Says nothing of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the opened record is not a tokenset")]
pub struct NotATokenset;

#[derive(Serialize)]
struct BlobRef<'a> {
    access_token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
}

#[derive(Deserialize)]
struct Blob {
    access_token: ProviderAccessToken,
    #[serde(default)]
    refresh_token: Option<ProviderRefreshToken>,
}

impl Tokens {
    /// The bytes to seal.
    pub fn to_blob(&self) -> Result<Zeroizing<Vec<u8>>, NotATokenset> {
        let blob = BlobRef {
            access_token: self.access_token.expose(),
            refresh_token: self.refresh_token.as_ref().map(ProviderRefreshToken::expose),
        };
        serde_json::to_vec(&blob).map(Zeroizing::new).or(Err(NotATokenset))
    }

    /// Reads opened bytes.
    pub fn from_blob(bytes: &[u8]) -> Result<Self, NotATokenset> {
        let Blob { access_token, refresh_token } =
            serde_json::from_slice(bytes).or(Err(NotATokenset))?;
        Ok(Self { access_token, refresh_token })
    }

    /// What stands after a refresh. A provider that sends no new refresh token means that the old
    /// one lives on (RFC 6749 §6); dropping it would lose the grant.
    #[must_use]
    pub fn succeeded_by(
        self,
        access_token: ProviderAccessToken,
        refresh_token: Option<ProviderRefreshToken>,
    ) -> Self {
        Self { access_token, refresh_token: refresh_token.or(self.refresh_token) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(refresh: Option<&str>) -> Tokens {
        Tokens {
            access_token: ProviderAccessToken::new("at"),
            refresh_token: refresh.map(ProviderRefreshToken::new),
        }
    }

    #[test]
    fn a_blob_reads_back() {
        for refresh in [None, Some("rt")] {
            let read = Tokens::from_blob(&tokens(refresh).to_blob().unwrap()).unwrap();
            assert_eq!(read.access_token.expose(), "at");
            assert_eq!(read.refresh_token.as_ref().map(ProviderRefreshToken::expose), refresh);
        }
        assert_eq!(Tokens::from_blob(b"{}").unwrap_err(), NotATokenset);
    }

    #[test]
    fn a_refresh_token_survives_an_answer_without_one() {
        let kept = tokens(Some("rt")).succeeded_by(ProviderAccessToken::new("at2"), None);
        assert_eq!(kept.refresh_token.unwrap().expose(), "rt");
        let replaced = tokens(Some("rt"))
            .succeeded_by(ProviderAccessToken::new("at2"), Some(ProviderRefreshToken::new("rt2")));
        assert_eq!(replaced.refresh_token.unwrap().expose(), "rt2");
    }
}
