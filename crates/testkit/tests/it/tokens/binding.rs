//! DPoP, at every grant and at our own APIs.

use model::log_event::LogEventKind;
use model::resource_server::{ProofMechanism, ProofOfPossession, ProofRequiredFor, SystemApi};
use store::resource_servers;
use testkit::{
    Answer, Application, Call, Connect, DpopKey, Exchange, Login, RESOURCE_SERVER, TestServer,
};

use crate::checks::{noted, refused};
use crate::steps::{code, logged_in, refresh_token, refreshing_as, token_request};
use crate::support::edit_client;

#[track_caller]
fn is_bound(server: &TestServer, answer: &Answer, key: &DpopKey) {
    assert_eq!(answer.member("token_type"), "DPoP", "{answer:?}");
    let claims = server.claims_of(&answer.member("access_token"));
    assert_eq!(claims["cnf"]["jkt"], key.thumbprint());
}

fn client_credentials(server: &TestServer) -> Call {
    let audience = server.management_audience();
    let fields = [("grant_type", "client_credentials"), ("audience", audience.as_str())];
    token_request(server, &fields).basic(&server.seeded().management)
}

#[tokio::test]
async fn every_grant_binds_what_it_gives() {
    let server = TestServer::start().await;
    let browser = logged_in(&server).await;
    let (key, next) = (server.dpop_key(), server.dpop_key());
    for login in [Login::spa(), Login::web()] {
        let (attempt, code) = code(&server, &browser, &login.bound_to(&key)).await;
        let answer = server.redeem(&attempt, &code).send().await.expect(200);
        is_bound(&server, &answer, &key);
    }
    let tokens = server.log_in(&browser, &Login::spa().bound_to(&key)).await;
    is_bound(&server, &server.refreshing(&tokens, &[]).send().await.expect(200), &key);
    // A confidential client's refresh token is bound to the client, so its key may change.
    let tokens = server.log_in(&browser, &Login::web().bound_to(&key)).await;
    let web = &server.seeded().web;
    for key in [&key, &next] {
        let call = refreshing_as(&server, web, refresh_token(&tokens)).proving(key);
        is_bound(&server, &call.send().await.expect(200), key);
    }
    let unbound = refreshing_as(&server, web, refresh_token(&tokens)).send().await.expect(200);
    assert_eq!(unbound.member("token_type"), "Bearer");
}

#[tokio::test]
async fn the_vault_never_binds_what_is_a_providers() {
    let server = TestServer::start().await;
    let browser = server.browser();
    let key = server.dpop_key();
    let tokens = server.log_in(&browser, &Login::web().bound_to(&key)).await;
    let mine = server.my_account_tokens(&tokens).await;
    assert_eq!(mine.token_type, "DPoP");
    server.connect_account(&browser, &mine, &Connect::calendar()).await;
    let answer = server.exchange_refresh_token(&mine, &Exchange::calendar()).await.expect(200);
    assert_eq!(answer.member("token_type"), "Bearer");
    // The API that exchanges an access token does not have its key.
    let answer = server.exchange_access_token(&tokens, &Exchange::calendar()).await.expect(200);
    assert_eq!(answer.member("token_type"), "Bearer");
}

/// An API that knows no bound tokens gets bearer tokens, whatever proof comes.
#[tokio::test]
async fn an_api_says_whether_its_tokens_are_bound() {
    let server = TestServer::start().await;
    let key = server.dpop_key();
    let supports = async |support: Option<ProofOfPossession>| {
        let tenant = &server.seeded().tenant;
        let audience = SystemApi::Management.audience(tenant.canonical_base().unwrap());
        let mut tx = server.app().store.write().await.unwrap();
        let api = resource_servers::find_by_identifier(&mut tx, &tenant.id, &audience).await;
        let mut api = api.unwrap().unwrap();
        api.proof_of_possession = support;
        resource_servers::update(&mut tx, &tenant.id, &api).await.unwrap();
        tx.commit().await.unwrap();
    };
    let required = |required| {
        let mechanism = ProofMechanism::Dpop;
        Some(ProofOfPossession { mechanism, required, required_for: ProofRequiredFor::AllClients })
    };
    supports(None).await;
    let answer = client_credentials(&server).proving(&key).send().await.expect(200);
    assert_eq!(answer.member("token_type"), "Bearer");
    supports(required(false)).await;
    is_bound(&server, &client_credentials(&server).proving(&key).send().await.expect(200), &key);
    let answer = client_credentials(&server).send().await.expect(200);
    assert_eq!(answer.member("token_type"), "Bearer");
    supports(required(true)).await;
    is_bound(&server, &client_credentials(&server).proving(&key).send().await.expect(200), &key);
    let answer = client_credentials(&server).send().await;
    refused(&answer, 400, "invalid_dpop_proof", "A DPoP proof is required.");
    let cause = "a proof of possession is required";
    noted(&server, LogEventKind::ClientCredentialsFailed, cause).await;
}

#[tokio::test]
async fn a_client_may_refuse_bearer_tokens() {
    let server = TestServer::start().await;
    let key = server.dpop_key();
    edit_client(&server, Application::Web, |client| client.require_proof_of_possession = true)
        .await;
    let browser = logged_in(&server).await;
    let (attempt, first) = code(&server, &browser, &Login::web()).await;
    let answer = server.redeem(&attempt, &first).send().await;
    refused(&answer, 400, "invalid_dpop_proof", "A DPoP proof is required.");
    let cause = "a proof of possession is required";
    noted(&server, LogEventKind::CodeExchangeFailed, cause).await;
    let (attempt, second) = code(&server, &browser, &Login::web().bound_to(&key)).await;
    is_bound(&server, &server.redeem(&attempt, &second).send().await.expect(200), &key);

    let tenant = &server.seeded().tenant.id;
    let mut tx = server.app().store.write().await.unwrap();
    let api = resource_servers::find_by_identifier(&mut tx, tenant, RESOURCE_SERVER).await;
    let mut api = api.unwrap().unwrap();
    api.proof_of_possession = None;
    resource_servers::update(&mut tx, tenant, &api).await.unwrap();
    tx.commit().await.unwrap();
    let (attempt, third) = code(&server, &browser, &Login::web().bound_to(&key)).await;
    let answer = server.redeem(&attempt, &third).send().await;
    let description = "The client requires a proof of possession, which the API does not support.";
    refused(&answer, 400, "invalid_request", description);
}
