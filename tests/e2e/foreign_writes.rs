//! What is told where somebody else has written the table.

use std::time::Instant;

use aws_sdk_dynamodb::types::AttributeValue;
use dynamodb_emulator::{Emulator, Options};
use e2e::gavel::store_url;
use e2e::socket::Socket;
use e2e::{Gavel, soon};
use gavel_server::auction::AuctionId;
use gavel_server::broker::Broker;
use gavel_server::broker::demand::Demand;
use gavel_server::limits;
use gavel_server::store::Dynamo;
use gavel_server::store::connect::{Endpoint, connect};
use gavel_server::store::item::{Item, SK_STATE, auction_pk, bid_sk};
use gavel_server::tasks::Tasks;
use serde_json::json;

/// A server over a table that is written by hand, too.
struct Shared {
    emulator: Emulator,
    gavel: Gavel,
    client: aws_sdk_dynamodb::Client,
    table: String,
}

impl Shared {
    async fn start() -> Self {
        let emulator = Emulator::start(Options::default()).await.unwrap();
        let url = store_url().unwrap_or_else(|| emulator.endpoint());
        let table = format!("e2e-{:016x}", rand::random::<u64>());
        let gavel = Gavel::with(&["--dynamodb", &url, "--table", &table]).await;
        let client = connect(&Endpoint::Url(url)).await.dynamodb;
        Self { emulator, gavel, client, table }
    }

    async fn get(&self, id: &str, sk: &str) -> Item {
        let key = |text: String| AttributeValue::S(text);
        let get = self.client.get_item().table_name(&self.table).consistent_read(true);
        let get = get.key("pk", key(auction_pk(&id.into()))).key("sk", key(sk.to_owned()));
        get.send().await.unwrap().item.unwrap()
    }

    async fn put(&self, item: Item) {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.unwrap();
    }

    async fn delete_bid(&self, id: &str, sequence: u64) {
        let item = self.get(id, &bid_sk(sequence)).await;
        let delete = self.client.delete_item().table_name(&self.table);
        let delete = delete.key("pk", item["pk"].clone()).key("sk", item["sk"].clone());
        delete.send().await.unwrap();
    }

    async fn stop(self) {
        self.gavel.stop().await.unwrap();
        self.emulator.shutdown().await;
    }
}

async fn watch(gavel: &Gavel, id: &str, after: Option<u64>) -> Socket {
    let query = "subscription($id: ID!, $after: Int) \
                 { bidCreated(auctionId: $id, after: $after) { sequence } }";
    let mut socket = gavel.socket(None).await;
    socket.subscribe("w", query, json!({ "id": id, "after": after })).await;
    socket
}

async fn told(socket: &mut Socket, sequences: &[u64]) {
    for sequence in sequences {
        let payload = socket.next("w").await;
        assert_eq!(payload["data"]["bidCreated"]["sequence"], *sequence, "{payload}");
    }
}

/// Waits until so many watchers are told live.
async fn live(gavel: &Gavel, watchers: f64) {
    let live = || async { gavel.metric("gavel_subscriptions").await >= watchers };
    soon("the watchers are told live", live).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_somebody_deleted_bids_the_others_are_told() {
    let shared = Shared::start().await;
    let gavel = &shared.gavel;
    let id = gavel.auction(json!({})).await;
    for n in 1..=4 {
        gavel.bid("ann", &id, 900 + 100 * n).await;
    }
    for n in [2, 4] {
        shared.delete_bid(&id, n).await;
    }
    let mut first = watch(gavel, &id, Some(0)).await;
    told(&mut first, &[1, 3]).await;
    // The fourth is not waited for for ever: those who are told live are joined.
    live(gavel, 1.0).await;
    gavel.bid("ann", &id, 2000).await;
    told(&mut first, &[5]).await;
    // What is known to be missing is waited for once.
    let started = Instant::now();
    told(&mut watch(gavel, &id, Some(0)).await, &[1, 3, 5]).await;
    assert!(started.elapsed() < limits::HOLE_STANDS, "{:?}", started.elapsed());
    shared.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bids_that_were_deleted_before_they_were_told_keep_nobody_waiting_for_ever() {
    let shared = Shared::start().await;
    let gavel = &shared.gavel;
    let id = gavel.auction(json!({})).await;
    gavel.bid("ann", &id, 1000).await;
    let mut live_one = watch(gavel, &id, Some(0)).await;
    told(&mut live_one, &[1]).await;
    live(gavel, 1.0).await;
    // Two bids that nobody ever sees, one that is there, and one more at the end that is not.
    let number = |n: u64| AttributeValue::N(n.to_string());
    let (mut bid, mut state) = (shared.get(&id, &bid_sk(1)).await, shared.get(&id, SK_STATE).await);
    bid.insert("sk".to_owned(), AttributeValue::S(bid_sk(4)));
    bid.insert("sequence".to_owned(), number(4));
    state.insert("sequence".to_owned(), number(5));
    state.insert("version".to_owned(), number(100));
    let started = Instant::now();
    shared.put(bid).await;
    shared.put(state).await;
    told(&mut live_one, &[4]).await;
    assert!(started.elapsed() >= limits::HOLE_STANDS, "{:?}", started.elapsed());
    // The next one comes after the hole at the end, which is waited for as well.
    assert_eq!(gavel.bid("ann", &id, 2000).await["bid"]["sequence"], 6);
    told(&mut live_one, &[6]).await;
    told(&mut watch(gavel, &id, Some(0)).await, &[1, 4, 6]).await;
    gavel.bid("ann", &id, 3000).await;
    told(&mut live_one, &[7]).await;
    shared.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auction_that_cannot_be_read_costs_the_check_of_others_nothing() {
    let shared = Shared::start().await;
    let gavel = &shared.gavel;
    let (unreadable, whole) = (gavel.auction(json!({})).await, gavel.auction(json!({})).await);
    let store = Dynamo::new(shared.client.clone(), shared.table.clone());
    // No relay tells this one anything: only its checks do.
    let broker = Broker::new(store.into(), Demand::new(limits::DEMAND_EXPIRY), Tasks::default());
    let ids = [&unreadable, &whole].map(|id| AuctionId::from(id.as_str()));
    let _unreadable = broker.topic(&ids[0]).await.unwrap();
    let topic = broker.topic(&ids[1]).await.unwrap();
    gavel.bid("ann", &whole, 1000).await;
    let mut state = shared.get(&unreadable, SK_STATE).await;
    state.remove("title");
    shared.put(state).await;
    broker.check_live_topics("a test").await;
    soon("the bid is read", || async { topic.mark().position == 1 }).await;
    shared.stop().await;
}
