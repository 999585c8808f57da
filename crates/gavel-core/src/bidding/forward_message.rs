//! A forwarded bid and its answer, as JSON. Pure.

use gavel_trace::Context;
use serde::{Deserialize, Serialize};

use super::command::{BidAnswer, Committed, LaneError, PlaceBid};
use crate::auction::{Amount, BidId, BidRequest, RejectionCode, Timestamp};
use crate::clock;
use crate::cluster::message::{ItemJson, MessageError, json, parse};
use crate::store::IdempotencyKey;
use crate::store::item::{self, Image};

/// Without an id: a lane tells its own transaction by the ids of its bids, so two lanes must never
/// have one in common.
#[derive(Debug, Serialize, Deserialize)]
struct BidJson {
    auction: String,
    bidder: String,
    amount: u64,
    sent_at: Option<i64>,
    received_at: i64,
    traceparent: Option<String>,
    key: Option<String>,
    /// The span of its transaction, if its trace is kept.
    span: Option<String>,
}

/// A bid as a message.
pub(super) fn encode_bid(bid: &PlaceBid) -> Vec<u8> {
    let request = &bid.request;
    json(&BidJson {
        auction: request.auction_id.to_string(),
        bidder: request.bidder_id.to_string(),
        amount: request.amount.minor_units(),
        sent_at: request.sent_at.map(Timestamp::as_micros),
        received_at: request.received_at.as_micros(),
        traceparent: request.traceparent.clone(),
        key: bid.key.as_ref().map(|key| key.as_hex().to_owned()),
        span: bid.trace.map(|span| span.to_string()),
    })
}

