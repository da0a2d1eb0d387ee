//! What a client's record cannot be.

use model::client::{
    AppType, AuthMethod, Client, ExpirationType, RefreshTokenPolicy, RegisteredGrant,
    VaultIneligible,
};
use model::exchange_policy::ConnectionGrant;
use protocol::oauth::redirect_uri::check_registrable;
use protocol::oauth::scope::Scope;
use store::{Query, resource_servers};
use url::Url;

use super::ClientError;
use crate::change::Change;
use crate::context::Context;
use crate::invalid::Invalid;
use crate::vault_access::knows_time_zone;

/// A list has no more entries.
const ENTRIES_MAX: usize = 100;
const NAME_CHARS_MAX: usize = 200;
/// Thirty days.
const ID_TOKEN_SECONDS_MAX: u32 = 2_592_000;
/// Five years, as Auth0 has it.
const REFRESH_TOKEN_SECONDS_MAX: u32 = 157_788_000;

/// Thirty days.
const BUDGET_SECONDS_MAX: u32 = 2_592_000;

/// Grants that Auth0 knows and that a client may register, though they are not served.
const UNSERVED_GRANTS: [&str; 13] = [
    "implicit",
    "password",
    "http://auth0.com/oauth/grant-type/password-realm",
    "http://auth0.com/oauth/grant-type/mfa-oob",
    "http://auth0.com/oauth/grant-type/mfa-otp",
    "http://auth0.com/oauth/grant-type/mfa-recovery-code",
    "http://auth0.com/oauth/grant-type/passwordless/otp",
    "urn:auth0:params:oauth:grant-type:passkey",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "urn:ietf:params:oauth:grant-type:saml2-bearer",
    "urn:ietf:params:oauth:grant-type:token-exchange",
    "urn:openid:params:grant-type:ciba",
];

/// Checks what the record says by itself.
pub(super) fn check(client: &Client) -> Result<(), Invalid> {
    check_name(&client.name)?;
    check_urls("callbacks", &client.callbacks)?;
    check_urls("allowed_logout_urls", &client.allowed_logout_urls)?;
    check_origins("allowed_origins", &client.allowed_origins)?;
    check_origins("web_origins", &client.web_origins)?;
    check_grants(client)?;
    check_resource_server_client(client)?;
    check_refresh_token(client)?;
    check_privileged_access(client)?;
    check_policy_limits(client)?;
    let id_token_lifetime = client.jwt_configuration.lifetime_in_seconds;
    if !(1..=ID_TOKEN_SECONDS_MAX).contains(&id_token_lifetime) {
        let why = format!("it is not between 1 and {ID_TOKEN_SECONDS_MAX}");
        return Err(Invalid::new("jwt_configuration.lifetime_in_seconds", why));
    }
    Ok(())
}

/// Checks that a client which authenticates by a key is not told to do so in another way as well.
pub(super) fn check_authentication(
    method: &Change<AuthMethod>,
    client: &Client,
) -> Result<(), Invalid> {
    match (method, &client.client_authentication_methods) {
        (_, Some(methods)) if methods.credentials().is_empty() => {
            let property = format!("client_authentication_methods.{}", methods.method());
            Err(Invalid::new(property, "the client could not authenticate without any credential"))
        }
        (Change::Set(_), Some(methods)) => {
            let why = format!("the client authenticates by {}, so it is null", methods.method());
            Err(Invalid::new("token_endpoint_auth_method", why))
        }
        (Change::Set(_) | Change::Keep | Change::Clear, _) => Ok(()),
    }
}

/// Checks what the record says of others: its API must exist, and be one of the tenant's own.
pub(super) async fn check_references(
    q: &mut impl Query,
    context: &Context,
    client: &Client,
) -> Result<(), ClientError> {
    let Some(identifier) = &client.resource_server_identifier else { return Ok(()) };
    let refused = |why| Err(Invalid::new("resource_server_identifier", why).into());
    match resource_servers::find_by_identifier(q, context.tenant_id(), identifier).await? {
        None => refused("the resource server does not exist"),
        // Its tokens open what belongs to people and tenants, and are for nobody to exchange.
        Some(server) if server.is_system => refused("a system API has no client of its own"),
        Some(_) => Ok(()),
    }
}

