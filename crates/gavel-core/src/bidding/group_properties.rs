//! The plan of a group by a property: carried out, plans decide as one by one does.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::command::PlaceBid;
use super::group::{GroupBounds, Intent, Plan, Verdict, plan};
use super::group_tests::{CANCEL, CLOSE, keyed};
use crate::auction::testing::{at, open_auction};
use crate::auction::{
    Applied, Auction, Bid, Status, Timestamp, Transition, TransitionError, decide, lifecycle,
    repeats_lead,
};
use crate::store::IdempotencyKey;

/// A command of the property: a bid with or without a key, or a transition.
#[derive(Debug, Clone)]
enum Asked {
    Bid(PlaceBid),
    Transition(Transition),
}

/// What was said in the end. The code of a rejection is left out: a bid that is rejected for good may
/// be answered before a close or cancel that stands before it in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    Accepted(Bid),
    Rejected,
    Repeats(Bid),
    Transition(Result<Applied, TransitionError>),
}

type Keys = HashMap<IdempotencyKey, Bid>;

fn one_by_one(auction: &mut Auction, asked: &[Asked], now: Timestamp) -> Vec<Said> {
    let mut keys = Keys::new();
    let mut lead = None;
    let decide_one = |asked: &Asked| match asked {
        Asked::Transition(transition) => {
            Said::Transition(lifecycle::apply(auction, *transition, now))
        }
        Asked::Bid(placed) => {
            if let Some(known) = placed.key.as_ref().and_then(|key| keys.get(key)) {
                return Said::Repeats(known.clone());
            }
            if placed.key.is_none() && repeats_lead(auction, &placed.request) {
                return Said::Repeats(lead.clone().expect("somebody leads"));
            }
            let Ok(bid) = decide(auction, &placed.request) else { return Said::Rejected };
            lead = Some(bid.clone());
            keys.extend(placed.key.clone().map(|key| (key, bid.clone())));
            Said::Accepted(bid)
        }
    };
    asked.iter().map(decide_one).collect()
}

/// Carries plans out as a lane does: what waits goes into the next group, known keys first.
fn by_plans(
    auction: &mut Auction,
    asked: &[Asked],
    (bids_max, newcomers_max): (usize, usize),
    now: Timestamp,
) -> Vec<Said> {
    let mut known = HashSet::new();
    let mut keys = Keys::new();
    let mut lead: Option<Bid> = None;
    let mut said: Vec<Option<Said>> = vec![None; asked.len()];
    while said.contains(&None) {
        for (asked, said) in asked.iter().zip(&mut said).filter(|(_, said)| said.is_none()) {
            let Asked::Bid(PlaceBid { key: Some(key), .. }) = asked else { continue };
            *said = keys.get(key).cloned().map(Said::Repeats);
        }
        let left: Vec<usize> = (0..asked.len()).filter(|index| said[*index].is_none()).collect();
        let intents: Vec<Intent<'_>> = left
            .iter()
            .map(|index| match &asked[*index] {
                Asked::Bid(placed) => Intent::Bid(placed),
                Asked::Transition(transition) => Intent::Transition(*transition),
            })
            .collect();
        let bounds = GroupBounds { bids_max, newcomers: Some((newcomers_max, &known)) };
        let Plan { verdicts, next, newcomers } = plan(auction, &intents, &bounds, now);
        assert!(newcomers.len() <= newcomers_max);
        known.extend(newcomers);
        for verdict in &verdicts {
            let Verdict::Accept(bid) = verdict else { continue };
            assert!(known.contains(&bid.bidder_id), "recorded with their first bid: {bid:?}");
        }
        for (index, verdict) in left.iter().zip(&verdicts) {
            said[*index] = match verdict {
                Verdict::Accept(bid) => Some(Said::Accepted(bid.clone())),
                Verdict::RefuseNow(_) | Verdict::RefuseOnCommit(_) => Some(Said::Rejected),
                Verdict::RepeatOf(first) => {
                    let Verdict::Accept(bid) = &verdicts[*first] else { panic!("not accepted") };
                    Some(Said::Repeats(bid.clone()))
                }
                Verdict::Again(bid) => Some(Said::Repeats(bid.clone())),
                Verdict::RepeatLead => lead.clone().map(Said::Repeats),
                Verdict::Apply => Some(Said::Transition(Ok(Applied::Changed))),
                Verdict::Unchanged => Some(Said::Transition(Ok(Applied::Unchanged))),
                Verdict::RefuseTransition(error) => Some(Said::Transition(Err(*error))),
                Verdict::Wait => None,
            };
            if let (Verdict::Accept(bid), Asked::Bid(placed)) = (verdict, &asked[*index]) {
                keys.extend(placed.key.clone().map(|key| (key, bid.clone())));
            }
        }
        let last = verdicts.iter().rev().find_map(|verdict| match verdict {
            Verdict::Accept(bid) => Some(bid.clone()),
            _ => None,
        });
        lead = last.or(lead);
        *auction = next.unwrap_or_else(|| auction.clone());
    }
    said.into_iter().flatten().collect()
}

fn any_asked() -> impl Strategy<Value = Asked> {
    let bidder = prop::sample::select(vec!["ann", "bob", "cem", "seller"]);
    let placed = (bidder, 8..40_u64, 0..120_i64, prop::bool::weighted(0.5));
    let placed = placed.prop_map(|(bidder, tens, received_s, has_key)| {
        // A key names one bidder's amount, so that the same key is a repeat.
        let mut placed = keyed(bidder, tens * 10, &tens.to_string());
        placed.request.received_at = at(received_s);
        placed.key = placed.key.filter(|_| has_key);
        Asked::Bid(placed)
    });
    let transition = prop::sample::select(vec![Transition::Open, CLOSE, CANCEL]);
    prop_oneof![15 => placed, 1 => transition.prop_map(Asked::Transition)]
}

proptest! {
    #[test]
    fn carrying_out_plans_decides_as_one_by_one_does(
        asked in prop::collection::vec(any_asked(), 1..40),
        bids_max in 1..6_usize,
        newcomers_max in 1..3_usize,
        now_s in 90..130_i64,
        draft: bool,
        leader_may_raise: bool,
    ) {
        let status = if draft { Status::Draft } else { Status::Open };
        let start = Auction { status, opens_at: None, leader_may_raise, ..open_auction() };
        let (mut planned, mut single) = (start.clone(), start);
        let by_plans = by_plans(&mut planned, &asked, (bids_max, newcomers_max), at(now_s));
        prop_assert_eq!(by_plans, one_by_one(&mut single, &asked, at(now_s)));
        planned.version = single.version;
        prop_assert_eq!(planned, single);
    }
}
