//! Custom providers whose profile a script fetches: `options.scripts.fetchUserProfile`.

use serde_json::{Value, json};
use testkit::{Connect, Emulated, Exchange, Login, Page, TestServer};

use crate::management::{Admin, refusal, refused};
use crate::scene::{LoggedIn, add_connection};

/// As Auth0 shows it: the older way to ask.
pub(crate) const FETCHING: &str = "
// What the provider calls `sub` is its user.
function fetchUserProfile(accessToken, context, callback) {
  request.get(
    { url: 'ISSUERuserinfo', headers: { Authorization: 'Bearer ' + accessToken } },
    (err, resp, body) => {
      if (err) return callback(err);
      if (resp.statusCode !== 200) return callback(new Error('status ' + resp.statusCode));
      const bodyParsed = JSON.parse(body);
      callback(null, {
        user_id: bodyParsed.sub,
        email: bodyParsed.email,
        email_verified: bodyParsed.email_verified,
        name: bodyParsed.name.toUpperCase(),
        plan: 'gold',
      });
    }
  );
};
";
/// The newer way.
const AWAITING: &str = "
async (accessToken, context) => {
  const headers = { authorization: `Bearer ${accessToken}` };
  const answer = await fetch('ISSUERuserinfo', { headers });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  const { sub, email, name } = await answer.json();
  return { user_id: sub, email, name: name.toUpperCase() };
} // as of 2026";
/// With the options of the library.
const WITH_JSON: &str = "
function (accessToken, context, cb) {
  request({ uri: 'ISSUERuserinfo', json: true, auth: { bearer: accessToken } }, (e, r, profile) =>
    cb(e, { user_id: profile.sub, email: profile.email, name: profile.name.toUpperCase() }));
}";

/// Makes, or changes, the connection `box` to one with a script.
pub(crate) async fn add_scripted(server: &TestServer, script: &str) {
    let issuer = server.provider().issuer().to_owned();
    let options = json!({
        "authorizationURL": format!("{issuer}authorize"), "tokenURL": format!("{issuer}token"),
        "scope": "openid profile email offline_access read:calendar", "pkce_enabled": true,
        "scripts": { "fetchUserProfile": script },
    });
    let admin = Admin::of(server).await;
    let found = admin.get("connections?name=box").await.expect(200).json();
    let Some(id) = found[0]["id"].as_str() else {
        add_connection(server, "box", "oauth2", options).await;
        return;
    };
    let mut all = found[0]["options"].clone();
    all.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    admin.patch(&format!("connections/{id}"), &json!({ "options": all })).await.expect(200);
}

/// Logs Ada in through `box`: where her browser ends up.
pub(crate) async fn log_in(server: &TestServer) -> Page {
    let login = Login::spa().with("connection", "box");
    let browser = server.browser();
    let page = browser.open(server.attempt(&login).url.as_str()).await;
    browser.walk(page, &server.ada()).await
}

#[tokio::test]
async fn the_profile_is_what_the_script_tells() {
    for script in [FETCHING, AWAITING, WITH_JSON] {
        let server = TestServer::start().await;
        add_scripted(&server, &script.replace("ISSUER", server.provider().issuer())).await;
        let login = Login::spa().with("connection", "box");
        let tokens = server.log_in(&server.browser(), &login).await;
        let claims = server.claims_of(&tokens.id_token.unwrap());
        assert_eq!(claims["sub"], format!("oauth2|box|{}", Emulated::subject_of("ada")));
        assert_eq!(claims["email"], Emulated::email_of("ada"));
        assert_eq!(claims["name"], "ADA LOVELACE", "{script}");
        assert_eq!(server.provider().calls_of("userinfo").await, 1);
    }
}

