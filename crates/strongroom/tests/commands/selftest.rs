//! `strongroom selftest`: the promises hold, and what is printed can be read by people and machines.

use serde_json::{Value, json};

use crate::process::{folder, run};

async fn found(arguments: &[&str]) -> Value {
    let home = folder();
    let arguments = [&["selftest"], arguments, &["--json"]].concat();
    let output = run(home.path(), &arguments).await;
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn fifty_callers_of_an_ended_token_cause_one_refresh() {
    let race = ["race", "--callers", "50", "--rounds", "2", "--latency-ms", "100"];
    let report = found(&race).await;
    assert_eq!((&report["test"], &report["held"]), (&json!("race"), &json!(true)));
    assert_eq!((&report["database"], &report["violations"]), (&json!("sqlite"), &json!([])));
    let rounds = report["rounds"].as_array().unwrap();
    assert_eq!(rounds.len(), 2);
    for round in rounds {
        assert_eq!(round["callers"], 50);
        assert_eq!(round["upstream_refreshes"], 1);
        assert_eq!((&round["errors"], &round["tokens"]), (&json!(0), &json!(1)));
    }
}

#[tokio::test]
async fn no_grant_is_lost_to_a_kill_within_the_grace() {
    // The second kill of this seed comes when the tokens have rotated and the answer is on its way.
    let crash = ["crash", "--rounds", "3", "--grace-seconds", "30", "--seed", "1"];
    let report = found(&crash).await;
    assert_eq!((&report["test"], &report["held"]), (&json!("crash"), &json!(true)));
    assert_eq!((&report["kills"], &report["seed"]), (&json!(3), &json!(1)));
    assert_eq!((&report["grants_lost"], &report["reuses"]), (&json!(0), &json!(0)));
    assert_eq!(report["rounds"].as_array().unwrap().len(), 3);
}

/// F03, with several servers on one database: while one is killed the others serve.
#[tokio::test]
async fn servers_that_are_not_killed_go_on() {
    let crash = ["crash", "--rounds", "4", "--processes", "2", "--seed", "1"];
    let report = found(&crash).await;
    assert_eq!((&report["kills"], &report["processes"]), (&json!(4), &json!(2)));
    assert_eq!((&report["grants_lost"], &report["reuses"]), (&json!(0), &json!(0)));
    assert!(report["answers_of_other_servers"].as_u64().unwrap() > 0, "{report}");
}

/// F03, F07, F37: stopped for longer than a lease, and told to end, both in the middle of a refresh.
#[tokio::test]
async fn f03_a_server_that_was_stopped_overwrites_nothing_and_f37_one_that_ends_finishes() {
    let report = found(&["halt", "--latency-ms", "1000"]).await;
    assert_eq!((&report["test"], &report["held"]), (&json!("halt"), &json!(true)));
    let round = &report["rounds"][0];
    assert_eq!((&round["refreshes_of_stop"], &round["overwritten"]), (&json!(2), &json!(false)));
    assert_eq!((&round["exit_code"], &round["forgotten"]), (&json!(0), &json!(false)));
}

#[tokio::test]
async fn people_get_a_table() {
    let home = folder();
    let output = run(home.path(), &["selftest", "race", "--callers", "5", "--rounds", "1"]).await;
    assert_eq!(output.status.code(), Some(0));
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.starts_with("selftest race on sqlite: 1 process(es)"), "{table}");
    assert!(table.ends_with("The promise holds.\n"), "{table}");
}

#[tokio::test]
async fn an_engine_that_there_is_not_is_a_misuse() {
    let home = folder();
    let output = run(home.path(), &["selftest", "race", "--database", "mysql://localhost"]).await;
    assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(2), true));
}
