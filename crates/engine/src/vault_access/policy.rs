//! The limits that a client's owner sets: from where, when, how often, of what.

use std::net::IpAddr;
use std::time::Duration;

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use model::client::Client;
use model::exchange_policy::{
    Budget, ConnectionGrant, Day, ExchangePolicy, GrantedScopes, Hours, TimeOfDay, admits, granted,
};
use model::ids::{ClientId, TenantId, UserId};
use protocol::oauth::scope::ScopeSet;
use protocol::time::Timestamp;
use store::attempts::Counted;
use store::{Query, StoreError, WriteTx, attempts};

use crate::mark::mark;

/// Which limit an exchange exceeds.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The client may not ask from there.
    #[error("the client may not ask from {}", address.map_or_else(|| "an unknown address".to_owned(), |address| address.to_string()))]
    Address {
        /// From where it asked.
        address: Option<IpAddr>,
    },
    /// The client may not ask now.
    #[error("the client may not ask at this time")]
    Hours,
    /// The connection is not among the client's grants.
    #[error("the client's grants do not name the connection")]
    Connection,
    /// Scopes are not among those that the grants name.
    #[error("the client's grants do not name the scopes: {missing}")]
    Scopes {
        /// The scopes.
        missing: ScopeSet,
    },
    /// The account has more scopes than the client may have or wants, and the provider gives no token
    /// with fewer.
    #[error("the tokens of the account also have the scopes: {beyond}")]
    Broader {
        /// What is too much.
        beyond: ScopeSet,
    },
    /// There were as many exchanges as there may be.
    #[error("the budget of {} exchanges in {} s {whose} is used up", budget.exchanges, budget.seconds)]
    Budget {
        /// Whose budget it is.
        whose: BudgetOf,
        /// How large it is.
        budget: Budget,
        /// When there is a new one.
        retry_after: Duration,
    },
}

/// Whose budget it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BudgetOf {
    /// The client's, for whomever.
    Client,
    /// The client's, for one person.
    User,
}

impl std::fmt::Display for BudgetOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Client => "of the client",
            Self::User => "for the user",
        })
    }
}

impl BudgetOf {
    fn kind(self) -> &'static str {
        match self {
            Self::Client => "exchanges of a client",
            Self::User => "exchanges for a user",
        }
    }
}

/// Checks from where a client asks. `is_privileged` if it does so without a token of the person, which
/// has a list of addresses of its own.
pub(super) fn admit_from(
    client: &Client,
    is_privileged: bool,
    address: Option<IpAddr>,
) -> Result<(), PolicyError> {
    let privileged = client.token_vault_privileged_access.as_ref().filter(|_| is_privileged);
    let of_privilege = privileged.and_then(|access| access.ip_allowlist.as_deref());
    let policy = client.token_vault_policy.as_ref();
    let of_policy = policy.and_then(|policy| policy.ip_allowlist.as_deref());
    if !admits(of_privilege, address) || !admits(of_policy, address) {
        return Err(PolicyError::Address { address });
    }
    Ok(())
}

/// Checks when a client asks.
pub(super) fn admit_at(client: &Client, now: Timestamp) -> Result<(), PolicyError> {
    let policy = client.token_vault_policy.as_ref();
    match policy.and_then(|policy| policy.hours.as_deref()) {
        Some(hours) if !hours.iter().any(|hours| is_within(hours, now)) => Err(PolicyError::Hours),
        Some(_) | None => Ok(()),
    }
}

/// Whether a zone is one of the IANA database.
pub(crate) fn knows_time_zone(name: &str) -> bool {
    TimeZone::get(name).is_ok()
}

/// A zone that is not known any more admits nobody.
fn is_within(hours: &Hours, now: Timestamp) -> bool {
    let zone = match hours.time_zone.as_deref() {
        None => Ok(TimeZone::UTC),
        Some(name) => TimeZone::get(name),
    };
    let (Ok(zone), Ok(now)) = (zone, jiff::Timestamp::from_millisecond(now.as_millis())) else {
        return false;
    };
    let local = now.to_zoned(zone);
    let day = Day::after_monday(usize::from(days_after_monday(local.weekday())));
    let [hour, minute] = [local.hour(), local.minute()].map(i8::unsigned_abs);
    hours.contains(day, TimeOfDay::after_midnight(hour, minute))
}

fn days_after_monday(weekday: Weekday) -> u8 {
    weekday.to_monday_zero_offset().unsigned_abs()
}

/// The scopes that tokens of a connection may have at most, `None` if any: what was asked for, or else
/// what was granted.
pub(super) fn scopes_for(
    client: &Client,
    is_privileged: bool,
    connection: &str,
    asked: Option<&ScopeSet>,
) -> Result<Option<ScopeSet>, PolicyError> {
    let of_policy = client.token_vault_policy.as_ref().and_then(|policy| policy.grants.as_deref());
    let of_privilege = client.token_vault_privileged_access.as_ref().filter(|_| is_privileged);
    let of_privilege = of_privilege.and_then(|access| access.grants.as_deref());
    let mut at_most = is_privileged.then(|| asked.cloned()).flatten();
    for list in [of_policy, of_privilege] {
        at_most = narrowed(list, connection, asked, at_most)?;
    }
    Ok(at_most)
}

fn narrowed(
    list: Option<&[ConnectionGrant]>,
    connection: &str,
    asked: Option<&ScopeSet>,
    at_most: Option<ScopeSet>,
) -> Result<Option<ScopeSet>, PolicyError> {
    match granted(list, connection) {
        GrantedScopes::Any => Ok(at_most),
        GrantedScopes::NoConnection => Err(PolicyError::Connection),
        GrantedScopes::These(granted) => {
            if let Some(asked) = asked
                && !asked.is_subset_of(&granted)
            {
                return Err(PolicyError::Scopes { missing: asked.without(&granted) });
            }
            Ok(Some(at_most.map_or_else(|| granted.clone(), |most| most.intersection(&granted))))
        }
    }
}

