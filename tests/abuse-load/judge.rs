//! What must hold beside an attack. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::args::Sources;

/// Alone counts as at least this: five times a fraction of it is noise of the machine.
const ALONE_MIN: Duration = Duration::from_millis(10);
/// Whatever they are alone, honest clients are served within this.
const LATENCY_MAX: Duration = Duration::from_millis(300);
/// An orderly end beside clients that do not read; the server itself allows 20 s.
const END_MAX: Duration = Duration::from_secs(20);
/// A percentile has so many samples beyond it.
const BEYOND_MIN: usize = 10;
/// What the server may log of an attack.
const LOG_BYTES_MAX: u64 = 1 << 20;
/// Generated requests may cost the server so many times what the reference costs, byte for byte.
pub(crate) const COST_MAX: f64 = 3.0;

/// Latencies of honest bids, sorted: POST to frame.
#[derive(Debug, Clone, Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(crate) fn of(mut samples: Vec<Duration>) -> Self {
        samples.sort_unstable();
        Self(samples)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The 99th percentile, or the highest one that has ten samples beyond it.
    pub(crate) fn judged(&self) -> Option<Duration> {
        let beyond = (self.0.len() / 100).max(BEYOND_MIN);
        let at = self.0.len().checked_sub(beyond + 1)?;
        Some(self.0[at])
    }

    pub(crate) fn median(&self) -> Option<Duration> {
        self.0.get(self.0.len() / 2).copied()
    }
}

/// What was measured beside one attack.
#[derive(Debug, Clone, Default)]
pub(crate) struct Measured {
    pub(crate) alone: Latencies,
    pub(crate) under: Latencies,
    /// What went wrong for honest clients.
    pub(crate) failures: Vec<String>,
    pub(crate) memory_before_kib: u64,
    pub(crate) memory_peak_kib: u64,
    pub(crate) cpu: Duration,
    pub(crate) sent_bytes: u64,
    pub(crate) requests: u64,
    pub(crate) received_bytes: u64,
    /// What the attacker was answered, and how often.
    pub(crate) answers: BTreeMap<String, u64>,
    /// Limits that were met by the server's own count.
    pub(crate) refusals: u64,
    /// How the server ended before it was asked to.
    pub(crate) died: Option<String>,
    /// How it ended when it was asked to, and after how long.
    pub(crate) end: Option<(String, Duration)>,
    pub(crate) log_bytes: u64,
}

/// What is asked of an attack beside what is asked of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// The attacker is answered with a documented code.
    Code,
    /// It does not read, so the server's own count of limits counts.
    Count,
    /// It does nothing that is refused: what it costs is judged alone.
    Nothing,
}

/// The bounds of one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) told: Told,
    pub(crate) sources: Sources,
    /// By how many times honest clients may be slower than alone.
    pub(crate) slower_max: u32,
    pub(crate) memory_mib: u64,
    /// The most processor time that a KiB may cost.
    pub(crate) cpu_us_per_kib_max: Option<f64>,
}

/// One line of the table.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    pub(crate) attack: String,
    pub(crate) addresses: usize,
    pub(crate) alone_p50_ms: Option<f64>,
    pub(crate) alone_p99_ms: Option<f64>,
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    pub(crate) samples: usize,
    pub(crate) failed: usize,
    pub(crate) memory_rise_mib: u64,
    pub(crate) cpu_seconds: f64,
    pub(crate) sent_mb: f64,
    pub(crate) received_mb: f64,
    pub(crate) requests: u64,
    pub(crate) answers: BTreeMap<String, u64>,
    pub(crate) refusals: u64,
    pub(crate) log_kib: u64,
    pub(crate) end_ms: Option<u64>,
    pub(crate) load_average: f64,
    /// Each line that was missed.
    pub(crate) missed: Vec<String>,
}

