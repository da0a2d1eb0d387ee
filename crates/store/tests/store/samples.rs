//! Records to store. The same id gives the same record, and `mark` is found in its content.

use model::client::Client;
use model::client_credential::{ClientCredential, CredentialMaterial};
use model::client_grant::{ClientGrant, SubjectType};
use model::connected_account::{AccessExpiry, ConnectedAccount, Health, Renewal};
use model::connection::Connection;
use model::grant::{Authorization, CodeGrant, GrantFamily};
use model::ids::TenantId;
use model::log_event::{LogDetail, LogEvent, LogEventKind};
use model::resource_server::ResourceServer;
use model::session::Session;
use model::tenant::{BaseUrl, Tenant, TenantSettings};
use model::user::{Identity, Profile, User};
use protocol::jose::jwk::Thumbprint;
use protocol::oauth::scope::ScopeSet;
use protocol::secret::{Hashed, Secret};
use serde_json::json;
use store::clients::{StoredClient, StoredSecret};
use store::connect_transactions::ConnectTransaction;
use store::connected_accounts::StoredAccount;
use store::connections::StoredConnection;
use store::passwords::StoredPassword;
use store::provider_states::ProviderState;
use store::{Database, Query, WriteTx};
use vault::seal::{Sealed, UserShare};

use crate::common::at;

pub(crate) const AUDIENCE: &str = "https://api.example/";

pub(crate) fn hashed<K>(text: &str) -> Hashed<K> {
    Secret::new(text).hashed()
}

pub(crate) fn sealed(text: &str) -> Sealed {
    Sealed::from_bytes(text.as_bytes().to_vec())
}

pub(crate) fn scope(text: &str) -> ScopeSet {
    ScopeSet::parse(text).unwrap()
}

pub(crate) fn tenant(id: &str) -> Tenant {
    Tenant {
        id: id.into(),
        base_urls: vec![
            BaseUrl::parse(&format!("https://{id}.example/")).unwrap(),
            BaseUrl::parse(&format!("http://{id}.localhost:4000/")).unwrap(),
        ],
        settings: TenantSettings { friendly_name: id.to_owned(), ..TenantSettings::default() },
    }
}

pub(crate) fn credential(id: &str, mark: &str) -> ClientCredential {
    ClientCredential {
        id: id.into(),
        name: mark.to_owned(),
        material: CredentialMaterial::CertSubjectDn { subject_dn: format!("CN={mark}") },
        created_at: at(1),
        updated_at: at(1),
        expires_at: None,
    }
}

pub(crate) fn client(id: &str, mark: &str) -> StoredClient {
    let client: Client =
        serde_json::from_value(json!({"client_id": id, "name": mark, "kept_member": [1]})).unwrap();
    let secret = StoredSecret { mac: [7; 32], sealed: sealed(mark) };
    StoredClient { client, secret: Some(secret) }
}

pub(crate) fn resource_server(id: &str, identifier: &str, mark: &str) -> ResourceServer {
    serde_json::from_value(json!({"id": id, "identifier": identifier, "name": mark})).unwrap()
}

pub(crate) fn client_grant(id: &str, client_id: &str, mark: &str) -> ClientGrant {
    let grant = json!({"id": id, "client_id": client_id, "audience": AUDIENCE, "scope": [mark]});
    serde_json::from_value(grant).unwrap()
}

pub(crate) fn user_grant(id: &str, client_id: &str, mark: &str) -> ClientGrant {
    ClientGrant { subject_type: SubjectType::User, ..client_grant(id, client_id, mark) }
}

pub(crate) fn connection(id: &str, name: &str, mark: &str) -> StoredConnection {
    let connection: Connection = serde_json::from_value(json!({
        "id": id, "name": name, "strategy": "oidc", "options": {"mark": mark}
    }))
    .unwrap();
    StoredConnection { connection, sealed_secret: Some(sealed(mark)) }
}

