-- The secret that a client had before its present one, for as long as it is still accepted.
CREATE TABLE previous_client_secrets (
    tenant TEXT NOT NULL,
    client_id TEXT NOT NULL,
    secret_mac BLOB NOT NULL,
    sealed_secret BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, client_id),
    FOREIGN KEY (tenant, client_id) REFERENCES clients (tenant, client_id) ON DELETE CASCADE
) STRICT;
CREATE INDEX previous_client_secrets_by_end ON previous_client_secrets (expires_at);
