//! The report of a run: the content of the JSON, and the verdict.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::load::plan::Plan;
use crate::measure::attempt::{Attempt, Outcome};
use crate::measure::check::{self, Checked, Closing, Deliveries, Table};
use crate::measure::delivery::Source;
use crate::measure::environment::Environment;
use crate::measure::hops::{Latencies, LatencyReport};
use crate::measure::idle_store::Probe;
use crate::measure::seen::Seen;
use crate::measure::series::{Event, Series};
use crate::measure::slo::SloResult;
use crate::service::api::ClockOffset;
use crate::service::last_mile::LastMile;
use crate::service::nodes::Layout;
use crate::service::server::RelayCounts;

/// A bid sent later than this missed its schedule.
const LATE: Duration = Duration::from_millis(100);

/// Raised when a field is removed or changes its meaning.
pub const SCHEMA_VERSION: u32 = 1;

/// The verdict of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// All guarantees held, and all objectives were met.
    Pass,
    /// An objective was missed.
    SloBreached,
    /// Something was lost, repeated, disordered or invented.
    GuaranteeBroken,
    /// The generator did not keep its schedule, so the latencies prove nothing.
    Invalid,
}

impl Verdict {
    /// The exit code of the process.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Invalid => 97,
            Self::GuaranteeBroken => 98,
            Self::SloBreached => 99,
        }
    }

    /// The severity; higher is worse.
    pub fn severity(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::SloBreached => 1,
            Self::Invalid => 2,
            Self::GuaranteeBroken => 3,
        }
    }

    /// The verdict as text, in the JSON and in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::SloBreached => "slo_breached",
            Self::GuaranteeBroken => "guarantee_broken",
            Self::Invalid => "invalid",
        }
    }
}

/// Counts of bids.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bids {
    /// Bids that were sent.
    pub offered: u64,
    /// Accepted.
    pub accepted: u64,
    /// Answered with the leading bid of the same bidder and amount.
    #[serde(default)]
    pub repeated: u64,
    /// Rejected, by code.
    pub rejected: BTreeMap<String, u64>,
    /// Not answered; those without an idempotency key cannot be looked up.
    pub unknown: u64,
    /// Sent again.
    pub retried: u64,
    /// Answered with an error.
    pub failed: u64,
    /// Those errors, by code.
    pub failures: BTreeMap<String, u64>,
}

impl Bids {
    /// Counts attempts.
    pub fn count(attempts: &[Attempt]) -> Self {
        let mut bids = Self::default();
        for attempt in attempts {
            bids.offered += 1;
            bids.retried += u64::from(attempt.retries);
            match &attempt.outcome {
                Outcome::Accepted { .. } => bids.accepted += 1,
                Outcome::Repeated { .. } => bids.repeated += 1,
                Outcome::Rejected(code) => *bids.rejected.entry(code.clone()).or_default() += 1,
                Outcome::Unknown => bids.unknown += 1,
                Outcome::Failed(code) => {
                    bids.failed += 1;
                    *bids.failures.entry(code.clone()).or_default() += 1;
                }
            }
        }
        bids
    }
}

/// Watchers, and how their subscriptions ended before the run did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatcherCounts {
    /// Those that stopped reading for a while.
    pub stalled: u64,
    /// How often one left by itself and reconnected.
    pub departures: u64,
    /// Other ends, by error or close code.
    pub ends: BTreeMap<String, u64>,
}

/// The conditions of a run.
#[derive(Debug, Clone, Default)]
pub struct RunContext {
    /// The relay mode.
    pub relay: String,
    /// Where the store was.
    pub layouts: Vec<Layout>,
    /// The idle store.
    pub probe: Option<Probe>,
    /// How often the server was killed.
    pub kills: usize,
    /// The most memory that the server had.
    pub memory_peak_kb: Option<u64>,
    /// Events and their times.
    pub events: Vec<Event>,
    /// The counts of the service's relay.
    pub counts: Option<RelayCounts>,
    /// How the service ended, if not cleanly.
    pub unclean: Option<String>,
    /// Where and when.
    pub environment: Environment,
}

impl RunContext {
    /// Adds the conditions of another stage.
    pub fn add(&mut self, other: Self) {
        self.layouts.extend(other.layouts);
        self.probe = other.probe;
        self.kills += other.kills;
        self.events.extend(other.events);
        self.counts = other.counts;
        self.memory_peak_kb = self.memory_peak_kb.max(other.memory_peak_kb);
        self.unclean = self.unclean.take().or(other.unclean);
    }
}

/// The report of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// See [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The scenario's name.
    pub scenario: String,
    /// The seed of everything random.
    pub seed: u64,
    /// The requested relay mode.
    pub relay: String,
    /// The command that repeats the run.
    pub command: String,
    /// Where the store of a started service was.
    pub layouts: Vec<Layout>,
    /// The idle store, if it could be measured.
    pub probe: Option<Probe>,
    /// The difference between the service's clock and ours.
    pub clock: ClockOffset,
    /// How often the server was killed and restarted.
    pub kills: usize,
    /// The most memory that a started server had, in KiB.
    pub server_memory_peak_kb: Option<u64>,
    /// Bids.
    pub bids: Bids,
    /// Deliveries.
    pub deliveries: Deliveries,
    /// Violations found in the table.
    pub table: Table,
    /// The ends of auctions.
    pub closing: Closing,
    /// Live deliveries by where the service read the bid: `TABLE` means that the stream missed or
    /// delayed it.
    pub sources: BTreeMap<Source, u64>,
    /// Watchers.
    pub watchers: WatcherCounts,
    /// Limits of the service that were reached, and how often each.
    #[serde(default)]
    pub limits_met: BTreeMap<String, u64>,
    /// The counts of the relay of a started service.
    pub relay_counts: Option<RelayCounts>,
    /// The simulated connection between the clients and the service.
    #[serde(default)]
    pub last_mile: LastMile,
    /// Where and when.
    #[serde(default)]
    pub environment: Environment,
    /// The figures of each run, if it was repeated; this report is the median one.
    #[serde(default)]
    pub repeats: Vec<BTreeMap<String, u64>>,
    /// Latencies.
    pub latency_us: LatencyReport,
    /// Objectives.
    pub slo: Vec<SloResult>,
    /// The verdict.
    pub verdict: Verdict,
    /// The reasons, if it is not `pass`.
    pub reasons: Vec<String>,
    /// The data for the charts.
    #[serde(default)]
    pub series: Series,
}

