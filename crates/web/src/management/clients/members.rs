//! The documented members of a client.

use serde_json::Value;

use crate::management::shape::{Member, Shape, TEXT, TEXTS};

const NAMES: Shape = Shape::List { of: &Shape::Text { least: 1, most: 2048 }, most: 100 };
const SECONDS: Shape = Shape::Integer { least: 0, most: 157_788_000 };
const LOGIN_PAGE: Shape = Shape::Text { least: 0, most: 200_000 };

/// What can be set when a client is made, and not later.
pub(super) const ON_CREATE: &[Member] = &[
    Member::required("name", Shape::Text { least: 1, most: 200 }),
    Member::new("resource_server_identifier", Shape::Text { least: 1, most: 600 }),
];

/// What can be set when a client is changed, and is required when it is made.
pub(super) const ON_UPDATE: &[Member] = &[Member::new("name", Shape::Text { least: 1, most: 200 })];

/// A public key as it is registered.
pub(super) const PUBLIC_KEY: &[Member] = &[
    Member::required("credential_type", Shape::OneOf(&["public_key"])),
    Member::required("pem", Shape::Text { least: 1, most: 16_384 }),
    Member::new("name", Shape::Text { least: 0, most: 128 }),
    Member::new("alg", Shape::OneOf(&["RS256", "RS384", "PS256", "ES256"])),
    Member::new("kid", Shape::Pattern { least: 10, most: 64, of: is_kid_char }),
    Member::new("expires_at", TEXT),
    Member::new("parse_expiry_from_cert", Shape::Boolean),
];

/// A name in certificates as it is registered.
pub(super) const SUBJECT_DN: &[Member] = &[
    Member::required("credential_type", Shape::OneOf(&["cert_subject_dn"])),
    Member::new("name", Shape::Text { least: 0, most: 128 }),
    Member::new("subject_dn", Shape::Text { least: 1, most: 256 }),
    Member::new("pem", CERTIFICATE_PEM),
];

/// A certificate as it is registered.
pub(super) const CERTIFICATE: &[Member] = &[
    Member::required("credential_type", Shape::OneOf(&["x509_cert"])),
    Member::new("name", Shape::Text { least: 0, most: 128 }),
    Member::required("pem", CERTIFICATE_PEM),
];

const CERTIFICATE_PEM: Shape = Shape::Text { least: 1, most: 4096 };

/// The members of a credential to be registered, by its kind.
pub(super) fn of_credential(body: &Value) -> &'static [Member] {
    match body["credential_type"].as_str() {
        Some("cert_subject_dn") => SUBJECT_DN,
        Some("x509_cert") => CERTIFICATE,
        Some(_) | None => PUBLIC_KEY,
    }
}

fn is_kid_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

/// What uses credentials, when a client is made: with the credentials themselves.
pub(super) const KEYS_ON_CREATE: &[Member] = &[
    Member::nullable("client_authentication_methods", Shape::Record(METHODS_ON_CREATE)),
    Member::nullable(
        "signed_request_object",
        Shape::Record(&[Member::new("required", Shape::Boolean), NEW_CREDENTIALS]),
    ),
    Member::nullable(
        "token_vault_privileged_access",
        Shape::Record(&[NEW_CREDENTIALS, IP_ALLOWLIST, GRANTS]),
    ),
];

const METHODS_ON_CREATE: &[Member] = &[
    Member::new("private_key_jwt", Shape::Record(&[NEW_CREDENTIALS])),
    Member::new("tls_client_auth", Shape::Record(&[list_of(&Shape::Record(SUBJECT_DN))])),
    Member::new(
        "self_signed_tls_client_auth",
        Shape::Record(&[list_of(&Shape::Record(CERTIFICATE))]),
    ),
];
const NEW_CREDENTIALS: Member = list_of(&Shape::Record(PUBLIC_KEY));

const fn list_of(of: &'static Shape) -> Member {
    Member::required("credentials", Shape::List { of, most: CREDENTIALS_MAX })
}

/// The same when a client is changed: with the ids of credentials that are registered.
pub(super) const KEYS_ON_UPDATE: &[Member] = &[
    Member::nullable("client_authentication_methods", Shape::Record(METHODS_ON_UPDATE)),
    Member::nullable(
        "signed_request_object",
        Shape::Record(&[
            Member::new("required", Shape::Boolean),
            Member::new("credentials", REGISTERED),
        ]),
    ),
    Member::nullable(
        "token_vault_privileged_access",
        Shape::Record(&[REGISTERED_CREDENTIALS, IP_ALLOWLIST, GRANTS]),
    ),
];

const METHODS_ON_UPDATE: &[Member] = &[
    Member::new("private_key_jwt", Shape::Record(&[REGISTERED_CREDENTIALS])),
    Member::new("tls_client_auth", Shape::Record(&[REGISTERED_CREDENTIALS])),
    Member::new("self_signed_tls_client_auth", Shape::Record(&[REGISTERED_CREDENTIALS])),
];
const REGISTERED_CREDENTIALS: Member = Member::required("credentials", REGISTERED);
const REGISTERED: Shape = Shape::List {
    of: &Shape::Record(&[Member::required("id", Shape::Text { least: 1, most: 100 })]),
    most: CREDENTIALS_MAX,
};

const CREDENTIALS_MAX: usize = 20;
const IP_ALLOWLIST: Member = Member::nullable("ip_allowlist", TEXTS);
const GRANTS: Member = Member::nullable(
    "grants",
    Shape::List {
        of: &Shape::Record(&[
            Member::required("connection", Shape::Text { least: 1, most: 128 }),
            Member::required("scopes", NAMES),
        ]),
        most: 100,
    },
);

