//! Puts what a provider gave into the vault, and takes it out again.

use std::time::Duration;

use connectors::spec::Teller;
use connectors::{Expiry, Facts, ProviderAccount, Spec, TokenReply, read_facts};
use model::account_event::AccountEventKind;
use model::connected_account::{AccessExpiry, ConnectedAccount, Health, Renewal};
use model::connection::Connection;
use model::ids::{ConnectedAccountId, ConnectionId, TenantId, UserId};
use protocol::oauth::scope::ScopeSet;
use protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use store::connected_accounts::{self, StoredAccount};
use store::revocations::Revocation;
use store::{StoreError, WriteTx, connections, users};
use vault::keyring::Purpose;
use vault::refresh::{Lifetimes, access_expiry};
use vault::seal::{Place, UserShare};
use vault::tokenset::{NotATokenset, Tokens};

use crate::account_events::{kind_of_success, tell};
use crate::app::App;
use crate::context::Context;
use crate::keys::{KeyError, TenantKeys};
use crate::provider_journey::Arrival;

/// A tokenset could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum TokensetError {
    /// The database or a key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// What was opened is no tokenset.
    #[error(transparent)]
    Content(#[from] NotATokenset),
    /// Its user is gone.
    #[error("the user does not exist any more")]
    UserGone,
    /// Its connection is gone.
    #[error("the connection does not exist any more")]
    ConnectionGone,
    /// Somebody else wrote the tokenset meanwhile.
    #[error("the tokenset was changed by somebody else")]
    LostRace,
}

impl TokensetError {
    /// Whether it may work when it is tried again.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Key(KeyError::Store(StoreError::Unavailable(_))) | Self::LostRace)
    }
}

impl From<StoreError> for TokensetError {
    fn from(error: StoreError) -> Self {
        Self::Key(error.into())
    }
}

/// An account at a provider and what came with its tokens; the tokens stand apart.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct GivenAccount {
    pub(crate) subject: String,
    pub(crate) email: Option<String>,
    pub(crate) email_verified: bool,
    // Absent in what a node of the version before has begun.
    #[serde(default)]
    pub(crate) label: Option<String>,
    #[serde(default)]
    pub(crate) facts: Facts,
    pub(crate) scopes: ScopeSet,
    pub(crate) issued_at: Timestamp,
    /// What the provider said of the access token's lifetime, in seconds.
    pub(crate) expires_in: Option<u64>,
    /// Whether the access token ends at all.
    pub(crate) ends: bool,
    pub(crate) refresh_expires_at: Option<Timestamp>,
    /// Whether the scopes come on top of earlier ones: the answer named none, and the provider's grants
    /// add up.
    #[serde(default)]
    pub(crate) adds_up: bool,
    /// What the provider was asked for.
    #[serde(default)]
    pub(crate) asked: ScopeSet,
}

/// What a provider gave: of which connection, which account, and the tokens.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) connection: Connection,
    pub(crate) account: GivenAccount,
    pub(crate) tokens: Tokens,
}

impl Delivery {
    /// Takes apart what came back from a provider.
    pub(crate) fn of(arrival: Arrival, now: Timestamp) -> Self {
        let Arrival { connection, provider, account, reply, scopes, asked, facts, .. } = arrival;
        let ProviderAccount { subject, email, email_verified, label, .. } = account;
        let given = Given::of(&reply, now);
        let account = GivenAccount {
            subject,
            email,
            email_verified,
            label: Some(label),
            facts,
            scopes,
            issued_at: now,
            expires_in: given.expires_in,
            ends: given.ends,
            refresh_expires_at: given.refresh_expires_at,
            asked,
            adds_up: reply.granted.is_none() && !provider.spec.scopes.widening.is_empty(),
        };
        let tokens =
            Tokens { access_token: reply.access_token, refresh_token: reply.refresh_token };
        Self { connection, account, tokens }
    }
}

impl GivenAccount {
    fn label(&self) -> String {
        let label = self.label.as_ref().or(self.email.as_ref()).unwrap_or(&self.subject);
        label.clone()
    }
}

/// The times of a token reply.
struct Given {
    expires_in: Option<u64>,
    ends: bool,
    refresh_expires_at: Option<Timestamp>,
}

