//! What a profile from a script can do to accounts and users, and what a script can reach on the
//! server's behalf.

use model::log_event::LogEventKind;
use serde_json::json;
use testkit::{Emulated, Login, Page, TestServer};

use crate::login::scripts::{FETCHING, add_scripted, log_in};
use crate::management::Admin;
use crate::support::count;

/// The profile says who somebody is. What an operator, or we, say of a user stands elsewhere.
#[tokio::test]
async fn a133_a_profile_overrides_nothing_that_is_ours() {
    let server = TestServer::start().await;
    let script = "function (accessToken, context, callback) {
        const profile = {
            user_id: 'u-1', sub: 'auth0|somebody-else', email: 'ada@strongroom.test',
            email_verified: 'true', blocked: true, iss: 'https://evil.example/', aud: 'evil',
            app_metadata: { roles: ['admin'] }, user_metadata: { theme: 'dark' },
            identities: [{ provider: 'auth0', user_id: 'somebody-else' }],
            logins_count: 1000, last_ip: '192.0.2.1', created_at: '1999-01-01T00:00:00.000Z',
            ['__proto__']: { polluted: true }, tenant: 'other', connection: 'calendar',
        };
        callback(null, profile);
    }";
    add_scripted(&server, script).await;
    let tokens = server.log_in(&server.browser(), &Login::spa().with("connection", "box")).await;
    let claims = server.claims_of(&tokens.id_token.unwrap());
    assert_eq!(claims["sub"], "oauth2|box|u-1");
    assert_eq!(claims["email_verified"], false);
    assert_eq!(claims["iss"], server.issuer());
    let admin = Admin::of(&server).await;
    let user = admin.get("users/oauth2%7Cbox%7Cu-1").await.expect(200).json();
    assert_eq!(user["user_id"], "oauth2|box|u-1");
    assert_eq!(user["logins_count"], 1);
    assert_eq!(user["identities"].as_array().unwrap().len(), 1);
    assert_eq!(user["blocked"], false);
    for absent in ["app_metadata", "user_metadata", "polluted"] {
        assert!(user.get(absent).is_none_or(|it| *it == json!({})), "{absent}: {user}");
    }
    // The same address as a user of the database: they stay two.
    assert_eq!(count(&server, "SELECT COUNT(*) AS n FROM users").await, 3);
}

/// A128, A133: a script's requests go where the server's own may go.
#[tokio::test]
async fn a133_a_script_reaches_no_inner_address() {
    let server = TestServer::start().await;
    for target in [
        "http://169.254.169.254/latest/meta-data/",
        "https://10.0.0.1/",
        "https://[fd00:ec2::254]/",
        "http://example.com/",
        "ftp://example.com/",
    ] {
        let script = format!(
            "function (t, context, callback) {{
                request('{target}', (error) => callback(error ?? new Error('it answered')));
            }}"
        );
        add_scripted(&server, &script).await;
        let told = failure(&server, &log_in(&server).await).await;
        assert!(
            told.ends_with("the script failed: the address is not allowed"),
            "{target}: {told}"
        );
    }
    for header in ["Host", "Content-Length", "Transfer-Encoding", "Connection", "a b"] {
        let url = format!("{}userinfo", server.provider().issuer());
        let script = format!(
            "async function (t) {{
                await fetch('{url}', {{ headers: {{ '{header}': '1' }} }}); return {{ user_id: 'u' }};
            }}"
        );
        add_scripted(&server, &script).await;
        let told = failure(&server, &log_in(&server).await).await;
        assert!(told.contains("the script failed: fetch failed: "), "{header}: {told}");
    }
    assert_eq!(count(&server, "SELECT COUNT(*) AS n FROM users").await, 2);
}

/// Whatever is wrong with a profile, nobody is logged in and nothing is stored; the operator reads
/// why, without the token.
#[tokio::test]
async fn a133_a_profile_that_is_none_logs_nobody_in() {
    let server = TestServer::start().await;
    for (body, told) in [
        ("callback(null, {});", "the provider names no subject"),
        ("callback(null, { user_id: '' });", "the provider names no subject"),
        ("callback(null, { user_id: { a: 1 } });", "the provider names no subject"),
        ("callback(null, { user_id: 'x'.repeat(300) });", "the provider names no subject"),
        ("callback(null, 'u-1');", "the result of the script is not an object"),
        ("callback();", "the result of the script is not an object"),
        ("callback(null, { user_id: 'u', t: accessToken });", "the script contains a token"),
        ("callback(new Error('no: ' + accessToken));", "the script failed: no: [secret]"),
        ("return Promise.resolve();", "the script ended without calling back"),
        ("while (true) {}", "the script did not end in time"),
        ("Array(4e9).join();", "the script did not end in time"),
    ] {
        let script = format!("function (accessToken, context, callback) {{ {body} }}");
        add_scripted(&server, &script).await;
        let page = log_in(&server).await;
        let event = failure(&server, &page).await;
        assert!(event.ends_with(told), "{body}: {event}");
    }
    assert_eq!(count(&server, "SELECT COUNT(*) AS n FROM users").await, 2);
    // The server is as it was.
    add_scripted(&server, &FETCHING.replace("ISSUER", server.provider().issuer())).await;
    log_in(&server).await.expect_parameter("code");
    let user = format!("users/oauth2%7Cbox%7C{}", Emulated::subject_of("ada"));
    Admin::of(&server).await.get(&user).await.expect(200);
}

/// The application is told little, the operator what it was.
async fn failure(server: &TestServer, page: &Page) -> String {
    assert_eq!(page.expect_parameter("error"), "access_denied");
    let described = page.expect_parameter("error_description");
    assert_eq!(described, "The provider's answer was not accepted.");
    let event = server.latest_event(LogEventKind::LoginFailed).await;
    event.detail.description.unwrap()
}
