//! A33: a refresh token speaks for a person, a client and what it may, as they are now.

use model::client_grant::SubjectType;
use model::log_event::LogEventKind;
use model::resource_server::{SystemApi, UserPolicy};
use protocol::oauth::token::GrantType;
use reqwest::Method;
use serde_json::json;
use store::{client_grants, connections, resource_servers};
use testkit::{Answer, Application, DATABASE_CONNECTION, Login, TestServer, Tokens};

use crate::checks::{noted, refused};
use crate::steps::edit_ada;
use crate::support::{edit_client, edit_connection};

const UNKNOWN: &str = "Unknown or invalid refresh token.";

async fn logged_in(server: &TestServer) -> Tokens {
    server.log_in(&server.browser(), &Login::web()).await
}

async fn refresh(server: &TestServer, tokens: &Tokens) -> Answer {
    server.refreshing(tokens, &[]).send().await
}

async fn refused_for(
    server: &TestServer,
    tokens: &Tokens,
    refusal: (u16, &str, &str),
    cause: &str,
) {
    let answer = refresh(server, tokens).await;
    refused(&answer, refusal.0, refusal.1, refusal.2);
    noted(server, LogEventKind::RefreshExchangeFailed, cause).await;
}

fn not_authorized(server: &TestServer, audience: &str) -> String {
    let client_id = &server.seeded().web.client_id;
    format!("Client \"{client_id}\" is not authorized to access resource server \"{audience}\".")
}

fn path_of_ada(server: &TestServer) -> String {
    format!("users/{}", server.seeded().people[0].user_id.as_str().replace('|', "%7C"))
}

#[tokio::test]
async fn a33_a_person_who_is_blocked_is_not_refreshed() {
    let server = TestServer::start().await;
    let tokens = logged_in(&server).await;
    edit_ada(&server, |ada| ada.blocked = true).await;
    let blocked = (403, "unauthorized", "user is blocked");
    refused_for(&server, &tokens, blocked, "the user is blocked").await;
    edit_ada(&server, |ada| ada.blocked = false).await;
    refresh(&server, &tokens).await.expect(200);

    // An operator who blocks somebody ends what they have; letting them in again gives a new start.
    let (token, path) = (server.management_token().await, path_of_ada(&server));
    for blocked in [true, false] {
        let call = server.management(Method::PATCH, &path, &token);
        call.json(&json!({ "blocked": blocked })).send().await.expect(200);
    }
    let ended = (403, "invalid_grant", UNKNOWN);
    refused_for(&server, &tokens, ended, "the refresh token was revoked").await;
}

#[tokio::test]
async fn a33_a_new_password_ends_what_the_old_one_began() {
    let server = TestServer::start().await;
    let tokens = logged_in(&server).await;
    let (token, path) = (server.management_token().await, path_of_ada(&server));
    let call = server.management(Method::PATCH, &path, &token);
    call.json(&json!({ "password": "a quite different one" })).send().await.expect(200);
    let ended = (403, "invalid_grant", UNKNOWN);
    refused_for(&server, &tokens, ended, "the refresh token was revoked").await;
}

#[tokio::test]
async fn a33_a_person_who_is_gone_is_not_refreshed() {
    let server = TestServer::start().await;
    let tokens = logged_in(&server).await;
    let (token, path) = (server.management_token().await, path_of_ada(&server));
    server.management(Method::DELETE, &path, &token).send().await.expect(204);
    let gone = (403, "invalid_grant", UNKNOWN);
    refused_for(&server, &tokens, gone, "the refresh token is unknown").await;
}

#[tokio::test]
async fn a33_a_client_that_lost_the_grant_is_not_refreshed() {
    let server = TestServer::start().await;
    let tokens = logged_in(&server).await;
    let grants = |kept: Vec<_>| async {
        edit_client(&server, Application::Web, |client| client.grant_types = kept).await;
    };
    let mut before = Vec::new();
    edit_client(&server, Application::Web, |client| before.clone_from(&client.grant_types)).await;
    let refresh_token = GrantType::RefreshToken.as_str();
    let others = before.iter().filter(|grant| grant.as_str() != refresh_token).cloned();
    grants(others.collect()).await;
    let description = "Grant type 'refresh_token' not allowed for the client.";
    let cause = "the refresh_token grant is not enabled for the client";
    refused_for(&server, &tokens, (403, "unauthorized_client", description), cause).await;
    grants(before).await;
    refresh(&server, &tokens).await.expect(200);
}

