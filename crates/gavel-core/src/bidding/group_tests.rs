//! The plan of a group: a case for each verdict.

use std::time::Duration;

use super::command::PlaceBid;
use super::group::{GroupBounds, Intent, Plan, Verdict, plan};
use crate::auction::testing::{amount, at, bid, open_auction};
use crate::auction::{Auction, Canceller, RejectionCode, Status, Transition, TransitionError};
use crate::store::IdempotencyKey;

pub(super) const CLOSE: Transition = Transition::Close { grace: Duration::ZERO };
pub(super) const CANCEL: Transition = Transition::Cancel { by: Canceller::Seller };

fn unkeyed(bidder: &str, minor: u64) -> PlaceBid {
    PlaceBid { request: bid(bidder, minor, at(50)), key: None, trace: None }
}

pub(super) fn keyed(bidder: &str, minor: u64, key: &str) -> PlaceBid {
    let placed = unkeyed(bidder, minor);
    let key = IdempotencyKey::new(&placed.request.auction_id, &placed.request.bidder_id, key);
    PlaceBid { key: Some(key), ..placed }
}

/// The plan of bids, received half-way through the auction.
fn plan_bids(committed: &Auction, bids: &[PlaceBid], bids_max: usize) -> Plan {
    let intents: Vec<Intent<'_>> = bids.iter().map(Intent::Bid).collect();
    plan(committed, &intents, &GroupBounds::bids(bids_max), at(50))
}

/// Sequence and amount of what is accepted.
fn accepted(verdict: &Verdict) -> Option<(u64, u64)> {
    let Verdict::Accept(bid) = verdict else { return None };
    Some((bid.sequence, bid.amount.minor_units()))
}

#[test]
fn bids_that_rise_are_accepted_together_and_raise_the_version_once() {
    let committed = open_auction();
    let plan = plan_bids(&committed, &[unkeyed("ann", 100), unkeyed("bob", 110)], 40);
    let numbers: Vec<_> = plan.verdicts.iter().map(accepted).collect();
    assert_eq!(numbers, [Some((1, 100)), Some((2, 110))]);
    let next = plan.next.expect("something to write");
    assert_eq!((next.version, next.sequence, next.current_price), (2, 2, Some(amount(110))));
}

#[test]
fn what_the_committed_state_rejects_for_good_is_said_at_once() {
    let plan = plan_bids(&open_auction(), &[unkeyed("ann", 99), unkeyed("seller", 500)], 40);
    let now = Verdict::RefuseNow;
    assert_eq!(plan.verdicts, [now(RejectionCode::TooLow), now(RejectionCode::OwnAuction)]);
    assert_eq!(plan.next, None);
    assert!(!plan.needs_read(), "no later state could decide otherwise");
    for status in [Status::Closed, Status::Cancelled] {
        let ended = Auction { status, ..open_auction() };
        let plan = plan_bids(&ended, &[unkeyed("ann", 100)], 40);
        assert_eq!(plan.verdicts, [now(RejectionCode::Closed)]);
    }
}

#[test]
fn a_rejection_that_rests_on_a_bid_of_the_group_waits_for_its_commit() {
    let plan = plan_bids(&open_auction(), &[unkeyed("ann", 200), unkeyed("bob", 200)], 40);
    assert_eq!(plan.verdicts[1], Verdict::RefuseOnCommit(RejectionCode::TooLow));
    assert!(plan.next.is_some() && !plan.needs_read(), "the group's write proves it");
}

#[test]
fn a_rejection_that_another_server_may_have_overtaken_needs_a_read() {
    let leading = Auction {
        leader_id: Some("ann".into()),
        current_price: Some(amount(100)),
        ..open_auction()
    };
    let unopened = Auction { status: Status::Draft, opens_at: None, ..open_auction() };
    let ended = Auction { ends_at: at(50), ..open_auction() };
    for (committed, code) in [
        (leading, RejectionCode::AlreadyLeading),
        (unopened, RejectionCode::NotOpen),
        (ended, RejectionCode::Closed),
    ] {
        let plan = plan_bids(&committed, &[unkeyed("ann", 200)], 40);
        assert_eq!(plan.verdicts, [Verdict::RefuseOnCommit(code)]);
        assert!(plan.needs_read(), "{code:?}");
    }
}

