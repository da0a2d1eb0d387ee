//! The authorization endpoint: RFC 6749 §4.1, OpenID Connect Core §3.1.2.
//!
//! 0. The request itself: as it stands, what its client signed (`signed.rs`), or what it pushed before
//!    (`pushed.rs`).
//! 1. Client and redirect URI. Until both are known to belong together nothing redirects, and the
//!    person reads the error on a page of ours ([`Unaddressed`]).
//! 2. Everything else about the request. From here on errors go to the redirect URI ([`Denial`]).
//! 3. Whether the browser's login session will do (a pure function, `decision.rs`). If so, the code
//!    is issued without any page.
//! 4. Otherwise the request is remembered for this browser, and the person is led to the login
//!    pages or straight to the provider that the request names. `crate::login` goes on from there.

mod addressee;
pub(crate) mod code;
mod decision;
mod denial;
mod pushed;
mod response;
mod signed;

use model::client::Client;
use model::connection::Strategy;
use model::ids::UserId;
use model::log_event::LogEventKind;
use protocol::oauth::authorize::{
    AuthorizeError, AuthorizeErrorCause, AuthorizeRequest, Prompt, ReplyTo, ResponseMode,
    ScreenHint,
};
use protocol::oauth::parameters::Parameters;
use protocol::oauth::pushed::PushedReference;
use protocol::oauth::redirect_uri::RedirectUri;
use protocol::oauth::token::GrantType;
use protocol::secret::LoginState;
use protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use store::connections::{self, StoredConnection};
use url::Url;

pub use self::addressee::Unaddressed;
pub(crate) use self::addressee::find_client;
use self::decision::{Decision, decide};
pub(crate) use self::denial::Halt;
pub use self::denial::{Denial, ProviderCause};
use self::pushed::Pushed;
pub use self::pushed::{PushError, push};
pub(crate) use self::response::leads_to;
pub use self::response::{AuthorizationResponse, ReplyAddress};
use self::signed::Signed;
use crate::access;
use crate::app::App;
use crate::audit::{self, Event, printable};
use crate::context::Context;
use crate::id_token_hint::{self, IdTokenHint};
use crate::keys::KeyError;
use crate::pending::{self, Pending};
use crate::provider_login;
use crate::sessions::{self, CurrentSession, Visitor};

/// What comes of an authorization request.
#[derive(Debug)]
pub enum Next {
    /// The client is answered.
    Respond(AuthorizationResponse),
    /// The person logs in on a page of ours.
    Page {
        /// Which one comes first.
        screen: Screen,
        /// By what the login is known.
        state: LoginState,
    },
    /// The person logs in at a provider.
    Provider(Url),
}

/// Our pages to log in on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// For people who have an account.
    Login,
    /// For those who want one.
    Signup,
}

/// A request whose sender and address are known to belong together. Stored while a person is on the
/// way through the pages.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AcceptedRequest {
    pub(crate) request: AuthorizeRequest,
    pub(crate) redirect_uri: RedirectUri,
    /// Whom the request is about, if it says so by a token of ours.
    pub(crate) hinted_user: Option<UserId>,
}

impl AcceptedRequest {
    /// The answer to this request.
    pub(crate) fn respond(
        &self,
        client: &Client,
        outcome: Result<protocol::secret::AuthorizationCode, Denial>,
    ) -> AuthorizationResponse {
        AuthorizationResponse {
            address: address(&self.redirect_uri, &self.request.reply_to),
            outcome,
            leads_to: leads_to(client),
        }
    }
}

fn address(redirect_uri: &RedirectUri, reply_to: &ReplyTo) -> ReplyAddress {
    let is_web = redirect_uri.origin().is_some();
    let mode = match reply_to.response_mode {
        mode @ (ResponseMode::Query | ResponseMode::Fragment) => mode,
        mode @ (ResponseMode::FormPost | ResponseMode::WebMessage) if is_web => mode,
        // Nobody posts to an application's own scheme; that is what the query then says.
        ResponseMode::FormPost | ResponseMode::WebMessage => ResponseMode::Query,
    };
    ReplyAddress { redirect_uri: redirect_uri.clone(), mode, state: reply_to.state.clone() }
}