fn check_name(name: &str) -> Result<(), Invalid> {
    let refused = |why: &'static str| Err(Invalid::new("name", why));
    if name.trim().is_empty() {
        return refused("it is empty");
    }
    if name.chars().count() > NAME_CHARS_MAX {
        return refused("it is too long");
    }
    if name.contains(['<', '>']) { refused("it contains < or >") } else { Ok(()) }
}

fn check_count(property: &'static str, count: usize) -> Result<(), Invalid> {
    if count > ENTRIES_MAX {
        return Err(Invalid::new(property, format!("it has more than {ENTRIES_MAX} entries")));
    }
    Ok(())
}

fn check_urls(property: &'static str, entries: &[String]) -> Result<(), Invalid> {
    check_count(property, entries.len())?;
    for (position, entry) in entries.iter().enumerate() {
        check_registrable(entry)
            .map_err(|error| Invalid::new(format!("{property}[{position}]"), error.to_string()))?;
    }
    Ok(())
}

/// Origins are scheme, host and port; the port of this machine may be left open.
fn check_origins(property: &'static str, entries: &[String]) -> Result<(), Invalid> {
    check_count(property, entries.len())?;
    match entries.iter().position(|entry| !is_origin(entry)) {
        None => Ok(()),
        Some(position) => {
            let property = format!("{property}[{position}]");
            Err(Invalid::new(property, "it is not scheme://host[:port]"))
        }
    }
}

fn is_origin(entry: &str) -> bool {
    let fixed = ["http://localhost", "http://127.0.0.1", "http://[::1]"]
        .into_iter()
        .find(|host| entry.strip_suffix(":*") == Some(host));
    let Ok(url) = Url::parse(fixed.unwrap_or(entry)) else { return false };
    url.origin().is_tuple()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
        && !entry.contains("*.")
}

fn check_grants(client: &Client) -> Result<(), Invalid> {
    check_count("grant_types", client.grant_types.len())?;
    for (position, grant) in client.grant_types.iter().enumerate() {
        match grant {
            RegisteredGrant::Served(_) => {}
            RegisteredGrant::Other(name) if UNSERVED_GRANTS.contains(&name.as_str()) => {}
            RegisteredGrant::Other(name) => {
                let property = format!("grant_types[{position}]");
                return Err(Invalid::new(property, format!("no enum match for: {name:?}")));
            }
        }
    }
    match client.vault_exchange_allowed() {
        Ok(()) | Err(VaultIneligible::GrantNotEnabled) => Ok(()),
        Err(
            why @ (VaultIneligible::ThirdParty
            | VaultIneligible::Public
            | VaultIneligible::NotConformant),
        ) => {
            let why = format!("the Token Vault grant cannot be enabled: {why}");
            Err(Invalid::new("grant_types", why))
        }
    }
}

fn check_resource_server_client(client: &Client) -> Result<(), Invalid> {
    let is_resource_server = client.app_type == Some(AppType::ResourceServer);
    let refused = |why| Err(Invalid::new("resource_server_identifier", why));
    match &client.resource_server_identifier {
        None if is_resource_server => refused("a client of app_type resource_server needs one"),
        Some(_) if !is_resource_server => refused("it is only for app_type resource_server"),
        Some(_) if client.is_public() => {
            let why = "a client of app_type resource_server authenticates";
            Err(Invalid::new("token_endpoint_auth_method", why))
        }
        None | Some(_) => Ok(()),
    }
}

