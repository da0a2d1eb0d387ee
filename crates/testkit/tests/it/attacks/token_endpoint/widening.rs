//! A16, A34: a refresh token gives what was granted and what the policies add, and nothing that is
//! asked for makes it more; a bound one stays bound.

use model::log_event::LogEventKind;
use testkit::{Application, Login, RESOURCE_SERVER, TestServer};

use crate::checks::{noted, refused};
use crate::steps::{refresh_spa, refresh_token, refreshing_as};
use crate::support::edit_client;

const UNKNOWN: &str = "Unknown or invalid refresh token.";
const FAILED: LogEventKind = LogEventKind::RefreshExchangeFailed;

#[tokio::test]
async fn a34_asking_for_more_scopes_gives_none() {
    let server = TestServer::start().await;
    let login = Login::web().scope("openid offline_access read:calendar");
    let tokens = server.log_in(&server.browser(), &login).await;
    let granted = "openid offline_access read:calendar";
    for scope in [
        "openid offline_access read:calendar write:calendar",
        "read:calendar profile email",
        "read:calendar read:users delete:me:connected_accounts",
        "write:calendar read:calendar",
    ] {
        let fresh = server.refresh(&tokens, &[("scope", scope)]).await;
        assert_eq!(sorted(&fresh.scope), sorted(granted), "{scope}");
        let claims = server.claims_of(&fresh.access_token);
        assert_eq!(sorted(claims["scope"].as_str().unwrap()), sorted(granted), "{scope}");
    }
    let malformed = server.refreshing(&tokens, &[("scope", "read:calendar \"x\"")]).send().await;
    assert_eq!(malformed.error(), (400, "invalid_scope".to_owned()));
}

#[tokio::test]
async fn a34_no_audience_beyond_the_policies() {
    let server = TestServer::start().await;
    let tokens = server.log_in(&server.browser(), &Login::web()).await;
    let management = server.management_audience();
    let elsewhere = server.other_tenant().await.my_account_audience();
    let userinfo = format!("{}userinfo", server.issuer());
    for audience in [management.as_str(), &elsewhere, &userinfo, "https://unknown.example/", "x"] {
        let answer = server.refreshing(&tokens, &[("audience", audience)]).send().await;
        let description = format!(
            "The refresh token policies of the client do not allow the audience {audience}"
        );
        refused(&answer, 403, "access_denied", &description);
        let cause = format!("the refresh token policies do not allow the audience {audience:?}");
        noted(&server, FAILED, &cause).await;
    }
    // Without policies the original audience is the only one.
    edit_client(&server, Application::Web, |client| client.refresh_token.policies = None).await;
    let my_account = server.my_account_audience();
    let answer = server.refreshing(&tokens, &[("audience", &my_account)]).send().await;
    assert_eq!(answer.error(), (403, "access_denied".to_owned()));
    server.refresh(&tokens, &[("audience", RESOURCE_SERVER)]).await;
    server.refresh(&tokens, &[]).await;
}

#[tokio::test]
async fn a34_a_refresh_token_belongs_to_its_client() {
    let server = TestServer::start().await;
    let browser = server.browser();
    let (public, confidential) = (
        server.log_in(&browser, &Login::spa()).await,
        server.log_in(&browser, &Login::web()).await,
    );
    let other_tenant = server.other_tenant().await;
    let web = &server.seeded().web;
    let taken = refreshing_as(&server, web, refresh_token(&public)).send().await;
    refused(&taken, 403, "invalid_grant", UNKNOWN);
    noted(&server, FAILED, "the refresh token belongs to another client").await;
    let taken = refresh_spa(&server, refresh_token(&confidential)).await;
    refused(&taken, 403, "invalid_grant", UNKNOWN);
    noted(&server, FAILED, "the refresh token belongs to another client").await;
    // To another tenant it is nothing at all.
    let foreign = other_tenant.refreshing(&confidential, &[]).send().await;
    refused(&foreign, 403, "invalid_grant", UNKNOWN);
    server.refresh(&public, &[]).await;
    server.refresh(&confidential, &[]).await;
}

#[tokio::test]
async fn a34_a_bound_refresh_token_stays_bound() {
    let server = TestServer::start().await;
    let (key, thief) = (server.dpop_key(), server.dpop_key());
    let tokens = server.log_in(&server.browser(), &Login::spa().bound_to(&key)).await;
    let bound = "The refresh token is bound to a key; send a DPoP proof by that key.";
    let dropped = refresh_spa(&server, refresh_token(&tokens)).await;
    refused(&dropped, 400, "invalid_dpop_proof", bound);
    noted(&server, FAILED, "the refresh token is bound to a key, and the request has no proof")
        .await;
    let stolen = testkit::Tokens { key: Some(thief), ..tokens.clone() };
    let answer = server.refreshing(&stolen, &[]).send().await;
    refused(&answer, 403, "invalid_grant", UNKNOWN);
    noted(&server, FAILED, "the refresh token is bound to another key than that of the proof")
        .await;
    // Neither attempt has spent it, and what follows is bound to the same key.
    let fresh = server.refresh(&tokens, &[]).await;
    assert_eq!(fresh.token_type, "DPoP");
    let claims = server.claims_of(&fresh.access_token);
    assert_eq!(claims["cnf"]["jkt"], key.thumbprint());
    let answer = refresh_spa(&server, refresh_token(&fresh)).await;
    refused(&answer, 400, "invalid_dpop_proof", bound);
}

fn sorted(scope: &str) -> Vec<&str> {
    let mut scopes: Vec<&str> = scope.split(' ').collect();
    scopes.sort_unstable();
    scopes
}
