//! Why a client gets a person's token, or does not: the decision, check by check.
//!
//! The checks are those of an exchange, by the same lines. What only a real request brings is supposed
//! to be good, and said to be supposed: the client's credentials and the subject token.

use std::net::IpAddr;

use connectors::Catalogue;
use model::client::{AppType, Client};
use model::ids::{ClientId, UserId};
use protocol::oauth::exchange::{SubjectTokenType, VAULT_GRANT_TYPE};
use protocol::oauth::scope::ScopeSet;
use protocol::time::Timestamp;
use serde::Serialize;
use store::{Database, Query, StoreError, clients};
use vault::refresh::{Refusal, Step};

use super::permit::{Bearer, ExchangePermit, From, Wanted, api_of, holder, may_ask, permit};
use super::policy::{self, PolicyError};
use super::privileged::PrivilegeError;
use super::{ExchangeError, step};
use crate::access::AccessError;
use crate::context::Context;
use crate::keys::KeyError;
use crate::tokensets::TokensetError;

/// What is to be explained.
#[derive(Clone, Debug)]
pub struct Question {
    /// The client that would ask.
    pub client_id: ClientId,
    /// The person.
    pub user_id: UserId,
    /// The connection's name.
    pub connection: String,
    /// Which of several accounts.
    pub login_hint: Option<String>,
    /// With which scopes.
    pub scope: Option<ScopeSet>,
    /// With which subject token; `None` is the kind that the client is made for.
    pub subject_token_type: Option<SubjectTokenType>,
    /// To which client the person gave the access token; the client itself if none is named.
    pub holder: Option<ClientId>,
    /// From where.
    pub address: Option<IpAddr>,
}

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

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It passed.
    Passed,
    /// It failed; nothing after it is looked at.
    Failed,
    /// Only a real request can tell; it is supposed to pass.
    Supposed,
    /// An earlier check failed.
    NotReached,
}

/// A check and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The check.
    pub check: Check,
    /// What came of it.
    pub outcome: Outcome,
    /// What was found, in a sentence.
    pub finding: String,
    /// What to do about it, where it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// Every check of an exchange of this kind, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Whether the client would get a token, as far as anybody can tell without asking the provider.
    pub allowed: bool,
    /// The check that fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_check: Option<Check>,
    /// The checks.
    pub checks: Vec<Row>,
}

impl Check {
    const ALL: [Self; 23] = [
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
    fn belongs_to(self, kind: SubjectTokenType) -> bool {
        match self {
            Self::PrivilegedAccess => kind == SubjectTokenType::Jwt,
            Self::ResourceServer => kind == SubjectTokenType::AccessToken,
            _ => true,
        }
    }

    /// What it means that it passed.
    fn passed(self) -> &'static str {
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

    /// What only a real request tells.
    fn supposed(self) -> &'static str {
        match self {
            Self::Authentication => {
                "the client is registered to authenticate; whether it can was not tried"
            }
            Self::SubjectToken => "supposed to be good: none was presented",
            Self::IpAllowlist => "supposed to be allowed: no address was named",
            _ => "the provider will be asked for the next token",
        }
    }