fn check_refresh_token(client: &Client) -> Result<(), Invalid> {
    let settings = &client.refresh_token;
    // A rotating token that never ends would be kept for ever by whoever stole the last one.
    if settings.rotates() && settings.expiration_type != ExpirationType::Expiring {
        let why = "rotating refresh tokens must be expiring";
        return Err(Invalid::new("refresh_token.expiration_type", why));
    }
    let lifetimes = [
        ("refresh_token.token_lifetime", settings.token_lifetime),
        ("refresh_token.idle_token_lifetime", settings.idle_token_lifetime),
    ];
    for (property, seconds) in lifetimes {
        if !(1..=REFRESH_TOKEN_SECONDS_MAX).contains(&seconds) {
            let why = format!("it is not between 1 and {REFRESH_TOKEN_SECONDS_MAX}");
            return Err(Invalid::new(property, why));
        }
    }
    if let (Some(absolute), Some(idle)) = (settings.absolute_lifetime(), settings.idle_lifetime())
        && idle > absolute
    {
        let why = "it is longer than token_lifetime";
        return Err(Invalid::new("refresh_token.idle_token_lifetime", why));
    }
    let policies = settings.policies.as_deref().unwrap_or_default();
    check_count("refresh_token.policies", policies.len())?;
    policies.iter().enumerate().try_for_each(|(position, policy)| check_policy(position, policy))
}

/// The limits are Auth0's.
fn check_privileged_access(client: &Client) -> Result<(), Invalid> {
    const RANGES_MAX: usize = 10;
    const GRANTS_MAX: usize = 5;
    const SCOPES_MAX: usize = 20;
    let Some(access) = &client.token_vault_privileged_access else { return Ok(()) };
    let refused = |member, most: usize| {
        let property = format!("token_vault_privileged_access.{member}");
        Err(Invalid::new(property, format!("it has more than {most} entries")))
    };
    if access.ip_allowlist.iter().flatten().count() > RANGES_MAX {
        return refused("ip_allowlist", RANGES_MAX);
    }
    if access.grants.iter().flatten().count() > GRANTS_MAX {
        return refused("grants", GRANTS_MAX);
    }
    if access.grants.iter().flatten().flat_map(|grant| &grant.scopes).count() > SCOPES_MAX {
        return refused("grants.scopes", SCOPES_MAX);
    }
    check_grants_of("token_vault_privileged_access", access.grants.as_deref())
}

/// Ours, and so with more room than Auth0's.
fn check_policy_limits(client: &Client) -> Result<(), Invalid> {
    let Some(policy) = &client.token_vault_policy else { return Ok(()) };
    check_count("token_vault_policy.ip_allowlist", policy.ip_allowlist.iter().flatten().count())?;
    check_count("token_vault_policy.grants", policy.grants.iter().flatten().count())?;
    check_count("token_vault_policy.hours", policy.hours.iter().flatten().count())?;
    check_grants_of("token_vault_policy", policy.grants.as_deref())?;
    for (position, hours) in policy.hours.iter().flatten().enumerate() {
        let refused = |member: &str, why: &'static str| {
            Err(Invalid::new(format!("token_vault_policy.hours[{position}].{member}"), why))
        };
        if let Some(zone) = &hours.time_zone
            && !knows_time_zone(zone)
        {
            return refused("time_zone", "it is not a zone of the IANA database");
        }
        if hours.from == hours.to {
            return refused("to", "it is the same as from; the whole day is 00:00 to 24:00");
        }
    }
    let budgets = policy.budgets.clone().unwrap_or_default();
    for (name, budget) in [("client", budgets.client), ("user", budgets.user)] {
        if budget.is_some_and(|budget| !(1..=BUDGET_SECONDS_MAX).contains(&budget.seconds)) {
            let why = format!("it is not between 1 and {BUDGET_SECONDS_MAX}");
            return Err(Invalid::new(format!("token_vault_policy.budgets.{name}.seconds"), why));
        }
    }
    Ok(())
}

fn check_grants_of(
    property: &'static str,
    grants: Option<&[ConnectionGrant]>,
) -> Result<(), Invalid> {
    for (position, grant) in grants.unwrap_or_default().iter().enumerate() {
        for scope in &grant.scopes {
            Scope::parse(scope).map_err(|error| {
                Invalid::new(format!("{property}.grants[{position}].scopes"), error.to_string())
            })?;
        }
    }
    Ok(())
}

