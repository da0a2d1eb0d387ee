//! The `DPoP` header of a request (RFC 9449 §4.3).

use axum::http::HeaderMap;
use engine::app::App;
use engine::dpop::{FreshProof, NoncePolicy, ProofError, check};
use protocol::dpop::ProofContext;
use protocol::secret::AccessToken;
use url::Url;

use crate::asked::Asked;

/// The request that a proof came with, as the outside knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    /// The method.
    pub(crate) method: &'a str,
    /// The path, as it was asked for.
    pub(crate) path: &'a str,
}

/// Why the header is not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HeaderError {
    /// RFC 9449 §4.3 (1): there is not more than one.
    #[error("there is more than one DPoP header")]
    Several,
    /// It is no text.
    #[error("the DPoP header is not text")]
    NotText,
    /// The proof is not accepted.
    #[error(transparent)]
    Proof(ProofError),
}

/// Checks the proof of a request that has one. It is still to be spent.
pub(crate) async fn proof(
    app: &App,
    asked: &Asked,
    headers: &HeaderMap,
    target: Target<'_>,
    token: Option<&AccessToken>,
    policy: NoncePolicy,
) -> Result<Option<FreshProof>, HeaderError> {
    let mut values = headers.get_all("dpop").iter();
    let Some(header) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(HeaderError::Several);
    }
    let header = header.to_str().or(Err(HeaderError::NotText))?;
    // The URL is put together from configuration; no header of a proxy has a say.
    let url = asked.context.base.join(target.path.trim_start_matches('/'));
    let url = Url::parse(&url).or(Err(HeaderError::NotText))?;
    let request = ProofContext {
        method: target.method,
        url: &url,
        now: asked.now,
        access_token: token.map(AccessToken::expose),
    };
    let proof = check(app, &asked.context, header, &request, policy).await;
    proof.map(Some).map_err(HeaderError::Proof)
}
