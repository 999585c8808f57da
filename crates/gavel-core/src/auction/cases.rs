//! The rules by cases. `properties` has what holds for every history.

use std::time::Duration;

use super::lifecycle::apply;
use super::testing::{amount, at, bid, open_auction};
use super::{
    Amount, Applied, Auction, Canceller, RejectionCode, Status, Transition, TransitionError,
    decide, repeats_lead,
};

const CLOSE: Transition = Transition::Close { grace: Duration::from_millis(500) };
const CANCEL: Transition = Transition::Cancel { by: Canceller::Seller };

fn with_status(status: Status) -> Auction {
    Auction { status, ..open_auction() }
}

/// The rejection's code and whether it is for good; the auction is checked to be as it was.
fn rejected(auction: &mut Auction, bidder: &str, minor: u64, at_s: i64) -> (RejectionCode, bool) {
    let before = auction.clone();
    let rejection = decide(auction, &bid(bidder, minor, at(at_s))).expect_err("a refusal");
    assert_eq!(*auction, before, "a refused bid leaves the auction untouched");
    (rejection.code, rejection.for_good)
}

#[test]
fn the_first_bid_may_be_the_opening_price_and_the_next_a_step_over_it() {
    let mut auction = open_auction();
    assert_eq!(rejected(&mut auction, "ann", 99, 1), (RejectionCode::TooLow, true));
    let first = decide(&mut auction, &bid("ann", 100, at(1))).unwrap();
    assert_eq!((first.sequence, auction.minimum_bid()), (1, amount(110)));
    assert_eq!(rejected(&mut auction, "bob", 109, 2), (RejectionCode::TooLow, true));
    let second = decide(&mut auction, &bid("bob", 110, at(2))).unwrap();
    assert_eq!((second.sequence, auction.leader_id), (2, Some("bob".into())));
}

#[test]
fn a_seller_may_not_bid_on_its_own_auction_and_never_will() {
    let mut auction = open_auction();
    assert_eq!(rejected(&mut auction, "seller", 500, 1), (RejectionCode::OwnAuction, true));
}

#[test]
fn a_leader_may_raise_itself_only_where_the_auction_lets_it() {
    let mut auction = open_auction();
    decide(&mut auction, &bid("ann", 100, at(1))).unwrap();
    assert_eq!(rejected(&mut auction, "ann", 200, 2), (RejectionCode::AlreadyLeading, false));
    auction.leader_may_raise = true;
    assert_eq!(decide(&mut auction, &bid("ann", 200, at(2))).unwrap().sequence, 2);
}

#[test]
fn no_single_bid_ends_the_bidding_and_the_next_minimum_is_taken() {
    let mut auction = open_auction();
    let largest = Amount::MAX.minor_units();
    let half = largest / 2;
    assert_eq!(rejected(&mut auction, "ann", largest, 1), (RejectionCode::TooHigh, false));
    assert_eq!(rejected(&mut auction, "ann", half + 1, 1), (RejectionCode::TooHigh, false));
    decide(&mut auction, &bid("ann", half, at(1))).unwrap();
    let bidders = ["bob", "ann"].into_iter().cycle();
    for bidder in bidders.take(40) {
        // Half of what is left, each time; and then still one more at the minimum.
        let mut next = auction.clone();
        decide(&mut next, &bid(bidder, auction.minimum_bid().minor_units(), at(2))).unwrap();
        let highest = bid(bidder, auction.maximum_bid().minor_units(), at(2));
        decide(&mut auction, &highest).unwrap();
    }
}

#[test]
fn where_no_higher_bid_is_possible_every_bid_is_too_high_for_good() {
    let largest = Amount::MAX.minor_units();
    for price in [largest - 19, largest - 1, largest] {
        let mut auction = Auction {
            current_price: Some(amount(price)),
            leader_id: Some("ann".into()),
            ..open_auction()
        };
        assert!(
            !auction.can_rise()
                && auction.minimum_bid() > auction.maximum_bid().min(amount(largest - 1))
        );
        for minor in [1, price, largest] {
            assert_eq!(rejected(&mut auction, "bob", minor, 3), (RejectionCode::TooHigh, true));
        }
    }
    let auction = Auction { current_price: Some(amount(largest - 20)), ..open_auction() };
    assert!(auction.can_rise());
}

