-- The secret that a client had before its present one, for as long as it is still accepted.
CREATE TABLE previous_client_secrets (
    tenant TEXT COLLATE "C" NOT NULL,
    client_id TEXT COLLATE "C" NOT NULL,
    secret_mac BYTEA NOT NULL,
    sealed_secret BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, client_id),
    FOREIGN KEY (tenant, client_id) REFERENCES clients (tenant, client_id) ON DELETE CASCADE
);
CREATE INDEX previous_client_secrets_by_end ON previous_client_secrets (expires_at);