/// A user with an identity on `con_1`.
pub(crate) fn user(id: &str, mark: &str) -> User {
    User {
        user_id: id.into(),
        profile: Profile {
            email: Some(format!("{id}@Example.test")),
            name: Some(mark.to_owned()),
            ..Profile::default()
        },
        blocked: false,
        created_at: at(10),
        updated_at: at(20),
        last_login: None,
        last_ip: None,
        logins_count: 0,
        identities: vec![identity("con_1", "calendar", id, mark)],
    }
}

pub(crate) fn identity(connection_id: &str, name: &str, subject: &str, mark: &str) -> Identity {
    Identity {
        connection_id: connection_id.into(),
        connection: name.to_owned(),
        provider: "oidc".to_owned(),
        subject: subject.into(),
        profile_data: serde_json::from_value(json!({"mark": mark})).unwrap(),
    }
}

pub(crate) fn share(byte: u8) -> UserShare {
    UserShare::new([byte; 32])
}

pub(crate) fn password(user_id: &str, mark: &str) -> StoredPassword {
    StoredPassword { user_id: user_id.into(), hash: format!("$argon2id${mark}") }
}

pub(crate) fn session(id: &str, user_id: &str, mark: &str) -> Session {
    Session {
        id: id.into(),
        user_id: user_id.into(),
        connection: mark.to_owned(),
        authenticated_at: at(100),
        last_seen_at: at(110),
        expires_at: at(1000),
    }
}

pub(crate) fn authorization(mark: &str) -> Authorization {
    Authorization {
        client_id: "c1".into(),
        user_id: "u1".into(),
        session_id: "s1".into(),
        audience: Some(mark.to_owned()),
        scope: scope("openid offline_access"),
        auth_time: at(100),
    }
}

pub(crate) fn code_grant(mark: &str) -> CodeGrant {
    CodeGrant {
        authorization: authorization(mark),
        redirect_uri: "https://app.example/callback".to_owned(),
        code_challenge: None,
        nonce: Some("n-0S6_WzA2Mj".to_owned()),
        dpop_jkt: None,
        family_id: "f1".into(),
    }
}

pub(crate) fn family(id: &str, mark: &str) -> GrantFamily {
    GrantFamily {
        id: id.into(),
        authorization: authorization(mark),
        dpop_jkt: Some(Thumbprint::parse("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs").unwrap()),
        created_at: at(100),
        expires_at: Some(at(9000)),
        last_used_at: at(150),
        latest_generation: 0,
        revoked_at: None,
    }
}

pub(crate) fn account(id: &str, subject: &str, mark: &str) -> StoredAccount {
    let account = ConnectedAccount {
        id: id.into(),
        tokenset_id: format!("tokenset-{id}").as_str().into(),
        user_id: "u1".into(),
        connection_id: "con_1".into(),
        connection: "calendar".to_owned(),
        strategy: "oidc".to_owned(),
        subject: subject.into(),
        email: Some(format!("{mark}@provider.test")),
        email_verified: true,
        label: format!("{mark} at work"),
        facts: [("instance_url".to_owned(), format!("https://{mark}.test"))].into(),
        scopes: scope("read:calendar https://provider.test/auth/a,b"),
        created_at: at(100),
        connected_at: at(110),
        issued_at: at(120),
        access_expiry: AccessExpiry::At(at(3700)),
        refresh_expires_at: Some(at(90_000)),
        has_refresh_token: true,
        health: Health::Active,
        last_used_at: Some(at(130)),
        version: 1,
        renewal: Renewal::default(),
    };
    StoredAccount { account, sealed_tokens: sealed(mark) }
}

pub(crate) fn connect_transaction(id: &str, mark: &str) -> ConnectTransaction {
    ConnectTransaction {
        id: id.to_owned(),
        user_id: "u1".into(),
        client_id: "c1".into(),
        connection_id: "con_1".into(),
        request: mark.to_owned(),
        account: None,
        sealed_tokens: None,
        expires_at: at(60),
    }
}

