-- Everything is keyed by tenant. Times are milliseconds since 1970 (UTC). Documents are JSON.
-- What must stay secret is stored sealed (`sealed_…`), as a keyed hash (`…_mac`), or, where it has
-- 256 random bits of its own, as SHA-256 (`…_hash`). No column holds a secret in clear.
--
-- The same for both engines but for the types. PostgreSQL compares texts by their bytes, as SQLite
-- does, whatever its locale: ids that sort by time then do. In SQLite narrow tables are WITHOUT
-- ROWID; with rows of a kilobyte that makes the tree too deep.

CREATE TABLE tenants (
    tenant TEXT NOT NULL PRIMARY KEY,
    settings TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE tenant_hosts (
    authority TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    base_url TEXT NOT NULL,
    position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tenant_hosts_by_tenant ON tenant_hosts (tenant, position);

-- A known value under each key-encryption key, opened before anything is written.
CREATE TABLE kek_checks (
    kek_id TEXT NOT NULL PRIMARY KEY,
    wrapped BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE tenant_keys (
    tenant TEXT NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    key_id BLOB NOT NULL,
    purpose TEXT NOT NULL,
    kek_id TEXT NOT NULL,
    wrapped BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, key_id)
) STRICT;

CREATE TABLE signing_keys (
    tenant TEXT NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    kid TEXT NOT NULL,
    stage TEXT NOT NULL CHECK (stage IN ('current', 'next', 'previous')),
    public_jwk TEXT NOT NULL,
    sealed_key BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, kid)
) STRICT;

CREATE TABLE clients (
    tenant TEXT NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    client_id TEXT NOT NULL,
    document TEXT NOT NULL,
    secret_mac BLOB,
    sealed_secret BLOB,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, client_id)
) STRICT;

CREATE TABLE resource_servers (
    tenant TEXT NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    id TEXT NOT NULL,
    identifier TEXT NOT NULL,
    document TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, identifier)
) STRICT;

CREATE TABLE client_grants (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    audience TEXT NOT NULL,
    subject_type TEXT NOT NULL,
    document TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, client_id, audience, subject_type),
    FOREIGN KEY (tenant, client_id) REFERENCES clients (tenant, client_id) ON DELETE CASCADE,
    FOREIGN KEY (tenant, audience) REFERENCES resource_servers (tenant, identifier) ON DELETE CASCADE
) STRICT;

CREATE TABLE connections (
    tenant TEXT NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    strategy TEXT NOT NULL,
    document TEXT NOT NULL,
    sealed_secret BLOB,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, name)
) STRICT;

