-- By what people tell their accounts apart, and what else the provider told that calls to its API need.
ALTER TABLE connected_accounts ADD COLUMN label TEXT;
ALTER TABLE connected_accounts ADD COLUMN facts TEXT NOT NULL DEFAULT '{}';

-- A grant ends where it was given, and the facts tell where.
ALTER TABLE revocations ADD COLUMN facts TEXT NOT NULL DEFAULT '{}';

-- As account_states, with both. What was connected before goes by its address.
CREATE VIEW account_records AS
SELECT a.tenant, a.id, a.tokenset_id, a.user_id, a.connection_id, a.subject, a.email,
    a.email_verified, a.scopes, a.created_at, a.connected_at, a.issued_at, a.access_expires_at,
    a.access_expiry_kind, a.refresh_expires_at, a.has_refresh_token, a.dead_since, a.dead_reason,
    a.last_used_at, a.version, a.sealed_tokens, a.fence, a.lease_owner, a.lease_until,
    a.uncertain_since, a.failures, a.last_fault, a.next_attempt_at, c.name AS connection, c.strategy,
    COALESCE(a.label, a.email, a.subject) AS label, a.facts
FROM connected_accounts a
JOIN connections c ON c.tenant = a.tenant AND c.id = a.connection_id;
