-- The keys by which connections prove at their providers who they are. They are needed for as long as a
-- grant of the connection is to be revoked, which may be after its end, so none refers to it.
-- sealed_key: the private half. thumbprint: the SHA-1 of the certificate, by which people compare it.
CREATE TABLE connection_keys (
    tenant TEXT NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    connection_id TEXT NOT NULL,
    kid TEXT NOT NULL,
    stage TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    public_jwk TEXT NOT NULL,
    certificate TEXT NOT NULL,
    thumbprint TEXT NOT NULL,
    sealed_key BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    current_since INTEGER,
    PRIMARY KEY (tenant, connection_id, kid)
) STRICT;
CREATE UNIQUE INDEX connection_keys_by_stage ON connection_keys (tenant, connection_id, stage);

-- What the provider was asked for when an account was connected: what it granted may have other names, and
-- some that nobody may ask it for.
CREATE TABLE asked_scopes (
    tenant TEXT NOT NULL,
    account_id TEXT NOT NULL,
    scopes TEXT NOT NULL,
    PRIMARY KEY (tenant, account_id),
    FOREIGN KEY (tenant, account_id) REFERENCES connected_accounts (tenant, id) ON DELETE CASCADE
) STRICT;
