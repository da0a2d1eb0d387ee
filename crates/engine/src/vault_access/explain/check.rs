//! The checks of an exchange: their names, what they find, and what to do where one fails.

use protocol::oauth::exchange::{SubjectTokenType, VAULT_GRANT_TYPE};
use serde::Serialize;

use super::Question;
use crate::vault_access::ExchangeError;
use crate::vault_access::policy::PolicyError;
use crate::vault_access::privileged::PrivilegeError;

/// A check that an exchange has to pass, in the order in which they are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// The client exists.
    Client,
    /// It may use the grant.
    Grant,
    /// It belongs to the tenant's owner.
    FirstParty,
    /// It authenticates.
    Authentication,
    /// It follows OpenID Connect strictly.
    OidcConformant,
    /// It is privileged.
    PrivilegedAccess,
    /// It asks from an address that it may ask from.
    IpAllowlist,
    /// It asks at a time at which it may ask.
    Hours,
    /// It is the API that access tokens are for.
    ResourceServer,
    /// The subject token is good.
    SubjectToken,
    /// Its budgets are not used up.
    Budget,
    /// Its grants name the connection.
    GrantedConnection,
    /// Its grants name the scopes.
    GrantedScopes,
    /// The person exists.
    User,
    /// The person is not blocked.
    UserNotBlocked,
    /// The connection exists.
    Connection,
    /// The vault keeps tokens of it.
    ConnectedAccounts,
    /// It serves the client that the person gave the subject token to.
    EnabledClient,
    /// The person has connected such an account.
    ConnectedAccount,
    /// The account has the scopes.
    AccountScopes,
    /// The account has no more scopes than the client may have, or the provider gives tokens with fewer.
    NoBroaderToken,
    /// The tokenset can be used or renewed.
    Tokenset,
    /// The provider renews it when asked.
    Provider,
}

impl Check {
    pub(super) const ALL: [Self; 23] = [
        Self::Client,
        Self::Grant,
        Self::FirstParty,
        Self::Authentication,
        Self::OidcConformant,
        Self::PrivilegedAccess,
        Self::IpAllowlist,
        Self::Hours,
        Self::ResourceServer,
        Self::SubjectToken,
        Self::Budget,
        Self::GrantedConnection,
        Self::GrantedScopes,
        Self::User,
        Self::UserNotBlocked,
        Self::Connection,
        Self::ConnectedAccounts,
        Self::EnabledClient,
        Self::ConnectedAccount,
        Self::AccountScopes,
        Self::NoBroaderToken,
        Self::Tokenset,
        Self::Provider,
    ];

    /// The check that an error comes from; `None` if it is the database's or a key's.
    pub fn failed_by(error: &ExchangeError) -> Option<Self> {
        use model::client::VaultIneligible;
        Some(match error {
            ExchangeError::Ineligible(VaultIneligible::GrantNotEnabled) => Self::Grant,
            ExchangeError::Ineligible(VaultIneligible::ThirdParty) => Self::FirstParty,
            ExchangeError::Ineligible(VaultIneligible::Public) => Self::Authentication,
            ExchangeError::Ineligible(VaultIneligible::NotConformant) => Self::OidcConformant,
            ExchangeError::NotAResourceServer => Self::ResourceServer,
            ExchangeError::RefreshToken(_)
            | ExchangeError::AccessToken(_)
            | ExchangeError::NotAUser
            | ExchangeError::HolderGone
            | ExchangeError::HolderRefused(_)
            | ExchangeError::Privilege(PrivilegeError::Request(_) | PrivilegeError::Replayed) => {
                Self::SubjectToken
            }
            ExchangeError::Policy(PolicyError::Address { .. }) => Self::IpAllowlist,
            ExchangeError::Policy(PolicyError::Hours) => Self::Hours,
            ExchangeError::Policy(PolicyError::Connection) => Self::GrantedConnection,
            ExchangeError::Policy(PolicyError::Scopes { .. }) => Self::GrantedScopes,
            ExchangeError::Policy(PolicyError::Broader { .. }) => Self::NoBroaderToken,
            ExchangeError::Policy(PolicyError::Budget { .. }) => Self::Budget,
            ExchangeError::Privilege(PrivilegeError::NotPrivileged) => Self::PrivilegedAccess,
            ExchangeError::Privilege(
                PrivilegeError::NoRefreshToken | PrivilegeError::RefreshTokenRotates,
            )
            | ExchangeError::NotRenewable { .. } => Self::Tokenset,
            ExchangeError::UserGone => Self::User,
            ExchangeError::UserBlocked => Self::UserNotBlocked,
            ExchangeError::UnknownConnection => Self::Connection,
            ExchangeError::ConnectionInactive => Self::ConnectedAccounts,
            ExchangeError::ConnectionNotEnabled => Self::EnabledClient,
            ExchangeError::NotConnected => Self::ConnectedAccount,
            ExchangeError::ScopeNotGranted { .. } => Self::AccountScopes,
            ExchangeError::ProviderRefused { .. }
            | ExchangeError::ConnectionRejected(_)
            | ExchangeError::ProviderUnreachable { .. }
            | ExchangeError::UnknownProvider { .. }
            | ExchangeError::TooShort { .. } => Self::Provider,
            ExchangeError::NotRenewed(_) | ExchangeError::Tokenset(_) => return None,
        })
    }

