//! Calls that go wrong.

use std::time::Duration;

use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use dynamodb_emulator::{Behaviour, Command, Emulator, FaultKind, FaultRule, Target};

use crate::start;
use crate::support::{Clients, s, until};

/// What became of one put, and whether the item is there afterwards.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Answered,
    Refused(String),
    NoAnswer,
}

/// Long enough for an answer that comes at all, on a busy machine too.
const GIVE_UP: Duration = Duration::from_secs(1);

async fn put_under(emulator: &Emulator, on: &Clients, rule: FaultRule) -> (Outcome, bool) {
    emulator.control().apply(Command::Fault(rule)).unwrap();
    let timeouts = TimeoutConfig::builder().operation_timeout(GIVE_UP).build();
    let put = on.db.put_item().table_name("table").item("pk", s("a")).item("sk", s("1"));
    let put = put
        .customize()
        .config_override(aws_sdk_dynamodb::config::Builder::new().timeout_config(timeouts))
        .send()
        .await;
    let outcome = match put {
        Ok(_) => Outcome::Answered,
        Err(SdkError::ServiceError(refused)) => {
            Outcome::Refused(refused.err().code().unwrap().to_owned())
        }
        Err(_) => Outcome::NoAnswer,
    };
    emulator.control().apply(Command::ClearFaults).unwrap();
    let key = |get: aws_sdk_dynamodb::operation::get_item::builders::GetItemFluentBuilder| {
        get.table_name("table").key("pk", s("a")).key("sk", s("1"))
    };
    let got = key(on.db.get_item()).consistent_read(true).send().await.unwrap();
    let delete = on.db.delete_item().table_name("table").key("pk", s("a")).key("sk", s("1"));
    delete.send().await.unwrap();
    (outcome, got.item.is_some())
}

#[tokio::test]
async fn each_fault_says_truly_whether_the_write_happened() {
    let (emulator, on) = start(Behaviour::default()).await;
    on.create_table("table").await;
    let refused = |name: &str| Outcome::Refused(name.to_owned());
    for (kind, outcome, written) in [
        (FaultKind::InternalError, refused("InternalServerError"), false),
        (FaultKind::InternalErrorAfter, refused("InternalServerError"), true),
        (FaultKind::Throttled, refused("ThrottlingException"), false),
        (FaultKind::DropConnection, Outcome::NoAnswer, false),
        (FaultKind::DropAnswer, Outcome::NoAnswer, true),
        (FaultKind::LostRequest, Outcome::NoAnswer, false),
        (FaultKind::LostAnswer, Outcome::NoAnswer, true),
    ] {
        let rule = FaultRule::new(kind).on(Target::Writes);
        assert_eq!(put_under(&emulator, &on, rule).await, (outcome, written), "{kind:?}");
        assert_eq!(emulator.control().status().faults[&kind], 1);
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_write_goes_on_after_its_client_has_given_up() {
    let (emulator, on) = start(Behaviour::default()).await;
    on.create_table("table").await;
    let slow = FaultRule::new(FaultKind::SlowRequest).delay(GIVE_UP * 3);
    let (outcome, written_yet) = put_under(&emulator, &on, slow.on(Target::Writes)).await;
    assert_eq!((outcome, written_yet), (Outcome::NoAnswer, false));
    let get = || on.db.get_item().table_name("table").key("pk", s("a")).key("sk", s("1")).send();
    until("the write", async || get().await.unwrap().item.is_some()).await;
    emulator.shutdown().await;
}

#[tokio::test]
async fn the_same_seed_makes_the_same_calls_fail() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let faults = vec![FaultRule::new(FaultKind::InternalError).rate(0.5).on(Target::Writes)];
        let (emulator, on) = start(Behaviour { faults, ..Behaviour::default() }).await;
        assert_eq!(emulator.control().seed(), 7);
        on.create_table("table").await;
        let mut run = Vec::new();
        for n in 0..30 {
            let put = on.db.put_item().table_name("table").item("pk", s("a"));
            run.push(put.item("sk", s(&n.to_string())).send().await.is_ok());
        }
        emulator.shutdown().await;
        runs.push(run);
    }
    assert_eq!(runs[0], runs[1]);
    assert!(runs[0].contains(&true) && runs[0].contains(&false));
}

#[tokio::test]
async fn dropped_connections_do_not_keep_clients_away() {
    let (emulator, on) = start(Behaviour::default()).await;
    on.create_table("table").await;
    let slow = FaultRule::new(FaultKind::SlowAnswer).delay(Duration::from_secs(20));
    emulator.control().apply(Command::Fault(slow)).unwrap();
    let calls = emulator.control().status().calls;
    let (listed, ()) = tokio::join!(on.db.list_tables().send(), async {
        until("the call", async || emulator.control().status().calls > calls).await;
        emulator.control().apply(Command::DropConnections).unwrap();
    });
    assert!(matches!(listed, Err(SdkError::DispatchFailure(_))), "{listed:?}");
    emulator.control().apply(Command::ClearFaults).unwrap();
    on.db.list_tables().send().await.unwrap();
    emulator.shutdown().await;
}
