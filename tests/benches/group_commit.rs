//! What group commit gains on one auction at saturation: decided bids a second, against one bid a
//! transaction, on a store that takes 25 ms per transaction.
//!
//! 100 bidders on connections of their own, each with one bid under way, each bid over the last
//! one offered: a bid that arrives in order is accepted, one that was overtaken is refused on the
//! committed state. Both servers run side by side in this process and take turns.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use client_sim::service::answer::BidAnswer;
use client_sim::service::api::{Api, Bid};
use e2e::Gavel;
use futures_util::future::join_all;
use serde_json::json;

const BIDDERS: usize = 100;
const TURN: Duration = Duration::from_secs(3);
const TURNS: usize = 5;
const DELAY: &str = "25";

#[derive(Default)]
struct Decided {
    accepted: u64,
    refused: u64,
}

async fn turn(gavel: &Gavel) -> f64 {
    let id = gavel.auction(json!({})).await;
    let next = AtomicU64::new(1_000);
    let started = Instant::now();
    let (id, next) = (&id, &next);
    let bidders = (0..BIDDERS).map(|number| async move {
        let api = Api::new(&gavel.base).expect("a client");
        let token = gavel.token(&format!("bidder-{number}"), &["bidder"]);
        let mut decided = Decided::default();
        while started.elapsed() < TURN {
            let key = format!("{:032x}", rand::random::<u128>());
            let bid = Bid {
                auction_id: id,
                amount: next.fetch_add(100, Relaxed),
                key: Some(&key),
                sent_us: client_sim::clock::now_us(),
                traceparent: "",
            };
            match api.place_bid(&token, bid).await.expect("a decided bid") {
                BidAnswer::BidAccepted { .. } => decided.accepted += 1,
                BidAnswer::BidRejected { .. } => decided.refused += 1,
            }
        }
        decided
    });
    let decided = join_all(bidders).await;
    let seconds = started.elapsed().as_secs_f64();
    let accepted: u64 = decided.iter().map(|d| d.accepted).sum();
    let refused: u64 = decided.iter().map(|d| d.refused).sum();
    println!("  {accepted:>6} accepted {refused:>6} refused in {seconds:.2} s");
    (accepted + refused) as f64 / seconds
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

#[tokio::main]
async fn main() {
    let delay = ["--embedded-transact-delay-ms", DELAY];
    let single = Gavel::with(&[&delay[..], &["--group-commit-max", "1"]].concat()).await;
    let group = Gavel::with(&delay).await;
    let (mut singles, mut groups) = (Vec::new(), Vec::new());
    for number in 1..=TURNS {
        println!("turn {number} of {TURNS}: one bid per transaction, then groups");
        singles.push(turn(&single).await);
        groups.push(turn(&group).await);
    }
    let (single_rate, group_rate) = (median(singles), median(groups));
    println!(
        "decided bids/s, median of {TURNS} turns, {BIDDERS} bidders, {DELAY} ms per transaction"
    );
    println!("  one bid per transaction  {single_rate:>8.0}");
    println!("  groups of up to 40     {group_rate:>8.0}");
    println!("  ratio                  {:>8.1}", group_rate / single_rate);
    single.stop().await.expect("a clean end");
    group.stop().await.expect("a clean end");
}
