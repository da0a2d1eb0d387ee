//! Connecting an account: one person, one client, one key or verifier, one browser.

mod beginning;
mod browsers;
mod completion;
mod identities;
mod providers;

use testkit::TestServer;

use crate::support::count;

/// How many accounts are connected, whoever's.
async fn accounts(server: &TestServer) -> i64 {
    count(server, "SELECT COUNT(*) AS n FROM connected_accounts").await
}

/// How many connects have begun and not ended.
async fn transactions(server: &TestServer) -> i64 {
    count(server, "SELECT COUNT(*) AS n FROM connect_transactions").await
}

/// How many codes the provider has been asked to redeem.
async fn redemptions(server: &TestServer) -> u64 {
    server.provider().calls_of("code_exchange").await
}
