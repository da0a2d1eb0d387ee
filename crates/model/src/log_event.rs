//! Log events: what happened, by whom, and why it failed.

use protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::LogId;

/// An event of the audit log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEvent {
    /// Its id; sorts by time.
    pub id: LogId,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub kind: LogEventKind,
    /// To whom, by whom, from where.
    pub detail: LogDetail,
}

/// The circumstances of an event, in the published member names. Never holds a secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogDetail {
    /// One sentence for the operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The client's name at that time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    /// The user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The user's name at that time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// The connection's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// The connection's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<String>,
    /// The connection's strategy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// The audience.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// The scopes, space-separated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The address of the peer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// What the peer says it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The host that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// What belongs to this kind of event alone.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Value>,
}

/// The kinds of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogEventKind {
    /// A person logged in.
    Login,
    /// A login failed.
    LoginFailed,
    /// A login failed for the password.
    WrongPassword,
    /// A login failed for the user name.
    UnknownUser,
    /// A login was not let through, for too many failures.
    LoginBlocked,
    /// A login without a page succeeded.
    SilentLogin,
    /// A login without a page failed.
    SilentLoginFailed,
    /// A person signed up.
    Signup,
    /// A sign-up failed.
    SignupFailed,
    /// A person logged out.
    Logout,
    /// A logout failed.
    LogoutFailed,
    /// A pushed authorization request was refused.
    PushFailed,
    /// A code was exchanged.
    CodeExchange,
    /// A code was refused.
    CodeExchangeFailed,
    /// A client got a token for itself.
    ClientCredentials,
    /// A client was refused a token for itself.
    ClientCredentialsFailed,
    /// A refresh token was exchanged.
    RefreshExchange,
    /// A refresh token was refused.
    RefreshExchangeFailed,
    /// A replaced refresh token came again; its family was revoked.
    RefreshTokenReuse,
    /// A refresh token was revoked.
    RefreshTokenRevoked,
    /// The vault gave a provider's token.
    VaultExchange,
    /// The vault refused.
    VaultExchangeFailed,
    /// An account was connected.
    AccountConnected,
    /// Connecting an account failed.
    AccountConnectFailed,
    /// An account was disconnected.
    AccountDeleted,
    /// Disconnecting an account failed.
    AccountDeleteFailed,
    /// A renewal brought an account other scopes.
    AccountUpdated,
    /// A provider refused an account's grant for good.
    AccountNeedsReconnect,
    /// An account that needed a reconnect is well again.
    AccountRecovered,
    /// A provider ended the grant of an account that was removed.
    GrantRevoked,
    /// The grant of an account that was removed lives on, because somebody else's account needs it.
    GrantKept,
    /// A provider was not brought to end the grant of an account that was removed.
    GrantNotRevoked,
    /// The Management API, or a command, changed something.
    ManagementWrite,
    /// The Management API refused or failed.
    ManagementFailed,
    /// The Management API was asked for a secret.
    ManagementSecretRead,
    /// Something to look at that stopped nobody.
    Warning,
}

impl LogEventKind {
    /// Every kind with its published code.
    pub const ALL: [(Self, &'static str); 36] = [
        (Self::Login, "s"),
        (Self::LoginFailed, "f"),
        (Self::WrongPassword, "fp"),
        (Self::UnknownUser, "fu"),
        (Self::LoginBlocked, "limit_wc"),
        (Self::SilentLogin, "ssa"),
        (Self::SilentLoginFailed, "fsa"),
        (Self::Signup, "ss"),
        (Self::SignupFailed, "fs"),
        (Self::Logout, "slo"),
        (Self::LogoutFailed, "flo"),
        (Self::CodeExchange, "seacft"),
        (Self::PushFailed, "fpar"),
        (Self::CodeExchangeFailed, "feacft"),
        (Self::ClientCredentials, "seccft"),
        (Self::ClientCredentialsFailed, "feccft"),
        (Self::RefreshExchange, "sertft"),
        (Self::RefreshExchangeFailed, "fertft"),
        (Self::RefreshTokenReuse, "ferrt"),
        (Self::RefreshTokenRevoked, "srrt"),
        (Self::VaultExchange, "seta"),
        (Self::VaultExchangeFailed, "feta"),
        (Self::AccountConnected, "connected_accounts_connection_succeeded"),
        (Self::AccountConnectFailed, "connected_accounts_connection_failed"),
        (Self::AccountDeleted, "connected_accounts_delete_succeeded"),
        (Self::AccountDeleteFailed, "connected_accounts_delete_failed"),
        (Self::AccountUpdated, "connected_accounts_updated"),
        (Self::AccountNeedsReconnect, "connected_accounts_needs_reconnect"),
        (Self::AccountRecovered, "connected_accounts_recovered"),
        (Self::GrantRevoked, "connected_accounts_revocation_succeeded"),
        (Self::GrantKept, "connected_accounts_revocation_skipped"),
        (Self::GrantNotRevoked, "connected_accounts_revocation_failed"),
        (Self::ManagementWrite, "sapi"),
        (Self::ManagementFailed, "fapi"),
        (Self::ManagementSecretRead, "mgmt_api_read"),
        (Self::Warning, "w"),
    ];

    /// The published code.
    pub fn code(self) -> &'static str {
        Self::ALL.into_iter().find_map(|(kind, code)| (kind == self).then_some(code)).unwrap_or("w")
    }

    /// The kind of a published code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find_map(|(kind, known)| (known == code).then_some(kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_kinds_are_one_to_one() {
        for (kind, code) in LogEventKind::ALL {
            assert_eq!(kind.code(), code);
            assert_eq!(LogEventKind::from_code(code), Some(kind));
        }
    }
}