#[test]
fn the_same_key_in_one_group_repeats_the_bid_that_was_accepted() {
    let bids = [keyed("ann", 50, "k"), keyed("ann", 100, "k"), keyed("ann", 100, "k")];
    let plan = plan_bids(&open_auction(), &bids, 40);
    assert_eq!(plan.verdicts[0], Verdict::RefuseNow(RejectionCode::TooLow));
    assert_eq!(accepted(&plan.verdicts[1]), Some((1, 100)));
    assert_eq!(plan.verdicts[2], Verdict::RepeatOf(1), "a refused bid is not remembered");
}

#[test]
fn the_leader_s_amount_again_repeats_its_bid_if_it_has_no_key() {
    let bids = [unkeyed("ann", 100), unkeyed("ann", 100), keyed("ann", 100, "k")];
    let plan = plan_bids(&open_auction(), &bids, 40);
    let Verdict::Accept(first) = &plan.verdicts[0] else { panic!("{plan:?}") };
    assert_eq!(plan.verdicts[1], Verdict::Again(first.clone()), "not before it is written");
    assert_eq!(plan.verdicts[2], Verdict::RefuseOnCommit(RejectionCode::AlreadyLeading));

    let leading = plan.next.expect("something to write");
    let bids = [unkeyed("ann", 100), unkeyed("bob", 110), unkeyed("ann", 100)];
    let plan = plan_bids(&leading, &bids, 40);
    assert_eq!(plan.verdicts[0], Verdict::RepeatLead);
    assert_eq!(accepted(&plan.verdicts[1]), Some((2, 110)));
    assert_eq!(
        plan.verdicts[2],
        Verdict::RefuseOnCommit(RejectionCode::TooLow),
        "it leads no more"
    );
    let repeat = plan_bids(&leading, &bids[..1], 40);
    assert!(repeat.next.is_none() && !repeat.needs_read(), "the bid stands in any later state");
}

#[test]
fn a_full_group_lets_nothing_overtake_what_waits() {
    let bids = [
        keyed("ann", 100, "k"),
        unkeyed("bob", 110),
        unkeyed("cem", 120),
        keyed("ann", 100, "k"),
        unkeyed("bob", 99),
    ];
    let mut intents: Vec<Intent<'_>> = bids.iter().map(Intent::Bid).collect();
    intents.insert(2, Intent::Transition(Transition::Open));
    intents.push(Intent::Transition(CANCEL));
    let plan = plan(&open_auction(), &intents, &GroupBounds::bids(2), at(50));
    assert_eq!(plan.verdicts[2], Verdict::Unchanged, "a transition takes no place of a bid");
    assert_eq!(
        plan.verdicts[3..],
        [
            Verdict::Wait,
            Verdict::RepeatOf(0),
            Verdict::RefuseNow(RejectionCode::TooLow),
            Verdict::Wait
        ]
    );
    assert_eq!(plan.next.map(|next| next.status), Some(Status::Open));
}

#[test]
fn a_transition_is_decided_in_its_turn_among_the_bids() {
    let bids = [unkeyed("ann", 100), unkeyed("bob", 110)];
    let [first, second] = &bids;
    let cancel = Intent::Transition(CANCEL);
    let intents = [Intent::Bid(first), cancel, Intent::Bid(second), cancel];
    let plan = plan(&open_auction(), &intents, &GroupBounds::bids(40), at(50));
    assert_eq!(accepted(&plan.verdicts[0]), Some((1, 100)));
    assert_eq!(plan.verdicts[1], Verdict::Apply);
    assert_eq!(plan.verdicts[2], Verdict::RefuseOnCommit(RejectionCode::Closed));
    assert_eq!(plan.verdicts[3], Verdict::Unchanged);
    let next = plan.next.expect("something to write");
    assert_eq!((next.version, next.status, next.sequence), (2, Status::Cancelled, 1));
}

#[test]
fn transitions_that_change_nothing_are_proven_by_a_read() {
    let closed = Auction { status: Status::Closed, ..open_auction() };
    let rejected = Verdict::RefuseTransition(TransitionError::Final("CLOSED"));
    let cases = [
        (open_auction(), Transition::Open, Verdict::Unchanged),
        (open_auction(), CLOSE, Verdict::Unchanged),
        (closed, CANCEL, rejected),
    ];
    for (committed, transition, verdict) in cases {
        let plan =
            plan(&committed, &[Intent::Transition(transition)], &GroupBounds::bids(40), at(50));
        assert_eq!((&plan.next, &plan.verdicts), (&None, &vec![verdict]));
        assert!(plan.needs_read(), "{transition:?}");
    }
}