/// What decides how the client is served.
pub(super) const SERVED: &[Member] = &[
    Member::nullable(
        "app_type",
        Shape::OneOf(&["native", "spa", "regular_web", "non_interactive", "resource_server"]),
    ),
    Member::new("is_first_party", Shape::Boolean),
    Member::new("oidc_conformant", Shape::Boolean),
    Member::new("callbacks", TEXTS),
    Member::new("allowed_origins", TEXTS),
    Member::new("web_origins", TEXTS),
    Member::new("allowed_logout_urls", TEXTS),
    Member::new("grant_types", NAMES),
    Member::nullable(
        "token_endpoint_auth_method",
        Shape::OneOf(&["none", "client_secret_post", "client_secret_basic"]),
    ),
    Member::new(
        "jwt_configuration",
        Shape::Record(&[
            Member::new("lifetime_in_seconds", SECONDS),
            Member::new("secret_encoded", Shape::Boolean),
            Member::new("scopes", Shape::Object),
            Member::new("alg", Shape::Only(&["RS256"])),
        ]),
    ),
    Member::nullable("refresh_token", Shape::Record(REFRESH_TOKEN)),
    Member::new("require_proof_of_possession", Shape::Boolean),
    Member::new("require_pushed_authorization_requests", Shape::Boolean),
    Member::nullable("par_request_expiry", Shape::Integer { least: 10, most: 600 }),
    Member::nullable("token_vault_policy", Shape::Object),
    Member::new("client_metadata", Shape::Object),
    Member::new("client_secret", Shape::Text { least: 1, most: 512 }),
];

const REFRESH_TOKEN: &[Member] = &[
    Member::required("rotation_type", Shape::OneOf(&["rotating", "non-rotating"])),
    Member::required("expiration_type", Shape::OneOf(&["expiring", "non-expiring"])),
    Member::new("leeway", SECONDS),
    Member::new("token_lifetime", SECONDS),
    Member::new("infinite_token_lifetime", Shape::Boolean),
    Member::new("idle_token_lifetime", SECONDS),
    Member::new("infinite_idle_token_lifetime", Shape::Boolean),
    Member::nullable(
        "policies",
        Shape::List {
            of: &Shape::Record(&[
                Member::required("audience", Shape::Text { least: 1, most: 600 }),
                Member::required("scope", NAMES),
            ]),
            most: 100,
        },
    ),
];

/// What changes nothing here: kept, and shown to whoever asks.
pub(super) const KEPT: &[Member] = &[
    Member::new("description", Shape::Text { least: 0, most: 140 }),
    Member::new("logo_uri", TEXT),
    Member::nullable("oidc_logout", Shape::Object),
    Member::nullable("oidc_backchannel_logout", Shape::Object),
    Member::nullable("session_transfer", Shape::Object),
    Member::new("client_aliases", NAMES),
    Member::new("allowed_clients", NAMES),
    Member::nullable("encryption_key", Shape::Object),
    Member::new("sso", Shape::Boolean),
    Member::new("sso_disabled", Shape::Boolean),
    Member::new("cross_origin_authentication", Shape::Boolean),
    Member::new("cross_origin_auth", Shape::Boolean),
    Member::nullable("cross_origin_loc", TEXT),
    Member::new("custom_login_page_on", Shape::Boolean),
    Member::new("custom_login_page", LOGIN_PAGE),
    Member::new("custom_login_page_preview", LOGIN_PAGE),
    Member::new("form_template", LOGIN_PAGE),
    Member::nullable("mobile", Shape::Object),
    Member::new("initiate_login_uri", TEXT),
    Member::nullable("native_social_login", Shape::Object),
    Member::nullable("fedcm_login", Shape::Object),
    Member::nullable("organization_require_behavior", TEXT),
    Member::nullable("organization_discovery_methods", NAMES),
    Member::new("is_token_endpoint_ip_header_trusted", Shape::Boolean),
    Member::nullable("skip_non_verifiable_callback_uri_confirmation_prompt", Shape::Boolean),
    Member::nullable("token_exchange", Shape::Object),
    Member::new("third_party_security_mode", TEXT),
    Member::new("redirection_policy", TEXT),
    Member::nullable("async_approval_notification_channels", NAMES),
];

/// What would protect somebody, or let somebody in, and is not served: accepted only as what happens
/// anyway.
pub(super) const UNSERVED: &[Member] = &[
    Member::nullable("compliance_level", Shape::Only(&["none"])),
    Member::nullable("organization_usage", Shape::Only(&["deny", "allow"])),
    Member::nullable("default_organization", Shape::Off),
    Member::nullable("token_quota", Shape::Off),
    Member::nullable(
        "identity_assertion_authorization_grant",
        Shape::Record(&[Member::new("active", Shape::Off)]),
    ),
    Member::nullable("express_configuration", Shape::Off),
    Member::nullable("my_organization_configuration", Shape::Off),
    // Secrets of other services stand in these, and would stand in the record in clear.
    Member::nullable("addons", Shape::Off),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::management::shape::Member;

    #[test]
    fn no_member_is_documented_twice_and_none_that_is_ours_to_set() {
        for (on, keys) in [(ON_CREATE, KEYS_ON_CREATE), (ON_UPDATE, KEYS_ON_UPDATE)] {
            let mut names = HashSet::new();
            for Member { name, .. } in [on, keys, SERVED, KEPT, UNSERVED].into_iter().flatten() {
                assert!(names.insert(*name), "{name}");
            }
            for ours in ["client_id", "tenant", "global", "signing_keys", "encrypted", "owners"] {
                assert!(!names.contains(ours), "{ours}");
            }
        }
    }
}
