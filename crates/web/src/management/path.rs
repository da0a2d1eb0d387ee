//! Identifiers in paths.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::error::{Code, ManagementError};
use crate::AppState;

/// The one or two identifiers of a path, percent-decoded.
pub(super) struct InPath<T>(pub(super) T);

/// What a path can hold.
pub(super) trait Identifiers: DeserializeOwned + Send {
    /// Whether they can be anything's. The database knows no text with a NUL.
    fn are_texts(&self) -> bool;
}

impl Identifiers for String {
    fn are_texts(&self) -> bool {
        !self.contains('\0')
    }
}

impl Identifiers for (String, String) {
    fn are_texts(&self) -> bool {
        self.0.are_texts() && self.1.are_texts()
    }
}

impl<T: Identifiers> FromRequestParts<AppState> for InPath<T> {
    type Rejection = ManagementError;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &AppState,
    ) -> Result<Self, Self::Rejection> {
        let refused = || ManagementError::new(Code::InvalidUri, "Invalid request URI.");
        let Path(identifiers) = Path::<T>::from_request_parts(parts, state)
            .await
            .map_err(|rejection| refused().caused_by(&rejection))?;
        if identifiers.are_texts() { Ok(Self(identifiers)) } else { Err(refused()) }
    }
}
