//! Conflicts, throttling and tokens.

use std::time::Duration;

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use dynamodb_emulator::{Behaviour, Command, Delay, Latency, Limits};

use crate::start;
use crate::support::{Clients, put_action, s, until};

/// Transactions that take long enough to meet.
fn slow_transactions() -> Behaviour {
    let transact = Delay::fixed(Duration::from_secs(1));
    Behaviour {
        latency: Latency { transact, ..Latency::none() },
        limits: Limits { conflicts: true, write_units_per_second: 0 },
        ..Behaviour::default()
    }
}

async fn transact(
    on: &Clients,
    token: Option<&str>,
    items: &[&str],
) -> Result<(), TransactWriteItemsError> {
    let actions = items.iter().map(|sk| put_action("table", "a", sk, None)).collect();
    let request = on.db.transact_write_items().set_transact_items(Some(actions));
    let sent = request.set_client_request_token(token.map(str::to_owned)).send().await;
    sent.map(|_| ()).map_err(aws_sdk_dynamodb::error::SdkError::into_service_error)
}

fn reasons(error: TransactWriteItemsError) -> Vec<String> {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else {
        panic!("{error:?}");
    };
    let reasons = cancelled.cancellation_reasons.unwrap();
    reasons.into_iter().map(|reason| reason.code.unwrap()).collect()
}

#[tokio::test]
async fn overlapping_transactions_conflict_and_say_on_which_item() {
    let (emulator, on) = start(slow_transactions()).await;
    on.create_table("table").await;
    let (first, second, apart) = tokio::join!(
        biased;
        transact(&on, None, &["1", "shared"]),
        async {
            came_in(&emulator, 2).await;
            transact(&on, None, &["2", "shared"]).await
        },
        async {
            came_in(&emulator, 3).await;
            transact(&on, None, &["3"]).await
        },
    );
    first.unwrap();
    apart.unwrap();
    assert_eq!(reasons(second.unwrap_err()), ["None", "TransactionConflict"]);
    transact(&on, None, &["2", "shared"]).await.unwrap();
    assert_eq!(emulator.control().status().refusals.conflicts, 1);
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_plain_write_meets_a_transaction() {
    let (emulator, on) = start(slow_transactions()).await;
    on.create_table("table").await;
    let (transacted, put) = tokio::join!(
        biased;
        transact(&on, None, &["1"]),
        async {
            came_in(&emulator, 2).await;
            let put = on.db.put_item().table_name("table").item("pk", s("a")).item("sk", s("1"));
            put.send().await
        }
    );
    transacted.unwrap();
    let refused = put.unwrap_err().into_service_error();
    assert_eq!(refused.code(), Some("TransactionConflictException"));
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_token_in_use_is_in_progress_and_then_idempotent() {
    let (emulator, on) = start(slow_transactions()).await;
    on.create_table("table").await;
    let (first, second) = tokio::join!(
        biased;
        transact(&on, Some("token"), &["1"]),
        async {
            came_in(&emulator, 2).await;
            transact(&on, Some("token"), &["1"]).await
        }
    );
    first.unwrap();
    let second = second.unwrap_err();
    assert!(second.is_transaction_in_progress_exception(), "{second:?}");
    transact(&on, Some("token"), &["1"]).await.unwrap();
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_forgotten_token_lets_the_transaction_run_again() {
    let (emulator, on) = start(Behaviour::default()).await;
    on.create_table("table").await;
    let once = || {
        let action = put_action("table", "a", "1", Some("attribute_not_exists(pk)"));
        on.db.transact_write_items().client_request_token("token").transact_items(action).send()
    };
    once().await.unwrap();
    once().await.unwrap();
    emulator.control().apply(Command::ForgetTokens).unwrap();
    let again = once().await.unwrap_err().into_service_error();
    assert_eq!(reasons(again), ["ConditionalCheckFailed"]);
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_hot_partition_key_is_throttled_and_a_cold_one_is_not() {
    let limits = Limits { conflicts: false, write_units_per_second: 10 };
    let (emulator, on) = start(Behaviour { limits, ..Behaviour::default() }).await;
    on.create_table("table").await;
    let sort_keys: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    let sort_keys: Vec<&str> = sort_keys.iter().map(String::as_str).collect();
    transact(&on, None, &sort_keys).await.expect("what empties the bucket passes");
    // It cost 200 units of 10 a second: 19 seconds are owed.
    let refused = transact(&on, None, &["1"]).await.unwrap_err();
    assert_eq!(reasons(refused), ["ThrottlingError"]);
    let put = on.db.put_item().table_name("table").item("pk", s("a")).item("sk", s("1"));
    let refused = put.send().await.unwrap_err().into_service_error();
    assert_eq!(refused.code(), Some("ThrottlingException"));
    on.put("table", "cold", "1", "v").await;
    assert_eq!(emulator.control().status().refusals.throttled, 2);
    emulator.shutdown().await;
}

/// Resolves when so many calls have come in, the table's creation included.
async fn came_in(emulator: &dynamodb_emulator::Emulator, calls: u64) {
    until("the call before", async || emulator.control().status().calls >= calls).await;
}
