//! What holds of every auction, whatever is bid and whenever.

use std::time::Duration;

use proptest::prelude::*;

use super::lifecycle::apply;
use super::{
    Amount, Applied, Auction, AuctionId, BidId, BidRequest, Draft, RefusalCode, Status, Timestamp,
    Transition, TransitionError, UserId, decide,
};

const START: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
const GRACE: Duration = Duration::from_millis(500);

fn at(ms: u64) -> Timestamp {
    START.plus(Duration::from_millis(ms))
}

fn amount(minor: u64) -> Amount {
    Amount::new(minor).unwrap()
}

/// Open from the start for 10 s; 2 s of soft close, 3 times at most.
fn draft() -> Draft {
    Draft {
        title: "A lamp".to_owned(),
        description: String::new(),
        currency: "EUR".to_owned(),
        opening_price: amount(1_000),
        minimum_increment: amount(100),
        reserve_price: Some(amount(2_000)),
        opens_at: Some(START),
        ends_at: at(10_000),
        soft_close_seconds: 2,
        soft_close_extensions_max: 3,
        leader_may_raise: false,
    }
}

fn made(draft: Draft) -> Auction {
    draft.into_auction(AuctionId::random(), "seller".into(), START).unwrap()
}

fn bid(auction: &Auction, bidder: &str, minor: u64, ms: u64) -> BidRequest {
    BidRequest {
        id: BidId::random(),
        auction_id: auction.id.clone(),
        bidder_id: UserId::from(bidder),
        amount: amount(minor),
        sent_at: None,
        received_at: at(ms),
        traceparent: None,
    }
}

fn code(auction: &mut Auction, bidder: &str, minor: u64, ms: u64) -> Option<RefusalCode> {
    let request = bid(auction, bidder, minor, ms);
    decide(auction, &request).err().map(|refusal| refusal.code)
}

#[test]
fn each_refusal_has_its_code() {
    let mut auction = made(draft());
    assert_eq!(code(&mut auction, "ann", 999, 1), Some(RefusalCode::TooLow));
    assert_eq!(code(&mut auction, "seller", 5_000, 1), Some(RefusalCode::OwnAuction));
    assert_eq!(code(&mut auction, "ann", 1_000, 1), None);
    assert_eq!(code(&mut auction, "ann", 1_100, 2), Some(RefusalCode::AlreadyLeading));
    assert_eq!(code(&mut auction, "bob", 1_099, 2), Some(RefusalCode::TooLow));
    assert_eq!(code(&mut auction, "bob", 1_100, 10_000), Some(RefusalCode::Closed));
    let mut early = made(Draft { opens_at: Some(at(500)), ..draft() });
    assert_eq!(code(&mut early, "ann", 1_000, 499), Some(RefusalCode::NotOpen));
    // By the clock it is open, whether or not the schedule has come to it.
    assert_eq!(code(&mut early, "ann", 1_000, 500), None);
    assert_eq!(early.status, Status::Open);
}

#[test]
fn at_the_largest_amount_nobody_bids_the_same_again() {
    let mut auction = made(Draft { leader_may_raise: true, ..draft() });
    let max = Amount::MAX.minor_units();
    assert_eq!(code(&mut auction, "ann", max, 1), None);
    assert_eq!(code(&mut auction, "bob", max, 2), Some(RefusalCode::TooLow));
}

#[test]
fn only_an_accepted_bid_in_the_window_moves_the_end_and_only_so_often() {
    let mut auction = made(draft());
    assert_eq!(code(&mut auction, "ann", 1_000, 7_999), None);
    assert_eq!((auction.ends_at, auction.extensions), (at(10_000), 0));
    assert_eq!(code(&mut auction, "bob", 1_050, 9_000), Some(RefusalCode::TooLow));
    assert_eq!((auction.ends_at, auction.extensions), (at(10_000), 0));
    for (n, ms) in [(1, 9_000), (2, 10_500), (3, 12_000)] {
        assert_eq!(code(&mut auction, &format!("b{n}"), 1_000 + 100 * n, ms), None);
        assert_eq!((auction.ends_at, auction.extensions), (at(ms + 2_000), n as u32));
    }
    assert_eq!(code(&mut auction, "ann", 9_000, 13_500), None);
    assert_eq!((auction.ends_at, auction.extensions), (at(14_000), 3));
    assert_eq!(code(&mut auction, "bob", 9_900, 14_000), Some(RefusalCode::Closed));
}

