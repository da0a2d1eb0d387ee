//! Two tenants with the same ids in every table never meet.

use model::client_grant::SubjectType;
use model::ids::TenantId;
use protocol::jose::jws::Algorithm;
use store::authorization_codes::{self, Redemption};
use store::clients::{StoredClient, StoredSecret};
use store::connection_keys::{self, ConnectionKey};
use store::connections::StoredConnection;
use store::keys::{self, SealedSigningKey, Stage, WrappedKey};
use store::{
    Database, Query, WriteTx, attempts, client_credentials, client_grants, clients,
    connect_transactions, connected_accounts, connections, grants, log_events, login_states,
    passwords, previous_client_secrets, provider_states, pushed_requests, refresh_leases,
    replay_marks, resource_servers, sessions, tenants, users,
};
use vault::keyring::{KeyId, Purpose};
use vault::seal::Sealed;

use crate::common::{at, on_both};
use crate::events;
use crate::samples::{self, AUDIENCE, hashed, sealed, settle};

/// One row in every table, all of whose ids are the same for every tenant.
async fn fill(database: &Database, id: &str) -> TenantId {
    let tenant = settle(database, id).await;
    let (con, browser) = ("con_1".into(), hashed("browser"));
    let mut tx = database.write().await.unwrap();
    let grant = samples::client_grant("cgr_1", "c1", id);
    client_grants::insert(&mut tx, &tenant, &grant, at(1)).await.unwrap();
    let credential = samples::credential("cred_1", id);
    client_credentials::insert(&mut tx, &tenant, &"c1".into(), &credential).await.unwrap();
    let previous = StoredSecret { mac: [8; 32], sealed: sealed(id) };
    previous_client_secrets::insert(&mut tx, &tenant, &"c1".into(), &previous, at(60))
        .await
        .unwrap();
    let record = samples::password("u1", id);
    passwords::insert(&mut tx, &tenant, &con, "ada", &record, at(1)).await.unwrap();
    for (session, cookie) in [
        (samples::session("s1", "u1", id), "cookie"),
        (samples::session("s2", "u1", "calendar"), "another cookie"),
    ] {
        sessions::insert(&mut tx, &tenant, &hashed(cookie), &session).await.unwrap();
    }
    let state = hashed("state");
    login_states::insert(&mut tx, &tenant, &state, &browser, id, at(60)).await.unwrap();
    let pushed = hashed("pushed");
    pushed_requests::insert(&mut tx, &tenant, &pushed, &"c1".into(), id, at(60)).await.unwrap();
    let record = samples::provider_state(id);
    provider_states::insert(&mut tx, &tenant, &state, &browser, &record, at(60)).await.unwrap();
    let (code, grant) = (hashed("code"), samples::code_grant(id));
    authorization_codes::insert(&mut tx, &tenant, &code, &grant, at(60)).await.unwrap();
    let begun = samples::connect_transaction("ct1", id);
    let (ticket, auth_session) = (hashed("ticket"), hashed("auth session"));
    connect_transactions::insert(&mut tx, &tenant, &begun, &ticket, &auth_session).await.unwrap();
    connect_transactions::bind_browser(&mut tx, &tenant, "ct1", &browser).await.unwrap();
    let family = samples::family("f1", id);
    grants::insert_family(&mut tx, &tenant, &family).await.unwrap();
    let token = hashed("refresh");
    grants::insert_token(&mut tx, &tenant, &token, &family.id, 0, at(1)).await.unwrap();
    let account = samples::account("cac_1", "subject", id);
    connected_accounts::insert(&mut tx, &tenant, &account).await.unwrap();
    let event = samples::log_event("log_1", Some("u1"), id);
    log_events::insert(&mut tx, &tenant, &event).await.unwrap();
    replay_marks::insert(&mut tx, &tenant, "dpop", &[1; 32], at(60)).await.unwrap();
    attempts::count(&mut tx, &tenant, "password", &[1; 32], at(60), at(1)).await.unwrap();
    fill_keys(&mut tx, &tenant).await;
    events::fill(&mut tx, &tenant).await;
    tx.commit().await.unwrap();
    tenant
}

