//! What is told where somebody else has written the table.

use std::time::Instant;

use aws_sdk_dynamodb::types::AttributeValue;
use dynamodb_emulator::{Emulator, Options};
use e2e::gavel::store_url;
use e2e::socket::Socket;
use e2e::{Gavel, soon};
use gavel_core::auction::AuctionId;
use gavel_core::broker::Broker;
use gavel_core::broker::demand::Demand;
use gavel_core::store::Dynamo;
use gavel_core::store::connect::{Endpoint, connect};
use gavel_core::store::item::{Item, SK_STATE, auction_pk, bid_sk};
use gavel_core::tasks::Tasks;
use gavel_server::limits;
use serde_json::json;
use tokio::time::sleep;

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

    async fn bid_like_the_first(&self, id: &str, sequence: u64) -> Item {
        let mut bid = self.get(id, &bid_sk(1)).await;
        bid.insert("sk".to_owned(), AttributeValue::S(bid_sk(sequence)));
        bid.insert("sequence".to_owned(), number(sequence));
        bid
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
    assert!(started.elapsed() < limits::MISSING_STANDS, "{:?}", started.elapsed());
    shared.stop().await;
}

/// An auction with one bid, and a watcher that is told live.
async fn watched(gavel: &Gavel) -> (String, Socket) {
    let id = gavel.auction(json!({})).await;
    gavel.bid("ann", &id, 1000).await;
    let mut socket = watch(gavel, &id, Some(0)).await;
    told(&mut socket, &[1]).await;
    live(gavel, 1.0).await;
    (id, socket)
}

