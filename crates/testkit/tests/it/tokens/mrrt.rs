//! Multi-resource refresh tokens: one refresh token for several APIs, as the client's policies say.

use model::client::RefreshTokenPolicy;
use model::client_grant::SubjectType;
use model::log_event::LogEventKind;
use model::resource_server::SystemApi;
use store::client_grants;
use testkit::{Application, Login, RESOURCE_SERVER, TestServer, Tokens};

use crate::checks::{noted, refused};
use crate::support::edit_client;

const READ: &str = "read:me:connected_accounts";
const CREATE: &str = "create:me:connected_accounts";
const DELETE: &str = "delete:me:connected_accounts";

/// What the login was granted.
const ORIGINAL: &str = "openid offline_access read:calendar";

async fn policies(server: &TestServer, policies: &[(&str, &[&str])]) {
    let policies = policies.iter().map(|(audience, scopes)| RefreshTokenPolicy {
        audience: (*audience).to_owned(),
        scope: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
    });
    let policies = policies.collect();
    edit_client(server, Application::Web, |client| client.refresh_token.policies = Some(policies))
        .await;
}

/// The audience as it is stored.
fn my_account(server: &TestServer) -> String {
    SystemApi::MyAccount.audience(server.seeded().tenant.canonical_base().unwrap())
}

async fn log_in(server: &TestServer) -> Tokens {
    server.log_in(&server.browser(), &Login::web().scope(ORIGINAL)).await
}

fn sorted(scope: &str) -> Vec<String> {
    let mut scopes: Vec<String> = scope.split(' ').map(str::to_owned).collect();
    scopes.sort();
    scopes
}

#[tokio::test]
async fn the_scopes_of_a_refresh() {
    let server = TestServer::start().await;
    let mine = my_account(&server);
    policies(
        &server,
        &[
            (RESOURCE_SERVER, &["write:calendar", "unknown:to-the-api"]),
            (&mine, &[READ, DELETE, "unknown:to-the-api"]),
        ],
    )
    .await;
    let tokens = log_in(&server).await;
    let with = |more: &str| format!("openid offline_access {more}");
    let both = format!("{READ} {DELETE}");
    let original = "read:calendar write:calendar";
    for (audience, scope, expected) in [
        // The original API: what was granted, and what its policy adds.
        (None, None, with(original)),
        (Some(RESOURCE_SERVER), None, with(original)),
        (None, Some("read:calendar"), with("read:calendar")),
        (None, Some("write:calendar"), with("write:calendar")),
        (None, Some("openid write:calendar nothing"), with("write:calendar")),
        (None, Some("nothing"), "openid offline_access".to_owned()),
        // Another API: what its policy says.
        (Some(&mine), None, with(&both)),
        (Some(&mine), Some(READ), with(READ)),
        (Some(&mine), Some(&both), with(&both)),
        (Some(&mine), Some(CREATE), "openid offline_access".to_owned()),
        (Some(&mine), Some("read:calendar"), "openid offline_access".to_owned()),
        // Scopes that say something of the person are those of the login, whatever is asked for.
        (
            Some(&mine),
            Some("openid profile email offline_access"),
            "openid offline_access".to_owned(),
        ),
    ] {
        let mut parameters = Vec::new();
        parameters.extend(audience.map(|audience| ("audience", audience)));
        parameters.extend(scope.map(|scope| ("scope", scope)));
        let fresh = server.refresh(&tokens, &parameters).await;
        assert_eq!(sorted(&fresh.scope), sorted(&expected), "{audience:?} {scope:?}");
        let claims = server.claims_of(&fresh.access_token);
        assert_eq!(claims["scope"], fresh.scope.as_str());
        assert_eq!(claims["aud"][0], audience.unwrap_or(RESOURCE_SERVER), "{audience:?}");
    }
}

