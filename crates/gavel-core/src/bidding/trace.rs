//! The spans of a bid from its request to its transaction, built from its timestamps.
//!
//! Ids are drawn when the request arrives, so that the bid item can carry the span of its
//! transaction.

use gavel_trace::{Context, Kind, Span, Tracer};

use super::command::{BidAnswer, Committed, LaneError};
use crate::auction::Timestamp;
use crate::clock;
use crate::store::StoredBid;

/// The spans of a bid from its request to its transaction.
#[derive(Debug, Clone, Copy)]
pub struct BidTrace {
    parent: Option<u64>,
    mutation: Context,
    lane: Context,
    transact: Context,
    received_at: Timestamp,
}

impl BidTrace {
    /// The trace of a bid with this `traceparent`; `None` if it is not sampled.
    pub fn begin(
        tracer: &Tracer,
        traceparent: Option<&str>,
        received_at: Timestamp,
    ) -> Option<Self> {
        let (mutation, parent) = tracer.enter(traceparent)?;
        let lane = mutation.child();
        Some(Self { parent, mutation, lane, transact: lane.child(), received_at })
    }

    /// The span of the bid's transaction, which the bid item carries.
    pub fn transact(&self) -> Context {
        self.transact
    }

    /// Exports the spans once the bid is answered.
    pub fn answered(&self, tracer: &Tracer, answer: &Result<BidAnswer, LaneError>) {
        let mut attributes = Vec::new();
        let mut error = None;
        match answer {
            Ok(BidAnswer::Accepted { stored, repeated, committed_at, group }) => {
                attributes.push(("auction.id", stored.bid.auction_id.to_string()));
                attributes.push(("bid.id", stored.bid.id.to_string()));
                attributes.push(("bid.sequence", stored.bid.sequence.to_string()));
                attributes.push(("bid.repeated", repeated.to_string()));
                // A repeat was written under the trace of its first request.
                if let Some(group) = group {
                    self.written(tracer, stored, *committed_at, group);
                }
            }
            Ok(BidAnswer::Rejected { code, .. }) => {
                attributes.push(("bid.refused", format!("{code:?}")));
            }
            Err(problem) => error = Some(problem.to_string()),
        }
        tracer.record(|| Span {
            name: "mutation.place_bid",
            context: self.mutation,
            parent: self.parent,
            kind: Kind::Server,
            start_us: self.received_at.as_micros(),
            end_us: clock::now().as_micros(),
            attributes,
            links: Vec::new(),
            error,
        });
    }

    fn written(
        &self,
        tracer: &Tracer,
        stored: &StoredBid,
        committed_at: Timestamp,
        group: &Committed,
    ) {
        let StoredBid { bid, written_at } = stored;
        if let Some(forwarded_at) = bid.forwarded_at {
            tracer.record(|| Span {
                name: "bid.forward",
                context: self.mutation.child(),
                parent: Some(self.mutation.span_id),
                kind: Kind::Client,
                start_us: self.received_at.as_micros(),
                end_us: forwarded_at.as_micros(),
                attributes: Vec::new(),
                links: Vec::new(),
                error: None,
            });
        }
        let queued = written_at.since(bid.here_at()).as_micros();
        tracer.record(|| Span {
            name: "lane.commit",
            context: self.lane,
            parent: Some(self.mutation.span_id),
            kind: Kind::Internal,
            start_us: bid.here_at().as_micros(),
            end_us: committed_at.as_micros(),
            attributes: vec![
                ("lane.queued_us", queued.to_string()),
                ("group.bids", group.bids.to_string()),
            ],
            links: Vec::new(),
            error: None,
        });
        tracer.record(|| Span {
            name: "dynamodb.transact",
            context: self.transact,
            parent: Some(self.lane.span_id),
            kind: Kind::Client,
            start_us: written_at.as_micros(),
            end_us: committed_at.as_micros(),
            attributes: vec![("db.system.name", "aws.dynamodb".to_owned())],
            // One transaction has a span in each trace; the spans link to each other.
            links: group
                .spans
                .iter()
                .flat_map(|spans| spans.iter().copied())
                .filter(|span| *span != self.transact)
                .collect(),
            error: None,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn with_tracing_off_a_bid_allocates_no_span() {
        let tracer = Tracer::off();
        let received_at = clock::now();
        let made = allocation_counter::measure(|| {
            assert!(BidTrace::begin(&tracer, Some(SAMPLED), received_at).is_none());
            assert!(BidTrace::begin(&tracer, None, received_at).is_none());
            let group = Committed::of([None, None].into_iter());
            assert_eq!(group, Committed { bids: 2, spans: None });
        });
        assert_eq!(made.count_total, 0);
    }

    #[test]
    fn a_group_links_those_of_its_bids_whose_traces_are_kept() {
        let context = Context::root(true);
        let made = allocation_counter::measure(|| {
            let group = Committed::of([None, Some(context)].into_iter());
            assert_eq!((group.bids, group.spans.as_deref()), (2, Some(&[context][..])));
        });
        assert!(made.count_total > 0, "allocations are counted");
    }
}
