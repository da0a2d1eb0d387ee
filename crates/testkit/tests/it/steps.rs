//! Steps below those of the harness: codes before they are redeemed, tokens as plain texts.

use store::users;
use testkit::{
    Answer, Application, Attempt, Browser, Call, Credentials, Login, TestServer, Tokens,
};
use tokio::task::JoinSet;

/// A browser with a session of Ada's.
pub(crate) async fn logged_in(server: &TestServer) -> Browser {
    let browser = server.browser();
    server.log_in(&browser, &Login::spa()).await;
    browser
}

/// A code that a browser with a session is given at once.
pub(crate) async fn code(
    server: &TestServer,
    browser: &Browser,
    login: &Login,
) -> (Attempt, String) {
    let attempt = server.attempt(login);
    let page = browser.open(attempt.url.as_str()).await;
    let code = page.expect_parameter("code");
    (attempt, code)
}

/// A request to the token endpoint.
pub(crate) fn token_request(server: &TestServer, fields: &[(&str, &str)]) -> Call {
    server.post("/oauth/token").form(fields)
}

/// The public application refreshes with this token, without a proof.
pub(crate) async fn refresh_spa(server: &TestServer, refresh_token: &str) -> Answer {
    refreshing_spa(server, refresh_token).send().await
}

/// The request for it.
pub(crate) fn refreshing_spa(server: &TestServer, refresh_token: &str) -> Call {
    let client_id = server.client_id(Application::Spa);
    let fields = [
        ("grant_type", "refresh_token"),
        ("client_id", &client_id),
        ("refresh_token", refresh_token),
    ];
    token_request(server, &fields)
}

/// How many requests come at the same moment, where that is what a test is about.
pub(crate) const AT_ONCE: usize = 100;

/// The same request so many times at the same moment, by three nodes of one cluster.
pub(crate) async fn at_once(server: &TestServer, call: &Call) -> Vec<Answer> {
    let nodes = [server.another_node().await, server.another_node().await];
    let mut tasks = JoinSet::new();
    for at in 0..AT_ONCE {
        let call = match nodes.get(at % 3) {
            Some(node) => call.clone().via(node),
            None => call.clone(),
        };
        tasks.spawn(async move { call.send().await });
    }
    tasks.join_all().await
}

/// A confidential client refreshes with this token.
pub(crate) fn refreshing_as(
    server: &TestServer,
    client: &Credentials,
    refresh_token: &str,
) -> Call {
    let fields = [
        ("grant_type", "refresh_token"),
        ("client_id", client.client_id.as_str()),
        ("client_secret", client.client_secret.expose()),
        ("refresh_token", refresh_token),
    ];
    token_request(server, &fields)
}

/// The refresh token of a login.
pub(crate) fn refresh_token(tokens: &Tokens) -> &str {
    tokens.refresh_token.as_deref().unwrap()
}

/// Changes Ada as an operator could.
pub(crate) async fn edit_ada(server: &TestServer, change: impl FnOnce(&mut model::user::User)) {
    let (tenant, user_id) = (&server.seeded().tenant.id, &server.seeded().people[0].user_id);
    let mut tx = server.app().store.write().await.unwrap();
    let mut ada = users::find(&mut tx, tenant, user_id).await.unwrap().unwrap();
    change(&mut ada);
    users::update(&mut tx, tenant, &ada).await.unwrap();
    tx.commit().await.unwrap();
}
