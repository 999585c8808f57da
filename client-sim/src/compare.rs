//! Two reports side by side: for each figure better, worse, or within noise. Pure but for reading.
//!
//! Percentiles of a run carry their own noise: the band between the percentiles that the true one
//! lies between in 95 of 100 runs with so many bids. Two whose bands meet are within noise. Other
//! figures are within noise if they differ by less than the tolerance.

use std::path::Path;

use anyhow::{Context as _, bail};
use serde::Serialize;
use serde_json::Value;

use crate::lab::findings::Findings;
use crate::report::Report;

/// Less than this is noise whatever its share, in microseconds.
const NOISE_US: u64 = 200;

/// What became of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is better.
    Better,
    /// It is worse, within the tolerance.
    Worse,
    /// It is worse beyond the tolerance.
    Regressed,
    /// It cannot be told apart from chance.
    WithinNoise,
    /// One of the two does not have it.
    Unknown,
}

impl Change {
    /// As a person reads it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Regressed => "WORSE, beyond the tolerance",
            Self::WithinNoise => "within noise",
            Self::Unknown => "-",
        }
    }
}

/// A figure of both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Figure {
    /// Its name.
    pub name: String,
    /// Before.
    pub before: Option<u64>,
    /// After.
    pub after: Option<u64>,
    /// Whether it is a time in microseconds; else a count.
    pub is_time: bool,
    /// What became of it.
    pub change: Change,
}

/// A run in both reports.
#[derive(Debug, Clone)]
pub struct Pair {
    /// What it is called.
    pub name: String,
    /// Before.
    pub before: Report,
    /// After.
    pub after: Report,
    /// Its figures.
    pub figures: Vec<Figure>,
}

/// The runs of a report: one, or those of a lab by name.
///
/// # Errors
/// When the file cannot be read or is no report.
pub fn read(path: &Path) -> anyhow::Result<Vec<(String, Report)>> {
    let of = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(of)?;
    let json: Value = serde_json::from_str(&text).with_context(of)?;
    if json.get("experiments").is_some() {
        let findings: Findings = serde_json::from_value(json).with_context(of)?;
        let runs = findings.experiments.into_iter().flat_map(|shown| {
            let experiment = shown.name;
            shown
                .cases
                .into_iter()
                .map(move |case| (format!("{experiment}: {}", case.name), case.report))
        });
        return Ok(runs.collect());
    }
    if json.get("latency_us").is_none() {
        bail!("{}: not a report of `run --json` or of `lab --out`", path.display());
    }
    let report: Report = serde_json::from_value(json).with_context(of)?;
    Ok(vec![(report.scenario.clone(), report)])
}

/// Pairs the runs of two reports by name. `tolerance` is a share: 0.1 for 10 %.
///
/// # Errors
/// When they have no run in common.
pub fn pairs(
    before: Vec<(String, Report)>,
    after: Vec<(String, Report)>,
    tolerance: f64,
) -> anyhow::Result<Vec<Pair>> {
    let names = |runs: &[(String, Report)]| {
        runs.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
    };
    let problem = format!("nothing to compare: {} against {}", names(&before), names(&after));
    let mut after = after;
    let mut pairs = Vec::new();
    for (name, before) in before {
        let Some(at) = after.iter().position(|(other, _)| *other == name) else { continue };
        let (_, after) = after.swap_remove(at);
        let figures = figures(&before, &after, tolerance);
        pairs.push(Pair { name, before, after, figures });
    }
    if pairs.is_empty() {
        bail!(problem);
    }
    Ok(pairs)
}

impl Pair {
    /// Whether a figure is worse beyond the tolerance.
    pub fn has_regressed(&self) -> bool {
        self.figures.iter().any(|figure| figure.change == Change::Regressed)
    }
}

fn figures(before: &Report, after: &Report, tolerance: f64) -> Vec<Figure> {
    let mut figures = Vec::new();
    for (name, percent) in [("p50", 50.0), ("p90", 90.0), ("p95", 95.0), ("p99", 99.0)] {
        let of = |report: &Report| {
            let n = report.latency_us.client_to_last_client.n;
            band(&report.series.percentiles, n, percent)
        };
        figures.push(percentile(
            &format!("client to last client {name}"),
            of(before),
            of(after),
            tolerance,
        ));
    }
    let hops = |report: &Report| {
        let hops = report.latency_us.hops;
        [hops.request, hops.lane, hops.store_and_stream, hops.relay, hops.deliver].map(|h| h.p50)
    };
    let names = ["request", "lane", "store and stream", "relay", "deliver"];
    for (name, (one, other)) in names.iter().zip(hops(before).into_iter().zip(hops(after))) {
        figures.push(time(&format!("{name} p50"), one, other, tolerance));
    }
    let counts = |report: &Report| {
        let told = report.deliveries;
        [told.missing, told.duplicate, told.out_of_order, report.bids.failed, report.bids.unknown]
    };
    let names = ["missing", "repeated", "out of order", "bids failed", "bids of unknown outcome"];
    for (name, (one, other)) in names.iter().zip(counts(before).into_iter().zip(counts(after))) {
        figures.push(count(name, one, other));
    }
    figures
}

