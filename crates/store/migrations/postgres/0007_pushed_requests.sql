-- An authorization request that its client pushed, until a browser comes for it.
CREATE TABLE pushed_requests (
    tenant TEXT COLLATE "C" NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,
    request_hash BYTEA NOT NULL,
    client_id TEXT COLLATE "C" NOT NULL,
    request TEXT COLLATE "C" NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, request_hash)
);
CREATE INDEX pushed_requests_by_end ON pushed_requests (expires_at);
