//! One attack: a server of its own, honest clients, then the attacker beside them.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};

use crate::args::{Args, Sources};
use crate::attack::{Attack, GENERATED, Plan, Report, SUBCOMMAND};
use crate::honest::Honest;
use crate::judge::{Bounds, COST_MAX, Measured, Row};
use crate::seed::Store;
use crate::server::{MEMORY_KIB_MAX, SECRET, Server};

/// Honest clients run so long before they are measured: connections, caches, the first polls.
const WARM: Duration = Duration::from_millis(700);
/// Honest clients are still measured for so long after the attack.
const AFTER: Duration = Duration::from_millis(500);
/// What an attacker may take to say what it did, after its time.
const REPORT_TIMEOUT: Duration = Duration::from_secs(15);
const SAMPLE_EVERY: Duration = Duration::from_millis(20);
/// Behind how many other processes the attacker stands.
const NICENESS: &str = "10";

/// Measures and judges one attack.
pub(crate) async fn one(
    args: &Args,
    store: &Store,
    attack: &Attack,
    sources: Sources,
    reference: Option<f64>,
) -> anyhow::Result<Row> {
    let measured = Box::pin(measure(args, store, attack, sources));
    let measured = LocalSet::new().run_until(measured).await;
    let measured = measured.with_context(|| attack.name.to_owned())?;
    let is_generated = attack.name == GENERATED;
    let bounds = Bounds {
        told: attack.told,
        sources,
        slower_max: args.slower,
        memory_mib: match sources {
            Sources::One => args.memory,
            Sources::Sixteen => args.memory_from_sixteen,
        },
        cpu_us_per_kib_max: reference.filter(|_| is_generated).map(|cost| cost * COST_MAX),
    };
    Ok(Row::of(attack.name, &measured, &bounds, load_average()))
}

async fn measure(
    args: &Args,
    store: &Store,
    attack: &Attack,
    sources: Sources,
) -> anyhow::Result<Measured> {
    let data = store.copy()?;
    let program = args.program()?;
    let mut server = Server::start(&program, &data.path().join("data"), &args.server_flag).await?;
    let seconds = args.seconds.max(attack.seconds_min);
    let mut attacker = Attacker::start(&Plan {
        attack: attack.name.to_owned(),
        base: server.base.clone(),
        secret: SECRET.to_owned(),
        honest: store.contents.honest.clone(),
        long: store.contents.long.clone(),
        seconds,
        bytes_per_second: args.rate * 1e6,
        addresses: sources.addresses(),
        seed: args.seed,
    })
    .await?;
    let honest = Honest::start(&server.base, &store.contents.honest).await?;
    sleep(WARM).await;
    let alone_from = Instant::now();
    sleep(args.alone()).await;
    let mut m = Measured::default();
    let refusals_before = server.refusals().await.unwrap_or(0);
    m.memory_before_kib = server.memory_kib();
    server.reset_peak()?;
    let (cpu_before, logged_before) = (server.cpu(), server.logged());

    let began = Instant::now();
    attacker.begin().await?;
    let length = Duration::from_secs_f64(seconds);
    while began.elapsed() < length {
        sleep(SAMPLE_EVERY).await;
        if let Some(how) = server.ended() {
            m.died = Some(format!("{how} after {:.1} s", began.elapsed().as_secs_f64()));
            break;
        }
        if server.memory_kib() > MEMORY_KIB_MAX {
            m.memory_peak_kib = server.memory_peak_kib();
            let seconds = began.elapsed().as_secs_f64();
            m.died = Some(format!("ended by the harness at 3 GiB after {seconds:.1} s"));
            server.kill().await;
            break;
        }
        // Its last figures, should it end.
        m.memory_peak_kib = m.memory_peak_kib.max(server.memory_peak_kib());
        m.cpu = m.cpu.max(server.cpu().saturating_sub(cpu_before));
    }
    let report = attacker.report().await;
    sleep(AFTER).await;
    let until = Instant::now();
    if m.died.is_none() {
        honest.settle(until).await;
        m.died = server.ended();
    }
    m.memory_peak_kib = m.memory_peak_kib.max(server.memory_peak_kib());
    m.cpu = m.cpu.max(server.cpu().saturating_sub(cpu_before));
    m.log_bytes = server.logged().saturating_sub(logged_before);
    m.alone = honest.latencies(alone_from, began);
    m.under = honest.latencies(began, until);
    m.failures = honest.failures(alone_from, until);
    if m.died.is_none() {
        m.refusals = server.refusals().await.unwrap_or(0).saturating_sub(refusals_before);
        drop(honest);
        // The attacker still holds whatever it has open.
        m.end = Some(server.terminate().await);
    }
    attacker.stop().await;
    let report = report?;
    m.sent_bytes = report.sent_bytes;
    m.received_bytes = report.received_bytes;
    m.requests = report.requests;
    m.answers = report.answers;
    Ok(m)
}

/// How many processes want a processor, on average over the last minute.
fn load_average() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0.0)
}

/// The attacker's process.
struct Attacker {
    process: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Attacker {
    /// Starts it; it waits for [`Attacker::begin`].
    async fn start(plan: &Plan) -> anyhow::Result<Self> {
        let mut command = Command::new("nice");
        command.args(["-n", NICENESS]).arg(std::env::current_exe()?).arg(SUBCOMMAND);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().context("nice")?;
        let mut stdin = process.stdin.take().context("no standard input")?;
        let stdout = process.stdout.take().context("no standard output")?;
        let mut stdout = BufReader::new(stdout).lines();
        stdin.write_all(format!("{}\n", serde_json::to_string(plan)?).as_bytes()).await?;
        match timeout(REPORT_TIMEOUT, stdout.next_line()).await?? {
            Some(ready) if ready == "ready" => Ok(Self { process, stdin, stdout }),
            other => bail!("the attacker does not start: {other:?}"),
        }
    }

    async fn begin(&mut self) -> anyhow::Result<()> {
        Ok(self.stdin.write_all(b"begin\n").await?)
    }

    async fn report(&mut self) -> anyhow::Result<Report> {
        let line = timeout(REPORT_TIMEOUT, self.stdout.next_line()).await;
        let line = line.context("the attacker")??.context("the attacker ended")?;
        Ok(serde_json::from_str(&line)?)
    }

    async fn stop(mut self) {
        drop(self.stdin);
        if timeout(REPORT_TIMEOUT, self.process.wait()).await.is_err() {
            self.process.kill().await.ok();
        }
    }
}
