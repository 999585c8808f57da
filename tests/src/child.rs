//! A server under test in a process of its own, so that its memory can be told from the test's.

use std::net::Ipv4Addr;
use std::ops::Deref;
use std::process::Stdio;

pub use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::gavel::{Client, DEADLINE, SECRET, flags_of, soon};

/// Where the harness's own requests come from: not the address of the client under test.
pub const HARNESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

/// A running server.
pub struct Child {
    process: tokio::process::Child,
    /// Held open: the server ends when it closes.
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
    client: Client,
}

impl Deref for Child {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Child {
    /// Starts `program` (the suite's own `gavel-child`) with these flags, and waits until it is ready.
    pub async fn start(program: &str, flags: &[&str]) -> Self {
        Self::start_in(program, flags, &[]).await
    }

    /// The same with these variables in its environment.
    pub async fn start_in(program: &str, flags: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(program);
        command.args(flags_of(flags)).env("GAVEL_JWT_SECRET", SECRET);
        command.envs(variables.iter().copied());
        if std::env::var_os("RUST_LOG").is_none() {
            command.env("RUST_LOG", "error");
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().expect("a process");
        let stdin = process.stdin.take().expect("its standard input");
        let mut stdout = BufReader::new(process.stdout.take().expect("its output")).lines();
        let line = timeout(DEADLINE * 3, stdout.next_line()).await.expect("it starts in time");
        let line = line.expect("its output is text").expect("it starts");
        let url =
            line.strip_prefix("gavel-server listens on ").and_then(|line| line.split(' ').next());
        let url = url.and_then(|url| url.strip_suffix("/graphql")).expect("its first line");
        let child = Self { process, stdin, stdout, client: Client::from(url.to_owned(), HARNESS) };
        soon("the server is ready", || async { child.get("/readyz").await.0 == 200 }).await;
        child
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = self.process.id().and_then(|id| i32::try_from(id).ok()).expect("it runs");
        kill(Pid::from_raw(pid), signal).expect("a signal");
    }

    /// The most memory that it has had so far, in KiB.
    pub fn memory_peak_kib(&self) -> u64 {
        let pid = self.process.id().expect("it runs");
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("/proc");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
        line.trim().trim_end_matches("kB").trim().parse().expect("a number")
    }

    /// Stops it; it must end cleanly.
    pub async fn stop(self) {
        let Self { mut process, stdin, stdout, client: _ } = self;
        drop(stdin);
        let ended = timeout(DEADLINE * 2, process.wait()).await.expect("it ends in time");
        // Its last words are of no use here, but it must be able to say them.
        drop(stdout);
        let ended = ended.expect("its end");
        assert!(ended.success(), "it ended with {ended}");
    }
}
