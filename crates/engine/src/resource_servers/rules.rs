//! What a resource server's record cannot be, and what may be tuned of a system API.

use std::collections::HashSet;

use model::resource_server::{
    ProofMechanism, ProofOfPossession, ProofRequiredFor, ResourceServer, SystemApi,
};
use protocol::oauth::scope::{SCOPES_MAX, Scope};

use super::ResourceServerError;
use crate::context::Context;
use crate::invalid::Invalid;

const NAME_CHARS_MAX: usize = 200;
const IDENTIFIER_BYTES_MAX: usize = 600;
const DESCRIPTION_CHARS_MAX: usize = 500;
/// Thirty days.
const TOKEN_SECONDS_MAX: u32 = 2_592_000;

/// What an operator may change of any system API.
const TUNABLE: [&str; 4] = [
    "allow_offline_access",
    "skip_consent_for_verifiable_first_party_clients",
    "token_lifetime",
    "token_lifetime_for_web",
];
/// What an operator may change of the My Account API beyond that.
const TUNABLE_OF_MY_ACCOUNT: [&str; 2] = ["proof_of_possession", "subject_type_authorization"];

/// Checks the identifier of a new resource server.
///
/// Below the tenant's own base URLs every audience is ours: a token for an API that was registered
/// there could be taken for one of `/userinfo` or of a system API to come.
pub(super) fn check_identifier(context: &Context, identifier: &str) -> Result<(), Invalid> {
    let refused = |why: &'static str| Err(Invalid::new("identifier", why));
    if identifier.trim().is_empty() {
        return refused("it is empty");
    }
    if identifier.len() > IDENTIFIER_BYTES_MAX {
        return refused("it is too long");
    }
    if identifier.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return refused("it contains white space or control characters");
    }
    let is_system = context.tenant.system_api(identifier).is_some();
    let bases = &context.tenant.base_urls;
    let is_ours = bases.iter().any(|base| identifier.starts_with(base.issuer()));
    if is_ours && !is_system { refused("it is below a base URL of the tenant") } else { Ok(()) }
}

/// Checks what the record says.
pub(super) fn check(server: &ResourceServer) -> Result<(), Invalid> {
    if server.name.chars().count() > NAME_CHARS_MAX {
        return Err(Invalid::new("name", "it is too long"));
    }
    if server.name.contains(['<', '>']) {
        return Err(Invalid::new("name", "it contains < or >"));
    }
    let lifetimes = [
        ("token_lifetime", server.token_lifetime),
        ("token_lifetime_for_web", server.token_lifetime_for_web),
    ];
    for (property, seconds) in lifetimes {
        if seconds > TOKEN_SECONDS_MAX {
            return Err(Invalid::new(property, format!("it is more than {TOKEN_SECONDS_MAX}")));
        }
    }
    if let Some(ProofOfPossession {
        mechanism: ProofMechanism::Mtls,
        required_for: ProofRequiredFor::PublicClients,
        required: _,
    }) = server.proof_of_possession
    {
        let why = "public clients have no certificates";
        return Err(Invalid::new("proof_of_possession.required_for", why));
    }
    check_scopes(server)
}

fn check_scopes(server: &ResourceServer) -> Result<(), Invalid> {
    if server.scopes.len() > SCOPES_MAX {
        let why = format!("it has more than {SCOPES_MAX} entries");
        return Err(Invalid::new("scopes", why));
    }
    let mut seen = HashSet::new();
    for (position, permission) in server.scopes.iter().enumerate() {
        let path = |member| format!("scopes[{position}].{member}");
        Scope::parse(&permission.value)
            .map_err(|error| Invalid::new(path("value"), error.to_string()))?;
        if !seen.insert(&permission.value) {
            return Err(Invalid::new(path("value"), "it is there twice"));
        }
        let description = permission.description.as_deref().unwrap_or_default();
        if description.chars().count() > DESCRIPTION_CHARS_MAX {
            return Err(Invalid::new(path("description"), "it is too long"));
        }
    }
    Ok(())
}

