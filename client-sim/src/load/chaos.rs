//! Chaos: faults in the store and its stream, and a server that is killed.

use std::time::Duration;

use anyhow::Context as _;
use dynamodb_emulator::{
    Behaviour, Command, Delay, FaultKind, FaultRule, Latency, Limits, Order, Propagation, Step,
    StreamOptions, Target,
};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::measure::series::Event;
use crate::service::bus::pause;
use crate::service::nodes::Nodes;

/// The name of a kill in the report.
pub const KILLED: &str = "server killed";
/// When the stream is first disabled, and when enabled again: what is written in between is in
/// neither stream.
const STREAM_OFF_MS: std::ops::Range<u64> = 6_500..6_900;
const DISABLE: Command = Command::DisableStream { table: None };
const ENABLE: Command = Command::EnableStream { table: None };
/// How long the bus is away, or a server stands still.
const PAUSED_MS: std::ops::Range<u64> = 500..3_000;
/// How long the server stays down.
const DEAD_MS: std::ops::Range<u64> = 200..1_500;

/// A store on a bad day: shards roll and split; the stream stalls, forgets and repeats, is disabled
/// and enabled again, and cannot be read while the table can; the description of the table is
/// throttled; answers and requests are lost. All of it lasts until the end.
pub fn behaviour() -> Behaviour {
    let fault = |kind, rate, on| FaultRule::new(kind).rate(rate).on(on);
    let again =
        |every_ms: u64, command| Step { at_ms: every_ms, every_ms: Some(every_ms), command };
    let streams = StreamOptions {
        shards: 4,
        child_hidden_ms: 700,
        iterator_life_ms: 5_000,
        page_shards: 3,
        latest_late_ms: 50,
        ..StreamOptions::default()
    };
    let propagation = Propagation {
        delay: Delay::fixed(Duration::from_millis(5)),
        spread_ms: 30.0,
        order: Order::Item,
    };
    let faults = vec![
        fault(FaultKind::LostAnswer, 0.005, Target::Transactions),
        fault(FaultKind::DropAnswer, 0.02, Target::Transactions),
        fault(FaultKind::InternalErrorAfter, 0.02, Target::Transactions),
        fault(FaultKind::ForgottenToken, 0.5, Target::Transactions),
        fault(FaultKind::TransactionInProgress, 0.005, Target::Transactions),
        fault(FaultKind::TransactionConflict, 0.01, Target::Transactions),
        fault(FaultKind::LostRequest, 0.002, Target::Writes),
        fault(FaultKind::DropConnection, 0.005, Target::Writes),
        fault(FaultKind::InternalError, 0.01, Target::Writes),
        fault(FaultKind::Throttled, 0.005, Target::Writes),
        fault(FaultKind::InternalError, 0.01, Target::Reads),
        fault(FaultKind::DropConnection, 0.005, Target::Reads),
        fault(FaultKind::EmptyPage, 0.3, Target::GetRecords),
        fault(FaultKind::ExpiredIterator, 0.005, Target::GetRecords),
        fault(FaultKind::TrimmedData, 0.001, Target::GetRecords),
        fault(FaultKind::Throttled, 0.005, Target::GetRecords),
        fault(FaultKind::InternalError, 0.005, Target::Streams),
    ];
    let script = vec![
        again(7_000, Command::Roll { shard: None, table: None }),
        again(11_000, Command::Split { shard: None, table: None }),
        again(9_500, Command::Stall { for_ms: 2_500, shard: None, table: None }),
        again(5_300, Command::ExpireIterators),
        again(1_300, Command::Trim { keep_ms: 0, table: None }),
        again(6_100, Command::ForgetClosedShards),
        again(4_700, Command::ForgetTokens),
        again(8_300, Command::DropConnections),
        again(12_700, streams_fail()),
        again(10_300, description_throttled()),
        Step { at_ms: STREAM_OFF_MS.start, every_ms: Some(13_000), command: DISABLE },
        Step { at_ms: STREAM_OFF_MS.end, every_ms: Some(13_000), command: ENABLE },
    ];
    Behaviour {
        latency: Latency { propagation, ..Latency::none() },
        streams,
        limits: Limits::aws(),
        faults,
        script,
        origin: None,
    }
}

/// Only the Streams API does not answer for a while.
fn streams_fail() -> Command {
    let span = Duration::from_millis(1_500);
    let fault = FaultRule::new(FaultKind::InternalError).on(Target::Streams);
    Command::Fault(fault.between(Duration::ZERO, span))
}

/// Only `DescribeTable` is throttled for a while.
fn description_throttled() -> Command {
    let span = Duration::from_secs(2);
    let fault = FaultRule::new(FaultKind::Throttled).operation("DescribeTable");
    Command::Fault(fault.between(Duration::ZERO, span))
}

/// Kills a random server (SIGKILL) this many times within the run, and restarts it each time.
///
/// # Errors
/// When it does not start again.
pub async fn kill_again_and_again(
    nodes: &mut Nodes,
    kills: usize,
    duration: Duration,
    seed: u64,
    over: CancellationToken,
) -> anyhow::Result<Vec<Event>> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let each = duration / u32::try_from(kills + 1).unwrap_or(u32::MAX);
    let mut killed = Vec::new();
    for _ in 0..kills {
        let wait = each.mul_f64(random.random_range(0.7..1.0));
        tokio::select! {
            () = over.cancelled() => return Ok(killed),
            () = tokio::time::sleep(wait) => {}
        }
        let number = random.random_range(0..nodes.count());
        let dead = Duration::from_millis(random.random_range(DEAD_MS));
        let at_us = clock::now_us();
        if nodes.bus().is_some() {
            disturb_bus(nodes, number, &mut random).await?;
        }
        nodes.server(number).kill().await?;
        killed.push(Event { at_us, what: KILLED.to_owned() });
        tokio::time::sleep(dead).await;
        nodes.server(number).start_again().await?;
    }
    Ok(killed)
}

/// Before a server of a cluster is killed: the bus is killed or paused, or another server is paused
/// (SIGSTOP), its connections half open.
async fn disturb_bus(
    nodes: &mut Nodes,
    number: usize,
    random: &mut ChaCha8Rng,
) -> anyhow::Result<()> {
    let lasts = Duration::from_millis(random.random_range(PAUSED_MS));
    let (what, count) = (random.random_range(0..4), nodes.count());
    if what == 2 && count > 1 {
        let other = nodes.server((number + 1) % count).pid();
        return pause(other.context("the server does not run")?, lasts).await;
    }
    let Some(bus) = nodes.bus() else { return Ok(()) };
    match what {
        0 => {
            bus.kill().await?;
            tokio::time::sleep(lasts).await;
            bus.start_again().await
        }
        1 => bus.pause(lasts).await,
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_faults_fit_the_emulator_and_all_come_within_fifteen_seconds() {
        let behaviour = behaviour();
        assert_eq!(behaviour.problem(), None);
        let first = |wanted: &Command| {
            let steps = behaviour.script.iter().filter(|step| step.command == *wanted);
            steps.map(|step| step.at_ms).min().expect("it is in the script")
        };
        for command in [DISABLE, ENABLE, streams_fail(), description_throttled()] {
            assert!(first(&command) < 15_000, "{command:?}");
        }
        assert!(first(&DISABLE) < first(&ENABLE), "it does not stay disabled");
    }
}