#[test]
fn the_leader_s_own_amount_again_is_a_repeat_and_never_too_low() {
    for leader_may_raise in [false, true] {
        let mut auction = Auction { leader_may_raise, ..open_auction() };
        decide(&mut auction, &bid("ann", 100, at(1))).unwrap();
        let again = bid("ann", 100, at(2));
        assert!(repeats_lead(&auction, &again));
        // With a key of its own it is another bid.
        assert_eq!(rejected(&mut auction, "ann", 100, 2), (RejectionCode::AlreadyLeading, false));
        assert!(!repeats_lead(&auction, &bid("ann", 110, at(2))));
        assert!(!repeats_lead(&auction, &bid("bob", 100, at(2))));
        assert_eq!(rejected(&mut auction, "bob", 100, 2), (RejectionCode::TooLow, true));
        // The bid stands when the auction has ended, not when it was called off.
        assert!(repeats_lead(&Auction { status: Status::Closed, ..auction.clone() }, &again));
        assert!(!repeats_lead(&Auction { status: Status::Cancelled, ..auction.clone() }, &again));
        decide(&mut auction, &bid("bob", 110, at(3))).unwrap();
        assert!(!repeats_lead(&auction, &again));
        assert_eq!(rejected(&mut auction, "ann", 100, 4), (RejectionCode::TooLow, true));
    }
}

#[test]
fn a_seller_cancels_before_the_end_and_an_auctioneer_until_it_is_closed() {
    let late = Err(TransitionError::CancelledLate);
    let by_auctioneer = Transition::Cancel { by: Canceller::Auctioneer };
    let mut auction = open_auction();
    decide(&mut auction, &bid("ann", 100, at(95))).unwrap();
    // The end has moved to 105 s.
    for (cancel, at_s, expected) in [
        (CANCEL, 104, Ok(Applied::Changed)),
        (CANCEL, 105, late),
        (CANCEL, 200, late),
        (by_auctioneer, 105, Ok(Applied::Changed)),
    ] {
        assert_eq!(apply(&mut auction.clone(), cancel, at(at_s)), expected, "{at_s}");
    }
    // One that never opened has no result to know.
    assert_eq!(apply(&mut with_status(Status::Draft), CANCEL, at(200)), Ok(Applied::Changed));
}

#[test]
fn a_bid_at_the_end_is_late_and_one_just_before_it_is_not() {
    let mut auction = Auction { soft_close_seconds: 0, ..open_auction() };
    assert_eq!(rejected(&mut auction, "ann", 100, 100), (RejectionCode::Closed, false));
    let just_before = at(100).as_micros() - 1;
    let mut request = bid("ann", 100, at(99));
    request.received_at = super::Timestamp::from_micros(just_before);
    assert_eq!(decide(&mut auction, &request).unwrap().ends_at, at(100));
}

#[test]
fn a_bid_in_the_last_seconds_moves_the_end_a_bounded_number_of_times() {
    let mut auction = open_auction();
    let ends: Vec<_> = [(100, 90), (110, 95), (120, 104), (130, 113)]
        .into_iter()
        .enumerate()
        .map(|(index, (minor, at_s))| {
            let bidder = if index % 2 == 0 { "ann" } else { "bob" };
            decide(&mut auction, &bid(bidder, minor, at(at_s))).unwrap().ends_at
        })
        .collect();
    assert_eq!(ends, [at(100), at(105), at(114), at(114)], "two extensions, then no more");
    assert_eq!(auction.extensions, 2);
    assert_eq!(rejected(&mut auction, "ann", 140, 114), (RejectionCode::Closed, false));
}

