//! Service level objectives: `[METRIC.]PERCENTILE<DURATION`, for example `p99<300ms`.

use serde::{Deserialize, Serialize};

use crate::measure::hops::Latencies;

/// The default metric of an objective: the goal of the review.
pub const DEFAULT_METRIC: &str = "client_to_last_client";

/// An objective.
#[derive(Debug, Clone, PartialEq)]
pub struct Slo {
    expr: String,
    metric: String,
    /// `None`: the maximum.
    percentile: Option<f64>,
    bound_us: u64,
}

/// The result of an objective.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SloResult {
    /// The objective as written.
    pub expr: String,
    /// The value it was judged by: the percentile, or the maximum where the percentile would have
    /// fewer than 10 samples beyond it; `None` without a sample.
    pub value_us: Option<u64>,
    /// Whether the value is below the bound.
    pub ok: bool,
}

impl std::str::FromStr for Slo {
    type Err = String;

    fn from_str(expr: &str) -> Result<Self, String> {
        let problem = || {
            format!(
                "{expr}: write [METRIC.]p50|p90|p95|p99|p999|max<NUMBER us|ms|s, such as p99<300ms"
            )
        };
        let (left, right) = expr.split_once('<').ok_or_else(problem)?;
        let (metric, quantile) = match left.trim().rsplit_once('.') {
            Some((metric, quantile)) => (metric, quantile),
            None => (DEFAULT_METRIC, left.trim()),
        };
        if Latencies::default().named(metric).is_none() {
            return Err(format!("{expr}: unknown latency {metric}"));
        }
        let percentile = match quantile {
            "p50" => Some(50.0),
            "p90" => Some(90.0),
            "p95" => Some(95.0),
            "p99" => Some(99.0),
            "p999" => Some(99.9),
            "max" => None,
            _ => return Err(problem()),
        };
        let bound_us = duration_us(right.trim()).ok_or_else(problem)?;
        Ok(Self { expr: expr.to_owned(), metric: metric.to_owned(), percentile, bound_us })
    }
}

fn duration_us(text: &str) -> Option<u64> {
    let number_end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let number: f64 = text[..number_end].parse().ok()?;
    let unit = match text[number_end..].trim() {
        "us" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        _ => return None,
    };
    (number > 0.0).then_some((number * unit) as u64)
}

impl Slo {
    /// The objective as written.
    pub fn expr(&self) -> &str {
        &self.expr
    }

    /// Judges a run.
    pub fn judge(&self, latencies: &Latencies) -> SloResult {
        let latency = latencies.named(&self.metric);
        let value_us = latency.and_then(|latency| {
            self.percentile.and_then(|p| latency.percentile(p)).or_else(|| latency.max())
        });
        // Without a measurement nothing is proven.
        let ok = value_us.is_some_and(|value| value < self.bound_us);
        SloResult { expr: self.expr.clone(), value_us, ok }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_objective_reads_as_it_is_written() {
        let slo: Slo = "p99<300ms".parse().unwrap();
        assert_eq!((slo.metric.as_str(), slo.bound_us), (DEFAULT_METRIC, 300_000));
        let slo: Slo = "deliver.max < 1.5s".parse().unwrap();
        assert_eq!(
            (slo.metric.as_str(), slo.percentile, slo.bound_us),
            ("deliver", None, 1_500_000)
        );
        for bad in ["", "p99", "p98<1s", "p99<1", "p99<xms", "nothing.p99<1ms", "p99<0ms"] {
            assert!(bad.parse::<Slo>().is_err(), "{bad}");
        }
    }

    #[test]
    fn too_few_samples_are_judged_by_the_maximum_and_none_fail() {
        let slo: Slo = "client_to_client.p99<100us".parse().unwrap();
        let mut latencies = Latencies::default();
        assert!(!slo.judge(&latencies).ok);
        (0..20).for_each(|us| latencies.client_to_client.add(us));
        assert_eq!(slo.judge(&latencies).value_us, Some(19));
        latencies.client_to_client.add(100);
        assert!(!slo.judge(&latencies).ok);
    }
}