fn check_policy(position: usize, policy: &RefreshTokenPolicy) -> Result<(), Invalid> {
    let path = |member| format!("refresh_token.policies[{position}].{member}");
    if policy.audience.is_empty() {
        return Err(Invalid::new(path("audience"), "it is empty"));
    }
    check_count("refresh_token.policies", policy.scope.len())?;
    for scope in &policy.scope {
        Scope::parse(scope).map_err(|error| Invalid::new(path("scope"), error.to_string()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use model::client::{RefreshTokenSettings, RotationType};
    use protocol::oauth::token::GrantType;

    use super::*;
    use crate::clients::change::{ClientChange, initial};

    fn client() -> Client {
        let name = Change::Set("Calendar".to_owned());
        initial("c".into(), ClientChange { name, ..ClientChange::default() })
    }

    fn property(change: impl FnOnce(&mut Client)) -> Option<String> {
        let mut client = client();
        change(&mut client);
        check(&client).err().map(|invalid| invalid.property.into_owned())
    }

    #[test]
    fn a_record_is_refused_for_the_member_that_is_wrong() {
        let check = |change: fn(&mut Client), expected: Option<&str>| {
            assert_eq!(property(change).as_deref(), expected);
        };
        check(|_| {}, None);
        check(|c| c.name.clear(), Some("name"));
        check(|c| c.name = "<script>".to_owned(), Some("name"));
        check(|c| c.callbacks = vec!["javascript:alert(1)".to_owned()], Some("callbacks[0]"));
        check(|c| c.callbacks = vec!["https://a.example/#x".to_owned()], Some("callbacks[0]"));
        check(|c| c.allowed_logout_urls = vec!["/".to_owned()], Some("allowed_logout_urls[0]"));
        check(|c| c.grant_types.push(RegisteredGrant::Other("x".into())), Some("grant_types[4]"));
        check(
            |c| c.jwt_configuration.lifetime_in_seconds = 0,
            Some("jwt_configuration.lifetime_in_seconds"),
        );
        check(
            |c| c.resource_server_identifier = Some("https://api.example/".to_owned()),
            Some("resource_server_identifier"),
        );
        check(|c| c.app_type = Some(AppType::ResourceServer), Some("resource_server_identifier"));
        check(
            |c| c.refresh_token.rotation_type = RotationType::Rotating,
            Some("refresh_token.expiration_type"),
        );
    }

    #[test]
    fn the_vault_grant_is_for_those_whom_the_exchange_serves() {
        let vault = RegisteredGrant::Served(GrantType::VaultExchange);
        let check = |change: fn(&mut Client), expected: Option<&str>| {
            let refused = property(|client| {
                client.grant_types.push(vault.clone());
                change(client);
            });
            assert_eq!(refused.as_deref(), expected);
        };
        check(|_| {}, None);
        check(|c| c.is_first_party = false, Some("grant_types"));
        check(|c| c.oidc_conformant = false, Some("grant_types"));
        check(|c| c.token_endpoint_auth_method = AuthMethod::None, Some("grant_types"));
    }

    #[test]
    fn lifetimes_of_refresh_tokens_fit_each_other() {
        let check = |settings: RefreshTokenSettings, expected: Option<&str>| {
            let refused = property(|client| client.refresh_token = settings);
            assert_eq!(refused.as_deref(), expected);
        };
        let ending = super::super::ending_refresh_tokens;
        check(ending(), None);
        let idle = "refresh_token.idle_token_lifetime";
        check(RefreshTokenSettings { token_lifetime: 60, ..ending() }, Some(idle));
        check(RefreshTokenSettings { idle_token_lifetime: 0, ..ending() }, Some(idle));
    }

    #[test]
    fn origins_have_no_path_and_one_open_port() {
        for (entry, expected) in [
            ("https://app.example", true),
            ("https://app.example/", true),
            ("https://app.example:8443", true),
            ("http://localhost:*", true),
            ("http://[::1]:*", true),
            ("https://app.example:*", false),
            ("https://*.example", false),
            ("https://app.example/path", false),
            ("https://user@app.example", false),
            ("app.example", false),
            ("null", false),
            ("*", false),
        ] {
            assert_eq!(is_origin(entry), expected, "{entry}");
        }
    }
}
