//! Renews a tokenset at its provider, once for all who wait for it.
//!
//! The work runs in a task of its own: a caller that hangs up must not cut it off between the
//! provider's answer and the commit, because the provider may have ended the old refresh token.

use std::sync::Arc;
use std::time::Duration;

use connectors::{
    FaultCode, Provider, Reply, Spec, TokenFault, TokenReply, read_token_reply, refresh_request,
};
use futures_util::FutureExt;
use model::connected_account::ConnectedAccount;
use model::ids::{TenantId, TokensetId};
use protocol::time::Timestamp;
use store::connected_accounts::{self, StoredAccount};
use store::{connections, users};
use vault::refresh::{Step, next_step};
use vault::seal::UserShare;
use vault::tokenset::Tokens;

use crate::app::App;
use crate::context::Context;
use crate::keys::TenantKeys;
use crate::outbound::OutboundError;
use crate::provider_journey::{JourneyError, resolve_provider};
use crate::tokensets::{self, TokensetError};

/// What came of a refresh. Shared by all who waited; holds no token.
#[derive(Clone, Debug)]
pub enum RefreshOutcome {
    /// The row says how it is now.
    Settled,
    /// The provider refused the grant for good; the account is marked.
    Refused(FaultCode),
    /// The provider does not know us, or our settings do not work. No account is marked.
    Rejected(FaultCode),
    /// It did not work this time.
    Passing {
        /// What happened.
        code: FaultCode,
        /// When the provider wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// The database or a key failed, or a record does not open.
    Broken(Arc<TokensetError>),
}

impl RefreshOutcome {
    fn passing(code: &'static str) -> Self {
        Self::Passing { code: FaultCode::fixed(code), retry_after: None }
    }
}

/// Renews the tokenset of an account, or waits for the renewal that is under way.
pub(crate) async fn refresh(
    app: &Arc<App>,
    context: &Context,
    account: &ConnectedAccount,
    now: Timestamp,
) -> RefreshOutcome {
    let key = (context.tenant_id().clone(), account.tokenset_id.clone());
    let flight = app.flights.join(key.clone(), || {
        let task = fly(Arc::clone(app), context.clone(), account.clone(), now);
        let landing = Landing { app: Arc::clone(app), key };
        let task = app.detach(async move {
            let outcome = task.await;
            drop(landing);
            outcome
        });
        task.map(|ended| ended.unwrap_or_else(|_| RefreshOutcome::passing("interrupted"))).boxed()
    });
    flight.await
}

/// Makes room for the next flight when this one ends, however it ends.
struct Landing {
    app: Arc<App>,
    key: (TenantId, TokensetId),
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.app.flights.land(&self.key);
    }
}

async fn fly(
    app: Arc<App>,
    context: Context,
    account: ConnectedAccount,
    now: Timestamp,
) -> RefreshOutcome {
    match renew(&app, &context, &account, now).await {
        Ok(outcome) => outcome,
        Err(error) => {
            tracing::error!(%error, account = %account.id, "a tokenset could not be renewed");
            RefreshOutcome::Broken(Arc::new(error))
        }
    }
}

async fn renew(
    app: &App,
    context: &Context,
    account: &ConnectedAccount,
    now: Timestamp,
) -> Result<RefreshOutcome, TokensetError> {
    let tenant = context.tenant_id();
    let mut read = app.store.read().await?;
    // Whoever comes just after the last renewal finds it done.
    let Some(stored) = connected_accounts::find(&mut read, tenant, &account.id).await? else {
        return Ok(RefreshOutcome::Settled);
    };
    let connection = connections::find(&mut read, tenant, &account.connection_id).await?;
    let Some(connection) = connection else { return Ok(RefreshOutcome::Settled) };
    let provider = match resolve_provider(app, context, &connection, now).await {
        Ok(provider) => provider,
        Err(JourneyError::Key(error)) => return Err(error.into()),
        Err(JourneyError::Discovery(error)) => {
            tracing::warn!(%error, connection = %account.connection, "discovery failed");
            return Ok(RefreshOutcome::passing("discovery"));
        }
        Err(error @ (JourneyError::NotAProvider | JourneyError::Options(_))) => {
            tracing::warn!(%error, connection = %account.connection, "no provider");
            return Ok(RefreshOutcome::Rejected(FaultCode::fixed("connection_settings")));
        }
    };
    let lifetimes = tokensets::lifetimes(&provider.spec);
    match next_step(&stored.account, lifetimes, now) {
        Step::Refresh { .. } => {}
        Step::Serve { .. } | Step::Refuse(_) => return Ok(RefreshOutcome::Settled),
    }
    let share = users::share(&mut read, tenant, &account.user_id).await?;
    let share = share.ok_or(TokensetError::UserGone)?;
    let keys = app.keys.of(&mut read, tenant, now).await?;
    // A connection of PostgreSQL is not held while the provider takes its time.
    drop(read);
    let tokens = tokensets::open(&keys, tenant, &share, &stored)?;
    match call(app, &provider, &tokens).await {
        Ok(reply) => {
            let renewal = Renewal { spec: &provider.spec, keys: &keys, share: &share, reply };
            renewal.keep(app, context, stored, tokens, now).await?;
            Ok(RefreshOutcome::Settled)
        }
        Err(fault) => note_fault(app, context, &stored, fault, now).await,
    }
}

