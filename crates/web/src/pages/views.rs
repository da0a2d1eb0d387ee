//! What the pages show: a view model per page, its template, its texts and its policy.
//!
//! A handler fills a view, renders it and answers with the policy that [`csp_for`] gives for the
//! view's [`kind`](View::kind). Views know nothing of requests, records or the database. Every
//! value is escaped where the template prints it, so a view takes texts as they are; what is
//! followed or loaded instead of shown (links of others, logos, redirect targets) comes in a type
//! that has looked at it first ([`Href`], [`ImageUrl`], [`ResponseTarget`]).
//!
//! The pages work without scripts. The two that hand an authorization response over in the
//! browser ([`FormPostPage`], [`WebMessagePage`]) load one script each from our own origin.

mod assets;
mod connect;
mod csp;
mod error;
mod frame;
mod login;
mod logout;
mod messages;
mod response;
mod signup;
#[cfg(test)]
mod tests;
mod urls;

pub use assets::{ASSETS, Asset, asset};
pub use connect::{ConnectStartPage, ContinuePage, Party, Permission, ReconnectedPage};
pub use csp::{PageKind, csp_for};
pub use error::{ConnectProblem, ErrorPage, ProviderProblem, Reference, RequestProblem};
pub use frame::Frame;
pub use login::{ConnectionChoice, LoginPage, LoginProblem};
pub use logout::{LoggedOutPage, LogoutConfirmPage, StillLoggedInPage};
pub use messages::{BrokenTranslation, Messages, Translations};
pub use response::{FormPostPage, WebMessagePage};
pub use signup::{PasswordRule, RuleState, SignUpPage, SignUpProblem};
pub use urls::{Href, ImageUrl, ResponseTarget};

/// A page that can be rendered and knows which policy it has to be sent with.
pub trait View: askama::Template {
    /// What decides the page's Content-Security-Policy.
    fn kind(&self) -> PageKind<'_>;
}
