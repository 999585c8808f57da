//! The live line of a run.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::latency::Latency;
use crate::offer::Outcome;
use crate::units::time;

const REDRAW_EVERY: Duration = Duration::from_millis(200);
/// Where there is no terminal, lines are kept.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// What is shown while a run is under way.
#[derive(Debug, Default)]
pub struct Live {
    accepted: AtomicU64,
    rejected: AtomicU64,
    other: AtomicU64,
    replayed: AtomicU64,
    completed: AtomicU64,
    delivered: Mutex<Latency>,
}

impl Live {
    /// A bid was answered.
    pub fn answered(&self, outcome: &Outcome) {
        let count = match outcome {
            Outcome::Accepted { .. } => &self.accepted,
            Outcome::Rejected(_) => &self.rejected,
            Outcome::Failed(_) | Outcome::Unknown => &self.other,
        };
        count.fetch_add(1, Relaxed);
    }

    /// A watcher was told of a bid, live so long after it was sent, or from history.
    pub fn delivered(&self, us: Option<i64>) {
        match us {
            Some(us) => self.delivered.lock().add(us),
            None => {
                self.replayed.fetch_add(1, Relaxed);
            }
        }
    }

    /// How many deliveries there were.
    pub fn deliveries(&self) -> u64 {
        self.delivered.lock().n() + self.replayed.load(Relaxed)
    }

    /// A watcher was told that its auction has ended.
    pub fn completed(&self) {
        self.completed.fetch_add(1, Relaxed);
    }

    /// How many watchers were told so.
    pub fn completions(&self) -> u64 {
        self.completed.load(Relaxed)
    }

    /// How many bids were accepted.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Relaxed)
    }

    fn line(&self) -> String {
        let summary = self.delivered.lock().summary();
        let cell = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), time);
        let other = match self.other.load(Relaxed) {
            0 => String::new(),
            n => format!(", {n} failed"),
        };
        format!(
            "bids {} accepted, {} rejected{other} | {} deliveries, p50 {}, p99 {}, max {}",
            self.accepted.load(Relaxed),
            self.rejected.load(Relaxed),
            summary.n,
            cell(summary.p50),
            cell(summary.p99),
            cell(summary.max),
        )
    }
}

/// Shows the live line until told to stop.
pub async fn show(live: Arc<Live>, whole: Duration, stop: CancellationToken) {
    let started = Instant::now();
    let on_terminal = std::io::stderr().is_terminal();
    let bar = ProgressBar::new(whole.as_millis() as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:24} {msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    let every = if on_terminal { REDRAW_EVERY } else { LINE_EVERY };
    let mut ticks = tokio::time::interval(every);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = ticks.tick() => {}
        }
        let elapsed = started.elapsed();
        let clock = format!("{:4.1} of {} s", elapsed.as_secs_f64(), whole.as_secs());
        if on_terminal {
            bar.set_position((elapsed.as_millis() as u64).min(bar.length().unwrap_or(0)));
            bar.set_message(format!("{clock} | {}", live.line()));
        } else {
            eprintln!("{clock} | {}", live.line());
        }
    }
    bar.finish_and_clear();
}
