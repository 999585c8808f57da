//! The rules by properties: what holds for every history of bids and transitions.
//!
//! Times come in any order, for they are stamped on different servers. proptest prints the
//! smallest history that fails and the seed to repeat it (`PROPTEST_RNG_SEED`).

use std::time::Duration;

use proptest::prelude::*;

use super::lifecycle::apply;
use super::testing::{amount, at, bid, open_auction};
use super::{
    Amount, Auction, BidRequest, Canceller, RejectionCode, Status, Transition, decide, rejection,
    repeats_lead,
};
use crate::limits;

#[derive(Debug, Clone)]
enum Step {
    Bid(BidRequest),
    Transition(Transition, i64),
}

/// Small amounts, where bids meet, and the largest, where sums are cut.
fn any_amount() -> impl Strategy<Value = u64> {
    let largest = Amount::MAX.minor_units();
    prop_oneof![4 => 0..400_u64, 1 => largest - 30..=largest]
}

fn any_bid() -> impl Strategy<Value = BidRequest> {
    let bidder = prop::sample::select(vec!["ann", "bob", "cem", "seller"]);
    (bidder, any_amount(), 0..140_i64).prop_map(|(bidder, amount, s)| bid(bidder, amount, at(s)))
}

fn any_step() -> impl Strategy<Value = Step> {
    let transition = prop_oneof![
        3 => Just(Transition::Open),
        2 => (0..3_u64).prop_map(|s| Transition::Close { grace: Duration::from_secs(s) }),
        1 => Just(Transition::Cancel { by: Canceller::Seller }),
        1 => Just(Transition::Cancel { by: Canceller::Auctioneer }),
    ];
    prop_oneof![
        12 => any_bid().prop_map(Step::Bid),
        1 => (transition, 0..140_i64).prop_map(|(what, s)| Step::Transition(what, s)),
    ]
}

prop_compose! {
    /// Any terms that a seller may set.
    fn any_auction()(
        opening_price in any_amount(),
        minimum_increment in prop_oneof![4 => 1..20_u64, 1 => any_amount().prop_map(|n| n.max(1))],
        reserve_price in prop::option::of(any_amount().prop_map(amount)),
        opens_at in prop::option::of((0..50_i64).prop_map(at)),
        (soft_close_seconds, soft_close_extensions_max) in (0..30_u32, 0..4_u32),
        (leader_may_raise, draft) in any::<(bool, bool)>(),
    ) -> Auction {
        Auction {
            opening_price: amount(opening_price),
            minimum_increment: amount(minimum_increment),
            reserve_price,
            opens_at,
            soft_close_seconds,
            soft_close_extensions_max,
            leader_may_raise,
            status: if draft { Status::Draft } else { Status::Open },
            ..open_auction()
        }
    }
}

/// Takes a step; whether a bid was accepted.
fn take(auction: &mut Auction, step: &Step) -> bool {
    match step {
        Step::Bid(request) => decide(auction, request).is_ok(),
        Step::Transition(transition, at_s) => {
            apply(auction, *transition, at(*at_s)).ok();
            false
        }
    }
}

/// The auction with everything that may change put back.
fn terms(auction: &Auction) -> Auction {
    let fresh = open_auction();
    Auction {
        opens_at: fresh.opens_at,
        ends_at: fresh.ends_at,
        status: fresh.status,
        current_price: None,
        leader_id: None,
        extensions: 0,
        sequence: 0,
        ..auction.clone()
    }
}

