//! Lanes over a table that fails in scripted ways. Time is paused: retries cost nothing.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::testing::placed;
use super::{BidAnswer, LaneError, LaneSettings, Lanes, Notified};
use crate::auction::testing::running_auction;
use crate::auction::{Auction, RejectionCode, Timestamp};
use crate::broker::demand::Demand;
use crate::store::StoredBid;
use crate::store::simulated::{Fault, Simulated};
use crate::tasks::Tasks;
use crate::{clock, limits};

/// One process: its lanes and their tasks.
pub(super) struct Server {
    pub(super) lanes: Lanes<Simulated>,
    pub(super) tasks: Tasks,
}

impl Server {
    pub(super) fn over(table: &Arc<Simulated>, group_commit_max: usize) -> Self {
        let tasks = Tasks::default();
        let settings = LaneSettings { group_commit_max, ..LaneSettings::default() };
        let notifier = Notified::Relay(Demand::new(Duration::from_secs(1))).into();
        Self { lanes: Lanes::new(Arc::clone(table), notifier, settings, tasks.clone()), tasks }
    }

    /// Shuts down, and checks that no lane broke the table's rules.
    pub(super) async fn end(self) {
        self.lanes.close();
        self.tasks.finished().await;
        assert!(!self.tasks.has_failed(), "a lane panicked");
    }
}

fn one_server() -> (Arc<Simulated>, Server) {
    let table = Arc::new(Simulated::new(running_auction()));
    let server = Server::over(&table, limits::GROUP_COMMIT_MAX);
    (table, server)
}

/// The bid that an answer accepts, and whether it is repeated.
#[track_caller]
fn accepted(answer: Result<BidAnswer, LaneError>) -> (StoredBid, bool) {
    match answer {
        Ok(BidAnswer::Accepted { stored, repeated, .. }) => (stored, repeated),
        other => panic!("not accepted: {other:?}"),
    }
}