#[tokio::test]
async fn an_account_is_connected_by_the_subject_that_the_script_tells() {
    let server = TestServer::start().await;
    let script = "function (accessToken, ctx, cb) { cb(null, { user_id: 42, email: 'a@box.test',\
                  email_verified: true, granted: ctx.scope, kind: ctx.token_type ?? null }); }";
    add_scripted(&server, script).await;
    let ada = LoggedIn::of(&server, &Login::web()).await;
    let to_box = Connect { connection: "box".to_owned(), scopes: None, persona: None };
    let account = ada.connect(&to_box).await;
    assert_eq!(account["connection"], "box");
    let to_box = || Exchange { connection: "box".to_owned(), ..Exchange::calendar() };
    for hint in ["42", "a@box.test"] {
        ada.exchange(&to_box().login_hint(hint)).await.expect(200);
    }
    ada.exchange(&to_box().login_hint("43")).await.expect(401);
    assert_eq!(server.provider().calls_of("userinfo").await, 0);
}

#[tokio::test]
async fn a_provider_that_fails_is_the_scripts_to_judge() {
    let server = TestServer::start().await;
    add_scripted(&server, &FETCHING.replace("ISSUER", server.provider().issuer())).await;
    let fault = json!({ "endpoint": "userinfo", "effect": { "kind": "status", "status": 503 } });
    server.provider().fault(fault).await;
    let page = log_in(&server).await;
    assert_eq!(page.expect_parameter("error"), "access_denied");
    let event = server.latest_event(model::log_event::LogEventKind::LoginFailed).await;
    assert_eq!(
        event.detail.description.as_deref(),
        Some(
            "The provider's answer was not accepted.: the profile cannot be fetched: \
             the script failed: status 503"
        )
    );
}

#[tokio::test]
async fn what_is_no_script_is_not_saved() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let make = async |strategy: &str, scripts: Value| {
        let options = json!({
            "client_id": "c", "authorizationURL": "https://idp.example/authorize",
            "tokenURL": "https://idp.example/token", "scripts": scripts,
        });
        let body = json!({ "name": "box", "strategy": strategy, "options": options });
        admin.post("connections", &body).await
    };
    for (scripts, why) in [
        (
            json!({ "fetchUserProfile": "function (a, b, cb) {\n  const x = ;\n}" }),
            "the script cannot be read: unexpected token in expression: ';' (line 2)",
        ),
        (json!({ "fetchUserProfile": "function (a, b, cb) {" }), "the script cannot be read"),
        (json!({ "fetchUserProfile": "({ user_id: 1 })" }), "the script is not a function"),
        (json!({ "fetchUserProfile": "while (true) {}" }), "the script cannot be read"),
        (
            json!({ "fetchUserProfile": "(() => { while (true) {} })()" }),
            "the script did not end in time",
        ),
        (
            json!({ "fetchUserProfile": format!("() => {{}} //{}", "x".repeat(60_000)) }),
            "the script is longer than 51200 bytes",
        ),
        (json!({ "fetchUserProfile": 7 }), "options.scripts.fetchUserProfile is not a string"),
        (json!("function () {}"), "options.scripts is not an object"),
        (json!({ "getLogoutUrl": "function () {}" }), "\"getLogoutUrl\" is not supported"),
    ] {
        let answer = make("oauth2", scripts.clone()).await;
        assert_eq!(refusal(&answer), refused(400, "invalid_body"), "{scripts}");
        let message = answer.member("message");
        assert!(message.contains(why), "{scripts}: {message}");
    }
    let scripts = json!({ "fetchUserProfile": "function () {}", "getLogoutUrl": null });
    let made = make("oauth2", scripts.clone()).await.expect(201).json();
    assert_eq!(made["options"]["scripts"], scripts);

    // A change that is refused changes nothing.
    let path = format!("connections/{}", made["id"].as_str().unwrap());
    let mut options = made["options"].clone();
    options["scripts"]["fetchUserProfile"] = json!("function (");
    let answer = admin.patch(&path, &json!({ "options": options })).await;
    assert_eq!(refusal(&answer), refused(400, "invalid_body"));
    assert_eq!(admin.get(&path).await.expect(200).json()["options"], made["options"]);
}