impl Row {
    pub(crate) fn of(attack: &str, m: &Measured, bounds: &Bounds, load_average: f64) -> Self {
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        Self {
            attack: attack.to_owned(),
            addresses: bounds.sources.addresses().len(),
            alone_p50_ms: m.alone.median().map(ms),
            alone_p99_ms: m.alone.judged().map(ms),
            p50_ms: m.under.median().map(ms),
            p99_ms: m.under.judged().map(ms),
            samples: m.under.count(),
            failed: m.failures.len(),
            memory_rise_mib: m.memory_rise_mib(),
            cpu_seconds: m.cpu.as_secs_f64(),
            sent_mb: m.sent_bytes as f64 / 1e6,
            received_mb: m.received_bytes as f64 / 1e6,
            requests: m.requests,
            answers: m.answers.clone(),
            refusals: m.refusals,
            log_kib: m.log_bytes / 1024,
            end_ms: m.end.as_ref().map(|(_, took)| took.as_millis() as u64),
            load_average,
            missed: missed(m, bounds),
        }
    }

    /// What a KiB of the attack cost the server; none if hardly anything was sent.
    pub(crate) fn cpu_us_per_kib(&self) -> Option<f64> {
        let kib = self.sent_mb * 1e6 / 1024.0;
        (kib >= 16.0).then(|| self.cpu_seconds * 1e6 / kib)
    }
}

impl Measured {
    fn memory_rise_mib(&self) -> u64 {
        self.memory_peak_kib.saturating_sub(self.memory_before_kib) / 1024
    }
}

/// Each line that was missed, by name.
pub(crate) fn missed(m: &Measured, bounds: &Bounds) -> Vec<String> {
    let mut missed = Vec::new();
    if let Some(how) = &m.died {
        missed.push(format!("died: {how}"));
    }
    if let Some(first) = m.failures.first() {
        missed.push(format!("honest: {} failed, first: {first}", m.failures.len()));
    }
    latency(m, bounds, &mut missed);
    let rise = m.memory_rise_mib();
    if rise > bounds.memory_mib {
        missed.push(format!("memory: rose by {rise} MiB, allowed are {}", bounds.memory_mib));
    }
    let coded = m.answers.keys().any(|answer| is_documented(answer));
    match bounds.told {
        Told::Code if !coded => {
            missed.push("told: the attacker was answered with no documented code".to_owned());
        }
        Told::Count if !coded && m.refusals == 0 => {
            missed.push("told: no limit was met by the server's count".to_owned());
        }
        Told::Code | Told::Count | Told::Nothing => {}
    }
    if let Some(max) = bounds.cpu_us_per_kib_max {
        let cost = m.cpu.as_secs_f64() * 1e6 / (m.sent_bytes.max(1) as f64 / 1024.0);
        if cost > max {
            missed.push(format!("cost: {cost:.0} us a KiB, allowed are {max:.0}"));
        }
    }
    if m.log_bytes > LOG_BYTES_MAX {
        missed.push(format!(
            "log: {} KiB, allowed are {}",
            m.log_bytes / 1024,
            LOG_BYTES_MAX / 1024
        ));
    }
    if let Some((how, took)) = &m.end
        && (how != "exit status: 0" || *took >= END_MAX)
    {
        missed.push(format!("end: {how} after {:.1} s", took.as_secs_f64()));
    }
    missed
}

fn latency(m: &Measured, bounds: &Bounds, missed: &mut Vec<String>) {
    let (Some(alone), Some(under)) = (m.alone.judged(), m.under.judged()) else {
        let (alone, under) = (m.alone.count(), m.under.count());
        missed.push(format!("latency: only {alone} samples alone, {under} under attack"));
        return;
    };
    let allowed = match bounds.sources {
        Sources::One => (alone.max(ALONE_MIN) * bounds.slower_max).min(LATENCY_MAX),
        // Sixteen times the work that one address may ask for: honest clients keep the service's goal.
        Sources::Sixteen => LATENCY_MAX,
    };
    if under > allowed {
        missed
            .push(format!("latency: p99 {under:.1?} beside the attack, allowed are {allowed:.1?}"));
    }
}