    /// What to do about a check that failed.
    fn fix(self, question: &Question) -> String {
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

/// Explains an exchange. Nothing is spent, renewed or written.
pub async fn explain(
    store: &Database,
    catalogue: &Catalogue,
    context: &Context,
    question: &Question,
    now: Timestamp,
) -> Result<Explanation, StoreError> {
    let mut read = store.read().await?;
    let found = clients::find(&mut read, context.tenant_id(), &question.client_id).await?;
    let Some(stored) = found else {
        let kind = question.subject_token_type.unwrap_or(SubjectTokenType::RefreshToken);
        let failed = (Check::Client, "the client does not exist".to_owned());
        return Ok(table(question, kind, Some(&failed), |_| false));
    };
    let client = stored.client;
    let kind = question.subject_token_type.unwrap_or_else(|| kind_of(&client));
    let decided = decide(&mut read, catalogue, context, &client, kind, question, now).await;
    let (failed, step) = match decided {
        Ok((_, Step::Refuse(refusal))) => {
            let finding = match refusal {
                Refusal::NoRefreshToken => "the token ended, and there is no refresh token",
                Refusal::RefreshTokenExpired => "the provider's refresh token has expired",
                Refusal::NeedsReconnect => "the provider has refused the refresh token for good",
            };
            (Some((Check::Tokenset, finding.to_owned())), None)
        }
        Ok((_, step)) => (None, Some(step)),
        Err(
            ExchangeError::Tokenset(TokensetError::Key(KeyError::Store(error)))
            | ExchangeError::HolderRefused(AccessError::Store(error)),
        ) => return Err(error),
        Err(error) => match Check::failed_by(&error) {
            Some(check) => (Some((check, error.to_string())), None),
            None => (Some((Check::Provider, error.to_string())), None),
        },
    };
    let is_supposed = |check: Check| match check {
        Check::Authentication | Check::SubjectToken => true,
        Check::IpAllowlist => question.address.is_none() && has_allowlist(&client, kind),
        Check::Provider => matches!(step, Some(Step::Refresh { .. })),
        _ => false,
    };
    Ok(table(question, kind, failed.as_ref(), is_supposed))
}

/// The exchange that a client is made for.
fn kind_of(client: &Client) -> SubjectTokenType {
    if client.token_vault_privileged_access.is_some() {
        SubjectTokenType::Jwt
    } else if client.app_type == Some(AppType::ResourceServer) {
        SubjectTokenType::AccessToken
    } else {
        SubjectTokenType::RefreshToken
    }
}

fn has_allowlist(client: &Client, kind: SubjectTokenType) -> bool {
    let policy = client.token_vault_policy.as_ref();
    let access = client.token_vault_privileged_access.as_ref();
    policy.is_some_and(|policy| policy.ip_allowlist.is_some())
        || kind == SubjectTokenType::Jwt
            && access.is_some_and(|access| access.ip_allowlist.is_some())
}

/// What `authorize_exchange` decides, for a subject token that nobody has seen.
async fn decide(
    read: &mut impl Query,
    catalogue: &Catalogue,
    context: &Context,
    client: &Client,
    kind: SubjectTokenType,
    question: &Question,
    now: Timestamp,
) -> Result<(ExchangePermit, Step), ExchangeError> {
    let from = match question.address {
        Some(address) => From::Somewhere(Some(address)),
        None => From::WhereItMay,
    };
    may_ask(client, kind, from, now)?;
    let is_privileged = kind == SubjectTokenType::Jwt;
    let holder = match kind {
        SubjectTokenType::AccessToken => {
            let api = api_of(client)?;
            let named = question.holder.as_ref().unwrap_or(&client.client_id);
            let audience = context.tenant.local_audience(api, &context.base);
            holder(read, context, named, &audience).await?
        }
        SubjectTokenType::RefreshToken | SubjectTokenType::Jwt => client.client_id.clone(),
    };
    let tenant = context.tenant_id();
    policy::foresee(read, tenant, client, &question.user_id, now).await??;
    let user_id = question.user_id.clone();
    let bearer = Bearer { user_id, holder, given_at: now, is_privileged };
    let wanted = Wanted {
        connection: &question.connection,
        login_hint: question.login_hint.as_deref(),
        scope: question.scope.as_ref(),
    };
    let permit = permit(read, catalogue, tenant, client, bearer, wanted).await?;
    let step = step(catalogue, &permit, None, now)?;
    Ok((permit, step))
}

fn table(
    question: &Question,
    kind: SubjectTokenType,
    failed: Option<&(Check, String)>,
    is_supposed: impl Fn(Check) -> bool,
) -> Explanation {
    let failed_check = failed.map(|(check, _)| *check);
    let row = |check: Check| {
        let (outcome, finding, fix) = match failed {
            Some((at, finding)) if *at == check => {
                (Outcome::Failed, finding.clone(), Some(check.fix(question)))
            }
            Some((at, _)) if *at < check => (Outcome::NotReached, "not looked at".to_owned(), None),
            Some(_) | None if is_supposed(check) => {
                (Outcome::Supposed, check.supposed().to_owned(), None)
            }
            Some(_) | None => (Outcome::Passed, check.passed().to_owned(), None),
        };
        Row { check, outcome, finding, fix }
    };
    let checks = Check::ALL.into_iter().filter(|check| check.belongs_to(kind)).map(row).collect();
    Explanation { allowed: failed_check.is_none(), failed_check, checks }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_have_the_order_of_their_declaration() {
        assert!(Check::ALL.is_sorted());
    }
}
