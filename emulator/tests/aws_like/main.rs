//! What the front adds, seen through the AWS SDK.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "../support/mod.rs"]
mod support;
mod control;
mod faults;
mod streams;
mod tables;
mod writes;

use dynamodb_emulator::{Behaviour, Emulator, Options, StreamOptions};
use support::Clients;

/// An emulator with `behaviour`, seed 7, and clients of it.
async fn start(behaviour: Behaviour) -> (Emulator, Clients) {
    let options = Options { behaviour, seed: Some(7), control: true, ..Options::default() };
    let emulator = Emulator::start(options).await.unwrap();
    let clients = Clients::new(&emulator.endpoint()).await;
    (emulator, clients)
}

fn sharded(shards: u32) -> Behaviour {
    let streams = StreamOptions { shards, ..StreamOptions::default() };
    Behaviour { streams, ..Behaviour::default() }
}
