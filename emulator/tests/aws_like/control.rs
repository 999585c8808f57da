//! The control endpoint, scripts and the binary's flags.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Command as Process, Stdio};

use dynamodb_emulator::{Behaviour, Command, Emulator, Options, Step};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Clients, until};
use crate::{sharded, start};

const JSON: &str = "application/json";

/// One plain HTTP request: its status and its body.
async fn http(at: SocketAddr, method: &str, content_type: &str, body: &str) -> (u16, String) {
    let mut socket = tokio::net::TcpStream::connect(at).await.unwrap();
    let length = body.len();
    let request = format!(
        "{method} /_control HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         Content-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    let status = answer[9..12].parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

#[tokio::test]
async fn the_endpoint_takes_commands_and_tells_the_status() {
    let (emulator, on) = start(sharded(1)).await;
    let arn = on.create_table("table").await;
    on.shards(&arn).await;
    let at = emulator.address();
    let commands = r#"[{"command": "roll"}, {"command": "fault", "kind": "internal_error"}]"#;
    assert_eq!(http(at, "POST", JSON, commands).await, (200, "{}".to_owned()));
    on.db.list_tables().send().await.unwrap_err();
    let (status, body) = http(at, "GET", JSON, "").await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &body["seed"]), (200, &7.into()));
    assert_eq!(body["faults"]["internal_error"], 1);
    assert_eq!(body["streams"][0]["shards"].as_array().unwrap().len(), 2);
    emulator.shutdown().await;
}

#[tokio::test]
async fn the_endpoint_refuses_what_it_does_not_understand() {
    let (emulator, _on) = start(Behaviour::default()).await;
    let at = emulator.address();
    for (content_type, body, status) in [
        (JSON, r#"{"command": "nonsense"}"#, 400),
        (JSON, "not json", 400),
        (JSON, r#"{"command": "stall", "for_ms": 1, "tabel": "misspelt"}"#, 400),
        (JSON, r#"{"command": "split"}"#, 409),
        (JSON, r#"{"command": "fault", "kind": "lost_answer", "rate": 2}"#, 409),
        ("text/plain", r#"{"command": "drop_connections"}"#, 415),
    ] {
        let (answered, told) = http(at, "POST", content_type, body).await;
        assert_eq!(answered, status, "{body}: {told}");
        assert!(told.contains("error"), "{told}");
    }
    emulator.shutdown().await;
    let quiet = Emulator::start(Options::default()).await.unwrap();
    let refused = http(quiet.address(), "POST", JSON, r#"{"command": "drop_connections"}"#).await;
    assert_eq!(refused.0, 400, "off by default: {}", refused.1);
    quiet.shutdown().await;
}

#[tokio::test]
async fn a_script_is_followed() {
    let fault: Command =
        serde_json::from_str(r#"{"command": "fault", "kind": "internal_error", "count": 1}"#)
            .unwrap();
    let script = vec![Step { at_ms: 50, every_ms: None, command: fault }];
    let (emulator, on) = start(Behaviour { script, ..Behaviour::default() }).await;
    until("the step", async || on.db.list_tables().send().await.is_err()).await;
    assert!(emulator.control().status().uptime_ms >= 50);
    on.db.list_tables().send().await.unwrap();
    emulator.shutdown().await;
}

/// A running binary, killed in the end whatever happens.
struct Binary(std::process::Child);

impl Drop for Binary {
    fn drop(&mut self) {
        if self.0.kill().is_ok() {
            drop(self.0.wait());
        }
    }
}

#[tokio::test]
async fn the_binary_takes_flags_prints_its_endpoint_and_ends_on_sigterm() {
    let mut binary = Binary(
        Process::new(env!("CARGO_BIN_EXE_dynamodb-emulator"))
            .args(["--port", "0", "--profile", "aws-like", "--latency", "none", "--shards", "3"])
            .args(["--seed", "11", "--control", "--fault", "internal_error:on=writes,count=1"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut line = String::new();
    BufReader::new(binary.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let endpoint = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap();
    assert!(line.contains("seed 11"), "{line}");
    let on = Clients::new(endpoint).await;
    let arn = on.create_table("table").await;
    assert_eq!(on.shards(&arn).await.len(), 3);
    let put = on.db.put_item().table_name("table").item("pk", crate::support::s("a"));
    let put = put.item("sk", crate::support::s("1"));
    put.clone().send().await.unwrap_err();
    put.send().await.unwrap();
    let pid = binary.0.id().to_string();
    assert!(Process::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(binary.0.wait().unwrap().success());
}

#[tokio::test]
async fn a_wrong_flag_is_one_line_and_no_start() {
    for flags in [
        ["--fault", "nonsense"],
        ["--script", "/does/not/exist"],
        ["--fault", "lost_answer:rate=7"],
        ["--shards", "-1"],
        ["--shards", "257"],
        ["--roll-every-ms", "0"],
    ] {
        let mut binary = Binary(
            Process::new(env!("CARGO_BIN_EXE_dynamodb-emulator"))
                .args(["--port", "0"])
                .args(flags)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap(),
        );
        until("the end", async || binary.0.try_wait().unwrap().is_some()).await;
        assert!(!binary.0.wait().unwrap().success());
        let (mut out, mut told) = (String::new(), String::new());
        binary.0.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        binary.0.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        assert!(out.is_empty(), "{flags:?}");
        let name = flags[0].trim_start_matches('-');
        let told = told.lines().next().unwrap_or_default();
        assert!(told.contains(flags[1]) || told.contains(name), "{told}");
    }
}

#[tokio::test]
async fn the_binary_rolls_and_splits_on_a_schedule() {
    let mut binary = Binary(
        Process::new(env!("CARGO_BIN_EXE_dynamodb-emulator"))
            .args(["--port", "0", "--roll-every-ms", "40", "--split-every-ms", "70"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut line = String::new();
    BufReader::new(binary.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let endpoint = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap();
    let on = Clients::new(endpoint).await;
    let arn = on.create_table("table").await;
    until("a shard rolled and one split", async || {
        let shards = on.shards(&arn).await;
        let mut children: BTreeMap<String, usize> = BTreeMap::new();
        for parent in shards.iter().filter_map(|shard| shard.parent_shard_id.clone()) {
            *children.entry(parent).or_default() += 1;
        }
        children.values().any(|count| *count == 1) && children.values().any(|count| *count == 2)
    })
    .await;
}
