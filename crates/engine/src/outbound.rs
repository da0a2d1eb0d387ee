//! The one way out: every call to a provider goes through here.
//!
//! The name is resolved, every address is checked, and the connection goes to a checked address, so
//! that no name can lead inside by changing between check and use. Redirects are not followed, time
//! and size are bounded.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use http::{HeaderMap, Request, StatusCode};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use url::Url;
use zeroize::Zeroizing;

mod reach;

pub use self::reach::{Reach, Rule};

/// A call with its answer takes no longer.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// An answer is no longer, in bytes.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// The guarded client.
#[derive(Clone, Debug)]
pub struct Outbound {
    client: reqwest::Client,
    reach: Arc<Reach>,
}

/// An answer, whole. It may hold tokens, so it is wiped when dropped and does not print.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status, self.body.len())
    }
}

/// Why there is no answer. Neither the URL nor anything that was sent is told.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The target is not one that calls may lead to.
    #[error(transparent)]
    Forbidden(#[from] Rule),
    /// Nobody answered in time.
    #[error("no answer in time")]
    TimedOut,
    /// The connection could not be made or broke.
    #[error("the provider could not be reached")]
    Unreachable,
    /// The answer is longer than we read.
    #[error("the answer is too long")]
    TooLong,
}

impl OutboundError {
    /// The word for it in the audit log and in an account's health.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Forbidden(rule) => rule.as_str(),
            Self::TimedOut => "timeout",
            Self::Unreachable => "unreachable",
            Self::TooLong => "reply_too_large",
        }
    }

    /// Whether the other side may have had the request.
    pub fn may_have_arrived(&self) -> bool {
        match self {
            Self::Forbidden(_) => false,
            Self::TimedOut | Self::Unreachable | Self::TooLong => true,
        }
    }
}

impl Outbound {
    /// Makes the client.
    ///
    /// # Errors
    /// If the TLS library refuses its configuration.
    pub fn new(reach: Reach) -> Result<Self, reqwest::Error> {
        Self::within(reach, CALL_TIMEOUT)
    }

    /// Makes a client whose calls take no longer than `call_timeout` each.
    ///
    /// # Errors
    /// If the TLS library refuses its configuration.
    pub fn within(reach: Reach, call_timeout: Duration) -> Result<Self, reqwest::Error> {
        Self::asking(Arc::new(SystemNames), reach, call_timeout)
    }

    fn asking(
        names: Arc<dyn Resolve>,
        reach: Reach,
        call_timeout: Duration,
    ) -> Result<Self, reqwest::Error> {
        let reach = Arc::new(reach);
        #[expect(clippy::disallowed_methods, reason = "this is the guarded client")]
        let client = reqwest::Client::builder()
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIMEOUT.min(call_timeout))
            .timeout(call_timeout)
            .dns_resolver(Arc::new(CheckedNames { names, reach: Arc::clone(&reach) }))
            .user_agent(concat!("strongroom/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .build()?;
        Ok(Self { client, reach })
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&self, request: Request<Vec<u8>>) -> Result<Answer, OutboundError> {
        let url = Url::parse(&request.uri().to_string()).or(Err(Rule::NotAUrl))?;
        self.check(&url)?;
        let request = reqwest::Request::try_from(request).or(Err(Rule::NotAUrl))?;
        let answer = self.client.execute(request).await.map_err(|error| cause(&error))?;
        let status = answer.status();
        let headers = answer.headers().clone();
        let mut body = Zeroizing::new(Vec::new());
        let mut chunks = answer.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| cause(&error))?;
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(OutboundError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, headers, body })
    }

    /// Whether a URL may be called, as far as can be said before its name is resolved.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn check(&self, url: &Url) -> Result<(), Rule> {
        self.reach.admits_url(url)
    }
}

fn cause(error: &reqwest::Error) -> OutboundError {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = source {
        if let Some(rule) = cause.downcast_ref::<Rule>() {
            return OutboundError::Forbidden(*rule);
        }
        source = cause.source();
    }
    if error.is_timeout() { OutboundError::TimedOut } else { OutboundError::Unreachable }
}

/// The names of this machine's resolver.
struct SystemNames;

impl Resolve for SystemNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(Box::new(found.collect::<Vec<_>>().into_iter()) as Addrs)
        })
    }
}

/// Resolves names and lets through allowed addresses only.
struct CheckedNames {
    names: Arc<dyn Resolve>,
    reach: Arc<Reach>,
}

impl Resolve for CheckedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let (found, reach) = (self.names.resolve(name), Arc::clone(&self.reach));
        Box::pin(async move {
            let (mut allowed, mut broken) = (Vec::<SocketAddr>::new(), None);
            for address in found.await? {
                match reach.admits(address.ip()) {
                    Ok(()) => allowed.push(address),
                    Err(rule) => broken = Some(rule),
                }
            }
            match broken {
                Some(rule) if allowed.is_empty() => Err(rule.into()),
                Some(_) | None => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::net::IpAddr;
    use std::sync::Mutex;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A128: a name that resolves inside is refused at the connection, after the check of the URL.
    #[tokio::test]
    async fn a128_a_name_that_leads_inside_is_refused() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let outbound = Outbound::new(Reach::Public).unwrap();
        let uri = format!("https://localhost:{port}/");
        let request = Request::get(uri).body(Vec::new()).unwrap();
        let refused = outbound.send(request).await.unwrap_err();
        assert!(matches!(refused, OutboundError::Forbidden(Rule::LoopbackAddress)), "{refused}");
    }

    /// What a name resolves to, from one time to the next.
    struct ChangingNames(Mutex<VecDeque<Vec<IpAddr>>>);

    impl Resolve for ChangingNames {
        fn resolve(&self, _: Name) -> Resolving {
            let found = self.0.lock().unwrap().pop_front().unwrap();
            let found = found.into_iter().map(|address| SocketAddr::new(address, 0));
            Box::pin(async move { Ok(Box::new(found) as Addrs) })
        }
    }

    /// A128, DNS rebinding: the addresses of each connection are those that were checked for it. Here
    /// this machine is outside, and a private network inside.
    #[tokio::test]
    async fn a128_a_name_that_turns_inside_is_refused_from_then_on() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answering = tokio::spawn(async move {
            let mut answered = 0;
            while let Ok((mut caller, _)) = listener.accept().await {
                assert!(caller.read(&mut [0; 4096]).await.unwrap() > 0);
                let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
                caller.write_all(answer).await.unwrap();
                answered += 1;
                if answered == 2 {
                    break;
                }
            }
        });
        let (outside, inside) = ([127, 0, 0, 1].into(), [10, 0, 0, 1].into());
        let turns = [vec![outside], vec![inside], vec![inside, outside]];
        let names = Arc::new(ChangingNames(Mutex::new(turns.into())));
        let outbound =
            Outbound::asking(names, Reach::PublicAndLoopback, Duration::from_secs(5)).unwrap();
        let mut seen = Vec::new();
        for _ in 0..3 {
            let uri = format!("http://localhost:{port}/");
            let answer = outbound.send(Request::get(uri).body(Vec::new()).unwrap()).await;
            seen.push(answer.map_or_else(|error| error.code(), |_| "answered"));
        }
        assert_eq!(seen, ["answered", "private_address", "answered"]);
        answering.await.unwrap();
    }
}
