//! Budgets of work and of bytes: what a document, a subscription, a socket, a user and an address may
//! ask for.

use std::time::Duration;

use e2e::child::Child;
use e2e::code;
use e2e::socket::Socket;
use futures_util::{StreamExt as _, stream};
use gavel_server::limits;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::{JSON, WATCH, ask, document_edge, first, laden, limit_case, send, socket};

const UPDATES: &str = "subscription($id: ID!) { auctionUpdated(auctionId: $id) { ";

#[tokio::test(flavor = "multi_thread")]
async fn the_bytes_of_a_document() {
    let of = |bytes: usize| format!("{{ serverTime }}{}", " ".repeat(bytes - 14));
    document_edge(&["--query-bytes", "16384"], &of(16_384), &of(16_385)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nodes_of_a_document() {
    let of = |n: usize| format!("{{ {} }}", "serverTime ".repeat(n));
    document_edge(&["--query-nodes", "20"], &of(19), &of(20)).await;
    // Each would be an error of validation.
    let arguments: Vec<String> = (0..2_500).map(|n| format!("a{n}:1")).collect();
    let arguments = format!("{{ serverTime({}) }}", arguments.join(" "));
    let fields = format!("{{ serverTime }} fragment f on Query {{ {} }}", "x ".repeat(2_500));
    let server = Child::start(env!("CARGO_BIN_EXE_gavel-child"), &["--query-bytes", "65536"]).await;
    for errors in [arguments, fields] {
        assert_eq!(ask(&server, &errors).await.as_deref(), Some("QUERY_TOO_COMPLEX"));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_variables_of_an_operation() {
    let look = async |server: &Child, variables: Value| {
        let query = "query($id: ID!) { auction(id: $id) { id } }";
        let response = server.graphql(None, query, variables).await;
        code(&response["errors"][0]).to_owned()
    };
    let within = async |server: &Child| {
        // What is not declared is not read, however much it is.
        let variables = json!({ "id": "x".repeat(4_000), "other": vec![0; 100_000] });
        assert_eq!(look(server, variables).await, "NOT_FOUND");
    };
    let above = async |server: &Child, (): &mut ()| {
        for id in [json!("x".repeat(150_000)), json!(vec![0; 1_001])] {
            assert_eq!(look(server, json!({ "id": id })).await, "QUERY_TOO_COMPLEX");
        }
    };
    limit_case(&["--variables-bytes", "4096"]).holds(within, above).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bytes_of_an_answer() {
    // A description takes at most 12.5 KB.
    let of = |first: usize| format!("{{ auctions(first: {first}) {{ nodes {{ description }} }} }}");
    document_edge(&["--answer-bytes", "40000"], &of(3), &of(4)).await;
}

/// A subscription that is allowed, and what is not; each on a socket of its own.
async fn subscription_edge(flags: &[&str], allowed: &str, more: &[&str]) {
    let within = async |server: &Child| {
        let id = server.auction(json!({})).await;
        let mut socket = socket(server).await;
        socket.subscribe("1", allowed, json!({ "id": id })).await;
        socket.next("1").await;
        (socket, id)
    };
    let above = async |_: &Child, (socket, id): &mut (Socket, String)| {
        for more in more {
            socket.subscribe("2", more, json!({ "id": id })).await;
            assert_eq!(code(&socket.error("2").await), "QUERY_TOO_COMPLEX", "{more}");
        }
    };
    limit_case(flags).holds(within, above).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bytes_of_a_subscription() {
    let allowed = format!("{UPDATES} id }} }}");
    let padded = format!("{allowed}{}", " ".repeat(1_000));
    subscription_edge(&["--subscription-bytes", "1024"], &allowed, &[&padded]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_points_of_an_event() {
    let of = |fields: &str| laden(&format!("{UPDATES} {fields} }} }}"));
    let allowed = format!("{UPDATES} id status }} }}");
    let more = of("id status version");
    subscription_edge(&["--subscription-complexity", "3"], &allowed, &[&more]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bytes_of_an_event() {
    let allowed = format!("{UPDATES} description }} }}");
    let more = laden(&format!("{UPDATES} description a: description b: description }} }}"));
    subscription_edge(&[], &allowed, &[&more]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_would_read_the_table() {
    let allowed = format!("{UPDATES} id }} }}");
    let bids = laden(&format!("{UPDATES} bids(first: 1) {{ nodes {{ id }} }} }} }}"));
    let hidden = "subscription($id: ID!) { auctionUpdated(auctionId: $id) { ...f } } \
                  fragment f on Auction { ... on Auction { b: bids { nodes { id } } } }";
    subscription_edge(&[], &allowed, &[&bids, hidden]).await;
}

const LIST: &str = "{ auctions { nodes { id } } }";

/// The answer to a request of 1,260 points, and its status.
async fn list(server: &Child, token: Option<&str>) -> (u16, Value) {
    let body = json!({ "query": LIST }).to_string();
    let bearer = format!("Bearer {}", token.unwrap_or_default());
    match token {
        Some(_) => server.post(body, &[JSON, ("authorization", &bearer)]).await,
        None => server.post(body, &[JSON]).await,
    }
}

/// A second's worth of work, and more: what is too much is told when to come again.
async fn work_edge(flags: &[&str], user: Option<&str>, said: &str) {
    let token = |server: &Child| user.map(|user| server.token(user, &["bidder"]));
    let within = async |server: &Child| {
        // What came before may have used up the budget.
        sleep(Duration::from_millis(2_100)).await;
        for _ in 0..2 {
            let (status, response) = list(server, token(server).as_deref()).await;
            assert_eq!(status, 200, "{response}");
        }
    };
    let above = async |server: &Child, (): &mut ()| {
        let token = token(server);
        let crowd = (0..8).map(async |_| list(server, token.as_deref()).await);
        let answers = futures_util::future::join_all(crowd).await;
        let refused: Vec<_> = answers.iter().filter(|(status, _)| *status == 429).collect();
        assert!(refused.len() >= 4, "{} of 8", refused.len());
        for (_, answer) in refused {
            let error = &answer["errors"][0];
            assert_eq!(code(error), "RATE_LIMITED", "{answer}");
            let after_ms = error["extensions"]["retryAfterMs"].as_u64().unwrap();
            assert!((1..=2_000).contains(&after_ms), "{error}");
            assert!(error["message"].as_str().unwrap().contains(said), "{error}");
        }
    };
    limit_case(&[&["--client-limits", "on"], flags].concat()).rounds(4).holds(within, above).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_work_of_an_address() {
    work_edge(&["--work-per-address", "1500"], None, "your address has used up").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_work_of_a_user() {
    work_edge(&["--work-per-user", "1500"], Some("ann"), "you have used up").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operations_of_a_socket_in_a_second() {
    let send = async |socket: &mut Socket, n: usize| {
        let id = n.to_string();
        socket.subscribe(&id, "{ __typename }", json!({})).await;
        id
    };
    let within = async |server: &Child| {
        let mut socket = socket(server).await;
        for n in 0..10 {
            let id = send(&mut socket, n).await;
            assert_eq!(socket.next(&id).await["data"]["__typename"], "Query");
            assert_eq!(socket.message().await["type"], "complete");
        }
        socket
    };
    let above = async |_: &Child, socket: &mut Socket| {
        sleep(Duration::from_millis(1_100)).await;
        for n in 0..40 {
            send(socket, n).await;
        }
        let (mut answered, mut refused) = (0, 0);
        while answered + refused < 40 {
            let message = socket.message().await;
            match message["type"].as_str() {
                Some("complete") => answered += 1,
                Some("error") => {
                    assert_eq!(code(&message["payload"][0]), "RATE_LIMITED", "{message}");
                    refused += 1;
                }
                _ => {}
            }
        }
        // It is read more slowly, too, so that some of them come in time.
        assert!(answered >= 10 && refused >= 1, "{answered} answered, {refused} refused");
        socket.lives().await;
    };
    let flags = ["--client-limits", "on", "--operations-per-second", "10"];
    limit_case(&flags).rounds(3).holds(within, above).await;
}

/// Requests for these paths over a few connections: what each was answered, and after how long.
async fn crowd(server: &Child, paths: &[&str], count: usize) -> Vec<(u16, Duration)> {
    let ask = |path: &&str| {
        let path = (*path).to_owned();
        async move {
            let began = Instant::now();
            (server.get(&path).await.0, began.elapsed())
        }
    };
    stream::iter(paths.iter().cycle().take(count).map(ask)).buffer_unordered(32).collect().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_no_operation_is_work_of_its_address_all_the_same() {
    let within = async |server: &Child| {
        sleep(Duration::from_millis(1_100)).await;
        assert_eq!(server.get("/nothing").await.0, 404);
    };
    let above = async |server: &Child, (): &mut ()| {
        let paths = ["/nothing", "/graphql", "/graphql?variables=%5B", "/graphql/ws"];
        let answers = crowd(server, &paths, 300).await;
        let refused: Vec<_> = answers.iter().filter(|(status, _)| *status == 429).collect();
        assert!((50..300).contains(&refused.len()), "{} of 300", refused.len());
        // What is refused is late: a connection asks no more than a few times a second.
        assert!(refused.iter().all(|(_, took)| *took >= limits::REFUSAL_PAUSE_MIN));
        assert_eq!(server.get("/healthz").await.0, 200, "health has a budget of its own");
    };
    let flags = ["--client-limits", "on", "--work-per-address", "1500"];
    limit_case(&flags).rounds(3).holds(within, above).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_probes_of_an_address_in_a_second() {
    let within = async |server: &Child| {
        sleep(Duration::from_millis(1_100)).await;
        for path in ["/healthz", "/readyz", "/metrics"] {
            assert_eq!(server.get(path).await.0, 200, "{path}");
        }
    };
    let above = async |server: &Child, (): &mut ()| {
        let answers = crowd(server, &["/healthz"], 200).await;
        let refused: Vec<_> = answers.iter().filter(|(status, _)| *status == 429).collect();
        assert!((20..200).contains(&refused.len()), "{} of 200", refused.len());
        assert!(refused.iter().all(|(_, took)| *took >= limits::REFUSAL_PAUSE_MIN));
        assert_eq!(ask(server, "{ serverTime }").await, None, "nothing else is refused");
    };
    limit_case(&["--client-limits", "on"]).rounds(4).holds(within, above).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_messages_of_a_socket_in_a_second() {
    let within = async |server: &Child| {
        let mut socket = socket(server).await;
        socket.lives().await;
        socket
    };
    let above = async |_: &Child, socket: &mut Socket| {
        let began = Instant::now();
        for n in 0..2_000 {
            socket.send(json!({ "type": "ping", "payload": { "n": n } })).await;
        }
        for n in 0..2_000 {
            assert_eq!(socket.message().await["payload"]["n"], n, "none is lost");
        }
        assert!(began.elapsed() > Duration::from_millis(2_500), "{:?}", began.elapsed());
    };
    limit_case(&["--client-limits", "on"]).rounds(2).holds(within, above).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_different_subscriptions_of_an_address() {
    // Each is told of the one bid, or refused.
    let watch = |n: usize| {
        format!(
            "subscription($id: ID!) {{ a{n}: bidCreated(auctionId: $id, after: 0) {{ sequence }} }}"
        )
    };
    let within = async |server: &Child| {
        let id = server.auction(json!({})).await;
        assert_eq!(server.bid("ann", &id, 1_000).await["__typename"], "BidAccepted");
        let mut first = socket(server).await;
        first.subscribe("1", &watch(1), json!({ "id": id })).await;
        first.next("1").await;
        (first, id)
    };
    let above = async |server: &Child, (_, id): &mut (Socket, String)| {
        let mut other = socket(server).await;
        for n in 2..40 {
            other.subscribe(&n.to_string(), &watch(n), json!({ "id": id })).await;
        }
        // The same as somebody else's costs nothing more.
        other.subscribe("same", &watch(1), json!({ "id": id })).await;
        let (mut refused, mut told) = (0, 0);
        while refused + told < 39 {
            let message = other.message().await;
            if message["type"] == "error" {
                assert_ne!(message["id"], "same", "{message}");
                assert_eq!(code(&message["payload"][0]), "RATE_LIMITED", "{message}");
                refused += 1;
            } else {
                told += 1;
            }
        }
        assert!((18..38).contains(&refused), "{refused} refused");
    };
    let flags = ["--client-limits", "on", "--groups-per-address", "530"];
    let flags = [flags.as_slice(), &["--work-per-address", "0"]].concat();
    limit_case(&flags).rounds(2).holds(within, above).await;
}

/// A socket that was opened by hand, and a part of a message on it.
async fn unfinished(server: &Child, bytes: usize, pings: bool) -> TcpStream {
    let request = "GET /graphql/ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                   sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
                   sec-websocket-protocol: graphql-transport-ws\r\n\r\n";
    let mut stream = send(server, request.as_bytes()).await;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.expect("an answer"));
    }
    assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
    let mut frame;
    if pings {
        // The first frame of a message, and a ping, which is no part of it.
        frame = vec![0x01, 0xff];
        frame.extend((bytes as u64).to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(vec![b' '; bytes]);
        frame.extend([0x89, 0x80, 0, 0, 0, 0]);
    } else {
        // A masked text frame of 100,000 bytes.
        frame = vec![0x81, 0xff];
        frame.extend(100_000_u64.to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(vec![b' '; bytes]);
    }
    stream.write_all(&frame).await.expect("sent");
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn the_unfinished_messages_of_an_address() {
    let within = async |server: &Child| {
        // What was given up before is free a moment later.
        sleep(Duration::from_millis(200)).await;
        let mut whole = socket(server).await;
        whole.subscribe("1", &laden("{ __typename }"), json!({})).await;
        assert_eq!(whole.next("1").await["data"]["__typename"], "Query");
    };
    let above = async |server: &Child, (): &mut ()| {
        // Each takes 16 KiB of 256.
        let mut begun = Vec::new();
        for n in 0..24 {
            begun.push(unfinished(server, 10_000, n % 2 == 0).await);
        }
        let deadline = Instant::now() + Duration::from_secs(2);
        let mut closed = 0;
        for stream in &mut begun {
            let mut head = [0; 2];
            while let Ok(Ok(_)) =
                tokio::time::timeout_at(deadline, stream.read_exact(&mut head)).await
            {
                if head != [0x8a, 0] {
                    assert_eq!((head[0], stream.read_u16().await.unwrap()), (0x88, 1013));
                    closed += 1;
                    break;
                }
            }
        }
        assert!((4..=10).contains(&closed), "{closed} of 24 were closed");
    };
    let flags = ["--client-limits", "on", "--unread-bytes-per-address", "262144"];
    let flags = [flags.as_slice(), &["--init-timeout-ms", "60000"]].concat();
    limit_case(&flags).rounds(2).holds(within, above).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_unfinished_bodies_of_an_address() {
    const HEAD: &str = "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
        content-length: 20000\r\n\r\n";
    let within = async |server: &Child| {
        // What was given up before is free a moment later.
        sleep(Duration::from_millis(200)).await;
        let mut stream = send(server, HEAD.as_bytes()).await;
        let body = format!("{:<20000}", r#"{"query":"{ __typename }"}"#);
        stream.write_all(body.as_bytes()).await.unwrap();
        assert!(first(&mut stream).await.starts_with("HTTP/1.1 200"));
    };
    let above = async |server: &Child, (): &mut ()| {
        // Each takes 16 KiB of 256.
        let half = format!("{HEAD}{:<10000}", "");
        let mut begun = Vec::new();
        for _ in 0..24 {
            begun.push(send(server, half.as_bytes()).await);
        }
        let deadline = Instant::now() + Duration::from_secs(3);
        let mut refused = 0;
        for stream in &mut begun {
            if let Ok(answer) = tokio::time::timeout_at(deadline, first(stream)).await {
                assert!(answer.starts_with("HTTP/1.1 429"), "{answer}");
                refused += 1;
            }
        }
        // Those before may hold a part for a moment.
        assert!((8..=12).contains(&refused), "{refused} of 24 were refused");
    };
    let flags = ["--client-limits", "on", "--unread-bytes-per-address", "262144"];
    limit_case(&flags).rounds(2).holds(within, above).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bids_replayed_in_a_second() {
    const BIDS: u64 = 120;
    let within = async |server: &Child| {
        let id = server.auction(json!({ "minimumIncrement": "1" })).await;
        for n in 0..BIDS {
            let bid = server.bid("ann", &id, 1_000 + n).await;
            assert_eq!(bid["__typename"], "BidAccepted", "{bid}");
        }
        id
    };
    let above = async |server: &Child, id: &mut String| {
        // What came before may have used up the budget, or not.
        let mut socket = socket(server).await;
        let began = Instant::now();
        for round in ["1", "2"] {
            socket.subscribe(round, WATCH, json!({ "id": id })).await;
            for sequence in 1..=BIDS {
                let next = timeout(Duration::from_secs(20), socket.next(round)).await.unwrap();
                assert_eq!(next["data"]["bidCreated"]["sequence"], sequence);
            }
        }
        // 240 bids, of which 100 may come at once.
        assert!(began.elapsed() > Duration::from_secs(5), "{:?}", began.elapsed());
    };
    let flags = ["--client-limits", "on", "--replays-per-second", "20"];
    let flags = [flags.as_slice(), &["--bids-per-user-per-second", "0"]].concat();
    limit_case(&flags).rounds(1).holds(within, above).await;
}
