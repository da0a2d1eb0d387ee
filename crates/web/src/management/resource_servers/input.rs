//! From a body to what is to become of a resource server.

use engine::change::Change;
use engine::resource_servers::ResourceServerChange;
use model::resource_server::SubjectTypeAuthorization;
use serde_json::{Map, Value};

use crate::management::error::ManagementError;
use crate::management::patch::Members;
use crate::management::shape::{self, Member, Shape};

const SECONDS: Shape = Shape::Integer { least: 0, most: 2_592_000 };

const ON_CREATE: &[Member] = &[Member::required("identifier", Shape::Text { least: 1, most: 600 })];

const SETTINGS: &[Member] = &[
    Member::new("name", Shape::Text { least: 0, most: 200 }),
    Member::new(
        "scopes",
        Shape::List {
            of: &Shape::Record(&[
                Member::required("value", Shape::Text { least: 1, most: 280 }),
                Member::nullable("description", Shape::Text { least: 0, most: 500 }),
            ]),
            most: 1000,
        },
    ),
    Member::new("signing_alg", Shape::Only(&["RS256"])),
    Member::new("allow_offline_access", Shape::Boolean),
    Member::new("skip_consent_for_verifiable_first_party_clients", Shape::Boolean),
    Member::new("token_lifetime", SECONDS),
    Member::new("token_lifetime_for_web", SECONDS),
    Member::new("token_dialect", Shape::Only(&["access_token", "rfc9068_profile"])),
    Member::nullable(
        "proof_of_possession",
        Shape::Record(&[
            Member::required("mechanism", Shape::OneOf(&["mtls", "dpop"])),
            Member::required("required", Shape::Boolean),
            Member::new("required_for", Shape::OneOf(&["public_clients", "all_clients"])),
        ]),
    ),
    Member::new(
        "subject_type_authorization",
        Shape::Record(&[
            Member::new(
                "user",
                Shape::Record(&[Member::required(
                    "policy",
                    Shape::OneOf(&["allow_all", "deny_all", "require_client_grant"]),
                )]),
            ),
            Member::new(
                "client",
                Shape::Record(&[Member::required(
                    "policy",
                    Shape::OneOf(&["deny_all", "require_client_grant"]),
                )]),
            ),
        ]),
    ),
];

/// What would protect an API and is not served: accepted only as what happens anyway.
const UNSERVED: &[Member] = &[
    Member::new("enforce_policies", Shape::Off),
    Member::new("allow_online_access", Shape::Off),
    Member::new("allow_online_access_with_ephemeral_sessions", Shape::Off),
    Member::nullable("token_encryption", Shape::Off),
    Member::nullable("consent_policy", Shape::Off),
    Member::nullable("authorization_details", Shape::Off),
    Member::nullable("authorization_policy", Shape::Off),
    // Tokens are signed with a key that can be published, or not at all.
    Member::nullable("signing_secret", Shape::Off),
];

/// Reads the body of a new resource server: its identifier, and the rest.
pub(super) fn read_new(body: Value) -> Result<(String, ResourceServerChange), ManagementError> {
    let mut members = Members::new(shape::check(body, &[ON_CREATE, SETTINGS, UNSERVED])?);
    let identifier: String = members.required("identifier")?;
    let mut change = read(members)?;
    if change.name.is_keep() {
        change.name = Change::Set(identifier.clone());
    }
    Ok((identifier, change))
}

/// Reads the body of a change.
pub(super) fn read_change(body: Value) -> Result<ResourceServerChange, ManagementError> {
    read(Members::new(shape::check_change(body, &[SETTINGS, UNSERVED])?))
}

fn read(mut members: Members) -> Result<ResourceServerChange, ManagementError> {
    Ok(ResourceServerChange {
        name: members.change("name")?,
        scopes: members.change("scopes")?,
        signing_alg: members.change("signing_alg")?,
        allow_offline_access: members.change("allow_offline_access")?,
        skip_consent_for_verifiable_first_party_clients: members
            .change("skip_consent_for_verifiable_first_party_clients")?,
        token_lifetime: members.change("token_lifetime")?,
        token_lifetime_for_web: members.change("token_lifetime_for_web")?,
        token_dialect: members.change("token_dialect")?,
        proof_of_possession: members.change("proof_of_possession")?,
        subject_type_authorization: members
            .change::<SubjectTypeAuthorization>("subject_type_authorization")?,
        kept: kept(members),
    })
}

/// What is switched off is not worth keeping, except the one switch that tools read back.
fn kept(members: Members) -> Map<String, Value> {
    let mut kept = members.rest();
    kept.retain(|name, value| name == "enforce_policies" || value.is_null());
    kept
}

#[cfg(test)]
mod tests {
    use model::resource_server::{ClientPolicy, UserPolicy};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_policy_that_is_not_said_is_the_ordinary_one() {
        let body = json!({"subject_type_authorization": {"client": {"policy": "deny_all"}}});
        let Change::Set(policies) = read_change(body).unwrap().subject_type_authorization else {
            panic!("not set")
        };
        assert_eq!(policies.client.policy, ClientPolicy::DenyAll);
        assert_eq!(policies.user.policy, UserPolicy::AllowAll);
    }

    #[test]
    fn what_is_not_served_is_refused_and_what_is_off_is_not() {
        for refused in [
            json!({"signing_alg": "HS256"}),
            json!({"signing_secret": "0123456789abcdef"}),
            json!({"enforce_policies": true}),
            json!({"token_dialect": "access_token_authz"}),
            json!({"authorization_details": [{"type": "payment"}]}),
            json!({"consent_policy": "transactional-authorization-with-mfa"}),
        ] {
            assert!(read_change(refused.clone()).is_err(), "{refused}");
        }
        let off = json!({
            "enforce_policies": false, "token_encryption": null, "authorization_details": null,
        });
        assert!(read_change(off).is_ok());
    }

    /// A120: what is not an administrator's to set cannot be added to a body.
    #[test]
    fn a120_members_of_ours_are_refused() {
        for name in ["id", "is_system", "client_id", "kept"] {
            assert!(read_change(json!({name: "x"})).is_err(), "{name}");
        }
        assert!(read_change(json!({"identifier": "https://api.example/"})).is_err());
    }
}
