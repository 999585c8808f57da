//! Tokens that make transactions idempotent: pure.
//!
//! dynoxide keeps them too, but goes through all of the last ten minutes' at each transaction, which
//! made each slower the more there had been. Here a look costs the same however many there are.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use serde_json::Value;

use crate::clock::Micros;

/// How long a token is remembered (SOURCES.md#writes).
const LIFE: Duration = Duration::from_mins(10);
/// Tokens remembered at once; beyond, the oldest go before their time.
const TOKENS_MAX: usize = 500_000;

/// What is known of a transaction's token.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing: the transaction is to be run.
    New,
    /// The same transaction was run, with this answer.
    Same(String),
    /// Another transaction was run with this token.
    Other,
}

/// The tokens of transactions that were committed.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    /// By the token's hash: the transaction's, and its answer.
    seen: HashMap<u64, (u64, Box<str>)>,
    /// When each was given, the oldest first.
    given: VecDeque<(Micros, u64)>,
}

impl Tokens {
    pub(super) fn look(&mut self, token: &str, transaction: u64, now: Micros) -> Seen {
        while self.given.front().is_some_and(|(given, _)| now.since(*given) >= LIFE) {
            self.forget_oldest();
        }
        match self.seen.get(&hash_of(token)) {
            None => Seen::New,
            Some((known, answer)) if *known == transaction => Seen::Same(answer.as_ref().into()),
            Some(_) => Seen::Other,
        }
    }

    pub(super) fn remember(&mut self, token: &str, transaction: u64, answer: &str, now: Micros) {
        let token = hash_of(token);
        if self.seen.insert(token, (transaction, answer.into())).is_none() {
            self.given.push_back((now, token));
        }
        while self.given.len() > TOKENS_MAX {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, token)) = self.given.pop_front() {
            self.seen.remove(&token);
        }
    }
}

fn hash_of(token: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    token.hash(&mut hasher);
    hasher.finish()
}

/// A hash of what a transaction does: the order of an object's members means nothing.
pub(super) fn hash_by_content(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    match value {
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| {
                let mut member = DefaultHasher::new();
                (name, hash_by_content(value)).hash(&mut member);
                member.finish()
            });
            (0_u8, members.fold(0_u64, u64::wrapping_add)).hash(&mut hasher);
        }
        Value::Array(values) => {
            1_u8.hash(&mut hasher);
            values.iter().for_each(|value| hash_by_content(value).hash(&mut hasher));
            values.len().hash(&mut hasher);
        }
        leaf => (2_u8, leaf.to_string()).hash(&mut hasher),
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_token_is_remembered_for_ten_minutes() {
        let mut tokens = Tokens::default();
        let given = Micros(1_000_000);
        assert_eq!(tokens.look("a", 1, given), Seen::New);
        tokens.remember("a", 1, "{}", given);
        let before = Micros(given.0 + 599_999_999);
        assert_eq!(tokens.look("a", 1, before), Seen::Same("{}".to_owned()));
        assert_eq!(tokens.look("a", 2, before), Seen::Other);
        assert_eq!(tokens.look("b", 1, before), Seen::New);
        assert_eq!(tokens.look("a", 2, given + LIFE), Seen::New);
        assert!(tokens.seen.is_empty() && tokens.given.is_empty());
    }

    #[test]
    fn the_number_of_tokens_is_bounded() {
        let mut tokens = Tokens::default();
        for number in 0..TOKENS_MAX + 2 {
            tokens.remember(&number.to_string(), 1, "{}", Micros(1));
        }
        assert_eq!((tokens.seen.len(), tokens.given.len()), (TOKENS_MAX, TOKENS_MAX));
        assert_eq!(tokens.look("0", 1, Micros(1)), Seen::New, "the oldest have gone");
        assert_eq!(tokens.look("2", 1, Micros(1)), Seen::Same("{}".to_owned()));
    }

    #[test]
    fn a_transaction_is_the_same_whatever_the_order_of_its_members() {
        let text = |text: &str| hash_by_content(&serde_json::from_str(text).unwrap());
        assert_eq!(text(r#"{"a":{"S":"1"},"b":2}"#), text(r#"{"b":2,"a":{"S":"1"}}"#));
        for (one, other) in [
            (json!({"a": "1"}), json!({"a": 1})),
            (json!({"a": "b"}), json!({"b": "a"})),
            (json!([1, 2]), json!([2, 1])),
            (json!([]), json!({})),
            (json!([[1], 2]), json!([1, [2]])),
            (json!({"a": {"x": 1}, "b": {}}), json!({"a": {}, "b": {"x": 1}})),
        ] {
            assert_ne!(hash_by_content(&one), hash_by_content(&other), "{one} {other}");
        }
    }

    proptest! {
        #[test]
        fn looking_finds_what_was_remembered_last_or_nothing(
            course in prop::collection::vec((0..4_u8, 0..3_u64, 0..400_000_000_u64), 1..60),
        ) {
            let mut tokens = Tokens::default();
            let mut model: HashMap<u8, (u64, Micros)> = HashMap::new();
            let mut now = Micros(1);
            for (token, transaction, wait) in course {
                now = Micros(now.0 + wait);
                model.retain(|_, (_, given)| now.since(*given) < LIFE);
                let seen = tokens.look(&token.to_string(), transaction, now);
                match model.get(&token) {
                    None => {
                        prop_assert_eq!(seen, Seen::New);
                        tokens.remember(&token.to_string(), transaction, "{}", now);
                        model.insert(token, (transaction, now));
                    }
                    Some((known, _)) if *known == transaction => {
                        prop_assert_eq!(seen, Seen::Same("{}".to_owned()));
                    }
                    Some(_) => prop_assert_eq!(seen, Seen::Other),
                }
            }
        }
    }
}
