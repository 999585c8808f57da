//! The table.

use crate::args::Args;
use crate::judge::Row;

/// The two lines above it.
pub(crate) fn head(args: &Args) -> String {
    format!(
        "{} s each at up to {} MB/s, seed {}; p99 is the highest percentile up to it with ten \
         samples beyond\n\n{:<28} {:>4} {:>17} {:>17} {:>6} {:>9} {:>7} {:>8} {:>8} {:>6}  answers",
        args.seconds,
        args.rate,
        args.seed,
        "attack",
        "from",
        "alone p50/p99 ms",
        "under p50/p99 ms",
        "failed",
        "memory",
        "cpu",
        "sent",
        "received",
        "load",
    )
}

/// One line, and one more for each line that was missed.
pub(crate) fn row(row: &Row, note: &str) -> String {
    let answers: Vec<String> =
        row.answers.iter().map(|(answer, count)| format!("{answer} {count}")).collect();
    let mut text = format!(
        "{:<28} {:>4} {:>17} {:>17} {:>6} {:>5} MiB {:>5.1} s {:>5.1} MB {:>5.0} MB {:>6.1}  {}{note}",
        row.attack,
        row.addresses,
        pair(row.alone_p50_ms, row.alone_p99_ms),
        pair(row.p50_ms, row.p99_ms),
        row.failed,
        row.memory_rise_mib,
        row.cpu_seconds,
        row.sent_mb,
        row.received_mb,
        row.load_average,
        answers.join(", "),
    );
    for missed in &row.missed {
        text.push_str("\n    MISSED ");
        text.push_str(missed);
    }
    text
}

/// The last line.
pub(crate) fn verdict(rows: &[Row]) -> String {
    let missed: Vec<String> = rows
        .iter()
        .filter(|row| !row.missed.is_empty())
        .map(|row| format!("{} from {}", row.attack, row.addresses))
        .collect();
    if missed.is_empty() {
        return format!("\nabuse-load: {} attacks, every line held", rows.len());
    }
    format!("\nabuse-load: {} of {} missed: {}", missed.len(), rows.len(), missed.join(", "))
}

fn pair(p50: Option<f64>, p99: Option<f64>) -> String {
    let show = |ms: Option<f64>| ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.1}"));
    format!("{} / {}", show(p50), show(p99))
}
