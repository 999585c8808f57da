//! The terms of a new auction, and their checks.

use super::state::{Auction, Status};
use super::types::{Amount, AuctionId, Currency, Timestamp, UserId};
use crate::limits;

/// The terms of a new auction.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What is for sale, in one line.
    pub title: String,
    /// What is for sale, in detail.
    pub description: String,
    /// An ISO 4217 code.
    pub currency: String,
    /// The minimum first bid.
    pub opening_price: Amount,
    /// The minimum step above the current price.
    pub minimum_increment: Amount,
    /// The secret price below which nothing is sold.
    pub reserve_price: Option<Amount>,
    /// When the auction opens by itself; `None`: only on request; now or earlier: at once.
    pub opens_at: Option<Timestamp>,
    /// When the auction ends.
    pub ends_at: Timestamp,
    /// The window of the soft close, in seconds.
    pub soft_close_seconds: i32,
    /// How often the soft close may move the end.
    pub soft_close_extensions_max: i32,
    /// Whether leaders may raise their own bid.
    pub leader_may_raise: bool,
}

/// Why the terms are invalid; the text names the field and says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct DraftError {
    /// The input field.
    pub field: &'static str,
    /// What is wrong with it and what is allowed.
    pub problem: String,
}

impl Draft {
    /// Makes the auction with these terms, or returns what is wrong with them.
    pub fn into_auction(
        self,
        id: AuctionId,
        seller_id: UserId,
        now: Timestamp,
    ) -> Result<Auction, DraftError> {
        let currency = Currency::from_code(&self.currency)
            .filter(|currency| currency.has_minor_units())
            .ok_or_else(|| {
                let problem =
                    "use a three-letter code of ISO 4217 that has minor units, such as EUR";
                error("currency", problem)
            })?;
        check(!self.title.trim().is_empty(), "title", "must not be empty")?;
        check_length("title", &self.title, limits::TITLE_BYTES_MAX)?;
        check_length("description", &self.description, limits::DESCRIPTION_BYTES_MAX)?;
        check_text("title", &self.title, &[])?;
        check_text("description", &self.description, &['\n', '\r', '\t'])?;
        check(
            self.opening_price <= Amount::ZERO.halfway_to_max(),
            "openingPrice",
            "must be at most 4503599627370495 minor units, so that there is room for bids",
        )?;
        check(
            self.minimum_increment.minor_units() <= limits::INCREMENT_MINOR_UNITS_MAX,
            "minimumIncrement",
            "must be at most 8796093022207 minor units, so that there is room for bids",
        )?;
        check(
            self.minimum_increment > Amount::ZERO,
            "minimumIncrement",
            "must be at least 1 minor unit, so that the price rises",
        )?;
        check(self.ends_at > now, "endsAt", "must be in the future")?;
        check(
            self.ends_at <= now.plus(limits::AUCTION_DURATION_MAX),
            "endsAt",
            "must be within a year from now",
        )?;
        if let Some(opens_at) = self.opens_at {
            check(opens_at < self.ends_at, "opensAt", "must be before endsAt")?;
        }
        let soft_close_seconds =
            bounded("softCloseSeconds", self.soft_close_seconds, limits::SOFT_CLOSE_SECONDS_MAX)?;
        let soft_close_extensions_max = bounded(
            "softCloseExtensionsMax",
            self.soft_close_extensions_max,
            limits::SOFT_CLOSE_EXTENSIONS_MAX,
        )?;
        for (field, is_set, other) in [
            ("softCloseExtensionsMax", soft_close_seconds > 0, soft_close_extensions_max),
            ("softCloseSeconds", soft_close_extensions_max > 0, soft_close_seconds),
        ] {
            let problem = "must be at least 1 for a soft close: softCloseSeconds and \
                           softCloseExtensionsMax need each other";
            check(!is_set || other > 0, field, problem)?;
        }
        let opens_now = self.opens_at.is_some_and(|at| at <= now);
        Ok(Auction {
            id,
            title: self.title,
            description: self.description.into(),
            seller_id,
            currency,
            opening_price: self.opening_price,
            minimum_increment: self.minimum_increment,
            reserve_price: self.reserve_price,
            opens_at: self.opens_at,
            ends_at: self.ends_at,
            soft_close_seconds,
            soft_close_extensions_max,
            leader_may_raise: self.leader_may_raise,
            created_at: now,
            status: if opens_now { Status::Open } else { Status::Draft },
            current_price: None,
            leader_id: None,
            extensions: 0,
            sequence: 0,
            version: 1,
        })
    }
}

fn error(field: &'static str, problem: &str) -> DraftError {
    DraftError { field, problem: problem.to_owned() }
}

fn check(holds: bool, field: &'static str, problem: &str) -> Result<(), DraftError> {
    if holds { Ok(()) } else { Err(error(field, problem)) }
}

fn check_length(field: &'static str, text: &str, bytes_max: usize) -> Result<(), DraftError> {
    check(text.len() <= bytes_max, field, &format!("must be at most {bytes_max} bytes"))
}

/// Rejects characters that are invisible or change how the text looks: control characters,
/// separators of lines and paragraphs, and those that change the text's direction.
fn check_text(field: &'static str, text: &str, allowed: &[char]) -> Result<(), DraftError> {
    let is_bad = |c: char| {
        c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    match text.chars().find(|c| is_bad(*c) && !allowed.contains(c)) {
        None => Ok(()),
        Some(c) => Err(error(field, &format!("must not contain the character U+{:04X}", c as u32))),
    }
}

fn bounded(field: &'static str, value: i32, max: u32) -> Result<u32, DraftError> {
    u32::try_from(value)
        .ok()
        .filter(|value| *value <= max)
        .ok_or_else(|| error(field, &format!("must be from 0 to {max}")))
}
