//! Bad input: a documented code, a sentence that says what to do, nothing written, and the
//! connection lives on.

use e2e::{Gavel, code, soon};
use serde_json::{Value, json};

const JSON: (&str, &str) = ("content-type", "application/json");

async fn errors_of(gavel: &Gavel, token: Option<&str>, query: &str) -> (String, String) {
    let response = gavel.graphql(token, query, json!({})).await;
    let error = &response["errors"][0];
    (code(error).to_owned(), error["message"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_bad_request_has_its_code_and_writes_nothing() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    let ann = gavel.token("ann", &["bidder"]);
    let place = |auction: &str, rest: &str| {
        format!(
            "mutation {{ placeBid(input: {{auctionId: \"{auction}\", {rest}}}) {{ __typename }} }}"
        )
    };
    let deep = format!("{{ auction(id: \"{id}\") {}", "{ bids { nodes ".repeat(12))
        + "{ id }"
        + &"} }".repeat(12)
        + " }";
    let costly = "{ auctions(first: 100) { nodes { bids(first: 100) { nodes { id amount } } } } }";
    for (query, expected) in [
        (place("nonsense", "amount: \"1000\""), "NOT_FOUND"),
        (place("a0000000000000000000z", "amount: \"1000\""), "NOT_FOUND"),
        (place(&id, "amount: \"10.50\""), "BAD_REQUEST"),
        (place(&id, "amount: \"-5\""), "BAD_REQUEST"),
        (place(&id, "amount: \"9007199254740992\""), "BAD_REQUEST"),
        (place(&id, "amount: 1000.5"), "BAD_REQUEST"),
        (place(&id, "amount: \"1000\", sentAt: \"yesterday\""), "BAD_REQUEST"),
        (place(&id, "amount: \"1000\", idempotencyKey: \"\""), "BAD_REQUEST"),
        (place(&id, "amount: \"1000\", colour: \"red\""), "BAD_REQUEST"),
        (format!("{{ auction(id: \"{id}\") {{ colour }} }}"), "BAD_REQUEST"),
        (format!("{{ auction(id: \"{id}\") {{ bids(after: \"?\") {{ nodes {{ id }} }} }} }}"),
            "BAD_REQUEST"),
        (format!("{{ auction(id: \"{id}\") {{ bids(first: 101) {{ nodes {{ id }} }} }} }}"),
            "BAD_REQUEST"),
        ("{ auctions(after: \"x\") { nodes { id } } }".to_owned(), "BAD_REQUEST"),
        ("query A { serverTime } query B { serverTime }".to_owned(), "BAD_REQUEST"),
        ("{ serverTime".to_owned(), "BAD_REQUEST"),
        (String::new(), "BAD_REQUEST"),
        ("subscription { bidCreated(auctionId: \"x\") { id } }".to_owned(), "BAD_REQUEST"),
        ("mutation { renewToken(token: \"x\") { userId } }".to_owned(), "BAD_REQUEST"),
        ("mutation { createAuction(input: {title: \"x\", currency: \"EUR\", openingPrice: \"1\", \
          minimumIncrement: \"1\", endsAt: \"2099-01-01T00:00:00Z\"}) { id } }".to_owned(),
            "FORBIDDEN"),
        (format!("mutation {{ cancelAuction(id: \"{id}\") {{ id }} }}"), "FORBIDDEN"),
        (deep, "QUERY_TOO_COMPLEX"),
        (costly.to_owned(), "QUERY_TOO_COMPLEX"),
        (format!("{{ {} }}", "a: serverTime ".repeat(1_000)), "QUERY_TOO_COMPLEX"),
        (format!("{{ {} }}", "a ".repeat(8_500)), "QUERY_TOO_COMPLEX"),
    ] {
        let (found, message) = errors_of(&gavel, Some(&ann), &query).await;
        let shown: String = query.chars().take(120).collect();
        assert_eq!(found, expected, "{shown}: {message}");
        assert!(message.len() > 10, "{shown}: {message}");
    }
    assert_eq!(
        gavel.look(None, &id, "version sequence").await,
        json!({"version": 1, "sequence": 0})
    );
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_are_expired_forged_or_missing_are_told_apart_from_roles_that_lack() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    let place = format!(
        "mutation {{ placeBid(input: {{auctionId: \"{id}\", amount: \"1000\"}}) {{ __typename }} }}"
    );
    let expired = {
        let header = jsonwebtoken::Header::default();
        let claims = json!({ "sub": "ann", "roles": ["bidder"], "exp": 1_000_000_000 });
        let key = jsonwebtoken::EncodingKey::from_secret(gavel.secret().as_bytes());
        jsonwebtoken::encode(&header, &claims, &key).unwrap()
    };
    let forged =
        client_sim::service::token::Mint::new("another secret, also of more than 32 bytes")
            .token("ann", &["bidder"], std::time::Duration::from_secs(60))
            .unwrap();
    for token in [expired.as_str(), forged.as_str(), "garbage"] {
        assert_eq!(errors_of(&gavel, Some(token), &place).await.0, "UNAUTHENTICATED", "{token}");
        // Not even what an anonymous caller may: the client believes it is someone.
        assert_eq!(errors_of(&gavel, Some(token), "{ serverTime }").await.0, "UNAUTHENTICATED");
    }
    assert_eq!(errors_of(&gavel, None, &place).await.0, "UNAUTHENTICATED");
    let observer = gavel.token("ann", &["observer"]);
    assert_eq!(errors_of(&gavel, Some(&observer), &place).await.0, "FORBIDDEN");
    // Another seller's auction.
    let other = gavel.transition("another", "seller", "cancelAuction", &id).await;
    assert_eq!(code(&other["errors"][0]), "FORBIDDEN");
    let by_auctioneer = gavel.transition("chief", "auctioneer", "cancelAuction", &id).await;
    assert_eq!(by_auctioneer["data"]["cancelAuction"]["status"], "CANCELLED");
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_no_requests_are_refused_with_the_status_that_says_why() {
    let gavel = Gavel::start().await;
    let query = json!({ "query": "{ serverTime }" }).to_string();
    for (body, headers, status) in [
        ("{".to_owned(), vec![JSON], 400),
        ("[]".to_owned(), vec![JSON], 400),
        ("{}".to_owned(), vec![JSON], 400),
        (json!({ "query": 1 }).to_string(), vec![JSON], 400),
        (json!({ "query": "{ serverTime }", "variables": [1] }).to_string(), vec![JSON], 400),
        (query.clone(), vec![("content-type", "text/plain")], 415),
        (query.clone(), vec![], 415),
        (query.clone(), vec![JSON, ("accept", "text/csv")], 406),
        (format!("{{\"query\": \"{}\"}}", "x".repeat(300 * 1024)), vec![JSON], 413),
    ] {
        let shown: String = body.chars().take(60).collect();
        let (found, response) = gavel.post(body, &headers).await;
        assert_eq!(found, status, "{shown} {response}");
        assert_eq!(code(&response["errors"][0]), "BAD_REQUEST", "{shown}");
    }
    let (status, response) = gavel.post(query, &[JSON]).await;
    assert_eq!((status, &response["errors"]), (200, &Value::Null));
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn terms_that_cannot_stand_are_refused_by_the_name_of_their_field() {
    let gavel = Gavel::start().await;
    let seller = gavel.token("seller", &["seller"]);
    let good = json!({ "title": "A lamp", "currency": "EUR", "openingPrice": "1000",
                       "minimumIncrement": "100", "endsAt": "2026-12-31T00:00:00Z" });
    let end = e2e::gavel::from_now(std::time::Duration::from_secs(3600));
    for (field, value) in [
        ("title", json!(" ")),
        ("title", json!("x".repeat(201))),
        ("currency", json!("EURO")),
        ("minimumIncrement", json!("0")),
        ("endsAt", json!("2001-01-01T00:00:00Z")),
        ("endsAt", json!("2999-01-01T00:00:00Z")),
        ("opensAt", json!("2998-01-01T00:00:00Z")),
        ("title", json!("A lamp\nSOLD")),
        ("title", json!("A \u{0} lamp")),
        ("title", json!("A lamp \u{202e}pmal")),
        ("title", json!("A lamp \u{2067}pmal")),
        ("description", json!("one\u{0}two")),
        ("currency", json!("XXX")),
        ("currency", json!("XTS")),
        ("currency", json!("XAU")),
        ("openingPrice", json!("9007199254740991")),
        ("minimumIncrement", json!("8796093022208")),
        ("softCloseSeconds", json!(30)),
        ("softCloseExtensionsMax", json!(3)),
        ("softCloseSeconds", json!(-1)),
        ("softCloseExtensionsMax", json!(100_000)),
    ] {
        let mut input = good.clone();
        input["endsAt"] = json!(end);
        input[field] = value;
        let query = "mutation($i: CreateAuctionInput!) { createAuction(input: $i) { id } }";
        let response = gavel.graphql(Some(&seller), query, json!({ "i": input })).await;
        let error = &response["errors"][0];
        assert_eq!(code(error), "BAD_REQUEST", "{field}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(field), "{field}: {message}");
    }
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_operation_on_a_socket_ends_alone() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    let mut socket = gavel.socket(None).await;
    for (query, expected) in [
        ("{ nothing }", "BAD_REQUEST"),
        ("{", "BAD_REQUEST"),
        ("query A { serverTime } query B { serverTime }", "BAD_REQUEST"),
        ("subscription { bidCreated(auctionId: \"x\") { colour } }", "BAD_REQUEST"),
        ("subscription { bidCreated(auctionId: \"x\") { id } }", "NOT_FOUND"),
        (
            "subscription { a: bidCreated(auctionId: \"a0000000000000000000z\") { id } \
             b: bidCreated(auctionId: \"a0000000000000000000z\") { id } }",
            "BAD_REQUEST",
        ),
    ] {
        socket.subscribe("1", query, json!({})).await;
        assert_eq!(code(&socket.error("1").await), expected, "{query}");
    }
    let place = format!(
        "mutation {{ placeBid(input: {{auctionId: \"{id}\", amount: \"1000\"}}) {{ __typename }} }}"
    );
    socket.subscribe("1", &place, json!({})).await;
    assert_eq!(code(&socket.next("1").await["errors"][0]), "UNAUTHENTICATED");
    assert_eq!(socket.message().await["type"], "complete");
    socket.lives().await;
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_errors_a_few_are_sent() {
    let gavel = Gavel::start().await;
    let fields: Vec<String> = (0..1_000).map(|n| format!("x{n}")).collect();
    let response = gavel.graphql(None, &format!("{{ {} }}", fields.join(" ")), json!({})).await;
    let errors = response["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 10, "{response}");
    let last = errors[9]["message"].as_str().unwrap();
    assert!(last.contains("991 more"), "{last}");
    gavel.stop().await.unwrap();
}

/// GraphQL, 6.4.4: a field that failed is null, or null is what lacks it; it is never left out.
#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_failed_is_null_and_not_left_out() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    let ask = async |query: &str| {
        let answer = gavel.graphql(None, query, json!({})).await;
        let errors = answer["errors"].as_array().unwrap_or_else(|| panic!("{answer}"));
        (answer["data"].clone(), errors.iter().map(|e| code(e).to_owned()).collect::<Vec<_>>())
    };
    let unknown = "auction(id: \"a00000000000000000000\") { id }";
    let (data, codes) = ask(&format!("{{ {unknown} }}")).await;
    assert_eq!((data, codes), (json!({ "auction": null }), vec!["NOT_FOUND".to_owned()]));
    let (data, codes) = ask(&format!("{{ x: {unknown} y: {unknown} me {{ id }} }}")).await;
    assert_eq!(data, json!({ "x": null, "y": null, "me": { "id": null } }));
    assert_eq!(codes, ["NOT_FOUND", "NOT_FOUND"]);
    // What cannot be null hands its null up: to the auction, or to all of data.
    let (data, _) = ask(&format!(
        "{{ a: auction(id: \"{id}\") {{ id bids(first: 0) {{ nodes {{ id }} }} }} \
                                  me {{ id }} }}"
    ))
    .await;
    assert_eq!(data, json!({ "a": null, "me": { "id": null } }));
    let (data, _) = ask("{ me { id } auctions(first: 0) { nodes { id } } }").await;
    assert_eq!(data, Value::Null);
    soon("it is listed", || async {
        let listed = gavel.graphql(None, "{ auctions { nodes { id } } }", json!({})).await;
        listed["data"]["auctions"]["nodes"].as_array().is_some_and(|nodes| !nodes.is_empty())
    })
    .await;
    let (data, _) =
        ask("{ me { id } auctions { nodes { id bids(first: 0) { nodes { id } } } } }").await;
    assert_eq!(data, Value::Null);
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_open_or_cancel_is_told_who_may() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    for (user, role) in [("ann", "bidder"), ("another", "seller")] {
        for field in ["openAuction", "cancelAuction"] {
            let answer = gavel.transition(user, role, field, &id).await;
            let error = &answer["errors"][0];
            assert_eq!(code(error), "FORBIDDEN");
            assert_eq!(error["message"], "only its seller or an auctioneer may do this");
        }
    }
    gavel.stop().await.unwrap();
}
