-- The keys by which connections prove at their providers who they are. They are needed for as long as a
-- grant of the connection is to be revoked, which may be after its end, so none refers to it.
-- sealed_key: the private half. thumbprint: the SHA-1 of the certificate, by which people compare it.
CREATE TABLE connection_keys (
    tenant TEXT COLLATE "C" NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    connection_id TEXT COLLATE "C" NOT NULL,
    kid TEXT COLLATE "C" NOT NULL,
    stage TEXT COLLATE "C" NOT NULL,
    algorithm TEXT COLLATE "C" NOT NULL,
    public_jwk TEXT COLLATE "C" NOT NULL,
    certificate TEXT COLLATE "C" NOT NULL,
    thumbprint TEXT COLLATE "C" NOT NULL,
    sealed_key BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    current_since BIGINT,
    PRIMARY KEY (tenant, connection_id, kid)
);
CREATE UNIQUE INDEX connection_keys_by_stage ON connection_keys (tenant, connection_id, stage);

-- What the provider was asked for when an account was connected: what it granted may have other names, and
-- some that nobody may ask it for.
CREATE TABLE asked_scopes (
    tenant TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    scopes TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, account_id),
    FOREIGN KEY (tenant, account_id) REFERENCES connected_accounts (tenant, id) ON DELETE CASCADE
);
