//! What big providers do otherwise than the specifications have it, as the server meets it.

use std::time::Duration;

use model::log_event::LogEventKind;
use serde_json::{Value, json};
use testkit::{Answer, Connect, Exchange, Login, TestServer};

use crate::management::Admin;
use crate::scene::{FLOW_FAILED, LoggedIn, add_connection, says};

/// Ada, with a connection named after its strategy.
struct With {
    server: TestServer,
    ada: LoggedIn,
    strategy: &'static str,
}

impl With {
    async fn strategy(strategy: &'static str, options: Value) -> Self {
        let server = TestServer::start().await;
        add_connection(&server, strategy, strategy, options).await;
        let ada = LoggedIn::of(&server, &Login::web()).await;
        Self { server, ada, strategy }
    }

    async fn connect(&self) -> Value {
        let connection = self.strategy.to_owned();
        self.ada.connect(&Connect { connection, scopes: None, persona: None }).await
    }

    async fn exchange(&self) -> Answer {
        let connection = self.strategy.to_owned();
        self.ada.exchange(&Exchange { connection, ..Exchange::calendar() }).await
    }

    async fn token(&self) -> String {
        self.exchange().await.expect(200).member("access_token")
    }

    /// Whether the provider honours a token.
    async fn honours(&self, token: &str) -> bool {
        let tokens = self.server.provider().tokens().await;
        tokens.iter().any(|line| line["value"] == token && line["active"] == true)
    }

    /// How many refresh tokens the provider honours.
    async fn refresh_tokens(&self) -> usize {
        let tokens = self.server.provider().tokens().await;
        let lives = |line: &&Value| line["kind"] == "refresh_token" && line["active"] == true;
        tokens.iter().filter(lives).count()
    }
}

/// Of a Slack app with a bot there are two tokens, and the person's stands inside; scopes have commas.
#[tokio::test]
async fn slacks_token_is_the_persons_and_not_the_bots() {
    let slack = With::strategy("slack", json!({ "scope": ["channels:read", "chat:write"] })).await;
    let bot = json!({ "access_token": "xoxb-bot", "scope": "commands", "token_type": "bot" });
    let effect = json!({ "kind": "edit", "set": bot });
    slack.server.provider().fault(json!({ "endpoint": "code_exchange", "effect": effect })).await;
    let account = slack.connect().await;
    assert_eq!(account["scopes"], json!(["channels:read", "chat:write"]));
    let token = slack.token().await;
    assert_ne!(token, "xoxb-bot");
    assert!(slack.honours(&token).await);
}

/// Slack refuses with status 200.
#[tokio::test]
async fn slacks_refusals_are_recognised() {
    let slack = With::strategy("slack", json!({ "scope": ["channels:read"] })).await;
    slack.connect().await;
    slack.server.clock().advance(Duration::from_hours(12));
    let refused = |error: &str| {
        let body = json!({ "ok": false, "error": error }).to_string();
        let effect = json!({
            "kind": "status", "status": 200, "body": body, "content_type": "application/json",
        });
        json!({ "endpoint": "refresh", "effect": effect })
    };
    let provider = slack.server.provider();
    let fresh = LoggedIn::of(&slack.server, &Login::web()).await;
    // Neither is about the grant.
    for error in ["bad_client_secret", "ratelimited"] {
        provider.fault(refused(error)).await;
        let answer = slack.exchange().await;
        assert!(answer.status >= 400, "{error}: {answer:?}");
        let accounts = slack.server.connected_accounts(&fresh.mine).await;
        assert_ne!(accounts[0]["health"]["status"], "needs_reconnect", "{error}");
        slack.server.clock().advance(Duration::from_mins(2));
    }
    provider.fault(refused("token_revoked")).await;
    says(&slack.exchange().await, FLOW_FAILED);
    let accounts = slack.server.connected_accounts(&slack.ada.mine).await;
    assert_eq!(accounts[0]["health"]["reason"], "token_revoked");
}

