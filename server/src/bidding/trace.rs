//! The spans of a bid from its request to its transaction, made of its stamps.
//!
//! Ids are drawn when the request arrives, so that the bid item can carry its transaction's span.

use gavel_trace::{Context, Kind, Span, Tracer};

use super::command::{BidAnswer, LaneError};
use crate::auction::Timestamp;
use crate::clock;

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
    /// Of a bid that came with this `traceparent`; `None` if it is not sampled.
    pub fn begin(
        tracer: &Tracer,
        traceparent: Option<&str>,
        received_at: Timestamp,
    ) -> Option<Self> {
        let (mutation, parent) = tracer.enter(traceparent)?;
        let lane = mutation.child();
        Some(Self { parent, mutation, lane, transact: lane.child(), received_at })
    }

    /// What the bid item carries.
    pub fn carried(&self) -> String {
        self.transact.to_string()
    }

    /// Exports what the answer tells.
    pub fn answered(&self, tracer: &Tracer, answer: &Result<BidAnswer, LaneError>) {
        let mut attributes = Vec::new();
        let mut error = None;
        match answer {
            Ok(BidAnswer::Accepted { stored, repeated, committed_at }) => {
                attributes.push(("auction.id", stored.bid.auction_id.to_string()));
                attributes.push(("bid.id", stored.bid.id.to_string()));
                attributes.push(("bid.sequence", stored.bid.sequence.to_string()));
                attributes.push(("bid.repeated", repeated.to_string()));
                // A repeat was written in the trace of its first request.
                if !repeated {
                    self.written(tracer, stored.written_at, *committed_at);
                }
            }
            Ok(BidAnswer::Refused { code, .. }) => {
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
            error,
        });
    }

    fn written(&self, tracer: &Tracer, written_at: Timestamp, committed_at: Timestamp) {
        let queued = written_at.since(self.received_at).as_micros();
        tracer.record(|| Span {
            name: "lane.commit",
            context: self.lane,
            parent: Some(self.mutation.span_id),
            kind: Kind::Internal,
            start_us: self.received_at.as_micros(),
            end_us: committed_at.as_micros(),
            attributes: vec![("lane.queued_us", queued.to_string())],
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
            error: None,
        });
    }
}
