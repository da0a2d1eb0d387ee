-- How the renewal of a tokenset stands, in the row that it renews: a lease that is won by one
-- statement, and what came of the last attempts. `lease_until` is by the database's clock. A lease that
-- ran out without being given back means that a refresh token may have been spent and its successor
-- lost.
ALTER TABLE connected_accounts ADD COLUMN fence INTEGER NOT NULL DEFAULT 0;
ALTER TABLE connected_accounts ADD COLUMN lease_owner TEXT;
ALTER TABLE connected_accounts ADD COLUMN lease_until INTEGER;
ALTER TABLE connected_accounts ADD COLUMN uncertain_since INTEGER;
ALTER TABLE connected_accounts ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE connected_accounts ADD COLUMN last_fault TEXT;
ALTER TABLE connected_accounts ADD COLUMN next_attempt_at INTEGER;

-- What is renewed before anybody asks for it.
CREATE INDEX connected_accounts_by_end ON connected_accounts (access_expires_at)
WHERE has_refresh_token = 1 AND dead_since IS NULL;
CREATE INDEX connected_accounts_by_issue ON connected_accounts (tenant, connection_id, issued_at)
WHERE has_refresh_token = 1 AND dead_since IS NULL;

-- What a node was doing when it was cut off.
CREATE INDEX connected_accounts_by_lease ON connected_accounts (lease_owner)
WHERE lease_owner IS NOT NULL;

-- As account_details, with the renewal.
CREATE VIEW account_states AS
SELECT a.tenant, a.id, a.tokenset_id, a.user_id, a.connection_id, a.subject, a.email,
    a.email_verified, a.scopes, a.created_at, a.connected_at, a.issued_at, a.access_expires_at,
    a.access_expiry_kind, a.refresh_expires_at, a.has_refresh_token, a.dead_since, a.dead_reason,
    a.last_used_at, a.version, a.sealed_tokens, a.fence, a.lease_owner, a.lease_until,
    a.uncertain_since, a.failures, a.last_fault, a.next_attempt_at, c.name AS connection, c.strategy
FROM connected_accounts a
JOIN connections c ON c.tenant = a.tenant AND c.id = a.connection_id;
