//! `probe`: how long a DynamoDB stream takes to show what was written, measured on one clock.
//!
//! One process writes and reads. Each record lies between the last read that did not return it and
//! the one that did, so its propagation is known to about the interval between reads.

pub mod bracket;
pub mod writes;
pub mod reads;
pub mod table;
pub mod fit;
pub mod report;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use dynamodb_emulator::{Behaviour, Emulator, Options};
use gavel_core::store::connect::{Clients, Endpoint, connect};
use parking_lot::Mutex;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use self::reads::{Log, Poll, Readers};
use self::report::{Noted, Report};
use crate::measure::environment::Environment;

/// How long the last records may take.
const LAST_RECORDS_MAX: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Writes of a run: they are kept in memory.
const WRITES_MAX: f64 = 1_000_000.0;

/// What to probe.
#[derive(Debug, Clone)]
pub enum Store {
    /// An emulator in this process, with this behaviour and seed.
    Embedded(Box<Behaviour>, Option<u64>),
    /// AWS or an endpoint.
    At(Endpoint),
}

/// What to probe, and how.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The store.
    pub store: Store,
    /// How long to write.
    pub duration: Duration,
    /// Writes a second.
    pub rate: f64,
    /// Intervals between two reads of a shard; each has an equal part of the time.
    pub polls: Vec<Duration>,
}

/// Measures a store.
///
/// # Errors
/// When the table cannot be made, read or removed, or the run is interrupted.
pub async fn run(plan: &Plan) -> anyhow::Result<Report> {
    let writes = plan.rate * plan.duration.as_secs_f64();
    ensure!(
        plan.rate > 0.0 && (1.0..=WRITES_MAX).contains(&writes),
        "--rate and --duration must give from 1 to 1,000,000 writes"
    );
    ensure!(!plan.polls.is_empty(), "--poll-ms must have at least one interval");
    let (endpoint, emulator) = match &plan.store {
        Store::Embedded(behaviour, seed) => {
            let options =
                Options { behaviour: (**behaviour).clone(), seed: *seed, ..Options::default() };
            let emulator = Emulator::start(options).await.context("the embedded DynamoDB")?;
            (Endpoint::Embedded(emulator.endpoint()), Some(emulator))
        }
        Store::At(endpoint) => (endpoint.clone(), None),
    };
    let clients = connect(&endpoint).await;
    let place = match emulator {
        Some(_) => "the embedded DynamoDB of this process".to_owned(),
        None => clients.place(&endpoint).await,
    };
    eprintln!("probing {place}");
    let report = in_own_table(plan, &clients, place).await;
    if let Some(emulator) = emulator {
        emulator.shutdown().await;
    }
    report
}

/// Removes the tables that killed runs have left; returns their names.
///
/// # Errors
/// When tables cannot be listed or removed.
pub async fn clean_up(endpoint: &Endpoint) -> anyhow::Result<Vec<String>> {
    table::clean_up(&connect(endpoint).await.dynamodb).await
}

/// The table is removed whatever happens; also when the run is interrupted.
async fn in_own_table(plan: &Plan, clients: &Clients, place: String) -> anyhow::Result<Report> {
    let mut terminated = signal(SignalKind::terminate())?;
    let (name, stream) = table::create(&clients.dynamodb).await?;
    let measured = tokio::select! {
        measured = measure(plan, clients, &name, stream, place) => measured,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
        _ = terminated.recv() => Err(anyhow::anyhow!("terminated")),
    };
    let removed = table::remove(&clients.dynamodb, &name).await;
    let report = measured?;
    removed?;
    Ok(report)
}

async fn measure(
    plan: &Plan,
    clients: &Clients,
    table: &str,
    stream: String,
    place: String,
) -> anyhow::Result<Report> {
    let environment = Environment::begin();
    let polls: Vec<Poll> =
        plan.polls.iter().enumerate().map(|(phase, every)| Poll { phase, every: *every }).collect();
    let (poll, polled) = watch::channel(polls[0]);
    let log = Arc::<Mutex<Log>>::default();
    let readers =
        Readers { client: clients.streams.clone(), stream, poll: polled, log: Arc::clone(&log) };
    let stop = CancellationToken::new();
    let writing = async {
        let phase = plan.duration / polls.len() as u32;
        let mut writes = HashMap::new();
        for at in &polls {
            poll.send_replace(*at);
            // Of two phases none writes what the other reads.
            let (client, first) = (clients.dynamodb.clone(), writes.len());
            let made = writes::run(client, table.to_owned(), plan.rate, phase, first).await;
            writes.extend(made);
            all_seen(&writes, &log).await;
        }
        stop.cancel();
        Ok(writes)
    };
    let ((), writes) = tokio::try_join!(readers.run(stop.clone()), writing)?;
    let log = log.lock();
    if let Some(error) = &log.last_error {
        eprintln!("{} calls of Streams failed, the last with: {error}", log.failed);
    }
    let (seconds, rate) = (plan.duration.as_secs_f64(), plan.rate);
    let noted = Noted { writes: &writes, log: &log, polls: &polls, seconds, rate };
    Ok(Report::new(place, environment.end(), &noted))
}

/// Returns when every record of every acknowledged write was read, or after a while.
async fn all_seen(writes: &HashMap<usize, writes::Write>, log: &Mutex<Log>) {
    let acknowledged = writes.values().filter(|write| write.acknowledged.is_ok());
    let expected: usize = acknowledged.map(|write| write.kind.items()).sum();
    let give_up = Instant::now() + LAST_RECORDS_MAX;
    // More may be seen: of writes whose answer was lost.
    while log.lock().seen.len() < expected && Instant::now() < give_up {
        sleep(LOOK_EVERY).await;
    }
}
