//! How SQLite answers: no statement walks through a tenant unless that is the question.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use store::Query as _;
use store::db::Arg;

use crate::common::{Folder, Place};

/// Where a step of a plan is narrowed down by no more than the tenant, and why that is meant: the file
/// of the statement and the table, or its alias.
const WALKS: [&str; 40] = [
    // Lists of all that there are, or a page of them in the order of the index, or their number.
    "client_grants client_grants",
    "clients clients",
    "connection_keys connection_keys",
    "connections connections",
    "event_streams event_streams",
    "keys kek_checks",
    "keys signing_keys",
    "keys tenant_keys",
    "log_events log_events",
    "migrate migrations",
    "resource_servers resource_servers",
    "users users",
    // The tenant is the whole key.
    "tenants h",
    "tenants t",
    "tenants tenant_hosts",
    "tenants tenants",
    // Few rows: clients of connections, grants of clients, what lives for minutes.
    "clients connect_transactions",
    "clients connection_clients",
    "connections connect_transactions",
    "connections e",
    "connections provider_states",
    "resource_servers client_grants",
    "revocations connect_transactions",
    // Now and then: the connections of one strategy.
    "renewals connections",
    // The keys of one tenant, which are few.
    "renewals tenant_keys",
    // A rotation of keys looks at everything.
    "resealing clients",
    "resealing connection_keys",
    "resealing connected_accounts",
    "resealing connections",
    "resealing event_streams",
    "resealing previous_client_secrets",
    "resealing records",
    "resealing signing_keys",
    "resealing tenant_keys",
    "resealing tenants",
    // Which tenants were erased.
    "keys tenants",
    // A rehearsal means every account of its tenant.
    "access_expiry connected_accounts",
    // A rotation of keys, among what is to be revoked.
    "revocations revocations",
    // Rare: a connection is removed.
    "revocations departed_connections",
    "sessions sessions",
];

/// The SQL texts of a source file.
fn statements(source: &str) -> Vec<String> {
    let literals = source.split('"').skip(1).step_by(2);
    let is_statement = |text: &&str| {
        ["SELECT ", "INSERT ", "UPDATE ", "DELETE "].iter().any(|verb| text.starts_with(verb))
    };
    let lines = |text: &str| text.split("\\\n").map(str::trim_start).collect::<String>();
    literals.filter(is_statement).map(lines).collect()
}

/// How many arguments a statement takes.
fn arguments(sql: &str) -> usize {
    let numbers = sql.split('$').skip(1).filter_map(|rest| {
        rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|number| number.parse().ok())
    });
    numbers.max().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_use_the_index_that_was_made_for_them() {
    let folder = Folder::make();
    let database = Place::File(folder.path().join("strongroom.db")).open_migrated().await;
    let mut read = database.read().await.unwrap();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut explained = 0;
    let mut walks = BTreeSet::new();
    for entry in fs::read_dir(sources).unwrap() {
        let path = entry.unwrap().path();
        let Ok(source) = fs::read_to_string(&path) else { continue };
        let noun = path.file_stem().unwrap().to_str().unwrap();
        for sql in statements(&source) {
            explained += 1;
            let args = vec![Arg::Int(None); arguments(&sql)];
            let explain = format!("EXPLAIN QUERY PLAN {sql}").leak();
            for step in read.rows(explain, args).await.unwrap() {
                let step = step.text("detail").unwrap();
                if step.starts_with("SCAN ") || step.ends_with("(tenant=?)") {
                    let table = step.split(' ').nth(1).unwrap();
                    walks.insert(format!("{noun} {table}"));
                }
            }
        }
    }
    assert!(explained > 100, "only {explained} statements were found");
    let expected: BTreeSet<_> = WALKS.into_iter().map(str::to_owned).collect();
    let new: Vec<_> = walks.difference(&expected).collect();
    let gone: Vec<_> = expected.difference(&walks).collect();
    assert!(new.is_empty() && gone.is_empty(), "new: {new:#?}\ngone: {gone:#?}");
}
