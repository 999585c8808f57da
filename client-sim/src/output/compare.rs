//! Compares two reports: each figure is better, worse, or within noise. Pure.
//!
//! The noise comes from repeats (`run --repeat 5`): a figure differs if the runs of one side are
//! all on one side of the others', and further away than their spread. Single runs say nothing
//! about the variation of the next one: they are taken to vary by [`SINGLE_NOISE`], and a
//! percentile also by its confidence band for that many bids.

use std::collections::BTreeMap;

use anyhow::bail;
use serde::Serialize;

use crate::output::report::Report;

/// Smaller differences are noise, in microseconds, whatever their share.
const NOISE_US: u64 = 200;
/// The share by which figures of two equal runs are taken to differ if nothing was repeated.
pub const SINGLE_NOISE: f64 = 0.5;
/// The number of runs needed for a spread.
const REPEATS_MIN: usize = 3;

/// How a figure changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is better.
    Better,
    /// It is worse, within the tolerance.
    Worse,
    /// It is worse beyond the tolerance.
    Regressed,
    /// It is not distinguishable from chance.
    WithinNoise,
    /// One of the two does not have it.
    Unknown,
}

impl Change {
    /// The change in words.
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

/// A figure of both reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Figure {
    /// Its name.
    pub name: String,
    /// Its value before.
    pub before: Option<u64>,
    /// Its value after.
    pub after: Option<u64>,
    /// Whether it is a time in microseconds; else a count.
    pub is_time: bool,
    /// How it changed.
    pub change: Change,
}

/// A run in both reports.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The name of the run.
    pub name: String,
    /// The report before.
    pub before: Report,
    /// The report after.
    pub after: Report,
    /// Its figures.
    pub figures: Vec<Figure>,
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

/// The runs that only one of two reports has, in one line; `None` if they have the same runs.
pub fn not_compared(before: &[(String, Report)], after: &[(String, Report)]) -> Option<String> {
    let missing = |these: &[(String, Report)], those: &[(String, Report)], side: &str| {
        let is_alone = |name: &String| those.iter().all(|(other, _)| other != name);
        let names = these.iter().map(|(name, _)| name).filter(|name| is_alone(name));
        names.map(|name| format!("{name} (only {side})")).collect::<Vec<_>>()
    };
    let names = [missing(before, after, "before"), missing(after, before, "after")].concat();
    (!names.is_empty()).then(|| format!("not compared: {}", names.join(", ")))
}

impl Pair {
    /// Whether a figure is worse beyond the tolerance.
    pub fn has_regressed(&self) -> bool {
        self.figures.iter().any(|figure| figure.change == Change::Regressed)
    }
}

/// The percentiles that are compared, and the hops.
const PERCENTILES: [(&str, f64); 4] = [("p50", 50.0), ("p90", 90.0), ("p95", 95.0), ("p99", 99.0)];

fn name_of(percentile: &str) -> String {
    format!("client to last client {percentile}")
}

