//! `dynamodb-emulator`: the embedded DynamoDB as a separate process.

use std::io::IsTerminal as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use dynamodb_emulator::{Behaviour, Command, Emulator, FaultRule, Latency, Options, Step};
use serde::de::DeserializeOwned;
use tokio::signal::unix::{SignalKind, signal};

/// A local DynamoDB with Streams, for the unmodified AWS SDK.
#[derive(Debug, Parser)]
#[command(version)]
struct Flags {
    /// Address to listen on.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// Port to listen on; 0 chooses a free one.
    #[arg(long, default_value_t = 8000)]
    port: u16,
    /// Directory of the database; without it the database is temporary.
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Largest size of a temporary database, in MiB; beyond it writes are refused.
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
    temporary_max_mib: u64,
    /// Milliseconds added to each `TransactWriteItems`.
    #[arg(long, default_value_t = 0)]
    transact_delay_ms: u64,
    /// Behaviour to start from; the options below change it.
    #[arg(long, value_enum, default_value_t = Profile::Plain)]
    profile: Profile,
    /// JSON file with a behaviour (docs/EMULATOR.md), used instead of a profile.
    #[arg(long, conflicts_with = "profile")]
    behaviour: Option<PathBuf>,
    /// How long calls take.
    #[arg(long, value_enum)]
    latency: Option<LatencyName>,
    /// Shards that a stream starts with; 0 uses the single shard of the engine,
    /// which can neither close nor lag.
    #[arg(long)]
    shards: Option<u32>,
    /// Replaces a shard with a new one at this interval, in milliseconds.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    roll_every_ms: Option<u64>,
    /// Splits a shard in two at this interval, in milliseconds.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    split_every_ms: Option<u64>,
    /// A fault such as `lost_answer:rate=0.01,on=writes`; may be repeated.
    #[arg(long)]
    fault: Vec<FaultRule>,
    /// JSON file with a list of steps (docs/EMULATOR.md).
    #[arg(long)]
    script: Option<PathBuf>,
    /// Seed of everything random; by default a new one at each start.
    #[arg(long)]
    seed: Option<u64>,
    /// Serves the control endpoint `/_control` to anyone who can reach the port.
    #[arg(long)]
    control: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Profile {
    /// As fast as possible, with one shard and no limits.
    Plain,
    /// The latencies, shards and limits of AWS.
    AwsLike,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LatencyName {
    /// No delay is added.
    None,
    /// The latencies published for AWS.
    Aws,
}

impl Flags {
    fn options(self) -> Result<Options> {
        let mut behaviour = match (&self.behaviour, self.profile) {
            (Some(file), _) => read_json(file)?,
            (None, Profile::Plain) => Behaviour::default(),
            (None, Profile::AwsLike) => Behaviour::aws_like(),
        };
        match self.latency {
            None => {}
            Some(LatencyName::None) => behaviour.latency = Latency::none(),
            Some(LatencyName::Aws) => behaviour.latency = Latency::aws(),
        }
        if let Some(shards) = self.shards {
            behaviour.streams.shards = shards;
        } else if self.latency.is_some()
            || self.roll_every_ms.is_some()
            || self.split_every_ms.is_some()
        {
            // Each of these needs streams managed by the emulator.
            behaviour.streams.shards = behaviour.streams.shards.max(1);
        }
        behaviour.faults.extend(self.fault);
        if let Some(file) = &self.script {
            behaviour.script.extend(read_json::<Vec<Step>>(file)?);
        }
        let again = |every_ms, command| Step { at_ms: every_ms, every_ms: Some(every_ms), command };
        if let Some(every) = self.roll_every_ms {
            behaviour.script.push(again(every, Command::Roll { shard: None, table: None }));
        }
        if let Some(every) = self.split_every_ms {
            behaviour.script.push(again(every, Command::Split { shard: None, table: None }));
        }
        Ok(Options {
            listen: SocketAddr::new(self.host, self.port),
            data_dir: self.data_dir,
            temporary_bytes_max: self.temporary_max_mib * 1024 * 1024,
            transact_delay: Duration::from_millis(self.transact_delay_ms),
            behaviour,
            seed: self.seed,
            control: self.control,
        })
    }
}

fn read_json<T: DeserializeOwned>(file: &Path) -> Result<T> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    serde_json::from_str(&text).with_context(|| file.display().to_string())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_ansi(colours).with_writer(std::io::stderr).init();
    match run(Flags::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dynamodb-emulator: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(flags: Flags) -> Result<()> {
    // Registered before the start, so that no signal is missed.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let options = flags.options()?;
    // Its message already contains the cause.
    let emulator = Emulator::start(options).await.map_err(|error| anyhow::anyhow!("{error}"))?;
    let seed = emulator.control().seed();
    println!("dynamodb-emulator listens on {} (seed {seed})", emulator.endpoint());
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    emulator.shutdown().await;
    Ok(())
}
