//! A person logs in and connects an account; an API exchanges and calls the provider.

use std::time::Duration;

use model::log_event::LogEventKind;
use testkit::{Connect, Engine, Exchange, Login, TestServer};

#[tokio::test]
async fn a_person_connects_and_the_api_reads_the_calendar() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let browser = server.browser();
        let key = server.dpop_key();

        let tokens = server.log_in(&browser, &Login::spa().bound_to(&key)).await;
        assert_eq!(tokens.token_type, "DPoP");
        let mine = server.my_account_tokens(&tokens).await;
        let account = server.connect_account(&browser, &mine, &Connect::calendar()).await;
        assert_eq!(account["connection"], "calendar");
        assert_eq!(server.connected_accounts(&mine).await.len(), 1);

        let answer = server.exchange_access_token(&tokens, &Exchange::calendar()).await.expect(200);
        let provider = server.provider();
        let events = provider.events(&answer.member("access_token")).await.expect(200).json();
        assert!(!events["events"].as_array().unwrap().is_empty());
        assert_eq!(provider.stats().await["total"]["refreshes"], 0);
        server.latest_event(LogEventKind::VaultExchange).await;
    }
}

#[tokio::test]
async fn a_confidential_application_exchanges_its_refresh_token() {
    let server = TestServer::start().await;
    let browser = server.browser();
    let tokens = server.log_in(&browser, &Login::web()).await;
    let mine = server.my_account_tokens(&tokens).await;
    server.connect_account(&browser, &mine, &Connect::calendar()).await;

    let first = server.exchange_refresh_token(&mine, &Exchange::calendar()).await.expect(200);
    server.provider().expire("ada").await;
    server.clock().advance(Duration::from_hours(1));
    let second = server.exchange_refresh_token(&mine, &Exchange::calendar()).await.expect(200);
    assert_ne!(first.member("access_token"), second.member("access_token"));
    server.provider().events(&second.member("access_token")).await.expect(200);
    assert_eq!(server.provider().stats().await["total"]["refreshes"], 1);
}

#[tokio::test]
async fn an_operator_lists_the_clients() {
    let server = TestServer::start().await;
    let token = server.management_token().await;
    let answer = server.get("/api/v2/clients").bearer(&token).send().await.expect(200);
    assert_eq!(answer.json().as_array().unwrap().len(), 4);
}
