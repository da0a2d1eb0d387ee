//! The whole server in one process, for tests: a clock by hand, randomness by seed, a provider
//! beside it, and a browser with cookies.
//!
//! ```ignore
//! let server = TestServer::start().await;
//! let browser = server.browser();
//! let key = server.dpop_key();
//! let tokens = server.log_in(&browser, &Login::spa().bound_to(&key)).await;
//! server.connect_account(&browser, &tokens, &Connect::calendar()).await;
//! let answer = server.exchange_access_token(&tokens, &Exchange::calendar()).await;
//! ```
//!
//! - [`TestServer`] is a running server with its tenant; [`Tenant`] has the steps: they are what an
//!   application, its users and its operator do, over real connections.
//! - [`Call`] and [`Answer`] are one request and what came of it, for everything that has no step.
//! - [`Browser`] keeps cookies, follows redirects and fills in forms.
//! - [`Emulated`] commands the provider: expire, revoke, fail, count.
//!
//! A step that cannot be taken ends the test, with the answer that stood in the way.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a step that cannot be taken ends the test"
)]

mod accounts;
mod audit;
mod browser;
mod call;
mod catalogue;
mod certificates;
mod client_key;
mod clock;
mod cookies;
mod database;
mod dpop;
mod emulated;
mod entropy;
mod exchange;
mod front;
mod html;
mod link;
mod login;
mod management;
mod receiver;
mod server;
mod tenant;
mod world;

pub use accounts::{Connect, Connecting};
pub use browser::{Browser, Page, Persona};
pub use call::{Answer, Call};
pub use certificates::{Authority, Identity};
pub use client_key::ClientKey;
pub use clock::{ManualClock, START};
pub use database::Engine;
pub use dpop::DpopKey;
pub use emulated::Emulated;
pub use entropy::SeededEntropy;
pub use exchange::Exchange;
pub use front::Front;
pub use html::{Form, Submit};
pub use link::Link;
pub use login::{Application, Attempt, Login, Tokens};
pub use receiver::{Received, Receiver};
pub use server::{Builder, DatabaseLock, TestServer, actions_worker};
pub use strongroom::seed::{
    CALENDAR_CONNECTION, Credentials, DATABASE_CONNECTION, RESOURCE_SERVER, Seeded, SeededPerson,
};
pub use tenant::Tenant;
