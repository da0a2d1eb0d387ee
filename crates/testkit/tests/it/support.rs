//! What several subjects need.

use model::client::Client;
use model::connection::Connection;
use store::{Query, clients, connections};
use testkit::{
    Answer, Application, Browser, CALENDAR_CONNECTION, Emulated, Login, Page, Persona, TestServer,
};
use url::Url;

/// Changes a client as its owner could.
pub(crate) async fn edit_client(
    server: &TestServer,
    application: Application,
    change: impl FnOnce(&mut Client),
) {
    let (store, tenant) = (&server.app().store, &server.seeded().tenant.id);
    let client_id = server.client_id(application).into();
    let mut tx = store.write().await.unwrap();
    let mut stored = clients::find(&mut tx, tenant, &client_id).await.unwrap().unwrap();
    change(&mut stored.client);
    clients::update(&mut tx, tenant, &stored, server.app().now()).await.unwrap();
    tx.commit().await.unwrap();
}

/// Changes a connection as its owner could.
pub(crate) async fn edit_connection(
    server: &TestServer,
    name: &str,
    change: impl FnOnce(&mut Connection),
) {
    let (store, tenant) = (&server.app().store, &server.seeded().tenant.id);
    let mut tx = store.write().await.unwrap();
    let mut stored = connections::find_by_name(&mut tx, tenant, name).await.unwrap().unwrap();
    change(&mut stored.connection);
    connections::update(&mut tx, tenant, &stored).await.unwrap();
    tx.commit().await.unwrap();
}

/// The number that a statement asks for.
pub(crate) async fn count(server: &TestServer, sql: &'static str) -> i64 {
    let mut read = server.app().store.read().await.unwrap();
    read.row(sql, vec![]).await.unwrap().unwrap().int("n").unwrap()
}

/// How many authorization codes there are.
pub(crate) async fn codes(server: &TestServer) -> i64 {
    count(server, "SELECT COUNT(*) AS n FROM authorization_codes").await
}

/// The login page of a login that has just been asked for.
pub(crate) async fn login_page(server: &TestServer, browser: &Browser, login: &Login) -> Page {
    let page = browser.open(server.attempt(login).url.as_str()).await;
    assert_eq!(page.answer.status, 200, "{page:?}");
    assert!(page.form_with("password").has_field("username"));
    page
}

/// Posts the login form of a page.
pub(crate) async fn type_password(
    browser: &Browser,
    page: &Page,
    name: &str,
    password: &str,
) -> Answer {
    let mut form = page.form_with("password");
    form.fill("username", name);
    form.fill("password", password);
    browser.send_form(&form, &form.fields).await
}

/// Logs a person in without redeeming anything: where the browser ends up.
pub(crate) async fn arrive(server: &TestServer, browser: &Browser, login: &Login) -> Page {
    let persona = login.persona.clone().unwrap_or_else(|| server.ada());
    let page = browser.open(server.attempt(login).url.as_str()).await;
    browser.walk(page, &persona).await
}

/// Goes from the login page to the provider and, as `persona`, back.
pub(crate) async fn arrive_by_provider(
    server: &TestServer,
    browser: &Browser,
    login: &Login,
    persona: &Persona,
) -> Page {
    let login = login.clone().with("connection", CALENDAR_CONNECTION);
    let page = browser.open(server.attempt(&login).url.as_str()).await;
    browser.walk(page, persona).await
}

/// At the provider, about to come back: the callback's address with its code.
pub(crate) async fn callback_of(server: &TestServer, browser: &Browser, login: &Login) -> Url {
    let login = login.clone().with("connection", CALENDAR_CONNECTION);
    let mut page = browser.open(server.attempt(&login).url.as_str()).await;
    for (fields, button) in [
        (vec![("username", "ada".to_owned()), ("password", Emulated::password_of("ada"))], None),
        (vec![], Some(("decision", "allow"))),
    ] {
        let mut form = page.forms().remove(0);
        for (name, value) in &fields {
            form.fill(name, value);
        }
        let pressed = match button {
            None => form.buttons[0].clone(),
            Some((name, value)) => form
                .buttons
                .iter()
                .find(|button| button.name == name && button.value == value)
                .unwrap()
                .clone(),
        };
        let answer = browser.send_form(&form, &form.pressed(&pressed)).await;
        let target = form.action.join(answer.location()).unwrap();
        if target.path() == "/login/callback" {
            return target;
        }
        page = browser.open(target.as_str()).await;
    }
    panic!("the provider does not send back: {page:?}")
}

/// Tidies up, as the server does by itself now and then.
pub(crate) async fn housekeep(server: &TestServer) {
    let mut tx = server.app().store.write().await.unwrap();
    store::housekeeping::sweep(&mut tx, server.app().now()).await.unwrap();
    tx.commit().await.unwrap();
}
