//! Charts as SVG, drawn twice: for a wide page and for a phone. They take their text colour from
//! the page, so that they are readable in light and dark mode.

use std::f64::consts::LOG10_2;

use anyhow::anyhow;
use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint};
use plotters::prelude::*;

use crate::measure::series::{Mark, Moment};
use crate::units::time;

/// A placeholder for the page's text colour.
const INK: RGBColor = RGBColor(1, 2, 3);
const INK_HEX: &str = "#010203";
const GOAL: RGBColor = RGBColor(239, 68, 68);
/// Colours that are readable on white and on black.
const COLOURS: [RGBColor; 8] = [
    RGBColor(59, 130, 246),
    RGBColor(217, 119, 6),
    RGBColor(16, 160, 110),
    RGBColor(150, 90, 240),
    RGBColor(219, 70, 140),
    RGBColor(20, 160, 170),
    RGBColor(120, 125, 135),
    RGBColor(170, 140, 20),
];
const WIDE: (u32, u32) = (860, 320);
const NARROW: (u32, u32) = (400, 300);
const TEXT_PX: u32 = 13;

/// 0, 50, 90, 95, 99, 99.9 and 99.99 %.
const NINES: [f64; 7] = [0.0, LOG10_2, 1.0, 1.0 + LOG10_2, 2.0, 3.0, 4.0];

/// The goal of the review, in microseconds.
pub const GOAL_US: u64 = 300_000;

/// A chart in two sizes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// For a wide page.
    pub wide: String,
    /// For a phone.
    pub narrow: String,
    /// The legend: names and colours.
    pub legend: Vec<(String, String)>,
    /// The title of the chart.
    pub title: String,
}

/// One bid, part by part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The label of the row.
    pub name: String,
    /// All parts together, in microseconds.
    pub total_us: i64,
    /// The parts, in the order of the path.
    pub parts: Vec<(&'static str, i64)>,
}

/// A named percentile curve: `[percent, us]`.
pub type Curve = (String, Vec<(f64, u64)>);

/// An axis with ticks of its own.
struct Axis {
    range: (f64, f64),
    ticks: Vec<f64>,
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let (low, high) = self.range;
        let share = (value - low) / (high - low).max(f64::EPSILON);
        limit.0 + (share * f64::from(limit.1 - limit.0)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        let (low, high) = self.range;
        self.ticks.iter().copied().filter(|tick| (low..=high).contains(tick)).collect()
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.range.0..self.range.1
    }
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Percentile curves on a scale on which every nine is equally wide.
///
/// # Errors
/// When it cannot be drawn.
pub fn percentiles(title: &str, curves: &[Curve]) -> anyhow::Result<Chart> {
    let all = || curves.iter().flat_map(|(_, points)| points);
    let nines = all().map(|(percent, _)| nines(*percent)).fold(1.0, f64::max);
    let (low, high) = bounds(all().map(|(_, us)| *us).chain([GOAL_US]));
    let draw = |area: &Area<'_>| {
        let x = Axis { range: (0.0, nines), ticks: NINES.to_vec() };
        let y = Axis { range: (low, high), ticks: decades(low, high) };
        let mut chart = axes(area).build_cartesian_2d(x, y)?;
        chart
            .configure_mesh()
            .x_label_formatter(&|x| percent(*x))
            .y_label_formatter(&|y| short(10_f64.powf(*y)))
            .axis_style(INK)
            .bold_line_style(INK.mix(0.15))
            .light_line_style(TRANSPARENT)
            .label_style(("sans-serif", TEXT_PX).into_font().color(&INK))
            .axis_desc_style(("sans-serif", TEXT_PX).into_font().color(&INK))
            .x_desc("share of the bids, fastest first")
            .y_desc("client to last client")
            .draw()?;
        let goal = log(GOAL_US);
        chart.draw_series(DashedLineSeries::new(
            [(0.0, goal), (nines, goal)],
            6,
            4,
            GOAL.into(),
        ))?;
        let text = ("sans-serif", TEXT_PX).into_font().color(&INK);
        chart.draw_series([Text::new("the goal: 300 ms", (nines * 0.01, goal + 0.07), text)])?;
        for (number, (_, points)) in curves.iter().enumerate() {
            let line = points.iter().map(|(percent, us)| (nines_of(*percent, nines), log(*us)));
            chart.draw_series(LineSeries::new(line, colour(number).stroke_width(2)))?;
        }
        Ok(())
    };
    let mut legend = legend(curves.iter().map(|(name, _)| name.clone()));
    legend.push(("the goal, 300 ms".to_owned(), hex(GOAL)));
    chart(title, legend, draw)
}

