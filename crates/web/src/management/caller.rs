//! Who calls, and that they may: RFC 6750 §2.1, the header alone.

use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use engine::access_token::AccessTokenError;
use engine::administrator::{Administrator, NotAnAdministrator, recognise};
use engine::context::Context;
use protocol::oauth::answer::TokenType;
use protocol::time::Timestamp;

use super::error::{Code, ManagementError};
use crate::AppState;
use crate::asked::Asked;
use crate::bearer::{self, NoToken, PresentedToken};

/// What an endpoint demands.
pub(super) trait Permission {
    /// The scopes of which the caller must hold one.
    const ANY_OF: &'static [&'static str];
}

/// An administrator who holds what `P` demands. Made by the extractor alone.
pub(super) struct Caller<P> {
    asked: Asked,
    administrator: Administrator,
    permission: PhantomData<fn() -> P>,
}

impl<P> Caller<P> {
    /// The circumstances of the request.
    pub(super) fn context(&self) -> &Context {
        &self.asked.context
    }

    /// The time of the request.
    pub(super) fn now(&self) -> Timestamp {
        self.asked.now
    }

    /// Who it is.
    pub(super) fn administrator(&self) -> &Administrator {
        &self.administrator
    }

    /// Whether a scope is held beyond what the endpoint demands.
    pub(super) fn holds(&self, scope: &str) -> bool {
        self.administrator.holds(scope)
    }

    /// Demands a scope beyond what the endpoint does, for a part of the request.
    pub(super) fn require_any(&self, scopes: &[&str]) -> Result<(), ManagementError> {
        if self.administrator.holds_any(scopes) {
            Ok(())
        } else {
            Err(ManagementError::insufficient_scope(scopes))
        }
    }
}

/// Where the caller of a request is noted for whoever writes the audit log of refusals.
#[derive(Clone, Default)]
pub(super) struct CallerSlot(Arc<OnceLock<Administrator>>);

impl CallerSlot {
    /// The caller, if it came to be known.
    pub(super) fn caller(&self) -> Option<&Administrator> {
        self.0.get()
    }
}

impl<P: Permission> FromRequestParts<AppState> for Caller<P> {
    type Rejection = ManagementError;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &AppState,
    ) -> Result<Self, Self::Rejection> {
        let asked = Asked::from_request_parts(parts, state).await?;
        let PresentedToken { scheme, token } = bearer::presented(&parts.headers)?;
        match scheme {
            TokenType::Bearer => {}
            TokenType::Dpop => return Err(invalid_token("Invalid token")),
        }
        let Asked { context, now } = &asked;
        let administrator = recognise(&state.app, context, &token, *now).await?;
        if let Some(slot) = parts.extensions.get::<CallerSlot>() {
            slot.0.get_or_init(|| administrator.clone());
        }
        if !administrator.holds_any(P::ANY_OF) {
            return Err(ManagementError::insufficient_scope(P::ANY_OF));
        }
        Ok(Self { asked, administrator, permission: PhantomData })
    }
}

impl From<NoToken> for ManagementError {
    fn from(why: NoToken) -> Self {
        match why {
            NoToken::Missing => Self::new(Code::MissingAuthentication, "Missing authentication"),
            NoToken::Malformed => invalid_token("Bad HTTP authentication header format"),
        }
    }
}

impl From<NotAnAdministrator> for ManagementError {
    fn from(error: NotAnAdministrator) -> Self {
        let message = match &error {
            NotAnAdministrator::Token(AccessTokenError::Expired) => {
                "Expired token received for JSON Web Token validation"
            }
            NotAnAdministrator::Token(AccessTokenError::WrongAudience) => "Bad audience",
            NotAnAdministrator::Token(
                AccessTokenError::NotOurs(_)
                | AccessTokenError::UnknownKey
                | AccessTokenError::WrongIssuer
                | AccessTokenError::NotYetValid
                | AccessTokenError::NotAnAccessToken,
            )
            | NotAnAdministrator::Binding
            | NotAnAdministrator::ForPerson
            | NotAnAdministrator::ClientGone => "Invalid token",
            NotAnAdministrator::Key(cause) => return Self::internal(cause),
        };
        invalid_token(message).caused_by(&error)
    }
}

fn invalid_token(message: &str) -> ManagementError {
    ManagementError::new(Code::InvalidToken, message)
}
