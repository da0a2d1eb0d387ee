//! Client credentials: tokens for a client itself.

use model::log_event::LogEventKind;
use model::resource_server::ClientPolicy;
use protocol::oauth::token::GrantType;
use reqwest::Method;
use serde_json::json;
use store::{resource_servers, tenants};
use testkit::{Answer, Application, RESOURCE_SERVER, TestServer};

use crate::checks::{is_token_answer, noted, refused};
use crate::steps::token_request;
use crate::support::edit_client;

const FAILED: LogEventKind = LogEventKind::ClientCredentialsFailed;
const GRANT: (&str, &str) = ("grant_type", "client_credentials");

/// The management client asks for a token with these parameters.
async fn ask(server: &TestServer, fields: &[(&str, &str)]) -> Answer {
    let fields = [&[GRANT], fields].concat();
    token_request(server, &fields).basic(&server.seeded().management).send().await
}

/// Lets the management client have these scopes of the calendar.
async fn grant(server: &TestServer, scopes: &[&str]) {
    let token = server.management_token().await;
    let client_id = &server.seeded().management.client_id;
    let grant = json!({ "client_id": client_id, "audience": RESOURCE_SERVER, "scope": scopes });
    let call = server.management(Method::POST, "client-grants", &token).json(&grant);
    call.send().await.expect(201);
}

