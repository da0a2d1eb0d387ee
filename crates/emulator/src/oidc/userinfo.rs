//! The UserInfo endpoint (OIDC Core §5.3).

use std::sync::Arc;

use axum::extract::State as Shared;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Serialize;

use super::id_token::PersonClaims;
use crate::app::App;
use crate::bearer;
use crate::flavour::Flavour;
use crate::stats::Counted;

#[derive(Serialize)]
struct UserInfo<'a> {
    sub: &'a str,
    #[serde(flatten)]
    person: PersonClaims<'a>,
}

/// `GET` and `POST {userinfo}`.
pub(crate) async fn userinfo(
    Shared(app): Shared<Arc<App>>,
    Extension(flavour): Extension<Flavour>,
    headers: HeaderMap,
) -> Response {
    let mut state = app.lock();
    let access = match bearer::authorize(&app, &state, &headers, flavour, "openid") {
        Ok(access) => access,
        Err(refused) => return refused.into_response(),
    };
    state.count(Counted::UserInfo, &access.account);
    drop(state);
    let sub = access.account.sub.as_str();
    Json(UserInfo { sub, person: PersonClaims::of(&app, sub, &access.scope) }).into_response()
}
