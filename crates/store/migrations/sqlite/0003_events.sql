-- What happens to connected accounts, for who wants to hear of it; and grants that are to end at their
-- provider. Neither refers to an account, a user or a connection: those may be gone.

-- Marks the accounts that one transaction takes away.
ALTER TABLE connected_accounts ADD COLUMN leaving TEXT;
CREATE INDEX connected_accounts_by_leaving ON connected_accounts (tenant, leaving)
WHERE leaving IS NOT NULL;

-- Whether the provider is told when an account of the connection is removed.
ALTER TABLE connections ADD COLUMN revokes INTEGER NOT NULL DEFAULT 0;

-- Ids sort by time, and those of one account by what happened first.
CREATE TABLE account_events (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    type TEXT NOT NULL,
    at INTEGER NOT NULL,
    account_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    connection_id TEXT NOT NULL,
    connection TEXT NOT NULL,
    strategy TEXT NOT NULL,
    reason TEXT,
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX account_events_by_time ON account_events (at);

-- sealed_secret: what deliveries are signed with, and what the receiver wants to be shown.
CREATE TABLE event_streams (
    tenant TEXT NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    id TEXT NOT NULL,
    document TEXT NOT NULL,
    sealed_secret BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    failures INTEGER NOT NULL DEFAULT 0,
    paused_until INTEGER,
    PRIMARY KEY (tenant, id)
) STRICT;

-- Of streams that are enabled.
CREATE TABLE event_subscriptions (
    tenant TEXT NOT NULL,
    type TEXT NOT NULL,
    stream_id TEXT NOT NULL,
    PRIMARY KEY (tenant, type, stream_id),
    FOREIGN KEY (tenant, stream_id) REFERENCES event_streams (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX event_subscriptions_by_stream ON event_subscriptions (tenant, stream_id);

-- next_attempt_at: nothing once it was delivered or given up; last_fault tells which.
CREATE TABLE event_deliveries (
    tenant TEXT NOT NULL,
    stream_id TEXT NOT NULL,
    event_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_at INTEGER,
    attempted_at INTEGER,
    last_fault TEXT,
    PRIMARY KEY (tenant, stream_id, event_id),
    FOREIGN KEY (tenant, stream_id) REFERENCES event_streams (tenant, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant, event_id) REFERENCES account_events (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX event_deliveries_by_event ON event_deliveries (tenant, event_id);
CREATE INDEX event_deliveries_pending ON event_deliveries (tenant, stream_id, next_attempt_at)
WHERE next_attempt_at IS NOT NULL;
CREATE INDEX event_deliveries_by_account
ON event_deliveries (tenant, stream_id, account_id, event_id) WHERE next_attempt_at IS NOT NULL;

-- Grants whose accounts were removed. user_share: without it sealed_tokens does not open; it is kept
-- here because the user may be gone.
CREATE TABLE revocations (
    tenant TEXT NOT NULL,
    account_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    connection_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    version INTEGER NOT NULL,
    sealed_tokens BLOB NOT NULL,
    user_share BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, account_id)
) STRICT;
CREATE INDEX revocations_by_attempt ON revocations (next_attempt_at);
CREATE INDEX revocations_by_connection ON revocations (tenant, connection_id);

-- Connections that were removed while grants of theirs are to be revoked.
CREATE TABLE departed_connections (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    document TEXT NOT NULL,
    sealed_secret BLOB,
    removed_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;

-- Whose grant at the provider is still somebody's here.
CREATE INDEX connected_accounts_by_subject ON connected_accounts (tenant, connection_id, subject);

-- What retention looks for.
CREATE INDEX connected_accounts_by_refresh_end ON connected_accounts (refresh_expires_at)
WHERE refresh_expires_at IS NOT NULL;
CREATE INDEX connected_accounts_by_last_end ON connected_accounts (access_expires_at)
WHERE has_refresh_token = 0;
CREATE INDEX connected_accounts_by_use ON connected_accounts (COALESCE(last_used_at, connected_at));