/// Takes one exchange out of the client's budgets, before anybody knows what becomes of it.
pub(super) async fn spend(
    tx: &mut WriteTx,
    tenant: &TenantId,
    client: &Client,
    user_id: &UserId,
    now: Timestamp,
) -> Result<Result<(), PolicyError>, StoreError> {
    for (whose, budget) in budgets(client.token_vault_policy.as_ref()) {
        let until = now.saturating_add(Duration::from_secs(u64::from(budget.seconds)));
        let key = key(whose, &client.client_id, user_id);
        let counted = attempts::count(tx, tenant, whose.kind(), &key, until, now).await?;
        if let Err(error) = within(whose, budget, Some(counted), 0, now) {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}

/// Whether one more exchange would be within the client's budgets.
pub(super) async fn foresee(
    q: &mut impl Query,
    tenant: &TenantId,
    client: &Client,
    user_id: &UserId,
    now: Timestamp,
) -> Result<Result<(), PolicyError>, StoreError> {
    for (whose, budget) in budgets(client.token_vault_policy.as_ref()) {
        let key = key(whose, &client.client_id, user_id);
        let counted = attempts::peek(q, tenant, whose.kind(), &key, now).await?;
        if let Err(error) = within(whose, budget, counted, 1, now) {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}

/// Whether a client has a budget at all: without one, nothing is counted.
pub(super) fn has_budget(client: &Client) -> bool {
    budgets(client.token_vault_policy.as_ref()).next().is_some()
}

/// The person's comes first: what it refuses is not taken out of everybody's.
fn budgets(policy: Option<&ExchangePolicy>) -> impl Iterator<Item = (BudgetOf, Budget)> {
    let budgets = policy.and_then(|policy| policy.budgets.clone()).unwrap_or_default();
    [(BudgetOf::User, budgets.user), (BudgetOf::Client, budgets.client)]
        .into_iter()
        .filter_map(|(whose, budget)| Some((whose, budget?)))
}

fn within(
    whose: BudgetOf,
    budget: Budget,
    counted: Option<Counted>,
    more: i64,
    now: Timestamp,
) -> Result<(), PolicyError> {
    match counted {
        Some(Counted { made, until }) if made + more > i64::from(budget.exchanges) => {
            Err(PolicyError::Budget { whose, budget, retry_after: until.since(now) })
        }
        None if more > i64::from(budget.exchanges) => {
            let retry_after = Duration::from_secs(u64::from(budget.seconds));
            Err(PolicyError::Budget { whose, budget, retry_after })
        }
        Some(_) | None => Ok(()),
    }
}

fn key(whose: BudgetOf, client_id: &ClientId, user_id: &UserId) -> [u8; 32] {
    match whose {
        BudgetOf::Client => mark(&[client_id.as_str()]),
        BudgetOf::User => mark(&[client_id.as_str(), user_id.as_str()]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hours_are_those_of_the_zone() {
        // A Monday in July, when Berlin is two hours ahead of UTC.
        let monday =
            |text: &str| Timestamp::parse_rfc3339(&format!("2026-07-06T{text}:00Z")).unwrap();
        let hours = |zone: serde_json::Value| -> Hours {
            let shape = json!({"days": ["mon"], "from": "08:00", "to": "18:00", "time_zone": zone});
            serde_json::from_value(shape).unwrap()
        };
        let berlin = hours(json!("Europe/Berlin"));
        for (at, expected) in [("05:59", false), ("06:00", true), ("15:59", true), ("16:00", false)]
        {
            assert_eq!(is_within(&berlin, monday(at)), expected, "{at}");
        }
        assert!(!is_within(&hours(json!(null)), monday("07:59")));
        assert!(is_within(&hours(json!(null)), monday("08:00")));
        assert!(!is_within(&hours(json!("Europe/Atlantis")), monday("12:00")));
    }

    #[test]
    fn two_lists_allow_what_both_allow() {
        let client = |policy: serde_json::Value, privilege: serde_json::Value| -> Client {
            let access = json!({"credentials": [], "grants": privilege});
            serde_json::from_value(json!({
                "client_id": "c", "token_vault_policy": {"grants": policy},
                "token_vault_privileged_access": access,
            }))
            .unwrap()
        };
        let of = |scopes: &str| {
            let scopes: Vec<_> = scopes.split(' ').collect();
            json!([{"connection": "box", "scopes": scopes}])
        };
        let set = |text: &str| Some(ScopeSet::parse(text).unwrap());
        let both = client(of("a b"), of("b c"));
        assert_eq!(scopes_for(&both, true, "box", None).unwrap(), set("b"));
        assert_eq!(scopes_for(&both, false, "box", None).unwrap(), set("a b"));
        assert_eq!(scopes_for(&both, true, "box", set("b").as_ref()).unwrap(), set("b"));
        let beyond = scopes_for(&both, true, "box", set("a").as_ref());
        assert!(matches!(beyond, Err(PolicyError::Scopes { .. })));
        let none = client(json!(null), json!(null));
        assert_eq!(scopes_for(&none, true, "box", set("a").as_ref()).unwrap(), set("a"));
        assert_eq!(scopes_for(&none, false, "box", set("a").as_ref()).unwrap(), None);
        let elsewhere = scopes_for(&both, true, "slack", None);
        assert!(matches!(elsewhere, Err(PolicyError::Connection)));
    }
}
