//! What a probe has found: figures for the JSON, and the same as text.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use dynamodb_emulator::{Behaviour, Latency as EmulatedLatency, Propagation};
use serde::Serialize;

use super::bracket::Bracket;
use super::fit::Fit;
use super::reads::{Log, Poll};
use super::writes::{Kind, Write};
use crate::measure::environment::Environment;
use crate::measure::latency::{Latency, Summary};
use crate::output::pages::model::Table;
use crate::output::text;
use crate::units::time;

/// Dollars, at the list prices of us-east-1 that docs/OPERATING.md gives.
const PER_MILLION_WRITE_UNITS: f64 = 0.625;
const PER_MILLION_READS: f64 = 0.2;

/// What a probe has found; times in microseconds.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Where: the account and region, or the endpoint.
    pub place: String,
    /// When, and with what.
    pub environment: Environment,
    /// How long it wrote, in seconds, and how often a second.
    pub seconds: f64,
    /// See `seconds`.
    pub rate: f64,
    /// Shards that were read.
    pub shards: usize,
    /// One row per interval and kind of write.
    pub rows: Vec<Row>,
    /// GetRecords calls that returned nothing.
    pub get_records_empty: Summary,
    /// GetRecords calls that returned records.
    pub get_records: Summary,
    /// GetRecords calls that were throttled.
    pub throttled: u64,
    /// Other calls of Streams that failed.
    pub failed: u64,
    /// Writes that failed, by their error.
    pub failed_writes: BTreeMap<String, u64>,
    /// Records of acknowledged writes that were not read.
    pub not_seen: u64,
    /// Records read per shard.
    pub records_per_shard: Vec<u64>,
    /// What it cost, at list prices, in dollars.
    pub dollars: f64,
    /// What the emulator needs to take as long; `None`: there are too few records.
    pub fits: Option<Fits>,
}

/// Delays fitted to what was measured.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Fits {
    /// Transactions, of 3 items on average, as a bid's.
    pub transact: Fit,
    /// PutItem.
    pub write: Fit,
    /// GetRecords, with records or without.
    pub get_records: Fit,
    /// From the acknowledgement to visible, by the middle of each bracket.
    pub propagation: Fit,
}

/// The share of a call that is taken to be the way of its answer: a record's way begins before it.
const ANSWER_SHARE: f64 = 0.1;

/// The writes of a kind whose records were read at one interval.
#[derive(Debug, Serialize)]
pub struct Row {
    /// The interval between two reads of a shard, in milliseconds.
    pub poll_ms: u64,
    /// What was written.
    pub write: String,
    /// From the request to the acknowledgement.
    pub acknowledged: Summary,
    /// From the acknowledgement to the start of the last read that did not return the record.
    pub visible_at_least: Summary,
    /// From the acknowledgement to the answer of the read that returned it.
    pub visible_at_most: Summary,
}

#[derive(Default)]
struct Measured {
    acknowledged: Latency,
    at_least: Latency,
    at_most: Latency,
    middle: Latency,
}

impl Fits {
    fn of(measured: &BTreeMap<(usize, Kind), Measured>, polls: &[Poll], log: &Log) -> Option<Self> {
        let of_kinds = |is_it: fn(Kind) -> bool| {
            let mut all = Latency::default();
            let rows = measured.iter().filter(|((_, of), _)| is_it(*of));
            rows.for_each(|(_, row)| all.merge(&row.acknowledged));
            Fit::of(&all)
        };
        // Where a shard was read most often, brackets are narrowest.
        let closest = polls.iter().min_by_key(|poll| poll.every)?.phase;
        let (mut middle, mut calls) = (Latency::default(), Latency::default());
        let rows = measured.iter().filter(|((phase, _), _)| *phase == closest);
        rows.for_each(|(_, row)| middle.merge(&row.middle));
        calls.merge(&log.empty);
        calls.merge(&log.filled);
        Some(Self {
            transact: of_kinds(|kind| kind != Kind::Put)?,
            write: of_kinds(|kind| kind == Kind::Put)?,
            get_records: Fit::of(&calls)?,
            propagation: Fit::of(&middle)?,
        })
    }

    /// As the emulator takes them.
    fn latency(&self) -> EmulatedLatency {
        let answer_ms = ANSWER_SHARE * self.transact.percentiles_ms().0;
        let mut propagation = self.propagation.delay;
        propagation.base_ms += answer_ms;
        EmulatedLatency {
            transact: self.transact.delay,
            write: self.write.delay,
            read: self.write.delay,
            get_records: self.get_records.delay,
            describe: self.get_records.delay,
            propagation: Propagation { delay: propagation, ..Propagation::default() },
        }
    }
}

/// What writers and readers have noted.
pub struct Noted<'a> {
    /// The writes, by their number.
    pub writes: &'a HashMap<usize, Write>,
    /// What was read.
    pub log: &'a Log,
    /// The intervals.
    pub polls: &'a [Poll],
    /// How long it wrote, in seconds, and how often a second.
    pub seconds: f64,
    /// See `seconds`.
    pub rate: f64,
}

