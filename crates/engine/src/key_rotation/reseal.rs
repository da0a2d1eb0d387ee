//! Seals every record anew.

use model::ids::{ClientId, ConnectedAccountId, ConnectionId, EventStreamId, TenantId};
use protocol::time::Timestamp;
use serde_json::json;
use store::clients::StoredSecret;
use store::connected_accounts::StoredAccount;
use store::connection_keys::ConnectionKey;
use store::resealing::{self, SealedSecret};
use store::{StoreError, users};
use vault::keyring::Purpose;
use vault::seal::{Place, Sealed};

use super::inspection::Unopened;
use super::{PAGE, note, older_records};
use crate::app::App;
use crate::client_auth::{self, Held};
use crate::keys::{KeyError, TenantKeys, signing_key_place};
use crate::tokensets::TokensetError;
use crate::{connection_keys, connection_secret, event_streams, tokensets};

/// What sealing everything anew came to.
#[derive(Debug, Default)]
pub struct Resealed {
    /// How many records were sealed.
    pub sealed: usize,
    /// Records that do not open, and stay as they are.
    pub failures: Vec<Unopened>,
}

/// Seals every record with the newest key of its tenant and purpose; `progress` is told how many of
/// how many were sealed so far. What somebody else writes meanwhile, they have sealed with it
/// themselves. A record that does not open stays as it is and keeps no other waiting.
///
/// # Errors
/// If the database fails, or the keys of a tenant do not open.
pub async fn reseal(
    app: &App,
    mut progress: impl FnMut(usize, usize),
    now: Timestamp,
) -> Result<Resealed, KeyError> {
    let mut done = Resealed::default();
    let tenants = resealing::tenants(&mut app.store.read().await?).await?;
    let total = older(app, &tenants).await?;
    for tenant in &tenants {
        let before = (done.sealed, done.failures.len());
        let keys = match app.keys.known_to_all(&mut app.store.read().await?, tenant).await {
            // Since we looked for tenants.
            Err(KeyError::Erased { .. }) => continue,
            opened => opened?,
        };
        let work = Work { app, tenant, keys: &keys };
        work.secrets(&mut done).await?;
        progress(done.sealed, total);
        let newest = *keys.newest(Purpose::Vault)?.id();
        let mut after = ConnectedAccountId::new("");
        loop {
            let mut read = app.store.read().await?;
            let page = resealing::accounts_after(&mut read, tenant, &after, PAGE).await?;
            drop(read);
            let Some(last) = page.last() else { break };
            after = last.account.id.clone();
            for stored in page.iter().filter(|stored| stored.sealed_tokens.key_id() != Ok(newest)) {
                let outcome = work.account(stored).await;
                done.note(tenant, "connected_accounts", stored.account.id.as_str(), outcome)?;
            }
            progress(done.sealed, total);
        }
        let (sealed, unopened) = (done.sealed - before.0, done.failures.len() - before.1);
        if sealed > 0 {
            let mut tx = app.store.write().await?;
            let details = json!({ "records": sealed, "unopened": unopened });
            note(app, &mut tx, tenant, "Seal the records anew", details, now).await?;
            tx.commit().await?;
        }
    }
    Ok(done)
}

async fn older(app: &App, tenants: &[TenantId]) -> Result<usize, StoreError> {
    let mut read = app.store.read().await?;
    let mut total = 0;
    for tenant in tenants {
        for purpose in super::SEALING {
            total += older_records(&mut read, tenant, purpose).await?;
        }
    }
    Ok(usize::try_from(total).unwrap_or(usize::MAX))
}

impl Resealed {
    /// A failing database ends everything, a record that does not open is remembered.
    fn note<E: Into<TokensetError>>(
        &mut self,
        tenant: &TenantId,
        table: &'static str,
        row: &str,
        outcome: Result<bool, E>,
    ) -> Result<(), KeyError> {
        match outcome.map_err(Into::into) {
            Ok(written) => self.sealed += usize::from(written),
            Err(TokensetError::Key(error @ KeyError::Store(_))) => return Err(error),
            Err(error) => self.failures.push(Unopened::of(tenant, table, row, &error)),
        }
        Ok(())
    }
}

/// The records of one tenant, and its keys.
struct Work<'a> {
    app: &'a App,
    tenant: &'a TenantId,
    keys: &'a TenantKeys,
}

