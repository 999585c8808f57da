//! How a bidder stands, over all auctions.

use e2e::Gavel;
use e2e::gavel::code;
use serde_json::{Value, json};

const MINE: &str = "query($s: Standing, $n: Int! = 100, $a: String) { me { standings(standing: $s, \
                    first: $n, after: $a) { nodes { standing auction { id currentPrice } } \
                    pageInfo { hasNextPage endCursor } } } }";

/// A user's standings: auction and standing, sorted.
async fn standings(gavel: &Gavel, user: &str, variables: Value) -> Vec<(String, String)> {
    let token = gavel.token(user, &["bidder"]);
    let answer = gavel.graphql(Some(&token), MINE, variables).await;
    let nodes = answer["data"]["me"]["standings"]["nodes"].as_array();
    let nodes = nodes.unwrap_or_else(|| panic!("no standings: {answer}"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    nodes.iter().map(|node| (text(&node["auction"]["id"]), text(&node["standing"]))).collect()
}

fn sorted(pairs: &[(&String, &str)]) -> Vec<(String, String)> {
    let mut all: Vec<_> = pairs.iter().map(|(id, of)| ((*id).clone(), (*of).to_owned())).collect();
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bidder_sees_how_they_stand_in_every_auction_that_they_have_bid_on() {
    let gavel = Gavel::start().await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(gavel.auction(json!({})).await);
    }
    let [led, lost_lead, cancelled, never] = &ids[..] else { panic!("four") };
    for id in [led, lost_lead, cancelled] {
        assert_eq!(gavel.bid("ann", id, 1000).await["__typename"], "BidAccepted");
    }
    // Rejected: neither is recorded.
    assert_eq!(gavel.bid("ann", never, 1).await["__typename"], "BidRejected");
    assert_eq!(gavel.bid("bob", lost_lead, 1100).await["__typename"], "BidAccepted");
    assert_eq!(gavel.bid("ann", led, 1200).await["__typename"], "BidAccepted");
    gavel.transition("root", "auctioneer", "cancelAuction", cancelled).await;
    let all = sorted(&[(led, "LEADING"), (lost_lead, "OUTBID"), (cancelled, "LOST")]);
    assert_eq!(standings(&gavel, "ann", json!({})).await, all, "each once, by their ids");
    assert_eq!(standings(&gavel, "bob", json!({})).await, sorted(&[(lost_lead, "LEADING")]));
    assert_eq!(standings(&gavel, "cem", json!({})).await, []);
    let leading = standings(&gavel, "ann", json!({ "s": "LEADING" })).await;
    assert_eq!(leading, sorted(&[(led, "LEADING")]));
    // Page by page.
    let token = gavel.token("ann", &["bidder"]);
    let (mut seen, mut after) = (Vec::new(), Value::Null);
    loop {
        let answer = gavel.graphql(Some(&token), MINE, json!({ "n": 1, "a": after })).await;
        let page = &answer["data"]["me"]["standings"];
        seen.push(page["nodes"][0]["auction"]["id"].as_str().unwrap().to_owned());
        if page["pageInfo"]["hasNextPage"] != true {
            break;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
    assert_eq!(seen, all.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>());
    for (user, id, expected) in [
        (Some("ann"), led, json!("LEADING")),
        (Some("ann"), lost_lead, json!("OUTBID")),
        (Some("bob"), led, Value::Null),
        (Some("ann"), never, Value::Null),
        (None, led, Value::Null),
    ] {
        let token = user.map(|user| gavel.token(user, &["bidder"]));
        let seen = gavel.look(token.as_deref(), id, "myStanding").await;
        assert_eq!(seen["myStanding"], expected, "{user:?}");
    }
    let anonymous = gavel.graphql(None, MINE, json!({})).await;
    assert_eq!(code(&anonymous["errors"][0]), "UNAUTHENTICATED", "{anonymous}");
    let mut socket = gavel.socket(Some(&token)).await;
    let watch = "subscription($id: ID!) { auctionUpdated(auctionId: $id) { myStanding } }";
    socket.subscribe("w", watch, json!({ "id": led })).await;
    assert_eq!(code(&socket.error("w").await), "QUERY_TOO_COMPLEX", "what differs by watcher");
    drop(socket);
    gavel.stop().await.unwrap();
}

/// More bidders at once than one transaction can record.
#[tokio::test(flavor = "multi_thread")]
async fn every_bidder_of_a_crowd_is_recorded_with_their_first_bid() {
    let gavel = Gavel::with(&["--embedded-transact-delay-ms", "50"]).await;
    let id = gavel.auction(json!({ "openingPrice": "1", "minimumIncrement": "1" })).await;
    let bids = (1..=60_u64).map(|number| {
        let (gavel, id) = (&gavel, &id);
        async move {
            let user = format!("bidder-{number}");
            (gavel.bid(&user, id, 100 + number).await["__typename"] == "BidAccepted", user)
        }
    });
    let answers = futures_util::future::join_all(bids).await;
    assert!(answers.iter().filter(|(accepted, _)| *accepted).count() > 1, "{answers:?}");
    for (accepted, user) in answers {
        let found = standings(&gavel, &user, json!({})).await;
        assert_eq!(found.len(), usize::from(accepted), "{user}: {found:?}");
    }
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn switched_off_nothing_is_recorded_and_the_question_is_refused() {
    let gavel = Gavel::with(&["--standings", "off"]).await;
    let id = gavel.auction(json!({})).await;
    gavel.bid("ann", &id, 1000).await;
    let token = gavel.token("ann", &["bidder"]);
    let answer = gavel.graphql(Some(&token), MINE, json!({})).await;
    assert_eq!(code(&answer["errors"][0]), "FORBIDDEN", "{answer}");
    gavel.stop().await.unwrap();
}
