//! Whose account it is here.

use connectors::ProviderAccount;
use model::connection::Connection;
use model::ids::{ProviderSubject, UserId};
use model::user::{Identity, Profile, User};
use protocol::time::Timestamp;
use store::{StoreError, WriteTx, users};
use vault::seal::UserShare;

use crate::app::App;
use crate::context::Context;
use crate::provider_journey::Arrival;

/// The user with the identity that arrived, brought up to date; or a new one. `None` if the id that
/// a new one would have is taken by a user of another connection: the same subject there need not
/// be the same person here.
pub(super) async fn find_or_create(
    app: &App,
    tx: &mut WriteTx,
    context: &Context,
    arrival: &Arrival,
    now: Timestamp,
) -> Result<Option<User>, StoreError> {
    let Arrival { connection, account, .. } = arrival;
    let tenant = context.tenant_id();
    let subject = ProviderSubject::new(&account.subject);
    if let Some(user) = users::find_by_identity(tx, tenant, &connection.id, &subject).await? {
        return update(tx, context, &user.user_id, connection, account, now).await.map(Some);
    }
    let user_id = UserId::new(connection.user_id(&account.subject));
    if let Some(found) = users::find(tx, tenant, &user_id).await? {
        // Another first login may have made this very user between the two look-ups.
        let is_same = found
            .identities
            .iter()
            .any(|identity| identity.connection_id == connection.id && identity.subject == subject);
        return if is_same {
            update(tx, context, &user_id, connection, account, now).await.map(Some)
        } else {
            Ok(None)
        };
    }
    let user = new_user(user_id, connection, subject, account, now);
    users::insert(tx, tenant, &user, &UserShare::new(app.entropy.bytes())).await?;
    Ok(Some(user))
}

/// Takes over what the provider says now. The profile is the first identity's; what the person or
/// the operator wrote beside it stays.
async fn update(
    tx: &mut WriteTx,
    context: &Context,
    user_id: &UserId,
    connection: &Connection,
    account: &ProviderAccount,
    now: Timestamp,
) -> Result<User, StoreError> {
    let tenant = context.tenant_id();
    let found = users::find_for_update(tx, tenant, user_id).await?;
    let reason = "its user was deleted in the same moment";
    let mut user = found.ok_or(StoreError::Inconsistent { column: "user_id", reason })?;
    let is_first =
        user.identities.first().is_some_and(|first| first.connection_id == connection.id);
    for identity in &mut user.identities {
        if identity.connection_id == connection.id && identity.subject.as_str() == account.subject {
            identity.profile_data = account.profile.clone();
            users::update_identity(tx, tenant, identity).await?;
        }
    }
    let profile = if is_first { profile_of(account, &user.profile) } else { user.profile.clone() };
    if profile != user.profile {
        user.profile = profile;
        user.updated_at = now;
        users::update(tx, tenant, &user).await?;
    }
    Ok(user)
}

fn new_user(
    user_id: UserId,
    connection: &Connection,
    subject: ProviderSubject,
    account: &ProviderAccount,
    now: Timestamp,
) -> User {
    User {
        user_id,
        profile: profile_of(account, &Profile::default()),
        blocked: false,
        created_at: now,
        updated_at: now,
        last_login: None,
        last_ip: None,
        logins_count: 0,
        identities: vec![Identity {
            connection_id: connection.id.clone(),
            connection: connection.name.clone(),
            provider: connection.strategy.as_str().to_owned(),
            subject,
            profile_data: account.profile.clone(),
        }],
    }
}

/// What the provider says of a person, beside what only we know.
fn profile_of(account: &ProviderAccount, known: &Profile) -> Profile {
    Profile {
        email: account.email.clone(),
        email_verified: account.email_verified,
        name: account.name.clone(),
        given_name: account.given_name.clone(),
        family_name: account.family_name.clone(),
        nickname: account.nickname.clone(),
        picture: account.picture.clone(),
        ..known.clone()
    }
}