impl Report {
    /// Joins what was written with what was read.
    pub fn new(place: String, environment: Environment, noted: &Noted<'_>) -> Self {
        let Noted { writes, log, polls, seconds, rate } = noted;
        let mut measured: BTreeMap<(usize, Kind), Measured> = BTreeMap::new();
        let mut seen: HashMap<usize, usize> = HashMap::new();
        let mut records_per_shard = vec![0; log.shards];
        for record in &log.seen {
            let Some(Write { kind, acknowledged: Ok(at), sent }) = writes.get(&record.number)
            else {
                continue;
            };
            records_per_shard[record.shard] += 1;
            let row = measured.entry((record.phase, *kind)).or_default();
            let count = seen.entry(record.number).or_default();
            *count += 1;
            if *count == 1 {
                row.acknowledged.add((*at - *sent).as_micros() as i64);
            }
            if let Some(bracket) = Bracket::of(*at, record.sighting) {
                row.at_least.add(bracket.at_least_us);
                row.at_most.add(bracket.at_most_us);
                row.middle.add(i64::midpoint(bracket.at_least_us, bracket.at_most_us));
            }
        }
        let (mut failed_writes, mut units, mut not_seen) = (BTreeMap::new(), 0, 0);
        for (number, write) in *writes {
            match &write.acknowledged {
                Ok(_) => {
                    units += write.kind.units();
                    let seen = seen.get(number).copied().unwrap_or(0);
                    not_seen += write.kind.items().saturating_sub(seen) as u64;
                }
                Err(error) => *failed_writes.entry(error.clone()).or_default() += 1,
            }
        }
        let fits = Fits::of(&measured, polls, log);
        let rows = measured.into_iter().map(|((phase, kind), measured)| Row {
            poll_ms: polls[phase].every.as_millis() as u64,
            write: kind.name(),
            acknowledged: measured.acknowledged.summary(),
            visible_at_least: measured.at_least.summary(),
            visible_at_most: measured.at_most.summary(),
        });
        Self {
            place,
            environment,
            seconds: *seconds,
            rate: *rate,
            shards: log.shards,
            rows: rows.collect(),
            get_records_empty: log.empty.summary(),
            get_records: log.filled.summary(),
            throttled: log.throttled,
            failed: log.failed,
            failed_writes,
            not_seen,
            records_per_shard,
            dollars: units as f64 / 1e6 * PER_MILLION_WRITE_UNITS
                + (log.empty.n() + log.filled.n()) as f64 / 1e6 * PER_MILLION_READS,
            fits,
        }
    }

    /// A behaviour that takes as long as what was measured. `None`: there are too few records.
    pub fn behaviour(&self) -> Option<Behaviour> {
        let fits = self.fits?;
        let origin = format!(
            "measured by client-sim probe at {}, {}, {} records",
            self.place, self.environment.began_at, fits.propagation.n
        );
        let (latency, origin) = (fits.latency(), Some(origin));
        Some(Behaviour { latency, origin, ..Behaviour::aws_like() })
    }

    /// The report as text.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let mut table = Table::new(&[
            "poll",
            "write",
            "records",
            "acknowledged p50",
            "p99",
            "then visible p50",
            "p90",
            "p99",
            "longest",
        ]);
        for row in &self.rows {
            let between = |of: fn(&Summary) -> Option<u64>| match (
                of(&row.visible_at_least),
                of(&row.visible_at_most),
            ) {
                (Some(least), Some(most)) => format!("{}..{}", time(least), time(most)),
                _ => "-".to_owned(),
            };
            let cell = |us: Option<u64>| us.map_or_else(|| "-".to_owned(), time);
            table.row([
                format!("{} ms", row.poll_ms),
                row.write.clone(),
                row.visible_at_most.n.to_string(),
                cell(row.acknowledged.p50),
                cell(row.acknowledged.p99),
                between(|of| of.p50),
                between(|of| of.p90),
                between(|of| of.p99),
                between(|of| of.max),
            ]);
        }
        out.push_str(&text::table(&table));
        let of = |summary: &Summary| {
            let p50 = summary.p50.or(summary.max).map_or_else(|| "-".to_owned(), time);
            let p99 = summary.p99.or(summary.max).map_or_else(|| "-".to_owned(), time);
            format!("{} calls, p50 {p50}, p99 {p99}", summary.n)
        };
        // Writing to a String does not fail.
        writeln!(
            out,
            "\nvisible: after the acknowledgement, at least..at most. The record was not in the last read \
             begun before\nthe first time, and was in one answered at the second."
        )
        .ok();
        writeln!(out, "GetRecords, with records: {}", of(&self.get_records)).ok();
        writeln!(out, "GetRecords, empty: {}", of(&self.get_records_empty)).ok();
        writeln!(
            out,
            "{} shards, records in each: {:?}; {} reads throttled, {} failed, {} records not seen",
            self.shards, self.records_per_shard, self.throttled, self.failed, self.not_seen
        )
        .ok();
        if let Some(fits) = &self.fits {
            for (name, fit) in [
                ("transactions", fits.transact),
                ("PutItem", fits.write),
                ("GetRecords", fits.get_records),
                ("then visible", fits.propagation),
            ] {
                writeln!(
                    out,
                    "fitted, {name}: {:.1} ms and a tail of median {:.1} ms, sigma {:.2}; at most {:.0} % off",
                    fit.delay.base_ms,
                    fit.delay.tail_median_ms,
                    fit.delay.tail_sigma,
                    100.0 * fit.error
                )
                .ok();
            }
        }
        for (error, count) in &self.failed_writes {
            writeln!(out, "{count} writes failed: {error}").ok();
        }
        writeln!(
            out,
            "about {:.4} dollars at the list prices of us-east-1, if this was AWS",
            self.dollars
        )
        .ok();
        out
    }

    /// Whether every record of every acknowledged write was read.
    pub fn is_complete(&self) -> bool {
        self.not_seen == 0 && !self.rows.is_empty()
    }
}
