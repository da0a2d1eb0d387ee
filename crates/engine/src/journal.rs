//! What a provider gave while the database was gone: kept in files of this node until the database
//! takes it.
//!
//! A refresh token that rotates lives in the provider's answer alone until it is stored. If the
//! database is not there at that moment, the successor goes into a file of its own, its tokens sealed
//! as in the database, synced to disk before anybody is told anything. It is brought into the
//! database before this node renews anything else, every second, and at every start.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use model::connected_account::{AccessExpiry, ConnectedAccount, Health};
use model::ids::{ConnectedAccountId, TenantId};
use protocol::oauth::scope::ScopeSet;
use protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use store::connected_accounts::{self, StoredAccount};
use store::{StoreError, WriteTx, refresh_leases, revocations, tenants, users};
use tokio_util::sync::CancellationToken;
use vault::seal::Sealed;
use vault::tokenset::Tokens;

use crate::account_events::{kind_of_success, tell};
use crate::app::App;
use crate::context::Context;
use crate::entropy::Entropy;
use crate::jobs::goes_on;
use crate::keys::KeyError;
use crate::tokensets::{self, TokensetError};

/// How often is looked whether the database is back.
const REPLAY_EVERY: Duration = Duration::from_secs(1);
const SUFFIX: &str = "tokenset";

/// Holds the node's name, and is locked for as long as its process lives.
const NODE_FILE: &str = "node";

/// The journal of one node.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    node: Option<Node>,
    /// By file name. Also what could not be written to disk either.
    entries: Mutex<HashMap<String, Entry>>,
}

/// The successor of a tokenset, as it is to stand in the database.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    tenant: TenantId,
    account: ConnectedAccountId,
    version: i64,
    scopes: ScopeSet,
    issued_at: Timestamp,
    access_expiry: AccessExpiry,
    refresh_expires_at: Option<Timestamp>,
    has_refresh_token: bool,
    /// Base64 of the sealed record.
    sealed_tokens: String,
    /// Base64 of the hash of the refresh token that was spent for this.
    #[serde(default)]
    sent: Option<String>,
}

/// The name of this node, which it keeps from one process to the next.
#[derive(Debug)]
struct Node {
    name: String,
    /// Whoever holds the lock is the node: no other process of that name is alive.
    _lock: File,
}

impl Node {
    /// Nothing if another process is the node.
    fn claim(folder: &Path, new_name: String) -> io::Result<Option<Self>> {
        make_folder(folder)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(folder.join(NODE_FILE))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let place = place_of(folder)?;
        // A copy of the folder elsewhere is another node.
        let name = match text.split_once('\n') {
            Some((name, known)) if known == place => name.to_owned(),
            Some(_) | None => {
                file.set_len(0)?;
                file.rewind()?;
                file.write_all(format!("{new_name}\n{place}").as_bytes())?;
                file.sync_all()?;
                new_name
            }
        };
        Ok(Some(Self { name, _lock: file }))
    }
}

/// What tells a folder from a copy of it on another machine or disk.
fn place_of(folder: &Path) -> io::Result<String> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let metadata = fs::metadata(folder)?;
        let machine = fs::read_to_string("/etc/machine-id").unwrap_or_default();
        Ok(format!("{} {} {}", metadata.dev(), metadata.ino(), machine.trim()))
    }
    #[cfg(not(unix))]
    Ok(fs::canonicalize(folder)?.display().to_string())
}

impl Entry {
    /// Of a tokenset that should have been stored, and the tokens that were spent for it.
    pub(crate) fn of(tenant: &TenantId, successor: &StoredAccount, sent: &Tokens) -> Self {
        let StoredAccount { account, sealed_tokens } = successor;
        Self {
            tenant: tenant.clone(),
            account: account.id.clone(),
            version: account.version,
            scopes: account.scopes.clone(),
            issued_at: account.issued_at,
            access_expiry: account.access_expiry,
            refresh_expires_at: account.refresh_expires_at,
            has_refresh_token: account.has_refresh_token,
            sealed_tokens: BASE64_STANDARD.encode(sealed_tokens.as_bytes()),
            sent: refresh_token_hash(sent),
        }
    }

