//! The relay passes stream records to the broker. It writes nothing and keeps no checkpoint: the
//! stream is only a signal, the table is the truth.
//!
//! Order at the start: topics register (always), then iterators are obtained, then the state of
//! every live topic is read. So that read sees what was committed before it, and the iterators see
//! what is committed after it. The same holds when a new stream replaces the current one.

pub mod shards;
pub mod record;
pub mod stream;
pub mod health;
pub mod reader;
mod walk;
mod follow;
#[cfg(feature = "lambda-model")]
mod mapping;
#[cfg(test)]
mod reader_tests;
#[cfg(test)]
mod follow_tests;

use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::broker::Broker;
use crate::broker::demand::Demand;
use crate::cluster::{Permit, Publisher};
use crate::store::{Dynamo, Table};
use follow::Follower;
pub use health::{Health, Standing, Stats};
pub use reader::PollIntervals;
use stream::{StreamArn, Streams};

/// The relay of a table's stream.
pub struct Relay<S, T = Dynamo> {
    streams: S,
    /// The stream that is read first.
    arn: StreamArn,
    broker: Broker<T>,
    demand: Demand,
    poll_intervals: PollIntervals,
    /// Where what is read goes besides: to the other nodes of a cluster.
    publisher: Option<Publisher>,
    /// Whether this node of a cluster reads now; without it always.
    permit: Option<Permit>,
    /// How shards are read: by our own readers, or as Lambda would.
    #[cfg(feature = "lambda-model")]
    lambda: Option<lambda_model::Settings>,
    health: Health,
}

impl<S: Streams, T: Table> Relay<S, T> {
    /// A relay from a table's stream, this one at first, to a broker.
    pub fn new(
        streams: S,
        arn: StreamArn,
        broker: Broker<T>,
        demand: Demand,
        poll_intervals: PollIntervals,
    ) -> Self {
        Self {
            streams,
            arn,
            broker,
            demand,
            poll_intervals,
            publisher: None,
            permit: None,
            #[cfg(feature = "lambda-model")]
            lambda: None,
            health: Health::default(),
        }
    }

    /// Reads while it may, and passes on what it reads.
    pub fn in_cluster(self, publisher: Publisher, permit: Permit) -> Self {
        Self { publisher: Some(publisher), permit: Some(permit), ..self }
    }

    /// Reads as Lambda's event source mapping would.
    #[cfg(feature = "lambda-model")]
    pub fn as_lambda(mut self, settings: lambda_model::Settings) -> Self {
        self.lambda = Some(settings);
        self
    }

    /// Whether it reads.
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Reads the table's stream, whichever it has, until shutdown. Readers run inside this future:
    /// they end with it.
    pub async fn run(self, shutdown: CancellationToken) {
        tokio::select! {
            () = shutdown.cancelled() => {}
            never = self.read_when_permitted() => match never {},
        }
    }

    async fn read_when_permitted(&self) -> std::convert::Infallible {
        let Some(mut permit) = self.permit.clone() else { return self.read_all().await };
        loop {
            let may_read = *permit.borrow_and_update();
            self.health.set_standby(!may_read);
            if may_read {
                tokio::select! {
                    never = self.read_all() => match never {},
                    _ = permit.changed() => {}
                }
                self.health.stream_changed();
                self.broker.stream().clear();
            } else if permit.changed().await.is_err() {
                // The process ends.
                std::future::pending::<()>().await;
            }
        }
    }

    async fn read_all(&self) -> std::convert::Infallible {
        let mut arn = self.arn.clone();
        loop {
            arn = Follower::new(self, arn).run().await;
            self.health.stream_changed();
            self.broker.stream().clear();
            warn!(stream.arn = %arn, "the table has a new stream; switching to it");
        }
    }
}
