//! What a provider gave while the database was gone: kept in files of this node until the database
//! takes it.
//!
//! A refresh token that rotates lives in the provider's answer alone until it is stored. If the
//! database is not there at that moment, the successor goes into a file of its own, its tokens sealed
//! as in the database, synced to disk before anybody is told anything. It is brought into the
//! database before this node renews anything else, every second, and at every start.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
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
use store::{StoreError, refresh_leases, tenants};
use tokio_util::sync::CancellationToken;
use vault::seal::Sealed;

use crate::account_events::{kind_of_success, tell};
use crate::app::App;
use crate::context::Context;
use crate::entropy::Entropy;
use crate::jobs::goes_on;

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
        let mut name = String::new();
        file.read_to_string(&mut name)?;
        if name.is_empty() {
            file.write_all(new_name.as_bytes())?;
            file.sync_all()?;
            name = new_name;
        }
        Ok(Some(Self { name, _lock: file }))
    }
}

impl Entry {
    /// Of a tokenset that should have been stored.
    pub(crate) fn of(tenant: &TenantId, successor: &StoredAccount) -> Self {
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
        }
    }

    fn file_name(&self) -> String {
        format!("{}-{}.{SUFFIX}", self.account, self.version)
    }

    /// What it makes of the account as it stands.
    fn applied_to(&self, account: ConnectedAccount) -> Option<StoredAccount> {
        let sealed = BASE64_STANDARD.decode(&self.sealed_tokens).ok()?;
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
        Some(StoredAccount { account, sealed_tokens: Sealed::from_bytes(sealed) })
    }
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
            let kept = match restore(app, &entry).await {
                Ok(kept) => kept,
                Err(error @ StoreError::Unavailable(_)) => return Err(error),
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

/// Stores the tokenset unless the account has a newer one, or is gone. An account that another node
/// has given up meanwhile, because it spent the same refresh token, comes back to life.
async fn restore(app: &App, entry: &Entry) -> Result<bool, StoreError> {
    let mut tx = app.store.write().await?;
    let found = connected_accounts::find(&mut tx, &entry.tenant, &entry.account).await?;
    let restored = found.and_then(|found| {
        let successor = entry.applied_to(found.account.clone())?;
        Some((found.account, successor))
    });
    let Some((before, successor)) = restored else {
        tx.rollback().await?;
        return Ok(false);
    };
    let kept = connected_accounts::replace_tokenset(&mut tx, &entry.tenant, &successor).await?;
    if kept {
        refresh_leases::clear(&mut tx, &entry.tenant, &entry.account).await?;
        let context = tenants::find(&mut tx, &entry.tenant).await?.and_then(Context::of_ourselves);
        let kind = kind_of_success(&before, &successor.account);
        if let (Some(context), Some(kind)) = (context, kind) {
            let (account, reason) = (&successor.account, Some("refreshed"));
            tell(app, &mut tx, &context, account, kind, reason, app.now()).await?;
        }
    }
    tx.commit().await?;
    Ok(kept)
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