/// A request that was understood, and what is known of it from before.
struct Understood {
    request: AuthorizeRequest,
    /// Whether its client signed it.
    is_signed: bool,
    /// Whom it is about, if that was asked when it was pushed.
    pushed: Option<Hint>,
}

/// Takes a request up.
pub async fn begin(
    app: &App,
    context: &Context,
    visitor: Visitor<'_>,
    parameters: Parameters,
    now: Timestamp,
) -> Result<Next, Unaddressed> {
    let named = parameters.value("client_id").map(str::to_owned);
    let request = match understand(app, context, parameters, now).await {
        Ok(request) => request,
        Err(cause) => {
            return Err(unaddressed(app, context, named.as_deref(), cause, now).await);
        }
    };
    let (reply_to, request) = match request {
        Ok(understood) => (understood.request.reply_to.clone(), Ok(understood)),
        Err(AuthorizeError { cause, reply_to: Some(reply_to) }) => (reply_to, Err(cause)),
        Err(AuthorizeError { cause, reply_to: None }) => {
            return Err(unaddressed(app, context, None, Unaddressed::NoClient(cause), now).await);
        }
    };
    let found = addressee::find(&mut app.store.read().await?, context, &reply_to).await;
    let (client, redirect_uri) = match found {
        Ok(found) => found,
        Err(cause) => {
            let client_id = Some(reply_to.client_id.as_str());
            return Err(unaddressed(app, context, client_id, cause, now).await);
        }
    };
    let is_silent = request.as_ref().is_ok_and(|it| it.request.prompt.contains(Prompt::None));
    match proceed(app, context, visitor, &client, &redirect_uri, request, now).await {
        Ok(next) => Ok(next),
        Err(Halt::Failed(error)) => Err(error.into()),
        Err(Halt::Denied(denial)) => {
            let kind =
                if is_silent { LogEventKind::SilentLoginFailed } else { LogEventKind::LoginFailed };
            let event = Event::new(kind, context).client(&client);
            event.describe(audit::chain(&denial)).commit(app, context, now).await?;
            Ok(Next::Respond(AuthorizationResponse {
                address: address(&redirect_uri, &reply_to),
                outcome: Err(denial),
                leads_to: leads_to(&client),
            }))
        }
    }
}

/// Step 0.
async fn understand(
    app: &App,
    context: &Context,
    parameters: Parameters,
    now: Timestamp,
) -> Result<Result<Understood, AuthorizeError>, Unaddressed> {
    if let Some(reference) = PushedReference::read(&parameters) {
        let reference = reference.map_err(|missing| Unaddressed::NoClient(missing.into()))?;
        let pushed = pushed::take(app, context, &reference, now).await?;
        let Pushed { request, is_signed, hint } = pushed.ok_or(Unaddressed::UnknownRequest)?;
        return Ok(Ok(Understood { request, is_signed, pushed: Some(hint) }));
    }
    let mut read = app.store.read().await?;
    let client = match parameters.value("request").and(parameters.value("client_id")) {
        Some(client_id) => find_client(&mut read, context, client_id).await?,
        None => None,
    };
    let Signed { parameters, is_signed } =
        signed::read(&mut read, context, client.as_ref(), parameters, now).await?;
    let request = AuthorizeRequest::parse(parameters);
    Ok(request.map(|request| Understood { request, is_signed, pushed: None }))
}

/// Notes a request that nobody can be answered for.
async fn unaddressed(
    app: &App,
    context: &Context,
    client_id: Option<&str>,
    cause: Unaddressed,
    now: Timestamp,
) -> Unaddressed {
    if let Unaddressed::Key(_) = cause {
        return cause;
    }
    let client_id = client_id.map(printable);
    let event = Event::new(LogEventKind::LoginFailed, context).client_id(client_id.as_deref());
    match event.describe(audit::chain(&cause)).commit(app, context, now).await {
        Ok(()) => cause,
        Err(error) => error.into(),
    }
}