/// A histogram of how long bids took.
///
/// # Errors
/// When it cannot be drawn.
pub fn histogram(title: &str, buckets: &[(u64, u64)]) -> anyhow::Result<Chart> {
    let (low, high) = bounds(buckets.iter().map(|(us, _)| *us));
    let most = buckets.iter().map(|(_, count)| *count).max().unwrap_or(1) as f64;
    let draw = |area: &Area<'_>| {
        let x = Axis { range: (low, high), ticks: decades(low, high) };
        let mut chart = axes(area).build_cartesian_2d(x, 0.0..most * 1.05)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_label_formatter(&|x| short(10_f64.powf(*x)))
            .y_label_formatter(&|y| format!("{y:.0}"))
            .y_labels(5)
            .axis_style(INK)
            .bold_line_style(INK.mix(0.15))
            .light_line_style(TRANSPARENT)
            .label_style(("sans-serif", TEXT_PX).into_font().color(&INK))
            .axis_desc_style(("sans-serif", TEXT_PX).into_font().color(&INK))
            .x_desc("client to last client")
            .y_desc("bids")
            .draw()?;
        chart.draw_series(buckets.iter().map(|(us, count)| {
            let right = log(*us);
            let left = (right - 1.1_f64.log10()).max(low);
            Rectangle::new([(left, 0.0), (right.max(left), *count as f64)], colour(0).filled())
        }))?;
        Ok(())
    };
    chart(title, Vec::new(), draw)
}

/// The median and maximum over time, with events.
///
/// # Errors
/// When it cannot be drawn.
pub fn over_time(title: &str, moments: &[Moment], marks: &[Mark]) -> anyhow::Result<Chart> {
    let end = moments.iter().map(|moment| moment.at_ms).max().unwrap_or(1).max(1) as f64 / 1e3;
    let us = |us: i64| u64::try_from(us).unwrap_or(0);
    let (low, high) = bounds(moments.iter().flat_map(|m| [us(m.p50_us), us(m.max_us)]));
    let draw = |area: &Area<'_>| {
        let y = Axis { range: (low, high), ticks: decades(low, high) };
        let mut chart = axes(area).build_cartesian_2d(0.0..end, y)?;
        chart
            .configure_mesh()
            .x_labels(6)
            .x_label_formatter(&|x| format!("{x:.0} s"))
            .y_label_formatter(&|y| short(10_f64.powf(*y)))
            .axis_style(INK)
            .bold_line_style(INK.mix(0.15))
            .light_line_style(TRANSPARENT)
            .label_style(("sans-serif", TEXT_PX).into_font().color(&INK))
            .axis_desc_style(("sans-serif", TEXT_PX).into_font().color(&INK))
            .x_desc("since the first bid")
            .y_desc("client to last client")
            .draw()?;
        for mark in marks {
            let at = (mark.at_ms as f64 / 1e3).clamp(0.0, end);
            let line = [(at, low), (at, high)];
            chart.draw_series(DashedLineSeries::new(line, 3, 3, GOAL.into()))?;
        }
        for (number, value) in [|m: &Moment| m.max_us, |m: &Moment| m.p50_us].iter().enumerate() {
            let line = moments.iter().map(|m| (m.at_ms as f64 / 1e3, log(us(value(m)))));
            chart.draw_series(LineSeries::new(line, colour(1 - number).stroke_width(2)))?;
        }
        Ok(())
    };
    let mut meanings = legend(["median", "longest"].map(str::to_owned).into_iter());
    let told: std::collections::BTreeSet<&str> = marks.iter().map(|m| m.what.as_str()).collect();
    meanings.extend(told.iter().map(|what| ((*what).to_owned(), hex(GOAL))));
    chart(title, meanings, draw)
}

/// Single bids, part by part.
///
/// # Errors
/// When it cannot be drawn.
pub fn waterfall(title: &str, bids: &[Row]) -> anyhow::Result<Chart> {
    let longest = bids.iter().map(|bid| bid.total_us).max().unwrap_or(1).max(1) as f64;
    let end = longest / 1e3 * 1.02;
    let rows = bids.len().max(1);
    let mut names: Vec<&'static str> = Vec::new();
    for (name, _) in bids.iter().flat_map(|bid| &bid.parts) {
        if !names.contains(name) {
            names.push(name);
        }
    }
    let colour_of = |name: &str| colour(names.iter().position(|other| *other == name).unwrap_or(0));
    let draw = |area: &Area<'_>| {
        let mut chart = axes(area).build_cartesian_2d(0.0..end, 0.0..rows as f64)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .disable_y_axis()
            .x_labels(5)
            .x_label_formatter(&|x| short(x * 1e3))
            .axis_style(INK)
            .bold_line_style(INK.mix(0.15))
            .light_line_style(TRANSPARENT)
            .label_style(("sans-serif", TEXT_PX).into_font().color(&INK))
            .axis_desc_style(("sans-serif", TEXT_PX).into_font().color(&INK))
            .x_desc("since the bid was to be sent")
            .draw()?;
        let text = ("sans-serif", TEXT_PX).into_font().color(&INK);
        for (row, bid) in bids.iter().enumerate() {
            let top = (rows - row) as f64 - 0.4;
            let mut from = 0.0;
            for (name, us) in &bid.parts {
                let to = from + (*us).max(0) as f64 / 1e3;
                let bar = [(from, top - 0.45), (to, top)];
                chart.draw_series([Rectangle::new(bar, colour_of(name).filled())])?;
                from = to;
            }
            let total = time(u64::try_from(bid.total_us).unwrap_or(0));
            let label = format!("{}: {total}", bid.name);
            chart.draw_series([Text::new(label, (end * 0.005, top + 0.28), text.clone())])?;
        }
        Ok(())
    };
    let meanings = legend(names.iter().map(|name| (*name).to_owned()));
    // A row of its own height, whatever their number.
    let height = |size: (u32, u32)| (size.0, 70 + 42 * rows as u32);
    sized(title, meanings, [height(WIDE), height(NARROW)], draw)
}

