//! Whose browser: the attacker begins and a victim consents, or the reverse.

use model::log_event::LogEventKind;
use reqwest::Method;
use testkit::{Browser, Form, Login, Page, Persona, TestServer};
use url::Url;

use super::{accounts, redemptions};
use crate::scene::{LoggedIn, notes, session_not_found};

const FAILED: LogEventKind = LogEventKind::AccountConnectFailed;
const BROWSER: &str = "strongroom_browser";

/// How often a browser was sent to the provider.
async fn departures(server: &TestServer) -> u64 {
    server.provider().calls_of("authorize").await
}

/// The answer of the page, posted as our own page posts it.
fn decision(url: &Url, action: &str) -> (Form, Vec<(String, String)>) {
    let ticket = url.query_pairs().find(|(name, _)| name == "ticket").unwrap().1.into_owned();
    let mut target = url.clone();
    target.set_query(None);
    let form = Form { action: target, is_post: true, fields: Vec::new(), buttons: Vec::new() };
    (form, vec![("ticket".to_owned(), ticket), ("action".to_owned(), action.to_owned())])
}

async fn post_decision(browser: &Browser, url: &Url, action: &str) -> testkit::Answer {
    let (form, pairs) = decision(url, action);
    browser.send_form(&form, &pairs).await
}

fn with_parameter(url: &Url, name: &str, value: &str) -> Url {
    let mut changed = url.clone();
    let kept: Vec<(String, String)> =
        url.query_pairs().into_owned().filter(|(other, _)| other != name).collect();
    changed.query_pairs_mut().clear().extend_pairs(kept).append_pair(name, value);
    changed
}

/// The address at which a connect comes back from the provider.
async fn callback_of(person: &LoggedIn, link: &Url) -> Url {
    let page = person.browser.open(link.as_str()).await;
    person.browser.walk_until(page, &person.persona, "/login/callback").await
}

#[tokio::test]
async fn a100_a_link_ends_where_somebody_else_is_logged_in() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::spa()).await;
    let grace = LoggedIn::of(&server, &Login::spa().by_person(server.grace())).await;
    let connecting = ada.begin().await;
    let cause = "the link belongs to another user than the one who is logged in";
    for is_tossed in [false, true] {
        if is_tossed {
            // A sibling site gives the victim the attacker's browser cookie.
            let attackers = ada.browser.cookie(BROWSER).unwrap();
            grace.browser.forget_cookie(BROWSER);
            grace.browser.plant_cookie(&server.url("/"), BROWSER, &attackers);
        }
        let answer = notes(&server, FAILED, cause, grace.browser.get(&connecting.url)).await;
        assert_eq!(answer.status, 403);
        assert!(answer.text().contains("another browser or person"), "{}", answer.text());
        for action in ["accept", "deny"] {
            let attempt = post_decision(&grace.browser, &connecting.url, action);
            assert_eq!(notes(&server, FAILED, cause, attempt).await.status, 403);
        }
    }
    assert_eq!(departures(&server).await, 0);
    // It is still good for whom it was made for.
    let code = ada.consent_to(&connecting).await;
    ada.completing(&connecting, &code).send().await.expect(201);
}

/// Where nobody is logged in the page says whose account it will be. Whoever goes on all the same
/// gets the code; the one who sent the link does not.
#[tokio::test]
async fn a100_whoever_consents_has_the_code_and_whoever_began_has_not() {
    let server = TestServer::start().await;
    let attacker = LoggedIn::of(&server, &Login::spa()).await;
    let connecting = attacker.begin().await;
    let victim = server.browser();
    let page = victim.open(connecting.url.as_str()).await;
    assert_eq!(page.answer.status, 200);
    assert!(page.answer.text().contains(&server.seeded().people[0].email));
    assert_eq!(departures(&server).await, 0);

    let persona = Persona { provider_user: "grace".to_owned(), ..server.ada() };
    let page = victim.walk(page, &persona).await;
    assert!(page.is_at_application);
    page.expect_parameter("connect_code");
    // The link is the victim's browser's by now.
    let cause = "the link was taken by another browser";
    let answer = notes(&server, FAILED, cause, attacker.browser.get(&connecting.url)).await;
    assert_eq!(answer.status, 403);
    let cause = "the completion does not fit the beginning: another connect_code";
    let guess = attacker.completing(&connecting, "cc_guessed-by-the-attacker").send();
    session_not_found(&notes(&server, FAILED, cause, guess).await);
    assert_eq!(accounts(&server).await, 0);
}