async fn fill_keys(tx: &mut WriteTx, tenant: &TenantId) {
    let key = WrappedKey {
        id: KeyId::new([1; 16]),
        purpose: Purpose::Vault,
        kek_id: tenant.to_string(),
        wrapped: vec![],
        seals_from: at(1),
    };
    keys::insert_tenant_key(tx, tenant, &key).await.unwrap();
    let key = SealedSigningKey {
        kid: "kid".to_owned(),
        stage: Stage::Current,
        public_jwk: serde_json::from_value(serde_json::json!({
            "kty": "EC", "crv": "P-256",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        }))
        .unwrap(),
        sealed: sealed(tenant.as_str()),
    };
    keys::insert_signing_key(tx, tenant, &key, at(1)).await.unwrap();
    let SealedSigningKey { kid, public_jwk, sealed, .. } = key;
    for (kid, stage) in [("former", Stage::Current), (kid.as_str(), Stage::Next)] {
        let key = ConnectionKey {
            connection_id: "con_1".into(),
            kid: kid.to_owned(),
            stage,
            algorithm: Algorithm::Es256,
            public_jwk: public_jwk.clone(),
            certificate: String::new(),
            thumbprint: String::new(),
            sealed: sealed.clone(),
            current_since: None,
        };
        connection_keys::insert(tx, tenant, &key, at(1)).await.unwrap();
    }
}

fn opened(sealed: Option<&Sealed>) -> Option<String> {
    sealed.map(|sealed| String::from_utf8(sealed.as_bytes().to_vec()).unwrap())
}

/// What every read answers for a tenant.
async fn everything(q: &mut impl Query, tenant: &TenantId) -> Vec<String> {
    let mut answers = configured(q, tenant).await;
    answers.extend(of_people(q, tenant).await);
    answers.extend(of_flows(q, tenant).await);
    answers.extend(events::everything(q, tenant).await);
    answers
}

async fn configured(q: &mut impl Query, t: &TenantId) -> Vec<String> {
    let (c1, con) = ("c1".into(), "con_1".into());
    let client = |found: &StoredClient| {
        (found.client.clone(), opened(found.secret.as_ref().map(|secret| &secret.sealed)))
    };
    let connection =
        |found: &StoredConnection| (found.connection.clone(), opened(found.sealed_secret.as_ref()));
    let found = connections::find(q, t, &con).await.unwrap();
    let named = connections::find_by_name(q, t, "calendar").await.unwrap();
    let listed = connections::list(q, t).await.unwrap();
    let served = connections::list_for_client(q, t, &c1).await.unwrap();
    let grant = client_grants::find_for(q, t, &c1, AUDIENCE, SubjectType::Client).await;
    let signing = keys::signing_keys(q, t).await.unwrap();
    let credential = client_credentials::find(q, t, &c1, &"cred_1".into()).await.unwrap();
    let of_connection = connection_keys::list(q, t, &con).await.unwrap();
    let of_tenant = connection_keys::of_tenant(q, t).await.unwrap();
    let key = |key: &ConnectionKey| (key.stage, opened(Some(&key.sealed)));
    let current = connection_keys::current(q, t, &con).await.unwrap();
    let previous = previous_client_secrets::find(q, t, &c1, at(1)).await.unwrap();
    vec![
        format!("{credential:?}"),
        format!("{:?}", client_credentials::list(q, t, &c1).await.unwrap()),
        format!("{:?}", tenants::find(q, t).await.unwrap()),
        format!("{:?}", clients::find(q, t, &c1).await.unwrap().as_ref().map(client)),
        format!("{:?}", clients::list(q, t).await.unwrap().iter().map(client).collect::<Vec<_>>()),
        format!("{:?}", previous.and_then(|previous| opened(Some(&previous.sealed)))),
        format!("{:?}", resource_servers::find(q, t, &"api1".into()).await.unwrap()),
        format!("{:?}", resource_servers::find_by_identifier(q, t, AUDIENCE).await.unwrap()),
        format!("{:?}", resource_servers::list(q, t).await.unwrap()),
        format!("{:?}", client_grants::find(q, t, &"cgr_1".into()).await.unwrap()),
        format!("{:?}", client_grants::list(q, t).await.unwrap()),
        format!("{:?}", grant.unwrap()),
        format!("{:?}", found.as_ref().map(connection)),
        format!("{:?}", named.as_ref().map(connection)),
        format!("{:?}", listed.iter().map(connection).collect::<Vec<_>>()),
        format!("{:?}", served.iter().map(connection).collect::<Vec<_>>()),
        format!("{:?}", connections::serves(q, t, &con, &c1).await.unwrap()),
        format!("{:?}", connections::clients(q, t, &con).await.unwrap()),
        format!("{:?}", keys::tenant_keys(q, t).await.unwrap()),
        format!("{:?}", of_connection.iter().map(key).collect::<Vec<_>>()),
        format!("{:?}", of_tenant.iter().map(key).collect::<Vec<_>>()),
        format!("{:?}", current.as_ref().map(key)),
        format!("{:?}", signing.iter().map(|key| opened(Some(&key.sealed))).collect::<Vec<_>>()),
    ]
}