impl Given {
    fn of(reply: &TokenReply, now: Timestamp) -> Self {
        let (expires_in, ends) = match reply.expires_in {
            Expiry::Known(lifetime) => (Some(lifetime.as_secs()), true),
            Expiry::Unknown => (None, true),
            Expiry::Never => (None, false),
        };
        let refresh_expires_at = reply.refresh_expires_in.map(|life| now.saturating_add(life));
        Self { expires_in, ends, refresh_expires_at }
    }
}

/// What the catalogue says of a provider's tokens.
pub(crate) fn lifetimes(spec: &Spec) -> Lifetimes {
    let margin = spec.refresh.margin;
    let assumed = spec.assumed_lifetime();
    if spec.refresh.ends_access_token {
        // Nobody is given a token that the refresh behind their back is about to end.
        return Lifetimes { margin, first: margin, assumed, reserve: margin };
    }
    // A token that lasts for half of the margin still serves the one call that it is wanted for.
    Lifetimes { margin, first: margin / 2, assumed, reserve: Duration::ZERO }
}

/// How often a write is tried again when a refresh, or another connect, was faster.
const ATTEMPTS_MAX: usize = 3;

/// Stores the tokens of an account for its user. The same account of the same user is updated in
/// place; another user may have connected it too, and keeps a tokenset of their own.
pub(crate) async fn store(
    app: &App,
    tx: &mut WriteTx,
    context: &Context,
    user_id: &UserId,
    delivery: Delivery,
    now: Timestamp,
) -> Result<ConnectedAccount, TokensetError> {
    let Delivery { connection, account: given, tokens } = delivery;
    let tenant = context.tenant_id();
    let share = users::share(tx, tenant, user_id).await?.ok_or(TokensetError::UserGone)?;
    let subject = given.subject.as_str().into();
    for _ in 0..ATTEMPTS_MAX {
        let existing =
            connected_accounts::find_by_subject(tx, tenant, user_id, &connection.id, &subject)
                .await?;
        let records: Vec<_> = existing.iter().map(|existing| &existing.sealed_tokens).collect();
        let keys = app.keys.for_records(tx, tenant, &records, now).await?;
        let (account, tokens) = match &existing {
            None => (new_account(app, user_id, &connection, &given, &tokens, now), tokens.clone()),
            Some(existing) => {
                let tokens = keep_refresh_token(&keys, tenant, &share, existing, tokens.clone())?;
                (updated(&existing.account, &connection, app, &given, &tokens, now), tokens)
            }
        };
        let sealed_tokens = seal(app, &keys, tenant, &share, &account, &tokens)?;
        let stored = StoredAccount { account, sealed_tokens };
        let written = match &existing {
            None => {
                Box::pin(stay(tx, tenant, user_id, &connection.id)).await?;
                connected_accounts::insert(tx, tenant, &stored).await?
            }
            Some(_) => connected_accounts::replace_tokenset(tx, tenant, &stored).await?,
        };
        if written {
            let account = stored.account;
            connected_accounts::note_asked(tx, tenant, &account.id, &given.asked).await?;
            let kind = match &existing {
                None => AccountEventKind::Created,
                Some(existing) => kind_of_success(&existing.account, &account)
                    .unwrap_or(AccountEventKind::Updated),
            };
            let reason = match &existing {
                Some(existing) if has_less(&account.scopes, &existing.account) => "granted_less",
                Some(_) | None => "connected",
            };
            tell(app, tx, context, &account, kind, Some(reason), now).await?;
            return Ok(account);
        }
    }
    Err(TokensetError::LostRace)
}

/// Keeps the user and the connection of a new account from being removed at the same time: what is
/// removed with them has been looked for by then.
async fn stay(
    tx: &mut WriteTx,
    tenant: &TenantId,
    user_id: &UserId,
    connection_id: &ConnectionId,
) -> Result<(), TokensetError> {
    // In the order in which a connection and its users are removed.
    let connection = connections::find_for_update(tx, tenant, connection_id).await?;
    connection.ok_or(TokensetError::ConnectionGone)?;
    let user = users::find_for_update(tx, tenant, user_id).await?;
    user.map(drop).ok_or(TokensetError::UserGone)
}