    /// Whether an exchange of this kind makes the check at all.
    pub(super) fn belongs_to(self, kind: SubjectTokenType) -> bool {
        match self {
            Self::PrivilegedAccess => kind == SubjectTokenType::Jwt,
            Self::ResourceServer => kind == SubjectTokenType::AccessToken,
            _ => true,
        }
    }

    /// What it means that it passed.
    pub(super) fn passed(self) -> &'static str {
        match self {
            Self::Client => "the client exists",
            Self::Grant => "the client may use the Token Vault grant",
            Self::FirstParty => "the client is first-party",
            Self::Authentication => "the client authenticates",
            Self::OidcConformant => "the client is OIDC-conformant",
            Self::PrivilegedAccess => "the client has token_vault_privileged_access",
            Self::IpAllowlist => "the client may ask from this address",
            Self::Hours => "the client may ask at this time",
            Self::ResourceServer => "the client is linked to a resource server",
            Self::SubjectToken => "the subject token is good",
            Self::Budget => "the client has exchanges left",
            Self::GrantedConnection => "the client may have tokens of the connection",
            Self::GrantedScopes => "the client may have tokens with the scopes",
            Self::User => "the user exists",
            Self::UserNotBlocked => "the user is not blocked",
            Self::Connection => "the connection exists",
            Self::ConnectedAccounts => "the connection is enabled for connected accounts",
            Self::EnabledClient => "the connection is enabled for the client",
            Self::ConnectedAccount => "the user has connected an account",
            Self::AccountScopes => "the account has the scopes",
            Self::NoBroaderToken => "no token has more scopes than the client may have",
            Self::Tokenset => "the tokenset can be used or renewed",
            Self::Provider => "the provider need not be asked",
        }
    }

    /// What to do about a check that failed.
    pub(super) fn fix(self, question: &Question) -> String {
        let Question { client_id, user_id, connection, .. } = question;
        let client = format!("PATCH /api/v2/clients/{client_id}");
        match self {
            Self::Client => "Create the client, or correct its id.".to_owned(),
            Self::Grant => {
                format!("{client} with \"grant_types\" that include \"{VAULT_GRANT_TYPE}\".")
            }
            Self::FirstParty => format!("{client} {{\"is_first_party\": true}}, if it is yours."),
            Self::Authentication => format!(
                "{client} {{\"token_endpoint_auth_method\": \"client_secret_post\"}}, or let it \
                 authenticate by a key (client_authentication_methods)."
            ),
            Self::OidcConformant => format!("{client} {{\"oidc_conformant\": true}}."),
            Self::PrivilegedAccess => format!(
                "{client} with \"token_vault_privileged_access\", or exchange a token of the user."
            ),
            Self::IpAllowlist => format!(
                "Add the address to \"ip_allowlist\" by {client}. Behind a proxy, name the proxy by \
                 --trusted-proxy."
            ),
            Self::Hours => format!("Wait, or change \"token_vault_policy.hours\" by {client}."),
            Self::ResourceServer => "Make a client with \"app_type\": \"resource_server\" and the \
                 \"resource_server_identifier\" of the API that the access tokens are for."
                .to_owned(),
            Self::SubjectToken => {
                "Get a new token for the user; the client that it is given to must \
                 exist and may have tokens for the API (POST /api/v2/client-grants)."
                    .to_owned()
            }
            Self::Budget => format!("Wait, or raise \"token_vault_policy.budgets\" by {client}."),
            Self::GrantedConnection | Self::GrantedScopes => format!(
                "Add the connection {connection:?} and its scopes to \"grants\" by {client}."
            ),
            Self::User => {
                "Correct the user's id; it has a strategy and a bar, as in \"auth0|64f0…\"."
                    .to_owned()
            }
            Self::UserNotBlocked => {
                format!("PATCH /api/v2/users/{user_id} {{\"blocked\": false}}, if nobody minds.")
            }
            Self::Connection => {
                "Create the connection, or correct its name; case matters.".to_owned()
            }
            Self::ConnectedAccounts => "PATCH /api/v2/connections/{id} {\"connected_accounts\": \
                 {\"active\": true}}."
                .to_owned(),
            Self::EnabledClient => {
                let holder = question.holder.as_ref().unwrap_or(client_id);
                format!(
                    "PATCH /api/v2/connections/{{id}}/clients [{{\"client_id\": \"{holder}\", \
                     \"status\": true}}]."
                )
            }
            Self::ConnectedAccount => "Let the user connect an account (POST \
                 /me/v1/connected-accounts/connect), or correct the login_hint."
                .to_owned(),
            Self::AccountScopes => {
                "Let the user connect the account once more, with these scopes.".to_owned()
            }
            Self::NoBroaderToken => format!(
                "Add the scopes to \"grants\" by {client}, or let the user connect an account with \
                 fewer."
            ),
            Self::Tokenset => {
                "Let the user connect the account once more: the exchange's answer has a \
                 reconnect_uri."
                    .to_owned()
            }
            Self::Provider => {
                "See the log: the provider's answer is told there. A provider of a file of \
                 your own is known where --providers-dir names its folder."
                    .to_owned()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_have_the_order_of_their_declaration() {
        assert!(Check::ALL.is_sorted());
    }
}