impl Report {
    /// Measures, checks and judges the observations.
    pub fn new(plan: &Plan, seen: &Seen, context: RunContext) -> Self {
        let latencies = Latencies::measure(&seen.attempts, &seen.logs, seen.clock.correction_us());
        let checked = check::check(seen);
        let slo: Vec<SloResult> = plan.slos.iter().map(|slo| slo.judge(&latencies)).collect();
        let kept_schedule = plan.scenario.faults || !is_late(&seen.attempts);
        let broken = broken(&checked, &latencies, context.unclean.as_deref());
        let missed = slo.iter().filter(|judged| !judged.ok);
        let missed: Vec<String> = missed.map(|j| format!("{} was missed", j.expr)).collect();
        let (verdict, reasons) = if !broken.is_empty() {
            (Verdict::GuaranteeBroken, broken)
        } else if !kept_schedule {
            let text = format!("more than 1 % of the bids were sent over {LATE:?} late");
            (Verdict::Invalid, vec![text, "this machine could not keep the schedule".to_owned()])
        } else if !missed.is_empty() {
            (Verdict::SloBreached, missed)
        } else {
            (Verdict::Pass, Vec::new())
        };
        Self {
            schema_version: SCHEMA_VERSION,
            scenario: plan.scenario.name.as_str().to_owned(),
            seed: plan.seed,
            relay: context.relay,
            command: plan.command.clone(),
            layouts: context.layouts,
            probe: context.probe,
            clock: seen.clock,
            kills: context.kills,
            server_memory_peak_kb: context.memory_peak_kb,
            bids: Bids::count(&seen.attempts),
            deliveries: checked.deliveries,
            table: checked.table,
            closing: checked.closing,
            sources: sources(seen),
            watchers: WatcherCounts::count(seen),
            series: Series::of(&latencies, &context.events),
            limits_met: seen.limits.clone(),
            relay_counts: context.counts,
            last_mile: plan.last_mile,
            environment: context.environment,
            repeats: Vec::new(),
            latency_us: latencies.report(),
            slo,
            verdict,
            reasons,
        }
    }
}

impl WatcherCounts {
    fn count(seen: &Seen) -> Self {
        let mut counts = Self::default();
        for log in &seen.logs {
            counts.stalled += u64::from(log.stalled);
            counts.departures += log.departures;
            for (how, times) in &log.ends {
                *counts.ends.entry(how.clone()).or_default() += times;
            }
        }
        counts
    }
}

fn sources(seen: &Seen) -> BTreeMap<Source, u64> {
    let mut sources = BTreeMap::new();
    let told = seen.logs.iter().flat_map(|log| &log.deliveries);
    for told in told.filter(|told| !told.replay) {
        *sources.entry(told.timing.source).or_default() += 1;
    }
    sources
}

/// The guarantees that were broken, each in a sentence.
fn broken(checked: &Checked, latencies: &Latencies, unclean: Option<&str>) -> Vec<String> {
    let (told, table, closing) = (&checked.deliveries, &checked.table, &checked.closing);
    let counts = [
        (told.missing, "deliveries are missing"),
        (told.duplicate, "deliveries were repeated"),
        (told.out_of_order, "deliveries were out of order"),
        (table.accepted_missing, "bids were accepted but are not in the table"),
        (table.refused_present, "bids were not accepted but are in the table"),
        (table.twice, "bids are in the table twice"),
        (table.disordered, "bids break the sequence or do not raise the price"),
        (table.late, "bids were accepted after the end of their auction"),
        (table.told_otherwise, "deliveries differ from the table"),
        (table.unresolved, "bids with an idempotency key have no outcome"),
        (table.denied, "bids were answered as not written after they were delivered"),
        (closing.not_closed, "auctions did not close"),
        (closing.wrong_winner, "auctions were not won by the highest bidder"),
        (closing.late_accepted, "closed auctions accepted another bid"),
        (closing.watchers_not_told, "watchers were not notified of the end"),
        (latencies.torn, "deliveries have hops that do not add up"),
    ];
    let counted = counts.iter().filter(|(count, _)| *count > 0);
    let mut broken: Vec<String> = counted.map(|(n, what)| format!("{n} {what}")).collect();
    broken.extend(unclean.map(|how| format!("the service did not end cleanly: {how}")));
    broken
}

fn is_late(attempts: &[Attempt]) -> bool {
    let late_us = i64::try_from(LATE.as_micros()).unwrap_or(i64::MAX);
    let late =
        attempts.iter().filter(|attempt| attempt.sent_us - attempt.intended_us > late_us).count();
    late * 100 > attempts.len()
}
