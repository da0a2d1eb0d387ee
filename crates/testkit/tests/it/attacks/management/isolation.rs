//! What belongs to another tenant is nobody's.

use serde_json::json;
use testkit::{Engine, RESOURCE_SERVER, TestServer};

use super::operations::{Operation, Targets, connect, everything, operations};
use crate::management::{Admin, refusal, refused};

/// A123: another tenant's ids are as unknown as ids that nobody has.
#[tokio::test]
async fn a123_ids_of_another_tenant_are_nobodys() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let other = server.other_tenant().await;
        connect(&other).await;
        let theirs = Targets::of(&other).await;
        let nobodys = Targets {
            client: "x".repeat(32),
            client_grant: "cgr_xxxxxxxxxxxxxxxx".to_owned(),
            resource_server: "0".repeat(24),
            connection: "con_xxxxxxxxxxxxxxxx".to_owned(),
            user: "auth0%7Cxxxxxxxxxxxxxxxxxxxxxxxx".to_owned(),
            tokenset: "00000000-0000-4000-8000-000000000000".to_owned(),
            log: "0".repeat(33),
        };
        // An identifier may be used by both; an id may not.
        let api = Admin::of(&other).await.get("resource-servers").await.expect(200).json();
        let api = api.as_array().unwrap().iter().find(|api| api["identifier"] == RESOURCE_SERVER);
        let api = api.unwrap()["id"].as_str().unwrap().to_owned();
        let theirs = Targets { resource_server: api, ..theirs };

        let before = everything(&other).await;
        let admin = Admin::of(&server).await;
        let with_id = |(_, path, _, _): &Operation| path.contains('/');
        let tried = operations(&theirs).into_iter().filter(with_id);
        for (theirs, nobodys) in tried.zip(operations(&nobodys).into_iter().filter(with_id)) {
            let (method, path, body, _) = theirs;
            let answer = admin.send(method.clone(), &path, body.as_ref()).await;
            let (method, random, body, _) = nobodys;
            let expected = admin.send(method.clone(), &random, body.as_ref()).await;
            assert_eq!(answer.status, expected.status, "{method} {path}");
            assert_eq!(answer.body, expected.body, "{method} {path}");
        }
        let client = json!({"client_id": theirs.client, "audience": RESOURCE_SERVER});
        let answer = admin.post("client-grants", &client).await;
        assert_eq!(refusal(&answer), refused(404, "inexistent_client"));
        assert_eq!(everything(&other).await, before);
    }
}

/// A123: nor does a token of one tenant open another.
#[tokio::test]
async fn a123_a_token_of_another_tenant_is_nobodys() {
    let server = TestServer::start().await;
    let other = server.other_tenant().await;
    let theirs = Admin::presenting(&server, &other.management_token().await);
    assert_eq!(refusal(&theirs.get("clients").await), refused(401, "invalid_token"));
}