    fn file_name(&self) -> String {
        format!("{}-{}.{SUFFIX}", self.account, self.version)
    }

    fn sealed(&self) -> Sealed {
        // What is no base64 opens as little as any other damaged record.
        Sealed::from_bytes(BASE64_STANDARD.decode(&self.sealed_tokens).unwrap_or_default())
    }

    /// What it makes of the account as it stands.
    fn applied_to(&self, account: ConnectedAccount) -> StoredAccount {
        let account = ConnectedAccount {
            scopes: self.scopes.clone(),
            issued_at: self.issued_at,
            access_expiry: self.access_expiry,
            refresh_expires_at: self.refresh_expires_at,
            has_refresh_token: self.has_refresh_token,
            health: Health::Active,
            version: self.version,
            ..account
        };
        StoredAccount { account, sealed_tokens: self.sealed() }
    }
}

fn refresh_token_hash(tokens: &Tokens) -> Option<String> {
    let token = tokens.refresh_token.as_ref()?;
    Some(BASE64_STANDARD.encode(token.hashed().as_bytes()))
}

impl Journal {
    /// The journal in a folder, with what an earlier process of this node left there. The folder is
    /// made if there is none.
    ///
    /// # Errors
    /// If the folder cannot be read or written.
    pub fn open(folder: &Path, entropy: &dyn Entropy) -> io::Result<Self> {
        let node = Node::claim(folder, entropy.uuid())?;
        if node.is_none() {
            tracing::warn!(folder = %folder.display(), "another process uses the same journal");
        }
        let mut entries = HashMap::new();
        for file in fs::read_dir(folder)? {
            let path = file?.path();
            if path.extension().is_none_or(|extension| extension != SUFFIX) {
                continue;
            }
            match serde_json::from_slice::<Entry>(&fs::read(&path)?) {
                Ok(entry) => drop(entries.insert(entry.file_name(), entry)),
                Err(error) => {
                    tracing::error!(%error, path = %path.display(), "not a journal entry");
                }
            }
        }
        Ok(Self { folder: folder.to_owned(), node, entries: Mutex::new(entries) })
    }

    /// The name that this node had before, if no other process goes by it.
    pub(crate) fn node(&self) -> Option<&str> {
        self.node.as_ref().map(|node| node.name.as_str())
    }

