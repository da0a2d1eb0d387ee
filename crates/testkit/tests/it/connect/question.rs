//! The page that asks whoever is not logged in whether to connect.

use serde_json::json;
use testkit::{Connect, Login, TestServer};

use crate::scene::{LoggedIn, add_connection};

/// What the page says will be asked for.
async fn permissions(ada: &LoggedIn, connect: &Connect) -> Vec<String> {
    let connecting = ada.tenant.start_connecting(&ada.mine, connect).await;
    let page = ada.tenant.browser().open(connecting.url.as_str()).await;
    assert_eq!(page.answer.status, 200);
    let text = page.answer.text();
    let list = text.split("<ul>").nth(1).unwrap().split("</ul>").next().unwrap();
    let tag = |text: &str| text.split('<').next().unwrap().to_owned();
    list.split("<li>")
        .skip(1)
        .map(|item| match item.split("<span>").nth(1) {
            Some(words) => tag(words),
            None => tag(item.split("<code>").nth(1).unwrap()),
        })
        .collect()
}

#[tokio::test]
async fn the_page_says_in_words_what_the_provider_will_be_asked_for() {
    let server = TestServer::start().await;
    let options = json!({ "email": true, "drive_readonly": true });
    add_connection(&server, "google", "google-oauth2", options).await;
    let ada = LoggedIn::of(&server, &Login::web()).await;
    let google = |scopes: Option<&[&str]>| Connect {
        connection: "google".to_owned(),
        scopes: scopes.map(|scopes| scopes.iter().map(|&scope| scope.to_owned()).collect()),
        persona: None,
    };
    // The switches of the connection, and what is asked for whatever else is.
    let (known, mail) = ("Know who you are", "See your e-mail address");
    let drive = "See and download all your Drive files";
    let mut said = permissions(&ada, &google(None)).await;
    said.sort_unstable();
    assert_eq!(said, [known, drive, mail]);
    // Those of the request, and one that nobody has words for.
    let unknown = "https://www.googleapis.com/auth/unheard.of";
    let wanted: &[&str] = &["https://www.googleapis.com/auth/userinfo.email", unknown];
    assert_eq!(permissions(&ada, &google(Some(wanted))).await, [known, mail, unknown]);
}

/// What is asked for again so that nothing is lost is said as well.
#[tokio::test]
async fn the_page_says_what_is_asked_for_again() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::web()).await;
    let scopes = vec!["openid".to_owned(), "write:calendar".to_owned()];
    let writing = Connect { scopes: Some(scopes), ..Connect::calendar() };
    let before = permissions(&ada, &writing).await;
    assert_eq!(before, ["Know who you are", "write:calendar", "Keep access while you are away"]);
    ada.connect(&Connect::calendar()).await;
    let after = permissions(&ada, &writing).await;
    assert!(after.contains(&"read:calendar".to_owned()), "{after:?}");
}
