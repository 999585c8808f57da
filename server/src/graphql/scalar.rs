//! `MinorUnits` and `DateTime`.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use gavel_core::auction::{Amount, Timestamp};

/// An amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinorUnits(pub Amount);

/// An amount of money in minor units (cents for EUR, yen for JPY): a string that holds an integer,
/// at most 9007199254740991. It is a string so that no client rounds it.
#[Scalar(
    name = "MinorUnits",
    specified_by_url = "https://www.iso.org/iso-4217-currency-codes.html"
)]
impl ScalarType for MinorUnits {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(text) => Ok(Self(text.parse().map_err(InputValueError::custom)?)),
            _ => Err(InputValueError::custom(
                "an amount is a string of decimal digits in minor units, for example \"1250\"",
            )),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// A point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateTime(pub Timestamp);

const FORMAT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// A point in time: RFC 3339 in UTC with microseconds, for example 2026-01-31T12:00:00.000000Z.
#[Scalar(
    name = "DateTime",
    specified_by_url = "https://scalars.graphql.org/andimarek/date-time.html"
)]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        let problem = "a time is RFC 3339, for example \"2026-01-31T12:00:00Z\"";
        let Value::String(text) = value else { return Err(InputValueError::custom(problem)) };
        let time =
            OffsetDateTime::parse(&text, &Rfc3339).map_err(|_| InputValueError::custom(problem))?;
        let us = i64::try_from(time.unix_timestamp_nanos() / 1000)
            .map_err(|_| InputValueError::custom(problem))?;
        Ok(Self(Timestamp::from_micros(us)))
    }

    fn to_value(&self) -> Value {
        Value::String(format_time(self.0))
    }
}

/// A time as the API writes it.
pub fn format_time(at: Timestamp) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.as_micros()) * 1000)
        .ok()
        .and_then(|time| time.format(FORMAT).ok())
        // Only a year of more than four digits cannot be formatted.
        .unwrap_or_else(|| "9999-12-31T23:59:59.999999Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Option<i64> {
        DateTime::parse(Value::String(text.to_owned())).ok().map(|time| time.0.as_micros())
    }

    #[test]
    fn a_time_is_read_in_any_offset_and_written_in_utc() {
        let us = 1_769_860_800_123_456;
        assert_eq!(time("2026-01-31T12:00:00.123456Z"), Some(us));
        assert_eq!(time("2026-01-31T14:00:00.123456789+02:00"), Some(us));
        assert_eq!(format_time(Timestamp::from_micros(us)), "2026-01-31T12:00:00.123456Z");
        assert_eq!(time("31.1.2026"), None);
    }

    #[test]
    fn an_amount_is_a_string_of_digits() {
        let parse = |value| MinorUnits::parse(value).ok().map(|units| units.0.minor_units());
        assert_eq!(parse(Value::String("1250".to_owned())), Some(1250));
        assert_eq!(parse(Value::String("9007199254740991".to_owned())), Some((1 << 53) - 1));
        for text in ["", "-1", "1.5", "+1", " 1", "9007199254740992", "1e3", "1_000"] {
            assert_eq!(parse(Value::String(text.to_owned())), None, "{text:?}");
        }
        assert_eq!(parse(Value::from(1250)), None);
    }
}
