//! Faults as text, for flags: `lost_answer:rate=0.01,on=writes`.

use std::str::FromStr;

use serde_json::{Map, Value};

use super::FaultRule;

/// Why a text is not a valid fault.
#[derive(Debug, thiserror::Error)]
#[error("{0}; for example lost_answer:rate=0.01,on=writes,until_ms=5000")]
pub struct FaultTextError(String);

impl FromStr for FaultRule {
    type Err = FaultTextError;

    fn from_str(text: &str) -> Result<Self, FaultTextError> {
        let (kind, settings) = text.split_once(':').unwrap_or((text, ""));
        let mut members = Map::from_iter([("kind".to_owned(), kind.into())]);
        for setting in settings.split(',').filter(|setting| !setting.is_empty()) {
            let (name, value) = setting
                .split_once('=')
                .ok_or_else(|| FaultTextError(format!("{setting:?} has no =")))?;
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
            members.insert(name.to_owned(), value);
        }
        let rule: Self = serde_json::from_value(Value::Object(members))
            .map_err(|error| FaultTextError(error.to_string()))?;
        match rule.problem() {
            None => Ok(rule),
            Some(problem) => Err(FaultTextError(problem.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::{FaultKind, Target};

    #[test]
    fn a_fault_reads_from_one_word() {
        let rule: FaultRule = "lost_answer:rate=0.25,on=writes,until_ms=50".parse().unwrap();
        let expected = FaultRule::new(FaultKind::LostAnswer).rate(0.25).on(Target::Writes);
        assert_eq!(rule, FaultRule { until_ms: Some(50), ..expected });
        assert_eq!("empty_page".parse::<FaultRule>().unwrap().kind, FaultKind::EmptyPage);
    }

    #[test]
    fn what_is_no_fault_says_so_in_one_line() {
        for text in ["", "nonsense", "lost_answer:rate", "lost_answer:rate=2", "lost_answer:x=1"] {
            let error = text.parse::<FaultRule>().unwrap_err().to_string();
            assert!(!error.contains('\n') && error.contains("for example"), "{error}");
        }
    }
}
