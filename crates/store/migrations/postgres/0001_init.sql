-- Everything is keyed by tenant. Times are milliseconds since 1970 (UTC). Documents are JSON.
-- What must stay secret is stored sealed (`sealed_…`), as a keyed hash (`…_mac`), or, where it has
-- 256 random bits of its own, as SHA-256 (`…_hash`). No column holds a secret in clear.

CREATE TABLE tenants (
    tenant TEXT NOT NULL PRIMARY KEY,
    settings TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE tenant_hosts (
    authority TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    base_url TEXT NOT NULL,
    position BIGINT NOT NULL
);

-- A known value under each key-encryption key, opened before anything is written.
CREATE TABLE kek_checks (
    kek_id TEXT NOT NULL PRIMARY KEY,
    wrapped BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE tenant_keys (
    tenant TEXT NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    key_id BYTEA NOT NULL,
    purpose TEXT NOT NULL,
    kek_id TEXT NOT NULL,
    wrapped BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, key_id)
);

CREATE TABLE signing_keys (
    tenant TEXT NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    kid TEXT NOT NULL,
    stage TEXT NOT NULL CHECK (stage IN ('current', 'next', 'previous')),
    public_jwk TEXT NOT NULL,
    sealed_key BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, kid)
);

CREATE TABLE clients (
    tenant TEXT NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    client_id TEXT NOT NULL,
    document TEXT NOT NULL,
    secret_mac BYTEA,
    sealed_secret BYTEA,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, client_id)
);

CREATE TABLE resource_servers (
    tenant TEXT NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    id TEXT NOT NULL,
    identifier TEXT NOT NULL,
    document TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, identifier)
);

CREATE TABLE client_grants (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    audience TEXT NOT NULL,
    subject_type TEXT NOT NULL,
    document TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, client_id, audience, subject_type),
    FOREIGN KEY (tenant, client_id) REFERENCES clients (tenant, client_id) ON DELETE CASCADE,
    FOREIGN KEY (tenant, audience) REFERENCES resource_servers (tenant, identifier) ON DELETE CASCADE
);

CREATE TABLE connections (
    tenant TEXT NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    strategy TEXT NOT NULL,
    document TEXT NOT NULL,
    sealed_secret BYTEA,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, name)
);

CREATE TABLE connection_clients (
    tenant TEXT NOT NULL,
    connection_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    PRIMARY KEY (tenant, connection_id, client_id),
    FOREIGN KEY (tenant, connection_id) REFERENCES connections (tenant, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant, client_id) REFERENCES clients (tenant, client_id) ON DELETE CASCADE
);

-- user_share: random bytes without which nothing sealed for the user opens.
CREATE TABLE users (
    tenant TEXT NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    user_id TEXT NOT NULL,
    email_key TEXT,
    profile TEXT NOT NULL,
    blocked BIGINT NOT NULL,
    user_share BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    last_login BIGINT,
    last_ip TEXT,
    logins_count BIGINT NOT NULL,
    PRIMARY KEY (tenant, user_id)
);
CREATE INDEX users_by_email ON users (tenant, email_key);
CREATE INDEX users_by_creation ON users (tenant, created_at, user_id);

CREATE TABLE identities (
    tenant TEXT NOT NULL,
    connection_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_id TEXT NOT NULL,
    position BIGINT NOT NULL,
    profile_data TEXT NOT NULL,
    PRIMARY KEY (tenant, connection_id, subject),
    FOREIGN KEY (tenant, connection_id) REFERENCES connections (tenant, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant, user_id) REFERENCES users (tenant, user_id) ON DELETE CASCADE
);
CREATE INDEX identities_by_user ON identities (tenant, user_id, position);

-- Password credentials of database connections; the hash is Argon2id in PHC form.
CREATE TABLE passwords (
    tenant TEXT NOT NULL,
    connection_id TEXT NOT NULL,
    identifier TEXT NOT NULL,
    user_id TEXT NOT NULL,
    hash TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, connection_id, identifier),
    FOREIGN KEY (tenant, connection_id) REFERENCES connections (tenant, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant, user_id) REFERENCES users (tenant, user_id) ON DELETE CASCADE
);
CREATE INDEX passwords_by_user ON passwords (tenant, user_id);

