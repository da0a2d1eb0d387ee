-- Everything is keyed by tenant. Times are milliseconds since 1970 (UTC). Documents are JSON.
-- What must stay secret is stored sealed (`sealed_…`), as a keyed hash (`…_mac`), or, where it has
-- 256 random bits of its own, as SHA-256 (`…_hash`). No column holds a secret in clear.
--
-- The same for both engines but for the types. PostgreSQL compares texts by their bytes, as SQLite
-- does, whatever its locale: ids that sort by time then do. In SQLite narrow tables are WITHOUT
-- ROWID; with rows of a kilobyte that makes the tree too deep.

CREATE TABLE tenants (
    tenant TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    settings TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE tenant_hosts (
    authority TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    tenant TEXT COLLATE "C" NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    base_url TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL
);
CREATE INDEX tenant_hosts_by_tenant ON tenant_hosts (tenant, position);

-- A known value under each key-encryption key, opened before anything is written.
CREATE TABLE kek_checks (
    kek_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    wrapped BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE tenant_keys (
    tenant TEXT COLLATE "C" NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    key_id BYTEA NOT NULL,
    purpose TEXT COLLATE "C" NOT NULL,
    kek_id TEXT COLLATE "C" NOT NULL,
    wrapped BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, key_id)
);

CREATE TABLE signing_keys (
    tenant TEXT COLLATE "C" NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    kid TEXT COLLATE "C" NOT NULL,
    stage TEXT COLLATE "C" NOT NULL CHECK (stage IN ('current', 'next', 'previous')),
    public_jwk TEXT COLLATE "C" NOT NULL,
    sealed_key BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, kid)
);

CREATE TABLE clients (
    tenant TEXT COLLATE "C" NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    client_id TEXT COLLATE "C" NOT NULL,
    document TEXT COLLATE "C" NOT NULL,
    secret_mac BYTEA,
    sealed_secret BYTEA,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, client_id)
);

CREATE TABLE resource_servers (
    tenant TEXT COLLATE "C" NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    id TEXT COLLATE "C" NOT NULL,
    identifier TEXT COLLATE "C" NOT NULL,
    document TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, identifier)
);

CREATE TABLE client_grants (
    tenant TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    client_id TEXT COLLATE "C" NOT NULL,
    audience TEXT COLLATE "C" NOT NULL,
    subject_type TEXT COLLATE "C" NOT NULL,
    document TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, client_id, audience, subject_type),
    FOREIGN KEY (tenant, client_id) REFERENCES clients (tenant, client_id) ON DELETE CASCADE,
    FOREIGN KEY (tenant, audience) REFERENCES resource_servers (tenant, identifier) ON DELETE CASCADE
);

CREATE TABLE connections (
    tenant TEXT COLLATE "C" NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    strategy TEXT COLLATE "C" NOT NULL,
    document TEXT COLLATE "C" NOT NULL,
    sealed_secret BYTEA,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, name)
);

CREATE TABLE connection_clients (
    tenant TEXT COLLATE "C" NOT NULL,
    connection_id TEXT COLLATE "C" NOT NULL,
    client_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, connection_id, client_id),
    FOREIGN KEY (tenant, connection_id) REFERENCES connections (tenant, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant, client_id) REFERENCES clients (tenant, client_id) ON DELETE CASCADE
);

-- user_share: random bytes without which nothing sealed for the user opens.
CREATE TABLE users (
    tenant TEXT COLLATE "C" NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    user_id TEXT COLLATE "C" NOT NULL,
    email_key TEXT COLLATE "C",
    profile TEXT COLLATE "C" NOT NULL,
    blocked BIGINT NOT NULL,
    user_share BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    last_login BIGINT,
    last_ip TEXT COLLATE "C",
    logins_count BIGINT NOT NULL,
    PRIMARY KEY (tenant, user_id)
);
CREATE INDEX users_by_email ON users (tenant, email_key, created_at, user_id);
CREATE INDEX users_by_creation ON users (tenant, created_at, user_id);

CREATE TABLE identities (
    tenant TEXT COLLATE "C" NOT NULL,
    connection_id TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    profile_data TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, connection_id, subject),
    FOREIGN KEY (tenant, connection_id) REFERENCES connections (tenant, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant, user_id) REFERENCES users (tenant, user_id) ON DELETE CASCADE
);
CREATE INDEX identities_by_user ON identities (tenant, user_id, position);

-- Password credentials of database connections; the hash is Argon2id in PHC form.
CREATE TABLE passwords (
    tenant TEXT COLLATE "C" NOT NULL,
    connection_id TEXT COLLATE "C" NOT NULL,
    identifier TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    hash TEXT COLLATE "C" NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, connection_id, identifier),
    FOREIGN KEY (tenant, connection_id) REFERENCES connections (tenant, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant, user_id) REFERENCES users (tenant, user_id) ON DELETE CASCADE
);
CREATE INDEX passwords_by_user ON passwords (tenant, user_id);

CREATE TABLE sessions (
    tenant TEXT COLLATE "C" NOT NULL,
    token_hash BYTEA NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    connection TEXT COLLATE "C" NOT NULL,
    authenticated_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, token_hash),
    UNIQUE (tenant, id),
    FOREIGN KEY (tenant, user_id) REFERENCES users (tenant, user_id) ON DELETE CASCADE
);
CREATE INDEX sessions_by_user ON sessions (tenant, user_id);
CREATE INDEX sessions_by_end ON sessions (expires_at);

-- An authorization request on its way through the login pages of one browser.
CREATE TABLE login_states (
    tenant TEXT COLLATE "C" NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    state_hash BYTEA NOT NULL,
    browser_hash BYTEA NOT NULL,
    request TEXT COLLATE "C" NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, state_hash)
);
CREATE INDEX login_states_by_end ON login_states (expires_at);

