-- Keys and certificates of clients. No secret is among them.
CREATE TABLE client_credentials (
    tenant TEXT NOT NULL,
    client_id TEXT NOT NULL,
    id TEXT NOT NULL,
    document TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, client_id, id),
    FOREIGN KEY (tenant, client_id) REFERENCES clients (tenant, client_id) ON DELETE CASCADE
) STRICT;