/// Steps 2 to 4.
async fn proceed(
    app: &App,
    context: &Context,
    visitor: Visitor<'_>,
    client: &Client,
    redirect_uri: &RedirectUri,
    request: Result<Understood, AuthorizeErrorCause>,
    now: Timestamp,
) -> Result<Next, Halt> {
    let Understood { request, is_signed, pushed } = request.map_err(Denial::Request)?;
    if pushed.is_none() && client.require_pushed_authorization_requests {
        return Err(Denial::PushRequired.into());
    }
    let mut read = app.store.read().await?;
    let serving = judge(&mut read, context, client, redirect_uri, (&request, is_signed)).await?;
    let wanted = wanted_connection(&serving, &request)?;
    let hint = match pushed {
        Some(hint) => hint,
        None => Hint::of(app, context, &request, now).await?,
    };
    let current = sessions::current(&mut read, context, visitor.session, now).await?;
    let current = current.filter(|current| {
        let connection = &current.session.connection;
        serving.iter().any(|stored| stored.connection.name == *connection)
            && wanted.is_none_or(|wanted| wanted.connection.name == *connection)
            && hint.admits(&current.user.user_id)
    });
    let hinted_user = hint.into_user();
    let accepted = AcceptedRequest { request, redirect_uri: redirect_uri.clone(), hinted_user };
    let session = current.as_ref().map(|current| &current.session);
    match (decide(&accepted.request.prompt, accepted.request.max_age, session, now), current) {
        (Decision::UseSession, Some(current)) => {
            let response = respond(app, context, client, &accepted, &current, now).await?;
            Ok(Next::Respond(response))
        }
        (Decision::LoginRequired, _) => Err(Denial::LoginRequired.into()),
        (Decision::LogIn, _) | (Decision::UseSession, None) => {
            send_to_login(app, context, visitor, &accepted, &serving, wanted, now).await
        }
    }
}

/// Step 2. Answers the connections through which people log in to the client.
async fn judge(
    q: &mut impl store::Query,
    context: &Context,
    client: &Client,
    redirect_uri: &RedirectUri,
    (request, is_signed): (&AuthorizeRequest, bool),
) -> Result<Vec<StoredConnection>, Halt> {
    let must_be_signed = client.signed_request_object.as_ref().is_some_and(|it| it.required);
    if must_be_signed && !is_signed {
        return Err(Denial::SignatureRequired.into());
    }
    check_request(request, client, redirect_uri)?;
    let serving = serving_logins(q, context, client).await?;
    wanted_connection(&serving, request)?;
    let audience = request.audience.as_deref();
    // Asked again when the code is issued; asked now, so that nobody logs in for nothing.
    access::for_user(q, context, client, audience, &request.scope)
        .await
        .map_err(|error| Halt::of_access(error, client))?;
    Ok(serving)
}

/// Step 2, as far as the request and the client say it themselves.
fn check_request(
    request: &AuthorizeRequest,
    client: &Client,
    redirect_uri: &RedirectUri,
) -> Result<(), Denial> {
    if address(redirect_uri, &request.reply_to).mode != request.reply_to.response_mode {
        return Err(Denial::ResponseMode);
    }
    if !client.allows_grant(GrantType::AuthorizationCode) {
        return Err(Denial::GrantNotAllowed);
    }
    // RFC 9700 §2.1.1: public clients MUST use PKCE; for confidential clients it is RECOMMENDED.
    if client.is_public() && request.code_challenge.is_none() {
        return Err(Denial::ChallengeRequired);
    }
    if request.organization.is_some() {
        return Err(Denial::ParameterNotAllowed("organization"));
    }
    if request.invitation.is_some() {
        return Err(Denial::ParameterNotAllowed("invitation"));
    }
    // Somebody else's client acts on a person's behalf only if the person agrees, and there is no
    // page to ask on.
    if !client.is_first_party {
        return Err(Denial::ConsentRequired);
    }
    Ok(())
}

