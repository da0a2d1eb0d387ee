//! Who calls the My Account API: a person, through a client, perhaps with a key.

use model::client::Client;
use model::ids::UserId;
use model::log_event::LogEventKind;
use model::resource_server::SystemApi;
use protocol::jose::jwk::Thumbprint;
use protocol::oauth::answer::TokenType;
use protocol::oauth::scope::ScopeSet;
use protocol::secret::AccessToken;
use protocol::time::Timestamp;
use store::{StoreError, clients, users};

use crate::access_token::{self, AccessTokenError, Subject, VerifiedAccessToken};
use crate::app::App;
use crate::audit::Event;
use crate::binding::Binding;
use crate::context::Context;
use crate::dpop::{FreshProof, ProofError};
use crate::keys::KeyError;

/// That a request comes from a person, through a client of the tenant, with a scope.
#[derive(Clone, Debug)]
pub struct AccountCaller {
    user_id: UserId,
    client: Client,
    binding: Option<Binding>,
}

impl AccountCaller {
    /// The person.
    pub fn user_id(&self) -> &UserId {
        &self.user_id
    }

    /// The client that the person uses.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The key that the token is bound to.
    pub fn jkt(&self) -> Option<&Thumbprint> {
        self.binding.as_ref().and_then(Binding::jkt)
    }
}

/// What is asked of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// To look at one's accounts and connections.
    Look,
    /// To begin or to complete a connect.
    Connect,
    /// To disconnect an account.
    Disconnect,
}

impl Operation {
    /// The scope that it needs.
    fn scope(self) -> &'static str {
        match self {
            Self::Look => "read:me:connected_accounts",
            Self::Connect => "create:me:connected_accounts",
            Self::Disconnect => "delete:me:connected_accounts",
        }
    }

    /// As what its refusal is noted; who may not even look has changed nothing.
    fn refusal(self) -> Option<LogEventKind> {
        match self {
            Self::Look => None,
            Self::Connect => Some(LogEventKind::AccountConnectFailed),
            Self::Disconnect => Some(LogEventKind::AccountDeleteFailed),
        }
    }
}

