//! Scripts that want everything. Each is stopped, and one of another tenant goes on beside it.

use std::collections::BTreeMap;
use std::time::Duration;

use actions::{ActionError, Pool, ScriptFault};

use super::{calling, pool, run};

/// A run ends long before; a test that waits for so long has found a script that nothing stops.
const WATCHDOG: Duration = Duration::from_secs(30);

/// The scripts by who stops them, engine or process, and by name.
const HOSTILE: &str = include_str!("../../../../../actions/hostile.toml");

#[tokio::test]
async fn a133_what_the_engine_can_stop_is_stopped() {
    let pool = pool();
    for (name, body) in hostile("engine") {
        is_stopped(&pool, &name, &body).await;
    }
}

#[tokio::test]
async fn a133_what_the_engine_cannot_stop_is_killed_with_its_process() {
    let pool = pool();
    for (name, body) in hostile("process") {
        is_stopped(&pool, &name, &body).await;
    }
}

fn hostile(stopped_by: &str) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, BTreeMap<String, String>> = toml::from_str(HOSTILE).unwrap();
    all.remove(stopped_by).unwrap()
}

/// A script is stopped while the scripts of another tenant end well, and then its own tenant's do.
async fn is_stopped(pool: &Pool, name: &str, body: &str) {
    let harmless = calling("callback(null, { user_id: context.user });");
    let hostile_script = calling(body);
    let hostile = run(pool, "hostile", &hostile_script);
    let beside = async {
        for _ in 0..20 {
            let profile = run(pool, "harmless", &harmless).await;
            assert_eq!(profile.unwrap()["user_id"], "u-1", "beside {name}");
        }
    };
    let both = async { tokio::join!(hostile, beside) };
    let (outcome, ()) = tokio::time::timeout(WATCHDOG, both).await.unwrap();
    match outcome {
        Err(
            ActionError::Broken
            | ActionError::Script(ScriptFault::TimedOut | ScriptFault::Failed(_)),
        ) => {}
        other => panic!("{name}: {other:?}"),
    }
    let after = run(pool, "hostile", &harmless).await;
    assert_eq!(after.unwrap()["user_id"], "u-1", "after {name}");
}

/// However many scripts of one tenant are stuck, another tenant has its turn.
#[tokio::test]
async fn a133_one_tenant_does_not_take_all_workers() {
    let pool = pool();
    let (stuck, harmless) = (calling("while (true) {}"), calling("callback(null, {});"));
    let hostile = futures_util::future::join_all((0..40).map(|_| run(&pool, "hostile", &stuck)));
    let beside = async {
        for _ in 0..20 {
            run(&pool, "harmless", &harmless).await.unwrap();
        }
    };
    let (outcomes, ()) = tokio::join!(hostile, beside);
    // Who would have to wait for too long is told at once what it is.
    for outcome in outcomes {
        let error = outcome.unwrap_err();
        let is_expected = matches!(
            error,
            ActionError::Busy | ActionError::Script(ScriptFault::TimedOut) | ActionError::Broken
        );
        assert!(is_expected, "{error:?}");
    }
}

#[tokio::test]
async fn a133_results_and_messages_are_bounded() {
    let pool = pool();
    let long = "callback(null, { user_id: 'x'.repeat(100000) });";
    let outcome = run(&pool, "t", &calling(long)).await.unwrap_err();
    assert!(matches!(outcome, ActionError::Script(ScriptFault::ResultTooLong)), "{outcome:?}");
    for body in ["callback(new Error('x'.repeat(60000)));", "throw 'x'.repeat(1e6);"] {
        let message = run(&pool, "t", &calling(body)).await.unwrap_err().to_string();
        assert!(message.len() < 400, "{}", message.len());
    }
    let script =
        format!("function (t, c, cb) {{ /* {} */ }}", "x".repeat(actions::SCRIPT_BYTES_MAX));
    let outcome = run(&pool, "t", &script).await.unwrap_err();
    assert!(matches!(outcome, ActionError::Script(ScriptFault::ScriptTooLong)), "{outcome:?}");
}
