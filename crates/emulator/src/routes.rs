//! Every route, in one table.

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::extract::State as Shared;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{MethodRouter, delete, get, post};
use axum::{Extension, Router};

use crate::BODY_BYTES_MAX;
use crate::app::App;
use crate::faults::Endpoint;
use crate::faults::layer::{Site, apply};
use crate::flavour::Flavour;
use crate::flavours::github;
use crate::oidc::{authorize, discovery, pages as interaction, revoke, userinfo};
use crate::{calendar, catalogued, control, pages, token};

pub(crate) fn router(app: Arc<App>) -> Router {
    let mut router = Router::new()
        .route("/", get(home))
        .route("/assets/emulator.css", get(pages::style))
        .route("/interaction/{id}", get(interaction::show))
        .route("/interaction/{id}/login", post(interaction::login))
        .route("/interaction/{id}/account", post(interaction::account))
        .route("/interaction/{id}/decision", post(interaction::decision));
    if app.open_controls {
        router = router.merge(control::routes());
    }
    for flavour in Flavour::ALL {
        for (path, endpoint, methods) in endpoints(flavour) {
            let site = Site { app: Arc::clone(&app), flavour, endpoint };
            let methods: MethodRouter<_> = methods.layer(from_fn_with_state(site, apply));
            router = router.route(&path, methods.layer(Extension(flavour)));
        }
    }
    for (flavour, spec) in app.specs() {
        for (path, endpoint, methods) in catalogued::endpoints(spec) {
            let site = Site { app: Arc::clone(&app), flavour, endpoint };
            let methods: MethodRouter<_> = methods.layer(from_fn_with_state(site, apply));
            router = router.route(&path, methods.layer(Extension(flavour)));
        }
    }
    router.layer(DefaultBodyLimit::max(BODY_BYTES_MAX)).with_state(app)
}

type Route = (String, Endpoint, MethodRouter<Arc<App>>);

/// The endpoints that a flavour serves and that fault rules can name.
fn endpoints(flavour: Flavour) -> Vec<Route> {
    let paths = flavour.paths();
    let at = |path: &str, endpoint, methods| (path.to_owned(), endpoint, methods);
    let mut routes = vec![
        at(paths.authorize, Endpoint::Authorize, get(authorize::get).post(authorize::post)),
        at(paths.token, Endpoint::Token, post(token::post)),
    ];
    if let (Some(discovery), Some(jwks)) = (paths.discovery, paths.jwks) {
        routes.push(at(discovery, Endpoint::Discovery, get(discovery::configuration)));
        routes.push(at(jwks, Endpoint::Jwks, get(discovery::jwks)));
    }
    match flavour {
        Flavour::Oidc => {
            let events = get(calendar::list).post(calendar::create);
            routes.push(at("/calendar/events", Endpoint::Calendar, events));
            routes.push(at(paths.userinfo, Endpoint::UserInfo, oidc_userinfo()));
            routes.push(at(paths.revoke, Endpoint::Revoke, post(revoke::rfc_7009)));
        }
        Flavour::Google => {
            routes.push(at(paths.userinfo, Endpoint::UserInfo, oidc_userinfo()));
            routes.push(at(paths.revoke, Endpoint::Revoke, post(revoke::google)));
        }
        Flavour::GitHub | Flavour::GitHubApp => {
            let emails = format!("{}/emails", paths.userinfo);
            let grant = paths.revoke.replace("/token", "/grant");
            routes.push(at(paths.userinfo, Endpoint::UserInfo, get(github::user)));
            routes.push(at(&emails, Endpoint::UserInfo, get(github::emails)));
            routes.push(at(paths.revoke, Endpoint::Revoke, delete(github::delete_token)));
            routes.push(at(&grant, Endpoint::Revoke, delete(github::delete_grant)));
        }
        // `Flavour::ALL` has none.
        Flavour::Catalogued(_) => {}
    }
    routes
}

fn oidc_userinfo() -> MethodRouter<Arc<App>> {
    get(userinfo::userinfo).post(userinfo::userinfo)
}

async fn home(Shared(app): Shared<Arc<App>>) -> Response {
    pages::home(&app)
}
