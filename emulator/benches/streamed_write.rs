//! Does a bid cost the same however many there have been?
//!
//! `cargo bench -p dynamodb-emulator`: two emulators in this process, one that holds 1,000 bids and one
//! that holds 200,000 (`BIDS=n` for another number), take turns. A bid after many must cost at most 1.15
//! times one after few, by the median of what its client waits, and by the CPU of the process; else the
//! exit code is 1. A bid is what Gavel writes: one transaction with a token, that changes an auction and
//! puts a bid and a key. Reads of the stream go on meanwhile, as a relay's would.

use std::process::ExitCode;
use std::time::{Duration, Instant};

#[path = "../tests/support/mod.rs"]
mod support;

use aws_sdk_dynamodb::types::{TransactWriteItem, Update};
use aws_sdk_dynamodbstreams::types::ShardIteratorType;
use dynamodb_emulator::{Emulator, Options};
use support::{Clients, put_action, s};

const BIDS_FEW: usize = 1_000;
const BIDS_MANY: usize = 200_000;
const RATIO_MAX: f64 = 1.15;
/// Turns of each emulator, and bids in a turn.
const TURNS: usize = 40;
const TURN: usize = 50;
/// Auctions that bids are spread over.
const AUCTIONS: usize = 20;
/// Bids under way at once while an emulator is filled.
const FILLERS: usize = 4;
const TABLE: &str = "bench";

struct House {
    emulator: Emulator,
    clients: Clients,
    iterator: Option<String>,
    bids: usize,
    waits: Vec<Duration>,
    cpu: Duration,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let many = std::env::var("BIDS").ok().and_then(|text| text.parse().ok());
    let (mut few, mut many) =
        (House::new(BIDS_FEW).await, House::new(many.unwrap_or(BIDS_MANY)).await);
    // Not counted: connections, caches.
    few.turn().await;
    many.turn().await;
    for house in [&mut few, &mut many] {
        house.waits.clear();
        house.cpu = Duration::ZERO;
    }
    for _ in 0..TURNS {
        few.turn().await;
        many.turn().await;
    }
    println!("{:>8} {:>12} {:>12}", "bids", "p50", "CPU per bid");
    let (few_p50, few_cpu) = few.shown();
    let (many_p50, many_cpu) = many.shown();
    let (p50, cpu) = (many_p50 / few_p50, many_cpu / few_cpu);
    println!("   ratio {p50:>12.2} {cpu:>12.2} (at most {RATIO_MAX})");
    few.emulator.shutdown().await;
    many.emulator.shutdown().await;
    if p50 <= RATIO_MAX && cpu <= RATIO_MAX { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl House {
    async fn new(bids: usize) -> Self {
        let emulator = Emulator::start(Options::default()).await.expect("it starts");
        let clients = Clients::new(&emulator.endpoint()).await;
        let arn = clients.create_table(TABLE).await;
        let began = Instant::now();
        let fillers = tokio_util::task::TaskTracker::new();
        for filler in 0..FILLERS {
            let clients = clients.clone();
            fillers.spawn(async move {
                for bid in (filler..bids).step_by(FILLERS) {
                    place_bid(&clients, bid).await;
                }
            });
        }
        fillers.close();
        fillers.wait().await;
        eprintln!("filled with {bids} bids in {:.0?}", began.elapsed());
        let shard = clients.shards(&arn).await[0].shard_id.clone().expect("an id");
        let iterator = clients.iterator(&arn, &shard, ShardIteratorType::Latest, None).await;
        Self {
            emulator,
            clients,
            iterator: Some(iterator),
            bids,
            waits: Vec::new(),
            cpu: Duration::ZERO,
        }
    }

    async fn turn(&mut self) {
        let cpu = process_cpu();
        for _ in 0..TURN {
            let began = Instant::now();
            place_bid(&self.clients, self.bids).await;
            self.waits.push(began.elapsed());
            self.bids += 1;
            let iterator = self.iterator.take().expect("the shard is open");
            let page = self.clients.streams.get_records().shard_iterator(iterator).send().await;
            let page = page.expect("a page");
            assert_eq!(page.records().len(), 3, "an auction, a bid and a key");
            self.iterator = page.next_shard_iterator;
        }
        self.cpu += process_cpu().saturating_sub(cpu);
    }

    /// Prints its line; microseconds.
    fn shown(&mut self) -> (f64, f64) {
        self.waits.sort_unstable();
        let p50 = self.waits[self.waits.len() / 2].as_secs_f64() * 1e6;
        let cpu = self.cpu.as_secs_f64() * 1e6 / self.waits.len() as f64;
        println!("{:>8} {p50:>9.0} us {cpu:>9.0} us", self.bids);
        (p50, cpu)
    }
}

async fn place_bid(clients: &Clients, bid: usize) {
    let auction = format!("AUCTION#{}", bid % AUCTIONS);
    let update = Update::builder()
        .table_name(TABLE)
        .key("pk", s(&auction))
        .key("sk", s("STATE"))
        .update_expression("SET leader = :bid, #text = :text")
        .expression_attribute_names("#text", "text")
        .expression_attribute_values(":bid", s(&bid.to_string()))
        .expression_attribute_values(":text", s(&"x".repeat(400)))
        .build()
        .expect("an update");
    let absent = Some("attribute_not_exists(pk)");
    clients
        .db
        .transact_write_items()
        .client_request_token(format!("token-{bid}"))
        .transact_items(TransactWriteItem::builder().update(update).build())
        .transact_items(put_action(TABLE, &auction, &format!("BID#{bid:012}"), absent))
        .transact_items(put_action(TABLE, &format!("KEY#{bid}"), "KEY", absent))
        .send()
        .await
        .expect("a bid");
}

/// The CPU time of this process so far: user and system.
fn process_cpu() -> Duration {
    /// Of the kernel's clock in /proc, on every Linux.
    const TICKS_PER_SECOND: u64 = 100;
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    // The fields after the name, which may hold anything.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND)
}
