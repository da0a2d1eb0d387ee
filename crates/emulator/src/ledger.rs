//! The list of every code and token ever issued.
//!
//! A canary test runs the server under test, asks for this list, and greps the
//! server's database and logs for each value. So here, and nowhere else, the
//! values are kept in clear.

use protocol::secret::{Disclosed, Secret, kind};
use protocol::time::Timestamp;
use serde::Serialize;

use crate::grants::{Account, FamilyId, Grants, TokenKind};

#[derive(Default)]
pub(crate) struct Ledger {
    entries: Vec<Entry>,
}

struct Entry {
    kind: TokenKind,
    value: Value,
    account: Account,
    issued_at: Timestamp,
}

/// One of the four secrets that the emulator gives out.
pub(crate) enum Value {
    Code(Secret<kind::AuthorizationCode>),
    Access(Secret<kind::ProviderAccessToken>),
    Refresh(Secret<kind::ProviderRefreshToken>),
    Id(Secret<kind::ProviderIdToken>),
}

/// One line of `GET /_emulator/tokens`.
#[derive(Serialize)]
pub(crate) struct Line {
    kind: TokenKind,
    value: DisclosedValue,
    #[serde(flatten)]
    account: Account,
    /// Absent for ID tokens and for what a reset has forgotten.
    family: Option<FamilyId>,
    /// Whether it would be honoured now; never for codes and ID tokens.
    active: bool,
    issued_at: Timestamp,
}

#[derive(Serialize)]
#[serde(untagged)]
enum DisclosedValue {
    Code(Disclosed<kind::AuthorizationCode>),
    Access(Disclosed<kind::ProviderAccessToken>),
    Refresh(Disclosed<kind::ProviderRefreshToken>),
    Id(Disclosed<kind::ProviderIdToken>),
}

impl Ledger {
    pub(crate) fn record(&mut self, value: Value, account: &Account, issued_at: Timestamp) {
        let kind = value.kind();
        self.entries.push(Entry { kind, value, account: account.clone(), issued_at });
    }

    /// In the order of issue.
    pub(crate) fn lines(&self, grants: &Grants, now: Timestamp) -> Vec<Line> {
        let line = |entry: &Entry| {
            let standing = grants.standing(entry.kind, &entry.value.hash(), now);
            Line {
                kind: entry.kind,
                value: entry.value.disclose(),
                account: entry.account.clone(),
                family: standing.map(|(family, _)| family),
                active: standing.is_some_and(|(_, active)| active),
                issued_at: entry.issued_at,
            }
        };
        self.entries.iter().map(line).collect()
    }
}

impl Value {
    fn kind(&self) -> TokenKind {
        match self {
            Self::Code(_) => TokenKind::AuthorizationCode,
            Self::Access(_) => TokenKind::AccessToken,
            Self::Refresh(_) => TokenKind::RefreshToken,
            Self::Id(_) => TokenKind::IdToken,
        }
    }

    fn hash(&self) -> [u8; 32] {
        match self {
            Self::Code(secret) => *secret.hashed().as_bytes(),
            Self::Access(secret) => *secret.hashed().as_bytes(),
            Self::Refresh(secret) => *secret.hashed().as_bytes(),
            Self::Id(secret) => *secret.hashed().as_bytes(),
        }
    }

    fn disclose(&self) -> DisclosedValue {
        match self {
            Self::Code(secret) => DisclosedValue::Code(secret.clone().disclose()),
            Self::Access(secret) => DisclosedValue::Access(secret.clone().disclose()),
            Self::Refresh(secret) => DisclosedValue::Refresh(secret.clone().disclose()),
            Self::Id(secret) => DisclosedValue::Id(secret.clone().disclose()),
        }
    }
}
