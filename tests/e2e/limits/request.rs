//! The limits of a request.

use e2e::Socket;
use e2e::child::Child;
use gavel_server::limits;
use serde_json::{Value, json};

use super::{
    BALLAST_BYTES, JSON, ask, code, document_edge, first, laden, limit_case, send, socket,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_body_of_a_request() {
    let body = |bytes: usize| {
        let plain = json!({ "query": "{ serverTime }" }).to_string();
        format!("{plain}{}", " ".repeat(bytes - plain.len()))
    };
    let flags = ["--http-body-bytes", "131072"];
    let within = async |server: &Child| {
        assert_eq!(server.post(body(131_072), &[JSON]).await.0, 200);
    };
    let above = async |server: &Child, (): &mut ()| {
        let (status, response) = server.post(body(131_073), &[JSON]).await;
        assert_eq!((status, code(&response["errors"][0])), (413, "BAD_REQUEST"));
    };
    limit_case(&flags).holds(within, above).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_head_of_a_request() {
    let begun = |bytes: usize| {
        let start = "GET /healthz HTTP/1.1\r\nhost: x\r\nx-long: ";
        format!("{start}{}", "x".repeat(bytes - start.len()))
    };
    let most = limits::HTTP_HEAD_BYTES_MAX;
    let within = async |server: &Child| {
        let whole = format!("{}\r\n\r\n", begun(most - 4));
        let answer = first(&mut send(server, whole.as_bytes()).await).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    };
    let above = async |server: &Child, (): &mut ()| {
        // As many bytes, and its end is not among them.
        let answer = first(&mut send(server, begun(most).as_bytes()).await).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    };
    limit_case(&[]).rounds(400).holds(within, above).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_depth_of_a_query() {
    let of = |inner: &str| format!("{{ auctions {{ nodes {{ {inner} }} }} }}");
    let deeper = of("bids { totalCount: pageInfo { hasNextPage } }");
    document_edge(&["--query-depth", "3"], &of("id"), &deeper).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_complexity_of_a_query() {
    // An operation costs 20 points, a page 1,200, and its fields as often as it asks for them.
    let of = |first: usize| format!("{{ auctions(first: {first}) {{ nodes {{ id }} }} }}");
    document_edge(&["--query-complexity", "1240"], &of(10), &of(11)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_selections_of_a_document() {
    let of = |n: usize| format!("{{ {} }}", "serverTime ".repeat(n));
    document_edge(&["--query-selections", "20"], &of(20), &of(21)).await;
    // The same as it comes.
    document_edge(&[], &of(1_900), &of(2_001)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_aliases_of_a_document() {
    let of = |n: usize| {
        let each = (0..n).map(|n| format!("a{n}: serverTime ")).collect::<Vec<_>>().concat();
        format!("{{ {each} }}")
    };
    document_edge(&["--query-aliases", "5"], &of(5), &of(6)).await;
    // The same as it comes.
    document_edge(&[], &of(50), &of(51)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bomb_of_fragments() {
    // Thirty fragments that spread the next one twice: a thousand million fields in 2 KB.
    let doubling = |n: usize| format!("fragment f{n} on Query {{ ...f{0} ...f{0} }} ", n + 1);
    let bomb = (0..30).map(doubling).collect::<Vec<_>>().concat();
    let bomb = format!("{{ ...f0 }} {bomb} fragment f30 on Query {{ serverTime }}");
    let small = "{ ...f } fragment f on Query { serverTime }";
    document_edge(&[], small, &bomb).await;
    let within = async |server: &Child| socket(server).await;
    let above = async |_: &Child, socket: &mut Socket| {
        socket.subscribe("1", &laden(&bomb), json!({})).await;
        assert_eq!(code(&socket.error("1").await), "QUERY_TOO_COMPLEX");
    };
    limit_case(&[]).holds(within, above).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_directives_of_a_field() {
    let one = "{ serverTime @include(if: true) }";
    let two = "{ serverTime @include(if: true) @skip(if: false) }";
    document_edge(&["--query-directives", "1"], one, two).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_connection() {
    let within = async |server: &Child| {
        let id = server.auction(json!({})).await;
        for query in [
            "{ auctions(first: 100) { nodes { id } } }".to_owned(),
            format!("{{ auction(id: \"{id}\") {{ bids(first: 100) {{ nodes {{ id }} }} }} }}"),
        ] {
            assert_eq!(ask(server, &query).await, None);
        }
        id
    };
    let above = async |server: &Child, id: &mut String| {
        for query in [
            "{ auctions(first: 101) { nodes { id } } }".to_owned(),
            format!("{{ auction(id: \"{id}\") {{ bids(first: 101) {{ nodes {{ id }} }} }} }}"),
        ] {
            let refused = ask(server, &laden(&query)).await;
            assert_eq!(refused.as_deref(), Some("BAD_REQUEST"));
        }
    };
    limit_case(&[]).holds(within, above).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ids_of_a_list_of_auctions() {
    let of = |id: &str, count: usize| {
        let ids = vec![id; count];
        format!("{{ auctions(ids: {ids:?}, first: 100) {{ nodes {{ id }} }} }}")
    };
    let most = limits::AUCTION_IDS_MAX;
    let within = async |server: &Child| {
        let id = server.auction(json!({})).await;
        assert_eq!(ask(server, &of(&id, most)).await, None);
        id
    };
    let above = async |server: &Child, id: &mut String| {
        let refused = ask(server, &laden(&of(id, most + 1))).await;
        assert_eq!(refused.as_deref(), Some("BAD_REQUEST"));
    };
    limit_case(&[]).holds(within, above).await;
}

/// A good token of at least so many bytes, as few as its encoding can have.
fn token(server: &Child, bytes: usize) -> String {
    let of = |padding: usize| {
        let exp = client_sim::clock::now_us() / 1_000_000 + 3600;
        let padding = "x".repeat(padding);
        server.sign(&json!({ "sub": "ann", "roles": ["bidder"], "exp": exp, "padding": padding }))
    };
    let bare = of(0).len();
    (0..16).map(|more| of((bytes - bare) * 3 / 4 - 3 + more)).find(|t| t.len() >= bytes).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token() {
    let most = limits::TOKEN_BYTES_MAX;
    let ask = async |server: &Child, token: &str, query: &str| {
        let bearer = format!("Bearer {token}");
        let body = json!({ "query": query }).to_string();
        server.post(body, &[JSON, ("authorization", bearer.as_str())]).await
    };
    let within = async |server: &Child| {
        let token = token(server, most);
        assert_eq!(token.len(), most, "the encoding can have this length");
        let (status, response) = ask(server, &token, "{ me { id } }").await;
        assert_eq!((status, &response["data"]["me"]["id"]), (200, &json!("ann")), "{response}");
        socket_of(server, &token).await.lives().await;
    };
    let above = async |server: &Child, (): &mut ()| {
        let token = token(server, most + 1);
        let (status, response) = ask(server, &token, &laden("{ me { id } }")).await;
        assert_eq!((status, code(&response["errors"][0])), (401, "UNAUTHENTICATED"));
        let mut socket = super::upgrade(server).await.unwrap();
        socket.begin(Some(&token)).await;
        assert_eq!(socket.closed().await.0, 4403);
    };
    limit_case(&[]).holds(within, above).await;
}

async fn socket_of(server: &Child, token: &str) -> Socket {
    let mut socket = super::upgrade(server).await.unwrap();
    socket.init(Some(token)).await;
    socket
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key() {
    let most = limits::IDEMPOTENCY_KEY_BYTES_MAX;
    let bid = "mutation($i: PlaceBidInput!) { placeBid(input: $i) { __typename } }";
    let place = async |server: &Child, id: &str, query: &str, key: usize| -> Value {
        let token = server.token("ann", &["bidder"]);
        let key = "k".repeat(key);
        let input = json!({ "auctionId": id, "amount": "1000", "idempotencyKey": key });
        server.graphql(Some(&token), query, json!({ "i": input })).await
    };
    let within = async |server: &Child| {
        let id = server.auction(json!({})).await;
        let placed = place(server, &id, bid, most).await;
        assert_eq!(placed["data"]["placeBid"]["__typename"], "BidAccepted", "{placed}");
        id
    };
    let above = async |server: &Child, id: &mut String| {
        for bytes in [most + 1, BALLAST_BYTES / 3, 0] {
            let refused = place(server, id, &laden(bid), bytes).await;
            assert_eq!(code(&refused["errors"][0]), "BAD_REQUEST", "{bytes}");
        }
    };
    limit_case(&[]).holds(within, above).await;
}
