//! Scripts: how long a harmless one takes, alone and beside each hostile one, and after how long that
//! one is stopped.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use actions::{FetchUserProfile, Pool, Program};
use protocol::secret::{ProviderAccessToken, Secret};
use serde_json::Map;

use crate::Outcome;

/// The scripts by who stops them, engine or process, and by name.
const HOSTILE: &str = include_str!("../../crates/actions/hostile.toml");
const HARMLESS: &str = "function (accessToken, context, callback) {
  const body = JSON.stringify({ sub: 'u-1', email: 'ada@example.com', name: 'Ada Lovelace' });
  const { sub, email, name } = JSON.parse(body);
  callback(null, { user_id: sub, email, name });
}";
/// Harmless runs before and beside each hostile one.
const RUNS: usize = 200;

/// Measures workers of a program.
pub(crate) async fn measure(strongroom: &str) -> Outcome<()> {
    let pool = Pool::new(Program::new(strongroom, &["actions-worker"]));
    run(&pool, "warm", HARMLESS).await?;
    let warm = times(&pool, RUNS, |_| "warm".to_owned()).await?;
    // Each tenant has a process of its own, so a new one starts one.
    let cold = times(&pool, RUNS, |run| format!("tenant {run}")).await?;
    println!("{:<28}{:>10}{:>10}{:>10}", "a harmless script", "p50 ms", "p99 ms", "ratio");
    for (name, times) in [("in a worker that is warm", &warm), ("in a new worker", &cold)] {
        let ratio = percentile(times, 50) / percentile(&warm, 50);
        let (p50, p99) = (percentile(times, 50), percentile(times, 99));
        println!("{name:<28}{p50:>10.2}{p99:>10.2}{ratio:>10.1}");
    }
    println!(
        "\n{:<28}{:>10}  {:<34}{:>16}",
        "a hostile script", "ended ms", "by", "beside p50/p99"
    );
    let all: BTreeMap<String, BTreeMap<String, String>> = toml::from_str(HOSTILE)?;
    for (name, body) in all.values().flatten() {
        beside(&pool, name, body).await?;
    }
    Ok(())
}

async fn beside(pool: &Pool, name: &str, body: &str) -> Outcome<()> {
    let script = format!("function (accessToken, context, callback) {{ {body} }}");
    let hostile = async {
        let began = Instant::now();
        let outcome = run(pool, "hostile", &script).await;
        let by = outcome.err().map_or("itself".to_owned(), |error| error.to_string());
        (began.elapsed(), by)
    };
    let (stopped, times) = tokio::join!(hostile, times(pool, RUNS, |_| "warm".to_owned()));
    let (elapsed, by) = stopped;
    let times = times?;
    let (p50, p99) = (percentile(&times, 50), percentile(&times, 99));
    let by: String = by.chars().take(32).collect();
    println!("{name:<28}{:>10.0}  {by:<34}{p50:>8.2} /{p99:>6.2}", milliseconds(elapsed));
    Ok(())
}

/// How long harmless scripts take, in order of length.
async fn times(
    pool: &Pool,
    runs: usize,
    tenant: impl Fn(usize) -> String,
) -> Outcome<Vec<Duration>> {
    let mut times = Vec::with_capacity(runs);
    for number in 0..runs {
        let began = Instant::now();
        run(pool, &tenant(number), HARMLESS).await?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    Ok(times)
}

async fn run(pool: &Pool, tenant: &str, script: &str) -> Result<(), actions::ActionError> {
    let access_token: ProviderAccessToken = Secret::new("the-access-token-of-somebody");
    let others = Map::new();
    let (id_token, scope, access_token) = (None, "openid", &access_token);
    let event = FetchUserProfile { access_token, id_token, scope, others: &others };
    let no_network = async |_| Err("there is no network here".to_owned());
    pool.fetch_user_profile(tenant, script, event, no_network).await.map(drop)
}

fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    milliseconds(sorted[(sorted.len() - 1) * percent / 100])
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