/// Whether scopes are fewer than those that an account works with.
fn has_less(scopes: &ScopeSet, account: &ConnectedAccount) -> bool {
    !is_dead(account) && !account.scopes.is_subset_of(scopes)
}

fn is_dead(account: &ConnectedAccount) -> bool {
    match account.health {
        Health::NeedsReconnect { .. } => true,
        Health::Active | Health::OnTrial { .. } => false,
    }
}

/// Stores the tokens of a login, for connections whose older switch says so. A login asks for what the
/// connection asks for, whoever it turns out to be: an account that was connected for more, and can be
/// renewed, keeps what it has.
pub(crate) async fn store_login_tokens(
    app: &App,
    tx: &mut WriteTx,
    context: &Context,
    user_id: &UserId,
    arrival: Arrival,
    now: Timestamp,
) -> Result<(), TokensetError> {
    let delivery = Delivery::of(arrival, now);
    let Delivery { connection, account: GivenAccount { subject, scopes, adds_up, .. }, .. } =
        &delivery;
    let (tenant, subject) = (context.tenant_id(), subject.as_str().into());
    let existing =
        connected_accounts::find_by_subject(tx, tenant, user_id, &connection.id, &subject).await?;
    let has_more = existing.is_some_and(|StoredAccount { account, .. }| {
        account.has_refresh_token && !adds_up && has_less(scopes, &account)
    });
    if has_more {
        return Ok(());
    }
    store(app, tx, context, user_id, delivery, now).await.map(drop)
}

/// A provider that is asked again may send no refresh token, because it remembers having sent one
/// (Google). That one lives on, unless it is known to be dead.
fn keep_refresh_token(
    keys: &TenantKeys,
    tenant: &TenantId,
    share: &UserShare,
    existing: &StoredAccount,
    tokens: Tokens,
) -> Result<Tokens, TokensetError> {
    if tokens.refresh_token.is_some() || is_dead(&existing.account) {
        return Ok(tokens);
    }
    let old = open(keys, tenant, share, existing)?;
    Ok(old.succeeded_by(tokens.access_token, None))
}

fn new_account(
    app: &App,
    user_id: &UserId,
    connection: &Connection,
    given: &GivenAccount,
    tokens: &Tokens,
    now: Timestamp,
) -> ConnectedAccount {
    ConnectedAccount {
        id: app.entropy.id("cac_", 22),
        tokenset_id: app.entropy.uuid().into(),
        user_id: user_id.clone(),
        connection_id: connection.id.clone(),
        connection: connection.name.clone(),
        strategy: connection.strategy.as_str().to_owned(),
        subject: given.subject.as_str().into(),
        access_expiry: expiry(app, connection, given),
        email: given.email.clone(),
        email_verified: given.email_verified,
        label: given.label(),
        facts: given.facts.clone(),
        scopes: given.scopes.clone(),
        created_at: now,
        connected_at: now,
        issued_at: given.issued_at,
        refresh_expires_at: given.refresh_expires_at,
        has_refresh_token: tokens.refresh_token.is_some(),
        health: Health::Active,
        last_used_at: None,
        version: 1,
        renewal: Renewal::default(),
    }
}

fn updated(
    account: &ConnectedAccount,
    connection: &Connection,
    app: &App,
    given: &GivenAccount,
    tokens: &Tokens,
    now: Timestamp,
) -> ConnectedAccount {
    // What a dead grant gave is not added to: the provider has forgotten it.
    let scopes = if given.adds_up && !is_dead(account) {
        account.scopes.union(&given.scopes)
    } else {
        given.scopes.clone()
    };
    ConnectedAccount {
        access_expiry: expiry(app, connection, given),
        email: given.email.clone(),
        email_verified: given.email_verified,
        label: given.label(),
        facts: given.facts.clone(),
        scopes,
        connected_at: now,
        issued_at: given.issued_at,
        refresh_expires_at: given.refresh_expires_at,
        has_refresh_token: tokens.refresh_token.is_some(),
        health: Health::Active,
        renewal: Renewal::default(),
        version: account.version + 1,
        ..account.clone()
    }
}

