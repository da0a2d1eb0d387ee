//! Counters of what was asked and answered, in total and by flavour, client,
//! user and account.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::faults::Endpoint;
use crate::flavour::Flavour;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    Authorization,
    CodeExchange,
    CodeExchangeRefused,
    CodeReplay,
    Refresh,
    RefreshInGrace,
    RefreshRefused,
    RefreshReplay,
    Revocation,
    UserInfo,
    CalendarCall,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Counters {
    /// Codes sent to a client's redirect URI.
    authorizations: u64,
    code_exchanges: u64,
    code_exchanges_refused: u64,
    /// Redeemed codes that came again.
    code_reuse_detected: u64,
    refreshes: u64,
    /// Those with a replaced refresh token, honoured because grace was left.
    refreshes_in_grace: u64,
    refreshes_refused: u64,
    /// Replaced refresh tokens that came again when no grace was left.
    reuse_detected: u64,
    revocations: u64,
    userinfo: u64,
    /// Calendar calls with a valid token and the right scope.
    calendar: u64,
}

/// The body of `GET /_emulator/stats`.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Stats {
    /// Every call that arrived, answered or not, whatever became of it.
    requests: BTreeMap<Endpoint, u64>,
    total: Counters,
    flavours: BTreeMap<Flavour, Counters>,
    /// By client id; two flavours may share one.
    clients: BTreeMap<String, Counters>,
    /// By subject.
    users: BTreeMap<String, Counters>,
    /// By client id, then by subject.
    accounts: BTreeMap<String, BTreeMap<String, Counters>>,
}

impl Stats {
    pub(crate) fn count_request(&mut self, endpoint: Endpoint) {
        *self.requests.entry(endpoint).or_default() += 1;
    }

    pub(crate) fn count(
        &mut self,
        counted: Counted,
        flavour: Flavour,
        client_id: Option<&str>,
        sub: Option<&str>,
    ) {
        self.total.add(counted);
        self.flavours.entry(flavour).or_default().add(counted);
        if let Some(client_id) = client_id {
            self.clients.entry(client_id.to_owned()).or_default().add(counted);
        }
        if let Some(sub) = sub {
            self.users.entry(sub.to_owned()).or_default().add(counted);
        }
        if let (Some(client_id), Some(sub)) = (client_id, sub) {
            let of_client = self.accounts.entry(client_id.to_owned()).or_default();
            of_client.entry(sub.to_owned()).or_default().add(counted);
        }
    }
}

impl Counters {
    fn add(&mut self, counted: Counted) {
        let counter = match counted {
            Counted::Authorization => &mut self.authorizations,
            Counted::CodeExchange => &mut self.code_exchanges,
            Counted::CodeExchangeRefused => &mut self.code_exchanges_refused,
            Counted::CodeReplay => &mut self.code_reuse_detected,
            Counted::Refresh => &mut self.refreshes,
            Counted::RefreshInGrace => &mut self.refreshes_in_grace,
            Counted::RefreshRefused => &mut self.refreshes_refused,
            Counted::RefreshReplay => &mut self.reuse_detected,
            Counted::Revocation => &mut self.revocations,
            Counted::UserInfo => &mut self.userinfo,
            Counted::CalendarCall => &mut self.calendar,
        };
        *counter += 1;
    }
}
