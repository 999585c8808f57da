//! Parses values of the command line; each error shows a valid value.

use std::str::FromStr;
use std::time::Duration;

use crate::service::token::ROLES;

/// A whole number.
pub(super) fn whole<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "write a whole number, such as 20".to_owned())
}

/// A number with or without a fraction.
pub(super) fn number(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    number.ok_or_else(|| "write a number, such as 20 or 0.5".to_owned())
}

/// An amount in minor units.
pub(super) fn amount(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| {
        let minor = text.split_once('.').filter(|(_, cents)| cents.len() == 2);
        let minor = minor.map(|(whole, cents)| format!("{whole}{cents}"));
        match minor.filter(|minor| minor.bytes().all(|b| b.is_ascii_digit())) {
            Some(minor) => format!("amounts are whole minor units: write {minor} for {text}"),
            None => "amounts are whole minor units: write 1250 for 12.50".to_owned(),
        }
    })
}

/// The number of runs.
pub(super) fn repeats(text: &str) -> Result<usize, String> {
    let times = text.parse().ok().filter(|times| (1..=100).contains(times));
    times.ok_or_else(|| "must be a whole number from 1 to 100".to_owned())
}

/// A share in percent.
pub(super) fn percent(text: &str) -> Result<f64, String> {
    let percent = text.trim_end_matches('%').parse::<f64>().ok();
    percent.filter(|p| (0.0..=1_000.0).contains(p)).ok_or_else(|| "from 0 to 1000".to_owned())
}

/// A role of the contract.
pub(super) fn role(text: &str) -> Result<String, String> {
    let known = ROLES.contains(&text);
    if known { Ok(text.to_owned()) } else { Err(format!("must be one of {}", ROLES.join(", "))) }
}

/// A duration with its unit.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let problem = || "write a number and ms, s, m or h, such as 30s".to_owned();
    let end = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(problem)?;
    let number: u64 = text[..end].parse().map_err(|_| problem())?;
    let unit_ms = match &text[end..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(problem()),
    };
    number.checked_mul(unit_ms).map(Duration::from_millis).ok_or_else(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_with_a_fraction_is_answered_with_its_minor_units() {
        assert_eq!(amount("1250"), Ok(1_250));
        assert!(amount("12.50").unwrap_err().contains("write 1250 for 12.50"));
        for bad in ["", "-5", "12.5", "1e3", "12,50", "x.yz"] {
            assert!(amount(bad).unwrap_err().contains("minor units"), "{bad}");
        }
    }

    #[test]
    fn numbers_and_durations_say_what_they_look_like() {
        assert_eq!(whole::<usize>("20"), Ok(20));
        assert!(whole::<usize>("-1").unwrap_err().contains("whole number"));
        assert!(number("inf").is_err() && number("x").is_err());
        assert!((number("-1").unwrap() + 1.0).abs() < f64::EPSILON, "judged by its bounds");
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for bad in ["", "30", "s", "-3s", "99999999999999999h"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
