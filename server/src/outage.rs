//! When to tell of a failure that repeats itself: once when it begins, then now and then while it
//! lasts, and when it is over. Pure: time is an argument.

use std::time::{Duration, Instant};

/// How often an outage that goes on is told again.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// What something that is tried again and again has seen of failures in a row.
#[derive(Debug, Default)]
pub struct Outage(Option<Going>);

#[derive(Debug)]
struct Going {
    since: Instant,
    told: Instant,
    failures: u32,
}

impl Outage {
    /// One more failure. True: it is to be told.
    pub fn failed(&mut self, now: Instant) -> bool {
        match &mut self.0 {
            None => {
                self.0 = Some(Going { since: now, told: now, failures: 1 });
                true
            }
            Some(going) => {
                going.failures = going.failures.saturating_add(1);
                let tell = now.duration_since(going.told) >= TOLD_EVERY;
                if tell {
                    going.told = now;
                }
                tell
            }
        }
    }

    /// Failures in a row so far.
    pub fn failures(&self) -> u32 {
        self.0.as_ref().map_or(0, |going| going.failures)
    }

    /// It went well. Something: failures in a row are over, and how long they went on. A single one
    /// was told with its line.
    pub fn over(&mut self, now: Instant) -> Option<Duration> {
        let going = self.0.take().filter(|going| going.failures > 1)?;
        Some(now.duration_since(going.since))
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
        assert_eq!(outage.over(at(0)), None, "nothing was wrong");
        let told: Vec<u64> = (0..=130).filter(|&second| outage.failed(at(second))).collect();
        assert_eq!(told, [0, 60, 120]);
        assert_eq!(outage.failures(), 131);
        assert_eq!(outage.over(at(131)), Some(Duration::from_secs(131)));
        assert_eq!((outage.failures(), outage.over(at(132))), (0, None));
        assert!(outage.failed(at(133)), "the next is another");
        assert_eq!(outage.over(at(134)), None, "one failure, one line");
    }
}
