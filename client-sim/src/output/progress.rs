//! Shows a running run: a dashboard on a terminal, plain lines elsewhere.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::measure::live::Live;
use crate::measure::snapshot::Snapshot;
use crate::output::dashboard::Dashboard;

const REDRAW_EVERY: Duration = Duration::from_millis(250);
/// How often a line is written without a terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows a run until stopped.
pub(crate) async fn show(live: &Live, whole: Duration, stop: &CancellationToken) {
    let started = Instant::now();
    // A terminal that cannot show a dashboard gets lines.
    let on_terminal = std::io::stderr().is_terminal();
    let mut dashboard = if on_terminal { Dashboard::open().ok() } else { None };
    let every = if dashboard.is_some() { REDRAW_EVERY } else { LINE_EVERY };
    let mut ticks = tokio::time::interval(every);
    let (mut snapshot, mut last) = (Snapshot::default(), started);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            interrupted = tokio::signal::ctrl_c(), if dashboard.is_some() => {
                drop(dashboard);
                // Child processes end by themselves when this process does.
                std::process::exit(if interrupted.is_ok() { 130 } else { 1 });
            }
            _ = ticks.tick() => {}
        }
        let elapsed = started.elapsed();
        snapshot = live.snapshot(snapshot, elapsed, last.elapsed());
        last = Instant::now();
        match &mut dashboard {
            Some(dashboard) => {
                if dashboard.draw(&snapshot, elapsed, whole).is_err() {
                    return stop.cancelled().await;
                }
            }
            None => {
                let clock = format!("{:4.1} of {} s", elapsed.as_secs_f64(), whole.as_secs());
                eprintln!("{clock} | {}", snapshot.line());
            }
        }
    }
}
