//! One attempt to renew a tokenset, by whoever holds its lease.

use std::sync::Arc;

use connectors::{
    FaultCode, Moment, Provider, Reply, Rotation, TokenFault, TokenReply, read_token_reply,
    refresh_request,
};
use model::account_event::AccountEventKind;
use protocol::time::Timestamp;
use store::connected_accounts::{self, StoredAccount};
use store::refresh_leases::{self, Failure as Postponed, RefreshLease};
use store::{StoreError, WriteTx, revocations, users};
use vault::refresh::{Failure, Standing, Transition, after_failure};
use vault::seal::UserShare;
use vault::tokenset::Tokens;

use super::RefreshOutcome;
use crate::account_events::{kind_of_success, tell};
use crate::app::App;
use crate::context::Context;
use crate::journal::Entry;
use crate::keys::TenantKeys;
use crate::tokensets::{self, TokensetError};

/// Told, and stored, when the provider refused a refresh token that may have been spent by an attempt
/// whose answer was lost.
const ROTATION_UNCERTAIN: FaultCode = FaultCode::fixed("rotation_uncertain");

/// What an attempt works with.
pub(super) struct Attempt<'a> {
    pub(super) app: &'a App,
    pub(super) context: &'a Context,
    pub(super) provider: &'a Provider,
    /// The right to spend the refresh token.
    pub(super) lease: RefreshLease,
}

impl Attempt<'_> {
    /// Spends the refresh token and writes what came of it.
    pub(super) async fn run(
        self,
        stored: StoredAccount,
        now: Timestamp,
    ) -> Result<RefreshOutcome, TokensetError> {
        let (share, keys, tokens) = match self.open(&stored, now).await {
            Ok(opened) => opened,
            Err(error) => {
                self.release().await?;
                return Err(error);
            }
        };
        let called = self.call(&tokens, now).await;
        self.tell_circuit(&stored, &called, now);
        match called {
            Ok(reply) => {
                let renewal = Renewal { attempt: &self, keys: &keys, share: &share, reply };
                renewal.keep(stored, tokens, now).await?;
                Ok(RefreshOutcome::Settled)
            }
            Err(fault) => self.note(&stored, fault, now).await,
        }
    }

    async fn open(
        &self,
        stored: &StoredAccount,
        now: Timestamp,
    ) -> Result<(UserShare, Arc<TenantKeys>, Tokens), TokensetError> {
        let tenant = self.context.tenant_id();
        let mut read = self.app.store.read().await?;
        let share = users::share(&mut read, tenant, &stored.account.user_id).await?;
        let share = share.ok_or(TokensetError::UserGone)?;
        let sealed = &stored.sealed_tokens;
        let keys = self.app.keys.for_records(&mut read, tenant, &[sealed], now).await?;
        let tokens = tokensets::open(&keys, tenant, &share, stored)?;
        Ok((share, keys, tokens))
    }

    async fn call(&self, tokens: &Tokens, now: Timestamp) -> Result<TokenReply, TokenFault> {
        let passing = |code, maybe_processed| TokenFault::Passing {
            code: FaultCode::fixed(code),
            retry_after: None,
            maybe_processed,
        };
        let Some(refresh_token) = &tokens.refresh_token else {
            return Err(TokenFault::Permanent { code: FaultCode::fixed("no_refresh_token") });
        };
        let moment = Moment { jti: &self.app.entropy.uuid(), now };
        let request = refresh_request(self.provider, refresh_token, moment).or(Err(
            TokenFault::ClientRejected { code: FaultCode::fixed("connection_settings") },
        ))?;
        let answer = self.app.outbound.send(request.map(connectors::RequestBody::into_bytes)).await;
        let answer = answer.map_err(|error| passing(error.code(), error.may_have_arrived()))?;
        let reply = Reply { status: answer.status, headers: &answer.headers, body: &answer.body };
        read_token_reply(self.provider, &reply)
    }

    fn tell_circuit(
        &self,
        stored: &StoredAccount,
        called: &Result<TokenReply, TokenFault>,
        now: Timestamp,
    ) {
        let (tenant, connection) = (self.context.tenant_id(), &stored.account.connection_id);
        let jitter = self.app.entropy.jitter();
        self.app.circuits.with(tenant, connection, |circuit| match called {
            Err(TokenFault::Passing { retry_after, .. }) => {
                circuit.failed(*retry_after, jitter, now);
            }
            Ok(_) | Err(TokenFault::Permanent { .. } | TokenFault::ClientRejected { .. }) => {
                circuit.answered();
            }
        });
    }

    /// Writes what a fault means. Only what the provider says of this very grant marks the account, and
    /// only if its tokens are still those that were sent.
    async fn note(
        &self,
        stored: &StoredAccount,
        fault: TokenFault,
        now: Timestamp,
    ) -> Result<RefreshOutcome, TokensetError> {
        let (failure, code, retry_after) = match fault {
            TokenFault::ClientRejected { code } => {
                self.release().await?;
                return Ok(RefreshOutcome::Rejected(code));
            }
            TokenFault::Permanent { code } => (Failure::Refused, code, None),
            TokenFault::Passing { code, retry_after, maybe_processed } => {
                let failure = Failure::Passing { retry_after, maybe_spent: maybe_processed };
                (failure, code, retry_after)
            }
        };
        let standing = Standing {
            failures: stored.account.renewal.setback.as_ref().map_or(0, |known| known.failures),
            uncertain_since: self.lease.uncertain_since(),
            rotates: self.provider.spec.refresh.rotates != Rotation::Never,
        };
        let jitter = self.app.entropy.jitter();
        let tenant = self.context.tenant_id();
        let mut tx = self.app.store.write().await?;
        let outcome = match after_failure(failure, standing, jitter, now) {
            Transition::NeedsReconnect { was_uncertain } => {
                let code = if was_uncertain { ROTATION_UNCERTAIN } else { code };
                let (version, reason) = (stored.account.version, code.as_str());
                let marked =
                    refresh_leases::kill(&mut tx, tenant, &self.lease, version, reason, now)
                        .await?;
                if marked {
                    let (account, kind) = (&stored.account, AccountEventKind::NeedsReconnect);
                    tell(self.app, &mut tx, self.context, account, kind, Some(reason), now).await?;
                    RefreshOutcome::Refused(code)
                } else {
                    refresh_leases::release(&mut tx, tenant, &self.lease).await?;
                    RefreshOutcome::Settled
                }
            }
            Transition::Later { next_attempt_at, uncertain_since } => {
                let failure = Postponed { code: code.as_str(), next_attempt_at, uncertain_since };
                refresh_leases::postpone(&mut tx, tenant, &self.lease, &failure).await?;
                RefreshOutcome::Passing { code, retry_after }
            }
        };
        tx.commit().await?;
        Ok(outcome)
    }

    async fn release(&self) -> Result<(), StoreError> {
        let mut tx = self.app.store.write().await?;
        refresh_leases::release(&mut tx, self.context.tenant_id(), &self.lease).await?;
        tx.commit().await
    }
}