/// A refresh ends the token that somebody may still hold: it is not given out when that is near, and
/// what callers are told of its life ends before.
#[tokio::test]
async fn a_token_that_a_refresh_ends_is_not_given_out_shortly_before() {
    let zendesk = With::strategy("zendesk", json!({ "subdomain": "acme" })).await;
    zendesk.connect().await;
    let answer = zendesk.exchange().await.expect(200);
    let first = answer.member("access_token");
    assert_eq!(answer.json()["expires_in"], 1499);
    // For as long as they were told.
    zendesk.server.clock().advance(Duration::from_secs(1490));
    assert_eq!(zendesk.token().await, first);
    assert_eq!(zendesk.server.renew_due().await, 0);
    zendesk.server.clock().advance(Duration::from_secs(15));
    assert!(zendesk.honours(&first).await);
    let second = zendesk.token().await;
    assert_ne!(second, first);
    assert!(zendesk.honours(&second).await && !zendesk.honours(&first).await);
    assert_eq!(zendesk.refresh_tokens().await, 1);
    assert_eq!(zendesk.token().await, second);
}

/// Each is good for one use.
#[tokio::test]
async fn boxs_refresh_tokens_are_used_once_each() {
    let with = With::strategy("box", json!({})).await;
    with.connect().await;
    for refreshes in 1..=3 {
        let before = with.token().await;
        with.server.clock().advance(Duration::from_hours(1));
        assert_ne!(with.token().await, before);
        assert_eq!(with.server.provider().refreshes().await, refreshes);
        assert_eq!(with.refresh_tokens().await, 1);
    }
}

/// Salesforce leaves away when a token ends: the assumed time passes, and it is renewed.
#[tokio::test]
async fn salesforces_tokens_are_renewed_though_nobody_says_when_they_end() {
    let scope = json!(["openid", "refresh_token"]);
    let salesforce =
        With::strategy("salesforce", json!({ "scope": scope, "offline_access": true })).await;
    salesforce.connect().await;
    let answer = salesforce.exchange().await.expect(200);
    assert_eq!(answer.json()["expires_in"], 599);
    salesforce.server.clock().advance(Duration::from_mins(11));
    assert_ne!(salesforce.token().await, answer.member("access_token"));
    assert_eq!(salesforce.server.provider().refreshes().await, 1);
}

/// Microsoft says `invalid_grant` to nearly everything; what is wrong stands in the text, by number.
#[tokio::test]
async fn microsofts_numbers_are_told_as_what_they_mean() {
    let said = |error: &str, number: &str| {
        let effect = json!({
            "kind": "status", "status": 400, "content_type": "application/json",
            "body": json!({
                "error": error,
                "error_description": format!("{number}: Something long. Trace ID: 0000"),
            }).to_string(),
        });
        json!({ "endpoint": "refresh", "effect": effect })
    };
    for (strategy, options) in [
        ("windowslive", json!({ "strategy_version": 2 })),
        ("waad", json!({ "tenant_domain": "contoso.onmicrosoft.com" })),
    ] {
        let microsoft = With::strategy(strategy, options).await;
        let provider = microsoft.server.provider();
        let admin = Admin::of(&microsoft.server).await;
        // The registration is at fault: nobody's account is.
        microsoft.connect().await;
        for (number, cause) in
            [("AADSTS7000222", "client_secret_expired"), ("AADSTS7000215", "client_secret_invalid")]
        {
            microsoft.server.clock().advance(Duration::from_hours(2));
            provider.fault(said("invalid_client", number)).await;
            let answer = microsoft.exchange().await;
            assert_ne!(answer.status, 200);
            let event = microsoft.server.latest_event(LogEventKind::VaultExchangeFailed).await;
            let told = event.detail.description.unwrap_or_default();
            assert!(told.contains(cause), "{number}: {told}");
            let logs = admin.get("logs?per_page=1&sort=date:-1").await.expect(200);
            assert!(logs.text().contains(cause), "{logs:?}");
        }
        microsoft.token().await;
        for (number, reason) in [
            ("AADSTS65001", "consent_required"),
            ("AADSTS50076", "mfa_required"),
            ("AADSTS50173", "password_changed"),
            ("AADSTS700082", "refresh_token_expired"),
            ("AADSTS70008", "refresh_token_expired"),
            ("AADSTS99999", "invalid_grant"),
        ] {
            microsoft.server.clock().advance(Duration::from_hours(2));
            provider.fault(said("invalid_grant", number)).await;
            says(&microsoft.exchange().await, FLOW_FAILED);
            let fresh = LoggedIn::of(&microsoft.server, &Login::web()).await;
            let accounts = microsoft.server.connected_accounts(&fresh.mine).await;
            assert_eq!(accounts[0]["health"]["reason"], reason, "{strategy} {number}");
            let connection = strategy.to_owned();
            fresh.connect(&Connect { connection, scopes: None, persona: None }).await;
        }
    }
}
