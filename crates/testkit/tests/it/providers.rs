//! `docs/providers.md`: every provider of the catalogue, as it was seen here. Each is played by the
//! emulator from its own file, and a journey is made with each. A cell says what happened, or, where a
//! provider has no such thing, what it lacks; the test fails where that is not what the file promises.
//! `STRONGROOM_WRITE_DOCS=1` writes the document anew.

mod journey;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use connectors::spec::{PkceRule, RevocationCall};
use connectors::{Catalogue, Rotation, Spec};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use journey::{Seen, can_revoke, journey};

const HEAD: &str = "# Providers

What the catalogue knows, and what became of it at an emulated provider that the same file drives (for
`oauth2` and `oidc`, whose files describe nobody, at one without peculiarities).
Both tables are written by the test `providers`, from what happened in it; it fails where a file
promises something else.

## What was seen

`pass`, or what the provider cannot do.

- *Connect*: an account is connected and its token exchanged, by the provider's own ledger hers.
- *Login*: the connection logs somebody in.
- *Refresh*: when the access token has ended there is a new one, without the person.
- *Rejected*: the provider ends the grant; the account needs a reconnect and tells why.
- *Revoke*: the account is disconnected by a connection that revokes; the provider honours nothing of
  the grant any more.
- *Downgrade*: the person grants less than was asked for; nothing is connected, and the application is
  told what is missing. `not told`: the answers that were recorded do not name what was granted, or not
  all of it, so that nobody can find out.
- *Label*: accounts are listed under what their owner knows them by, each under another; `by subject`
  where the provider tells no more.
- *Second*: the same person connects another account there. Both are exchanged, each by its subject.

| provider | connect | login | refresh | rejected | revoke | downgrade | label | second |
|---|---|---|---|---|---|---|---|---|
";

const FACTS: &str = "
## What is known

What nobody could look up stands in the file as `unchecked`.

- *Renewal*: what a refresh does to the refresh token.
- *Lives*: seconds that a token has in an answer to the application, fresh from the provider.
- *Told*: the reason that `health` tells once the provider has ended the grant.
- *Revocation*: how a grant is ended there.
- *Kept*: the `facts` that are listed with an account.

| strategy | provider | PKCE | renewal | lives | told | revocation | kept | unchecked |
|---|---|---|---|---|---|---|---|---|
";

/// So many providers at once.
const AT_ONCE: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_provider_is_connected_renewed_and_refused() {
    let catalogue = Catalogue::embedded().unwrap();
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut journeys = JoinSet::new();
    for spec in catalogue.iter() {
        let (spec, turns) = (Arc::clone(spec), Arc::clone(&turns));
        journeys.spawn(async move {
            let _turn = turns.acquire().await.unwrap();
            (spec.strategy.clone(), (journey(&spec).await, spec))
        });
    }
    let (mut ended, mut failed) = (BTreeMap::new(), 0);
    while let Some(journey) = journeys.join_next().await {
        match journey {
            Ok((strategy, seen)) => drop(ended.insert(strategy, seen)),
            // It has told why by itself; the others go on.
            Err(_) => failed += 1,
        }
    }
    assert_eq!(failed, 0);
    let (mut seen_lines, mut facts_lines) = (String::new(), String::new());
    for (seen, spec) in ended.values() {
        let Seen { refresh, rejected, revoke, downgrade, label, .. } = seen;
        let name = &spec.name;
        writeln!(
            seen_lines,
            "| {name} | pass | pass | {refresh} | {rejected} | {revoke} | {downgrade} | {label} | pass |",
        )
        .unwrap();
        writeln!(facts_lines, "{}", known(spec, seen)).unwrap();
    }
    let text = format!("{HEAD}{seen_lines}{FACTS}{facts_lines}");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/providers.md");
    if std::env::var_os("STRONGROOM_WRITE_DOCS").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}

/// A line of the second table.
fn known(spec: &Spec, seen: &Seen) -> String {
    let revocation = match spec.revocation.how {
        _ if !can_revoke(spec) => "none",
        RevocationCall::Form => "by token",
        RevocationCall::Json => "by token, in JSON",
        RevocationCall::Bearer => "by access token",
    };
    let pkce = match spec.client.pkce {
        PkceRule::S256 => "yes",
        PkceRule::Off => "no",
        PkceRule::Option | PkceRule::Discovered => "as configured",
    };
    let renewal = match spec.refresh.rotates {
        Rotation::None => "no refresh tokens",
        Rotation::Never => "keeps it",
        Rotation::Always => "replaces it",
        Rotation::May => "may replace it",
    };
    let told = seen.told.as_ref().map_or_else(|| "nothing".to_owned(), |code| format!("`{code}`"));
    let kept: Vec<_> = seen.kept.iter().map(|name| format!("`{name}`")).collect();
    let (Spec { strategy, name, unchecked, .. }, Seen { lives, .. }) = (spec, seen);
    let (kept, unchecked) = (kept.join(", "), unchecked.join(", "));
    format!(
        "| `{strategy}` | {name} | {pkce} | {renewal} | {lives} | {told} | {revocation} | {kept} | \
         {unchecked} |",
    )
}
