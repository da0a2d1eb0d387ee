//! The people who log in with a password.

use model::connection::Connection;
use model::ids::{ProviderSubject, UserId};
use model::user::{Identity, Profile, User, normalized_email};
use serde_json::Map;
use store::passwords::{self, StoredPassword};
use store::users;
use vault::seal::UserShare;

use super::{Person, Plot, SeedError, SeededPerson};

/// Makes the user, or gives the one that exists the password of the plan.
pub(super) async fn person(
    plot: &mut Plot<'_>,
    connection: &Connection,
    person: Person,
    hash: String,
) -> Result<SeededPerson, SeedError> {
    let Plot { app: _, tenant, keys: _, tx, now } = plot;
    let identifier = normalized_email(&person.email);
    let known = passwords::find(tx, &tenant.id, &connection.id, &identifier).await?;
    let user_id = match known {
        Some(StoredPassword { user_id, hash: _ }) => {
            passwords::update(tx, &tenant.id, &user_id, &hash, *now).await?;
            user_id
        }
        None => insert(plot, connection, &person, identifier, hash).await?,
    };
    Ok(SeededPerson { user_id, email: person.email, password: person.password })
}

async fn insert(
    plot: &mut Plot<'_>,
    connection: &Connection,
    person: &Person,
    identifier: String,
    hash: String,
) -> Result<UserId, SeedError> {
    let Plot { app, tenant, keys: _, tx, now } = plot;
    let subject: ProviderSubject = app.entropy.hex_id(24);
    let user_id = UserId::new(connection.user_id(subject.as_str()));
    let user = User {
        user_id: user_id.clone(),
        profile: Profile {
            email: Some(person.email.clone()),
            email_verified: true,
            name: Some(person.name.clone()),
            nickname: person.email.split('@').next().map(str::to_owned),
            ..Profile::default()
        },
        blocked: false,
        created_at: *now,
        updated_at: *now,
        last_login: None,
        last_ip: None,
        logins_count: 0,
        identities: vec![Identity {
            connection_id: connection.id.clone(),
            connection: connection.name.clone(),
            provider: connection.strategy.as_str().to_owned(),
            subject,
            profile_data: Map::new(),
        }],
    };
    users::insert(tx, &tenant.id, &user, &UserShare::new(app.entropy.bytes())).await?;
    let credential = StoredPassword { user_id: user_id.clone(), hash };
    passwords::insert(tx, &tenant.id, &connection.id, &identifier, &credential, *now).await?;
    Ok(user_id)
}
