//! `/token-vault`: what the vault decides, and why. Ours: Auth0 has no such endpoints.

pub(super) mod explain;