/// Why a request is not let through.
#[derive(Debug, thiserror::Error)]
pub enum AccountCallerError {
    /// The token is not accepted.
    #[error(transparent)]
    Token(#[from] AccessTokenError),
    /// A bound token came without what it is bound to, or an unbound one with the DPoP scheme.
    #[error("the token's binding does not fit the request")]
    Binding,
    /// The token acts for a client.
    #[error("the token does not act for a user")]
    NotAUser,
    /// The person is gone or blocked.
    #[error("the user is blocked or does not exist any more")]
    UserGone,
    /// The client is gone.
    #[error("the client does not exist any more")]
    ClientGone,
    /// The token lacks the scope.
    #[error("the token lacks the scope {0}")]
    ScopeMissing(&'static str),
    /// The proof was used before.
    #[error("the DPoP proof was used before")]
    Replayed,
    /// The database or a key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl From<StoreError> for AccountCallerError {
    fn from(error: StoreError) -> Self {
        Self::Key(error.into())
    }
}

impl AccountCallerError {
    /// Whether the refusal is to be noted. What we have not signed is anybody's: strangers could fill
    /// the log. A proof that came again has been noted where it was found.
    fn is_noted(&self) -> bool {
        match self {
            Self::Token(AccessTokenError::NotOurs(_) | AccessTokenError::UnknownKey)
            | Self::Replayed
            | Self::Key(_) => false,
            Self::Token(
                AccessTokenError::WrongIssuer
                | AccessTokenError::WrongAudience
                | AccessTokenError::Expired
                | AccessTokenError::NotYetValid
                | AccessTokenError::NotAnAccessToken,
            )
            | Self::Binding
            | Self::NotAUser
            | Self::UserGone
            | Self::ClientGone
            | Self::ScopeMissing(_) => true,
        }
    }
}

/// Lets a request through.
pub async fn authorize(
    app: &App,
    context: &Context,
    token: &AccessToken,
    scheme: TokenType,
    proof: Option<FreshProof>,
    operation: Operation,
    now: Timestamp,
) -> Result<AccountCaller, AccountCallerError> {
    let keys = app.tenant_keys(context.tenant_id(), now).await?;
    let audience = SystemApi::MyAccount.audience(&context.base);
    let mut refusal = operation.refusal().map(|kind| Event::new(kind, context));
    let error = match access_token::verify(&keys, context, token, &audience, now) {
        Ok(verified) => {
            refusal = refusal.map(|event| about(event, &verified));
            match let_through(app, context, verified, scheme, proof, operation.scope(), now).await {
                Ok(caller) => return Ok(caller),
                Err(error) => error,
            }
        }
        Err(error) => error.into(),
    };
    if let Some(event) = refusal
        && error.is_noted()
    {
        event.describe(error.to_string()).commit(app, context, now).await?;
    }
    Err(error)
}

/// The event with the client and the person of a token.
fn about(event: Event, token: &VerifiedAccessToken) -> Event {
    let event = event.client_id(Some(token.client_id.as_str()));
    match &token.subject {
        Subject::User(user_id) => event.user_id(user_id.as_str()),
        Subject::Client(_) => event,
    }
}

async fn let_through(
    app: &App,
    context: &Context,
    verified: VerifiedAccessToken,
    scheme: TokenType,
    proof: Option<FreshProof>,
    scope: &'static str,
    now: Timestamp,
) -> Result<AccountCaller, AccountCallerError> {
    let tenant = context.tenant_id();
    let mut read = app.store.read().await?;
    if !Binding::admits(verified.binding.as_ref(), context, scheme, proof.as_ref()) {
        return Err(AccountCallerError::Binding);
    }
    let Subject::User(user_id) = verified.subject else {
        return Err(AccountCallerError::NotAUser);
    };
    require_scope(&verified.scope, scope)?;
    // A token outlives what it was given for: whether person and client still stand is asked anew.
    let standing = users::standing(&mut read, tenant, &user_id).await?;
    let standing = standing.ok_or(AccountCallerError::UserGone)?;
    // A user of the same id who came later is somebody else.
    let is_another = verified.issued_at.as_seconds() < standing.created_at.as_seconds();
    if standing.blocked || is_another {
        return Err(AccountCallerError::UserGone);
    }
    let client = clients::find(&mut read, tenant, &verified.client_id).await?;
    let client = client.ok_or(AccountCallerError::ClientGone)?.client;
    spend(app, context, proof, &user_id, now).await?;
    Ok(AccountCaller { user_id, client, binding: verified.binding })
}

/// Spends the proof of a request that is otherwise let through. One that was used before was stolen
/// on its way, together with the token: that is noted.
pub(crate) async fn spend(
    app: &App,
    context: &Context,
    proof: Option<FreshProof>,
    user_id: &UserId,
    now: Timestamp,
) -> Result<(), AccountCallerError> {
    let Some(proof) = proof else { return Ok(()) };
    match proof.spend(app, context).await {
        Ok(_) => Ok(()),
        Err(ProofError::Key(error)) => Err(error.into()),
        Err(ProofError::Invalid(_) | ProofError::NonceWanted { .. } | ProofError::Replayed) => {
            Event::new(LogEventKind::Warning, context)
                .user_id(user_id.as_str())
                .describe(AccountCallerError::Replayed.to_string())
                .commit(app, context, now)
                .await?;
            Err(AccountCallerError::Replayed)
        }
    }
}

fn require_scope(scopes: &ScopeSet, scope: &'static str) -> Result<(), AccountCallerError> {
    if scopes.contains(scope) { Ok(()) } else { Err(AccountCallerError::ScopeMissing(scope)) }
}