/// What a provider gave, and what is needed to put it into the vault.
struct Renewal<'a> {
    spec: &'a Spec,
    keys: &'a TenantKeys,
    share: &'a UserShare,
    reply: TokenReply,
}

impl Renewal<'_> {
    /// Writes the successor of the tokens that were sent. Whoever connected the account anew meanwhile
    /// has the newer tokens, and they stay; unless that brought no refresh token, and the one that we
    /// have just spent was kept.
    async fn keep(
        &self,
        app: &App,
        context: &Context,
        mut stored: StoredAccount,
        sent: Tokens,
        now: Timestamp,
    ) -> Result<(), TokensetError> {
        let tenant = context.tenant_id();
        let (access_token, refresh_token) = (&self.reply.access_token, &self.reply.refresh_token);
        loop {
            let account = tokensets::refreshed(&stored.account, self.spec, &self.reply, now);
            let tokens = sent.clone().succeeded_by(access_token.clone(), refresh_token.clone());
            let sealed_tokens =
                tokensets::seal(app, self.keys, tenant, self.share, &account, &tokens)?;
            let successor = StoredAccount { account, sealed_tokens };
            let mut tx = app.store.write().await?;
            if connected_accounts::replace_tokenset(&mut tx, tenant, &successor).await? {
                tx.commit().await?;
                return Ok(());
            }
            tx.rollback().await?;
            let mut read = app.store.read().await?;
            let found = connected_accounts::find(&mut read, tenant, &stored.account.id).await?;
            let Some(found) = found else { return Ok(()) };
            let current = tokensets::open(self.keys, tenant, self.share, &found)?;
            if current.refresh_token != sent.refresh_token {
                return Ok(());
            }
            stored = found;
        }
    }
}

async fn call(app: &App, provider: &Provider, tokens: &Tokens) -> Result<TokenReply, TokenFault> {
    let passing = |code, maybe_processed| TokenFault::Passing {
        code: FaultCode::fixed(code),
        retry_after: None,
        maybe_processed,
    };
    let Some(refresh_token) = &tokens.refresh_token else {
        return Err(TokenFault::Permanent { code: FaultCode::fixed("no_refresh_token") });
    };
    let request = refresh_request(provider, refresh_token)
        .or(Err(TokenFault::ClientRejected { code: FaultCode::fixed("connection_settings") }))?;
    let answer = app.outbound.send(request.map(connectors::RequestBody::into_bytes)).await;
    let answer = answer.map_err(|error| match error {
        OutboundError::Forbidden => passing("address_not_allowed", false),
        OutboundError::TimedOut => passing("timeout", true),
        OutboundError::Unreachable => passing("unreachable", true),
        OutboundError::TooLong => passing("reply_too_large", true),
    })?;
    let reply = Reply { status: answer.status, headers: &answer.headers, body: &answer.body };
    read_token_reply(provider, &reply)
}

/// Only what the provider says of this very grant marks the account, and only if its tokens are
/// still those that were sent.
async fn note_fault(
    app: &App,
    context: &Context,
    stored: &StoredAccount,
    fault: TokenFault,
    now: Timestamp,
) -> Result<RefreshOutcome, TokensetError> {
    Ok(match fault {
        TokenFault::Permanent { code } => {
            let account = &stored.account;
            let mut tx = app.store.write().await?;
            let tenant = context.tenant_id();
            let reason = code.as_str();
            let version = account.version;
            let marked =
                connected_accounts::mark_dead(&mut tx, tenant, &account.id, version, reason, now);
            let marked = marked.await?;
            tx.commit().await?;
            if marked { RefreshOutcome::Refused(code) } else { RefreshOutcome::Settled }
        }
        TokenFault::ClientRejected { code } => RefreshOutcome::Rejected(code),
        TokenFault::Passing { code, retry_after, maybe_processed: _ } => {
            RefreshOutcome::Passing { code, retry_after }
        }
    })
}