CREATE TABLE connection_clients (
    tenant TEXT NOT NULL,
    connection_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    PRIMARY KEY (tenant, connection_id, client_id),
    FOREIGN KEY (tenant, connection_id) REFERENCES connections (tenant, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant, client_id) REFERENCES clients (tenant, client_id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- user_share: random bytes without which nothing sealed for the user opens.
CREATE TABLE users (
    tenant TEXT NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    user_id TEXT NOT NULL,
    email_key TEXT,
    profile TEXT NOT NULL,
    blocked INTEGER NOT NULL,
    user_share BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    last_login INTEGER,
    last_ip TEXT,
    logins_count INTEGER NOT NULL,
    PRIMARY KEY (tenant, user_id)
) STRICT;
CREATE INDEX users_by_email ON users (tenant, email_key, created_at, user_id);
CREATE INDEX users_by_creation ON users (tenant, created_at, user_id);

CREATE TABLE identities (
    tenant TEXT NOT NULL,
    connection_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    profile_data TEXT NOT NULL,
    PRIMARY KEY (tenant, connection_id, subject),
    FOREIGN KEY (tenant, connection_id) REFERENCES connections (tenant, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant, user_id) REFERENCES users (tenant, user_id) ON DELETE CASCADE
) STRICT;
CREATE INDEX identities_by_user ON identities (tenant, user_id, position);

-- Password credentials of database connections; the hash is Argon2id in PHC form.
CREATE TABLE passwords (
    tenant TEXT NOT NULL,
    connection_id TEXT NOT NULL,
    identifier TEXT NOT NULL,
    user_id TEXT NOT NULL,
    hash TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, connection_id, identifier),
    FOREIGN KEY (tenant, connection_id) REFERENCES connections (tenant, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant, user_id) REFERENCES users (tenant, user_id) ON DELETE CASCADE
) STRICT;
CREATE INDEX passwords_by_user ON passwords (tenant, user_id);

CREATE TABLE sessions (
    tenant TEXT NOT NULL,
    token_hash BLOB NOT NULL,
    id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    connection TEXT NOT NULL,
    authenticated_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, token_hash),
    UNIQUE (tenant, id),
    FOREIGN KEY (tenant, user_id) REFERENCES users (tenant, user_id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (tenant, user_id);
CREATE INDEX sessions_by_end ON sessions (expires_at);

-- An authorization request on its way through the login pages of one browser.
CREATE TABLE login_states (
    tenant TEXT NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    state_hash BLOB NOT NULL,
    browser_hash BLOB NOT NULL,
    request TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, state_hash)
) STRICT;
CREATE INDEX login_states_by_end ON login_states (expires_at);

-- A browser sent to a provider, to log in or to connect an account.
CREATE TABLE provider_states (
    tenant TEXT NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    state_hash BLOB NOT NULL,
    browser_hash BLOB NOT NULL,
    connection_id TEXT NOT NULL,
    purpose TEXT NOT NULL,
    sealed_verifier BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, state_hash),
    FOREIGN KEY (tenant, connection_id) REFERENCES connections (tenant, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX provider_states_by_end ON provider_states (expires_at);

CREATE TABLE authorization_codes (
    tenant TEXT NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    code_hash BLOB NOT NULL,
    grant_document TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    redeemed_at INTEGER,
    PRIMARY KEY (tenant, code_hash)
) STRICT;
CREATE INDEX authorization_codes_by_end ON authorization_codes (expires_at);

CREATE TABLE grant_families (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    audience TEXT,
    scope TEXT NOT NULL,
    auth_time INTEGER NOT NULL,
    dpop_jkt TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER NOT NULL,
    latest_generation INTEGER NOT NULL,
    revoked_at INTEGER,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, client_id) REFERENCES clients (tenant, client_id) ON DELETE CASCADE,
    FOREIGN KEY (tenant, user_id) REFERENCES users (tenant, user_id) ON DELETE CASCADE
) STRICT;
CREATE INDEX grant_families_by_user ON grant_families (tenant, user_id, client_id);
CREATE INDEX grant_families_by_client ON grant_families (tenant, client_id);
CREATE INDEX grant_families_by_end ON grant_families (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX grant_families_by_revocation ON grant_families (revoked_at) WHERE revoked_at IS NOT NULL;

CREATE TABLE refresh_tokens (
    tenant TEXT NOT NULL,
    token_hash BLOB NOT NULL,
    family_id TEXT NOT NULL,
    generation INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    replaced_at INTEGER,
    PRIMARY KEY (tenant, token_hash),
    FOREIGN KEY (tenant, family_id) REFERENCES grant_families (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_tokens_by_family ON refresh_tokens (tenant, family_id);

-- From POST connect to POST complete. sealed_tokens: what the provider gave, until its owner
-- completes the connection.
CREATE TABLE connect_transactions (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    ticket_hash BLOB NOT NULL,
    auth_session_hash BLOB NOT NULL,
    browser_hash BLOB,
    connect_code_hash BLOB,
    user_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    connection_id TEXT NOT NULL,
    request TEXT NOT NULL,
    account TEXT,
    sealed_tokens BLOB,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, ticket_hash),
    UNIQUE (tenant, auth_session_hash),
    FOREIGN KEY (tenant, user_id) REFERENCES users (tenant, user_id) ON DELETE CASCADE,
    FOREIGN KEY (tenant, client_id) REFERENCES clients (tenant, client_id) ON DELETE CASCADE,
    FOREIGN KEY (tenant, connection_id) REFERENCES connections (tenant, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX connect_transactions_by_user ON connect_transactions (tenant, user_id);
CREATE INDEX connect_transactions_by_end ON connect_transactions (expires_at);

-- An account at a provider and its tokenset.
CREATE TABLE connected_accounts (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    tokenset_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    connection_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    email TEXT,
    email_verified INTEGER NOT NULL,
    scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    connected_at INTEGER NOT NULL,
    issued_at INTEGER NOT NULL,
    access_expires_at INTEGER,
    access_expiry_kind TEXT NOT NULL CHECK (access_expiry_kind IN ('at', 'assumed', 'never')),
    refresh_expires_at INTEGER,
    has_refresh_token INTEGER NOT NULL,
    dead_since INTEGER,
    dead_reason TEXT,
    last_used_at INTEGER,
    version INTEGER NOT NULL,
    sealed_tokens BLOB NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, tokenset_id),
    UNIQUE (tenant, user_id, connection_id, subject),
    FOREIGN KEY (tenant, user_id) REFERENCES users (tenant, user_id) ON DELETE CASCADE,
    FOREIGN KEY (tenant, connection_id) REFERENCES connections (tenant, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX connected_accounts_by_connection ON connected_accounts (tenant, connection_id);

-- Views. None is ever given another column: a neighbouring version has prepared statements that
-- select all of them. A new shape is a new view.

-- A row per identity, or one without any.
CREATE VIEW user_details AS
SELECT u.tenant, u.user_id, u.email_key, u.profile, u.blocked, u.created_at, u.updated_at,
    u.last_login, u.last_ip, u.logins_count, i.connection_id, i.subject, i.position,
    i.profile_data, c.name AS connection, c.strategy
FROM users u
LEFT JOIN identities i ON i.tenant = u.tenant AND i.user_id = u.user_id
LEFT JOIN connections c ON c.tenant = i.tenant AND c.id = i.connection_id;

-- With what its connection is called.
CREATE VIEW account_details AS
SELECT a.tenant, a.id, a.tokenset_id, a.user_id, a.connection_id, a.subject, a.email,
    a.email_verified, a.scopes, a.created_at, a.connected_at, a.issued_at, a.access_expires_at,
    a.access_expiry_kind, a.refresh_expires_at, a.has_refresh_token, a.dead_since, a.dead_reason,
    a.last_used_at, a.version, a.sealed_tokens, c.name AS connection, c.strategy
FROM connected_accounts a
JOIN connections c ON c.tenant = a.tenant AND c.id = a.connection_id;

-- Every exchange writes here. No reference to the tenant: on PostgreSQL each insert would lock the
-- tenant's one row, which in a distributed database may be at another node.
CREATE TABLE log_events (
    tenant TEXT NOT NULL,
    log_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    type TEXT NOT NULL,
    user_id TEXT,
    document TEXT NOT NULL,
    PRIMARY KEY (tenant, log_id)
) STRICT;
CREATE INDEX log_events_by_user ON log_events (tenant, user_id, log_id);

-- One-time values that were seen: DPoP proofs and the like. No reference to the tenant, as above.
CREATE TABLE replay_marks (
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    mark_hash BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, kind, mark_hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX replay_marks_by_end ON replay_marks (expires_at);

-- How often something was tried that may be tried a few times only, by whom and on what.
CREATE TABLE attempts (
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    key_hash BLOB NOT NULL,
    made INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, kind, key_hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_by_end ON attempts (expires_at);
