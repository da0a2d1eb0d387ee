//! People: users, their identities, passwords and sessions.

use model::ids::TenantId;
use model::user::User;
use protocol::secret::{Hashed, kind};
use store::{WriteTx, clients, connections, passwords, sessions, users};

use crate::common::{at, on_both, winners};
use crate::samples::{self, connection, hashed, identity, password, session, settle, share, user};

#[tokio::test(flavor = "multi_thread")]
async fn users_come_back_with_their_identities_in_order() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let mut tx = database.write().await.unwrap();
        connections::insert(&mut tx, &tenant, &connection("con_0", "social", ""), at(1))
            .await
            .unwrap();
        let linked = User {
            blocked: true,
            last_login: Some(at(30)),
            last_ip: Some("2001:db8::1".to_owned()),
            logins_count: 3,
            identities: vec![
                identity("con_1", "calendar", "7", "first"),
                identity("con_0", "social", "7", "second"),
            ],
            ..user("u2", "linked")
        };
        users::insert(&mut tx, &tenant, &linked, &share(2)).await.unwrap();
        let bare = User { identities: vec![], ..user("u0", "bare") };
        users::insert(&mut tx, &tenant, &bare, &share(3)).await.unwrap();
        tx.commit().await.unwrap();

        let mut read = database.read().await.unwrap();
        for expected in [&linked, &bare, &user("u1", "acme")] {
            let found = users::find(&mut read, &tenant, &expected.user_id).await.unwrap();
            assert_eq!(found.as_ref(), Some(expected));
        }
        for (connection_id, subject, expected) in
            [("con_0", "7", Some(&linked)), ("con_1", "7", Some(&linked)), ("con_0", "u1", None)]
        {
            let (connection_id, subject) = (connection_id.into(), subject.into());
            let found = users::find_by_identity(&mut read, &tenant, &connection_id, &subject).await;
            assert_eq!(found.unwrap().as_ref(), expected);
        }
        assert_eq!(users::find(&mut read, &tenant, &"nobody".into()).await.unwrap(), None);

        assert_eq!(users::count(&mut read, &tenant).await.unwrap(), 3);
        let page = users::page(&mut read, &tenant, 0, 10).await.unwrap();
        assert_eq!(page, [bare.clone(), user("u1", "acme"), linked.clone()]);
        let page = users::page(&mut read, &tenant, 2, 1).await.unwrap();
        assert_eq!(page, [linked]);
        assert!(users::page(&mut read, &tenant, 3, 10).await.unwrap().is_empty());
    })
    .await;
}

/// `u1` by `con_1` alone, `u2` by both connections, `u3` by `con_2` alone, `u4` by none.
async fn people_of_two_connections(tx: &mut WriteTx, tenant: &TenantId) {
    let second = connection("con_2", "second", "");
    connections::insert(tx, tenant, &second, at(1)).await.unwrap();
    let con_1 = |id| identity("con_1", "calendar", id, "");
    let con_2 = |id| identity("con_2", "second", id, "");
    for (id, identities) in [
        ("u2", vec![con_1("u2"), con_2("u2"), con_2("u2 again")]),
        ("u3", vec![con_2("u3")]),
        ("u4", vec![]),
    ] {
        let user = User { identities, ..user(id, "") };
        users::insert(tx, tenant, &user, &share(2)).await.unwrap();
    }
}