fn number(n: u64) -> AttributeValue {
    AttributeValue::N(n.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn bids_that_were_deleted_before_they_were_told_keep_nobody_waiting_for_ever() {
    let shared = Shared::start().await;
    let gavel = &shared.gavel;
    let (id, mut live_one) = watched(gavel).await;
    let updates = "subscription($id: ID!) { auctionUpdated(auctionId: $id) { sequence } }";
    live_one.subscribe("u", updates, json!({ "id": id })).await;
    live_one.next("u").await;
    // Two bids that nobody ever sees, one that is there, and one more at the end that is not.
    let mut state = shared.get(&id, SK_STATE).await;
    state.insert("sequence".to_owned(), number(5));
    state.insert("version".to_owned(), number(100));
    let started = Instant::now();
    shared.put(shared.bid_like_the_first(&id, 4).await).await;
    shared.put(state).await;
    told(&mut live_one, &[4]).await;
    assert!(started.elapsed() >= limits::MISSING_STANDS, "{:?}", started.elapsed());
    let update = live_one.next("u").await;
    assert_eq!(update["data"]["auctionUpdated"]["sequence"], 5, "the hole at the end, too");
    live_one.send(json!({ "type": "complete", "id": "u" })).await;
    assert_eq!(gavel.bid("ann", &id, 2000).await["bid"]["sequence"], 6);
    told(&mut live_one, &[6]).await;
    for after in 0..=5 {
        let follow: Vec<u64> = [1, 4, 6].into_iter().filter(|n| *n > after).collect();
        told(&mut watch(gavel, &id, Some(after)).await, &follow).await;
    }
    gavel.bid("ann", &id, 3000).await;
    told(&mut live_one, &[7]).await;
    // One that is put back is there for those who come back.
    shared.put(shared.bid_like_the_first(&id, 3).await).await;
    let back = async || {
        let mut socket = watch(gavel, &id, Some(1)).await;
        socket.next("w").await["data"]["bidCreated"]["sequence"] == 3
    };
    soon("the bid is back", back).await;
    shared.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bid_ahead_of_its_auction_costs_those_before_it_nothing() {
    let shared = Shared::start().await;
    let gavel = &shared.gavel;
    let (id, mut socket) = watched(gavel).await;
    shared.put(shared.bid_like_the_first(&id, 4).await).await;
    sleep(limits::MISSING_STANDS * 2).await;
    for n in 2..=3 {
        assert_eq!(gavel.bid("ann", &id, 1000 * n).await["bid"]["sequence"], n);
    }
    told(&mut socket, &[2, 3]).await;
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

/// An auction whose bids somebody has made large: a page of them is cut by DynamoDB at 1 MB.
async fn with_large_bids(shared: &Shared, bids: u64) -> String {
    let id = shared.gavel.auction(json!({})).await;
    for n in 1..=bids {
        shared.gavel.bid("ann", &id, 900 + 100 * n).await;
        let mut bid = shared.get(&id, &bid_sk(n)).await;
        bid.insert("dossier".to_owned(), AttributeValue::S("x".repeat(60 * 1024)));
        shared.put(bid).await;
    }
    id
}

/// The sequences of a page of bids, its end and whether it says that more follow.
async fn page(gavel: &Gavel, id: &str, arguments: &str) -> (Vec<u64>, String, bool) {
    let fields = format!(
        "bids({arguments}) {{ edges {{ node {{ sequence }} }} pageInfo {{ hasNextPage endCursor }} }}"
    );
    let bids = gavel.look(None, id, &fields).await["bids"].clone();
    let edges = bids["edges"].as_array().unwrap();
    let sequences =
        edges.iter().filter_map(|limit_case| limit_case["node"]["sequence"].as_u64()).collect();
    let end = bids["pageInfo"]["endCursor"].as_str().unwrap_or_default().to_owned();
    (sequences, end, bids["pageInfo"]["hasNextPage"] == true)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_dynamodb_cuts_at_a_megabyte_is_not_the_last() {
    let shared = Shared::start().await;
    let gavel = &shared.gavel;
    let id = with_large_bids(&shared, 60).await;
    let (first, end, more) = page(gavel, &id, "first: 50").await;
    assert_eq!((first, more), ((1..=50).collect(), true));
    let (second, _, more) = page(gavel, &id, &format!("first: 50, after: \"{end}\"")).await;
    assert_eq!((second, more), ((51..=60).collect(), false));
    let (newest, _, more) = page(gavel, &id, "first: 50, newestFirst: true").await;
    assert_eq!((newest, more), ((11..=60).rev().collect(), true));
    let all: Vec<u64> = (1..=60).collect();
    told(&mut watch(gavel, &id, Some(0)).await, &all).await;
    shared.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn items_that_somebody_keeps_beside_bids_and_in_the_index_cost_nobody_anything() {
    let shared = Shared::start().await;
    let gavel = &shared.gavel;
    let (id, mut live_one) = watched(gavel).await;
    let state = shared.get(&id, SK_STATE).await;
    for (pk, sk) in [
        (auction_pk(&id.as_str().into()), format!("{}#risk", bid_sk(1))),
        (auction_pk(&id.as_str().into()), format!("{}#risk", bid_sk(2))),
        (auction_pk(&id.as_str().into()), "BID#draft".to_owned()),
        (auction_pk(&id.as_str().into()), "NOTE".to_owned()),
        ("RISK#1".to_owned(), "STATE".to_owned()),
    ] {
        let mut item = Item::new();
        item.insert("pk".to_owned(), AttributeValue::S(pk));
        item.insert("sk".to_owned(), AttributeValue::S(sk));
        item.insert("score".to_owned(), number(7));
        // In the index beside the auction itself.
        for name in ["due", "dueAt"] {
            item.insert(name.to_owned(), state[name].clone());
        }
        shared.put(item).await;
    }
    for n in 2..=3 {
        assert_eq!(gavel.bid("ann", &id, 1000 * n).await["bid"]["sequence"], n);
    }
    told(&mut live_one, &[2, 3]).await;
    told(&mut watch(gavel, &id, Some(0)).await, &[1, 2, 3]).await;
    assert_eq!(page(gavel, &id, "first: 2").await.0, [1, 2]);
    assert_eq!(page(gavel, &id, "first: 2, newestFirst: true").await.0, [3, 2]);
    let list = "{ auctions(first: 10) { edges { node { id } } } }";
    let answer = gavel.graphql(None, list, json!({})).await;
    let edges =
        answer["data"]["auctions"]["edges"].as_array().unwrap_or_else(|| panic!("{answer}"));
    let ids: Vec<&str> =
        edges.iter().filter_map(|limit_case| limit_case["node"]["id"].as_str()).collect();
    assert_eq!(ids, [id.as_str()]);
    // One auction that cannot be read leaves the others in the list.
    let mut broken = state.clone();
    broken.insert("pk".to_owned(), AttributeValue::S(auction_pk(&"broken".into())));
    broken.remove("title");
    shared.put(broken).await;
    let answer = gavel.graphql(None, list, json!({})).await;
    assert_eq!(answer["errors"], serde_json::Value::Null, "{answer}");
    shared.stop().await;
}
