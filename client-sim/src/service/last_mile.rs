//! The last mile: the connection between a client and the service, modelled as a TCP relay with
//! delays. Each direction keeps its order, as TCP does; a late chunk delays those behind it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

/// Chunks under way in one direction of a connection; beyond it the sender waits, as with TCP.
const UNDER_WAY_MAX: usize = 1_024;
const CHUNK_BYTES_MAX: usize = 4_096;

/// A kind of connection. The round trips are presets to reason with, not measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LastMile {
    /// None: loopback.
    #[default]
    None,
    /// At home: a round trip of 20 ms with 4 ms of jitter.
    Broadband,
    /// A phone: a round trip of 60 ms with 20 ms of jitter.
    Mobile,
    /// Another continent: a round trip of 150 ms with 10 ms of jitter.
    Far,
}

impl LastMile {
    /// The round trip, and its mean jitter, in milliseconds.
    pub fn round_trip_ms(self) -> (f64, f64) {
        match self {
            Self::None => (0.0, 0.0),
            Self::Broadband => (20.0, 4.0),
            Self::Mobile => (60.0, 20.0),
            Self::Far => (150.0, 10.0),
        }
    }

    /// The delay of one way: half of the round trip, and jitter with an exponential tail.
    fn one_way(self, random: &mut ChaCha8Rng) -> Duration {
        let (round_trip_ms, jitter_ms) = self.round_trip_ms();
        let uniform: f64 = random.random_range(f64::EPSILON..1.0);
        let ms = round_trip_ms / 2.0 - jitter_ms / 2.0 * uniform.ln();
        Duration::from_secs_f64(ms / 1e3)
    }
}

/// A running last mile; it ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    url: String,
    _traffic: JoinSet<()>,
}

impl Proxy {
    /// Opens a port that leads to the service at `url`.
    ///
    /// # Errors
    /// When the service's address is none, or no port can be bound.
    pub async fn open(url: &str, mile: LastMile, seed: u64) -> anyhow::Result<Self> {
        let service = url.strip_prefix("http://").context("--last-mile works with http:// only")?;
        let service: SocketAddr = service.trim_end_matches('/').parse().context("its address")?;
        let listener = TcpListener::bind("127.0.0.1:0").await.context("the last mile's port")?;
        let url = format!("http://{}", listener.local_addr()?);
        let mut traffic = JoinSet::new();
        traffic.spawn(accept(listener, service, mile, seed));
        Ok(Self { url, _traffic: traffic })
    }

    /// The URL that clients connect to.
    pub fn url(&self) -> &str {
        &self.url
    }
}

async fn accept(listener: TcpListener, service: SocketAddr, mile: LastMile, seed: u64) {
    let mut connections = JoinSet::new();
    let mut number = 0_u64;
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else { continue };
                number += 1;
                let random = ChaCha8Rng::seed_from_u64(seed ^ number.wrapping_mul(0x9e37_79b9));
                connections.spawn(carry(client, service, mile, random));
            }
        }
    }
}

/// Carries one connection; an error of either side ends it for both, as a reset does.
async fn carry(client: TcpStream, service: SocketAddr, mile: LastMile, mut random: ChaCha8Rng) {
    // The TCP handshake takes a round trip.
    sleep(mile.one_way(&mut random) + mile.one_way(&mut random)).await;
    let Ok(server) = TcpStream::connect(service).await else { return };
    if client.set_nodelay(true).is_err() || server.set_nodelay(true).is_err() {
        return;
    }
    let back = ChaCha8Rng::seed_from_u64(random.random());
    let ((from_client, to_client), (from_server, to_server)) =
        (client.into_split(), server.into_split());
    tokio::join!(
        direction(from_client, to_server, mile, random),
        direction(from_server, to_client, mile, back),
    );
}

async fn direction(from: OwnedReadHalf, to: OwnedWriteHalf, mile: LastMile, random: ChaCha8Rng) {
    let (sender, receiver) = mpsc::channel(UNDER_WAY_MAX);
    tokio::join!(send_off(from, sender, mile, random), arrive(to, receiver));
}

async fn send_off(
    mut from: OwnedReadHalf,
    sender: mpsc::Sender<(Instant, Vec<u8>)>,
    mile: LastMile,
    mut random: ChaCha8Rng,
) {
    let mut latest = Instant::now();
    let mut chunk = vec![0; CHUNK_BYTES_MAX];
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        latest = latest.max(Instant::now() + mile.one_way(&mut random));
        if sender.send((latest, chunk[..length].to_vec())).await.is_err() {
            return;
        }
    }
}

async fn arrive(mut to: OwnedWriteHalf, mut receiver: mpsc::Receiver<(Instant, Vec<u8>)>) {
    while let Some((at, chunk)) = receiver.recv().await {
        sleep_until(at).await;
        if to.write_all(&chunk).await.is_err() {
            return;
        }
    }
    // An end that cannot be passed on has been noticed already.
    to.shutdown().await.ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_arrive_in_order_and_not_before_their_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let road = Proxy::open(&url, LastMile::Mobile, 1).await.unwrap();
        let echo = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            let (mut reader, mut writer) = socket.split();
            tokio::io::copy(&mut reader, &mut writer).await.unwrap();
        };
        let client = async {
            let address = road.url().trim_start_matches("http://");
            let mut socket = TcpStream::connect(address).await.unwrap();
            let started = Instant::now();
            let sent: Vec<u8> = (0..20_000_u32).map(|n| n as u8).collect();
            socket.write_all(&sent).await.unwrap();
            let mut came = vec![0; sent.len()];
            socket.read_exact(&mut came).await.unwrap();
            assert_eq!(came, sent);
            // The handshake's round trip and one of the bytes.
            assert!(started.elapsed() >= Duration::from_millis(120), "{:?}", started.elapsed());
        };
        tokio::join!(echo, client);
    }
}