#[tokio::test]
async fn a100_a_refusal_on_our_page_is_told_to_the_application() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::spa()).await;
    let connecting = ada.begin().await;
    let browser = server.browser();
    let page = browser.open(connecting.url.as_str()).await;
    let nobody = Persona { accepts: false, ..server.ada() };
    let page = browser.walk(page, &nobody).await;
    assert_eq!(page.expect_parameter("error"), "access_denied");
    assert_eq!(page.expect_parameter("error_description"), "The user denied the request.");
    assert_eq!(page.expect_parameter("state"), connecting.state);
    let event = server.latest_event(FAILED).await.detail;
    assert_eq!(event.description.as_deref(), Some("access was denied on our page"));
    assert_eq!(departures(&server).await, 0);
    session_not_found(&ada.completing(&connecting, "cc_none").send().await);
}

#[tokio::test]
async fn a100_the_first_browser_that_takes_a_link_keeps_it() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::spa()).await;
    let connecting = ada.begin().await;
    let at_provider = ada.browser.open(connecting.url.as_str()).await;
    assert_eq!(departures(&server).await, 1);

    // Ada's other browser, with a session of hers, and one of nobody's.
    let other = LoggedIn::of(&server, &Login::spa()).await;
    for browser in [&other.browser, &server.browser()] {
        let cause = "the link was taken by another browser";
        let answer = notes(&server, FAILED, cause, browser.get(&connecting.url)).await;
        assert_eq!(answer.status, 403);
        assert!(answer.text().contains("another browser or person"));
        // Nor with a form that another page of ours would have sent.
        let known = server.browser();
        known.open(server.attempt(&Login::spa()).url.as_str()).await;
        let attempt = post_decision(&known, &connecting.url, "accept");
        assert_eq!(notes(&server, FAILED, cause, attempt).await.status, 403);
    }
    let departed = departures(&server).await;
    let page = ada.browser.walk(at_provider, &ada.persona).await;
    let code = page.expect_parameter("connect_code");
    ada.completing(&connecting, &code).send().await.expect(201);
    assert_eq!(departures(&server).await, departed);
}

#[tokio::test]
async fn a106_another_browsers_callback_is_worth_nothing() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::spa()).await;
    let grace = LoggedIn::of(&server, &Login::spa().by_person(server.grace())).await;
    let (hers, theirs) = (ada.begin().await, grace.begin().await);
    let ours = callback_of(&ada, &hers.url).await;
    let attackers = callback_of(&grace, &theirs.url).await;

    let cause = "another browser was sent with this state";
    let stranger = server.browser();
    for (browser, status) in [(&ada.browser, 400), (&stranger, 403)] {
        let answer = notes(&server, FAILED, cause, browser.get(&attackers)).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(answer.header("location"), None);
    }
    assert_eq!(redemptions(&server).await, 0);

    // The attacker's code under the victim's state: the verifier at the provider is another.
    let code = attackers.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let page = ada.browser.open(with_parameter(&ours, "code", &code).as_str()).await;
    assert_eq!(page.expect_parameter("error"), "server_error");
    assert_eq!(
        page.expect_parameter("error_description"),
        "The provider's answer was not accepted."
    );
    let event = server.latest_event(FAILED).await.detail;
    let cause = "the provider refuses the grant: invalid_grant";
    assert_eq!(event.description.as_deref(), Some(cause));
    // The victim's own answer comes too late now: the state is used up, and so is the connect.
    assert_eq!(ada.browser.open(ours.as_str()).await.answer.status, 400);
    session_not_found(&ada.completing(&hers, "cc_none").send().await);
    assert_eq!(accounts(&server).await, 0);
}