/// Another API does not become the token's own.
#[tokio::test]
async fn a_refresh_for_another_api_changes_nothing_for_the_next() {
    let server = TestServer::start().await;
    let tokens = log_in(&server).await;
    let mine = my_account(&server);
    server.refresh(&tokens, &[("audience", &mine), ("scope", READ)]).await;
    let fresh = server.refresh(&tokens, &[]).await;
    assert_eq!(sorted(&fresh.scope), sorted(ORIGINAL));
    assert_eq!(server.claims_of(&fresh.access_token)["aud"][0], RESOURCE_SERVER);
}

/// A login without an API has a refresh token too, and the policies apply to it.
#[tokio::test]
async fn a_login_without_an_api_can_have_others_later() {
    let server = TestServer::start().await;
    let login = Login::web().audience(None).scope("openid offline_access");
    let tokens = server.log_in(&server.browser(), &login).await;
    let fresh = server.refresh(&tokens, &[]).await;
    assert_eq!(
        server.claims_of(&fresh.access_token)["aud"],
        format!("{}userinfo", server.issuer())
    );
    let fresh = server.refresh(&tokens, &[("audience", RESOURCE_SERVER)]).await;
    assert_eq!(sorted(&fresh.scope), sorted("openid offline_access read:calendar"));
}

/// A policy is no grant: what the client may have of the API counts as well.
#[tokio::test]
async fn a_policy_goes_no_further_than_the_grant() {
    let server = TestServer::start().await;
    let tokens = log_in(&server).await;
    let (tenant, client_id) = (&server.seeded().tenant.id, &server.seeded().web.client_id);
    let mine = my_account(&server);
    let mut tx = server.app().store.write().await.unwrap();
    let grant = client_grants::find_for(&mut tx, tenant, client_id, &mine, SubjectType::User).await;
    let mut grant = grant.unwrap().unwrap();
    grant.scope = vec![READ.to_owned()];
    client_grants::update(&mut tx, tenant, &grant).await.unwrap();
    tx.commit().await.unwrap();
    let fresh = server.refresh(&tokens, &[("audience", &mine)]).await;
    assert_eq!(sorted(&fresh.scope), sorted(&format!("openid offline_access {READ}")));
}

/// Under each of its hosts the tenant's own API has the name of that host.
#[tokio::test]
async fn the_tenants_own_api_is_known_by_every_host() {
    let server = TestServer::start().await;
    let other = server.by_second_host();
    let tokens = other.log_in(&other.browser(), &Login::web()).await;
    let fresh = other.my_account_tokens(&tokens).await;
    let claims = server.claims_of(&fresh.access_token);
    assert_eq!(claims["aud"][0], other.my_account_audience());
    assert_eq!(claims["iss"], other.issuer());
}

#[tokio::test]
async fn the_management_api_is_no_persons() {
    let server = TestServer::start().await;
    let management =
        SystemApi::Management.audience(server.seeded().tenant.canonical_base().unwrap());
    policies(&server, &[(&management, &["read:clients"])]).await;
    let tokens = log_in(&server).await;
    let answer = server.refreshing(&tokens, &[("audience", &management)]).send().await;
    assert_eq!(answer.error(), (403, "access_denied".to_owned()));
    let event = server.latest_event(LogEventKind::RefreshExchangeFailed).await;
    assert!(event.detail.description.unwrap().contains("is not authorized to access"));
}

#[tokio::test]
async fn an_api_without_a_policy_is_named_in_the_refusal() {
    let server = TestServer::start().await;
    policies(&server, &[]).await;
    let tokens = log_in(&server).await;
    let audience = my_account(&server);
    let answer = server.refreshing(&tokens, &[("audience", &audience)]).send().await;
    let description =
        format!("The refresh token policies of the client do not allow the audience {audience}");
    refused(&answer, 403, "access_denied", &description);
    let cause = format!("the refresh token policies do not allow the audience {audience:?}");
    noted(&server, LogEventKind::RefreshExchangeFailed, &cause).await;
}