#[tokio::test]
async fn a33_an_api_that_is_closed_gives_no_more_tokens() {
    let server = TestServer::start().await;
    let tokens = logged_in(&server).await;
    let tenant = &server.seeded().tenant.id;
    let mut tx = server.app().store.write().await.unwrap();
    let api = resource_servers::find_by_identifier(&mut tx, tenant, testkit::RESOURCE_SERVER);
    let mut api = api.await.unwrap().unwrap();
    api.subject_type_authorization.user.policy = UserPolicy::DenyAll;
    resource_servers::update(&mut tx, tenant, &api).await.unwrap();
    tx.commit().await.unwrap();
    let answer = refresh(&server, &tokens).await;
    refused(&answer, 403, "access_denied", &not_authorized(&server, testkit::RESOURCE_SERVER));
    let identifier = testkit::RESOURCE_SERVER;
    let cause = format!(
        "the client is not authorized to access {identifier:?}: the resource server gives no \
         tokens for people"
    );
    noted(&server, LogEventKind::RefreshExchangeFailed, &cause).await;

    let mut tx = server.app().store.write().await.unwrap();
    resource_servers::delete(&mut tx, tenant, &api.id).await.unwrap();
    tx.commit().await.unwrap();
    let gone = format!("Service not found: {identifier}");
    let cause = format!("there is no resource server {identifier:?}");
    refused_for(&server, &tokens, (403, "access_denied", &gone), &cause).await;
}

#[tokio::test]
async fn a33_a_client_grant_that_is_gone_gives_no_more_tokens() {
    let server = TestServer::start().await;
    let tokens = logged_in(&server).await;
    server.my_account_tokens(&tokens).await;
    let (tenant, client_id) = (&server.seeded().tenant, &server.seeded().web.client_id);
    let audience = SystemApi::MyAccount.audience(tenant.canonical_base().unwrap());
    let mut tx = server.app().store.write().await.unwrap();
    let user = SubjectType::User;
    let grant = client_grants::find_for(&mut tx, &tenant.id, client_id, &audience, user);
    let grant = grant.await.unwrap().unwrap();
    client_grants::delete(&mut tx, &tenant.id, &grant.id).await.unwrap();
    tx.commit().await.unwrap();
    let answer = server.refreshing(&tokens, &[("audience", &audience)]).send().await;
    refused(&answer, 403, "access_denied", &not_authorized(&server, &audience));
    let cause = format!(
        "the client is not authorized to access {audience:?}: there is no client grant for users"
    );
    noted(&server, LogEventKind::RefreshExchangeFailed, &cause).await;
    refresh(&server, &tokens).await.expect(200);
}

/// The connection through which a person comes may be closed, or closed to this client.
#[tokio::test]
async fn a33_a_person_whose_connection_is_closed_is_not_refreshed() {
    let server = TestServer::start().await;
    let tokens = logged_in(&server).await;
    let closed = (403, "invalid_grant", UNKNOWN);
    let cause = "no connection of the user lets them log in to the client";
    let active = |active| {
        edit_connection(&server, DATABASE_CONNECTION, move |connection| {
            connection.authentication.active = active;
        })
    };
    active(false).await;
    refused_for(&server, &tokens, closed, cause).await;
    active(true).await;
    refresh(&server, &tokens).await.expect(200);

    let (tenant, client_id) = (&server.seeded().tenant.id, &server.seeded().web.client_id);
    let mut tx = server.app().store.write().await.unwrap();
    let stored = connections::find_by_name(&mut tx, tenant, DATABASE_CONNECTION);
    let id = stored.await.unwrap().unwrap().connection.id;
    connections::disable(&mut tx, tenant, &id, client_id).await.unwrap();
    tx.commit().await.unwrap();
    refused_for(&server, &tokens, closed, cause).await;
}
