//! `dynamodb-emulator`: the embedded DynamoDB as a process of its own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use dynamodb_emulator::{Emulator, Options};
use tokio::signal::unix::{SignalKind, signal};

/// A DynamoDB with Streams on this machine, for the plain AWS SDK.
#[derive(Debug, Parser)]
#[command(version)]
struct Flags {
    /// Address to listen on.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// Port to listen on; 0 chooses a free one.
    #[arg(long, default_value_t = 8000)]
    port: u16,
    /// Directory that keeps the database; without it everything is temporary.
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Milliseconds added before each `TransactWriteItems`.
    #[arg(long, default_value_t = 0)]
    transact_delay_ms: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let flags = Flags::parse();
    // Before the start, so that no signal is missed from then on.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let emulator = Emulator::start(Options {
        listen: SocketAddr::new(flags.host, flags.port),
        data_dir: flags.data_dir,
        transact_delay: Duration::from_millis(flags.transact_delay_ms),
    })
    .await?;
    println!("dynamodb-emulator listens on {}", emulator.endpoint());
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    emulator.shutdown().await;
    Ok(())
}
