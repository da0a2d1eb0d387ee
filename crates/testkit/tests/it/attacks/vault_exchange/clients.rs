//! Which clients the vault serves, on which connections, and what the others learn.

use model::client::{AuthMethod, Client, ExpirationType, RotationType};
use model::connection::Connection;
use protocol::oauth::token::GrantType;
use serde_json::json;
use store::connections;
use testkit::{
    Answer, Application, CALENDAR_CONNECTION, Connect, DATABASE_CONNECTION, Emulated, Exchange,
    Login, Tenant,
};

use crate::scene::{
    CLIENT_NOT_AUTHENTICATED, GRANT_NOT_ALLOWED, LoggedIn, NOT_CONNECTED, Scene, add_connection,
    edit, exchange_with, refuses,
};
use crate::support::edit_connection;

#[tokio::test]
async fn a75_a_client_that_stops_being_eligible_is_refused_on_the_next_call() {
    let flips: [(fn(&mut Client), &str); 3] = [
        (|it| it.is_first_party = false, "the client is not first-party"),
        (|it| it.oidc_conformant = false, "the client is not OIDC-conformant"),
        (
            |it| it.grant_types.retain(|grant| grant.as_str() != GrantType::VaultExchange.as_str()),
            "the Token Vault grant is not enabled for the client",
        ),
    ];
    for scene in [Scene::web().await, Scene::spa().await] {
        let server = &scene.server;
        let client_id = match scene.ada.tokens.application {
            Application::Web => &server.seeded().web.client_id,
            Application::Spa => &server.seeded().api.client_id,
        };
        for (flip, cause) in flips {
            scene.is_intact().await;
            let mut before = None;
            edit(server, client_id, |client| {
                before = Some(client.clone());
                flip(client);
            })
            .await;
            let calendar = Exchange::calendar();
            refuses(server, GRANT_NOT_ALLOWED, cause, scene.ada.exchange(&calendar)).await;
            edit(server, client_id, |client| *client = before.unwrap()).await;
        }
        scene.is_intact().await;
    }
}

/// A client that cannot prove who it is gets nothing, whether it sends a secret or not.
#[tokio::test]
async fn a75_a_public_client_is_refused() {
    let scene = Scene::web().await;
    let server = &scene.server;
    let web = &server.seeded().web;
    edit(server, &web.client_id, |it| it.token_endpoint_auth_method = AuthMethod::None).await;
    let calendar = Exchange::calendar();
    let with_secret = scene.ada.exchange(&calendar);
    let cause = "a public client sent a secret";
    refuses(server, CLIENT_NOT_AUTHENTICATED, cause, with_secret).await;
    let token = scene.ada.mine.refresh_token.as_deref().unwrap();
    let subject = ("urn:ietf:params:oauth:token-type:refresh_token", token);
    let bare = exchange_with(server, web, subject, &[("client_secret", "")]);
    let cause = "the client does not authenticate at the token endpoint";
    refuses(server, GRANT_NOT_ALLOWED, cause, bare.send()).await;

    edit(server, &web.client_id, |it| it.token_endpoint_auth_method = AuthMethod::default()).await;
    scene.is_intact().await;
    let bare = exchange_with(server, web, subject, &[("client_secret", "")]);
    let cause = "the client sent no secret";
    refuses(server, CLIENT_NOT_AUTHENTICATED, cause, bare.send()).await;
    let wrong = exchange_with(server, web, subject, &[("client_secret", "not-the-secret")]);
    let cause = "the client's secret is wrong";
    refuses(server, CLIENT_NOT_AUTHENTICATED, cause, wrong.send()).await;
}

/// A client whose refresh tokens rotate is served too: the exchange looks at the token and spends
/// nothing.
#[tokio::test]
async fn a75_an_exchange_spends_no_rotating_token() {
    let scene = Scene::web().await;
    let server = &scene.server;
    edit(server, &server.seeded().web.client_id, |client| {
        client.refresh_token.rotation_type = RotationType::Rotating;
        client.refresh_token.expiration_type = ExpirationType::Expiring;
        client.refresh_token.infinite_token_lifetime = false;
        client.refresh_token.infinite_idle_token_lifetime = false;
    })
    .await;
    let ada = LoggedIn::of(server, &Login::web()).await;
    for _ in 0..3 {
        ada.calendar_token().await;
    }
    let next = server.refresh(&ada.mine, &[]).await;
    assert_ne!(next.refresh_token, ada.mine.refresh_token);
    server.exchange_refresh_token(&next, &Exchange::calendar()).await.expect(200);
}