    /// How many tokensets wait for the database.
    pub fn waiting(&self) -> usize {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether a tokenset of an account waits for the database. What the database has is spent then.
    pub(crate) fn holds(&self, tenant: &TenantId, account: &ConnectedAccountId) -> bool {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.values().any(|entry| entry.tenant == *tenant && entry.account == *account)
    }

    /// Keeps a tokenset. If the disk does not take it, memory does, and the operator is told.
    pub(crate) async fn write(&self, entry: Entry) {
        let (folder, name) = (self.folder.clone(), entry.file_name());
        let account = entry.account.clone();
        tracing::error!(%account, "the database does not take a renewed tokenset; it is journalled");
        self.entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.clone(), entry.clone());
        let written = tokio::task::spawn_blocking(move || write_file(&folder, &name, &entry)).await;
        match written {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(%error, %account, "a renewed tokenset is in memory only");
            }
            Err(error) => tracing::error!(%error, %account, "a renewed tokenset is in memory only"),
        }
    }

    /// Brings into the database what waits for it.
    pub(crate) async fn replay(&self, app: &App) -> Result<(), StoreError> {
        let waiting: Vec<_> = {
            let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
            entries.iter().map(|(name, entry)| (name.clone(), entry.clone())).collect()
        };
        for (name, entry) in waiting {
            let mut restored = restore(app, &entry, true).await;
            if restored.as_ref().is_err_and(|error| !error.is_passing()) {
                // A tokenset is worth more than that somebody is told of it.
                restored = restore(app, &entry, false).await;
            }
            let kept = match restored {
                Ok(kept) => kept,
                Err(TokensetError::Key(KeyError::Store(error @ StoreError::Unavailable(_)))) => {
                    return Err(error);
                }
                // One that the database refuses must not keep the others waiting.
                Err(error) => {
                    tracing::error!(%error, account = %entry.account, "cannot be replayed");
                    continue;
                }
            };
            tracing::info!(account = %entry.account, kept, "a journalled tokenset was replayed");
            self.entries.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
            match fs::remove_file(self.folder.join(&name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(%error, name, "a replayed journal entry cannot be removed");
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }
}

/// Brings what waits into the database whenever that is back, until told to stop.
pub async fn replaying(app: std::sync::Arc<App>, stop: CancellationToken) {
    while goes_on(REPLAY_EVERY, &stop).await {
        if app.journal.waiting() > 0
            && let Err(error) = app.journal.replay(&app).await
        {
            tracing::warn!(%error, "the journal cannot be replayed yet");
        }
    }
}

/// Stores the tokenset unless the account has a newer one. An account that another node has given up
/// meanwhile, because it spent the same refresh token, comes back to life; of one that was removed, these
/// are the tokens to revoke.
async fn restore(app: &App, entry: &Entry, tells: bool) -> Result<bool, TokensetError> {
    let Entry { tenant, account, .. } = entry;
    let mut tx = app.store.write().await?;
    let Some(before) = connected_accounts::find(&mut tx, tenant, account).await? else {
        let (version, sealed) = (entry.version, entry.sealed());
        let is_revoked =
            revocations::replace(&mut tx, tenant, account, version, &sealed, app.now()).await?;
        tx.commit().await?;
        return Ok(is_revoked);
    };
    let Some(successor) = successor(app, &mut tx, entry, &before).await? else {
        tx.rollback().await?;
        return Ok(false);
    };
    let kept = connected_accounts::replace_tokenset(&mut tx, tenant, &successor).await?;
    if kept {
        refresh_leases::clear(&mut tx, tenant, account).await?;
        let kind = kind_of_success(&before.account, &successor.account).filter(|_| tells);
        if let Some(kind) = kind
            && let Some(tenant) = tenants::find(&mut tx, tenant).await?
            && let Some(context) = Context::of_ourselves(tenant)
        {
            let (account, reason) = (&successor.account, Some("refreshed"));
            tell(app, &mut tx, &context, account, kind, reason, app.now()).await?;
        }
    }
    tx.commit().await?;
    Ok(kept)
}

/// What is to stand in the place of what stands there. Whoever connected the account anew meanwhile
/// brought newer tokens; unless they brought no refresh token, and the one that was spent was kept.
async fn successor(
    app: &App,
    tx: &mut WriteTx,
    entry: &Entry,
    before: &StoredAccount,
) -> Result<Option<StoredAccount>, TokensetError> {
    let journalled = entry.applied_to(before.account.clone());
    let version = before.account.version + 1;
    if version == entry.version {
        return Ok(Some(journalled));
    }
    let Entry { tenant, sent: Some(sent), .. } = entry else { return Ok(None) };
    let Some(share) = users::share(tx, tenant, &before.account.user_id).await? else {
        return Ok(None);
    };
    let records = [&before.sealed_tokens, &journalled.sealed_tokens];
    let keys = app.keys.for_records(tx, tenant, &records, app.now()).await?;
    let current = tokensets::open(&keys, tenant, &share, before)?;
    if refresh_token_hash(&current).as_ref() != Some(sent) {
        return Ok(None);
    }
    let tokens = tokensets::open(&keys, tenant, &share, &journalled)?;
    let account = ConnectedAccount { version, ..journalled.account };
    let sealed_tokens = tokensets::seal(app, &keys, tenant, &share, &account, &tokens)?;
    Ok(Some(StoredAccount { account, sealed_tokens }))
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Written beside, synced, renamed: a file that bears its name is whole.
fn write_file(folder: &Path, name: &str, entry: &Entry) -> io::Result<()> {
    make_folder(folder)?;
    let beside = folder.join(format!("{name}.part"));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(&serde_json::to_vec(entry)?)?;
    file.sync_all()?;
    fs::rename(&beside, folder.join(name))?;
    File::open(folder)?.sync_all()
}