/// A bid from a message, received now, under an id of its own.
pub(super) fn decode_bid(message: &[u8]) -> Result<PlaceBid, MessageError> {
    let bid: BidJson = parse(message)?;
    let malformed =
        |what: &str| MessageError::of(format!("a forwarded bid has a malformed {what}"));
    let key = bid.key.map(|hex| IdempotencyKey::from_hex(&hex).ok_or_else(|| malformed("key")));
    Ok(PlaceBid {
        request: BidRequest {
            id: BidId::random(),
            auction_id: bid.auction.into(),
            bidder_id: bid.bidder.into(),
            amount: Amount::new(bid.amount).map_err(|_| malformed("amount"))?,
            sent_at: bid.sent_at.map(Timestamp::from_micros),
            received_at: Timestamp::from_micros(bid.received_at),
            forwarded_at: Some(clock::now()),
            traceparent: bid.traceparent,
        },
        key: key.transpose()?,
        trace: bid.span.and_then(|span| Context::parse(&span)),
    })
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AnswerJson {
    Accepted { bid: ItemJson, repeated: bool, committed_at: i64, group: Option<GroupJson> },
    Rejected { code: CodeJson, auction: ItemJson },
    Failed(ErrorJson),
}

#[derive(Debug, Serialize, Deserialize)]
struct GroupJson {
    bids: usize,
    spans: Option<Vec<String>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(remote = "RejectionCode")]
enum CodeDef {
    TooLow,
    TooHigh,
    NotOpen,
    Closed,
    OwnAuction,
    AlreadyLeading,
}

#[derive(Debug, Serialize, Deserialize)]
struct CodeJson(#[serde(with = "CodeDef")] RejectionCode);

/// What a lane answers to a bid; a bid is never refused as a transition.
#[derive(Debug, Serialize, Deserialize)]
enum ErrorJson {
    NotFound,
    IdempotencyConflict,
    Contention,
    OutcomeUnknown,
    StoreUnavailable,
    Stopping,
    Overloaded,
    Internal,
}

/// An answer as a message.
pub(super) fn encode_answer(answer: &Result<BidAnswer, LaneError>) -> Vec<u8> {
    json(&match answer {
        Ok(BidAnswer::Accepted { stored, repeated, committed_at, group }) => AnswerJson::Accepted {
            bid: ItemJson::of(&item::bid_item(&stored.bid, stored.written_at)),
            repeated: *repeated,
            committed_at: committed_at.as_micros(),
            group: group.as_ref().map(|group| GroupJson {
                bids: group.bids,
                spans: group.spans.as_ref().map(|s| s.iter().map(ToString::to_string).collect()),
            }),
        },
        Ok(BidAnswer::Rejected { code, auction }) => AnswerJson::Rejected {
            code: CodeJson(*code),
            // When it was sealed is of no use to whoever is rejected.
            auction: ItemJson::of(&item::auction_item(auction, auction.created_at)),
        },
        Err(error) => AnswerJson::Failed(match error {
            LaneError::NotFound => ErrorJson::NotFound,
            LaneError::IdempotencyConflict => ErrorJson::IdempotencyConflict,
            LaneError::Contention => ErrorJson::Contention,
            LaneError::OutcomeUnknown => ErrorJson::OutcomeUnknown,
            LaneError::StoreUnavailable => ErrorJson::StoreUnavailable,
            LaneError::Stopping => ErrorJson::Stopping,
            LaneError::Overloaded => ErrorJson::Overloaded,
            LaneError::Transition(_) | LaneError::Internal => ErrorJson::Internal,
        }),
    })
}

/// An answer from a message.
pub(super) fn decode_answer(message: &[u8]) -> Result<Result<BidAnswer, LaneError>, MessageError> {
    Ok(match parse(message)? {
        AnswerJson::Accepted { bid, repeated, committed_at, group } => {
            let Image::Bid(stored) = bid.image()? else {
                return Err(MessageError::of("an accepted bid is no bid".to_owned()));
            };
            let committed_at = Timestamp::from_micros(committed_at);
            let group = group.map(|group| Committed {
                bids: group.bids,
                spans: group
                    .spans
                    .map(|spans| spans.iter().filter_map(|span| Context::parse(span)).collect()),
            });
            Ok(BidAnswer::Accepted { stored, repeated, committed_at, group })
        }
        AnswerJson::Rejected { code: CodeJson(code), auction } => {
            let Image::State(auction, _) = auction.image()? else {
                return Err(MessageError::of("a rejection has no auction".to_owned()));
            };
            Ok(BidAnswer::Rejected { code, auction })
        }
        AnswerJson::Failed(error) => Err(match error {
            ErrorJson::NotFound => LaneError::NotFound,
            ErrorJson::IdempotencyConflict => LaneError::IdempotencyConflict,
            ErrorJson::Contention => LaneError::Contention,
            ErrorJson::OutcomeUnknown => LaneError::OutcomeUnknown,
            ErrorJson::StoreUnavailable => LaneError::StoreUnavailable,
            ErrorJson::Stopping => LaneError::Stopping,
            ErrorJson::Overloaded => LaneError::Overloaded,
            ErrorJson::Internal => LaneError::Internal,
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auction::decide;
    use crate::auction::testing::{at, bid, open_auction};
    use crate::store::StoredBid;

    #[test]
    fn a_bid_comes_out_as_it_went_in() {
        let request = bid("ann", 120, at(5));
        let key = IdempotencyKey::new(&request.auction_id, &request.bidder_id, "k");
        let trace = Some(Context::root(true));
        for (key, trace) in [(Some(key), trace), (None, None)] {
            let bid = PlaceBid { request: request.clone(), key, trace };
            let mut decoded = decode_bid(&encode_bid(&bid)).unwrap();
            assert_ne!(decoded.request.id, bid.request.id, "each lane has an id of its own");
            decoded.request.id = bid.request.id.clone();
            assert!(decoded.request.forwarded_at.take().is_some(), "the time of its receipt here");
            assert_eq!(decoded, bid);
        }
        assert!(decode_bid(b"{}").is_err());
    }

    #[test]
    fn answers_come_out_as_they_went_in() {
        let mut auction = open_auction();
        let bid = decide(&mut auction, &bid("ann", 120, at(5))).expect("it is high enough");
        let group = Some(Committed { bids: 2, spans: Some([Context::root(true)].into()) });
        let stored = StoredBid { bid, written_at: at(6) };
        let answers = [
            Ok(BidAnswer::Accepted { stored, repeated: true, committed_at: at(7), group }),
            Ok(BidAnswer::Rejected { code: RejectionCode::TooLow, auction: Box::new(auction) }),
            Err(LaneError::OutcomeUnknown),
            Err(LaneError::Stopping),
        ];
        for answer in answers {
            assert_eq!(decode_answer(&encode_answer(&answer)).unwrap(), answer);
        }
        assert!(decode_answer(b"\"Unheard\"").is_err());
    }
}
