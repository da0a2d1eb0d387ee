//! What operators configure: tenants, clients, resource servers, client grants, connections, keys.

use model::client_grant::SubjectType;
use protocol::jose::jwk::Jwk;
use serde_json::json;
use store::clients::StoredClient;
use store::connections::StoredConnection;
use store::keys::{SealedSigningKey, Stage, WrappedKey};
use store::{Query as _, client_grants, clients, connections, keys, resource_servers, tenants};
use vault::keyring::{KeyId, Purpose};

use crate::common::{at, on_both};
use crate::samples::{
    self, AUDIENCE, client, connection, resource_server, sealed, settle, user_grant,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_found_by_each_of_its_hosts() {
    on_both(|database| async move {
        let mut read = database.read().await.unwrap();
        assert!(!tenants::exist(&mut read).await.unwrap());
        settle(&database, "other").await;
        assert!(tenants::exist(&mut read).await.unwrap());
        let mut acme = samples::tenant("acme");
        let mut tx = database.write().await.unwrap();
        tenants::insert(&mut tx, &acme, at(1)).await.unwrap();
        tx.commit().await.unwrap();

        let found = tenants::find(&mut read, &acme.id).await.unwrap().unwrap();
        assert_eq!(found.id, acme.id);
        assert_eq!(found.base_urls, acme.base_urls);
        assert_eq!(found.settings, acme.settings);
        for authority in ["acme.example", "acme.localhost:4000"] {
            let found = tenants::find_by_authority(&mut read, authority).await.unwrap().unwrap();
            assert_eq!((found.id, found.base_urls), (acme.id.clone(), acme.base_urls.clone()));
        }
        for authority in ["acme.localhost", "ACME.example", "nobody.example"] {
            assert!(tenants::find_by_authority(&mut read, authority).await.unwrap().is_none());
        }

        acme.base_urls.swap_remove(0);
        acme.settings.session_lifetime = 1.5;
        let mut tx = database.write().await.unwrap();
        tenants::replace_base_urls(&mut tx, &acme).await.unwrap();
        assert_eq!(tenants::update_settings(&mut tx, &acme).await.unwrap(), 1);
        tx.commit().await.unwrap();
        let found = tenants::find(&mut read, &acme.id).await.unwrap().unwrap();
        assert_eq!((found.base_urls, found.settings), (acme.base_urls, acme.settings));
        assert!(tenants::find_by_authority(&mut read, "acme.example").await.unwrap().is_none());
        assert!(tenants::find(&mut read, &"nobody".into()).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_belongs_to_one_tenant() {
    on_both(|database| async move {
        settle(&database, "acme").await;
        let again = samples::tenant("acme");
        let mut tx = database.write().await.unwrap();
        assert!(tenants::insert(&mut tx, &again, at(1)).await.unwrap_err().is_duplicate());

        let thief = model::tenant::Tenant { id: "thief".into(), ..again };
        let mut tx = database.write().await.unwrap();
        assert!(tenants::insert(&mut tx, &thief, at(1)).await.unwrap_err().is_duplicate());
        drop(tx);
        let mut read = database.read().await.unwrap();
        assert!(tenants::find(&mut read, &thief.id).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_come_back_as_they_were_stored() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let public = StoredClient { secret: None, ..client("c0", "public") };
        let mut tx = database.write().await.unwrap();
        clients::insert(&mut tx, &tenant, &public, at(1)).await.unwrap();
        clients::insert(&mut tx, &tenant, &client("c2", "older"), at(0)).await.unwrap();
        tx.commit().await.unwrap();

        let mut read = database.read().await.unwrap();
        let found = clients::find(&mut read, &tenant, &"c1".into()).await.unwrap().unwrap();
        assert_eq!(found.client, client("c1", "acme").client);
        let secret = found.secret.unwrap();
        assert_eq!((secret.mac, secret.sealed), ([7; 32], sealed("acme")));
        let found = clients::find(&mut read, &tenant, &"c0".into()).await.unwrap().unwrap();
        assert!(found.secret.is_none());
        let listed = clients::list(&mut read, &tenant).await.unwrap();
        let ids: Vec<_> = listed.iter().map(|stored| stored.client.client_id.as_str()).collect();
        assert_eq!(ids, ["c2", "c0", "c1"]);

        let mut tx = database.write().await.unwrap();
        let mut changed =
            clients::find_for_update(&mut tx, &tenant, &"c1".into()).await.unwrap().unwrap();
        changed.client.name = "changed".to_owned();
        changed.secret = None;
        assert_eq!(clients::update(&mut tx, &tenant, &changed, at(5)).await.unwrap(), 1);
        let nobody = client("nobody", "");
        assert_eq!(clients::update(&mut tx, &tenant, &nobody, at(5)).await.unwrap(), 0);
        let nobody = &nobody.client.client_id;
        assert!(clients::find_for_update(&mut tx, &tenant, nobody).await.unwrap().is_none());
        assert_eq!(clients::delete(&mut tx, &tenant, &"c2".into()).await.unwrap(), 1);
        assert_eq!(clients::delete(&mut tx, &tenant, &"c2".into()).await.unwrap(), 0);
        tx.commit().await.unwrap();
        let found = clients::find(&mut read, &tenant, &"c1".into()).await.unwrap().unwrap();
        assert_eq!((found.client.name.as_str(), found.secret.is_none()), ("changed", true));
        assert!(clients::find(&mut read, &tenant, &"c2".into()).await.unwrap().is_none());

        let mut tx = database.write().await.unwrap();
        let error = clients::insert(&mut tx, &tenant, &client("c1", ""), at(1)).await.unwrap_err();
        assert!(error.is_duplicate());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_loaded_for_update_is_nobodys_to_change_meanwhile() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let writers: Vec<_> = (0..40)
            .map(|number| {
                let (database, tenant) = (database.clone(), tenant.clone());
                tokio::spawn(async move {
                    let mut tx = database.write().await.unwrap();
                    let found =
                        clients::find_for_update(&mut tx, &tenant, &"c1".into()).await.unwrap();
                    let mut found = found.unwrap();
                    found.client.callbacks.push(format!("https://app.example/{number}"));
                    clients::update(&mut tx, &tenant, &found, at(2)).await.unwrap();
                    tx.commit().await.unwrap();
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        let mut read = database.read().await.unwrap();
        let found = clients::find(&mut read, &tenant, &"c1".into()).await.unwrap().unwrap();
        assert_eq!(found.client.callbacks.len(), 40);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn resource_servers_come_back_as_they_were_stored() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let older = resource_server("api0", "https://older.example/", "older");
        let mut tx = database.write().await.unwrap();
        resource_servers::insert(&mut tx, &tenant, &older, at(0)).await.unwrap();
        tx.commit().await.unwrap();

        let expected = resource_server("api1", AUDIENCE, "acme");
        let mut read = database.read().await.unwrap();
        let found = resource_servers::find(&mut read, &tenant, &"api1".into()).await.unwrap();
        assert_eq!(found.as_ref(), Some(&expected));
        let found = resource_servers::find_by_identifier(&mut read, &tenant, AUDIENCE).await;
        assert_eq!(found.unwrap().as_ref(), Some(&expected));
        let without_slash = AUDIENCE.trim_end_matches('/');
        let found = resource_servers::find_by_identifier(&mut read, &tenant, without_slash).await;
        assert_eq!(found.unwrap(), None);
        let listed = resource_servers::list(&mut read, &tenant).await.unwrap();
        assert_eq!(listed, [older.clone(), expected]);

        let mut tx = database.write().await.unwrap();
        let found =
            resource_servers::find_for_update(&mut tx, &tenant, &"api1".into()).await.unwrap();
        let mut changed = found.unwrap();
        changed.token_lifetime = 60;
        assert_eq!(resource_servers::update(&mut tx, &tenant, &changed).await.unwrap(), 1);
        assert_eq!(resource_servers::delete(&mut tx, &tenant, &older.id).await.unwrap(), 1);
        assert_eq!(resource_servers::update(&mut tx, &tenant, &older).await.unwrap(), 0);
        tx.commit().await.unwrap();
        assert_eq!(resource_servers::list(&mut read, &tenant).await.unwrap(), [changed]);

        let twin = resource_server("api2", AUDIENCE, "");
        let mut tx = database.write().await.unwrap();
        let error = resource_servers::insert(&mut tx, &tenant, &twin, at(1)).await.unwrap_err();
        assert!(error.is_duplicate());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn client_grants_come_back_and_go_with_client_and_resource_server() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let own = samples::client_grant("cgr_1", "c1", "read:a");
        let users = user_grant("cgr_2", "c1", "read:b");
        let others = samples::client_grant("cgr_3", "c2", "read:c");
        let mut tx = database.write().await.unwrap();
        clients::insert(&mut tx, &tenant, &client("c2", ""), at(1)).await.unwrap();
        for (seconds, grant) in [(1, &own), (2, &users), (3, &others)] {
            client_grants::insert(&mut tx, &tenant, grant, at(seconds)).await.unwrap();
        }
        tx.commit().await.unwrap();

        let c1 = "c1".into();
        let mut read = database.read().await.unwrap();
        for (subject_type, expected) in [(SubjectType::Client, &own), (SubjectType::User, &users)] {
            let found =
                client_grants::find_for(&mut read, &tenant, &c1, AUDIENCE, subject_type).await;
            assert_eq!(found.unwrap().as_ref(), Some(expected));
        }
        let found = client_grants::find(&mut read, &tenant, &"cgr_2".into()).await.unwrap();
        assert_eq!(found.as_ref(), Some(&users));
        let listed = client_grants::list(&mut read, &tenant).await.unwrap();
        assert_eq!(listed, [own.clone(), users.clone(), others.clone()]);

        let twin = samples::client_grant("cgr_9", "c1", "");
        let mut tx = database.write().await.unwrap();
        let error = client_grants::insert(&mut tx, &tenant, &twin, at(1)).await.unwrap_err();
        assert!(error.is_duplicate());

        let mut tx = database.write().await.unwrap();
        let found = client_grants::find_for_update(&mut tx, &tenant, &own.id).await.unwrap();
        let mut changed = found.unwrap();
        changed.allow_all_scopes = true;
        assert_eq!(client_grants::update(&mut tx, &tenant, &changed).await.unwrap(), 1);
        assert_eq!(client_grants::delete(&mut tx, &tenant, &users.id).await.unwrap(), 1);
        assert_eq!(client_grants::update(&mut tx, &tenant, &users).await.unwrap(), 0);
        tx.commit().await.unwrap();
        assert_eq!(
            client_grants::list(&mut read, &tenant).await.unwrap(),
            [changed, others.clone()]
        );

        let mut tx = database.write().await.unwrap();
        clients::delete(&mut tx, &tenant, &"c1".into()).await.unwrap();
        assert_eq!(client_grants::list(&mut tx, &tenant).await.unwrap(), [others]);
        resource_servers::delete(&mut tx, &tenant, &"api1".into()).await.unwrap();
        assert!(client_grants::list(&mut tx, &tenant).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_come_back_as_they_were_stored() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let plain = StoredConnection { sealed_secret: None, ..connection("con_0", "plain", "") };
        let mut tx = database.write().await.unwrap();
        connections::insert(&mut tx, &tenant, &plain, at(9)).await.unwrap();
        tx.commit().await.unwrap();

        let expected = connection("con_1", "calendar", "acme");
        let mut read = database.read().await.unwrap();
        let by_id = connections::find(&mut read, &tenant, &"con_1".into()).await.unwrap();
        let by_name = connections::find_by_name(&mut read, &tenant, "calendar").await.unwrap();
        for found in [by_id.unwrap(), by_name.unwrap()] {
            assert_eq!(found.connection, expected.connection);
            assert_eq!(found.sealed_secret, expected.sealed_secret);
        }
        assert!(connections::find_by_name(&mut read, &tenant, "Calendar").await.unwrap().is_none());
        let listed = connections::list(&mut read, &tenant).await.unwrap();
        let names: Vec<_> = listed.iter().map(|c| c.connection.name.as_str()).collect();
        assert_eq!(names, ["calendar", "plain"]);
        assert!(listed[1].sealed_secret.is_none());

        let mut tx = database.write().await.unwrap();
        let found = connections::find_for_update(&mut tx, &tenant, &"con_1".into()).await.unwrap();
        let mut changed = found.unwrap();
        changed.connection.display_name = Some("Calendar".to_owned());
        changed.sealed_secret = Some(sealed("rotated"));
        assert_eq!(connections::update(&mut tx, &tenant, &changed).await.unwrap(), 1);
        assert_eq!(connections::delete(&mut tx, &tenant, &"con_0".into()).await.unwrap(), 1);
        assert_eq!(connections::update(&mut tx, &tenant, &plain).await.unwrap(), 0);
        tx.commit().await.unwrap();
        let found = connections::find(&mut read, &tenant, &"con_1".into()).await.unwrap().unwrap();
        assert_eq!(found.connection, changed.connection);
        assert_eq!(found.sealed_secret, Some(sealed("rotated")));

        for twin in [connection("con_1", "another", ""), connection("con_2", "calendar", "")] {
            let mut tx = database.write().await.unwrap();
            let error = connections::insert(&mut tx, &tenant, &twin, at(1)).await.unwrap_err();
            assert!(error.is_duplicate());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_serves_the_clients_it_is_enabled_for() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let mut tx = database.write().await.unwrap();
        clients::insert(&mut tx, &tenant, &client("c2", ""), at(1)).await.unwrap();
        let (con, c1, c2) = ("con_1".into(), "c1".into(), "c2".into());
        assert!(connections::serves(&mut tx, &tenant, &con, &c1).await.unwrap());
        assert!(!connections::serves(&mut tx, &tenant, &con, &c2).await.unwrap());
        for _ in 0..2 {
            connections::enable(&mut tx, &tenant, &con, &c2).await.unwrap();
        }
        let served = connections::clients(&mut tx, &tenant, &con).await.unwrap();
        assert_eq!(served, [c1.clone(), c2.clone()]);
        let listed = connections::list_for_client(&mut tx, &tenant, &c2).await.unwrap();
        assert_eq!(listed[0].connection.id, con);

        for _ in 0..2 {
            connections::disable(&mut tx, &tenant, &con, &c1).await.unwrap();
        }
        assert!(!connections::serves(&mut tx, &tenant, &con, &c1).await.unwrap());
        clients::delete(&mut tx, &tenant, &c2).await.unwrap();
        assert!(connections::clients(&mut tx, &tenant, &con).await.unwrap().is_empty());
        assert!(connections::list_for_client(&mut tx, &tenant, &c2).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_come_back_oldest_first() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let public_jwk: Jwk = serde_json::from_value(json!({
            "kty": "EC", "crv": "P-256",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        }))
        .unwrap();
        let tenant_key = |byte: u8, purpose, seconds| WrappedKey {
            id: KeyId::new([byte; 16]),
            purpose,
            kek_id: "kek-1".to_owned(),
            wrapped: vec![byte; 60],
            seals_from: at(seconds),
        };
        let signing_key = |kid: &str, stage| SealedSigningKey {
            kid: kid.to_owned(),
            stage,
            public_jwk: public_jwk.clone(),
            sealed: sealed(kid),
        };
        let mut tx = database.write().await.unwrap();
        keys::insert_kek_check(&mut tx, "kek-1", b"known", at(1)).await.unwrap();
        keys::insert_kek_check(&mut tx, "kek-0", b"other", at(2)).await.unwrap();
        for (seconds, byte, purpose) in [(2, 1, Purpose::Vault), (1, 2, Purpose::DpopNonces)] {
            let key = tenant_key(byte, purpose, seconds);
            keys::insert_tenant_key(&mut tx, &tenant, &key).await.unwrap();
        }
        for (seconds, kid, stage) in
            [(1, "a", Stage::Previous), (2, "b", Stage::Current), (3, "0", Stage::Next)]
        {
            let key = signing_key(kid, stage);
            keys::insert_signing_key(&mut tx, &tenant, &key, at(seconds)).await.unwrap();
        }
        tx.commit().await.unwrap();

        let mut read = database.read().await.unwrap();
        let checks = keys::kek_checks(&mut read).await.unwrap();
        let expected = [("kek-1", "known"), ("kek-0", "other")];
        assert_eq!(checks, expected.map(|(id, check)| (id.to_owned(), check.into())));
        let found = keys::tenant_keys(&mut read, &tenant).await.unwrap();
        let found = found.iter().map(|k| (k.id, k.purpose, k.kek_id.as_str(), k.wrapped.clone()));
        assert_eq!(
            found.collect::<Vec<_>>(),
            [
                (KeyId::new([2; 16]), Purpose::DpopNonces, "kek-1", vec![2; 60]),
                (KeyId::new([1; 16]), Purpose::Vault, "kek-1", vec![1; 60]),
            ]
        );
        let found = keys::signing_keys(&mut read, &tenant).await.unwrap();
        for (key, (kid, stage)) in
            found.iter().zip([("a", Stage::Previous), ("b", Stage::Current), ("0", Stage::Next)])
        {
            assert_eq!((key.kid.as_str(), key.stage), (kid, stage));
            assert_eq!((&key.public_jwk, &key.sealed), (&public_jwk, &sealed(kid)));
        }

        let mut tx = database.write().await.unwrap();
        let error = keys::insert_kek_check(&mut tx, "kek-1", b"", at(9)).await.unwrap_err();
        assert!(error.is_duplicate());
        let mut tx = database.write().await.unwrap();
        let key = tenant_key(1, Purpose::Vault, 9);
        let error = keys::insert_tenant_key(&mut tx, &tenant, &key).await.unwrap_err();
        assert!(error.is_duplicate());
        let mut tx = database.write().await.unwrap();
        let key = signing_key("a", Stage::Next);
        let error = keys::insert_signing_key(&mut tx, &tenant, &key, at(9)).await.unwrap_err();
        assert!(error.is_duplicate());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stage_of_a_signing_key_that_cannot_be_is_refused() {
    on_both(|database| async move {
        settle(&database, "acme").await;
        let mut tx = database.write().await.unwrap();
        let sql = "INSERT INTO signing_keys (tenant, kid, stage, public_jwk, sealed_key, created_at) \
            VALUES ('acme', 'a', 'retired', '{}', $1, 0)";
        assert!(tx.execute(sql, vec![b"".as_slice().into()]).await.is_err());
        assert!(tx.row("SELECT kid FROM signing_keys", vec![]).await.is_err());
    })
    .await;
}
