//! `docs/providers.md`: every provider of the catalogue, as it was seen here. Each is connected,
//! renewed and refused at an emulator that its own file drives. `STRONGROOM_WRITE_DOCS=1` writes the
//! document anew.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use connectors::spec::{PkceRule, RevocationCall};
use connectors::{Catalogue, Rotation, Spec};
use protocol::oauth::scope::Scope;
use serde_json::{Value, json};
use testkit::{Connect, Emulated, Exchange, Login, Persona, TestServer};

use crate::scene::{LoggedIn, add_connection, owner_of};

const HEAD: &str = "# Providers

What the catalogue knows, and what became of it at an emulated provider that the same file drives.
This table is written by the test `providers`, which connects two accounts of each, lets a token end,
and has the grant revoked. What nobody could look up stands in the file as `unchecked`.

- *Renewal*: what a refresh does to the refresh token, and whether it *narrows*: gives access tokens with
  fewer scopes when it is asked for them.
- *Lives*: seconds that a token has in an answer to the application, fresh from the provider.
- *Refused*: the reason that `health` tells once the provider has ended the grant.
- *Revocation*: how a grant is ended there.

| strategy | provider | PKCE | renewal | lives | refused | revocation | unchecked |
|---|---|---|---|---|---|---|---|
";

#[tokio::test]
async fn every_provider_is_connected_renewed_and_refused() {
    let catalogue = Catalogue::embedded().unwrap();
    let mut table = HEAD.to_owned();
    for spec in catalogue.iter().filter(|spec| spec.knows_its_endpoints()) {
        let (lives, refused) = journey(spec).await;
        let revocation = match (&spec.endpoints.revocation, spec.revocation.how) {
            (None, _) => "none",
            (Some(_), RevocationCall::Form) => "by token",
            (Some(_), RevocationCall::Json) => "by token, in JSON",
            (Some(_), RevocationCall::Bearer) => "by access token",
        };
        let pkce = if spec.client.pkce == PkceRule::S256 { "yes" } else { "no" };
        let renewal = match spec.refresh.rotates {
            Rotation::None => "no refresh tokens",
            Rotation::Never => "keeps it",
            Rotation::Always => "replaces it",
            Rotation::May => "may replace it",
        };
        let narrows = if spec.refresh.narrows { ", narrows" } else { "" };
        let Spec { strategy, name, unchecked, .. } = &**spec;
        let unchecked = unchecked.join(", ");
        writeln!(
            table,
            "| `{strategy}` | {name} | {pkce} | {renewal}{narrows} | {lives} | {refused} | {revocation} | \
             {unchecked} |",
        )
        .unwrap();
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/providers.md");
    if std::env::var_os("STRONGROOM_WRITE_DOCS").is_some() {
        std::fs::write(&file, &table).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), table);
}

/// The options that a connection to the provider needs beside our registration there.
fn options(spec: &Spec) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../connectors/fixtures");
    let file: PathBuf = folder.join(&spec.strategy).join("options.json");
    let text = std::fs::read_to_string(file).unwrap_or_else(|_| "{}".to_owned());
    let mut options: Value = serde_json::from_str(&text).unwrap();
    if spec.account.must_match.is_some() {
        let email = Emulated::email_of("ada");
        options["domain"] = json!(email.rsplit_once('@').unwrap().1);
    }
    // Where a scope asks for it, a connection may have to be told to.
    if !spec.offline.scopes.is_empty() || !spec.offline.parameters.is_empty() {
        options["offline_access"] = json!(true);
        if let (Some(word), false) = (spec.offline.scopes.first(), spec.offline.open) {
            let scopes = spec.scopes.default.iter().map(Scope::as_str);
            options["scope"] = json!(scopes.chain([word.as_str()]).collect::<Vec<_>>());
        }
    }
    options
}

/// How long a token lives, and how a refusal is told.
async fn journey(spec: &Arc<Spec>) -> (String, String) {
    let strategy = spec.strategy.as_str();
    let server = TestServer::start().await;
    add_connection(&server, strategy, strategy, options(spec)).await;
    let ada = LoggedIn::of(&server, &Login::web()).await;
    let to = |persona| Connect { connection: strategy.to_owned(), scopes: None, persona };
    let on = || Exchange { connection: strategy.to_owned(), ..Exchange::calendar() };
    let first = ada.connect(&to(None)).await;
    let asked = spec.scopes.always.union(&spec.scopes.default);
    for scope in &asked {
        let scopes = first["scopes"].as_array().unwrap();
        assert!(scopes.contains(&json!(scope.as_str())), "{strategy}: {scope} in {scopes:?}");
    }

    let answer = ada.exchange(&on()).await.expect(200).json();
    let token = answer["access_token"].as_str().unwrap();
    assert_eq!(owner_of(&server, token).await, Emulated::subject_of("ada"), "{strategy}");
    let lives = answer["expires_in"].to_string();

    server.clock().advance(spec.assumed_lifetime() + Duration::from_mins(1));
    let refreshes = server.provider().refreshes().await;
    let later = ada.exchange(&on()).await;
    let renewed = server.provider().refreshes().await > refreshes;
    let refused = if renewed {
        later.expect(200);
        server.provider().revoke("ada").await;
        server.clock().advance(spec.assumed_lifetime() + Duration::from_mins(1));
        ada.exchange(&on()).await.expect(401);
        let fresh = LoggedIn::of(&server, &Login::web()).await;
        let accounts = server.connected_accounts(&fresh.mine).await;
        let health = &accounts[0]["health"];
        assert_eq!(health["status"], "needs_reconnect", "{strategy}");
        format!("`{}`", health["reason"].as_str().unwrap())
    } else {
        "never renewed".to_owned()
    };

    // The same person, with another account there, from another browser.
    let again = LoggedIn::of(&server, &Login::web()).await;
    let grace = Persona { provider_user: "grace".to_owned(), ..server.ada() };
    let second = again.connect(&to(Some(grace))).await;
    assert_ne!(second["id"], first["id"], "{strategy}");
    (lives, refused)
}
