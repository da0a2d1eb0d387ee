//! How many exchanges a second, beside a bare handler of the same HTTP stack in the same run; how long
//! scripts take ([`actions`]); and what callers notice when the provider of others hangs ([`hang`]).
//!
//! Both servers are processes of their own on loopback and are asked by the same load generator, one
//! after the other, several rounds in turn. On a small shared machine absolute numbers mean little;
//! the ratio is what to compare.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark answers by printing")]

mod actions;
mod bare;
mod hang;
mod load;
mod server;
mod setup;

use std::process::ExitCode;

use load::Measured;

/// Exchanges in each round.
const REQUESTS: usize = 10_000;
const ROUNDS: usize = 3;

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let outcome = match (arguments.next().as_deref(), arguments.next()) {
        (Some("bare"), Some(port)) => bare::serve(&port).await,
        (Some("exchange"), Some(strongroom)) => exchange(&strongroom).await,
        (Some("actions"), Some(strongroom)) => actions::measure(&strongroom).await,
        (Some("hang"), Some(strongroom)) => hang::measure(&strongroom).await,
        _ => Err("usage: benches exchange|actions|hang PATH_OF_STRONGROOM".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

async fn exchange(strongroom: &str) -> Outcome<()> {
    let dev = server::Dev::start(strongroom).await?;
    let request = setup::exchange_request(&dev).await?;
    let bare = server::Bare::start().await?;
    let client = load::client()?;
    // Both sides warm up: connections are made, statements prepared, caches filled.
    load::run(&client, &request, REQUESTS / 10).await?;
    load::run(&client, &bare.request(), REQUESTS / 10).await?;
    println!(
        "{:<8}{:>14}{:>14}{:>10}{:>22}",
        "round", "exchange/s", "bare/s", "ratio", "exchange p50/p99 ms"
    );
    let mut ratios = Vec::new();
    for round in 1..=ROUNDS {
        let exchanges = load::run(&client, &request, REQUESTS).await?;
        let constant = load::run(&client, &bare.request(), REQUESTS).await?;
        let ratio = exchanges.per_second() / constant.per_second();
        ratios.push(ratio);
        print_round(round, &exchanges, &constant, ratio);
    }
    ratios.sort_by(f64::total_cmp);
    println!(
        "{} exchanges, 0 errors; median ratio to the bare handler {:.3}",
        REQUESTS * ROUNDS,
        ratios[ROUNDS / 2]
    );
    Ok(())
}

fn print_round(round: usize, exchanges: &Measured, constant: &Measured, ratio: f64) {
    println!(
        "{round:<8}{:>14.0}{:>14.0}{ratio:>10.3}{:>15.1} /{:>5.1}",
        exchanges.per_second(),
        constant.per_second(),
        exchanges.percentile(50),
        exchanges.percentile(99),
    );
}
