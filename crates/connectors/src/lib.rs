//! What every provider needs to be called, and how to read what it says.
//!
//! This crate sends nothing. It turns a connection (Auth0's `options`, with the
//! secret kept apart) and one entry of the catalogue into a [`Provider`]; from
//! that it builds an authorization URL or a request, and it reads a reply:
//!
//! 1. [`Provider::resolve`]: options + catalogue → [`Provider`]. Strategy `oidc`
//!    first needs [`Provider::discovery_url`] fetched and [`read_metadata`].
//! 2. [`authorize_url`]: where the browser goes. [`read_callback`]: what it
//!    brings back.
//! 3. [`code_request`], [`refresh_request`] → [`read_token_reply`].
//! 4. [`userinfo_request`], [`emails_request`], or the connection's own script → [`read_account`].
//! 5. [`revocation_request`] → [`read_revocation_reply`].
//!
//! [`Facts`] are kept of an account beside its tokens; with them [`options_of_account`] leads each later
//! request to where the account is.
//!
//! What is peculiar to a provider stands in `catalogue/<strategy>.toml`, with
//! its sources; only what data cannot say is code, in `quirks`.
//!
//! Replies are written by strangers. Nothing of a reply's text ever reaches an
//! error: faults carry a short code of known shape ([`FaultCode`]), tokens go
//! straight into types that cannot be printed, and sizes are bounded.

mod account;
mod asked;
mod assertion;
mod attribute_map;
mod authorize_url;
mod callback;
mod catalogue;
mod endpoint;
#[cfg(test)]
mod every_provider;
mod facts;
mod fault;
mod metadata;
mod options;
mod parameters;
mod place;
mod provider;
mod quirks;
mod reply;
mod request;
mod resolve;
mod revocation;
mod scopes;
pub mod spec;
mod template;
#[cfg(test)]
mod testing;
mod token_call;
mod token_reply;

pub use account::{AccountFault, AccountReplies, ProviderAccount, read_account};
pub use asked::connect_scopes;
pub use assertion::Moment;
pub use authorize_url::{
    AuthorizeRequest, AuthorizeUrl, CONNECT_PARAMETERS, Purpose, authorize_url,
};
pub use callback::{Callback, CallbackFault, read_callback};
pub use catalogue::{Catalogue, CatalogueError};
pub use endpoint::{Endpoint, InvalidEndpoint};
pub use facts::{Facts, options_of_account, read_facts};
pub use fault::{FaultCode, TokenFault};
pub use metadata::{MetadataError, read_metadata};
pub use options::OptionsError;
pub use parameters::UpstreamParameter;
pub use provider::{ClientAuth, Endpoints, Pkce, Provider, SettledScopes};
pub use reply::{REPLY_BYTES_MAX, Reply};
pub use request::{ProviderRequest, RequestBody, RequestError};
pub use resolve::TRANSPORT_HEADERS;
pub use revocation::{RevocableTokens, read_revocation_reply, revocation_request};
pub use scopes::{effective as every_name_of, in_words};
pub use spec::{RefreshSpec, Rotation, Spec};
pub use template::Template;
pub use token_call::{code_request, emails_request, refresh_request, userinfo_request};
pub use token_reply::{Expiry, Extras, TOKEN_BYTES_MAX, TokenReply, read_token_reply};
