//! The report of a run: what the JSON holds.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::api::ClockOffset;
use crate::check::{Deliveries, Table};
use crate::hops::LatencyReport;
use crate::offers::{Offer, Outcome};
use crate::probe::Probe;
use crate::slo::Judged;

/// Raised when a field changes its meaning or goes.
pub const SCHEMA_VERSION: u32 = 1;

/// What a run ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Guarantees held, objectives were met.
    Pass,
    /// An objective was missed.
    SloBreached,
    /// Something was lost, repeated, disordered or invented.
    GuaranteeBroken,
    /// The generator did not keep its schedule: the latencies prove nothing.
    Invalid,
}

impl Verdict {
    /// The process's exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Invalid => 97,
            Self::GuaranteeBroken => 98,
            Self::SloBreached => 99,
        }
    }

    /// As the JSON and the table tell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::SloBreached => "slo_breached",
            Self::GuaranteeBroken => "guarantee_broken",
            Self::Invalid => "invalid",
        }
    }
}

/// Bids, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Bids {
    /// Bids that were sent.
    pub offered: u64,
    /// Answered accepted.
    pub accepted: u64,
    /// Answered refused, by code.
    pub rejected: BTreeMap<String, u64>,
    /// Never answered, however often they were sent.
    pub unknown: u64,
    /// Sent again.
    pub retried: u64,
    /// Answered with an error.
    pub failed: u64,
    /// Those errors, by code.
    pub failures: BTreeMap<String, u64>,
}

impl Bids {
    /// Counts offers.
    pub fn count(offers: &[Offer]) -> Self {
        let mut bids = Self::default();
        for offer in offers {
            bids.offered += 1;
            bids.retried += u64::from(offer.retries);
            match &offer.outcome {
                Outcome::Accepted { .. } => bids.accepted += 1,
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

/// The report of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// See [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The scenario's name.
    pub scenario: String,
    /// What the schedule was drawn with.
    pub seed: u64,
    /// The relay mode, as asked for.
    pub relay: String,
    /// The command that repeats the run.
    pub command: String,
    /// The idle store, if it could be measured.
    pub probe: Option<Probe>,
    /// The service's clock against ours.
    pub clock: ClockOffset,
    /// Bids.
    pub bids: Bids,
    /// Deliveries.
    pub deliveries: Deliveries,
    /// What the table has that it should not, or lacks.
    pub table: Table,
    /// Watchers that had to come back.
    pub reconnects: u64,
    /// Latencies.
    pub latency_us: LatencyReport,
    /// Objectives.
    pub slo: Vec<Judged>,
    /// The end.
    pub verdict: Verdict,
    /// Why, if it is not `pass`.
    pub reasons: Vec<String>,
}
