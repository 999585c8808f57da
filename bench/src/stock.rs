//! async-graphql with its own axum integration, as its examples have it: what a Rust team gets
//! without a fan-out of its own.

use std::time::Duration;

use async_graphql::{EmptyMutation, ID, Object, Schema, SimpleObject, Subscription};
use async_graphql_axum::GraphQLSubscription;
use axum::Router;
use client_sim::clock;
use client_sim::service::server::ReadyLine;
use client_sim::stamp::format_us;
use futures_util::{Stream, StreamExt as _, stream};
use tokio::sync::broadcast;
use tokio::time::interval;

#[derive(Clone, SimpleObject)]
struct Timing {
    published_at: String,
}

#[derive(Clone, SimpleObject)]
struct Bid {
    id: ID,
    sequence: i32,
    amount: String,
    bidder_id: String,
    timing: Timing,
}

struct Query;

#[Object]
impl Query {
    async fn alive(&self) -> bool {
        true
    }
}

struct Bids(broadcast::Sender<Bid>);

#[Subscription]
impl Bids {
    async fn bid_created(
        &self,
        #[graphql(name = "auctionId")] _auction: ID,
    ) -> impl Stream<Item = Bid> {
        let bids = self.0.subscribe();
        stream::unfold(bids, |mut bids| async { Some((bids.recv().await, bids)) })
            .filter_map(|bid| async { bid.ok() })
    }
}

/// Publishes so many events a second to every subscription, for ever.
///
/// # Errors
/// When no port can be bound.
pub(crate) async fn run(rate: f64) -> anyhow::Result<()> {
    let (bids, _) = broadcast::channel(1_024);
    let schema = Schema::build(Query, EmptyMutation, Bids(bids.clone())).finish();
    let routes = Router::new().route_service("/graphql/ws", GraphQLSubscription::new(schema));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("{}", serde_json::to_string(&ReadyLine { url, embedded_endpoint: None })?);
    let publish = async {
        let mut ticks = interval(Duration::from_secs_f64(1.0 / rate));
        for sequence in 1.. {
            ticks.tick().await;
            let timing = Timing { published_at: format_us(clock::now_us()) };
            let bid = Bid {
                id: ID(format!("{sequence:026}")),
                sequence,
                amount: (sequence * 100).to_string(),
                bidder_id: "sim-bidder-1".to_owned(),
                timing,
            };
            // Nobody may be there yet.
            bids.send(bid).ok();
        }
    };
    tokio::select! {
        served = async { axum::serve(listener, routes).await } => Ok(served?),
        () = publish => Ok(()),
    }
}
