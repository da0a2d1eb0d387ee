-- An authorization request that its client pushed, until a browser comes for it.
CREATE TABLE pushed_requests (
    tenant TEXT NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    request_hash BLOB NOT NULL,
    client_id TEXT NOT NULL,
    request TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, request_hash)
) STRICT;
CREATE INDEX pushed_requests_by_end ON pushed_requests (expires_at);
