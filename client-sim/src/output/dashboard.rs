//! The dashboard of a run on a terminal.

use std::io::{Stderr, stderr};
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize as _};
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::{Axis, Block, Chart, Dataset, Gauge, GraphType, Paragraph};

use crate::measure::path::HOPS;
use crate::measure::snapshot::Snapshot;
use crate::units::time;

/// The goal of the review, in milliseconds.
const GOAL_MS: f64 = 300.0;
const BAR_WIDTH: usize = 30;

/// A terminal that shows a run; it is restored when this is dropped.
pub(super) struct Dashboard {
    terminal: Terminal<CrosstermBackend<Stderr>>,
}

impl Dashboard {
    /// Opens the dashboard on the terminal.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn open() -> anyhow::Result<Self> {
        execute!(stderr(), EnterAlternateScreen)?;
        Ok(Self { terminal: Terminal::new(CrosstermBackend::new(stderr()))? })
    }

    /// Draws.
    ///
    /// # Errors
    /// When the terminal has gone.
    pub(super) fn draw(
        &mut self,
        snapshot: &Snapshot,
        elapsed: Duration,
        whole: Duration,
    ) -> anyhow::Result<()> {
        self.terminal.draw(|frame| draw(frame, snapshot, elapsed, whole))?;
        Ok(())
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        // A terminal that is gone needs no restoring.
        execute!(stderr(), LeaveAlternateScreen).ok();
        self.terminal.show_cursor().ok();
    }
}

fn draw(frame: &mut ratatui::Frame<'_>, snapshot: &Snapshot, elapsed: Duration, whole: Duration) {
    let rows = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(4),
        Constraint::Length(HOPS.len() as u16 + 1),
        Constraint::Min(5),
    ]);
    let [clock, counts, hops, plot] = rows.areas(frame.area());
    let share = (elapsed.as_secs_f64() / whole.as_secs_f64().max(0.001)).min(1.0);
    let label = format!("{:.0} of {} s", elapsed.as_secs_f64(), whole.as_secs());
    let gauge = Gauge::default().gauge_style(Style::new().fg(Color::Blue)).ratio(share);
    frame.render_widget(gauge.label(label), clock);
    frame.render_widget(Paragraph::new(count_lines(snapshot)), counts);
    frame.render_widget(Paragraph::new(hop_lines(snapshot)), hops);
    draw_plot(frame, snapshot, plot);
}

fn count_lines(snapshot: &Snapshot) -> Vec<Line<'static>> {
    let cell = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), time);
    let bids = format!(
        "bids        {:.1}/s, {} in flight, {} accepted, {} rejected, {} failed",
        snapshot.rate, snapshot.in_flight, snapshot.accepted, snapshot.rejected, snapshot.other
    );
    let summary = &snapshot.delivered;
    let latency = format!(
        "latency     p50 {}, p90 {}, p99 {}, longest {}, n {}",
        cell(summary.p50),
        cell(summary.p90),
        cell(summary.p99),
        cell(summary.max),
        summary.n
    );
    let kept = format!(
        "guarantees  {} repeated, {} out of order so far; missing is counted at the end",
        snapshot.repeated, snapshot.out_of_order
    );
    let is_bad = snapshot.repeated + snapshot.out_of_order > 0;
    let kept = Line::from(kept);
    let kept = if is_bad { kept.red().bold() } else { kept.green() };
    vec![Line::from(""), Line::from(bids), Line::from(latency), kept]
}

/// The medians of the hops so far, as bars.
fn hop_lines(snapshot: &Snapshot) -> Vec<Line<'static>> {
    let most = snapshot.hops_us.iter().copied().max().unwrap_or(1).max(1);
    let mut lines = vec![Line::from("hop, median so far".dim())];
    for (name, us) in HOPS.iter().zip(snapshot.hops_us) {
        let width = (us as f64 / most as f64 * BAR_WIDTH as f64).ceil() as usize;
        lines.push(Line::from(vec![
            format!("{name:<18}").into(),
            "█".repeat(width).blue(),
            format!(" {}", time(us)).into(),
        ]));
    }
    lines
}

/// The median and the longest of each moment.
fn draw_plot(frame: &mut ratatui::Frame<'_>, snapshot: &Snapshot, area: Rect) {
    let of = |value: fn(&(f64, f64, f64)) -> f64| -> Vec<(f64, f64)> {
        snapshot.moments.iter().map(|moment| (moment.0, value(moment))).collect()
    };
    let (median, longest) = (of(|m| m.1), of(|m| m.2));
    let from = snapshot.moments.first().map_or(0.0, |m| m.0);
    let to = snapshot.moments.last().map_or(1.0, |m| m.0).max(from + 1.0);
    let top = longest.iter().map(|(_, ms)| *ms).fold(1.0, f64::max) * 1.1;
    let goal = [(from, GOAL_MS), (to, GOAL_MS)];
    let line = |data, colour, name: &'static str| {
        let style = Style::new().fg(colour);
        let set = Dataset::default().name(name).marker(Marker::Braille).style(style);
        set.graph_type(GraphType::Line).data(data)
    };
    let mut sets =
        vec![line(&longest, Color::Yellow, "longest"), line(&median, Color::Blue, "median")];
    if top > GOAL_MS {
        sets.push(line(&goal, Color::Red, "300 ms"));
    }
    let label = |ms: f64| Line::from(time((ms * 1e3) as u64));
    let chart = Chart::new(sets)
        // Its own rule hides the legend where it takes a quarter of the plot: on 80 columns, always.
        .hidden_legend_constraints((Constraint::Ratio(1, 2), Constraint::Percentage(100)))
        .block(Block::new().title("client to client, over time"))
        .x_axis(
            Axis::default()
                .bounds([from, to])
                .labels([Line::from(format!("{from:.0} s")), Line::from(format!("{to:.0} s"))]),
        )
        .y_axis(Axis::default().bounds([0.0, top]).labels([
            Line::from("0"),
            label(top / 2.0),
            label(top),
        ]));
    frame.render_widget(chart, area);
}

#[cfg(test)]
mod tests {
    use ratatui::backend::TestBackend;

    use super::*;
    use crate::measure::latency::Summary;

    #[test]
    fn a_terminal_of_80_by_24_shows_every_line_whole_and_the_legend() {
        let delivered = Summary {
            n: 1_234_567,
            p50: Some(123_456),
            p90: Some(234_567),
            p99: Some(345_678),
            max: Some(9_456_789),
            ..Summary::default()
        };
        let snapshot = Snapshot {
            rate: 1_234.5,
            in_flight: 120,
            accepted: 123_456,
            rejected: 1_234,
            other: 12,
            delivered,
            hops_us: [100, 200, 300, 150_000, 20, 500],
            moments: vec![(1.0, 100.0, 400.0), (2.0, 110.0, 350.0)],
            ..Snapshot::default()
        };
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        let second = Duration::from_secs(1);
        terminal.draw(|frame| draw(frame, &snapshot, second, second * 20)).unwrap();
        let buffer = terminal.backend().buffer();
        let rows: Vec<String> =
            (0..24).map(|y| (0..80).map(|x| buffer[(x, y)].symbol()).collect::<String>()).collect();
        let screen = rows.join("\n");
        for part in ["12 failed", "n 1234567", "at the end", "store_and_stream", "150.0 ms"] {
            assert!(screen.contains(part), "{part}: {screen}");
        }
        for name in ["median", "longest", "300 ms"] {
            let in_plot = rows[12..].iter().any(|row| row.contains(name));
            assert!(in_plot, "the legend lacks {name}: {screen}");
        }
    }
}
