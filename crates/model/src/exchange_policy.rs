//! What a client may have of the vault, from where, when and how often: limits on top of everything
//! else that has to hold, for any client whose owner sets them.

use std::net::IpAddr;

use protocol::oauth::scope::ScopeSet;
use serde::{Deserialize, Serialize};

use crate::ip_range::IpRange;

/// The limits of a client. What is absent limits nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExchangePolicy {
    /// From where it may ask; an empty list is nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_allowlist: Option<Vec<IpRange>>,
    /// Of which connections, with which scopes; an empty list is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grants: Option<Vec<ConnectionGrant>>,
    /// When; an empty list is never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Vec<Hours>>,
    /// How often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budgets: Option<Budgets>,
}

/// One connection of which a client may have tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectionGrant {
    /// The connection's name.
    pub connection: String,
    /// The scopes of the provider that its tokens may have.
    pub scopes: Vec<String>,
}

/// How many exchanges there may be in a while.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budgets {
    /// Of the client, for whomever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Budget>,
    /// Of the client for one person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Budget>,
}

/// A number of exchanges in a window of time that begins with the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// The number.
    pub exchanges: u32,
    /// The length of the window, in seconds.
    pub seconds: u32,
}

/// A part of a day on some days of the week. One that ends before it begins goes on past midnight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// The days on which it begins.
    pub days: Vec<Day>,
    /// From this time.
    pub from: TimeOfDay,
    /// Until before this time; `24:00` is the end of the day.
    pub to: TimeOfDay,
    /// By the clocks of this zone of the IANA database; UTC if none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "days")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Day {
    const ALL: [Self; 7] =
        [Self::Mon, Self::Tue, Self::Wed, Self::Thu, Self::Fri, Self::Sat, Self::Sun];

    /// The day so many days after Monday.
    pub fn after_monday(days: usize) -> Self {
        Self::ALL[days % Self::ALL.len()]
    }

    fn before(self) -> Self {
        Self::after_monday(self as usize + Self::ALL.len() - 1)
    }
}

/// A time by the clock on the wall, in minutes since midnight; written `HH:MM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay(u16);

const DAY_MINUTES: u16 = 24 * 60;