#[test]
fn closing_waits_for_the_end_and_the_grace_and_is_final() {
    let mut auction = made(draft());
    let close = Transition::Close { grace: GRACE };
    assert_eq!(apply(&mut auction, close, at(10_499)), Ok(Applied::Unchanged));
    assert_eq!(apply(&mut auction, close, at(10_500)), Ok(Applied::Changed));
    assert_eq!(apply(&mut auction, close, at(10_500)), Ok(Applied::Unchanged));
    let open = apply(&mut auction, Transition::Open, at(10_600));
    assert_eq!(open, Err(TransitionError::Final("CLOSED")));
    assert!(apply(&mut auction, Transition::Cancel, at(10_600)).is_err());
    assert_eq!(code(&mut auction, "ann", 5_000, 1), Some(RefusalCode::Closed));
}

#[derive(Debug, Clone)]
enum Step {
    Bid { bidder: u8, minor: u64 },
    Transition(Transition),
}

fn steps() -> impl Strategy<Value = Vec<(u64, Step)>> {
    let bid = (0..5_u8, 900..4_000_u64).prop_map(|(bidder, minor)| Step::Bid { bidder, minor });
    let transition = prop::sample::select(vec![
        Transition::Open,
        Transition::Close { grace: GRACE },
        Transition::Cancel,
    ]);
    let step = prop_oneof![30 => bid, 1 => transition.prop_map(Step::Transition)];
    prop::collection::vec((0..1_000_u64, step), 1..60)
}

proptest! {
    /// The highest accepted bid never falls, sequences are 1..n, nothing is accepted after the
    /// effective end or a final state, and a refused bid changes nothing.
    #[test]
    fn the_promises_of_an_auction_hold(
        steps in steps(), leader_may_raise: bool, opens_ms in 0..2_000_u64,
    ) {
        let mut auction =
            made(Draft { leader_may_raise, opens_at: Some(at(opens_ms)), ..draft() });
        let mut now_ms = 0;
        let mut sequence = 0;
        for (wait_ms, step) in steps {
            now_ms += wait_ms;
            let before = auction.clone();
            match step {
                Step::Transition(transition) => {
                    let applied = apply(&mut auction, transition, at(now_ms));
                    if applied != Ok(Applied::Changed) {
                        prop_assert_eq!(&auction, &before);
                    }
                    prop_assert!(!before.status.is_final() || auction == before);
                }
                Step::Bid { bidder, minor } => {
                    let bidder = format!("bidder-{bidder}");
                    let request = bid(&auction, &bidder, minor, now_ms);
                    match decide(&mut auction, &request) {
                        Err(_) => prop_assert_eq!(&auction, &before),
                        Ok(accepted) => {
                            sequence += 1;
                            prop_assert_eq!(accepted.sequence, sequence);
                            prop_assert_eq!(auction.sequence, sequence);
                            prop_assert!(before.current_price < Some(accepted.amount));
                            prop_assert!(accepted.amount >= before.minimum_bid());
                            prop_assert!(request.received_at < before.ends_at);
                            prop_assert!(request.received_at >= at(opens_ms)
                                || before.status == Status::Open);
                            prop_assert!(!before.status.is_final());
                            prop_assert!(auction.ends_at >= before.ends_at);
                            prop_assert!(auction.extensions <= 3);
                            prop_assert_eq!(accepted.reserve_met, minor >= 2_000);
                            prop_assert!(leader_may_raise
                                || before.leader_id.as_ref() != Some(&accepted.bidder_id));
                        }
                    }
                }
            }
        }
    }
}
