//! Sockets that say nothing, read nothing, or read too slowly.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use client_sim::service::socket::{Said, Socket as SmallSocket};
use e2e::Socket;
use e2e::child::{Child, Signal};
use e2e::gavel::DEADLINE;
use e2e::raw::{self, RawSocket};
use futures_util::future::join_all;
use gavel_server::limits;
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::{WATCH, limit_case, socket};

/// Frames of two kilobytes each, so that the kernel's buffers hold few.
fn heavy() -> String {
    let fields = (0..50).map(|n| format!("a{n}: receivedAt ")).collect::<Vec<_>>().concat();
    format!("subscription($id: ID!) {{ bidCreated(auctionId: $id, after: 0) {{ {fields} }} }}")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_to_answer_a_ping() {
    let limit = limits::PING_EVERY + limits::PONG_TIMEOUT;
    let within = async |server: &Child| socket(server).await.lives().await;
    let above = async |server: &Child, (): &mut ()| {
        // What is silent answers neither the frame nor the message.
        let silent = async {
            let mut silent = RawSocket::admitted(&server.base).await;
            let began = std::time::Instant::now();
            let (mut frames, mut messages) = (0, 0);
            let code = loop {
                match silent.frame().await.expect("a close comes first") {
                    (raw::PING, _) => frames += 1,
                    (raw::TEXT, text) => {
                        assert!(text.starts_with(br#"{"type":"ping""#));
                        messages += 1;
                    }
                    (_, close) => break u16::from_be_bytes([close[0], close[1]]),
                }
            };
            assert_eq!((code, frames, messages), (1013, 1, 1));
            assert!(began.elapsed() + Duration::from_secs(1) > limit, "{:?}", began.elapsed());
        };
        // One of both is enough, and so is anything else.
        let answering = async {
            let mut by_message = RawSocket::admitted(&server.base).await;
            let mut by_frame = socket(server).await;
            let mut by_any_frame = RawSocket::admitted(&server.base).await;
            for _ in 0..2 {
                while by_message.frame().await.expect("it lives").0 != raw::TEXT {}
                by_message.send(raw::TEXT, br#"{"type":"pong"}"#).await;
                by_frame.ping().await;
                while by_any_frame.frame().await.expect("it lives").0 != raw::TEXT {}
                by_any_frame.send(raw::PING, b"").await;
            }
            // By now each would have been closed for what it has not answered.
            let third = async {
                while by_message.frame().await.expect("it lives").0 != raw::TEXT {}
                while by_any_frame.frame().await.expect("it lives").0 != raw::TEXT {}
                by_frame.ping().await;
            };
            third.await;
            by_frame.lives().await;
        };
        let crowd =
            (0..200).map(|_| async { RawSocket::admitted(&server.base).await.close_code().await });
        let (ends, (), ()) = tokio::join!(join_all(crowd), silent, answering);
        assert!(ends.iter().all(|code| *code == Some(1013)), "{ends:?}");
    };
    limit_case(&[]).rounds(1).holds(within, above).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_for_a_message() {
    let within = async |server: &Child| {
        let mut slow = RawSocket::admitted(&server.base).await;
        slow.send(raw::TEXT_BEGINS, br#"{"type":"#).await;
        // Frames of their own may come between.
        slow.send(raw::PING, b"between").await;
        sleep(Duration::from_secs(1)).await;
        slow.send(0x80, br#""ping"}"#).await;
        let mut answers = Vec::new();
        while answers.len() < 2 {
            let (first, payload) = slow.frame().await.expect("it lives");
            let text = String::from_utf8_lossy(&payload).into_owned();
            answers.extend((first == raw::PONG || text.contains("pong")).then_some(text));
        }
        assert_eq!(answers, ["between", r#"{"type":"pong"}"#]);
    };
    let above = async |server: &Child, (): &mut ()| {
        // With nothing between its frames, and with pings, which are messages of their own.
        let ends = [false, true].map(async |pings| {
            let mut slow = RawSocket::admitted(&server.base).await;
            let began = std::time::Instant::now();
            slow.send(raw::TEXT_BEGINS, b"{").await;
            while began.elapsed() < limits::SOCKET_MESSAGE_TIMEOUT + Duration::from_secs(1) {
                sleep(Duration::from_millis(500)).await;
                // Once the server has closed, the frame may not be taken any more.
                if began.elapsed() < limits::SOCKET_MESSAGE_TIMEOUT {
                    slow.send(raw::GOES_ON, b" ").await;
                    if pings {
                        slow.send(raw::PING, b"").await;
                    }
                }
            }
            slow.send(raw::GOES_ON, b" ").await;
            let code = slow.close_code().await;
            let took = began.elapsed();
            assert!(
                took < limits::PING_EVERY + limits::PONG_TIMEOUT,
                "{took:?}: closed for silence"
            );
            code
        });
        assert_eq!(join_all(ends).await, [Some(1013), Some(1013)]);
    };
    limit_case(&[]).rounds(1).holds(within, above).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pong_in_time_counts_even_if_the_server_stood_still() {
    let server = Child::start(env!("CARGO_BIN_EXE_gavel-child"), &[]).await;
    let mut sockets = join_all((0..20).map(|_| socket(&server))).await;
    join_all(sockets.iter_mut().map(Socket::ping)).await;
    server.signal(Signal::SIGSTOP);
    for socket in &mut sockets {
        socket.send(json!({ "type": "pong" })).await;
    }
    sleep(limits::PONG_TIMEOUT + Duration::from_secs(1)).await;
    server.signal(Signal::SIGCONT);
    join_all(sockets.iter_mut().map(Socket::lives)).await;
    server.stop().await;
}

/// Bids on an auction, many at a time, until it is dropped.
async fn bids_without_end(server: &Child, id: &str) {
    let amount = AtomicU64::new(1000);
    let bidder = async |n: usize| {
        let user = format!("user-{n}");
        let token = server.token(&user, &["bidder"]);
        let mut socket = socket_of(server, &token).await;
        loop {
            let amount = amount.fetch_add(1, Ordering::Relaxed).to_string();
            let input = json!({ "auctionId": id, "amount": amount });
            let bid = "mutation($i: PlaceBidInput!) { placeBid(input: $i) { __typename } }";
            socket.subscribe("1", bid, json!({ "i": input })).await;
            while socket.message().await["type"] != "complete" {}
        }
    };
    let bidders: Vec<()> = join_all((0..24).map(bidder)).await;
    unreachable!("{} bidders ended", bidders.len());
}

async fn socket_of(server: &Child, token: &str) -> e2e::Socket {
    let mut socket = super::upgrade(server).await.unwrap();
    socket.init(Some(token)).await;
    socket
}

#[tokio::test(flavor = "multi_thread")]
async fn the_frames_queued_for_a_subscription() {
    let within = async |server: &Child| {
        let id = server.auction(json!({ "minimumIncrement": "1" })).await;
        let mut reader = socket(server).await;
        reader.subscribe("1", WATCH, json!({ "id": id })).await;
        server.bid("ann", &id, 1000).await;
        assert_eq!(reader.next("1").await["data"]["bidCreated"]["sequence"], 1);
    };
    let above = async |server: &Child, (): &mut ()| {
        let id = server.auction(json!({ "minimumIncrement": "1" })).await;
        let mut slow = SmallSocket::connect_small(&server.base, None).await.unwrap();
        slow.subscribe_as("1", &heavy(), json!({ "id": id })).await.unwrap();
        // Slower than the bids come, but never so slow that nothing can be written.
        let reading = async {
            let mut read = 0_u64;
            loop {
                match slow.next().await.expect("the socket stays") {
                    Said::Next { .. } => read += 1,
                    Said::Error(errors) => return (read, format!("{errors:?}")),
                    other => panic!("the subscription goes on: {other:?}"),
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        let (read, errors) = tokio::select! {
            read = timeout(DEADLINE * 6, reading) => read.expect("it is told"),
            () = bids_without_end(server, &id) => unreachable!(),
        };
        assert!(errors.contains("SLOW_CONSUMER") && errors.contains("resumeAfter"), "{errors}");
        assert!(errors.contains(&read.to_string()), "it resumes after {read}: {errors}");
    };
    limit_case(&[]).rounds(1).holds(within, above).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_in_which_nothing_can_be_written() {
    let heavy = heavy();
    let within = async |server: &Child| {
        let id = server.auction(json!({})).await;
        let mut reader = socket(server).await;
        reader.subscribe("1", &heavy, json!({ "id": id })).await;
        server.bid("ann", &id, 1000).await;
        reader.next("1").await;
    };
    let above = async |server: &Child, (): &mut ()| {
        let id = server.auction(json!({})).await;
        let mut stalled = Vec::new();
        for _ in 0..4 {
            let mut socket = SmallSocket::connect_small(&server.base, None).await.unwrap();
            for n in 0..50 {
                socket.subscribe_as(&n.to_string(), &heavy, json!({ "id": id })).await.unwrap();
            }
            stalled.push(socket);
        }
        let mut sent = 0;
        for n in 0..40 {
            sent += u32::from(server.bid("ann", &id, 1000 + 100 * n).await["bid"].is_object());
        }
        sleep(limits::SOCKET_WRITE_TIMEOUT + limits::CLOSE_TIMEOUT).await;
        for mut socket in stalled {
            let mut frames = 0;
            let reading = async {
                loop {
                    match socket.next().await {
                        Ok(Said::Next { .. } | Said::Error(_)) => frames += 1,
                        Ok(Said::Closed(close)) => break close.map(|(code, _)| code),
                        Ok(Said::Complete) => panic!("the auction goes on"),
                        Err(_) => break None,
                    }
                }
            };
            let end = timeout(DEADLINE, reading).await.expect("its socket ends");
            assert!(end.is_none_or(|code| code == 1013), "{end:?}");
            assert!(frames < 50 * sent, "{frames} frames came, so nothing was dropped");
        }
    };
    limit_case(&[]).rounds(1).holds(within, above).await;
}