impl TimeOfDay {
    /// So many minutes after midnight, of the same day.
    pub fn after_midnight(hours: u8, minutes: u8) -> Self {
        Self((u16::from(hours) * 60 + u16::from(minutes)).min(DAY_MINUTES))
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = InvalidTimeOfDay;

    fn try_from(text: String) -> Result<Self, InvalidTimeOfDay> {
        let digits = |text: &str| {
            let two = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            two.then(|| text.parse().ok()).flatten().ok_or(InvalidTimeOfDay)
        };
        let (hours, minutes) = text.split_once(':').ok_or(InvalidTimeOfDay)?;
        let (hours, minutes): (u16, u16) = (digits(hours)?, digits(minutes)?);
        let time = hours * 60 + minutes;
        if minutes < 60 && time <= DAY_MINUTES { Ok(Self(time)) } else { Err(InvalidTimeOfDay) }
    }
}

impl From<TimeOfDay> for String {
    fn from(TimeOfDay(minutes): TimeOfDay) -> Self {
        format!("{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

/// The text is no time of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not a time from 00:00 to 24:00")]
pub struct InvalidTimeOfDay;

impl Hours {
    /// Whether a moment of the zone's own clocks lies in it.
    pub fn contains(&self, day: Day, time: TimeOfDay) -> bool {
        let begins = |day: Day| self.days.contains(&day);
        if self.from < self.to {
            begins(day) && (self.from..self.to).contains(&time)
        } else {
            begins(day) && time >= self.from || begins(day.before()) && time < self.to
        }
    }
}

/// Whether an address is in a list; where there is no list it need not be.
pub fn admits(list: Option<&[IpRange]>, address: Option<IpAddr>) -> bool {
    let is_listed = |address| list.is_none_or(|list| list.iter().any(|one| one.contains(address)));
    match address {
        Some(address) => is_listed(address),
        None => list.is_none(),
    }
}

/// The scopes that tokens of a connection may have by a list of grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrantedScopes {
    /// There is no list.
    Any,
    /// The list names the connection with these.
    These(ScopeSet),
    /// The list does not name the connection.
    NoConnection,
}

/// What a list of grants says of a connection.
pub fn granted(list: Option<&[ConnectionGrant]>, connection: &str) -> GrantedScopes {
    let Some(list) = list else { return GrantedScopes::Any };
    let mut named = list.iter().filter(|grant| grant.connection == connection).peekable();
    if named.peek().is_none() {
        return GrantedScopes::NoConnection;
    }
    let scopes: Vec<_> = named.flat_map(|grant| grant.scopes.iter().map(String::as_str)).collect();
    GrantedScopes::These(ScopeSet::parse_lenient(&scopes.join(" ")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hours(days: &[&str], from: &str, to: &str) -> Hours {
        serde_json::from_value(json!({ "days": days, "from": from, "to": to })).unwrap()
    }

    fn time(text: &str) -> TimeOfDay {
        text.to_owned().try_into().unwrap()
    }

    #[test]
    fn hours_have_edges_and_may_pass_midnight() {
        let office = hours(&["mon", "fri"], "08:00", "17:30");
        let night = hours(&["sun"], "22:00", "06:00");
        let all_day = hours(&["sat"], "00:00", "24:00");
        for (hours, day, at, expected) in [
            (&office, Day::Mon, "07:59", false),
            (&office, Day::Mon, "08:00", true),
            (&office, Day::Mon, "17:29", true),
            (&office, Day::Mon, "17:30", false),
            (&office, Day::Tue, "12:00", false),
            (&night, Day::Sun, "21:59", false),
            (&night, Day::Sun, "23:00", true),
            (&night, Day::Mon, "05:59", true),
            (&night, Day::Mon, "06:00", false),
            (&night, Day::Sun, "05:00", false),
            (&all_day, Day::Sat, "00:00", true),
            (&all_day, Day::Sat, "23:59", true),
            (&all_day, Day::Sun, "00:00", false),
        ] {
            assert_eq!(hours.contains(day, time(at)), expected, "{day:?} {at} in {hours:?}");
        }
    }

    #[test]
    fn times_of_a_day_are_written_in_one_way() {
        for text in ["00:00", "09:05", "24:00"] {
            assert_eq!(String::from(time(text)), text);
        }
        for text in ["", "9:05", "09:5", "24:01", "12:60", "+1:00", "12-00", "12:00:00"] {
            assert_eq!(TimeOfDay::try_from(text.to_owned()), Err(InvalidTimeOfDay), "{text}");
        }
    }

    #[test]
    fn what_a_list_says_of_a_connection() {
        let list = |value: serde_json::Value| -> Option<Vec<ConnectionGrant>> {
            serde_json::from_value(value).unwrap()
        };
        let these = |text: &str| GrantedScopes::These(ScopeSet::parse_lenient(text));
        assert_eq!(granted(None, "box"), GrantedScopes::Any);
        assert_eq!(granted(Some(&[]), "box"), GrantedScopes::NoConnection);
        let two = list(json!([
            {"connection": "box", "scopes": ["read"]},
            {"connection": "box", "scopes": ["write"]},
            {"connection": "slack", "scopes": []},
        ]));
        assert_eq!(granted(two.as_deref(), "box"), these("read write"));
        assert_eq!(granted(two.as_deref(), "slack"), these(""));
        assert_eq!(granted(two.as_deref(), "Box"), GrantedScopes::NoConnection);
    }

    #[test]
    fn an_unknown_address_is_in_no_list() {
        let list: Vec<IpRange> = vec!["0.0.0.0/0".parse().unwrap()];
        assert!(admits(None, None));
        assert!(!admits(Some(&list), None));
        assert!(admits(Some(&list), "192.0.2.1".parse().ok()));
        assert!(!admits(Some(&[]), "192.0.2.1".parse().ok()));
    }
}