#[tokio::test]
async fn a106_a_callback_is_checked_before_its_code_is_redeemed() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::spa()).await;
    for (change, error, cause) in [
        (
            ("iss", "https://evil.example/"),
            "server_error",
            "the response comes from another issuer",
        ),
        (("code", ""), "server_error", "the response is malformed"),
        (("error", "access_denied"), "server_error", "the response is malformed"),
        (("extra", "1"), "", ""),
    ] {
        let connecting = ada.begin().await;
        let callback = callback_of(&ada, &connecting.url).await;
        let before = redemptions(&server).await;
        let changed = with_parameter(&callback, change.0, change.1);
        let page = ada.browser.open(changed.as_str()).await;
        if error.is_empty() {
            page.expect_parameter("connect_code");
            assert_eq!(redemptions(&server).await, before + 1);
            continue;
        }
        assert_eq!(page.expect_parameter("error"), error, "{change:?}");
        assert_eq!(page.expect_parameter("state"), connecting.state);
        let event = server.latest_event(FAILED).await.detail;
        assert_eq!(event.description.as_deref(), Some(cause), "{change:?}");
        assert_eq!(redemptions(&server).await, before, "{change:?}");
        session_not_found(&ada.completing(&connecting, "cc_none").send().await);
    }
    assert_eq!(accounts(&server).await, 0);
}

/// A second answer to one connect is nobody's: its code is not spent for tokens that nobody keeps.
#[tokio::test]
async fn a106_a_connect_takes_one_answer_and_takes_it_in_time() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::spa()).await;
    let connecting = ada.begin().await;
    let first = callback_of(&ada, &connecting.url).await;
    let second = callback_of(&ada, &connecting.url).await;
    let code = ada.browser.open(first.as_str()).await.expect_parameter("connect_code");
    let cause = "nobody waits for this answer any more";
    let answer = notes(&server, FAILED, cause, ada.browser.get(&second)).await;
    assert_eq!(answer.status, 400);
    assert_eq!(redemptions(&server).await, 1);
    ada.completing(&connecting, &code).send().await.expect(201);

    let connecting = ada.begin().await;
    let late = callback_of(&ada, &connecting.url).await;
    server.clock().advance(std::time::Duration::from_mins(5));
    assert_eq!(ada.browser.open(late.as_str()).await.answer.status, 400);
    assert_eq!(redemptions(&server).await, 1);
}

#[tokio::test]
async fn a108_who_only_looks_at_a_link_does_not_use_it_up() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::spa()).await;
    let connecting = ada.begin().await;
    let path = format!("{}?{}", connecting.url.path(), connecting.url.query().unwrap());
    for method in [Method::HEAD, Method::GET, Method::GET] {
        let scanner = server.call(method.clone(), &path).header("user-agent", "link-scanner/1");
        scanner.send().await.expect(200);
        // A mail program that has a cookie of ours, but nobody's session.
        assert_eq!(server.browser().get(&connecting.url).await.status, 200);
    }
    assert_eq!(departures(&server).await, 0);
    // The person's own browser fetches it in advance, and then for good.
    let prefetched = ada.browser.get(&connecting.url).await;
    assert!(prefetched.header("location").is_some());
    let code = ada.consent_to(&connecting).await;
    ada.completing(&connecting, &code).send().await.expect(201);

    // From then on it is dead for everybody.
    for browser in [&ada.browser, &server.browser()] {
        let page: Page = browser.open(connecting.url.as_str()).await;
        assert_eq!((page.answer.status, page.is_at_application), (400, false));
    }
    assert_eq!(accounts(&server).await, 1);
}

/// Between the return and the completion the link leads nowhere either.
#[tokio::test]
async fn a108_a_link_that_has_brought_its_browser_back_is_dead() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::spa()).await;
    let connecting = ada.begin().await;
    let code = ada.consent_to(&connecting).await;
    let departed = departures(&server).await;
    assert_eq!(ada.browser.get(&connecting.url).await.status, 400);
    assert_eq!(departures(&server).await, departed);
    ada.completing(&connecting, &code).send().await.expect(201);
}
