//! What a run has shown. Pure.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Log, Plan, Sent};
use crate::measure::environment::Environment;
use crate::measure::latency::{Latency, Summary};
use crate::output::pages::model::{Block, Page, Section, Table, Tone};
use crate::output::text;
use crate::units::time;

/// A mutation that was sent later than this missed its schedule.
const LATE: Duration = Duration::from_millis(100);
/// Reasons that are listed.
const REASONS_MAX: usize = 5;

/// The report of `measure`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Always `measure`.
    pub kind: String,
    /// What was measured.
    pub url: String,
    /// Over which protocol.
    pub protocol: String,
    /// Sockets, each with a subscription.
    pub subscribers: usize,
    /// Mutations that were sent.
    pub sent: usize,
    /// Those that were answered with a result.
    pub accepted: usize,
    /// Those that were not, by reason.
    pub failed: BTreeMap<String, usize>,
    /// Those that were sent over 100 ms late.
    pub late: usize,
    /// Deliveries that are expected: accepted mutations times subscribers.
    pub expected: usize,
    /// Those that came.
    pub delivered: usize,
    /// Those that did not.
    pub missing: usize,
    /// Those that came again.
    pub duplicate: usize,
    /// Events whose number was not above the one before; `None` without --event-number.
    pub out_of_order: Option<usize>,
    /// Events of nobody's mutation.
    pub others: usize,
    /// Subscriptions that ended early, and why.
    pub ended: Vec<String>,
    /// From the planned send to the answer, in microseconds.
    pub answered_us: Summary,
    /// From the planned send to each subscriber.
    pub delivered_us: Summary,
    /// From the planned send to the last subscriber.
    pub last_us: Summary,
    /// Where and when.
    pub environment: Environment,
    /// The command that repeats it.
    pub command: String,
}

/// What a report is made from.
pub(crate) struct Noted<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) log: &'a Log,
}

fn us(from: Instant, to: Instant) -> i64 {
    i64::try_from(to.saturating_duration_since(from).as_micros()).unwrap_or(i64::MAX)
}

impl Report {
    /// Matches events with mutations.
    pub(crate) fn new(noted: &Noted<'_>, environment: Environment) -> Self {
        let Noted { plan, log } = noted;
        let mut by_key: HashMap<&str, &Sent> = HashMap::new();
        let (mut answered, mut failed) = (Latency::default(), BTreeMap::<String, usize>::new());
        for sent in &log.sent {
            match &sent.answer {
                Some((at, Ok(key))) => {
                    answered.add(us(sent.planned, *at));
                    by_key.insert(key, sent);
                }
                Some((_, Err(why))) => *failed.entry(why.clone()).or_default() += 1,
                None => *failed.entry("no answer".to_owned()).or_default() += 1,
            }
        }
        // Each mutation's first arrival at each subscriber.
        let mut first: HashMap<&str, HashMap<usize, Instant>> = HashMap::new();
        let (mut duplicate, mut others) = (0, log.others);
        for came in &log.came {
            if !by_key.contains_key(came.key.as_str()) {
                others += 1;
                continue;
            }
            let arrivals = first.entry(came.key.as_str()).or_default();
            match arrivals.entry(came.subscriber) {
                Entry::Occupied(_) => duplicate += 1,
                Entry::Vacant(place) => drop(place.insert(came.at)),
            }
        }
        let (mut delivered_us, mut last_us) = (Latency::default(), Latency::default());
        let mut delivered = 0;
        for (key, sent) in &by_key {
            let Some(arrivals) = first.get(key) else { continue };
            delivered += arrivals.len();
            arrivals.values().for_each(|at| delivered_us.add(us(sent.planned, *at)));
            if let Some(last) =
                arrivals.values().max().filter(|_| arrivals.len() == plan.subscribers)
            {
                last_us.add(us(sent.planned, *last));
            }
        }
        let expected = by_key.len() * plan.subscribers;
        let late = log.sent.iter().filter(|sent| sent.began - sent.planned > LATE).count();
        Self {
            kind: "measure".to_owned(),
            url: plan.url.clone(),
            protocol: plan.protocol.name().to_owned(),
            subscribers: plan.subscribers,
            sent: log.sent.len(),
            accepted: by_key.len(),
            failed,
            late,
            expected,
            delivered,
            missing: expected - delivered,
            duplicate,
            out_of_order: plan.event_number.is_some().then(|| out_of_order(log)),
            others,
            ended: log.ended.clone(),
            answered_us: answered.summary(),
            delivered_us: delivered_us.summary(),
            last_us: last_us.summary(),
            environment,
            command: plan.command.clone(),
        }
    }

    /// Whether everything that was accepted came to everyone once.
    pub fn is_exact(&self) -> bool {
        self.accepted > 0
            && [self.missing, self.duplicate, self.out_of_order.unwrap_or(0)] == [0, 0, 0]
    }

    /// Whether this machine kept the schedule: else the latencies prove nothing.
    pub fn is_valid(&self) -> bool {
        self.late * 100 <= self.sent
    }

