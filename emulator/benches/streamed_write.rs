//! Does a streamed write stay as fast as its stream grows?
//!
//! `cargo bench -p dynamodb-emulator`: the median of writes after 20,000 stream
//! records must be at most 1.5 times that after 200, else exit code 1. Without
//! the indexes of `store` it is about 30 times. The pairs are taken in one
//! process, through the SDK and over loopback, as the service does it.

use std::process::ExitCode;
use std::time::{Duration, Instant};

#[path = "../tests/support/mod.rs"]
mod support;

use dynamodb_emulator::{Emulator, Options};
use support::{Clients, put_action};

const RECORDS_FEW: usize = 200;
const RECORDS_MANY: usize = 20_000;
const RATIO_MAX: f64 = 1.5;
/// Writes timed at each size.
const SAMPLES: usize = 400;
/// Actions of one filling transaction.
const FILL: usize = 100;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let emulator = Emulator::start(Options::default()).await.expect("it starts");
    let clients = Clients::new(&emulator.endpoint()).await;
    clients.create_table("bench").await;
    let mut written = 0;
    fill(&clients, &mut written, RECORDS_FEW).await;
    // Not counted: connections, caches.
    median_write(&clients, "warm").await;
    let few = median_write(&clients, "few").await;
    fill(&clients, &mut written, RECORDS_MANY).await;
    let many = median_write(&clients, "many").await;
    emulator.shutdown().await;

    let ratio = many.as_secs_f64() / few.as_secs_f64();
    println!("a streamed write, median of {SAMPLES}:");
    println!("  after {RECORDS_FEW:>6} records {:>8.1} us", few.as_secs_f64() * 1e6);
    println!("  after {RECORDS_MANY:>6} records {:>8.1} us", many.as_secs_f64() * 1e6);
    println!("  ratio {ratio:.2} (at most {RATIO_MAX})");
    if ratio <= RATIO_MAX { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn fill(clients: &Clients, written: &mut usize, until: usize) {
    while *written < until {
        let count = FILL.min(until - *written);
        let actions = (0..count)
            .map(|index| put_action("bench", "fill", &format!("{:08}", *written + index), None))
            .collect();
        let fill = clients.db.transact_write_items().set_transact_items(Some(actions));
        fill.send().await.expect("a filling transaction");
        *written += count;
    }
}

async fn median_write(clients: &Clients, pk: &str) -> Duration {
    let mut times = Vec::with_capacity(SAMPLES);
    for index in 0..SAMPLES {
        let began = Instant::now();
        clients.put("bench", pk, &format!("{index:08}"), "value").await;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    times[SAMPLES / 2]
}