fn expiry(app: &App, connection: &Connection, given: &GivenAccount) -> AccessExpiry {
    let told = given.expires_in.map(Duration::from_secs);
    match app.catalogue.get(connection.strategy.as_str()) {
        Some(spec) => access_expiry(told, given.ends, lifetimes(spec), given.issued_at),
        // Only a strategy of the catalogue leads to a provider; without one nothing is assumed.
        None => told.map_or(AccessExpiry::Never, |lifetime| {
            AccessExpiry::At(given.issued_at.saturating_add(lifetime))
        }),
    }
}

/// The account after a refresh. Everything that the answer leaves unsaid stays.
pub(crate) fn refreshed(
    account: &ConnectedAccount,
    spec: &Spec,
    reply: &TokenReply,
    now: Timestamp,
) -> ConnectedAccount {
    let given = Given::of(reply, now);
    let told = given.expires_in.map(Duration::from_secs);
    let mut facts = account.facts.clone();
    facts.extend(read_facts(spec, Teller::Token, reply.extras.as_map()));
    ConnectedAccount {
        access_expiry: access_expiry(told, given.ends, lifetimes(spec), now),
        facts,
        scopes: reply.scopes.clone().unwrap_or_else(|| account.scopes.clone()),
        issued_at: now,
        refresh_expires_at: given.refresh_expires_at.or(account.refresh_expires_at),
        has_refresh_token: account.has_refresh_token || reply.refresh_token.is_some(),
        health: Health::Active,
        renewal: Renewal::default(),
        version: account.version + 1,
        ..account.clone()
    }
}

/// Seals the tokens for the place that `account` is, its version included.
pub(crate) fn seal(
    app: &App,
    keys: &TenantKeys,
    tenant: &TenantId,
    share: &UserShare,
    account: &ConnectedAccount,
    tokens: &Tokens,
) -> Result<vault::seal::Sealed, TokensetError> {
    seal_at(app, keys, share, &place_of(tenant, account), tokens)
}

/// Seals the tokens for a place.
pub(crate) fn seal_at(
    app: &App,
    keys: &TenantKeys,
    share: &UserShare,
    place: &Place<'_>,
    tokens: &Tokens,
) -> Result<vault::seal::Sealed, TokensetError> {
    let blob = tokens.to_blob()?;
    Ok(keys.seal(Purpose::Vault, Some(share), place, &blob, &*app.entropy)?)
}

/// Opens the tokens of an account that was removed.
pub(crate) fn open_departed(
    keys: &TenantKeys,
    departed: &Revocation,
) -> Result<Tokens, TokensetError> {
    let Revocation { tenant, account_id, user_id, connection_id, version, .. } = departed;
    let place = place(tenant, account_id, user_id, connection_id, *version);
    let share = Some(&departed.share);
    let blob = keys.open(Purpose::Vault, share, &place, &departed.sealed_tokens)?;
    Ok(Tokens::from_blob(&blob)?)
}

/// Opens the tokens of an account.
pub(crate) fn open(
    keys: &TenantKeys,
    tenant: &TenantId,
    share: &UserShare,
    stored: &StoredAccount,
) -> Result<Tokens, TokensetError> {
    let place = place_of(tenant, &stored.account);
    let blob = keys.open(Purpose::Vault, Some(share), &place, &stored.sealed_tokens)?;
    Ok(Tokens::from_blob(&blob)?)
}

fn place_of<'a>(tenant: &'a TenantId, account: &'a ConnectedAccount) -> Place<'a> {
    let ConnectedAccount { id, user_id, connection_id, version, .. } = account;
    place(tenant, id, user_id, connection_id, *version)
}

/// Where the tokens of an account stand.
pub(crate) fn place<'a>(
    tenant: &'a TenantId,
    account_id: &'a ConnectedAccountId,
    user_id: &'a UserId,
    connection_id: &'a ConnectionId,
    version: i64,
) -> Place<'a> {
    Place {
        tenant: tenant.as_str(),
        table: "connected_accounts",
        row: account_id.as_str(),
        user: user_id.as_str(),
        connection: connection_id.as_str(),
        field: "sealed_tokens",
        generation: version,
    }
}