/// What a provider gave, and what is needed to put it into the vault.
struct Renewal<'a> {
    attempt: &'a Attempt<'a>,
    keys: &'a TenantKeys,
    share: &'a UserShare,
    reply: TokenReply,
}

impl Renewal<'_> {
    /// Writes the successor of the tokens that were sent. Whatever it is that keeps it out of the
    /// database, the journal keeps it then, and nobody is told that it is there.
    async fn keep(
        &self,
        stored: StoredAccount,
        sent: Tokens,
        now: Timestamp,
    ) -> Result<(), TokensetError> {
        let app = self.attempt.app;
        let mut stored = stored;
        let written = self.write(&mut stored, &sent, now).await;
        if written.is_err() {
            let tenant = self.attempt.context.tenant_id();
            let successor = self.successor(&stored, &sent, now)?;
            app.journal.write(Entry::of(tenant, &successor, &sent)).await;
        }
        written
    }

    fn successor(
        &self,
        stored: &StoredAccount,
        sent: &Tokens,
        now: Timestamp,
    ) -> Result<StoredAccount, TokensetError> {
        let Self { attempt, keys, share, reply } = self;
        let (access_token, refresh_token) = (&reply.access_token, &reply.refresh_token);
        let account = tokensets::refreshed(&stored.account, &attempt.provider.spec, reply, now);
        let tokens = sent.clone().succeeded_by(access_token.clone(), refresh_token.clone());
        let tenant = attempt.context.tenant_id();
        let sealed_tokens = tokensets::seal(attempt.app, keys, tenant, share, &account, &tokens)?;
        Ok(StoredAccount { account, sealed_tokens })
    }

    /// Whoever connected the account anew meanwhile has the newer tokens, and they stay; unless that
    /// brought no refresh token, and the one that we have just spent was kept. `stored` is what was last
    /// seen of the row.
    async fn write(
        &self,
        stored: &mut StoredAccount,
        sent: &Tokens,
        now: Timestamp,
    ) -> Result<(), TokensetError> {
        let Attempt { app, context, lease, .. } = self.attempt;
        let tenant = context.tenant_id();
        loop {
            let successor = self.successor(stored, sent, now)?;
            let mut tx = app.store.write().await?;
            if refresh_leases::commit(&mut tx, tenant, lease, &successor).await? {
                self.tell(&mut tx, stored, &successor, now).await?;
                tx.commit().await?;
                return Ok(());
            }
            tx.rollback().await?;
            let mut read = app.store.read().await?;
            let found = connected_accounts::find(&mut read, tenant, &stored.account.id).await?;
            let Some(found) = found else {
                // Removed meanwhile: what the provider may be asked to end is this by now.
                let mut tx = app.store.write().await?;
                revocations::supersede(&mut tx, tenant, &successor, self.share, now).await?;
                return Ok(tx.commit().await?);
            };
            let sealed = &found.sealed_tokens;
            let keys = app.keys.for_records(&mut read, tenant, &[sealed], now).await?;
            drop(read);
            let current = tokensets::open(&keys, tenant, self.share, &found)?;
            // The same version again: the lease is another's, who spends the same token now. The
            // provider takes it once more, or that node will find it refused; ours is the successor.
            if current.refresh_token != sent.refresh_token {
                return Ok(self.attempt.release().await?);
            }
            if found.account.version == stored.account.version {
                let mut tx = app.store.write().await?;
                let kept =
                    connected_accounts::replace_tokenset(&mut tx, tenant, &successor).await?;
                if kept {
                    self.tell(&mut tx, &found, &successor, now).await?;
                    tx.commit().await?;
                    return Ok(());
                }
            }
            *stored = found;
        }
    }

    async fn tell(
        &self,
        tx: &mut WriteTx,
        before: &StoredAccount,
        after: &StoredAccount,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Attempt { app, context, .. } = self.attempt;
        let Some(kind) = kind_of_success(&before.account, &after.account) else { return Ok(()) };
        tell(app, tx, context, &after.account, kind, Some("refreshed"), now).await
    }
}