proptest! {
    #[test]
    fn accepted_bids_rise_are_numbered_without_a_gap_and_come_before_the_end(
        start in any_auction(),
        steps in prop::collection::vec(any_step(), 0..60),
    ) {
        let mut auction = start.clone();
        let mut accepted = 0;
        for step in &steps {
            let before = auction.clone();
            let Step::Bid(request) = step else {
                take(&mut auction, step);
                prop_assert_eq!(auction.sequence, before.sequence);
                prop_assert_eq!(auction.current_price, before.current_price);
                continue;
            };
            let bid = match decide(&mut auction, request) {
                Ok(bid) => bid,
                Err(rejection) => {
                    prop_assert_eq!(&auction, &before, "a refused bid leaves the auction untouched");
                    let is_repeat = repeats_lead(&before, request);
                    prop_assert!(!(is_repeat && rejection.code == RejectionCode::TooLow));
                    continue;
                }
            };
            prop_assert!(!repeats_lead(&before, request), "the same amount again is no new bid");
            prop_assert!(bid.amount <= before.maximum_bid());
            accepted += 1;
            prop_assert_eq!((bid.sequence, auction.sequence), (accepted, accepted));
            prop_assert!(before.current_price.is_none_or(|price| bid.amount > price));
            prop_assert!(bid.amount >= before.minimum_bid());
            prop_assert!(bid.received_at < before.ends_at);
            prop_assert!(before.status_at(bid.received_at) == Status::Open);
            prop_assert!(bid.bidder_id != before.seller_id);
            prop_assert!(
                before.leader_may_raise || before.leader_id.as_ref() != Some(&bid.bidder_id)
            );
            prop_assert_eq!(auction.current_price, Some(bid.amount));
            prop_assert_eq!(auction.leader_id.as_ref(), Some(&bid.bidder_id));
            prop_assert_eq!((bid.ends_at, bid.reserve_met), (auction.ends_at, auction.reserve_met()));
            prop_assert_eq!((&bid.id, bid.received_at), (&request.id, request.received_at));
        }
        prop_assert_eq!(terms(&auction), terms(&start), "no step changes the terms");
    }

    #[test]
    fn the_end_moves_later_only_by_accepted_bids_and_a_bounded_number_of_times(
        start in any_auction(),
        steps in prop::collection::vec(any_step(), 0..60),
    ) {
        let mut auction = start.clone();
        let mut moves = 0;
        for step in &steps {
            let before = auction.clone();
            let accepted = take(&mut auction, step);
            if auction.ends_at != before.ends_at {
                moves += 1;
                prop_assert!(accepted && auction.ends_at > before.ends_at);
                let Step::Bid(request) = step else { unreachable!("a bid was accepted") };
                let window = Duration::from_secs(u64::from(start.soft_close_seconds));
                prop_assert_eq!(auction.ends_at, request.received_at.plus(window));
            }
            prop_assert_eq!(auction.extensions, moves);
        }
        prop_assert!(moves <= start.soft_close_extensions_max);
    }

    #[test]
    fn a_final_auction_never_changes_again(
        start in any_auction(),
        cancelled: bool,
        steps in prop::collection::vec(any_step(), 0..30),
    ) {
        let status = if cancelled { Status::Cancelled } else { Status::Closed };
        let ended = Auction { status, ..start };
        let mut auction = ended.clone();
        for step in &steps {
            prop_assert!(!take(&mut auction, step));
            prop_assert_eq!(&auction, &ended);
        }
    }

    /// However wild the first bids are, the next minimum is an amount that is taken.
    #[test]
    fn a_few_bids_cannot_end_the_bidding(
        opening_price in 0..=Amount::MAX.minor_units() / 2,
        minimum_increment in 1..=limits::INCREMENT_MINOR_UNITS_MAX,
        amounts in prop::collection::vec(any_amount(), 0..9),
    ) {
        let mut auction = Auction {
            opening_price: amount(opening_price),
            minimum_increment: amount(minimum_increment),
            ..open_auction()
        };
        for (number, minor) in amounts.into_iter().enumerate() {
            let bidder = ["ann", "bob"][number % 2];
            // The largest that is taken, or any.
            let highest = auction.maximum_bid().minor_units();
            let minor = if minor % 2 == 0 { highest } else { minor };
            decide(&mut auction, &bid(bidder, minor, at(1))).ok();
        }
        let minimum = auction.minimum_bid();
        prop_assert!(auction.can_rise() && minimum <= auction.maximum_bid());
        let next = bid("cem", minimum.minor_units(), at(2));
        prop_assert_eq!(decide(&mut auction, &next).map(|bid| bid.amount), Ok(minimum));
    }

    /// What lets a lane reject on the state it last saw, whatever other servers wrote since.
    #[test]
    fn a_rejection_for_good_is_a_rejection_for_good_in_every_later_state(
        start in any_auction(),
        steps in prop::collection::vec(any_step(), 0..40),
        request in any_bid(),
    ) {
        let mut auction = start;
        let mut rejected_for_good = false;
        for step in &steps {
            let now_for_good = rejection(&auction, &request).is_some_and(|rejection| rejection.for_good);
            prop_assert!(now_for_good || !rejected_for_good);
            rejected_for_good = now_for_good;
            take(&mut auction, step);
        }
    }
}
