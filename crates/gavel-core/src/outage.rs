//! When to report a repeated failure: when it begins, at intervals while it lasts, and when it is
//! over. Pure: time is an argument.

use std::time::Duration;

use tokio::time::Instant;

/// How often a lasting outage is reported.
const TOLD_EVERY: Duration = Duration::from_secs(60);
/// An outage is over when nothing has failed for this long, so that an intermittent one counts as
/// one.
const QUIET: Duration = Duration::from_secs(5);

/// The failures of an operation that is retried.
#[derive(Debug, Default)]
pub struct Outage {
    going: Option<Going>,
    in_a_row: u32,
}

#[derive(Debug)]
struct Going {
    since: Instant,
    told: Instant,
    last: Instant,
}

impl Outage {
    /// Records a failure; returns whether to report it.
    pub fn failed(&mut self, now: Instant) -> bool {
        self.in_a_row = self.in_a_row.saturating_add(1);
        let Some(going) = &mut self.going else {
            self.going = Some(Going { since: now, told: now, last: now });
            return true;
        };
        going.last = now;
        let tell = now.duration_since(going.told) >= TOLD_EVERY;
        if tell {
            going.told = now;
        }
        tell
    }

    /// Failures since the last success.
    pub fn in_a_row(&self) -> u32 {
        self.in_a_row
    }

    /// Records a success; returns how long an outage lasted that is now over. A single failure was
    /// reported by its own line.
    pub fn succeeded(&mut self, now: Instant) -> Option<Duration> {
        self.in_a_row = 0;
        let going = self.going.take_if(|going| now.duration_since(going.last) >= QUIET)?;
        let lasted = going.last - going.since;
        (lasted > Duration::ZERO).then_some(lasted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_when_it_begins_each_minute_and_when_it_is_over() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut outage = Outage::default();
        assert_eq!(outage.succeeded(at(0)), None, "nothing was wrong");
        let told: Vec<u64> = (0..=130).filter(|&second| outage.failed(at(second))).collect();
        assert_eq!((told, outage.in_a_row()), (vec![0, 60, 120], 131));
        assert_eq!(outage.succeeded(at(131)), None, "it may flicker");
        assert_eq!(outage.in_a_row(), 0);
        assert!(!outage.failed(at(132)), "it did");
        assert_eq!(outage.succeeded(at(137)), Some(Duration::from_secs(132)));
        assert_eq!(outage.succeeded(at(138)), None);
        assert!(outage.failed(at(139)), "the next is another");
        assert_eq!(outage.succeeded(at(144)), None, "one failure, one line");
        assert!(outage.failed(at(145)));
    }
}