#[tokio::test]
async fn a_client_gets_a_token_for_itself() {
    let server = TestServer::start().await;
    grant(&server, &["read:calendar", "write:calendar"]).await;
    let answer = ask(&server, &[("audience", RESOURCE_SERVER)]).await.expect(200);
    is_token_answer(&answer);
    insta::assert_json_snapshot!(answer.json(), { ".access_token" => "[token]" }, @r#"
    {
      "access_token": "[token]",
      "expires_in": 86400,
      "scope": "read:calendar write:calendar",
      "token_type": "Bearer"
    }
    "#);
    let claims = server.claims_of(&answer.member("access_token"));
    let client_id = &server.seeded().management.client_id;
    assert_eq!(claims["sub"], format!("{client_id}@clients"));
    insta::assert_json_snapshot!(claims, {
        ".iss" => "[issuer]", ".sub" => "[client]@clients", ".azp" => "[client]", ".jti" => "[id]",
    }, @r#"
    {
      "aud": "https://calendar.strongroom.test/",
      "azp": "[client]",
      "exp": 1795348800,
      "gty": "client-credentials",
      "iat": 1795262400,
      "iss": "[issuer]",
      "jti": "[id]",
      "scope": "read:calendar write:calendar",
      "sub": "[client]@clients"
    }
    "#);
    let event = server.latest_event(LogEventKind::ClientCredentials).await.detail;
    assert_eq!(event.client_id.as_deref(), Some(client_id.as_str()));
    assert_eq!(event.audience.as_deref(), Some(RESOURCE_SERVER));
    assert_eq!(event.user_id, None);
}

#[tokio::test]
async fn what_is_asked_for_narrows_and_never_widens() {
    let server = TestServer::start().await;
    grant(&server, &["read:calendar"]).await;
    for (scope, expected) in [
        ("read:calendar", "read:calendar"),
        ("read:calendar write:calendar", "read:calendar"),
        ("write:calendar", ""),
        ("openid profile offline_access", ""),
        ("", "read:calendar"),
    ] {
        let fields = [("audience", RESOURCE_SERVER), ("scope", scope)];
        let answer = ask(&server, &fields).await.expect(200);
        assert_eq!(answer.member("scope"), expected, "{scope}");
        let members = answer.json();
        assert!(members.get("refresh_token").is_none() && members.get("id_token").is_none());
    }
    let answer = ask(&server, &[("audience", RESOURCE_SERVER), ("scope", "a\"b")]).await;
    assert_eq!(answer.error(), (400, "invalid_scope".to_owned()));
}

#[tokio::test]
async fn an_audience_is_named_and_known_and_granted() {
    let server = TestServer::start().await;
    let answer = ask(&server, &[]).await;
    refused(&answer, 400, "invalid_request", "Missing required parameter: audience");
    noted(&server, FAILED, "no audience was named").await;

    let unknown = "https://unknown.example/";
    let answer = ask(&server, &[("audience", unknown)]).await;
    refused(&answer, 403, "access_denied", &format!("Service not found: {unknown}"));
    noted(&server, FAILED, &format!("there is no resource server {unknown:?}")).await;

    for (audience, reason) in [
        (RESOURCE_SERVER.to_owned(), "there is no client grant"),
        (server.my_account_audience(), "the resource server gives clients no tokens"),
    ] {
        let answer = ask(&server, &[("audience", &audience)]).await;
        let client_id = &server.seeded().management.client_id;
        let description = format!(
            "Client \"{client_id}\" is not authorized to access resource server \"{audience}\". \
             You need to create a \"client-grant\" associated to this API."
        );
        refused(&answer, 403, "access_denied", &description);
        let cause = format!("the client is not authorized to access {audience:?}: {reason}");
        noted(&server, FAILED, &cause).await;
    }
}

#[tokio::test]
async fn an_api_may_be_closed_to_machines() {
    let server = TestServer::start().await;
    grant(&server, &["read:calendar"]).await;
    let tenant = &server.seeded().tenant.id;
    let mut tx = server.app().store.write().await.unwrap();
    let api = resource_servers::find_by_identifier(&mut tx, tenant, RESOURCE_SERVER).await;
    let mut api = api.unwrap().unwrap();
    api.subject_type_authorization.client.policy = ClientPolicy::DenyAll;
    resource_servers::update(&mut tx, tenant, &api).await.unwrap();
    tx.commit().await.unwrap();
    let answer = ask(&server, &[("audience", RESOURCE_SERVER)]).await;
    assert_eq!(answer.error(), (403, "access_denied".to_owned()));
}

#[tokio::test]
async fn a_tenant_may_have_a_default_audience() {
    let server = TestServer::start().await;
    grant(&server, &["read:calendar"]).await;
    let mut tenant = server.seeded().tenant.clone();
    tenant.settings.default_audience = Some(RESOURCE_SERVER.to_owned());
    let mut tx = server.app().store.write().await.unwrap();
    tenants::update_settings(&mut tx, &tenant).await.unwrap();
    tx.commit().await.unwrap();
    // Every node has read it by then.
    server.clock().advance(std::time::Duration::from_secs(2));
    let answer = ask(&server, &[]).await.expect(200);
    assert_eq!(server.claims_of(&answer.member("access_token"))["aud"], RESOURCE_SERVER);
}

#[tokio::test]
async fn only_a_client_that_proves_itself_acts_for_itself() {
    let server = TestServer::start().await;
    let spa = server.client_id(Application::Spa);
    let grants = |client: &mut model::client::Client| {
        let name = GrantType::ClientCredentials.as_str().to_owned();
        client.grant_types.push(name.into());
    };
    let ask_as_spa = async || {
        let fields = [GRANT, ("client_id", spa.as_str()), ("audience", RESOURCE_SERVER)];
        token_request(&server, &fields).send().await
    };
    let description = "Grant type 'client_credentials' not allowed for the client.";
    refused(&ask_as_spa().await, 403, "unauthorized_client", description);
    let cause = "the client_credentials grant is not enabled for the client";
    noted(&server, FAILED, cause).await;
    edit_client(&server, Application::Spa, grants).await;
    refused(&ask_as_spa().await, 403, "unauthorized_client", description);
    noted(&server, FAILED, "a public client cannot act for itself").await;
}

#[tokio::test]
async fn organizations_are_refused_while_there_are_none() {
    let server = TestServer::start().await;
    let audience = server.management_audience();
    let answer = ask(&server, &[("audience", &audience), ("organization", "org_1")]).await;
    refused(&answer, 400, "invalid_request", "Organizations are not supported.");
    noted(&server, FAILED, "organizations are not supported").await;
}
