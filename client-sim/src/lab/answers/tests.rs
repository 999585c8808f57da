//! Figures, and those that mean the opposite: the words follow.

use super::riddle::{Fit, REVIEW_US};
use super::*;
use crate::lab::experiment::Depth;
use crate::lab::findings::Findings;
use crate::lab::page;
use crate::load::plan::{Plan, Target, View};
use crate::load::scenario::{Name, Scenario};
use crate::measure::check::Deliveries;
use crate::measure::seen::Seen;
use crate::measure::series::{Example, First};
use crate::output::pages::model::{Block, Table};
use crate::output::pages::{html, markdown};
use crate::output::report::RunContext;
use crate::service::last_mile::LastMile;
use crate::service::server::RelayCounts;

const N: u64 = 1_000;

/// A run whose bids all took so long, but for those that missed the goal.
fn run(p50_us: u64, over_goal: u64) -> Report {
    let plan = Plan {
        scenario: Scenario::of(Name::Steady),
        seed: 1,
        slos: Vec::new(),
        target: Target::Own { relay: "stream".into(), flags: Vec::new(), layouts: Vec::new() },
        last_mile: LastMile::None,
        view: View::Nothing,
        script: Vec::new(),
        command: String::new(),
    };
    let mut report = Report::new(&plan, &Seen::default(), RunContext::default());
    let high = if over_goal * 20 > N { 400_000 } else { p50_us };
    report.latency_us.client_to_last_client = Summary {
        n: N,
        p50: Some(p50_us),
        p90: Some(high),
        p95: Some(high),
        p99: Some(high),
        p999: None,
        max: Some(high),
    };
    report.series.over_goal = over_goal;
    report.deliveries = Deliveries { expected: 10, live: 10, ..Deliveries::default() };
    report
}

fn shown(name: &str, cases: Vec<(&str, Report)>) -> ExperimentResult {
    let case =
        |(name, report): (&str, Report)| CaseResult { name: name.into(), lambda: None, report };
    ExperimentResult {
        name: name.into(),
        asks: String::new(),
        cases: cases.into_iter().map(case).collect(),
    }
}

fn answer(question: &str, shown: Vec<ExperimentResult>) -> String {
    let answers = all(&Found { shown: &shown, overheads: None });
    let found = answers.iter().find(|answer| answer.question.contains(question));
    found.unwrap_or_else(|| panic!("no answer to {question}")).answer.clone()
}

fn begins(text: &str, word: &str) {
    assert!(text.starts_with(word), "{word:?} was expected: {text}");
}

fn modes(lambda: u64, stream: u64) -> Vec<ExperimentResult> {
    let steady = |mode: &str, over| (format!("{mode}, steady"), run(100_000, over));
    let cases = [
        steady("lambda", lambda),
        steady("lambda tuned", lambda),
        steady("stream", stream),
        steady("hybrid", 0),
    ];
    let cases = cases.iter().map(|(name, report)| (name.as_str(), report.clone())).collect();
    vec![shown("modes", cases)]
}

#[test]
fn whether_the_poll_kills_the_goal_follows_from_who_misses_it() {
    begins(&answer("killer", modes(350, 40)), "Yes");
    begins(&answer("killer", modes(10, 0)), "No");
    begins(&answer("killer", modes(350, 300)), "Not the poll alone");
}

#[test]
fn whether_a_service_holds_the_goal_follows_from_its_worst_traffic() {
    let of =
        |war| vec![shown("deployed", vec![("steady", run(50_000, 0)), ("war", run(50_000, war))])];
    begins(&answer("--url", of(10)), "Yes");
    let missed = answer("--url", of(11));
    begins(&missed, "No: war misses it");
}

fn batches(replayed: u64, missing: u64) -> Vec<ExperimentResult> {
    let case = |name, replayed| {
        let mut report = run(100_000, 0);
        report.relay_counts = Some(RelayCounts { replayed, ..RelayCounts::default() });
        report.deliveries.missing = missing;
        (name, report)
    };
    let cases = vec![
        case("plain retry", replayed),
        case("bisect", replayed),
        case("partial failures", 0),
        case("poison, 2 retries", 0),
        case("poison, Lambda's defaults", 0),
    ];
    vec![shown("mid-batch", cases)]
}

#[test]
fn what_comes_again_and_what_watchers_see_of_it_is_counted() {
    let well = answer("mid-batch", batches(18, 0));
    begins(&well, "They come again: 18");
    assert!(well.contains("watchers see each bid once"), "{well}");
    let opposite = answer("mid-batch", batches(0, 2));
    begins(&opposite, "They do not come again");
    assert!(opposite.contains("watchers see it: 10 of 50"), "{opposite}");
}

#[test]
fn whether_shards_add_lag_is_their_ratio() {
    let of = |many_us| {
        let case = |name: &'static str, us| (name, run(us, 0));
        let lambda =
            [case("lambda, 1", 100_000), case("lambda, 4", 100_000), case("lambda, 16", 90_000)];
        let stream =
            [case("stream, 1", 100_000), case("stream, 4", 100_000), case("stream, 16", many_us)];
        vec![shown("shards", lambda.into_iter().chain(stream).collect())]
    };
    begins(&answer("shards", of(110_000)), "No");
    begins(&answer("shards", of(200_000)), "Yes: 16 shards take 2.0 times (stream)");
}

