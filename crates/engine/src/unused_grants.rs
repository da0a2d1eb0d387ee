//! Gives back what a provider gave for a connect that came to nothing. Where the connection has
//! `revoke_on_disconnect`, the grant is noted to be revoked, as that of an account that leaves is: it
//! is kept if an account of the vault lives by the same grant, which many a provider ends whole.

use connectors::Facts;
use model::connection::Connection;
use model::ids::UserId;
use protocol::time::Timestamp;
use store::WriteTx;
use store::revocations::{self, Revocation};
use vault::seal::UserShare;
use vault::tokenset::Tokens;

use crate::app::App;
use crate::context::Context;
use crate::tokensets::{self, Delivery, TokensetError};

/// What a provider gave, and nobody will use.
#[derive(Debug)]
pub struct UnusedGrant {
    /// Who was to have it.
    pub(crate) user_id: UserId,
    /// By which connection it came.
    pub(crate) connection: Connection,
    /// Whose it is at the provider, if that could be told.
    pub(crate) subject: Option<String>,
    /// What calls to the provider take beside.
    pub(crate) facts: Facts,
    /// The tokens.
    pub(crate) tokens: Tokens,
}

impl UnusedGrant {
    /// What came for a user, whole.
    pub(crate) fn of(user_id: &UserId, delivery: Delivery) -> Self {
        let Delivery { connection, account, tokens } = delivery;
        let (user_id, subject) = (user_id.clone(), Some(account.subject));
        Self { user_id, connection, subject, facts: account.facts, tokens }
    }
}

/// Notes a grant to be revoked, if its connection's are.
pub(crate) async fn give_back(
    app: &App,
    tx: &mut WriteTx,
    context: &Context,
    unused: UnusedGrant,
    now: Timestamp,
) -> Result<(), TokensetError> {
    let UnusedGrant { user_id, connection, subject, facts, tokens } = unused;
    if !connection.revokes_on_disconnect() {
        return Ok(());
    }
    let tenant = context.tenant_id();
    // The account and the share of its owner are those of this grant alone: there never was an account,
    // and its owner may be gone.
    let share = UserShare::new(app.entropy.bytes());
    let account_id = app.entropy.id("cac_", 22);
    let version = 1;
    let keys = app.keys.of(tx, tenant, now).await?;
    let place = tokensets::place(tenant, &account_id, &user_id, &connection.id, version);
    let sealed_tokens = tokensets::seal_at(app, &keys, &share, &place, &tokens)?;
    let revocation = Revocation {
        tenant: tenant.clone(),
        account_id,
        user_id,
        connection_id: connection.id,
        subject: subject.unwrap_or_default().into(),
        version,
        sealed_tokens,
        share,
        facts,
        created_at: now,
        attempts: 0,
    };
    Ok(revocations::insert(tx, &revocation).await?)
}