#[tokio::test]
async fn a76_a_connection_that_does_not_serve_is_as_good_as_none() {
    for scene in [Scene::web().await, Scene::spa().await] {
        let server = &scene.server;
        let on = |connection: &str| Exchange {
            connection: connection.to_owned(),
            ..Exchange::calendar().login_hint(&Emulated::subject_of("ada"))
        };
        let unknown = "there is no connection of that name";
        for name in ["Calendar", "CALENDAR", " calendar", "calendar ", "con_1", "no-such", "*"] {
            refuses(server, NOT_CONNECTED, unknown, scene.ada.exchange(&on(name))).await;
        }
        let id = connection_of(server).await.id;
        refuses(server, NOT_CONNECTED, unknown, scene.ada.exchange(&on(id.as_str()))).await;
        let inactive = "the connection is not enabled for connected accounts";
        let database = on(DATABASE_CONNECTION);
        refuses(server, NOT_CONNECTED, inactive, scene.ada.exchange(&database)).await;

        let calendar = on(CALENDAR_CONNECTION);
        let activate = async |active| {
            edit_connection(server, CALENDAR_CONNECTION, |it| {
                it.connected_accounts.active = active;
            })
            .await;
        };
        activate(false).await;
        refuses(server, NOT_CONNECTED, inactive, scene.ada.exchange(&calendar)).await;
        activate(true).await;

        // It must serve the client that the person gave the token to, and that one alone.
        let holder = server.client_id(scene.ada.tokens.application);
        serve(server, &holder, false).await;
        let cause = "the connection is not enabled for the client";
        refuses(server, NOT_CONNECTED, cause, scene.ada.exchange(&calendar)).await;
        serve(server, &holder, true).await;
        scene.is_intact().await;
    }
}

/// What came by a connection goes with it, and does not come back with another of its name.
#[tokio::test]
async fn a76_a_deleted_connection_takes_its_accounts_along() {
    let scene = Scene::web().await;
    let server = &scene.server;
    let old = connection_of(server).await;
    let token = server.management_token().await;
    let path = format!("connections/{}", old.id);
    let call = server.management(reqwest::Method::DELETE, &path, &token);
    call.send().await.expect(202);
    let attempt = scene.ada.exchange_calendar();
    refuses(server, NOT_CONNECTED, "there is no connection of that name", attempt).await;
    let discovery = format!("{}.well-known/openid-configuration", server.provider().issuer());
    let options = json!({ "discovery_url": discovery, "scope": old.options["scope"] });
    add_connection(server, CALENDAR_CONNECTION, "oidc", options).await;
    let attempt = scene.ada.exchange_calendar();
    refuses(server, NOT_CONNECTED, "tokenset_not_found", attempt).await;
    scene.ada.connect(&Connect::calendar()).await;
    scene.is_intact().await;
}

/// Nobody learns by an exchange what exists: whatever is missing, the answers are the same.
#[tokio::test]
async fn a84_what_is_missing_cannot_be_told_apart() {
    let scene = Scene::web().await;
    let server = &scene.server;
    let grace = LoggedIn::of(server, &Login::web().by_person(server.grace())).await;
    let calendar = Exchange::calendar();
    let named = |name: &str| Exchange { connection: name.to_owned(), ..Exchange::calendar() };

    let mut answers = vec![
        grace.exchange(&calendar).await,
        grace.exchange(&calendar.clone().login_hint(&Emulated::subject_of("ada"))).await,
        grace.exchange(&calendar.clone().login_hint("nobody")).await,
        grace.exchange(&calendar.clone().scope("read:calendar")).await,
        grace.exchange(&calendar.clone().scope("no:such")).await,
        grace.exchange(&named("no-such")).await,
        grace.exchange(&named(DATABASE_CONNECTION)).await,
        scene.ada.exchange(&calendar.clone().login_hint("nobody")).await,
    ];
    edit_connection(server, CALENDAR_CONNECTION, |it| it.connected_accounts.active = false).await;
    answers.extend([grace.exchange(&calendar).await, scene.ada.exchange(&calendar).await]);
    edit_connection(server, CALENDAR_CONNECTION, |it| it.connected_accounts.active = true).await;
    let web = server.client_id(Application::Web);
    serve(server, &web, false).await;
    answers.extend([grace.exchange(&calendar).await, scene.ada.exchange(&calendar).await]);
    serve(server, &web, true).await;

    let seen = |answer: &Answer| {
        let mut headers = answer.headers.clone();
        headers.remove("date");
        (answer.status, headers, answer.body.clone())
    };
    let first = seen(&answers[0]);
    for answer in &answers {
        assert_eq!(seen(answer), first, "{answer:?}");
    }
    scene.is_intact().await;
}

/// Disconnected in between, an account is gone for every client at once.
#[tokio::test]
async fn a84_a_disconnected_account_is_as_one_that_never_was() {
    let scene = Scene::web().await;
    let server = &scene.server;
    let by_spa = LoggedIn::of(server, &Login::spa()).await;
    by_spa.calendar_token().await;
    let path =
        format!("/me/v1/connected-accounts/accounts/{}", scene.account["id"].as_str().unwrap());
    server.delete(&path).access(&scene.ada.mine).send().await.expect(204);
    let calendar = Exchange::calendar();
    for person in [&scene.ada, &by_spa] {
        refuses(server, NOT_CONNECTED, "tokenset_not_found", person.exchange(&calendar)).await;
    }
    by_spa.connect(&Connect::calendar()).await;
    scene.is_intact().await;
}

async fn connection_of(tenant: &Tenant) -> Connection {
    let mut read = tenant.app().store.read().await.unwrap();
    let id = &tenant.seeded().tenant.id;
    let found = connections::find_by_name(&mut read, id, CALENDAR_CONNECTION).await.unwrap();
    found.unwrap().connection
}

/// Makes the calendar serve a client, or serve it no longer, as an operator does.
async fn serve(tenant: &Tenant, client_id: &str, status: bool) {
    let token = tenant.management_token().await;
    let path = format!("connections/{}/clients", connection_of(tenant).await.id);
    let change = json!([{ "client_id": client_id, "status": status }]);
    let call = tenant.management(reqwest::Method::PATCH, &path, &token).json(&change);
    call.send().await.expect(204);
}