#[test]
fn whether_order_holds_and_a_stall_loses_nothing_is_counted() {
    let disordered = |out_of_order| {
        let mut report = run(100_000, 0);
        report.deliveries.out_of_order = out_of_order;
        report
    };
    let order =
        |n| vec![shown("order", vec![("records of a transaction in any order", disordered(n))])];
    assert!(answer("order", order(0)).contains("It holds: 0"));
    assert!(answer("order", order(3)).contains("It does not hold: 3"));
    let stall = |n| {
        let cases =
            ["stream, 10 s", "hybrid, 10 s", "lambda, 10 s"].map(|name| (name, disordered(n)));
        vec![shown("stall", cases.into())]
    };
    assert!(answer("stands still", stall(0)).contains("none of 30"));
    assert!(answer("stands still", stall(1)).contains("3 of 30 deliveries are lost"));
}

#[test]
fn a_trace_adds_up_or_it_does_not() {
    let of = |total_us| {
        let mut all = modes(0, 0);
        let example =
            Example { percent: 50.0, total_us, hops_us: [1; 6], forward_us: 0, commit_us: None };
        all[0].cases[2].report.series.examples = vec![example];
        all
    };
    begins(&answer("one trace", of(6)), "Yes");
    begins(&answer("one trace", of(7)), "No");
}

#[test]
fn a_change_that_costs_is_not_called_a_gain() {
    let of = |group_us| {
        vec![shown(
            "tuning",
            vec![("one bid a transaction", run(100_000, 0)), ("group commit", run(group_us, 0))],
        )]
    };
    assert!(answer("the gain", of(60_000)).contains("takes 40.0 ms off"));
    assert!(answer("the gain", of(130_000)).contains("gains nothing: group commit adds 30.0 ms"));
}

#[test]
fn what_a_last_mile_leaves_follows_from_the_95th_percentile() {
    let of = |far: u64, home: u64| {
        let case = |name: &'static str, over| (name, run(100_000, over));
        vec![shown(
            "last-mile",
            vec![
                case("hybrid, broadband", home),
                case("hybrid, mobile", home),
                case("hybrid, far", far),
                case("stream, broadband", 0),
                case("stream, mobile", 0),
            ],
        )]
    };
    begins(&answer("own connection", of(0, 0)), "Enough for each");
    assert!(answer("own connection", of(200, 0)).contains("too little for 150 ms"));
    begins(&answer("own connection", of(200, 200)), "Too little for any");
}

#[test]
fn the_riddle_is_solved_by_the_same_order_and_shape_alone() {
    assert!(Fit::of(&REVIEW_US).explains());
    // The same ends, and half of the slow ones.
    let two_slow = [2_640_000, 2_510_000, 250_000, 380_000, 200_000, 170_000];
    let fit = Fit::of(&two_slow);
    assert_eq!((fit.slow, fit.misplaced, fit.slow_first), (2, 2, true));
    assert!(!fit.explains(), "{fit:?}");
    let (fits, not) = fit.told();
    assert!(fits.iter().any(|part| part.contains("slow ones first")), "{fits:?}");
    assert!(not.iter().any(|part| part.contains("2 slow and 4 fast")), "{not:?}");
    // The same bids in another order.
    let mut other = REVIEW_US;
    other.reverse();
    assert!(!Fit::of(&other).explains());
    // The same order, ten times as fast.
    assert!(!Fit::of(&REVIEW_US.map(|us| us / 10)).explains());

    let case = |us: [i64; 6]| {
        let mut report = run(100_000, 0);
        report.series.first = us.map(|us| First { us, into_second_us: 0 }).into();
        vec![shown("review", vec![("a cause", report)])]
    };
    begins(&answer("0.55 to 3.06", case(REVIEW_US)), "a cause");
    begins(&answer("0.55 to 3.06", case(two_slow)), "None of the single causes");
}

#[test]
fn a_lab_that_missed_a_goal_is_no_success() {
    let of = |over| Findings::new(("lab".into(), 1, Depth::Quick, 1), modes(300, over), None);
    let held = of(0);
    assert_eq!((held.headline().0, held.exit_code()), (true, 0), "{:?}", held.headline());
    let missed = of(300);
    let (ok, text) = missed.headline();
    assert!(!ok && text.contains("goals missed"), "{text}");
    assert_eq!(missed.exit_code(), 99);
}

#[test]
fn the_first_screen_is_one_chart_and_one_table_and_its_words_follow_from_the_figures() {
    let page_of = |over| {
        let mut all = modes(300, over);
        for case in &mut all[0].cases {
            case.report.series.percentiles = vec![(0.0, 40_000), (50.0, 100_000), (99.0, 400_000)];
            let hops_us = [500, 500, 200, 98_000, 100, 700];
            let bid = Example {
                percent: 50.0,
                total_us: 100_000,
                hops_us,
                forward_us: 0,
                commit_us: Some(25_000),
            };
            case.report.series.examples = vec![bid];
        }
        page::page(&Findings::new(("lab".into(), 1, Depth::Quick, 1), all, None)).unwrap()
    };
    let page = page_of(0);
    let first = &page.sections[0];
    let charts = first.blocks.iter().filter(|block| matches!(block, Block::Chart(_))).count();
    let tables: Vec<&Table> = first
        .blocks
        .iter()
        .filter_map(|block| if let Block::Table(table) = block { Some(table) } else { None })
        .collect();
    assert_eq!((charts, tables.len()), (1, 1));
    let words = |table: &Table| -> Vec<String> {
        table.rows.iter().filter_map(|row| row.last().cloned()).collect()
    };
    assert_eq!(words(tables[0]), ["missed", "missed", "held", "held"]);
    let html = html::write(&page);
    for part in ["Contents", "the goal: 300 ms", "propagation (the model", "Not a success"] {
        assert_eq!(html.contains(part), part != "Not a success", "{part}");
    }
    let opposite = page_of(300);
    assert!(html::write(&opposite).contains("Not a success: 1 of 2 goals missed"));
    assert!(markdown::write(&opposite).contains("**Not a success: "));
}
