//! The metrics of a service as a client reads them: Prometheus' text format.

use anyhow::{Context as _, bail};

/// One fetch of /metrics.
#[derive(Debug, Clone, Default)]
pub struct Scrape {
    families: Vec<String>,
    samples: Vec<Sample>,
}

#[derive(Debug, Clone, PartialEq)]
struct Sample {
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
}

impl Scrape {
    /// Fetches a page.
    ///
    /// # Errors
    /// When it cannot be had, or is not in the format.
    pub async fn fetch(url: &str) -> anyhow::Result<Self> {
        let response = reqwest::get(url).await?.error_for_status()?;
        Self::parse(&response.text().await?)
    }

    /// Reads a page.
    ///
    /// # Errors
    /// When a line is not of the format.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let mut scrape = Self::default();
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(comment) = line.strip_prefix("# ") {
                if let Some(typed) = comment.strip_prefix("TYPE ") {
                    let name = typed.split(' ').next().unwrap_or_default();
                    scrape.families.push(name.to_owned());
                }
                continue;
            }
            scrape.samples.push(sample(line).with_context(|| line.to_owned())?);
        }
        Ok(scrape)
    }

    /// The names of its families.
    pub fn families(&self) -> impl Iterator<Item = &str> {
        self.families.iter().map(String::as_str)
    }

    /// The names of its samples.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.samples.iter().map(|sample| sample.name.as_str())
    }

    /// Whether any sample has this value of a label.
    pub fn has(&self, label: &str, value: &str) -> bool {
        self.samples.iter().any(|sample| sample.label(label) == Some(value))
    }

    /// The values that a label of a name has.
    pub fn values(&self, name: &str, label: &str) -> impl Iterator<Item = &str> {
        let samples = self.samples.iter().filter(move |sample| sample.name == name);
        samples.filter_map(move |sample| sample.label(label))
    }

    /// A counter with this value of a label; 0 if there is none.
    pub fn counter(&self, name: &str, label: &str, value: &str) -> u64 {
        let is_it = |s: &&Sample| s.name == name && s.label(label) == Some(value);
        self.samples.iter().find(is_it).map_or(0, |sample| sample.value as u64)
    }

    /// A value without labels.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.samples.iter().find(|sample| sample.name == name).map(|sample| sample.value)
    }

    /// The buckets of a histogram with this value of a label: each edge, and the samples up to it.
    pub fn buckets(&self, name: &str, label: &str, value: &str) -> Vec<(f64, u64)> {
        let name = format!("{name}_bucket");
        let of = self.samples.iter().filter(|s| s.name == name && s.label(label) == Some(value));
        let edge = |sample: &Sample| sample.label("le").and_then(|edge| edge.parse().ok());
        of.filter_map(|sample| Some((edge(sample)?, sample.value as u64))).collect()
    }
}

impl Sample {
    fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| label == name).map(|(_, value)| value.as_str())
    }
}

/// `name{label="value",...} number`, without escapes in values: none of ours has one.
fn sample(line: &str) -> anyhow::Result<Sample> {
    let (head, value) = line.rsplit_once(' ').context("no value")?;
    let (name, labels) = match head.split_once('{') {
        None => (head, ""),
        Some((name, rest)) => (name, rest.strip_suffix('}').context("no end of the labels")?),
    };
    if name.is_empty() || name.contains(' ') {
        bail!("no name");
    }
    let mut pairs = Vec::new();
    for pair in labels.split(',').filter(|pair| !pair.is_empty()) {
        let (label, value) = pair.split_once('=').context("a label without a value")?;
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        pairs.push((label.to_owned(), value.context("a value without quotes")?.to_owned()));
    }
    Ok(Sample { name: name.to_owned(), labels: pairs, value: value.parse()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_and_a_line_that_is_not_of_the_format_is_told() {
        let page = "# HELP a_total What\n# TYPE a_total counter\na_total{k=\"x\"} 3\n\
                    # TYPE h histogram\nh_bucket{hop=\"y\",le=\"0.5\"} 1\nh_bucket{hop=\"y\",le=\"+Inf\"} 2\n";
        let scrape = Scrape::parse(page).unwrap();
        assert_eq!(scrape.families().collect::<Vec<_>>(), ["a_total", "h"]);
        assert_eq!(scrape.counter("a_total", "k", "x"), 3);
        assert_eq!(scrape.counter("a_total", "k", "z"), 0);
        assert_eq!(scrape.buckets("h", "hop", "y"), [(0.5, 1), (f64::INFINITY, 2)]);
        assert_eq!(scrape.values("a_total", "k").collect::<Vec<_>>(), ["x"]);
        let error = Scrape::parse("a_total{k=\"x\" 3\n").unwrap_err();
        assert!(error.to_string().contains("a_total{k"), "{error}");
    }
}
