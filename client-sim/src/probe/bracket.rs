//! When a record became visible, between two reads of its shard. Pure.

use std::time::Instant;

/// Two reads of a shard, one after the other: the first did not return the record, the second did.
#[derive(Debug, Clone, Copy)]
pub struct Sighting {
    /// When the read that did not return it was begun; `None` if there was none.
    pub absent: Option<Instant>,
    /// When the read that returned it was answered.
    pub present: Instant,
}

/// How long after the acknowledgement of its write a record became visible, in microseconds: at
/// least, and at most. A record that was visible before counts as 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bracket {
    /// It was not visible yet after so long.
    pub at_least_us: i64,
    /// It was visible after so long.
    pub at_most_us: i64,
}

impl Bracket {
    /// Of a write that was acknowledged at this time. `None`: only its upper bound would be known.
    pub fn of(acknowledged: Instant, sighting: Sighting) -> Option<Self> {
        let since = |at: Instant| at.saturating_duration_since(acknowledged).as_micros() as i64;
        Some(Self { at_least_us: since(sighting.absent?), at_most_us: since(sighting.present) })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_record_lies_between_the_read_that_lacked_it_and_the_one_that_had_it() {
        let written = Instant::now() + Duration::from_secs(1);
        let at = |ms: u64| written + Duration::from_millis(ms);
        let between = Sighting { absent: Some(at(70)), present: at(95) };
        let bracket = Bracket::of(written, between).unwrap();
        assert_eq!((bracket.at_least_us, bracket.at_most_us), (70_000, 95_000));
        // Read before its writer was told.
        let before = written.checked_sub(Duration::from_millis(9)).unwrap();
        let early = Sighting { absent: Some(before), present: at(2) };
        let bracket = Bracket::of(written, early).unwrap();
        assert_eq!((bracket.at_least_us, bracket.at_most_us), (0, 2_000));
        assert_eq!(Bracket::of(written, Sighting { absent: None, present: at(2) }), None);
    }
}