async fn of_people(q: &mut impl Query, t: &TenantId) -> Vec<String> {
    let (u1, con) = ("u1".into(), "con_1".into());
    let share = users::share(q, t, &u1).await.unwrap();
    let session = sessions::find(q, t, &hashed("another cookie")).await.unwrap();
    let by_identity = users::find_by_identity(q, t, &con, &"u1".into()).await.unwrap();
    let standing = users::standing(q, t, &u1).await.unwrap();
    let account = connected_accounts::find(q, t, &"cac_1".into()).await.unwrap();
    let by_tokenset = connected_accounts::find_by_tokenset(q, t, &"tokenset-cac_1".into()).await;
    let by_subject =
        connected_accounts::find_by_subject(q, t, &u1, &con, &"subject".into()).await.unwrap();
    vec![
        format!("{:?}", users::find(q, t, &u1).await.unwrap()),
        format!("{by_identity:?}"),
        format!("{:?}", users::find_by_email(q, t, "u1@example.test").await.unwrap()),
        format!("{:?}", users::page(q, t, 0, 10).await.unwrap()),
        format!("{:?}", users::count(q, t).await.unwrap()),
        format!("{:?}", users::page_for_connection(q, t, &con, 0, 10).await.unwrap()),
        format!("{:?}", users::count_for_connection(q, t, &con).await.unwrap()),
        format!("{standing:?}"),
        format!("{:?}", share.map(|share| *share.as_bytes())),
        format!("{:?}", passwords::find(q, t, &con, "ada").await.unwrap()),
        format!("{:?}", sessions::find(q, t, &hashed("cookie")).await.unwrap()),
        format!("{session:?}"),
        format!("{:?}", account.as_ref().map(|account| opened(Some(&account.sealed_tokens)))),
        format!("{account:?}"),
        format!("{:?}", by_tokenset.unwrap()),
        format!("{by_subject:?}"),
        format!("{:?}", connected_accounts::list_for_user(q, t, &u1).await.unwrap()),
        format!("{:?}", connected_accounts::list_for_connection(q, t, &u1, &con).await.unwrap()),
        format!("{:?}", log_events::find(q, t, &"log_1".into()).await.unwrap()),
        format!("{:?}", log_events::page(q, t, 0, 10).await.unwrap()),
        format!("{:?}", log_events::page_for_user(q, t, &u1, 0, 10).await.unwrap()),
        format!("{:?}", log_events::after(q, t, &"".into(), 10).await.unwrap()),
        format!("{:?}", log_events::count(q, t).await.unwrap()),
    ]
}

