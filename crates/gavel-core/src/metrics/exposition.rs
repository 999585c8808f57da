//! The answer to a scrape, in Prometheus' text format, written by the library.

use prometheus::TextEncoder;
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};

use super::histogram::Snapshot;

/// The content type of the answer.
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// The help text of the hops.
const HOPS: &str = "How long bids took over each hop of their path";

/// The metrics written so far, by name.
#[derive(Debug, Default)]
pub struct Exposition {
    families: Vec<MetricFamily>,
}

impl Exposition {
    /// A counter.
    pub fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.amount(name, help, value as f64);
    }

    /// A counter of fractional amounts.
    pub fn amount(&mut self, name: &str, help: &str, value: f64) {
        self.family(name, help, MetricType::COUNTER, vec![counted(Vec::new(), value)]);
    }

    /// A counter for each value of a label.
    pub fn counters<'a>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'a str, u64)>,
    ) {
        let metrics =
            values.into_iter().map(|(text, value)| counted(vec![pair(label, text)], value as f64));
        let metrics = metrics.collect();
        self.family(name, help, MetricType::COUNTER, metrics);
    }

    /// A gauge.
    pub fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.gauge_with(name, help, Vec::new(), value);
    }

    /// A gauge for each value of a label.
    pub fn gauges<'a>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'a str, f64)>,
    ) {
        let metrics =
            values.into_iter().map(|(text, value)| measured(vec![pair(label, text)], value));
        let metrics = metrics.collect();
        self.family(name, help, MetricType::GAUGE, metrics);
    }

    /// A gauge that is always 1, for the values of its labels.
    pub fn info(&mut self, name: &str, help: &str, labels: &[(&str, &str)]) {
        let labels = labels.iter().map(|(label, text)| pair(label, text)).collect();
        self.gauge_with(name, help, labels, 1.0);
    }

    /// A histogram.
    pub fn histogram(&mut self, name: &str, help: &str, snapshot: &Snapshot) {
        let metrics = vec![distributed(Vec::new(), snapshot)];
        self.family(name, help, MetricType::HISTOGRAM, metrics);
    }

    /// One hop of a bid's path, in the family of all hops.
    pub fn hop(&mut self, name: &str, hop: &str, snapshot: Snapshot) {
        let metric = distributed(vec![pair("hop", hop)], &snapshot);
        match self.families.iter_mut().find(|family| family.name() == name) {
            Some(family) => family.mut_metric().push(metric),
            None => self.family(name, HOPS, MetricType::HISTOGRAM, vec![metric]),
        }
    }

    /// The text.
    ///
    /// # Errors
    /// When a family has no sample or no name: a programmer's error.
    pub fn text(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.families)
    }

    fn gauge_with(&mut self, name: &str, help: &str, labels: Vec<LabelPair>, value: f64) {
        self.family(name, help, MetricType::GAUGE, vec![measured(labels, value)]);
    }

    fn family(&mut self, name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) {
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        family.set_metric(metrics);
        self.families.push(family);
    }
}

fn pair(name: &str, value: &str) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value.to_owned());
    pair
}

fn measured(labels: Vec<LabelPair>, value: f64) -> Metric {
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    let mut metric = Metric::from_label(labels);
    metric.set_gauge(gauge);
    metric
}

fn counted(labels: Vec<LabelPair>, value: f64) -> Metric {
    let mut counter = Counter::default();
    counter.set_value(value);
    let mut metric = Metric::from_label(labels);
    metric.set_counter(counter);
    metric
}

fn distributed(labels: Vec<LabelPair>, of: &Snapshot) -> Metric {
    let bucket = |(edge, count): &(f64, u64)| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*edge);
        bucket.set_cumulative_count(*count);
        bucket
    };
    let mut histogram = Histogram::default();
    histogram.set_bucket(of.buckets.iter().map(bucket).collect());
    histogram.set_sample_count(of.count);
    histogram.set_sample_sum(of.sum);
    let mut metric = Metric::from_label(labels);
    metric.set_histogram(histogram);
    metric
}
