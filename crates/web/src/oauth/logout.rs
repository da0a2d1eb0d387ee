//! Logout on the wire: Auth0's `/v2/logout` and the end session endpoint of OpenID Connect.

use axum::body::Bytes;
use axum::extract::RawQuery;
use axum::http::HeaderMap;
use axum::response::Response;
use engine::logout::{self, NextLogout, PlainLogout, RpInitiatedLogout};
use protocol::oauth::parameters::Parameters;

use crate::forms;
use crate::logged_out::logout_error;
use crate::page::{After, Desk};
use crate::page_error::PageError;
use crate::visitor::Visitor;

/// `GET /v2/logout`
pub(crate) async fn v2(desk: Desk, visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    desk.finish(plain(&desk, &visitor, query.as_deref()).await)
}

async fn plain(desk: &Desk, visitor: &Visitor, query: Option<&str>) -> Result<Response, PageError> {
    let mut parameters = forms::query(query)?;
    let request = PlainLogout {
        client_id: parameters.take("client_id"),
        return_to: parameters.take("returnTo"),
    };
    let (app, context, visitor) = (&desk.app, desk.context(), visitor.known());
    let ended = logout::plain(app, context, visitor, request, desk.now()).await;
    desk.log_out(After::Get, ended.map_err(|error| logout_error(&error))?.as_deref())
}

/// `GET /oidc/logout`
pub(crate) async fn by_query(desk: Desk, visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let outcome = match forms::query(query.as_deref()) {
        Ok(parameters) => rp_initiated(&desk, &visitor, After::Get, parameters).await,
        Err(error) => Err(error),
    };
    desk.finish(outcome)
}

/// `POST /oidc/logout`. Comes from applications, so from other sites; without a hint the person is
/// asked.
pub(crate) async fn by_form(
    desk: Desk,
    visitor: Visitor,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = match forms::form(&headers, &body) {
        Ok(parameters) => rp_initiated(&desk, &visitor, After::Post, parameters).await,
        Err(error) => Err(error),
    };
    desk.finish(outcome)
}

async fn rp_initiated(
    desk: &Desk,
    visitor: &Visitor,
    after: After,
    mut parameters: Parameters,
) -> Result<Response, PageError> {
    let ui_locales = parameters.take("ui_locales").unwrap_or_default();
    let request = RpInitiatedLogout {
        id_token_hint: parameters.take_secret("id_token_hint"),
        logout_hint: parameters.take("logout_hint"),
        client_id: parameters.take("client_id"),
        post_logout_redirect_uri: parameters.take("post_logout_redirect_uri"),
        state: parameters.take("state"),
    };
    let (app, context) = (&desk.app, desk.context());
    let next = logout::rp_initiated(app, context, visitor.known(), request, desk.now()).await;
    match next.map_err(|error| logout_error(&error))? {
        NextLogout::Done(destination) => desk.log_out(after, destination.as_deref()),
        NextLogout::Confirm { state, client, destination } => {
            let client = client.as_ref().map(|client| client.name.as_str());
            let page = desk.ask_to_log_out(&ui_locales, &state, client, destination.as_deref());
            Ok(visitor.answer(&context.base, page))
        }
    }
}
