//! Start, stop and what is left behind.

mod support;

use std::time::{Duration, Instant};

use aws_sdk_dynamodbstreams::types::ShardIteratorType;
use dynamodb_emulator::{Emulator, Options, StartError};
use support::{Clients, put_action, s, sort_keys};

async fn start(options: Options) -> Emulator {
    Emulator::start(options).await.expect("it starts")
}

#[tokio::test]
async fn a_port_in_use_is_said_in_one_line() {
    let first = start(Options::default()).await;
    let listen = first.address();
    let error = Emulator::start(Options { listen, ..Options::default() }).await.unwrap_err();
    assert!(matches!(error, StartError::AddressInUse { address } if address == listen));
    assert!(error.to_string().starts_with(&format!("{listen} is in use")), "{error}");
    first.shutdown().await;
}

#[tokio::test]
async fn a_data_directory_that_is_a_file_is_said_in_one_line() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let data_dir = Some(file.path().to_owned());
    let error = Emulator::start(Options { data_dir, ..Options::default() }).await.unwrap_err();
    assert!(matches!(error, StartError::DataDir { .. }), "{error}");
    assert!(!error.to_string().contains('\n'));
}

#[tokio::test]
async fn a_data_directory_has_one_emulator_at_a_time_and_keeps_its_data() {
    let dir = tempfile::tempdir().unwrap();
    let options = || Options { data_dir: Some(dir.path().to_owned()), ..Options::default() };
    let first = start(options()).await;
    let clients = Clients::new(&first.endpoint()).await;
    let arn = clients.create_table("kept").await;
    clients.put("kept", "a", "1", "v").await;

    let error = Emulator::start(options()).await.unwrap_err();
    assert!(matches!(error, StartError::DataDirLocked { .. }), "{error}");
    first.shutdown().await;

    let second = start(options()).await;
    let clients = Clients::new(&second.endpoint()).await;
    let got = clients.db.get_item().table_name("kept").key("pk", s("a")).key("sk", s("1"));
    assert!(got.send().await.unwrap().item.is_some());
    let shard = clients.shards(&arn).await[0].shard_id.clone().unwrap();
    let start = clients.iterator(&arn, &shard, ShardIteratorType::TrimHorizon, None).await;
    assert_eq!(sort_keys(&clients.read(start, 1).await), ["1"], "the stream is kept too");
    second.shutdown().await;
}

#[tokio::test]
async fn a_drop_frees_the_port_at_once() {
    let emulator = start(Options::default()).await;
    let listen = emulator.address();
    drop(emulator);
    start(Options { listen, ..Options::default() }).await.shutdown().await;
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_the_shutdown() {
    let emulator = start(Options::default()).await;
    let clients = Clients::new(&emulator.endpoint()).await;
    clients.create_table("table").await;
    let half_sent = tokio::net::TcpStream::connect(emulator.address()).await.unwrap();
    half_sent.writable().await.unwrap();
    half_sent.try_write(b"POST / HTTP/1.1\r\n").unwrap();
    tokio::time::timeout(Duration::from_secs(5), emulator.shutdown()).await.unwrap();
}

#[tokio::test]
async fn the_transact_delay_delays_transactions_and_nothing_else() {
    let delay = Duration::from_secs(1);
    let emulator = start(Options { transact_delay: delay, ..Options::default() }).await;
    let clients = Clients::new(&emulator.endpoint()).await;
    clients.create_table("table").await;
    let began = Instant::now();
    let transact =
        clients.db.transact_write_items().transact_items(put_action("table", "a", "1", None));
    let (transacted, put_ended) = tokio::join!(transact.send(), async {
        clients.put("table", "b", "1", "v").await;
        began.elapsed()
    });
    transacted.unwrap();
    assert!(began.elapsed() >= delay);
    assert!(put_ended < delay, "a put waited for another's transaction: {put_ended:?}");
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_request_without_credentials_or_target_is_refused() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let emulator = start(Options::default()).await;
    for (head, expected) in [
        ("X-Amz-Target: DynamoDB_20120810.Nonsense\r\n", "UnknownOperationException"),
        ("X-Amz-Target: DynamoDB_20120810.ListTables\r\n", "MissingAuthenticationToken"),
    ] {
        let mut socket = tokio::net::TcpStream::connect(emulator.address()).await.unwrap();
        let request = format!(
            "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{head}Content-Type: application/x-amz-json-1.0\r\nContent-Length: 2\r\n\r\n{{}}"
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains(expected), "{answer}");
    }
    emulator.shutdown().await;
}