CREATE TABLE sessions (
    tenant TEXT NOT NULL,
    token_hash BYTEA NOT NULL,
    id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    connection TEXT NOT NULL,
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
    tenant TEXT NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    state_hash BYTEA NOT NULL,
    browser_hash BYTEA NOT NULL,
    request TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, state_hash)
);
CREATE INDEX login_states_by_end ON login_states (expires_at);

-- A browser sent to a provider, to log in or to connect an account.
CREATE TABLE provider_states (
    tenant TEXT NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    state_hash BYTEA NOT NULL,
    browser_hash BYTEA NOT NULL,
    connection_id TEXT NOT NULL,
    purpose TEXT NOT NULL,
    sealed_verifier BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, state_hash),
    FOREIGN KEY (tenant, connection_id) REFERENCES connections (tenant, id) ON DELETE CASCADE
);
CREATE INDEX provider_states_by_end ON provider_states (expires_at);

CREATE TABLE authorization_codes (
    tenant TEXT NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    code_hash BYTEA NOT NULL,
    grant_document TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    redeemed_at BIGINT,
    PRIMARY KEY (tenant, code_hash)
);
CREATE INDEX authorization_codes_by_end ON authorization_codes (expires_at);

CREATE TABLE grant_families (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    audience TEXT,
    scope TEXT NOT NULL,
    auth_time BIGINT NOT NULL,
    dpop_jkt TEXT,
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

CREATE TABLE refresh_tokens (
    tenant TEXT NOT NULL,
    token_hash BYTEA NOT NULL,
    family_id TEXT NOT NULL,
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
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    ticket_hash BYTEA NOT NULL,
    auth_session_hash BYTEA NOT NULL,
    browser_hash BYTEA,
    connect_code_hash BYTEA,
    user_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    connection_id TEXT NOT NULL,
    request TEXT NOT NULL,
    account TEXT,
    sealed_tokens BYTEA,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, ticket_hash),
    UNIQUE (tenant, auth_session_hash),
    FOREIGN KEY (tenant, user_id) REFERENCES users (tenant, user_id) ON DELETE CASCADE,
    FOREIGN KEY (tenant, client_id) REFERENCES clients (tenant, client_id) ON DELETE CASCADE,
    FOREIGN KEY (tenant, connection_id) REFERENCES connections (tenant, id) ON DELETE CASCADE
);
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
    email_verified BIGINT NOT NULL,
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    connected_at BIGINT NOT NULL,
    issued_at BIGINT NOT NULL,
    access_expires_at BIGINT,
    access_expiry_kind TEXT NOT NULL CHECK (access_expiry_kind IN ('at', 'assumed', 'never')),
    refresh_expires_at BIGINT,
    has_refresh_token BIGINT NOT NULL,
    dead_since BIGINT,
    dead_reason TEXT,
    last_used_at BIGINT,
    version BIGINT NOT NULL,
    sealed_tokens BYTEA NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, tokenset_id),
    UNIQUE (tenant, user_id, connection_id, subject),
    FOREIGN KEY (tenant, user_id) REFERENCES users (tenant, user_id) ON DELETE CASCADE,
    FOREIGN KEY (tenant, connection_id) REFERENCES connections (tenant, id) ON DELETE CASCADE
);

-- With what its connection is called.
CREATE VIEW account_details AS
SELECT a.*, c.name AS connection, c.strategy AS strategy
FROM connected_accounts a
JOIN connections c ON c.tenant = a.tenant AND c.id = a.connection_id;

CREATE TABLE log_events (
    tenant TEXT NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    log_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    type TEXT NOT NULL,
    user_id TEXT,
    document TEXT NOT NULL,
    PRIMARY KEY (tenant, log_id)
);
CREATE INDEX log_events_by_user ON log_events (tenant, user_id, log_id);

-- One-time values that were seen: DPoP proofs and the like.
CREATE TABLE replay_marks (
    tenant TEXT NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    mark_hash BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, kind, mark_hash)
);
CREATE INDEX replay_marks_by_end ON replay_marks (expires_at);
