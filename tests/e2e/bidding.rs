//! The rules of an auction, as a client meets them.

use std::time::Duration;

use e2e::gavel::{DEADLINE, from_now};
use e2e::{Gavel, code, soon};
use futures_util::future::join_all;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_lower_bid_is_refused_with_the_current_minimum() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    let low = gavel.bid("ann", &id, 999).await;
    assert_eq!((&low["code"], &low["minimumBid"]), (&json!("TOO_LOW"), &json!("1000")));
    let first = gavel.bid("ann", &id, 1000).await;
    assert_eq!(first["bid"]["sequence"], 1, "{first}");
    assert_eq!(first["bid"]["bidderId"], "ann");
    let again = gavel.bid("bob", &id, 1099).await;
    assert_eq!((&again["code"], &again["minimumBid"]), (&json!("TOO_LOW"), &json!("1100")));
    assert_eq!(gavel.bid("bob", &id, 1100).await["bid"]["sequence"], 2);
    let auction = gavel.look(None, &id, "sequence currentPrice leaderId minimumBid version").await;
    let expected = json!({ "sequence": 2, "currentPrice": "1100", "leaderId": "bob",
                           "minimumBid": "1200", "version": 3 });
    assert_eq!(auction, expected);
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sellers_leaders_and_the_early_and_late_are_refused() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({ "leaderMayRaise": false })).await;
    assert_eq!(gavel.bid("seller", &id, 5000).await["code"], "OWN_AUCTION");
    assert_eq!(gavel.bid("ann", &id, 1000).await["__typename"], "BidAccepted");
    assert_eq!(gavel.bid("ann", &id, 2000).await["code"], "ALREADY_LEADING");

    let draft = gavel.auction(json!({ "opensAt": null })).await;
    assert_eq!(gavel.bid("ann", &draft, 1000).await["code"], "NOT_OPEN");
    let opened = gavel.transition("seller", "seller", "openAuction", &draft).await;
    assert_eq!(opened["data"]["openAuction"]["status"], "OPEN", "{opened}");
    assert_eq!(gavel.bid("ann", &draft, 1000).await["__typename"], "BidAccepted");

    let cancelled = gavel.transition("seller", "seller", "cancelAuction", &draft).await;
    assert_eq!(cancelled["data"]["cancelAuction"]["status"], "CANCELLED", "{cancelled}");
    assert_eq!(gavel.bid("bob", &draft, 9000).await["code"], "CLOSED");
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auction_opens_and_closes_by_the_clock_and_the_leader_wins() {
    let gavel = Gavel::start().await;
    let second = Duration::from_secs(1);
    let terms = json!({ "opensAt": from_now(second), "endsAt": from_now(3 * second) });
    let id = gavel.auction(terms).await;
    assert_eq!(gavel.look(None, &id, "status").await["status"], "DRAFT");
    assert_eq!(gavel.bid("ann", &id, 1000).await["code"], "NOT_OPEN");
    soon("it opens", || async { gavel.look(None, &id, "status").await["status"] == "OPEN" }).await;
    assert_eq!(gavel.bid("ann", &id, 1000).await["__typename"], "BidAccepted");
    soon("it closes", || async { gavel.look(None, &id, "status").await["status"] == "CLOSED" })
        .await;
    assert_eq!(gavel.look(None, &id, "winnerId").await["winnerId"], "ann");
    assert_eq!(gavel.bid("bob", &id, 9000).await["code"], "CLOSED");
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_bid_near_the_end_moves_it_and_a_refused_one_does_not() {
    let gavel = Gavel::start().await;
    let ends_at = from_now(Duration::from_secs(30));
    let terms = json!({ "endsAt": ends_at, "softCloseSeconds": 60, "softCloseExtensionsMax": 1 });
    let id = gavel.auction(terms).await;
    assert_eq!(gavel.bid("ann", &id, 1).await["code"], "TOO_LOW");
    assert_eq!(gavel.look(None, &id, "extensions endsAt").await["extensions"], 0);
    let bid = gavel.bid("ann", &id, 1000).await;
    let moved = bid["bid"]["endsAt"].clone();
    assert!(moved.as_str().unwrap() > ends_at.as_str(), "{bid}");
    // Only once.
    assert_eq!(gavel.bid("bob", &id, 1100).await["bid"]["endsAt"], moved);
    let auction = gavel.look(None, &id, "extensions endsAt").await;
    assert_eq!(auction, json!({ "extensions": 1, "endsAt": moved }));
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reserve_is_secret_and_only_whether_it_is_met_is_told() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({ "reservePrice": "2000" })).await;
    assert_eq!(gavel.bid("ann", &id, 1999).await["bid"]["reserveMet"], false);
    assert_eq!(gavel.bid("ann", &id, 2099).await["bid"]["reserveMet"], true);
    let fields = "reserveMet reservePrice";
    let (seller, ann) = (gavel.token("seller", &["seller"]), gavel.token("ann", &["bidder"]));
    let seen = |price: Value| json!({ "reserveMet": true, "reservePrice": price });
    assert_eq!(gavel.look(Some(&ann), &id, fields).await, seen(Value::Null));
    assert_eq!(gavel.look(None, &id, fields).await, seen(Value::Null));
    assert_eq!(gavel.look(Some(&seller), &id, fields).await, seen(json!("2000")));
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_is_one_bid_and_another_amount_under_it_a_conflict() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    let input =
        |amount: &str| json!({ "auctionId": id, "amount": amount, "idempotencyKey": "k:1" });
    let first = gavel.bid_with("ann", input("1000")).await;
    assert_eq!(first["repeated"], false, "{first}");
    let repeat = gavel.bid_with("ann", input("1000")).await;
    assert_eq!(repeat["repeated"], true, "{repeat}");
    assert_eq!(repeat["bid"]["id"], first["bid"]["id"]);
    let conflict = gavel.bid_with("ann", input("1100")).await;
    assert_eq!(code(&conflict), "IDEMPOTENCY_CONFLICT");
    // Another bidder's key is another key.
    assert_eq!(gavel.bid_with("bob", input("1100")).await["bid"]["sequence"], 2);
    // A refused bid is not remembered: later it may stand.
    assert_eq!(gavel.look(None, &id, "sequence").await["sequence"], 2);
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn repeats_that_arrive_together_are_one_bid() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    let input = json!({ "auctionId": id, "amount": "1000", "idempotencyKey": "together" });
    let sent = (0..8).map(|_| gavel.bid_with("ann", input.clone()));
    let answers = join_all(sent).await;
    assert!(answers.iter().all(|a| a["bid"]["id"] == answers[0]["bid"]["id"]), "{answers:?}");
    assert_eq!(answers.iter().filter(|a| a["repeated"] == false).count(), 1);
    assert_eq!(gavel.look(None, &id, "sequence").await["sequence"], 1);
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn bids_that_arrive_together_are_numbered_without_a_gap() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    let users: Vec<String> = (0..60).map(|n| format!("bidder-{n}")).collect();
    let sent = users.iter().zip(0..).map(|(user, n)| gavel.bid(user, &id, 1000 + 100 * n));
    let answers = tokio::time::timeout(DEADLINE, join_all(sent)).await.unwrap();
    let mut accepted: Vec<u64> =
        answers.iter().filter_map(|answer| answer["bid"]["sequence"].as_u64()).collect();
    accepted.sort_unstable();
    assert_eq!(accepted, (1..=accepted.len() as u64).collect::<Vec<_>>());
    let refused = answers.iter().filter(|answer| answer["code"] == "TOO_LOW").count();
    assert_eq!(accepted.len() + refused, 60, "{answers:?}");

    let bids = gavel.look(None, &id, "bids(first: 100) { nodes { sequence amount } }").await;
    let nodes = bids["bids"]["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), accepted.len());
    let amounts: Vec<u64> =
        nodes.iter().map(|bid| bid["amount"].as_str().unwrap().parse().unwrap()).collect();
    assert!(amounts.is_sorted_by(|a, b| a < b), "the price never falls: {amounts:?}");
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn bids_and_auctions_are_listed_in_pages() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    for n in 0..5 {
        gavel.bid("ann", &id, 1000 + 100 * n).await;
    }
    let fields = |args: &str| {
        format!("bids({args}) {{ nodes {{ sequence }} pageInfo {{ hasNextPage endCursor }} }}")
    };
    let page = gavel.look(None, &id, &fields("first: 2, newestFirst: true")).await;
    let sequences = |page: &Value| {
        let nodes = page["bids"]["nodes"].as_array().unwrap();
        nodes.iter().map(|bid| bid["sequence"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(sequences(&page), [5, 4]);
    assert_eq!(page["bids"]["pageInfo"]["hasNextPage"], true);
    let after = page["bids"]["pageInfo"]["endCursor"].as_str().unwrap();
    let rest = fields(&format!("first: 9, newestFirst: true, after: \"{after}\""));
    let page = gavel.look(None, &id, &rest).await;
    assert_eq!(sequences(&page), [3, 2, 1]);
    assert_eq!(page["bids"]["pageInfo"]["hasNextPage"], false);

    let other = gavel.auction(json!({ "title": "Another" })).await;
    let listed = |status: &'static str| {
        let gavel = &gavel;
        async move {
            let query = format!("{{ auctions(status: {status}) {{ nodes {{ id }} }} }}");
            let response = gavel.graphql(None, &query, json!({})).await;
            let nodes = response["data"]["auctions"]["nodes"].as_array().unwrap().clone();
            nodes.iter().map(|n| n["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        }
    };
    soon("both are listed", || async {
        let open = listed("OPEN").await;
        open.contains(&id) && open.contains(&other)
    })
    .await;
    gavel.transition("seller", "seller", "cancelAuction", &other).await;
    soon("it moves to another list", || async {
        !listed("OPEN").await.contains(&other) && listed("CANCELLED").await == [other.clone()]
    })
    .await;
    gavel.stop().await.unwrap();
}

/// Within the half second for which closing waits, its seller knows the result.
#[tokio::test(flavor = "multi_thread")]
async fn a_seller_cannot_cancel_once_the_end_has_come() {
    let gavel = Gavel::start().await;
    let ends_at = from_now(Duration::from_millis(1500));
    let id = gavel.auction(json!({ "endsAt": ends_at })).await;
    assert_eq!(gavel.bid("ann", &id, 1000).await["__typename"], "BidAccepted");
    soon("it ends", || async {
        let now = gavel.graphql(None, "{ serverTime }", json!({})).await;
        now["data"]["serverTime"].as_str() > Some(ends_at.as_str())
    })
    .await;
    let late = gavel.transition("seller", "seller", "cancelAuction", &id).await;
    assert_eq!(code(&late["errors"][0]), "BAD_REQUEST", "{late}");
    soon("it closes", || async { gavel.look(None, &id, "status").await["status"] == "CLOSED" })
        .await;
    assert_eq!(gavel.look(None, &id, "winnerId").await["winnerId"], "ann");
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_leader_who_sends_the_same_amount_again_gets_its_own_bid() {
    let gavel = Gavel::start().await;
    for may_raise in [true, false] {
        let id = gavel.auction(json!({ "leaderMayRaise": may_raise })).await;
        let clicks = join_all((0..3).map(|_| gavel.bid("ann", &id, 1000))).await;
        let first = gavel.bid("ann", &id, 1000).await;
        for click in &clicks {
            assert_eq!(click["bid"]["id"], first["bid"]["id"], "{click}");
        }
        let repeated = clicks.iter().filter(|click| click["repeated"] == true).count();
        assert_eq!((repeated, &first["repeated"]), (2, &json!(true)));
        let keyed = json!({ "auctionId": id, "amount": "1000", "idempotencyKey": "another" });
        assert_eq!(gavel.bid_with("ann", keyed).await["code"], "ALREADY_LEADING");
        assert_eq!(gavel.look(None, &id, "sequence").await["sequence"], 1);
        gavel.bid("bob", &id, 1100).await;
        assert_eq!(gavel.bid("ann", &id, 1000).await["code"], "TOO_LOW");
    }
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_amount_does_not_end_the_bidding() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    let largest = (1_u64 << 53) - 1;
    let bounds = async || {
        let fields = "minimumBid maximumBid sequence";
        let auction = gavel.look(None, &id, fields).await;
        let amount = |field: &str| auction[field].as_str().unwrap().parse::<u64>().unwrap();
        (amount("minimumBid"), amount("maximumBid"), auction["sequence"].as_u64().unwrap())
    };
    let refused = gavel.bid("ann", &id, largest).await;
    assert_eq!((&refused["code"], &refused["minimumBid"]), (&json!("TOO_HIGH"), &json!("1000")));
    let (_, maximum, _) = bounds().await;
    assert_eq!(gavel.bid("ann", &id, maximum + 1).await["code"], "TOO_HIGH");
    assert_eq!(gavel.bid("ann", &id, maximum).await["bid"]["sequence"], 1);
    let (minimum, maximum, sequence) = bounds().await;
    assert!(minimum < maximum && maximum < largest && sequence == 1);
    assert_eq!(gavel.bid("bob", &id, minimum).await["bid"]["sequence"], 2);
    gavel.stop().await.unwrap();
}

/// An idempotency key remembers an accepted bid, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_refused_is_decided_anew() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({ "opensAt": null })).await;
    let input = json!({ "auctionId": id, "amount": "1000", "idempotencyKey": "k" });
    assert_eq!(gavel.bid_with("ann", input.clone()).await["code"], "NOT_OPEN");
    gavel.transition("seller", "seller", "openAuction", &id).await;
    assert_eq!(gavel.bid_with("ann", input.clone()).await["repeated"], false);
    assert_eq!(gavel.bid_with("ann", input).await["repeated"], true);
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_there_is_a_reserve_is_no_secret() {
    let gavel = Gavel::start().await;
    for (terms, has_reserve) in [(json!({}), false), (json!({ "reservePrice": "2000" }), true)] {
        let id = gavel.auction(terms).await;
        let seen = gavel.look(None, &id, "hasReserve reserveMet reservePrice").await;
        let expected =
            json!({ "hasReserve": has_reserve, "reserveMet": false, "reservePrice": null });
        assert_eq!(seen, expected);
    }
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_makes_one_auction() {
    let gavel = Gavel::start().await;
    let ends_at = from_now(Duration::from_secs(3600));
    let create = async |user: &str, title: &str, key: &str| {
        let input = json!({ "title": title, "currency": "EUR", "openingPrice": "1", "endsAt": ends_at,
                            "minimumIncrement": "1", "idempotencyKey": key });
        let query = "mutation($i: CreateAuctionInput!) { createAuction(input: $i) { id status } }";
        let token = gavel.token(user, &["seller"]);
        let response = gavel.graphql(Some(&token), query, json!({ "i": input })).await;
        match &response["errors"] {
            Value::Null => response["data"]["createAuction"].clone(),
            errors => errors[0].clone(),
        }
    };
    let together = join_all((0..4).map(|_| create("ann", "A lamp", "k"))).await;
    let id = together[0]["id"].as_str().unwrap();
    assert!(together.iter().all(|made| made["id"] == id), "{together:?}");
    gavel.transition("ann", "seller", "openAuction", id).await;
    // It has come further since.
    let again = create("ann", "A lamp", "k").await;
    assert_eq!(again, json!({ "id": id, "status": "OPEN" }));
    assert_eq!(code(&create("ann", "Two lamps", "k").await), "IDEMPOTENCY_CONFLICT");
    assert_ne!(create("ann", "A lamp", "other").await["id"], id);
    assert_ne!(create("bob", "A lamp", "k").await["id"], id, "a key is one seller's");
    assert_eq!(code(&create("ann", "A lamp", "").await), "BAD_REQUEST");
    gavel.stop().await.unwrap();
}
