//! Timestamps: RFC 3339 in UTC with microseconds, as the API writes them.

use serde::{Deserialize, Deserializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

/// A time as the API writes it.
pub fn format_us(us: i64) -> String {
    let format =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(us) * 1000)
        .ok()
        .and_then(|at| at.format(format).ok())
        .unwrap_or_default()
}

/// Microseconds since the epoch of a time that the API wrote.
pub fn parse_us(text: &str) -> Option<i64> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(at.unix_timestamp_nanos() / 1000).ok()
}

/// A timestamp in a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(pub i64);

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let problem = || serde::de::Error::custom("not an RFC 3339 time");
        parse_us(&text).map(Stamp).ok_or_else(problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microseconds_survive_the_round_trip() {
        for us in [0, 1_800_000_000_000_001, 1_800_000_000_999_999] {
            assert_eq!(parse_us(&format_us(us)), Some(us));
        }
        assert_eq!(parse_us("yesterday"), None);
    }
}