/// A percentile, and where the true one is likely to lie.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Band {
    low: u64,
    value: u64,
    high: u64,
}

/// The band of a percentile of n bids: of so many, the share at or below the true percentile has a
/// standard deviation of sqrt(p (1 - p) / n).
fn band(curve: &[(f64, u64)], n: u64, percent: f64) -> Option<Band> {
    let p = percent / 100.0;
    let off = 196.0 * (p * (1.0 - p) / n.max(1) as f64).sqrt();
    let last = curve.last()?;
    if percent > last.0 + 1e-9 {
        return None;
    }
    Some(Band {
        low: at(curve, percent - off),
        value: at(curve, percent),
        high: at(curve, percent + off),
    })
}

/// The curve at a percentile, between its points.
fn at(curve: &[(f64, u64)], percent: f64) -> u64 {
    let next = curve.partition_point(|(at, _)| *at < percent);
    match (next.checked_sub(1).and_then(|before| curve.get(before)), curve.get(next)) {
        (Some((from, low)), Some((to, high))) => {
            let share = (percent - from) / (to - from).max(f64::EPSILON);
            (*low as f64 + share * (*high as f64 - *low as f64)).round() as u64
        }
        (Some((_, us)), None) | (None, Some((_, us))) => *us,
        (None, None) => 0,
    }
}

fn percentile(name: &str, before: Option<Band>, after: Option<Band>, tolerance: f64) -> Figure {
    let change = match (before, after) {
        (Some(one), Some(other)) if one.low <= other.high && other.low <= one.high => {
            Change::WithinNoise
        }
        (Some(one), Some(other)) => judged(one.value, other.value, tolerance),
        _ => Change::Unknown,
    };
    let value = |band: Option<Band>| band.map(|band| band.value);
    Figure { name: name.into(), before: value(before), after: value(after), is_time: true, change }
}

fn time(name: &str, before: Option<u64>, after: Option<u64>, tolerance: f64) -> Figure {
    let change = match (before, after) {
        (Some(one), Some(other)) => {
            let is_small = (one.abs_diff(other) as f64) < one as f64 * tolerance;
            if is_small { Change::WithinNoise } else { judged(one, other, tolerance) }
        }
        _ => Change::Unknown,
    };
    Figure { name: name.into(), before, after, is_time: true, change }
}

fn judged(before: u64, after: u64, tolerance: f64) -> Change {
    if before.abs_diff(after) < NOISE_US {
        Change::WithinNoise
    } else if after < before {
        Change::Better
    } else if after as f64 > before as f64 * (1.0 + tolerance) {
        Change::Regressed
    } else {
        Change::Worse
    }
}

/// Of what should not be at all, more is a regression.
fn count(name: &str, before: u64, after: u64) -> Figure {
    let change = match after.cmp(&before) {
        std::cmp::Ordering::Less => Change::Better,
        std::cmp::Ordering::Equal => Change::WithinNoise,
        std::cmp::Ordering::Greater => Change::Regressed,
    };
    Figure { name: name.into(), before: Some(before), after: Some(after), is_time: false, change }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(scale: u64) -> Vec<(f64, u64)> {
        (0..=990_u32).map(|n| (f64::from(n) / 10.0, scale + u64::from(n) * 100)).collect()
    }

    #[test]
    fn the_band_of_a_percentile_narrows_with_bids() {
        let width = |n| {
            let band = band(&curve(0), n, 50.0).unwrap();
            assert!(band.low <= band.value && band.value <= band.high);
            band.high - band.low
        };
        // 50 % of 100 bids: 9.8 % to each side.
        assert_eq!(width(100), 19_600);
        assert_eq!(width(10_000), 1_960);
        assert_eq!(band(&curve(0), 100, 99.9), None);
    }

    #[test]
    fn a_shift_is_seen_where_there_are_bids_enough_and_noise_elsewhere() {
        let change = |n, shift, tolerance| {
            let of = |scale| band(&curve(scale), n, 50.0);
            percentile("p50", of(0), of(shift), tolerance).change
        };
        assert_eq!(change(100, 10_000, 0.1), Change::WithinNoise);
        assert_eq!(change(100_000, 10_000, 0.1), Change::Regressed);
        assert_eq!(change(100_000, 10_000, 0.5), Change::Worse);
        let faster = percentile(
            "p50",
            band(&curve(10_000), 100_000, 50.0),
            band(&curve(0), 100_000, 50.0),
            0.1,
        );
        assert_eq!(faster.change, Change::Better);
    }

    #[test]
    fn any_more_of_what_should_not_be_is_a_regression() {
        assert_eq!(count("missing", 0, 1).change, Change::Regressed);
        assert_eq!(count("missing", 3, 3).change, Change::WithinNoise);
        assert_eq!(count("missing", 3, 0).change, Change::Better);
    }

    #[test]
    fn microseconds_are_noise_whatever_their_share() {
        assert_eq!(time("relay p50", Some(40), Some(90), 0.1).change, Change::WithinNoise);
        assert_eq!(time("relay p50", Some(4_000), Some(9_000), 0.1).change, Change::Regressed);
        assert_eq!(time("relay p50", None, Some(9_000), 0.1).change, Change::Unknown);
    }
}
