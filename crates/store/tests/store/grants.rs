//! Families of refresh tokens.

use model::grant::GrantFamily;
use model::ids::TenantId;
use protocol::secret::{Hashed, kind};
use store::{Database, grants, users};

use crate::common::{at, on_both, winners};
use crate::samples::{family, hashed, settle, share, user};

type Token = Hashed<kind::RefreshToken>;

async fn add(database: &Database, tenant: &TenantId, family: &GrantFamily, token: &Token) {
    let mut tx = database.write().await.unwrap();
    grants::insert_family(&mut tx, tenant, family).await.unwrap();
    grants::insert_token(&mut tx, tenant, token, &family.id, 0, at(100)).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_comes_back_with_its_family() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let full = family("f1", "https://api.example/");
        let mut bare = GrantFamily {
            dpop_jkt: None,
            expires_at: None,
            revoked_at: Some(at(500)),
            latest_generation: 4,
            ..family("f2", "")
        };
        bare.authorization.audience = None;
        bare.authorization.scope = protocol::oauth::scope::ScopeSet::empty();
        for (family, token) in [(&full, "full"), (&bare, "bare")] {
            let token: Token = hashed(token);
            add(&database, &tenant, family, &token).await;
            let mut read = database.read().await.unwrap();
            let (found, record) = grants::find(&mut read, &tenant, &token).await.unwrap().unwrap();
            assert_eq!(&found, family);
            assert_eq!((record.generation, record.replaced_at), (0, None));
        }
        let mut read = database.read().await.unwrap();
        assert!(grants::find(&mut read, &tenant, &hashed("forged")).await.unwrap().is_none());

        let mut tx = database.write().await.unwrap();
        assert!(grants::insert_family(&mut tx, &tenant, &full).await.unwrap_err().is_duplicate());
        // Whoever was faster with the same token has the same family.
        let mut tx = database.write().await.unwrap();
        let token = hashed("full");
        grants::insert_token(&mut tx, &tenant, &token, &full.id, 7, at(1)).await.unwrap();
        let (_, record) = grants::find(&mut tx, &tenant, &token).await.unwrap().unwrap();
        assert_eq!(record.generation, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn generations_only_grow() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let token = hashed("0");
        add(&database, &tenant, &family("f1", ""), &token).await;
        let id = "f1".into();
        let mut tx = database.write().await.unwrap();
        for (generation, now, latest) in [(1, 200, 1), (3, 210, 3), (2, 220, 3), (3, 230, 3)] {
            assert!(grants::note_use(&mut tx, &tenant, &id, generation, at(now)).await.unwrap());
            let (found, _) = grants::find(&mut tx, &tenant, &token).await.unwrap().unwrap();
            assert_eq!((found.latest_generation, found.last_used_at), (latest, at(now)));
        }
        assert!(!grants::note_use(&mut tx, &tenant, &"f9".into(), 1, at(1)).await.unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_replaced_once() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let token = hashed("0");
        add(&database, &tenant, &family("f1", ""), &token).await;
        let mut tx = database.write().await.unwrap();
        assert!(!grants::replace_token(&mut tx, &tenant, &hashed("9"), at(300)).await.unwrap());
        assert!(grants::replace_token(&mut tx, &tenant, &token, at(300)).await.unwrap());
        assert!(!grants::replace_token(&mut tx, &tenant, &token, at(301)).await.unwrap());
        let (_, record) = grants::find(&mut tx, &tenant, &token).await.unwrap().unwrap();
        assert_eq!(record.replaced_at, Some(at(300)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_replaced_by_one_of_many() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let token: Token = hashed("0");
        add(&database, &tenant, &family("f1", ""), &token).await;
        let rotate = |number| {
            let (database, tenant) = (database.clone(), tenant.clone());
            async move {
                let mut tx = database.write().await.unwrap();
                if !grants::replace_token(&mut tx, &tenant, &token, at(300)).await.unwrap() {
                    return false;
                }
                let next = hashed(&format!("next {number}"));
                let id = "f1".into();
                grants::insert_token(&mut tx, &tenant, &next, &id, 1, at(300)).await.unwrap();
                assert!(grants::note_use(&mut tx, &tenant, &id, 1, at(300)).await.unwrap());
                tx.commit().await.unwrap();
                true
            }
        };
        assert_eq!(winners(rotate).await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_family_is_revoked_once_and_used_no_more() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let token = hashed("0");
        add(&database, &tenant, &family("f1", ""), &token).await;
        let id = "f1".into();
        let revoke = |number: usize| {
            let (database, tenant) = (database.clone(), tenant.clone());
            let now = at(400 + i64::try_from(number).unwrap());
            async move {
                let mut tx = database.write().await.unwrap();
                let won = grants::revoke_family(&mut tx, &tenant, &"f1".into(), now).await;
                tx.commit().await.unwrap();
                won.unwrap()
            }
        };
        assert_eq!(winners(revoke).await, 1);
        let mut tx = database.write().await.unwrap();
        assert!(!grants::note_use(&mut tx, &tenant, &id, 1, at(600)).await.unwrap());
        assert!(!grants::revoke_family(&mut tx, &tenant, &"f9".into(), at(1)).await.unwrap());
        let (found, _) = grants::find(&mut tx, &tenant, &token).await.unwrap().unwrap();
        assert!(found.revoked_at.is_some_and(|revoked_at| revoked_at < at(600)));
        assert_eq!(found.last_used_at, at(150));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn families_of_a_user_are_revoked_together_or_the_oldest_first() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let mut tx = database.write().await.unwrap();
        users::insert(&mut tx, &tenant, &user("u2", ""), &share(2)).await.unwrap();
        tx.commit().await.unwrap();
        for (id, used, owner) in
            [("f1", 100, "u1"), ("f2", 300, "u1"), ("f3", 200, "u1"), ("f4", 50, "u2")]
        {
            let mut family = GrantFamily { last_used_at: at(used), ..family(id, "") };
            family.authorization.user_id = owner.into();
            add(&database, &tenant, &family, &hashed(id)).await;
        }
        let (u1, c1) = ("u1".into(), "c1".into());
        let alive = async |tx: &mut store::WriteTx| {
            let mut alive = Vec::new();
            for id in ["f1", "f2", "f3", "f4"] {
                let (family, _) =
                    grants::find(tx, &"acme".into(), &hashed(id)).await.unwrap().unwrap();
                alive.extend(family.revoked_at.is_none().then_some(id));
            }
            alive
        };
        let mut tx = database.write().await.unwrap();
        let revoked = grants::revoke_oldest(&mut tx, &tenant, &u1, &"c9".into(), 0, at(900)).await;
        assert_eq!(revoked.unwrap(), 0);
        for (keep, revoked, left) in [
            (3, 0, &["f1", "f2", "f3", "f4"][..]),
            (2, 1, &["f2", "f3", "f4"]),
            (1, 1, &["f2", "f4"]),
        ] {
            let outcome = grants::revoke_oldest(&mut tx, &tenant, &u1, &c1, keep, at(900)).await;
            assert_eq!(outcome.unwrap(), revoked);
            assert_eq!(alive(&mut tx).await, left);
        }
        assert_eq!(grants::revoke_for_user(&mut tx, &tenant, &u1, at(900)).await.unwrap(), 1);
        assert_eq!(alive(&mut tx).await, ["f4"]);
    })
    .await;
}
