//! One provider hangs: what those notice who want the token of another connection.
//!
//! In each round a server of its own is asked twice for the same: alone, and while hundreds of callers
//! wait for a provider that does not answer. Once for a token that is good, and once for one that ends so
//! soon that every request waits for its provider, which is well.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::load::{self, Measured, Request};
use crate::server::Dev;
use crate::setup::Person;
use crate::{Outcome, ROUNDS};

/// Callers that wait for the provider that hangs.
const CALLERS: usize = 500;
const GOOD: usize = 5_000;
const ENDING: usize = 1_000;
/// A token that lasts no longer is renewed before it is given out.
const ENDING_SECONDS: u64 = 20;
/// Longer than a caller is kept waiting.
const HANG_MS: u64 = 30_000;
/// Until all callers have come to the provider's door.
const SETTLE: Duration = Duration::from_millis(500);

/// Prints how long callers wait beside others, as ratios to how long they wait alone.
pub(crate) async fn measure(strongroom: &str) -> Outcome<()> {
    println!(
        "{:<8}{:<8}{:>20}{:>20}{:>8}{:>8}",
        "round", "token", "alone p50/p99 ms", "beside p50/p99 ms", "p50", "p99"
    );
    let mut ratios = [const { Vec::new() }; 4];
    for round in 1..=ROUNDS {
        let Round { good, ending, answered } = play(strongroom).await?;
        for (place, (name, pair)) in [("good", &good), ("ending", &ending)].into_iter().enumerate()
        {
            let [p50, p99] = pair.ratios();
            ratios[2 * place].push(p50);
            ratios[2 * place + 1].push(p99);
            let [alone, beside] = pair.times();
            println!("{round:<8}{name:<8}{alone:>20}{beside:>20}{p50:>8.2}{p99:>8.2}");
        }
        println!("{round:<8}{CALLERS} callers waited meanwhile; {answered} had an answer");
    }
    let [good_p50, good_p99, ending_p50, ending_p99] = ratios.map(median);
    println!(
        "median ratios: good {good_p50:.2} / {good_p99:.2}, ending {ending_p50:.2} / {ending_p99:.2}"
    );
    Ok(())
}

struct Round {
    good: Pair,
    ending: Pair,
    /// How many of those who should wait did not.
    answered: usize,
}

struct Pair {
    alone: Measured,
    beside: Measured,
}

impl Pair {
    fn ratios(&self) -> [f64; 2] {
        [50, 99].map(|percent| self.beside.percentile(percent) / self.alone.percentile(percent))
    }

    fn times(&self) -> [String; 2] {
        [&self.alone, &self.beside]
            .map(|it| format!("{:.1} / {:.1}", it.percentile(50), it.percentile(99)))
    }
}

async fn play(strongroom: &str) -> Outcome<Round> {
    let dev = Dev::start(strongroom).await?;
    let mut person = Person::log_in(&dev).await?;
    person.add_connections(&["fleeting", "hanging"]).await?;
    person.connect("calendar", 0).await?;
    let fleeting = json!({
        "access_token_lifetime_seconds": ENDING_SECONDS,
        "refresh_tokens": { "kind": "rotating", "grace_seconds": 0 },
        "refresh_token_lifetime_seconds": null,
        "refresh_ends_access_tokens": false,
        "send_expires_in": true,
        "send_scope": true,
        "send_id_token": true,
        "answer_format": "json",
    });
    person.command_provider("behaviours/oidc", &fleeting).await?;
    person.connect("fleeting", 0).await?;
    person.connect("hanging", 1).await?;
    let [good, ending, hanging] =
        [person.exchange("calendar")?, person.exchange("fleeting")?, person.exchange("hanging")?];
    let client = load::client()?;
    load::run(&client, &good, GOOD / 10).await?;
    load::run(&client, &ending, ENDING / 10).await?;
    let good_alone = load::run(&client, &good, GOOD).await?;
    let ending_alone = load::run(&client, &ending, ENDING).await?;

    let user = &dev.announced.emulator.users.get(1).ok_or("no second account")?.username;
    let hang = json!({ "endpoint": "refresh", "user": user, "sticky": true, "delay_ms": HANG_MS });
    person.command_provider("faults", &hang).await?;
    let answered = Arc::new(AtomicUsize::new(0));
    // Dropped at the end, and with it the callers.
    let callers: JoinSet<_> = (0..CALLERS)
        .map(|_| wait(client.clone(), hanging.clone(), Arc::clone(&answered)))
        .collect();
    sleep(SETTLE).await;
    let good_beside = load::run(&client, &good, GOOD).await?;
    let ending_beside = load::run(&client, &ending, ENDING).await?;
    drop(callers);
    Ok(Round {
        good: Pair { alone: good_alone, beside: good_beside },
        ending: Pair { alone: ending_alone, beside: ending_beside },
        answered: answered.load(Ordering::Relaxed),
    })
}

async fn wait(client: reqwest::Client, request: Request, answered: Arc<AtomicUsize>) {
    let call = client.post(request.url).body(request.body.to_string());
    let call = call.header("content-type", "application/x-www-form-urlencoded");
    drop(call.send().await);
    answered.fetch_add(1, Ordering::Relaxed);
}

fn median(mut ratios: Vec<f64>) -> f64 {
    ratios.sort_by(f64::total_cmp);
    ratios[ratios.len() / 2]
}