fn hop_medians(report: &Report) -> [(&'static str, Option<u64>); 6] {
    let latency = report.latency_us;
    let hops = latency.hops;
    [
        ("request p50", hops.request.p50),
        ("lane p50", hops.lane.p50),
        ("store and stream p50", hops.store_and_stream.p50),
        ("relay p50", hops.relay.p50),
        ("deliver p50", hops.deliver.p50),
        ("answer p50", latency.answer.p50),
    ]
}

/// The times of one run, by the names used for comparison.
pub fn times(report: &Report) -> BTreeMap<String, u64> {
    let n = report.latency_us.client_to_last_client.n;
    let percentiles = PERCENTILES.iter().filter_map(|(name, percent)| {
        Some((name_of(name), band(&report.series.percentiles, n, *percent)?.value))
    });
    let hops =
        hop_medians(report).into_iter().filter_map(|(name, us)| Some((name.to_owned(), us?)));
    percentiles.chain(hops).collect()
}

/// The figure of one side, and what is known of its noise.
#[derive(Debug, Clone, PartialEq)]
struct Side {
    value: Option<u64>,
    /// The values of each run, if it was repeated often enough.
    runs: Vec<u64>,
    band: Option<Band>,
}

impl Side {
    fn of(report: &Report, name: &str, single: Option<u64>, band: Option<Band>) -> Self {
        let mut runs: Vec<u64> =
            report.repeats.iter().filter_map(|run| run.get(name).copied()).collect();
        runs.sort_unstable();
        if runs.len() < REPEATS_MIN {
            return Self { value: single, runs: Vec::new(), band };
        }
        Self { value: Some(runs[runs.len() / 2]), runs, band: None }
    }

    fn range(&self) -> Option<(u64, u64)> {
        Some((*self.runs.first()?, *self.runs.last()?))
    }
}

/// Whether two figures are indistinguishable.
fn is_noise(before: &Side, after: &Side, one: u64, other: u64) -> bool {
    let apart = one.abs_diff(other);
    if let (Some((low, high)), Some((after_low, after_high))) = (before.range(), after.range()) {
        let overlap = low <= after_high && after_low <= high;
        return overlap || apart <= (high - low).max(after_high - after_low);
    }
    let bands_meet = match (before.band, after.band) {
        (Some(one), Some(other)) => one.low <= other.high && other.low <= one.high,
        _ => false,
    };
    bands_meet || (apart as f64) < one.max(other) as f64 * (1.0 - 1.0 / (1.0 + SINGLE_NOISE))
}

fn figures(before: &Report, after: &Report, tolerance: f64) -> Vec<Figure> {
    let mut figures = Vec::new();
    for (name, percent) in PERCENTILES {
        let name = name_of(name);
        let of = |report: &Report| {
            let n = report.latency_us.client_to_last_client.n;
            let band = band(&report.series.percentiles, n, percent);
            Side::of(report, &name, band.map(|band| band.value), band)
        };
        figures.push(time(&name, of(before), of(after), tolerance));
    }
    for ((name, one), (_, other)) in hop_medians(before).into_iter().zip(hop_medians(after)) {
        let (one, other) = (Side::of(before, name, one, None), Side::of(after, name, other, None));
        figures.push(time(name, one, other, tolerance));
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

/// A percentile, and the band that likely contains the true one.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Band {
    low: u64,
    value: u64,
    high: u64,
}

/// The band of a percentile of n bids: for n bids, the share at or below the true percentile has a
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

/// The value of the curve at a percentile, interpolated.
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

fn time(name: &str, before: Side, after: Side, tolerance: f64) -> Figure {
    let change = match (before.value, after.value) {
        (Some(one), Some(other)) if is_noise(&before, &after, one, other) => Change::WithinNoise,
        (Some(one), Some(other)) => judged(one, other, tolerance),
        _ => Change::Unknown,
    };
    Figure { name: name.into(), before: before.value, after: after.value, is_time: true, change }
}

/// The source of the noise of these pairs, in a sentence.
pub fn noise(pairs: &[Pair]) -> String {
    let repeats = |report: &Report| report.repeats.len();
    let least = pairs.iter().map(|p| repeats(&p.before).min(repeats(&p.after))).min().unwrap_or(0);
    if least >= REPEATS_MIN {
        return format!("the noise is that of {least} repeats of each");
    }
    format!(
        "nothing was repeated: two single runs are taken to differ by {:.0} % (`run --repeat 5` measures it)",
        SINGLE_NOISE * 100.0
    )
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

/// Counts things that should not happen at all, so more of them is a regression.
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

    fn single(value: u64, n: u64, scale: u64) -> Side {
        let band = band(&curve(scale), n, 50.0);
        Side { value: Some(value), runs: Vec::new(), band }
    }

    fn repeated(runs: &[u64]) -> Side {
        let mut runs = runs.to_vec();
        runs.sort_unstable();
        Side { value: Some(runs[runs.len() / 2]), runs, band: None }
    }

    #[test]
    fn a_single_run_is_told_from_another_by_much_more_than_chance() {
        let change = |before: u64, after: u64, tolerance| {
            let side = |us| Side { value: Some(us), runs: Vec::new(), band: None };
            time("p50", side(before), side(after), tolerance).change
        };
        assert_eq!(change(10_000, 14_000, 0.1), Change::WithinNoise);
        assert_eq!(change(14_000, 10_000, 0.1), Change::WithinNoise);
        assert_eq!(change(10_000, 16_000, 0.1), Change::Regressed);
        assert_eq!(change(10_000, 16_000, 0.7), Change::Worse);
        assert_eq!(change(16_000, 10_000, 0.1), Change::Better);
        // With few bids a percentile lies anywhere.
        let few = time("p50", single(50_000, 20, 0), single(76_000, 20, 26_000), 0.1);
        assert_eq!(few.change, Change::WithinNoise);
    }

    #[test]
    fn repeats_say_what_noise_is() {
        let change = |before: &[u64], after: &[u64]| {
            time("p50", repeated(before), repeated(after), 0.1).change
        };
        // One of four equal runs of a noisy machine.
        assert_eq!(change(&[4_600, 5_100, 6_600], &[5_000, 6_700, 5_200]), Change::WithinNoise);
        assert_eq!(change(&[10_000, 10_100, 10_200], &[11_500, 11_600, 11_900]), Change::Regressed);
        assert_eq!(change(&[10_000, 10_100, 10_200], &[9_000, 9_100, 9_200]), Change::Better);
        // Apart, and not further than each is spread.
        assert_eq!(
            change(&[10_000, 11_000, 12_000], &[12_100, 12_900, 13_900]),
            Change::WithinNoise
        );
    }

    #[test]
    fn any_more_of_what_should_not_be_is_a_regression() {
        assert_eq!(count("missing", 0, 1).change, Change::Regressed);
        assert_eq!(count("missing", 3, 3).change, Change::WithinNoise);
        assert_eq!(count("missing", 3, 0).change, Change::Better);
    }

    #[test]
    fn microseconds_are_noise_whatever_their_share() {
        let side = |value| Side { value, runs: Vec::new(), band: None };
        let change = |one, other| time("relay p50", side(one), side(other), 0.1).change;
        assert_eq!(change(Some(40), Some(90)), Change::WithinNoise);
        assert_eq!(change(Some(4_000), Some(9_000)), Change::Regressed);
        assert_eq!(change(None, Some(9_000)), Change::Unknown);
    }
}
