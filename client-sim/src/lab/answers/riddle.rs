//! The review's riddle: six bids, timed from the write to the handler, in the order in which they
//! were sent. A cause explains them if it gives as many slow ones, at the same positions, and as
//! slow.

use super::{Finding, Found};

/// The review's six bids, in order, in microseconds.
pub(super) const REVIEW_US: [i64; 6] =
    [3_062_000, 2_469_000, 2_664_000, 1_967_000, 661_000, 548_000];
/// The boundary between the review's slow bids and its fast ones: the geometric mean of the nearest
/// two.
const SLOW_US: i64 = 1_140_000;
/// By which factor, either way, the median of a kind may differ from the review's.
const LEVEL: f64 = 1.5;

/// How six bids compare with the review's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fit {
    /// The number of slow bids.
    pub slow: usize,
    /// The number of all bids.
    pub all: usize,
    /// Positions at which one is slow and the review's fast, or the other way round.
    pub misplaced: usize,
    /// Whether all slow bids come before all fast ones, and there are both.
    pub slow_first: bool,
    /// The median of the slow ones relative to the review's; `None` without one.
    pub slow_level: Option<f64>,
    /// The same for the fast ones.
    pub fast_level: Option<f64>,
}

fn is_slow(us: i64) -> bool {
    us >= SLOW_US
}

fn median(mut us: Vec<i64>) -> Option<f64> {
    us.sort_unstable();
    let middle = us.len() / 2;
    let upper = *us.get(middle)? as f64;
    let lower = if us.len().is_multiple_of(2) { us[middle - 1] as f64 } else { upper };
    Some(f64::midpoint(lower, upper))
}

impl Fit {
    pub(super) fn of(us: &[i64]) -> Self {
        let level = |slow: bool| {
            let of =
                |us: &[i64]| median(us.iter().copied().filter(|us| is_slow(*us) == slow).collect());
            Some(of(us)? / of(&REVIEW_US)?)
        };
        let slow = us.iter().filter(|us| is_slow(**us)).count();
        let first_fast = us.iter().position(|us| !is_slow(*us)).unwrap_or(us.len());
        let misplaced =
            us.iter().zip(REVIEW_US).filter(|(us, review)| is_slow(**us) != is_slow(*review));
        Self {
            slow,
            all: us.len(),
            misplaced: misplaced.count(),
            slow_first: slow > 0 && slow < us.len() && first_fast == slow,
            slow_level: level(true),
            fast_level: level(false),
        }
    }

    fn is_near(level: Option<f64>) -> bool {
        level.is_some_and(|level| (1.0 / LEVEL..=LEVEL).contains(&level))
    }

    /// Whether nothing is left to explain.
    pub(super) fn explains(&self) -> bool {
        self.all == REVIEW_US.len()
            && self.misplaced == 0
            && Self::is_near(self.slow_level)
            && Self::is_near(self.fast_level)
    }

    /// What fits, and what does not.
    pub(super) fn told(&self) -> (Vec<String>, Vec<String>) {
        let (mut fits, mut not) = (Vec::new(), Vec::new());
        let mut put = |ok: bool, text: String| if ok { fits.push(text) } else { not.push(text) };
        let fast = self.all - self.slow;
        let review = REVIEW_US.iter().filter(|us| is_slow(**us)).count();
        put(self.slow == review, format!("{} slow and {fast} fast", self.slow));
        if self.slow > 0 && fast > 0 {
            let order = if self.slow_first { "the slow ones first" } else { "slow and fast mixed" };
            put(self.slow_first, order.to_owned());
        }
        for (kind, level) in [("slow", self.slow_level), ("fast", self.fast_level)] {
            if let Some(level) = level {
                let text = format!("{kind} ones {level:.1} times the review's");
                put(Self::is_near(Some(level)), text);
            }
        }
        (fits, not)
    }

    /// Least is nearest.
    fn distance(&self) -> (usize, u64) {
        let off = |level: Option<f64>| level.map_or(10.0, |level| level.ln().abs());
        (self.misplaced, ((off(self.slow_level) + off(self.fast_level)) * 1e3) as u64)
    }
}

fn seconds(us: impl IntoIterator<Item = i64>) -> String {
    us.into_iter().map(|us| format!("{:.2}", us as f64 / 1e6)).collect::<Vec<_>>().join(", ")
}

pub(super) fn answer(found: &Found<'_>) -> Option<Finding> {
    let mut tried: Vec<(String, Vec<i64>, Fit)> = Vec::new();
    for case in found.cases("review") {
        let first = &case.report.series.first;
        let us: Vec<i64> = first.iter().take(REVIEW_US.len()).map(|bid| bid.us).collect();
        if us.is_empty() {
            continue;
        }
        // The record's own time is in whole seconds, so timing from it adds up to one second.
        let whole: Vec<i64> =
            first.iter().take(us.len()).map(|bid| bid.us + bid.into_second_us).collect();
        tried.push((case.name.clone(), us.clone(), Fit::of(&us)));
        let name = format!("{}, timed from the record's own whole second", case.name);
        tried.push((name, whole.clone(), Fit::of(&whole)));
    }
    let (name, us, fit) = tried.iter().min_by_key(|(.., fit)| fit.distance())?;
    let explaining: Vec<&str> =
        tried.iter().filter(|(.., fit)| fit.explains()).map(|(name, ..)| name.as_str()).collect();
    let (fits, not) = fit.told();
    let list =
        |parts: &[String]| if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") };
    let short = if explaining.is_empty() {
        format!(
            "None of the single causes tried gives four slow bids, then two fast ones. Nearest: {name} \
             ({} s); what fits: {}; what does not: {}.",
            seconds(us.iter().copied()),
            list(&fits),
            list(&not)
        )
    } else {
        format!(
            "{}: it gives four slow bids, then two fast ones, as slow as the review's ({} s).",
            explaining.join(", or "),
            seconds(us.iter().copied())
        )
    };
    let each = tried.iter().map(|(name, us, fit)| {
        format!("{name}: {} s ({} at another place)", seconds(us.iter().copied()), fit.misplaced)
    });
    let details = format!(
        "In the order in which they were sent, the review: {} s. {}.",
        seconds(REVIEW_US),
        each.collect::<Vec<_>>().join("; ")
    );
    Some(Finding { short, details })
}
