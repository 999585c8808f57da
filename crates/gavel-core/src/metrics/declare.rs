//! Declares the counts of a part of the service: each field with the name of its metric. Its
//! documentation is the help text of the scrape.

use std::sync::Arc;

use super::exposition::Exposition;
use super::{Counter, CounterVec, Durations, Gauge, Label, Sizes};

/// A value that a scrape can show under a name.
pub trait Metric {
    /// Writes the value. `label` is the name of its label, if it has one.
    fn expose(&self, out: &mut Exposition, name: &str, help: &str, label: &str);
}

impl Metric for Counter {
    fn expose(&self, out: &mut Exposition, name: &str, help: &str, _: &str) {
        out.counter(name, help, self.get());
    }
}

impl<L: Label> Metric for CounterVec<L> {
    fn expose(&self, out: &mut Exposition, name: &str, help: &str, label: &str) {
        out.counters(name, help, label, self.each());
    }
}

impl Metric for Arc<Gauge> {
    fn expose(&self, out: &mut Exposition, name: &str, help: &str, _: &str) {
        out.gauge(name, help, self.get() as f64);
    }
}

impl Metric for Sizes {
    fn expose(&self, out: &mut Exposition, name: &str, help: &str, _: &str) {
        out.histogram(name, help, &self.snapshot());
    }
}

/// One hop of a bid's path: `label` is the hop's name.
impl Metric for Durations {
    fn expose(&self, out: &mut Exposition, name: &str, _: &str, label: &str) {
        out.hop(name, label, self.snapshot());
    }
}

/// Declares a struct of counts. `= "name"` shows a field under this name, `= "name" by "label"`
/// shows a counter for each value of a label, and `= "name" hop "hop"` shows one hop of the path; a
/// field without a name is shown elsewhere. The documentation of a field is its help text.
#[macro_export]
macro_rules! metrics {
    (
        $(#[$about:meta])*
        $vis:vis $name:ident {
            $(
                #[doc = $help:literal]
                $field:ident: $type:ty $(= $metric:literal $($how:ident $label:literal)?)?,
            )+
        }
    ) => {
        $(#[$about])*
        #[derive(Debug, Default)]
        $vis struct $name {
            $(
                #[doc = $help]
                $vis $field: $type,
            )+
        }

        impl $name {
            /// Writes the counts to a scrape.
            $vis fn expose(&self, out: &mut $crate::metrics::exposition::Exposition) {
                $($(
                    let label = ["", $($label)?].concat();
                    let help = $help.trim().trim_end_matches('.');
                    $crate::metrics::Metric::expose(&self.$field, out, $metric, help, &label);
                )?)+
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auction::Timestamp;
    use crate::broker::Source;

    metrics! {
        /// Counts.
        Counts {
            /// Bids by where they were read.
            read: CounterVec<Source> = "bids_total" by "source",
            /// Nobody's business.
            hidden: Counter,
            /// The last hop.
            last: Durations = "hop_seconds" hop "last",
        }
    }

    #[test]
    fn a_metric_is_shown_by_its_name_with_its_documentation() {
        let counts = Counts::default();
        counts.read.inc(Source::Lane);
        counts.hidden.inc();
        counts.last.between(Timestamp::from_micros(0), Timestamp::from_micros(1));
        let mut out = Exposition::default();
        counts.expose(&mut out);
        out.hop("hop_seconds", "first", counts.last.snapshot());
        let text = out.text().unwrap();
        assert!(text.contains("# HELP bids_total Bids by where they were read\n"), "{text}");
        assert!(text.contains("bids_total{source=\"lane\"} 1\n"), "{text}");
        assert!(!text.contains("hidden"), "{text}");
        assert!(text.contains("hop_seconds_count{hop=\"first\"} 1\n"), "{text}");
        assert_eq!(text.matches("# TYPE hop_seconds").count(), 1, "{text}");
    }
}