impl Work<'_> {
    async fn account(&self, stored: &StoredAccount) -> Result<bool, TokensetError> {
        let Self { app, tenant, keys } = *self;
        let mut read = app.store.read().await?;
        let Some(share) = users::share(&mut read, tenant, &stored.account.user_id).await? else {
            return Ok(false);
        };
        drop(read);
        let tokens = tokensets::open(keys, tenant, &share, stored)?;
        let sealed = tokensets::seal(app, keys, tenant, &share, &stored.account, &tokens)?;
        let mut tx = app.store.write().await?;
        let written = resealing::reseal_account(&mut tx, tenant, stored, &sealed).await?;
        tx.commit().await?;
        Ok(written)
    }

    async fn secrets(&self, done: &mut Resealed) -> Result<(), KeyError> {
        let Self { app, tenant, keys } = *self;
        let is_old = |old: &SealedSecret, purpose| -> Result<bool, KeyError> {
            Ok(old.sealed.key_id() != Ok(*keys.newest(purpose)?.id()))
        };
        let mut read = app.store.read().await?;
        let present = resealing::client_secrets(&mut read, tenant).await?;
        let previous = resealing::previous_client_secrets(&mut read, tenant).await?;
        let connections = resealing::connection_secrets(&mut read, tenant).await?;
        let streams = resealing::stream_secrets(&mut read, tenant).await?;
        let signing_keys = store::keys::signing_keys(&mut read, tenant).await?;
        let connection_keys = store::connection_keys::of_tenant(&mut read, tenant).await?;
        drop(read);
        let newest = *keys.newest(Purpose::ProviderSecrets)?.id();
        for old in connection_keys.iter().filter(|old| old.sealed.key_id() != Ok(newest)) {
            done.note(tenant, "connection_keys", &old.kid, self.connection_key(old).await)?;
        }
        for (held, secrets) in [(Held::Present, present), (Held::Previous, previous)] {
            for old in secrets {
                if is_old(&old, Purpose::ClientSecrets)? {
                    done.note(tenant, held.table(), &old.id, self.client(held, &old).await)?;
                }
            }
        }
        for old in connections {
            if is_old(&old, Purpose::ProviderSecrets)? {
                done.note(tenant, "connections", &old.id, self.connection(&old).await)?;
            }
        }
        for old in streams {
            if is_old(&old, Purpose::ProviderSecrets)? {
                done.note(tenant, "event_streams", &old.id, self.stream(&old).await)?;
            }
        }
        for key in signing_keys {
            let old = SealedSecret { id: key.kid, sealed: key.sealed };
            if is_old(&old, Purpose::SigningKeys)? {
                done.note(tenant, "signing_keys", &old.id, self.signing_key(&old).await)?;
            }
        }
        Ok(())
    }

    async fn client(&self, held: Held, old: &SealedSecret) -> Result<bool, KeyError> {
        let Self { app, tenant, keys } = *self;
        let id = ClientId::new(old.id.as_str());
        let secret = client_auth::reveal_secret(keys, tenant, &id, held, &old.sealed)?;
        let StoredSecret { mac, sealed } =
            client_auth::store_secret(keys, tenant, &id, held, &secret, &*app.entropy)?;
        let mut tx = app.store.write().await?;
        let written = match held {
            Held::Present => resealing::reseal_client(&mut tx, tenant, old, &mac, &sealed).await?,
            Held::Previous => {
                resealing::reseal_previous_secret(&mut tx, tenant, old, &mac, &sealed).await?
            }
        };
        tx.commit().await?;
        Ok(written)
    }

    async fn connection(&self, old: &SealedSecret) -> Result<bool, KeyError> {
        let place_id = ConnectionId::new(old.id.as_str());
        let place = connection_secret::place(self.tenant, &place_id);
        let sealed = self.anew(Purpose::ProviderSecrets, &place, &old.sealed)?;
        let mut tx = self.app.store.write().await?;
        let written = resealing::reseal_connection(&mut tx, self.tenant, old, &sealed).await?;
        tx.commit().await?;
        Ok(written)
    }

    async fn stream(&self, old: &SealedSecret) -> Result<bool, KeyError> {
        let id = EventStreamId::new(old.id.as_str());
        let place = event_streams::place(self.tenant, &id);
        let sealed = self.anew(Purpose::ProviderSecrets, &place, &old.sealed)?;
        let mut tx = self.app.store.write().await?;
        let written = resealing::reseal_stream(&mut tx, self.tenant, old, &sealed).await?;
        tx.commit().await?;
        Ok(written)
    }

    async fn connection_key(&self, old: &ConnectionKey) -> Result<bool, KeyError> {
        let place = connection_keys::place(self.tenant, &old.connection_id, &old.kid);
        let sealed = self.anew(Purpose::ProviderSecrets, &place, &old.sealed)?;
        let mut tx = self.app.store.write().await?;
        let written = resealing::reseal_connection_key(&mut tx, self.tenant, old, &sealed).await?;
        tx.commit().await?;
        Ok(written)
    }

    async fn signing_key(&self, old: &SealedSecret) -> Result<bool, KeyError> {
        let place = signing_key_place(self.tenant, &old.id);
        let sealed = self.anew(Purpose::SigningKeys, &place, &old.sealed)?;
        let mut tx = self.app.store.write().await?;
        let written = resealing::reseal_signing_key(&mut tx, self.tenant, old, &sealed).await?;
        tx.commit().await?;
        Ok(written)
    }

    fn anew(
        &self,
        purpose: Purpose,
        place: &Place<'_>,
        sealed: &Sealed,
    ) -> Result<Sealed, KeyError> {
        let plaintext = self.keys.open(purpose, None, place, sealed)?;
        self.keys.seal(purpose, None, place, &plaintext, &*self.app.entropy)
    }
}