#[test]
fn the_reserve_decides_who_has_won_and_is_told_with_each_bid() {
    let mut auction = Auction { reserve_price: Some(amount(150)), ..open_auction() };
    assert!(!decide(&mut auction, &bid("ann", 149, at(1))).unwrap().reserve_met);
    let mut unsold = auction.clone();
    assert!(decide(&mut auction, &bid("bob", 159, at(2))).unwrap().reserve_met);
    assert_eq!(auction.winner_id(), None, "nobody has won before the auction is closed");
    for auction in [&mut unsold, &mut auction] {
        assert_eq!(apply(auction, CLOSE, at(101)), Ok(Applied::Changed));
    }
    assert_eq!((unsold.winner_id(), auction.winner_id()), (None, Some(&"bob".into())));
}

#[test]
fn a_draft_whose_opening_time_has_come_counts_as_open_and_is_opened_by_a_bid() {
    let mut auction = Auction { opens_at: Some(at(5)), ..with_status(Status::Draft) };
    assert_eq!(rejected(&mut auction, "ann", 100, 4), (RejectionCode::NotOpen, false));
    assert_eq!((auction.status_at(at(4)), auction.status_at(at(5))), (Status::Draft, Status::Open));
    decide(&mut auction, &bid("ann", 100, at(5))).unwrap();
    assert_eq!(auction.status, Status::Open);

    let mut waiting = Auction { opens_at: None, ..with_status(Status::Draft) };
    assert_eq!(rejected(&mut waiting, "ann", 100, 50), (RejectionCode::NotOpen, false));
}

#[test]
fn opening_sets_when_it_opened_unless_that_was_due_already() {
    for (opens_at, opened_at) in [(None, at(7)), (Some(at(9)), at(7)), (Some(at(3)), at(3))] {
        let mut auction = Auction { opens_at, ..with_status(Status::Draft) };
        assert_eq!(apply(&mut auction, Transition::Open, at(7)), Ok(Applied::Changed));
        assert_eq!((auction.status, auction.opens_at), (Status::Open, Some(opened_at)));
        assert_eq!(apply(&mut auction, Transition::Open, at(8)), Ok(Applied::Unchanged));
    }
    let mut late = with_status(Status::Draft);
    assert_eq!(apply(&mut late, Transition::Open, at(100)), Err(TransitionError::EndPassed));
    assert_eq!(late, with_status(Status::Draft));
}

#[test]
fn closing_waits_for_the_grace_after_an_end_that_may_have_moved() {
    let mut auction = open_auction();
    decide(&mut auction, &bid("ann", 100, at(95))).unwrap();
    for early in [at(99), at(101), at(105)] {
        assert_eq!(apply(&mut auction, CLOSE, early), Ok(Applied::Unchanged));
    }
    let due = at(105).plus(Duration::from_millis(500));
    assert_eq!(apply(&mut auction, CLOSE, due), Ok(Applied::Changed));
    assert_eq!(auction.status, Status::Closed);
    assert_eq!(rejected(&mut auction, "bob", 200, 99), (RejectionCode::Closed, true));
}

#[test]
fn every_transition_of_every_status_has_one_outcome() {
    use Applied::{Changed, Unchanged};
    use Status::{Cancelled, Closed, Draft, Open};
    let closed = Err(TransitionError::Final("CLOSED"));
    let cancelled = Err(TransitionError::Final("CANCELLED"));
    let table = [
        (Draft, Transition::Open, Ok(Changed), Open),
        (Open, Transition::Open, Ok(Unchanged), Open),
        (Closed, Transition::Open, closed, Closed),
        (Cancelled, Transition::Open, cancelled, Cancelled),
        (Draft, CANCEL, Ok(Changed), Cancelled),
        (Open, CANCEL, Ok(Changed), Cancelled),
        (Closed, CANCEL, closed, Closed),
        (Cancelled, CANCEL, Ok(Unchanged), Cancelled),
        (Draft, CLOSE, Ok(Unchanged), Draft),
        (Open, CLOSE, Ok(Unchanged), Open),
        (Closed, CLOSE, Ok(Unchanged), Closed),
        (Cancelled, CLOSE, Ok(Unchanged), Cancelled),
    ];
    for (status, transition, outcome, then) in table {
        let mut auction = with_status(status);
        assert_eq!(apply(&mut auction, transition, at(50)), outcome, "{status:?} {transition:?}");
        assert_eq!(auction.status, then, "{status:?} {transition:?}");
    }
}
