//! What an attacker can send, made up by proptest: nothing panics, and what must hold holds.
//!
//! PROPTEST_CASES says how many cases; `tests/abuse/run` gives each target a minute.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod protocol;
mod documents;
mod cursors;
mod tokens;
mod records;
mod variables;