pub(crate) fn provider_state(mark: &str) -> ProviderState {
    ProviderState {
        connection_id: "con_1".into(),
        purpose: mark.to_owned(),
        sealed_verifier: sealed(mark),
    }
}

pub(crate) fn log_event(id: &str, user_id: Option<&str>, mark: &str) -> LogEvent {
    LogEvent {
        id: id.into(),
        at: at(100),
        kind: LogEventKind::VaultExchange,
        detail: LogDetail {
            description: Some(mark.to_owned()),
            user_id: user_id.map(str::to_owned),
            ..LogDetail::default()
        },
    }
}

/// A tenant with what everything else hangs on: client `c1`, resource server `api1` at [`AUDIENCE`],
/// connection `con_1` that serves the client, user `u1`.
pub(crate) async fn settle(database: &Database, id: &str) -> TenantId {
    let tenant = tenant(id);
    let mut tx = database.write().await.unwrap();
    store::tenants::insert(&mut tx, &tenant, at(1)).await.unwrap();
    let tenant = tenant.id;
    store::clients::insert(&mut tx, &tenant, &client("c1", id), at(1)).await.unwrap();
    let server = resource_server("api1", AUDIENCE, id);
    store::resource_servers::insert(&mut tx, &tenant, &server, at(1)).await.unwrap();
    let connection = connection("con_1", "calendar", id);
    store::connections::insert(&mut tx, &tenant, &connection, at(1)).await.unwrap();
    store::connections::enable(&mut tx, &tenant, &"con_1".into(), &"c1".into()).await.unwrap();
    store::users::insert(&mut tx, &tenant, &user("u1", id), &share(1)).await.unwrap();
    tx.commit().await.unwrap();
    tenant
}

/// Gives user `u1` one of everything that a user can have.
pub(crate) async fn everything_of_a_user(tx: &mut WriteTx, tenant: &TenantId) {
    let con = "con_1".into();
    store::passwords::insert(tx, tenant, &con, "ada", &password("u1", ""), at(1)).await.unwrap();
    let own = session("s1", "u1", "");
    store::sessions::insert(tx, tenant, &hashed("cookie"), &own).await.unwrap();
    let family = family("f1", "");
    store::grants::insert_family(tx, tenant, &family).await.unwrap();
    let token = hashed("refresh");
    store::grants::insert_token(tx, tenant, &token, &family.id, 0, at(1)).await.unwrap();
    let transaction = connect_transaction("ct1", "");
    let (ticket, auth_session) = (hashed("ticket"), hashed("auth session"));
    store::connect_transactions::insert(tx, tenant, &transaction, &ticket, &auth_session)
        .await
        .unwrap();
    let account = account("cac_1", "subject", "");
    store::connected_accounts::insert(tx, tenant, &account).await.unwrap();
}

/// How much of it is left, the share and the identity included.
pub(crate) async fn left_of_a_user(q: &mut impl Query, tenant: &TenantId) -> usize {
    let (user, con) = ("u1".into(), "con_1".into());
    let identity = store::users::find_by_identity(q, tenant, &con, &"u1".into()).await.unwrap();
    let password = store::passwords::find(q, tenant, &con, "ada").await.unwrap();
    let session = store::sessions::find(q, tenant, &hashed("cookie")).await.unwrap();
    let token = store::grants::find(q, tenant, &hashed("refresh")).await.unwrap();
    let browser = hashed("browser");
    let ticket = hashed("ticket");
    let transaction =
        store::connect_transactions::find_by_ticket(q, tenant, &ticket, &browser, at(1));
    let transaction = transaction.await.unwrap();
    let accounts = store::connected_accounts::list_for_user(q, tenant, &user).await.unwrap();
    let known = store::connected_accounts::find(q, tenant, &"cac_1".into()).await.unwrap();
    [
        identity.is_some(),
        password.is_some(),
        session.is_some(),
        token.is_some(),
        transaction.is_some(),
        !accounts.is_empty(),
        known.is_some(),
    ]
    .into_iter()
    .filter(|is_left| *is_left)
    .count()
}
