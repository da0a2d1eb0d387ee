//! A11, A32: what can be used once is used once, by however many at the same moment; and a replaced
//! refresh token that comes again ends its family.

use std::time::Duration;

use model::log_event::LogEventKind;
use testkit::{Answer, Application, Engine, Login, TestServer};

use crate::checks::{noted, refused};
use crate::steps::{AT_ONCE, at_once, code, logged_in, refresh_spa, refresh_token, refreshing_spa};
use crate::support::{count, edit_client};

const UNKNOWN: &str = "Unknown or invalid refresh token.";

/// The leeway of the public client from now on.
async fn leeway(server: &TestServer, seconds: u32) {
    edit_client(server, Application::Spa, |client| client.refresh_token.leeway = seconds).await;
}

fn is_granted(answer: &Answer) -> bool {
    answer.status == 200
}

#[tokio::test]
async fn a11_of_a_hundred_that_redeem_a_code_one_does_and_it_ends_there() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let browser = logged_in(&server).await;
        let (attempt, code) = code(&server, &browser, &Login::spa()).await;
        let redeemed_before = server.count_events(LogEventKind::CodeExchange).await;
        let answers = at_once(&server, &server.redeem(&attempt, &code)).await;
        let (granted, others): (Vec<_>, Vec<_>) = answers.iter().partition(|it| is_granted(it));
        let [granted] = granted[..] else { panic!("{engine:?}: {} granted", granted.len()) };
        for other in others {
            refused(other, 403, "invalid_grant", "Invalid authorization code");
        }
        // The others were a hundred replays: what the one got is revoked.
        let answer = refresh_spa(&server, &granted.member("refresh_token")).await;
        refused(&answer, 403, "invalid_grant", UNKNOWN);
        noted(&server, LogEventKind::RefreshExchangeFailed, "the refresh token was revoked").await;
        let redeemed = server.count_events(LogEventKind::CodeExchange).await;
        assert_eq!(redeemed - redeemed_before, 1);
        let replays = server.log_events().await.into_iter().filter(|event| {
            event.detail.description.as_deref()
                == Some("the code was redeemed before; what it gave is revoked")
        });
        assert_eq!(replays.count(), AT_ONCE - 1);
    }
}

#[tokio::test]
async fn a32_of_a_hundred_that_refresh_without_leeway_one_does_and_the_family_ends() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        leeway(&server, 0).await;
        let browser = server.browser();
        let tokens = server.log_in(&browser, &Login::spa()).await;
        let other_family = server.log_in(&browser, &Login::spa()).await;
        let call = refreshing_spa(&server, refresh_token(&tokens));
        let answers = at_once(&server, &call).await;
        let (granted, others): (Vec<_>, Vec<_>) = answers.iter().partition(|it| is_granted(it));
        let [granted] = granted[..] else { panic!("{engine:?}: {} granted", granted.len()) };
        for other in others {
            refused(other, 403, "invalid_grant", UNKNOWN);
        }
        // One of them is a thief, and nobody knows which: both are out.
        let answer = refresh_spa(&server, &granted.member("refresh_token")).await;
        refused(&answer, 403, "invalid_grant", UNKNOWN);
        noted(&server, LogEventKind::RefreshExchangeFailed, "the refresh token was revoked").await;
        let reuses = server.count_events(LogEventKind::RefreshTokenReuse).await;
        let failures = server.count_events(LogEventKind::RefreshExchangeFailed).await;
        assert!(reuses >= 1, "{engine:?}");
        assert_eq!(reuses + failures, AT_ONCE, "{engine:?}");
        assert_eq!(server.count_events(LogEventKind::RefreshExchange).await, 1);
        // Another login of the same person is not concerned.
        refresh_spa(&server, refresh_token(&other_family)).await.expect(200);
    }
}

#[tokio::test]
async fn a32_of_a_hundred_that_refresh_inside_the_leeway_all_get_the_one_successor() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        leeway(&server, 10).await;
        let tokens = server.log_in(&server.browser(), &Login::spa()).await;
        let call = refreshing_spa(&server, refresh_token(&tokens));
        let answers = at_once(&server, &call).await;
        let successor = answers[0].member("refresh_token");
        for answer in &answers {
            assert_eq!((answer.status, answer.member("refresh_token")), (200, successor.clone()));
        }
        let generations = "SELECT COUNT(*) AS n FROM refresh_tokens";
        assert_eq!(count(&server, generations).await, 2, "{engine:?}");
        assert_eq!(server.count_events(LogEventKind::RefreshTokenReuse).await, 0);
        refresh_spa(&server, &successor).await.expect(200);
    }
}

#[tokio::test]
async fn a32_a_lost_answer_is_given_again_inside_the_leeway() {
    let server = TestServer::start().await;
    leeway(&server, 10).await;
    let tokens = server.log_in(&server.browser(), &Login::spa()).await;
    let first = refresh_spa(&server, refresh_token(&tokens)).await.expect(200);
    server.clock().advance(Duration::from_secs(9));
    let again = refresh_spa(&server, refresh_token(&tokens)).await.expect(200);
    assert_eq!(again.member("refresh_token"), first.member("refresh_token"));
    refresh_spa(&server, &again.member("refresh_token")).await.expect(200);
}

#[tokio::test]
async fn a32_a_replay_ends_the_family() {
    // Whether the leeway is over, or the successor was used and so arrived.
    for (leeway_seconds, wait, uses_successor) in [(0, 0, false), (10, 10, false), (10, 0, true)] {
        let server = TestServer::start().await;
        leeway(&server, leeway_seconds).await;
        let tokens = server.log_in(&server.browser(), &Login::spa()).await;
        let mut latest = refresh_spa(&server, refresh_token(&tokens)).await.expect(200);
        if uses_successor {
            latest = refresh_spa(&server, &latest.member("refresh_token")).await.expect(200);
        }
        server.clock().advance(Duration::from_secs(wait));
        let replay = refresh_spa(&server, refresh_token(&tokens)).await;
        refused(&replay, 403, "invalid_grant", UNKNOWN);
        let cause = "the refresh token was used again after it was replaced; its family is revoked";
        noted(&server, LogEventKind::RefreshTokenReuse, cause).await;
        let of_owner = refresh_spa(&server, &latest.member("refresh_token")).await;
        refused(&of_owner, 403, "invalid_grant", UNKNOWN);
        noted(&server, LogEventKind::RefreshExchangeFailed, "the refresh token was revoked").await;
    }
}

/// A token that does not rotate is the same for everybody at once.
#[tokio::test]
async fn a32_a_token_that_does_not_rotate_is_not_spent() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let tokens = server.log_in(&server.browser(), &Login::web()).await;
        let answers = at_once(&server, &server.refreshing(&tokens, &[])).await;
        for answer in &answers {
            assert_eq!(answer.status, 200, "{answer:?}");
            assert_eq!(answer.json().get("refresh_token"), None);
        }
        assert_eq!(count(&server, "SELECT COUNT(*) AS n FROM refresh_tokens").await, 1);
    }
}