async fn of_flows(q: &mut impl Query, t: &TenantId) -> Vec<String> {
    let (state, browser, ticket) = (hashed("state"), hashed("browser"), hashed("ticket"));
    let for_browser = connect_transactions::find_for_browser(q, t, "ct1", &browser, at(1)).await;
    let by_ticket = connect_transactions::find_by_ticket(q, t, &ticket, &browser, at(1)).await;
    let other = hashed("another browser");
    let taken = connect_transactions::find_taken(q, t, &ticket, &other, at(1)).await;
    vec![
        format!("{:?}", login_states::find(q, t, &state, &browser, at(1)).await.unwrap()),
        format!("{:?}", authorization_codes::peek(q, t, &hashed("code")).await.unwrap()),
        format!("{:?}", for_browser.unwrap()),
        format!("{:?}", by_ticket.unwrap()),
        format!("{:?}", taken.unwrap()),
        format!("{:?}", provider_states::purpose_of(q, t, &state, at(1)).await.unwrap()),
        format!("{:?}", grants::find(q, t, &hashed("refresh")).await.unwrap()),
        format!("{:?}", attempts::peek(q, t, "password", &[1; 32], at(1)).await.unwrap()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_read_of_one_tenant_sees_another() {
    on_both(|database| async move {
        let acme = fill(&database, "acme").await;
        let beta = fill(&database, "beta").await;
        let mut read = database.read().await.unwrap();
        for (own, other) in [(&acme, "beta"), (&beta, "acme")] {
            for answer in everything(&mut read, own).await {
                assert!(!["None", "[]", "0", "false"].contains(&answer.as_str()), "{own}");
                assert!(!answer.contains(other), "{own}: {answer}");
            }
        }
        for answer in everything(&mut read, &"nobody".into()).await {
            assert!(["None", "[]", "0", "false"].contains(&answer.as_str()), "{answer}");
        }
    })
    .await;
}

/// Every write that changes or takes away what is there, by name; [`change`] does it.
const CHANGES: [&str; 56] = [
    "tenants::lock",
    "keys::remove_tenant_key",
    "keys::erase",
    "tenants::replace_base_urls",
    "tenants::update_settings",
    "client_credentials::update",
    "client_credentials::delete",
    "clients::find_for_update",
    "clients::update",
    "clients::delete",
    "previous_client_secrets::delete",
    "resource_servers::find_for_update",
    "resource_servers::update",
    "resource_servers::delete",
    "client_grants::find_for_update",
    "client_grants::update",
    "client_grants::delete",
    "connections::find_for_update",
    "connections::update",
    "connections::disable",
    "connections::delete",
    "connection_keys::advance",
    "connection_keys::remove",
    "users::find_for_update",
    "users::update",
    "users::note_login",
    "users::update_identity",
    "users::delete",
    "users::delete_known_by_connection_alone",
    "passwords::update",
    "passwords::rename",
    "sessions::touch",
    "sessions::delete",
    "sessions::delete_for_user",
    "sessions::delete_for_connection",
    "login_states::consume",
    "pushed_requests::take",
    "provider_states::consume",
    "authorization_codes::redeem",
    "connect_transactions::note_return",
    "connect_transactions::consume",
    "grants::replace_token",
    "grants::note_use",
    "grants::revoke_family",
    "grants::revoke_for_user",
    "grants::revoke_oldest",
    "connected_accounts::replace_tokenset",
    "refresh_leases::take",
    "connected_accounts::try_again",
    "refresh_leases::clear",
    "connected_accounts::note_use",
    "connect_transactions::bind_browser",
    "connect_transactions::delete",
    "replay_marks::insert",
    "attempts::count",
    "attempts::forget",
];

/// Does a write and says whether there was something to change.
async fn change(name: &str, tx: &mut WriteTx, t: &TenantId) -> bool {
    match name.split_once("::").unwrap() {
        (
            "tenants"
            | "keys"
            | "clients"
            | "client_credentials"
            | "previous_client_secrets"
            | "resource_servers"
            | "client_grants"
            | "connections"
            | "connection_keys",
            _,
        ) => change_configuration(name, tx, t).await,
        ("users" | "passwords" | "sessions" | "connected_accounts" | "refresh_leases", _) => {
            change_people(name, tx, t).await
        }
        ("event_streams" | "event_deliveries" | "departures" | "revocations", _) => {
            events::change(name, tx, t).await
        }
        _ => change_flows(name, tx, t).await,
    }
}

async fn change_configuration(name: &str, tx: &mut WriteTx, t: &TenantId) -> bool {
    let (c1, con) = ("c1".into(), "con_1".into());
    let (api, grant) = ("api1".into(), "cgr_1".into());
    match name {
        "tenants::lock" => tenants::lock(tx, t).await,
        "keys::remove_tenant_key" => keys::remove_tenant_key(tx, t, &KeyId::new([1; 16])).await,
        "keys::erase" => keys::erase(tx, t).await.map(|rows| rows == 1),
        "tenants::replace_base_urls" => {
            let mut tenant = samples::tenant(t.as_str());
            tenant.base_urls.truncate(1);
            tenants::replace_base_urls(tx, &tenant).await.map(|()| true)
        }
        "tenants::update_settings" => {
            let mut tenant = samples::tenant(t.as_str());
            tenant.settings.session_lifetime = 1.0;
            tenants::update_settings(tx, &tenant).await.map(|rows| rows == 1)
        }
        "client_credentials::update" => {
            let changed = samples::credential("cred_1", "changed");
            client_credentials::update(tx, t, &c1, &changed).await.map(|rows| rows == 1)
        }
        "client_credentials::delete" => {
            let id = "cred_1".into();
            client_credentials::delete(tx, t, &c1, &id).await.map(|rows| rows == 1)
        }
        "clients::find_for_update" => {
            clients::find_for_update(tx, t, &c1).await.map(|found| found.is_some())
        }
        "clients::update" => {
            let changed = samples::client("c1", "changed");
            clients::update(tx, t, &changed, at(9)).await.map(|rows| rows == 1)
        }
        "clients::delete" => clients::delete(tx, t, &c1).await.map(|rows| rows == 1),
        "previous_client_secrets::delete" => {
            previous_client_secrets::delete(tx, t, &c1).await.map(|rows| rows == 1)
        }
        "resource_servers::find_for_update" => {
            resource_servers::find_for_update(tx, t, &api).await.map(|found| found.is_some())
        }
        "resource_servers::update" => {
            let changed = samples::resource_server("api1", AUDIENCE, "changed");
            resource_servers::update(tx, t, &changed).await.map(|rows| rows == 1)
        }
        "resource_servers::delete" => {
            resource_servers::delete(tx, t, &api).await.map(|rows| rows == 1)
        }
        "client_grants::find_for_update" => {
            client_grants::find_for_update(tx, t, &grant).await.map(|found| found.is_some())
        }
        "client_grants::update" => {
            let changed = samples::client_grant("cgr_1", "c1", "changed");
            client_grants::update(tx, t, &changed).await.map(|rows| rows == 1)
        }
        "client_grants::delete" => client_grants::delete(tx, t, &grant).await.map(|rows| rows == 1),
        "connections::find_for_update" => {
            connections::find_for_update(tx, t, &con).await.map(|found| found.is_some())
        }
        "connections::update" => {
            let changed = samples::connection("con_1", "calendar", "changed");
            connections::update(tx, t, &changed).await.map(|rows| rows == 1)
        }
        "connections::disable" => connections::disable(tx, t, &con, &c1).await.map(|()| true),
        "connections::delete" => connections::delete(tx, t, &con).await.map(|rows| rows == 1),
        "connection_keys::advance" => connection_keys::advance(tx, t, &con, "kid", at(9)).await,
        "connection_keys::remove" => {
            connection_keys::remove(tx, t, &con).await.map(|rows| rows == 2)
        }
        unknown => panic!("{unknown}"),
    }
    .unwrap()
}

async fn change_people(name: &str, tx: &mut WriteTx, t: &TenantId) -> bool {
    let (u1, s1, cac, con) = ("u1".into(), "s1".into(), "cac_1".into(), "con_1".into());
    match name {
        "users::find_for_update" => {
            users::find_for_update(tx, t, &u1).await.map(|found| found.is_some())
        }
        "users::update" => {
            let changed = samples::user("u1", "changed");
            users::update(tx, t, &changed).await.map(|rows| rows == 1)
        }
        "users::note_login" => {
            users::note_login(tx, t, &u1, None, at(9)).await.map(|rows| rows == 1)
        }
        "users::update_identity" => {
            let changed = samples::identity("con_1", "calendar", "u1", "changed");
            users::update_identity(tx, t, &changed).await.map(|rows| rows == 1)
        }
        "users::delete" => users::delete(tx, t, &u1).await.map(|rows| rows == 1),
        "users::delete_known_by_connection_alone" => {
            users::delete_known_by_connection_alone(tx, t, &con).await.map(|rows| rows == 1)
        }
        "passwords::update" => {
            passwords::update(tx, t, &u1, "changed", at(9)).await.map(|rows| rows == 1)
        }
        "passwords::rename" => passwords::rename(tx, t, &u1, "changed").await,
        "sessions::touch" => sessions::touch(tx, t, &s1, at(9)).await.map(|rows| rows == 1),
        "sessions::delete" => sessions::delete(tx, t, &s1).await.map(|rows| rows == 1),
        "sessions::delete_for_user" => {
            sessions::delete_for_user(tx, t, &u1).await.map(|rows| rows == 2)
        }
        "sessions::delete_for_connection" => {
            sessions::delete_for_connection(tx, t, "calendar").await.map(|rows| rows == 1)
        }
        "connected_accounts::replace_tokenset" => {
            let mut next = samples::account("cac_1", "subject", "changed");
            next.account.version += 1;
            connected_accounts::replace_tokenset(tx, t, &next).await
        }
        "connected_accounts::try_again" => {
            let dead = "UPDATE connected_accounts SET dead_since = 1, dead_reason = 'x' \
                WHERE tenant = $1";
            tx.execute(dead, vec![t.into()]).await.unwrap();
            connected_accounts::try_again(tx, t, &con).await.map(|rows| rows == 1)
        }
        "refresh_leases::take" => {
            let stored = samples::account("cac_1", "subject", "");
            let length = std::time::Duration::from_secs(9);
            refresh_leases::take(tx, t, &stored, "node", length, at(9))
                .await
                .map(|lease| lease.is_some())
        }
        "refresh_leases::clear" => refresh_leases::clear(tx, t, &cac).await.map(|rows| rows == 1),
        "connected_accounts::note_use" => {
            connected_accounts::note_use(tx, t, &cac, at(9)).await.map(|rows| rows == 1)
        }
        unknown => panic!("{unknown}"),
    }
    .unwrap()
}

async fn change_flows(name: &str, tx: &mut WriteTx, t: &TenantId) -> bool {
    let (state, browser) = (hashed("state"), hashed("browser"));
    let (token, f1) = (hashed("refresh"), "f1".into());
    match name {
        "pushed_requests::take" => {
            pushed_requests::take(tx, t, &hashed("pushed"), &"c1".into(), at(1))
                .await
                .map(|found| found.is_some())
        }
        "login_states::consume" => login_states::consume(tx, t, &state, &browser).await,
        "provider_states::consume" => {
            let state = hashed("state");
            let found = provider_states::consume(tx, t, &state, &browser, at(1)).await;
            found.map(|found| found.is_some_and(|found| found.purpose == t.as_str()))
        }
        "authorization_codes::redeem" => {
            let redeemed = authorization_codes::redeem(tx, t, &hashed("code"), at(1)).await;
            redeemed.map(|redeemed| matches!(redeemed, Redemption::Granted(_)))
        }
        "connect_transactions::bind_browser" => {
            connect_transactions::bind_browser(tx, t, "ct1", &browser).await
        }
        "connect_transactions::note_return" => {
            let returned = samples::connect_transaction("ct1", "changed");
            connect_transactions::note_return(tx, t, &returned, &hashed("connect code")).await
        }
        "connect_transactions::delete" => {
            connect_transactions::delete(tx, t, "ct1").await.map(|rows| rows == 1)
        }
        "connect_transactions::consume" => {
            let found = connect_transactions::consume(tx, t, &hashed("auth session"), at(1)).await;
            found.map(|found| found.is_some_and(|(found, _)| found.request == t.as_str()))
        }
        "grants::replace_token" => grants::replace_token(tx, t, &token, at(9)).await,
        "grants::note_use" => grants::note_use(tx, t, &f1, 1, at(9)).await,
        "grants::revoke_family" => grants::revoke_family(tx, t, &f1, at(9)).await,
        "grants::revoke_for_user" => {
            grants::revoke_for_user(tx, t, &"u1".into(), at(9)).await.map(|rows| rows == 1)
        }
        "grants::revoke_oldest" => {
            let revoked = grants::revoke_oldest(tx, t, &"u1".into(), &"c1".into(), 0, at(9)).await;
            revoked.map(|rows| rows == 1)
        }
        "replay_marks::insert" => {
            let new = replay_marks::insert(tx, t, "dpop", &[1; 32], at(60)).await;
            new.map(|new| !new)
        }
        "attempts::count" => {
            let counted = attempts::count(tx, t, "password", &[1; 32], at(60), at(1)).await;
            counted.map(|counted| counted.made == 2)
        }
        "attempts::forget" => {
            attempts::forget(tx, t, "password", &[1; 32]).await.map(|rows| rows == 1)
        }
        unknown => panic!("{unknown}"),
    }
    .unwrap()
}

/// Each change on its own, undone afterwards: in the one tenant it happens, to the other nothing
/// does, and in that other the same change is then still possible.
#[tokio::test(flavor = "multi_thread")]
async fn no_write_of_one_tenant_touches_another() {
    on_both(|database| async move {
        let acme = fill(&database, "acme").await;
        let beta = fill(&database, "beta").await;
        for name in CHANGES.into_iter().chain(events::CHANGES) {
            let mut tx = database.write().await.unwrap();
            let before = everything(&mut tx, &beta).await;
            assert!(change(name, &mut tx, &acme).await, "{name}");
            assert_eq!(everything(&mut tx, &beta).await, before, "{name}");
            assert!(change(name, &mut tx, &beta).await, "{name}");
            tx.rollback().await.unwrap();
        }
    })
    .await;
}
