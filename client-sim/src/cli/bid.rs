//! `bid`: places one bid and reports its outcome.

use crate::clock;
use crate::service::answer::BidAnswer;
use crate::service::api::{Api, Bid};
use crate::service::trace;
use crate::units::time;

/// Places a bid; returns whether it was accepted.
///
/// # Errors
/// When the service answers with an error, or not at all.
pub async fn bid(base: &str, token: &str, auction_id: &str, amount: u64) -> anyhow::Result<bool> {
    let key = format!("{:032x}", rand::random::<u128>());
    let traceparent = trace::traceparent(rand::random::<u128>() | 1, rand::random::<u64>() | 1);
    let sent_us = clock::now_us();
    let bid = Bid { auction_id, amount, key: Some(&key), sent_us, traceparent: &traceparent };
    let answer = Api::new(base)?.place_bid(token, bid).await?;
    trace::placed(&traceparent, sent_us);
    let took = time(u64::try_from(clock::now_us() - sent_us).unwrap_or(0));
    match answer {
        BidAnswer::BidAccepted { bid, .. } => {
            println!("accepted as #{} after {took} (bid {})", bid.sequence, bid.id);
            Ok(true)
        }
        BidAnswer::BidRejected { code, message, minimum_bid } => {
            println!("rejected, {code}: {message} (the minimum bid is {minimum_bid})");
            Ok(false)
        }
    }
}