    /// Its latencies.
    pub fn latencies(&self) -> [(&'static str, Summary); 3] {
        [
            ("answered", self.answered_us),
            ("to each subscriber", self.delivered_us),
            ("to the last subscriber", self.last_us),
        ]
    }

    fn table(&self) -> Table {
        let mut table =
            Table::new(&["from the planned send", "n", "p50", "p90", "p95", "p99", "max"]);
        let cell = |us: Option<u64>| us.map_or_else(|| "-".to_owned(), time);
        for (name, s) in self.latencies() {
            let figures = [s.p50, s.p90, s.p95, s.p99, s.max].map(cell);
            table.row([name.to_owned(), s.n.to_string()].into_iter().chain(figures));
        }
        table
    }

    fn counts(&self) -> Vec<String> {
        let order = self.out_of_order.map_or_else(
            || "order not checked (--event-number)".to_owned(),
            |count| format!("{count} out of order"),
        );
        let mut lines = vec![
            format!(
                "mutations   {} sent, {} accepted, {} failed, {} sent late",
                self.sent,
                self.accepted,
                self.sent - self.accepted,
                self.late
            ),
            format!(
                "deliveries  {} expected, {} came, {} missing, {} duplicate, {order}; {} other events",
                self.expected, self.delivered, self.missing, self.duplicate, self.others
            ),
        ];
        let failed = self.failed.iter().take(REASONS_MAX);
        lines.extend(failed.map(|(why, count)| format!("failed      {count} times: {why}")));
        lines.extend(self.ended.iter().take(REASONS_MAX).map(|why| format!("ended       {why}")));
        lines
    }

    /// The overall result in words.
    pub fn verdict(&self) -> (Tone, String) {
        if !self.is_valid() {
            let text = "invalid: this machine could not keep the schedule";
            return (Tone::Bad, text.to_owned());
        }
        let text = if self.accepted == 0 {
            "nothing was accepted, so nothing was measured"
        } else if self.is_exact() {
            "everything accepted reached every subscriber once"
        } else {
            "something accepted did not reach every subscriber once"
        };
        (Tone::of(self.is_exact()), text.to_owned())
    }

    /// As a person reads it in a terminal.
    pub fn text(&self) -> String {
        let head = format!("{} over {}, {} subscribers", self.url, self.protocol, self.subscribers);
        let counts = self.counts().join("\n");
        format!("{head}\n\n{}\n{counts}\n\n{}\n", text::table(&self.table()), self.verdict().1)
    }

    /// As a page.
    pub fn page(&self) -> Page {
        let mut counts = Section::new("Counts");
        for line in self.counts() {
            counts = counts.text(line);
        }
        let mut how =
            Section::new("How it was measured").with(Block::Command(self.command.clone()));
        for (name, value) in self.environment.rows() {
            how = how.text(format!("{name}: {value}"));
        }
        let latency = Section::new("Latency").with(Block::Table(self.table()));
        let title = format!("{} over {}", self.url, self.protocol);
        Page { title, verdict: Some(self.verdict()), sections: vec![latency, counts, how] }
    }
}

fn out_of_order(log: &Log) -> usize {
    let mut last: HashMap<usize, i64> = HashMap::new();
    let mut count = 0;
    for came in &log.came {
        let Some(number) = came.number else { continue };
        match last.insert(came.subscriber, number) {
            Some(before) if before >= number => count += 1,
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::{Came, Document, Identity, Protocol};
    use super::*;

    fn plan() -> Plan {
        let document = Document { query: String::new(), variables: Value::Null };
        Plan {
            url: "http://x/graphql".to_owned(),
            ws_url: String::new(),
            protocol: Protocol::Appsync,
            identity: Identity::default(),
            mutation: document.clone(),
            subscription: document,
            answer_key: None,
            event_key: None,
            event_number: Some("n".to_owned()),
            subscribers: 2,
            rate: 1.0,
            duration: Duration::from_secs(1),
            wait: Duration::from_secs(1),
            run: "run".to_owned(),
            command: String::new(),
        }
    }

    #[test]
    fn what_is_missing_repeated_or_disordered_is_counted_for_each_subscriber() {
        let start = Instant::now();
        let ms = |ms: u64| start + Duration::from_millis(ms);
        let sent = |answer: Result<&str, &str>| Sent {
            planned: start,
            began: start,
            answer: Some((ms(5), answer.map(str::to_owned).map_err(str::to_owned))),
        };
        let came = |subscriber, key: &str, number, at| Came {
            subscriber,
            key: key.to_owned(),
            number: Some(number),
            at: ms(at),
        };
        let log = Log {
            sent: vec![sent(Ok("a")), sent(Ok("b")), sent(Err("too low"))],
            came: vec![
                came(0, "a", 1, 10),
                came(0, "b", 2, 20),
                came(1, "b", 2, 30),
                came(1, "b", 2, 40),
                came(1, "x", 3, 50),
            ],
            ended: Vec::new(),
            others: 1,
        };
        let noted = Noted { plan: &plan(), log: &log };
        let report = Report::new(&noted, Environment::default());
        assert_eq!((report.expected, report.delivered, report.missing), (4, 3, 1));
        assert_eq!((report.duplicate, report.out_of_order, report.others), (1, Some(1), 2));
        assert_eq!(report.failed.get("too low"), Some(&1));
        assert_eq!((report.last_us.n, report.last_us.max), (1, Some(30_000)), "b reached both");
        assert!(!report.is_exact() && report.is_valid());
        let text = report.text();
        assert!(text.contains("1 missing, 1 duplicate, 1 out of order"), "{text}");
    }
}