-- A browser sent to a provider, to log in or to connect an account.
CREATE TABLE provider_states (
    tenant TEXT COLLATE "C" NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    state_hash BYTEA NOT NULL,
    browser_hash BYTEA NOT NULL,
    connection_id TEXT COLLATE "C" NOT NULL,
    purpose TEXT COLLATE "C" NOT NULL,
    sealed_verifier BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, state_hash),
    FOREIGN KEY (tenant, connection_id) REFERENCES connections (tenant, id) ON DELETE CASCADE
);
CREATE INDEX provider_states_by_end ON provider_states (expires_at);

CREATE TABLE authorization_codes (
    tenant TEXT COLLATE "C" NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    code_hash BYTEA NOT NULL,
    grant_document TEXT COLLATE "C" NOT NULL,
    expires_at BIGINT NOT NULL,
    redeemed_at BIGINT,
    PRIMARY KEY (tenant, code_hash)
);
CREATE INDEX authorization_codes_by_end ON authorization_codes (expires_at);

CREATE TABLE grant_families (
    tenant TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    client_id TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    session_id TEXT COLLATE "C" NOT NULL,
    audience TEXT COLLATE "C",
    scope TEXT COLLATE "C" NOT NULL,
    auth_time BIGINT NOT NULL,
    dpop_jkt TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT NOT NULL,
    latest_generation BIGINT NOT NULL,
    revoked_at BIGINT,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, client_id) REFERENCES clients (tenant, client_id) ON DELETE CASCADE,
    FOREIGN KEY (tenant, user_id) REFERENCES users (tenant, user_id) ON DELETE CASCADE
);
CREATE INDEX grant_families_by_user ON grant_families (tenant, user_id, client_id);
CREATE INDEX grant_families_by_client ON grant_families (tenant, client_id);
CREATE INDEX grant_families_by_end ON grant_families (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX grant_families_by_revocation ON grant_families (revoked_at) WHERE revoked_at IS NOT NULL;

CREATE TABLE refresh_tokens (
    tenant TEXT COLLATE "C" NOT NULL,
    token_hash BYTEA NOT NULL,
    family_id TEXT COLLATE "C" NOT NULL,
    generation BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    replaced_at BIGINT,
    PRIMARY KEY (tenant, token_hash),
    FOREIGN KEY (tenant, family_id) REFERENCES grant_families (tenant, id) ON DELETE CASCADE
);
CREATE INDEX refresh_tokens_by_family ON refresh_tokens (tenant, family_id);

-- From POST connect to POST complete. sealed_tokens: what the provider gave, until its owner
-- completes the connection.
CREATE TABLE connect_transactions (
    tenant TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    ticket_hash BYTEA NOT NULL,
    auth_session_hash BYTEA NOT NULL,
    browser_hash BYTEA,
    connect_code_hash BYTEA,
    user_id TEXT COLLATE "C" NOT NULL,
    client_id TEXT COLLATE "C" NOT NULL,
    connection_id TEXT COLLATE "C" NOT NULL,
    request TEXT COLLATE "C" NOT NULL,
    account TEXT COLLATE "C",
    sealed_tokens BYTEA,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, ticket_hash),
    UNIQUE (tenant, auth_session_hash),
    FOREIGN KEY (tenant, user_id) REFERENCES users (tenant, user_id) ON DELETE CASCADE,
    FOREIGN KEY (tenant, client_id) REFERENCES clients (tenant, client_id) ON DELETE CASCADE,
    FOREIGN KEY (tenant, connection_id) REFERENCES connections (tenant, id) ON DELETE CASCADE
);
CREATE INDEX connect_transactions_by_user ON connect_transactions (tenant, user_id);
CREATE INDEX connect_transactions_by_end ON connect_transactions (expires_at);

-- An account at a provider and its tokenset.
CREATE TABLE connected_accounts (
    tenant TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    tokenset_id TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    connection_id TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    email TEXT COLLATE "C",
    email_verified BIGINT NOT NULL,
    scopes TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    connected_at BIGINT NOT NULL,
    issued_at BIGINT NOT NULL,
    access_expires_at BIGINT,
    access_expiry_kind TEXT COLLATE "C" NOT NULL CHECK (access_expiry_kind IN ('at', 'assumed', 'never')),
    refresh_expires_at BIGINT,
    has_refresh_token BIGINT NOT NULL,
    dead_since BIGINT,
    dead_reason TEXT COLLATE "C",
    last_used_at BIGINT,
    version BIGINT NOT NULL,
    sealed_tokens BYTEA NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, tokenset_id),
    UNIQUE (tenant, user_id, connection_id, subject),
    FOREIGN KEY (tenant, user_id) REFERENCES users (tenant, user_id) ON DELETE CASCADE,
    FOREIGN KEY (tenant, connection_id) REFERENCES connections (tenant, id) ON DELETE CASCADE
);
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
    tenant TEXT COLLATE "C" NOT NULL,
    log_id TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C",
    document TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, log_id)
);
CREATE INDEX log_events_by_user ON log_events (tenant, user_id, log_id);

-- One-time values that were seen: DPoP proofs and the like. No reference to the tenant, as above.
CREATE TABLE replay_marks (
    tenant TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    mark_hash BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, kind, mark_hash)
);
CREATE INDEX replay_marks_by_end ON replay_marks (expires_at);

-- How often something was tried that may be tried a few times only, by whom and on what.
CREATE TABLE attempts (
    tenant TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    key_hash BYTEA NOT NULL,
    made BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, kind, key_hash)
);
CREATE INDEX attempts_by_end ON attempts (expires_at);