/// Whether docs/ERRORS.md has this code, or this status of an answer or close.
pub(crate) fn is_documented(answer: &str) -> bool {
    const PAGE: &str = include_str!("../../docs/ERRORS.md");
    if let Some(close) = answer.strip_prefix("close ") {
        return close != "1000" && PAGE.contains(&format!("| {close} |"));
    }
    if let Some(status) = answer.strip_prefix("http ") {
        let over_http = PAGE.split_once("## Over HTTP").map_or("", |(_, section)| section);
        return status != "200" && over_http.contains(status);
    }
    !answer.is_empty() && answer != "INTERNAL" && PAGE.contains(&format!("| `{answer}` |"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        told: Told::Code,
        sources: Sources::One,
        slower_max: 5,
        memory_mib: 128,
        cpu_us_per_kib_max: Some(100.0),
    };

    type Change = fn(&mut Measured);

    fn latencies(ms: u64, count: usize) -> Latencies {
        Latencies::of(vec![Duration::from_millis(ms); count])
    }

    fn good() -> Measured {
        Measured {
            alone: latencies(12, 100),
            under: latencies(60, 200),
            memory_before_kib: 100 * 1024,
            memory_peak_kib: 228 * 1024,
            cpu: Duration::from_millis(100),
            sent_bytes: 1 << 20,
            answers: BTreeMap::from([("RATE_LIMITED".to_owned(), 1)]),
            end: Some(("exit status: 0".to_owned(), Duration::from_secs(1))),
            ..Measured::default()
        }
    }

    fn names(m: &Measured, bounds: &Bounds) -> Vec<String> {
        let name = |line: &String| line.split(':').next().unwrap().to_owned();
        missed(m, bounds).iter().map(name).collect()
    }

    #[test]
    fn what_holds_misses_nothing_and_each_line_is_missed_alone() {
        assert_eq!(missed(&good(), &BOUNDS), Vec::<String>::new());
        let cases: [(&str, Change); 10] = [
            ("died", |m| m.died = Some("signal: 9".to_owned())),
            ("honest", |m| m.failures.push("no answer".to_owned())),
            ("latency", |m| m.under = latencies(61, 200)),
            ("latency", |m| m.under = latencies(60, 10)),
            ("memory", |m| m.memory_peak_kib += 1024),
            ("told", |m| m.answers = BTreeMap::from([("ok".to_owned(), 9)])),
            ("cost", |m| m.cpu *= 2),
            ("log", |m| m.log_bytes = (1 << 20) + 1),
            ("end", |m| m.end = Some(("exit status: 1".to_owned(), Duration::ZERO))),
            ("end", |m| m.end = Some(("exit status: 0".to_owned(), Duration::from_secs(20)))),
        ];
        for (name, broken) in cases {
            let mut m = good();
            broken(&mut m);
            assert_eq!(names(&m, &BOUNDS), [name]);
        }
    }

    #[test]
    fn no_honest_client_waits_longer_than_the_goal_and_noise_is_not_judged() {
        let mut m = Measured { alone: latencies(100, 100), under: latencies(301, 100), ..good() };
        assert_eq!(names(&m, &BOUNDS), ["latency"]);
        m.under = latencies(300, 100);
        assert!(missed(&m, &BOUNDS).is_empty());
        m = Measured { alone: latencies(1, 100), under: latencies(50, 100), ..good() };
        assert!(missed(&m, &BOUNDS).is_empty());
    }

    #[test]
    fn a_client_that_does_not_read_is_seen_by_the_server_s_count() {
        let mut m = Measured { answers: BTreeMap::new(), ..good() };
        let bounds = Bounds { told: Told::Count, ..BOUNDS };
        assert_eq!(names(&m, &bounds), ["told"]);
        m.refusals = 1;
        assert!(missed(&m, &bounds).is_empty());
        assert_eq!(names(&m, &BOUNDS), ["told"]);
    }

    #[test]
    fn the_99th_percentile_has_ten_samples_beyond_it_or_is_a_lower_one() {
        let samples = |n: u64| Latencies::of((1..=n).map(Duration::from_millis).collect());
        assert_eq!(samples(10).judged(), None);
        assert_eq!(samples(100).judged(), Some(Duration::from_millis(90)));
        assert_eq!(samples(2000).judged(), Some(Duration::from_millis(1980)));
    }

    #[test]
    fn codes_are_those_of_the_page() {
        for answer in ["RATE_LIMITED", "BAD_REQUEST", "close 1009", "close 4400", "http 429"] {
            assert!(is_documented(answer), "{answer}");
        }
        for answer in [
            "INTERNAL",
            "ok",
            "close 1000",
            "close 1006",
            "http 200",
            "http 500",
            "",
            "ATE_LIMITED",
        ] {
            assert!(!is_documented(answer), "{answer}");
        }
    }
}