/// The connections through which people log in to a client.
pub(crate) async fn serving_logins(
    q: &mut impl store::Query,
    context: &Context,
    client: &Client,
) -> Result<Vec<StoredConnection>, KeyError> {
    let mut serving =
        connections::list_for_client(q, context.tenant_id(), &client.client_id).await?;
    // A connection may be for connecting accounts alone.
    serving.retain(|stored| stored.connection.authentication.active);
    Ok(serving)
}

fn wanted_connection<'a>(
    serving: &'a [StoredConnection],
    request: &AuthorizeRequest,
) -> Result<Option<&'a StoredConnection>, Denial> {
    if serving.is_empty() {
        return Err(Denial::NoConnections);
    }
    let Some(name) = &request.connection else { return Ok(None) };
    let wanted = serving.iter().find(|stored| stored.connection.name == *name);
    wanted.map(Some).ok_or(Denial::UnknownConnection)
}

/// Whom an `id_token_hint` allows.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Hint {
    Anybody,
    /// It does not verify, so it names nobody we know.
    Nobody,
    User(UserId),
}

impl Hint {
    async fn of(
        app: &App,
        context: &Context,
        request: &AuthorizeRequest,
        now: Timestamp,
    ) -> Result<Self, KeyError> {
        let Some(token) = &request.id_token_hint else { return Ok(Self::Anybody) };
        let keys = app.tenant_keys(context.tenant_id(), now).await?;
        Ok(match id_token_hint::read(&keys, context, token) {
            Ok(IdTokenHint { user, client: _, session: _ }) => Self::User(user),
            Err(_) => Self::Nobody,
        })
    }

    fn admits(&self, user_id: &UserId) -> bool {
        match self {
            Self::Anybody => true,
            Self::Nobody => false,
            Self::User(hinted) => hinted == user_id,
        }
    }

    fn into_user(self) -> Option<UserId> {
        match self {
            Self::Anybody | Self::Nobody => None,
            Self::User(user_id) => Some(user_id),
        }
    }
}

/// Step 3: answers from the session.
async fn respond(
    app: &App,
    context: &Context,
    client: &Client,
    accepted: &AcceptedRequest,
    current: &CurrentSession,
    now: Timestamp,
) -> Result<AuthorizationResponse, Halt> {
    let CurrentSession { session, user } = current;
    if user.blocked {
        return Err(Denial::UserBlocked.into());
    }
    let mut tx = app.store.write().await?;
    let (code, authorization) =
        code::issue(app, &mut tx, context, accepted, client, session, now).await?;
    sessions::touch(&mut tx, context, session, now).await?;
    Event::new(LogEventKind::SilentLogin, context)
        .client(client)
        .user(user)
        .access(authorization.audience.as_deref(), &authorization.scope)
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await?;
    Ok(accepted.respond(client, Ok(code)))
}

/// Step 4: remembers the request and leads the person to where they log in.
async fn send_to_login(
    app: &App,
    context: &Context,
    visitor: Visitor<'_>,
    accepted: &AcceptedRequest,
    serving: &[StoredConnection],
    wanted: Option<&StoredConnection>,
    now: Timestamp,
) -> Result<Next, Halt> {
    let pending = Pending::Login(Box::new(accepted.clone()));
    let mut tx = app.store.write().await?;
    let state = pending::begin(app, &mut tx, context, visitor.browser, &pending, now).await?;
    tx.commit().await?;
    match wanted {
        Some(stored) if stored.connection.strategy != Strategy::Database => {
            let browser = visitor.browser;
            let left =
                provider_login::leave(app, context, browser, accepted, stored, &state, now).await;
            left.map(Next::Provider).map_err(Halt::of_departure)
        }
        Some(_) | None => {
            let may_sign_up = serving.iter().any(|stored| stored.connection.allows_signup());
            let screen = match accepted.request.screen_hint {
                Some(ScreenHint::Signup) if may_sign_up => Screen::Signup,
                Some(ScreenHint::Signup | ScreenHint::Login) | None => Screen::Login,
            };
            Ok(Next::Page { screen, state })
        }
    }
}