/// Which members of a system API may change at all.
pub(super) fn check_system_change(
    context: &Context,
    server: &ResourceServer,
    changed: &[String],
) -> Result<(), ResourceServerError> {
    let is_tunable = |name: &str| {
        TUNABLE.contains(&name)
            || match context.tenant.system_api(&server.identifier) {
                Some(SystemApi::MyAccount) => TUNABLE_OF_MY_ACCOUNT.contains(&name),
                // Tokens of people for the Management API would make every person a tenant's master.
                Some(SystemApi::Management) | None => false,
            }
    };
    let members = TUNABLE.into_iter().chain(TUNABLE_OF_MY_ACCOUNT);
    match changed.iter().find(|name| !is_tunable(name)) {
        None => Ok(()),
        Some(name) => {
            let known = members.into_iter().find(|member| member == name);
            Err(ResourceServerError::System(known.unwrap_or("this member")))
        }
    }
}

/// What the result must still be: nobody but a person has an account.
pub(super) fn check_system_result(
    context: &Context,
    before: &ResourceServer,
    after: &ResourceServer,
) -> Result<(), ResourceServerError> {
    match context.tenant.system_api(&after.identifier) {
        Some(SystemApi::MyAccount)
            if before.subject_type_authorization.client
                != after.subject_type_authorization.client =>
        {
            Err(ResourceServerError::System("subject_type_authorization.client"))
        }
        Some(SystemApi::MyAccount | SystemApi::Management) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::resource_server::{ClientPolicy, Permission, UserPolicy};
    use model::tenant::{BaseUrl, Tenant, TenantSettings};

    use super::*;
    use crate::resource_servers::change::initial;

    fn context() -> Context {
        let base = BaseUrl::parse("https://acme.example").unwrap();
        let tenant = Tenant {
            id: "acme".into(),
            base_urls: vec![base.clone()],
            settings: TenantSettings::default(),
        };
        Context { tenant: Arc::new(tenant), base, ip: None, certificate: None, user_agent: None }
    }

    #[test]
    fn audiences_below_the_base_url_are_ours() {
        for (identifier, expected) in [
            ("https://api.example/", true),
            ("urn:calendar", true),
            // Taken, which the database says.
            ("https://acme.example/api/v2/", true),
            ("https://acme.example/userinfo", false),
            ("https://acme.example/", false),
            ("", false),
            ("a b", false),
        ] {
            let checked = check_identifier(&context(), identifier);
            assert_eq!(checked.is_ok(), expected, "{identifier}");
        }
    }

    #[test]
    fn scopes_are_tokens_and_there_once() {
        let check = |values: &[&str], expected: Option<&str>| {
            let mut server = initial("r".into(), "urn:calendar".to_owned());
            server.scopes = values
                .iter()
                .map(|value| Permission { value: (*value).to_owned(), description: None })
                .collect();
            let refused = check(&server).err().map(|invalid| invalid.property.into_owned());
            assert_eq!(refused.as_deref(), expected, "{values:?}");
        };
        check(&["read:calendar", "write:calendar"], None);
        check(&["read calendar"], Some("scopes[0].value"));
        check(&["a", ""], Some("scopes[1].value"));
        check(&["a", "a"], Some("scopes[1].value"));
    }

    #[test]
    fn system_apis_are_tuned_and_not_remade() {
        let check = |identifier: &str, member: &str, expected: bool| {
            let server = initial("r".into(), identifier.to_owned());
            let checked = check_system_change(&context(), &server, &[member.to_owned()]);
            assert_eq!(checked.is_ok(), expected, "{identifier} {member}");
        };
        let (management, account) = ("https://acme.example/api/v2/", "https://acme.example/me/");
        check(management, "token_lifetime", true);
        check(management, "scopes", false);
        check(management, "name", false);
        check(management, "subject_type_authorization", false);
        check(account, "subject_type_authorization", true);
        check(account, "proof_of_possession", true);
        check(account, "scopes", false);
    }

    #[test]
    fn clients_by_themselves_never_get_tokens_for_my_account() {
        let mut before = initial("r".into(), "https://acme.example/me/".to_owned());
        before.subject_type_authorization.client.policy = ClientPolicy::DenyAll;
        let mut after = before.clone();
        after.subject_type_authorization.user.policy = UserPolicy::AllowAll;
        assert!(check_system_result(&context(), &before, &after).is_ok());
        after.subject_type_authorization.client.policy = ClientPolicy::RequireClientGrant;
        assert!(check_system_result(&context(), &before, &after).is_err());
    }
}
