//! `/logs`

use serde_json::{Value, json};
use testkit::TestServer;

use super::{Admin, each, refusal, refused};

#[tokio::test]
async fn the_newest_come_first_and_each_can_be_read() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    admin.post("clients", &json!({"name": "One"})).await.expect(201);
    admin.post("clients", &json!({})).await.expect(400);
    let listed = admin.get("logs?per_page=2").await.expect(200).json();
    assert_eq!(each(&listed, "type"), ["fapi", "sapi"]);
    let newest = &listed[0];
    assert_eq!(newest["_id"], newest["log_id"]);
    assert_eq!(newest["isMobile"], false);
    assert_eq!(newest["hostname"], server.base().authority());
    assert!(newest["date"].as_str().unwrap().ends_with('Z'));
    assert!(newest["ip"].is_string());
    let id = newest["log_id"].as_str().unwrap();
    assert_eq!(admin.get(&format!("logs/{id}")).await.expect(200).json(), *newest);

    let totals = admin.get("logs?include_totals=true&per_page=1&page=1").await.expect(200).json();
    assert_eq!(each(&totals["logs"], "type"), ["sapi"]);
    let all = server.log_events().await.len();
    assert_eq!(totals["total"], all);
    let shown = admin.get("logs?fields=type&per_page=1").await.expect(200).json();
    assert_eq!(shown, json!([{"type": "fapi"}]));
}

#[tokio::test]
async fn the_log_is_copied_from_checkpoint_to_checkpoint() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    for number in 0..5 {
        admin.post("clients", &json!({"name": format!("Client {number}")})).await.expect(201);
    }
    let mut copied: Vec<Value> = Vec::new();
    loop {
        let from = copied.last().map(|event| event["log_id"].as_str().unwrap().to_owned());
        let from = from.map(|id| format!("&from={id}")).unwrap_or_default();
        let page = admin.get(&format!("logs?take=2{from}")).await.expect(200).json();
        let page = page.as_array().unwrap();
        assert!(page.len() <= 2);
        if page.is_empty() {
            break;
        }
        copied.extend(page.iter().cloned());
    }
    let expected: Vec<String> =
        server.log_events().await.iter().map(|event| event.id.to_string()).collect();
    assert_eq!(each(&json!(copied), "log_id"), expected);
}

#[tokio::test]
async fn searching_is_refused_rather_than_answered_wrongly() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    for query in ["q=type:s", "search=ada", "sort=date:1"] {
        let answer = admin.get(&format!("logs?{query}")).await;
        assert_eq!(refusal(&answer), refused(400, "invalid_query_string"), "{query}");
    }
}
