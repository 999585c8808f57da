//! A store that conflicts, loses answers, or is gone.

use dynamodb_emulator::{
    Behaviour, Command, Emulator, FaultKind, FaultRule, Limits, Options, Target,
};
use e2e::{Gavel, code};
use futures_util::future::join_all;
use serde_json::json;

async fn store() -> Emulator {
    let behaviour = Behaviour { limits: Limits::aws(), ..Behaviour::default() };
    Emulator::start(Options { behaviour, ..Options::default() }).await.unwrap()
}

fn fault(emulator: &Emulator, kind: FaultKind, count: u64) {
    let rule = FaultRule::new(kind).on(Target::Transactions).count(count);
    emulator.control().apply(Command::Fault(rule)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_is_one_bid_with_or_without_a_key() {
    let emulator = store().await;
    let gavel = Gavel::with(&["--dynamodb", &emulator.endpoint()]).await;
    let id = gavel.auction(json!({})).await;
    for (n, kind) in (1_u64..).zip([
        FaultKind::DropAnswer,
        FaultKind::InternalErrorAfter,
        FaultKind::InternalError,
        FaultKind::DropConnection,
        FaultKind::TransactionConflict,
        FaultKind::TransactionInProgress,
        FaultKind::Throttled,
    ]) {
        fault(&emulator, kind, 1);
        if n % 2 == 0 {
            // Sent again as if it were new: the version says what became of the first.
            emulator.control().apply(Command::ForgetTokens).unwrap();
        }
        let mut input = json!({ "auctionId": id, "amount": (900 + 100 * n).to_string() });
        if n % 3 == 0 {
            input["idempotencyKey"] = json!(format!("k{n}"));
        }
        let answer = gavel.bid_with("ann", input).await;
        assert_eq!(answer["bid"]["sequence"], n, "{kind:?}: {answer}");
    }
    gavel.stop().await.unwrap();
    emulator.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_told_as_not_written_and_ends_when_the_store_is_back() {
    let emulator = store().await;
    let gavel = Gavel::with(&["--dynamodb", &emulator.endpoint()]).await;
    let id = gavel.auction(json!({})).await;
    gavel.bid("ann", &id, 1000).await;
    let down = FaultRule::new(FaultKind::Throttled).on(Target::All);
    emulator.control().apply(Command::Fault(down)).unwrap();
    let bids = (0..10).map(|n| gavel.bid("bob", &id, 2000 + 100 * n));
    for answer in join_all(bids).await {
        assert_eq!(code(&answer), "STORE_UNAVAILABLE", "{answer}");
        assert_eq!(answer["extensions"]["retryable"], true);
    }
    emulator.control().apply(Command::ClearFaults).unwrap();
    let answer = gavel.bid("bob", &id, 1100).await;
    assert_eq!(answer["bid"]["sequence"], 2, "nothing was written meanwhile: {answer}");
    gavel.stop().await.unwrap();
    emulator.shutdown().await;
}
