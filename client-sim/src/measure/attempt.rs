//! An offered bid and its outcome.

/// The outcome of an offered bid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the table, according to the service.
    Accepted {
        /// The bid's id.
        bid_id: String,
        /// The sequence of the bid.
        sequence: u64,
        /// When its transaction was sealed.
        written_us: i64,
        /// When the store acknowledged it; `None` for a repeated answer.
        committed_us: Option<i64>,
    },
    /// It had no idempotency key and was answered with the leading bid of the same bidder and
    /// amount.
    Repeated {
        /// That bid's id.
        bid_id: String,
        /// That bid's number.
        sequence: u64,
    },
    /// Rejected, with the code.
    Rejected(String),
    /// An error that states that no request of the bid has written it, with the code.
    Failed(String),
    /// Unknown.
    Unknown,
}

impl Outcome {
    /// Whether the bidder knows the outcome of the bid.
    pub fn is_answer(&self) -> bool {
        matches!(self, Self::Accepted { .. } | Self::Rejected(_))
    }
}

/// An offered bid.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The auction's number.
    pub auction: usize,
    /// When it was planned to be sent.
    pub intended_us: i64,
    /// When it was sent.
    pub sent_us: i64,
    /// When the bidder learned that it is accepted or rejected, including retries and their pauses.
    pub answered_us: Option<i64>,
    /// The trace context it was sent with.
    pub traceparent: String,
    /// Whether it carried an idempotency key.
    pub keyed: bool,
    /// How often it was sent again.
    pub retries: u32,
    /// When the last request was sent whose answer says that the bid is not in the table.
    pub denied_us: Option<i64>,
    /// The outcome.
    pub outcome: Outcome,
}

/// The combined answers to one bid, in the order in which its requests were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Answers {
    /// An earlier request may have written it.
    may_stand: bool,
    /// When the last request was sent whose answer says that the bid is not in the table.
    pub denied_us: Option<i64>,
}

impl Answers {
    /// Takes the answer to one more request; returns the outcome of the bid as far as known.
    ///
    /// `OVERLOADED`, for example, concerns only its own request: it does not settle an earlier one
    /// whose answer was lost.
    pub fn take(&mut self, sent_us: i64, answer: Outcome) -> Outcome {
        let denies = match &answer {
            Outcome::Rejected(_) => true,
            Outcome::Failed(code) => matches!(code.as_str(), "STORE_UNAVAILABLE" | "CONTENTION"),
            Outcome::Accepted { .. } | Outcome::Repeated { .. } | Outcome::Unknown => false,
        };
        if denies {
            *self = Self { may_stand: false, denied_us: Some(sent_us) };
        }
        self.may_stand |= answer == Outcome::Unknown;
        match answer {
            Outcome::Failed(_) if self.may_stand => Outcome::Unknown,
            answer => answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(answers: &[&str]) -> (Outcome, Option<i64>) {
        let mut together = Answers::default();
        let mut last = Outcome::Unknown;
        for (at, code) in answers.iter().enumerate() {
            let answer = match *code {
                "OUTCOME_UNKNOWN" => Outcome::Unknown,
                "TOO_LOW" => Outcome::Rejected((*code).to_owned()),
                code => Outcome::Failed(code.to_owned()),
            };
            last = together.take(at as i64, answer);
        }
        (last, together.denied_us)
    }

    #[test]
    fn an_answer_about_one_request_does_not_settle_an_earlier_one() {
        let failed = |code: &str| Outcome::Failed(code.to_owned());
        assert_eq!(after(&["OVERLOADED"]), (failed("OVERLOADED"), None));
        for code in ["OVERLOADED", "RATE_LIMITED", "UNREACHABLE", "INTERNAL"] {
            assert_eq!(after(&["OUTCOME_UNKNOWN", code]), (Outcome::Unknown, None));
        }
        let denied = after(&["OUTCOME_UNKNOWN", "STORE_UNAVAILABLE"]);
        assert_eq!(denied, (failed("STORE_UNAVAILABLE"), Some(1)));
        let late = after(&["OUTCOME_UNKNOWN", "TOO_LOW"]);
        assert_eq!(late, (Outcome::Rejected("TOO_LOW".to_owned()), Some(1)));
        assert_eq!(after(&["CONTENTION", "OUTCOME_UNKNOWN"]), (Outcome::Unknown, Some(0)));
        let again = after(&["OUTCOME_UNKNOWN", "CONTENTION", "OVERLOADED"]);
        assert_eq!(again, (failed("OVERLOADED"), Some(1)));
    }
}
