//! The HTML pages, rendered on the server, without script.

use askama::Template;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::flavour::Flavour;

const STYLE: &str = include_str!("../assets/emulator.css");

/// No `form-action`: browsers apply it to the whole chain of redirects after a
/// form, which ends at the client and passes through it to origins unknown here.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'";

/// One account of the account chooser.
pub(crate) struct AccountLine<'a> {
    pub(crate) sub: &'a str,
    pub(crate) name: &'a str,
    pub(crate) email: &'a str,
}

/// One scope of the consent page.
pub(crate) struct ScopeLine {
    pub(crate) value: String,
    pub(crate) words: &'static str,
    /// Whether the user may untick it.
    pub(crate) optional: bool,
}

/// The home page: what this process is and where everything stands.
pub(crate) fn home(app: &App) -> Response {
    let flavours = Flavour::ALL.map(|flavour| FlavourLine {
        title: flavour.title(),
        authorization: flavour.endpoints(&app.base_url).authorization,
        discovery: flavour.paths().discovery.unwrap_or_default(),
    });
    let users = app.users().iter();
    let users = users.map(|user| UserLine { username: &user.username, name: &user.name }).collect();
    let controls = app.open_controls;
    page(StatusCode::OK, &HomePage { brand: Flavour::Oidc.into(), flavours, users, controls })
}

pub(crate) fn login(
    flavour: Flavour,
    interaction: &str,
    client: &str,
    username: &str,
    wrong: bool,
) -> Response {
    let status = if wrong { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    page(status, &LoginPage { brand: flavour.into(), interaction, client, username, wrong })
}

pub(crate) fn choose_account(
    flavour: Flavour,
    interaction: &str,
    client: &str,
    accounts: &[AccountLine<'_>],
) -> Response {
    page(StatusCode::OK, &AccountPage { brand: flavour.into(), interaction, client, accounts })
}

pub(crate) fn consent(
    flavour: Flavour,
    interaction: &str,
    client: &str,
    email: &str,
    scopes: &[ScopeLine],
) -> Response {
    let page_data = ConsentPage { brand: flavour.into(), interaction, client, email, scopes };
    page(StatusCode::OK, &page_data)
}

/// A request that must not be answered by redirect.
pub(crate) fn error(flavour: Flavour, message: &str) -> Response {
    page(StatusCode::BAD_REQUEST, &ErrorPage { brand: flavour.into(), message })
}

/// An interaction that is over, too old, or another browser's.
pub(crate) fn ended() -> Response {
    let message = "This sign-in has ended or was started in another browser. \
                   Go back to the application and try again.";
    error(Flavour::Oidc, message)
}

/// `303 See Other`: the browser follows by GET whatever it came by, so that no
/// form body travels along (RFC 9700 §4.12).
pub(crate) fn see_other(location: &str) -> Response {
    let Ok(location) = HeaderValue::try_from(location) else {
        return error(Flavour::Oidc, "The redirect URI cannot be sent in a header.");
    };
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(LOCATION, location);
    protect(response)
}

/// `GET /assets/emulator.css`.
pub(crate) async fn style() -> Response {
    let css = HeaderValue::from_static("text/css; charset=utf-8");
    ([(CONTENT_TYPE, css)], STYLE).into_response()
}

fn page(status: StatusCode, template: &impl Template) -> Response {
    let html = match template.render() {
        Ok(html) => html,
        Err(failed) => {
            let message = format!("the page cannot be rendered: {failed}");
            return (StatusCode::INTERNAL_SERVER_ERROR, message).into_response();
        }
    };
    let content_type = HeaderValue::from_static("text/html; charset=utf-8");
    protect((status, [(CONTENT_TYPE, content_type)], html).into_response())
}

fn protect(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

struct Brand {
    title: &'static str,
    style_class: &'static str,
}

impl From<Flavour> for Brand {
    fn from(flavour: Flavour) -> Self {
        Self { title: flavour.title(), style_class: flavour.style_class() }
    }
}

struct FlavourLine {
    title: &'static str,
    authorization: String,
    discovery: &'static str,
}

struct UserLine<'a> {
    username: &'a str,
    name: &'a str,
}

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage<'a> {
    brand: Brand,
    flavours: [FlavourLine; 4],
    users: Vec<UserLine<'a>>,
    controls: bool,
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    brand: Brand,
    interaction: &'a str,
    client: &'a str,
    username: &'a str,
    wrong: bool,
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage<'a> {
    brand: Brand,
    interaction: &'a str,
    client: &'a str,
    accounts: &'a [AccountLine<'a>],
}

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage<'a> {
    brand: Brand,
    interaction: &'a str,
    client: &'a str,
    email: &'a str,
    scopes: &'a [ScopeLine],
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    brand: Brand,
    message: &'a str,
}
