//! Brute-force protection: what strangers may try a few times only.
//!
//! Attempts are counted before their outcome is known, so that a burst of guesses gets no further
//! than one after the other. The count is per identifier *and* network: somebody who guesses locks
//! out themselves and not the person, who comes from elsewhere.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use aws_lc_rs::digest::{Context as Digest, SHA256};
use model::ids::ConnectionId;
use protocol::time::Timestamp;
use store::{StoreError, WriteTx};

use crate::context::{CallerAddress, Context};

/// What is attempted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Attempt<'a> {
    /// A login with a password.
    Password {
        /// At which connection.
        connection: &'a ConnectionId,
        /// As whom, in the form in which identifiers are looked up.
        identifier: &'a str,
    },
    /// A sign-up, which tells whether an address is taken.
    SignUp,
}

/// How many are let through in how long.
struct Limit {
    attempts_max: i64,
    window: Duration,
}

impl Attempt<'_> {
    fn kind(self) -> &'static str {
        match self {
            Self::Password { .. } => "password",
            Self::SignUp => "sign-up",
        }
    }

    fn limit(self) -> Limit {
        match self {
            Self::Password { .. } => Limit { attempts_max: 10, window: Duration::from_mins(15) },
            Self::SignUp => Limit { attempts_max: 50, window: Duration::from_hours(1) },
        }
    }

    /// Names the attempt without saying whose it is.
    fn key(self, context: &Context) -> [u8; 32] {
        let network = context.ip.map_or_else(String::new, network_of);
        let (connection, identifier) = match self {
            Self::Password { connection, identifier } => (connection.as_str(), identifier),
            Self::SignUp => ("", ""),
        };
        let mut digest = Digest::new(&SHA256);
        for part in [network.as_str(), connection, identifier] {
            digest.update(&(part.len() as u64).to_be_bytes());
            digest.update(part.as_bytes());
        }
        let mut key = [0; 32];
        key.copy_from_slice(digest.finish().as_ref());
        key
    }
}

/// Counts an attempt. Answers whether it may go on.
pub(crate) async fn count(
    tx: &mut WriteTx,
    context: &Context,
    attempt: Attempt<'_>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Limit { attempts_max, window } = attempt.limit();
    let key = attempt.key(context);
    let until = now.saturating_add(window);
    let tenant = context.tenant_id();
    let counted = store::attempts::count(tx, tenant, attempt.kind(), &key, until, now).await?;
    Ok(counted.made <= attempts_max)
}

/// Forgets the attempts that came before a good one.
pub(crate) async fn forget(
    tx: &mut WriteTx,
    context: &Context,
    attempt: Attempt<'_>,
) -> Result<(), StoreError> {
    let key = attempt.key(context);
    store::attempts::forget(tx, context.tenant_id(), attempt.kind(), &key).await?;
    Ok(())
}

/// The network that an address stands for. Whoever has one IPv6 address has the other 2^64 of its
/// /64 too.
fn network_of(address: CallerAddress) -> String {
    match address.ip() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).to_string()
        }
        IpAddr::V4(address) => address.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_network_count_together() {
        let check = |ip: &str, network: &str| {
            let address: IpAddr = ip.parse().unwrap();
            assert_eq!(network_of(address.into()), network, "{ip}");
        };
        check("192.0.2.7", "192.0.2.7");
        check("::ffff:192.0.2.7", "192.0.2.7");
        check("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::");
        check("2001:db8:1:2::1", "2001:db8:1:2::");
        check("2001:db8:1:3::1", "2001:db8:1:3::");
    }
}