fn chart(
    title: &str,
    legend: Vec<(String, String)>,
    draw: impl Fn(&Area<'_>) -> Result<(), Box<dyn std::error::Error>>,
) -> anyhow::Result<Chart> {
    sized(title, legend, [WIDE, NARROW], draw)
}

fn sized(
    title: &str,
    legend: Vec<(String, String)>,
    [wide, narrow]: [(u32, u32); 2],
    draw: impl Fn(&Area<'_>) -> Result<(), Box<dyn std::error::Error>>,
) -> anyhow::Result<Chart> {
    let svg = |(width, height): (u32, u32)| {
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, (width, height)).into_drawing_area();
            draw(&area).map_err(|error| anyhow!("{title}: {error}"))?;
            area.present()?;
        }
        anyhow::Ok(for_the_page(&svg, width, height))
    };
    Ok(Chart { wide: svg(wide)?, narrow: svg(narrow)?, legend, title: title.to_owned() })
}

/// Makes the SVG take its colour from the page, and scale with it.
fn for_the_page(svg: &str, width: u32, height: u32) -> String {
    let fixed = format!("<svg width=\"{width}\" height=\"{height}\" ");
    svg.replacen(&fixed, "<svg role=\"img\" ", 1).replace(INK_HEX, "currentColor")
}

fn axes<'a, 'b>(area: &'a Area<'b>) -> ChartBuilder<'a, 'b, SVGBackend<'b>> {
    let mut builder = ChartBuilder::on(area);
    builder.margin(8).margin_right(16).x_label_area_size(46).y_label_area_size(78);
    builder
}

fn legend(names: impl Iterator<Item = String>) -> Vec<(String, String)> {
    names.enumerate().map(|(number, name)| (name, hex(colour(number)))).collect()
}

fn colour(number: usize) -> RGBColor {
    COLOURS[number % COLOURS.len()]
}

fn hex(RGBColor(r, g, b): RGBColor) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// 0 for 0 %, 1 for 90 %, 2 for 99 %.
fn nines(percent: f64) -> f64 {
    -(1.0 - percent / 100.0).max(1e-6).log10()
}

fn nines_of(percent: f64, max: f64) -> f64 {
    nines(percent).min(max)
}

fn percent(nines: f64) -> String {
    let percent = 100.0 * (1.0 - 10_f64.powf(-nines));
    let digits = if percent > 99.95 { 2 } else { usize::from(percent > 99.5) };
    format!("{percent:.digits$} %")
}

fn log(us: u64) -> f64 {
    (us.max(1) as f64).log10()
}

/// The logarithmic bounds that contain all of these, with a margin.
fn bounds(us: impl Iterator<Item = u64>) -> (f64, f64) {
    let (low, high) = us
        .filter(|us| *us > 0)
        .map(log)
        .fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
    if low > high { (3.0, 6.0) } else { (low - 0.05, high + 0.08) }
}

/// The ticks 1, 2 and 5 of each decade in these bounds; fewer if there are many decades.
fn decades(low: f64, high: f64) -> Vec<f64> {
    let steps: &[f64] = if high - low > 2.5 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let exponents = low.floor() as i32..=high.ceil() as i32;
    exponents
        .flat_map(|exponent| steps.iter().map(move |step| f64::from(exponent) + step.log10()))
        .collect()
}

/// A time on an axis, from microseconds.
fn short(us: f64) -> String {
    match us {
        us if us < 1e3 => format!("{us:.0} us"),
        us if us < 1e6 => format!("{:.0} ms", us / 1e3),
        us => format!("{:.0} s", us / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_has_both_sizes_and_takes_its_ink_from_the_page() {
        let points = vec![(0.0, 900), (50.0, 120_000), (90.0, 250_000), (99.0, 410_000)];
        let chart = percentiles("Percentiles", &[("stream".into(), points)]).unwrap();
        for svg in [&chart.wide, &chart.narrow] {
            assert!(svg.starts_with("<svg role=\"img\""), "{}", &svg[..80]);
            assert!(svg.contains("viewBox") && svg.contains("currentColor"), "{svg}");
            assert!(!svg.contains(INK_HEX));
            assert!(svg.contains("90 %") && svg.contains("100 ms"), "{svg}");
        }
        assert_ne!(chart.wide, chart.narrow);
    }

    #[test]
    fn nothing_measured_still_draws() {
        percentiles("none", &[]).unwrap();
        histogram("none", &[]).unwrap();
        over_time("none", &[], &[]).unwrap();
        waterfall("none", &[]).unwrap();
    }
}
