//! Rotates the keys that sign our tokens, with overlap: 1. the next key, published long ago, begins to
//! sign; 2. the one that signed stays published, so that what it signed is still verified; 3. a new
//! next one is published; 4. what nobody can hold a valid token of any more is removed.

use std::time::Duration;

use model::ids::TenantId;
use protocol::time::Timestamp;
use serde_json::json;
use store::StoreError;
use store::keys::{self, Stage};
use store::resealing;
use vault::keyring::Purpose;

use super::note;
use crate::app::App;
use crate::keys::{KeyError, fresh_signing_key, sealed_signing_key};

/// A key is published for so long before it signs: verifiers keep what they were told for 15 seconds,
/// and nodes find out within one.
pub const PUBLISHED_BEFORE: Duration = Duration::from_mins(1);
/// Nothing that we sign is valid for longer: the limit of the lifetimes of access and ID tokens.
const VALID_AT_MOST: Duration = Duration::from_hours(30 * 24);

/// What rotating the signing keys of all tenants came to.
#[derive(Debug, Default)]
pub struct SigningRotation {
    /// Tenants that sign with what was their next key.
    pub rotated: Vec<TenantId>,
    /// Tenants whose next key verifiers may not know yet; nothing was changed for them.
    pub too_early: Vec<TenantId>,
}

/// Lets every tenant sign with its next key, and gives it another next one.
///
/// # Errors
/// If the database or a key fails.
pub async fn rotate_signing(app: &App, now: Timestamp) -> Result<SigningRotation, KeyError> {
    let mut done = SigningRotation::default();
    for tenant in resealing::tenants(&mut app.store.read().await?).await? {
        if rotate_tenant(app, &tenant, now).await? {
            done.rotated.push(tenant);
        } else {
            done.too_early.push(tenant);
        }
    }
    Ok(done)
}

/// Answers `false` if it is too early, also because somebody else has just done it.
async fn rotate_tenant(app: &App, tenant: &TenantId, now: Timestamp) -> Result<bool, KeyError> {
    let stages = keys::signing_stages(&mut app.store.read().await?, tenant).await?;
    let of = |wanted| stages.iter().find(|(_, stage, _)| *stage == wanted);
    let (Some((current, ..)), Some((next, _, published))) = (of(Stage::Current), of(Stage::Next))
    else {
        let purpose = Purpose::SigningKeys.as_str();
        return Err(KeyError::Missing { tenant: tenant.clone(), purpose });
    };
    if now.since(*published) < PUBLISHED_BEFORE {
        return Ok(false);
    }
    let pkcs8 = fresh_signing_key().await?;
    let tenant_keys = app.tenant_keys(tenant, now).await?;
    let opener = tenant_keys.newest(Purpose::SigningKeys)?;
    let fresh = sealed_signing_key(tenant, opener, Stage::Next, &pkcs8, &*app.entropy)?;

    let mut tx = app.store.write().await?;
    let ended =
        keys::move_signing_key(&mut tx, tenant, current, Stage::Current, Stage::Previous).await?;
    let begun = keys::move_signing_key(&mut tx, tenant, next, Stage::Next, Stage::Current).await?;
    if !(ended && begun) {
        return Ok(false);
    }
    keys::insert_signing_key(&mut tx, tenant, &fresh, now).await?;
    let outlived: Vec<_> = outlived(&stages, now).collect();
    for kid in &outlived {
        keys::remove_signing_key(&mut tx, tenant, kid).await?;
    }
    let details = json!({
        "kid": next, "former_kid": current, "next_kid": fresh.kid, "removed_kids": outlived,
    });
    note(app, &mut tx, tenant, "Rotate the signing key", details, now).await?;
    tx.commit().await.map(|()| true).map_err(|error: StoreError| error.into())
}

/// Previous keys that nobody can hold a valid token of. Each rotation makes one key, so the third
/// after a key was made no earlier than it ended: the first two of a tenant are made at one time, and
/// either may be taken for the older.
fn outlived(stages: &[(String, Stage, Timestamp)], now: Timestamp) -> impl Iterator<Item = &str> {
    stages.iter().zip(stages.iter().skip(3)).filter_map(move |((kid, stage, _), (.., ended))| {
        let is_over = *stage == Stage::Previous && now.since(*ended) > VALID_AT_MOST;
        is_over.then_some(kid.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stays_published_for_as_long_as_what_it_signed_may_be_valid() {
        let day = |number: i64| Timestamp::from_seconds(number * 24 * 3600);
        let key = |kid: &str, stage, at| (kid.to_owned(), stage, day(at));
        let stages = [
            key("a", Stage::Previous, 0),
            key("b", Stage::Previous, 0),
            key("c", Stage::Previous, 10),
            key("d", Stage::Current, 20),
            key("e", Stage::Next, 30),
        ];
        let check = |now, expected: &[&str]| {
            assert_eq!(outlived(&stages, day(now)).collect::<Vec<_>>(), expected, "day {now}");
        };
        check(49, &[]);
        check(50, &[]);
        check(51, &["a"]);
        check(60, &["a"]);
        check(61, &["a", "b"]);
        check(10_000, &["a", "b"]);
    }
}
