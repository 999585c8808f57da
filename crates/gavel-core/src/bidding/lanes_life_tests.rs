//! The life of lanes: queues that fill, groups that form, transitions, shutdown.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::join_all;

use super::lanes_tests::Server;
use super::testing::placed;
use super::{BidAnswer, LaneError};
use crate::auction::testing::running_auction;
use crate::auction::{
    Auction, AuctionId, Canceller, RejectionCode, Status, Transition, TransitionError,
};
use crate::limits;
use crate::store::simulated::{Fault, Simulated};

fn server_over(auction: Auction) -> (Arc<Simulated>, Server) {
    let table = Arc::new(Simulated::new(auction));
    let server = Server::over(&table, limits::GROUP_COMMIT_MAX);
    (table, server)
}

fn is_accepted(answer: &Result<BidAnswer, LaneError>) -> bool {
    matches!(answer, Ok(BidAnswer::Accepted { repeated: false, .. }))
}

fn rejected_as(answer: &Result<BidAnswer, LaneError>, expected: RejectionCode) -> bool {
    matches!(answer, Ok(BidAnswer::Rejected { code, .. }) if *code == expected)
}

#[tokio::test(start_paused = true)]
async fn bids_that_queue_up_during_a_write_are_written_in_one_transaction() {
    let (table, server) = server_over(running_auction());
    table.script(&[Fault::Held], Fault::None);
    let later = async {
        table.holds().await;
        let bids = (1..=5).map(|n| placed(["ann", "bob"][n % 2], 100 + 10 * n as u64, None));
        let answers = join_all(bids.map(|bid| server.lanes.place(bid)));
        tokio::join!(answers, async { table.release() }).0
    };
    let (first, later) = tokio::join!(server.lanes.place(placed("ann", 100, None)), later);
    assert!(is_accepted(&first) && later.iter().all(is_accepted));
    assert_eq!((table.commits(), table.written().len()), (2, 6));
    server.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_answers_overloaded_and_loses_nothing_that_it_took() {
    let (table, server) = server_over(Auction { leader_may_raise: true, ..running_auction() });
    table.script(&[Fault::Held], Fault::None);
    let later = async {
        table.holds().await;
        let bids =
            (1..=limits::LANE_QUEUE_MAX + 3).map(|n| placed("ann", 100 + 10 * n as u64, None));
        let answers = join_all(bids.map(|bid| server.lanes.place(bid)));
        tokio::join!(answers, async { table.release() }).0
    };
    let (first, later) = tokio::join!(server.lanes.place(placed("ann", 100, None)), later);
    assert!(is_accepted(&first));
    let (taken, over) = later.split_at(limits::LANE_QUEUE_MAX);
    assert!(taken.iter().all(is_accepted));
    assert!(over.iter().all(|answer| *answer == Err(LaneError::Overloaded)));
    assert_eq!(table.written().len(), 1 + limits::LANE_QUEUE_MAX);
    server.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_auction_too_many_is_overloaded_and_the_others_go_on() {
    let (_, server) = server_over(running_auction());
    assert!(is_accepted(&server.lanes.place(placed("ann", 100, None)).await));
    let elsewhere = || {
        let mut bid = placed("ann", 100, None);
        bid.request.auction_id = AuctionId::random();
        server.lanes.place(bid)
    };
    // At a time: the first is still there, and the last is one too many.
    let mut answers = join_all((0..limits::LANES_MAX).map(|_| elsewhere())).await;
    assert_eq!(answers.pop(), Some(Err(LaneError::Overloaded)));
    assert!(answers.iter().all(|answer| *answer == Err(LaneError::NotFound)));
    tokio::task::yield_now().await;
    assert_eq!(server.lanes.count(), 1, "what does not exist takes no place");
    assert!(is_accepted(&server.lanes.place(placed("bob", 110, None)).await));
    server.end().await;
}

#[tokio::test(start_paused = true)]
async fn closing_finishes_what_was_taken_ends_the_lanes_and_takes_no_more() {
    let (table, server) = server_over(running_auction());
    table.script(&[Fault::Held], Fault::None);
    let first = server.lanes.place(placed("ann", 100, None));
    let later = async {
        table.holds().await;
        let taken = server.lanes.place(placed("bob", 110, None));
        let closed = async {
            server.lanes.close();
            let rejected = server.lanes.place(placed("cem", 120, None)).await;
            table.release();
            rejected
        };
        tokio::join!(taken, closed)
    };
    let (first, (taken, rejected)) = tokio::join!(first, later);
    assert!(is_accepted(&first) && is_accepted(&taken));
    assert_eq!(rejected, Err(LaneError::Stopping));
    assert_eq!((table.written().len(), server.lanes.count()), (2, 0));
    server.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_lane_without_work_ends_and_the_next_bid_starts_another() {
    let (table, server) = server_over(running_auction());
    assert!(is_accepted(&server.lanes.place(placed("ann", 100, None)).await));
    assert_eq!((server.lanes.count(), server.tasks.running()), (1, 1));
    server.tasks.finished().await;
    assert_eq!((server.lanes.count(), server.tasks.running()), (0, 0));
    assert!(is_accepted(&server.lanes.place(placed("bob", 110, None)).await));
    assert_eq!(table.written().len(), 2);
    server.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_lane_of_an_auction_that_has_ended_ends_with_its_last_answer() {
    let auction = running_auction();
    let ended = Auction { ends_at: auction.created_at, ..auction };
    let (table, server) = server_over(ended);
    let id = table.auction().id;
    let close = Transition::Close { grace: std::time::Duration::ZERO };
    let closed = server.lanes.transition(&id, close).await.expect("closed");
    assert_eq!(closed.status, Status::Closed);
    tokio::task::yield_now().await;
    assert_eq!((server.lanes.count(), server.tasks.running()), (0, 0));
    let late = server.lanes.place(placed("ann", 100, None)).await;
    assert!(rejected_as(&late, RejectionCode::Closed));
    tokio::task::yield_now().await;
    assert_eq!(server.lanes.count(), 0);
    server.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_bid_goes_on_when_nobody_waits_for_its_answer() {
    let (table, server) = server_over(running_auction());
    assert_eq!(server.lanes.place(placed("ann", 100, None)).now_or_never(), None);
    server.end().await;
    assert_eq!(table.written().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_auction_is_not_found() {
    let (_, server) = server_over(running_auction());
    let mut bid = placed("ann", 100, None);
    bid.request.auction_id = "a00000000000000000009".into();
    let id = bid.request.auction_id.clone();
    assert_eq!(server.lanes.place(bid).await, Err(LaneError::NotFound));
    let opened = server.lanes.transition(&id, Transition::Open).await;
    assert_eq!(opened, Err(LaneError::NotFound));
    server.end().await;
}

#[tokio::test(start_paused = true)]
async fn transitions_are_written_once_whichever_server_is_asked() {
    let draft = Auction { status: Status::Draft, opens_at: None, ..running_auction() };
    let (table, server) = server_over(draft);
    let other = Server::over(&table, 40);
    let id = table.auction().id;
    let early = other.lanes.place(placed("ann", 100, None)).await;
    assert!(rejected_as(&early, RejectionCode::NotOpen));
    table.script(&[Fault::AnswerLost], Fault::None);
    let opened = server.lanes.transition(&id, Transition::Open).await.expect("opened");
    assert_eq!((opened.status, opened.version), (Status::Open, 2));
    // The other server last saw a draft: it reads before it rejects.
    assert_eq!(other.lanes.transition(&id, Transition::Open).await, Ok(opened));
    assert!(is_accepted(&other.lanes.place(placed("ann", 100, None)).await));
    let cancelled = server
        .lanes
        .transition(&id, Transition::Cancel { by: Canceller::Seller })
        .await
        .expect("cancelled");
    assert_eq!((cancelled.status, cancelled.sequence), (Status::Cancelled, 1));
    let late = other.lanes.place(placed("bob", 200, None)).await;
    assert!(rejected_as(&late, RejectionCode::Closed));
    let reopened = other.lanes.transition(&id, Transition::Open).await;
    assert_eq!(reopened, Err(TransitionError::Final("CANCELLED").into()));
    server.end().await;
    other.end().await;
}