fn rejection(answer: Result<BidAnswer, LaneError>) -> Option<RejectionCode> {
    match answer {
        Ok(BidAnswer::Rejected { code, .. }) => Some(code),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_bid_whose_answers_were_lost_is_accepted_and_written_once() {
    for forgets_tokens in [false, true] {
        let (table, server) = one_server();
        if forgets_tokens {
            table.forget_tokens();
        }
        table.script(&[Fault::RequestLost, Fault::AnswerLost, Fault::AnswerLost], Fault::None);
        let (stored, repeated) = accepted(server.lanes.place(placed("ann", 100, None)).await);
        assert_eq!((table.written(), repeated), (vec![stored], false));
        server.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_bid_is_known_as_written_although_another_server_wrote_after_it() {
    let (table, server) = one_server();
    table.forget_tokens();
    table.script(&[Fault::AnswerLost, Fault::Overtaken], Fault::None);
    let (stored, _) = accepted(server.lanes.place(placed("ann", 100, None)).await);
    let rivals: Vec<_> = table.written().iter().map(Simulated::is_rivals).collect();
    assert_eq!((stored.bid.sequence, rivals), (1, vec![false, true]));
    server.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_overtaken_bid_is_decided_again_on_what_the_other_server_wrote() {
    let (table, server) = one_server();
    table.script(&[Fault::Overtaken], Fault::None);
    let answer = server.lanes.place(placed("ann", 100, None)).await;
    let Ok(BidAnswer::Rejected { code: RejectionCode::TooLow, auction }) = answer else {
        panic!("the rival bid 100 first: {answer:?}");
    };
    assert_eq!((*auction).clone(), table.auction());
    table.script(&[Fault::Overtaken], Fault::None);
    let (stored, _) = accepted(server.lanes.place(placed("ann", 200, None)).await);
    assert_eq!((stored.bid.sequence, table.written().len()), (3, 3));
    server.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_bid_that_others_keep_overtaking_ends_in_contention_unwritten() {
    let (table, server) = one_server();
    table.script(&[], Fault::Overtaken);
    let answer = server.lanes.place(placed("ann", 9000, None)).await;
    assert_eq!(answer, Err(LaneError::Contention));
    assert_eq!(table.commits(), limits::CONFLICT_TRIES_MAX as usize);
    assert!(table.written().iter().all(Simulated::is_rivals));
    server.end().await;
}

#[tokio::test(start_paused = true)]
async fn after_an_unknown_outcome_the_same_key_tells_which() {
    for (fault, was_written) in [(Fault::AnswerLost, true), (Fault::RequestLost, false)] {
        let (table, server) = one_server();
        table.script(&[], fault);
        let first = placed("ann", 100, Some("k"));
        let id = first.request.id.clone();
        assert_eq!(server.lanes.place(first).await, Err(LaneError::OutcomeUnknown));
        table.script(&[], Fault::None);
        let (stored, repeated) = accepted(server.lanes.place(placed("ann", 100, Some("k"))).await);
        assert_eq!((repeated, stored.bid.id == id), (was_written, was_written), "{fault:?}");
        let other = server.lanes.place(placed("ann", 300, Some("k"))).await;
        assert_eq!(other, Err(LaneError::IdempotencyConflict));
        assert_eq!(table.written(), [stored]);
        server.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeat_in_a_group_of_unknown_outcome_is_unknown_too() {
    let (table, server) = one_server();
    table.script(&[], Fault::AnswerLost);
    let pair = [placed("ann", 100, Some("k")), placed("ann", 100, Some("k"))];
    let answers = join_all(pair.map(|bid| server.lanes.place(bid))).await;
    assert_eq!(answers, [Err(LaneError::OutcomeUnknown), Err(LaneError::OutcomeUnknown)]);
    server.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_bid_with_a_key_that_waited_too_long_is_of_unknown_outcome() {
    let (table, server) = one_server();
    let waited = |key| {
        let mut bid = placed("ann", 100, key);
        let long_us = (limits::BID_WAIT_MAX + Duration::from_secs(1)).as_micros() as i64;
        bid.request.received_at = Timestamp::from_micros(clock::now().as_micros() - long_us);
        bid
    };
    // An earlier request with the key may have been written; one without a key has none.
    assert_eq!(server.lanes.place(waited(Some("k"))).await, Err(LaneError::OutcomeUnknown));
    assert_eq!(server.lanes.place(waited(None)).await, Err(LaneError::StoreUnavailable));
    assert_eq!(table.written(), []);
    server.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_store_outage_answers_store_unavailable_and_writes_nothing() {
    for fault in [Fault::Unavailable, Fault::Busy] {
        let (table, server) = one_server();
        table.script(&[], fault);
        let answer = server.lanes.place(placed("ann", 100, Some("k"))).await;
        assert_eq!(answer, Err(LaneError::StoreUnavailable), "{fault:?}");
        table.fail_reads(true);
        let other = Server::over(&table, 40);
        let answer = other.lanes.place(placed("bob", 100, None)).await;
        assert_eq!(answer, Err(LaneError::StoreUnavailable));
        assert_eq!(table.written(), []);
        table.fail_reads(false);
        table.script(&[], Fault::None);
        accepted(server.lanes.place(placed("ann", 100, Some("k"))).await);
        server.end().await;
        other.end().await;
    }
}

/// What one server accepted, no answer of another may deny, whatever keeps it from looking.
#[tokio::test(start_paused = true)]
async fn a_repeat_of_a_written_bid_is_never_answered_as_unwritten() {
    let ask = async |prepare: &dyn Fn(&Simulated, &Server)| {
        let auction = Auction { leader_may_raise: true, ..running_auction() };
        let table = Arc::new(Simulated::new(auction));
        let (first, other) = (Server::over(&table, 40), Server::over(&table, 40));
        // The other server's lane knows the auction, and may be led by the bid that it repeats.
        accepted(other.lanes.place(placed("bob", 100, None)).await);
        let written = accepted(first.lanes.place(placed("ann", 200, Some("k"))).await).0;
        prepare(&table, &other);
        let repeat = other.lanes.place(placed("ann", 200, Some("k"))).await;
        let unkeyed = other.lanes.place(placed("bob", 300, None)).await;
        table.fail_reads(false);
        table.script(&[], Fault::None);
        first.end().await;
        other.end().await;
        if let Ok(BidAnswer::Accepted { stored, repeated: true, .. }) = &repeat {
            assert_eq!(*stored, written);
            return ("repeated", unkeyed.err());
        }
        assert_eq!(repeat, Err(LaneError::OutcomeUnknown));
        ("unknown", unkeyed.err())
    };
    let unavailable = Some(LaneError::StoreUnavailable);
    // The store carries nothing out, but can be read: the key is looked up.
    let reads = ask(&|table, _| table.script(&[], Fault::Unavailable)).await;
    assert_eq!(reads, ("repeated", unavailable.clone()));
    let down = ask(&|table, _| {
        table.script(&[], Fault::Unavailable);
        table.fail_reads(true);
    });
    assert_eq!(down.await, ("unknown", unavailable));
    let contended = ask(&|table, _| table.script(&[], Fault::Overtaken)).await;
    assert_eq!(contended.0, "repeated");
    let stopping = ask(&|_, server| server.lanes.close()).await;
    assert_eq!(stopping, ("unknown", Some(LaneError::Stopping)));
}

#[tokio::test(start_paused = true)]
async fn a_keyed_bid_that_others_keep_overtaking_is_looked_up_before_it_is_denied() {
    for (reads_fail, expected) in
        [(false, LaneError::Contention), (true, LaneError::OutcomeUnknown)]
    {
        let (table, server) = one_server();
        // Known, so that the lane needs no read to decide.
        accepted(server.lanes.place(placed("bob", 100, None)).await);
        table.script(&[], Fault::Overtaken);
        table.fail_reads(reads_fail);
        let answer = server.lanes.place(placed("ann", 9000, Some("k"))).await;
        assert_eq!(answer, Err(expected));
        table.fail_reads(false);
        server.end().await;
    }
}

/// A double click, and a client that sends a request again because its answer was lost.
#[tokio::test(start_paused = true)]
async fn the_leader_s_amount_again_is_answered_with_its_bid() {
    let (table, server) = one_server();
    let pair = [placed("ann", 100, None), placed("ann", 100, None)];
    let [first, again] =
        join_all(pair.map(|bid| server.lanes.place(bid))).await.try_into().unwrap();
    let (stored, repeated) = accepted(first);
    assert_eq!((accepted(again), repeated), ((stored.clone(), true), false), "in one group");
    let (later, repeated) = accepted(server.lanes.place(placed("ann", 100, None)).await);
    assert_eq!((&later, repeated), (&stored, true));
    // Another server knows nothing but the table.
    let other = Server::over(&table, 40);
    assert_eq!(accepted(other.lanes.place(placed("ann", 100, None)).await), (stored, true));
    table.fail_reads(true);
    let unread = server.lanes.place(placed("ann", 100, None)).await;
    assert_eq!(unread, Err(LaneError::StoreUnavailable));
    table.fail_reads(false);
    let keyed = server.lanes.place(placed("ann", 100, Some("k"))).await;
    assert_eq!(rejection(keyed), Some(RejectionCode::AlreadyLeading));
    accepted(server.lanes.place(placed("bob", 110, None)).await);
    let outbid = server.lanes.place(placed("ann", 100, None)).await;
    assert_eq!(rejection(outbid), Some(RejectionCode::TooLow));
    assert_eq!(table.written().len(), 2);
    server.end().await;
    other.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_taken_key_answers_its_bid_and_the_rest_of_the_group_goes_on() {
    // Only a leader that may raise itself gets as far as the write with a key that is taken.
    let auction = Auction { leader_may_raise: true, ..running_auction() };
    let table = Arc::new(Simulated::new(auction));
    let server = Server::over(&table, limits::GROUP_COMMIT_MAX);
    let other = Server::over(&table, 40);
    let (first, _) = accepted(other.lanes.place(placed("ann", 100, Some("k"))).await);
    let group = [
        placed("ann", 300, Some("k")),
        placed("bob", 400, Some("k")),
        placed("ann", 100, Some("k")),
    ];
    let answers = join_all(group.map(|bid| server.lanes.place(bid))).await;
    let [conflict, bob, repeat] = answers.try_into().expect("three answers");
    assert_eq!(conflict, Err(LaneError::IdempotencyConflict));
    assert_eq!(accepted(bob).0.bid.sequence, 2, "a key is one bidder's");
    assert_eq!(accepted(repeat), (first, true));
    server.end().await;
    other.end().await;
}

/// What a client has seen accepted elsewhere, no later rejection may contradict: the state that a
/// conflict reports is older than the bids that arrived while its answer was under way.
#[tokio::test(start_paused = true)]
async fn a_bid_is_not_rejected_on_a_state_read_before_it_arrived() {
    let (table, server) = one_server();
    let other = Server::over(&table, 40);
    // Let the lane know the auction without bids.
    assert_eq!(
        rejection(server.lanes.place(placed("bob", 1, None)).await),
        Some(RejectionCode::TooLow)
    );
    accepted(other.lanes.place(placed("ann", 100, None)).await);
    table.script(&[Fault::Held], Fault::None);
    let ((), bob, ann) = tokio::join!(
        async {
            table.holds().await;
            accepted(other.lanes.place(placed("cem", 200, None)).await);
        },
        server.lanes.place(placed("bob", 105, None)),
        async {
            while table.auction().sequence < 2 {
                tokio::task::yield_now().await;
            }
            let ann = server.lanes.place(placed("ann", 300, None));
            tokio::join!(ann, async { table.release() }).0
        },
    );
    assert_eq!(rejection(bob), Some(RejectionCode::TooLow));
    assert_eq!(accepted(ann).0.bid.sequence, 3, "cem led when ann's bid arrived");
    server.end().await;
    other.end().await;
}