fn ids(users: &[User]) -> Vec<&str> {
    users.iter().map(|user| user.user_id.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_paged_by_connection_each_once() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let mut tx = database.write().await.unwrap();
        people_of_two_connections(&mut tx, &tenant).await;
        for (con, offset, limit, expected) in [
            ("con_1", 0, 10, &["u1", "u2"][..]),
            ("con_2", 0, 10, &["u2", "u3"]),
            ("con_2", 1, 1, &["u3"]),
            ("con_2", 2, 10, &[]),
            ("con_9", 0, 10, &[]),
        ] {
            let con = con.into();
            let page =
                users::page_for_connection(&mut tx, &tenant, &con, offset, limit).await.unwrap();
            assert_eq!(ids(&page), expected, "{con}");
            // All of them, not only the connection's.
            for user in page.iter().filter(|user| user.user_id.as_str() == "u2") {
                assert_eq!(user.identities.len(), 3);
            }
        }
        for (con, expected) in [("con_1", 2), ("con_2", 2), ("con_9", 0)] {
            let count = users::count_for_connection(&mut tx, &tenant, &con.into()).await;
            assert_eq!(count.unwrap(), expected, "{con}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_known_by_a_connection_alone_can_go_with_it() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let mut tx = database.write().await.unwrap();
        people_of_two_connections(&mut tx, &tenant).await;
        let own = session("s2", "u2", "second");
        sessions::insert(&mut tx, &tenant, &hashed("u2"), &own).await.unwrap();
        let con_2 = "con_2".into();
        let gone = users::delete_known_by_connection_alone(&mut tx, &tenant, &con_2).await;
        assert_eq!(gone.unwrap(), 1);
        let left = users::page(&mut tx, &tenant, 0, 10).await.unwrap();
        assert_eq!(ids(&left), ["u1", "u2", "u4"]);
        for (name, ended) in [("con_2", 0), ("second", 1), ("second", 0)] {
            let outcome = sessions::delete_for_connection(&mut tx, &tenant, name).await;
            assert_eq!(outcome.unwrap(), ended, "{name}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_found_by_normalized_address() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let mut twin = user("u2", "twin");
        twin.profile.email = user("u1", "").profile.email;
        let mut nameless = user("u3", "nameless");
        nameless.profile.email = None;
        let mut tx = database.write().await.unwrap();
        users::insert(&mut tx, &tenant, &twin, &share(2)).await.unwrap();
        users::insert(&mut tx, &tenant, &nameless, &share(2)).await.unwrap();
        for email in ["u1@example.test", " U1@EXAMPLE.TEST "] {
            let found = users::find_by_email(&mut tx, &tenant, email).await.unwrap();
            assert_eq!(found, [user("u1", "acme"), twin.clone()]);
        }
        for email in ["", "%", "u_@example.test"] {
            assert!(users::find_by_email(&mut tx, &tenant, email).await.unwrap().is_empty());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_and_a_login_undo_nothing_of_each_other() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let id = "u1".into();
        let mut tx = database.write().await.unwrap();
        let mut changed = users::find_for_update(&mut tx, &tenant, &id).await.unwrap().unwrap();
        changed.blocked = true;
        changed.profile.name = Some("Ada".to_owned());
        changed.updated_at = at(40);
        let login = users::note_login(&mut tx, &tenant, &id, Some("192.0.2.1"), at(50));
        assert_eq!(login.await.unwrap(), 1);
        assert_eq!(users::update(&mut tx, &tenant, &changed).await.unwrap(), 1);
        tx.commit().await.unwrap();

        changed.last_login = Some(at(50));
        changed.last_ip = Some("192.0.2.1".to_owned());
        changed.logins_count = 1;
        let mut read = database.read().await.unwrap();
        assert_eq!(users::find(&mut read, &tenant, &id).await.unwrap(), Some(changed));

        let mut tx = database.write().await.unwrap();
        let nobody = user("nobody", "");
        assert_eq!(users::update(&mut tx, &tenant, &nobody).await.unwrap(), 0);
        let found = users::find_for_update(&mut tx, &tenant, &nobody.user_id).await.unwrap();
        assert_eq!(found, None);
        let login = users::note_login(&mut tx, &tenant, &nobody.user_id, None, at(50));
        assert_eq!(login.await.unwrap(), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_belongs_to_one_user() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let thief = User { identities: user("u1", "").identities, ..user("u2", "") };
        for twin in [user("u1", ""), thief] {
            let mut tx = database.write().await.unwrap();
            let error = users::insert(&mut tx, &tenant, &twin, &share(2)).await.unwrap_err();
            assert!(error.is_duplicate());
        }
        let mut tx = database.write().await.unwrap();
        let renewed = identity("con_1", "calendar", "u1", "renewed");
        assert_eq!(users::update_identity(&mut tx, &tenant, &renewed).await.unwrap(), 1);
        let found = users::find(&mut tx, &tenant, &"u1".into()).await.unwrap().unwrap();
        assert_eq!(found.identities, [renewed]);
        let unknown = identity("con_1", "calendar", "nobody", "");
        assert_eq!(users::update_identity(&mut tx, &tenant, &unknown).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_share_of_a_user_goes_with_the_user() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let id = "u1".into();
        let mut tx = database.write().await.unwrap();
        let found = users::share(&mut tx, &tenant, &id).await.unwrap().unwrap();
        assert_eq!(found.as_bytes(), &[1; 32]);
        let standing = users::standing(&mut tx, &tenant, &id).await.unwrap().unwrap();
        assert_eq!((standing.blocked, standing.share.as_bytes()), (false, &[1; 32]));
        let blocked = User { blocked: true, ..user("u1", "") };
        users::update(&mut tx, &tenant, &blocked).await.unwrap();
        let standing = users::standing(&mut tx, &tenant, &id).await.unwrap().unwrap();
        assert_eq!((standing.blocked, standing.share.as_bytes()), (true, &[1; 32]));
        assert_eq!(standing.created_at, at(10));
        assert_eq!(users::delete(&mut tx, &tenant, &id).await.unwrap(), 1);
        assert_eq!(users::delete(&mut tx, &tenant, &id).await.unwrap(), 0);
        assert!(users::share(&mut tx, &tenant, &id).await.unwrap().is_none());
        assert!(users::standing(&mut tx, &tenant, &id).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_found_replaced_and_renamed() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let (con, u1, u2) = ("con_1".into(), "u1".into(), "u2".into());
        let mut tx = database.write().await.unwrap();
        users::insert(&mut tx, &tenant, &user("u2", ""), &share(2)).await.unwrap();
        for (identifier, owner, is_free) in
            [("ada@x.test", "u1", true), ("eve@x.test", "u2", true), ("ada@x.test", "u2", false)]
        {
            let record = password(owner, identifier);
            let inserted =
                passwords::insert(&mut tx, &tenant, &con, identifier, &record, at(1)).await;
            assert_eq!(inserted.unwrap(), is_free);
        }
        let found = passwords::find(&mut tx, &tenant, &con, "ada@x.test").await.unwrap().unwrap();
        assert_eq!((&found.user_id, found.hash.as_str()), (&u1, "$argon2id$ada@x.test"));

        assert_eq!(passwords::update(&mut tx, &tenant, &u1, "new", at(2)).await.unwrap(), 1);
        let found = passwords::find(&mut tx, &tenant, &con, "ada@x.test").await.unwrap().unwrap();
        assert_eq!(found.hash, "new");
        let found = passwords::find(&mut tx, &tenant, &con, "eve@x.test").await.unwrap().unwrap();
        assert_eq!(found.hash, "$argon2id$eve@x.test");

        assert!(!passwords::rename(&mut tx, &tenant, &u1, "eve@x.test").await.unwrap());
        assert!(passwords::rename(&mut tx, &tenant, &u1, "ada@x.test").await.unwrap());
        assert!(passwords::rename(&mut tx, &tenant, &u1, "lovelace@x.test").await.unwrap());
        assert!(!passwords::rename(&mut tx, &tenant, &"nobody".into(), "z@x.test").await.unwrap());
        assert!(passwords::find(&mut tx, &tenant, &con, "ada@x.test").await.unwrap().is_none());
        assert!(passwords::rename(&mut tx, &tenant, &u2, "ada@x.test").await.unwrap());
        let other = "con_2".into();
        let found = passwords::find(&mut tx, &tenant, &other, "ada@x.test").await.unwrap();
        assert!(found.is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_several_passwords_is_renamed_everywhere_or_nowhere() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let (con_1, con_2, u1) = ("con_1".into(), "con_2".into(), "u1".into());
        let mut tx = database.write().await.unwrap();
        let second = connection("con_2", "second", "");
        connections::insert(&mut tx, &tenant, &second, at(1)).await.unwrap();
        users::insert(&mut tx, &tenant, &user("u2", ""), &share(2)).await.unwrap();
        for (con, identifier, owner) in
            [(&con_1, "ada", "u1"), (&con_2, "ada", "u1"), (&con_2, "eve", "u2")]
        {
            let record = password(owner, "");
            passwords::insert(&mut tx, &tenant, con, identifier, &record, at(1)).await.unwrap();
        }
        assert!(!passwords::rename(&mut tx, &tenant, &u1, "eve").await.unwrap());
        assert!(passwords::find(&mut tx, &tenant, &con_1, "ada").await.unwrap().is_some());
        assert!(passwords::rename(&mut tx, &tenant, &u1, "lovelace").await.unwrap());
        for con in [&con_1, &con_2] {
            assert!(passwords::find(&mut tx, &tenant, con, "lovelace").await.unwrap().is_some());
            assert!(passwords::find(&mut tx, &tenant, con, "ada").await.unwrap().is_none());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identifier_is_taken_by_one_of_many() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let sign_up = |_| {
            let (database, tenant) = (database.clone(), tenant.clone());
            async move {
                let mut tx = database.write().await.unwrap();
                let (con, record) = ("con_1".into(), password("u1", ""));
                let won = passwords::insert(&mut tx, &tenant, &con, "ada", &record, at(1)).await;
                tx.commit().await.unwrap();
                won.unwrap()
            }
        };
        assert_eq!(winners(sign_up).await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_come_back_by_the_hash_of_their_cookie() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let cookie: Hashed<kind::SessionToken> = hashed("cookie");
        let other: Hashed<kind::SessionToken> = hashed("other");
        let expected = session("s1", "u1", "calendar");
        let mut tx = database.write().await.unwrap();
        sessions::insert(&mut tx, &tenant, &cookie, &expected).await.unwrap();
        sessions::insert(&mut tx, &tenant, &other, &session("s2", "u1", "")).await.unwrap();
        tx.commit().await.unwrap();

        let mut tx = database.write().await.unwrap();
        let found = sessions::find(&mut tx, &tenant, &cookie).await.unwrap();
        assert_eq!(found.as_ref(), Some(&expected));
        assert_eq!(sessions::find(&mut tx, &tenant, &hashed("forged")).await.unwrap(), None);
        assert_eq!(sessions::touch(&mut tx, &tenant, &expected.id, at(200)).await.unwrap(), 1);
        assert_eq!(sessions::touch(&mut tx, &tenant, &"s9".into(), at(200)).await.unwrap(), 0);
        let found = sessions::find(&mut tx, &tenant, &cookie).await.unwrap().unwrap();
        assert_eq!(found.last_seen_at, at(200));
        assert_eq!(sessions::delete(&mut tx, &tenant, &expected.id).await.unwrap(), 1);
        assert_eq!(sessions::delete(&mut tx, &tenant, &expected.id).await.unwrap(), 0);
        assert_eq!(sessions::find(&mut tx, &tenant, &cookie).await.unwrap(), None);
        assert_eq!(sessions::delete_for_user(&mut tx, &tenant, &"u2".into()).await.unwrap(), 0);
        assert_eq!(sessions::delete_for_user(&mut tx, &tenant, &"u1".into()).await.unwrap(), 1);
        assert_eq!(sessions::find(&mut tx, &tenant, &other).await.unwrap(), None);
        drop(tx);

        for (token, id) in [(cookie, "s3"), (hashed("third"), "s2")] {
            let mut tx = database.write().await.unwrap();
            let twin = session(id, "u1", "");
            let error = sessions::insert(&mut tx, &tenant, &token, &twin).await.unwrap_err();
            assert!(error.is_duplicate());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_of_a_user_goes_with_the_user() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let mut tx = database.write().await.unwrap();
        samples::everything_of_a_user(&mut tx, &tenant).await;
        tx.commit().await.unwrap();
        let mut tx = database.write().await.unwrap();
        assert_eq!(samples::left_of_a_user(&mut tx, &tenant).await, 7);
        assert_eq!(users::delete(&mut tx, &tenant, &"u1".into()).await.unwrap(), 1);
        assert_eq!(samples::left_of_a_user(&mut tx, &tenant).await, 0);
        assert!(clients::find(&mut tx, &tenant, &"c1".into()).await.unwrap().is_some());
        assert!(connections::find(&mut tx, &tenant, &"con_1".into()).await.unwrap().is_some());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_by_a_connection_goes_with_it() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let mut tx = database.write().await.unwrap();
        samples::everything_of_a_user(&mut tx, &tenant).await;
        assert_eq!(connections::delete(&mut tx, &tenant, &"con_1".into()).await.unwrap(), 1);
        tx.commit().await.unwrap();
        let mut tx = database.write().await.unwrap();
        // The session and the refresh token are of the user and the client, and stay.
        assert_eq!(samples::left_of_a_user(&mut tx, &tenant).await, 2);
        let found = users::find(&mut tx, &tenant, &"u1".into()).await.unwrap().unwrap();
        assert!(found.identities.is_empty());
        assert!(connections::clients(&mut tx, &tenant, &"con_1".into()).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_grants_of_a_client_go_with_it_and_the_tokens_of_people_stay() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let mut tx = database.write().await.unwrap();
        samples::everything_of_a_user(&mut tx, &tenant).await;
        assert_eq!(clients::delete(&mut tx, &tenant, &"c1".into()).await.unwrap(), 1);
        tx.commit().await.unwrap();
        let mut tx = database.write().await.unwrap();
        // Without the refresh token and the connect transaction.
        assert_eq!(samples::left_of_a_user(&mut tx, &tenant).await, 5);
        let account = store::connected_accounts::find(&mut tx, &tenant, &"cac_1".into()).await;
        assert!(account.unwrap().is_some());
    })
    .await;
}
