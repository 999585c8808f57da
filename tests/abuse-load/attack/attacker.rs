//! What every attack has: its plan, its pace, its tally.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use client_sim::service::token::Mint;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep_until, timeout};
use tokio_util::task::TaskTracker;

const HOUR: Duration = Duration::from_secs(3600);
/// What may be sent at once after a pause.
const BURST: Duration = Duration::from_millis(50);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A connection counts as so many bytes: what its packets have, about.
pub(super) const CONNECTION_BYTES: usize = 200;

/// What the attacker's process is to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) attack: String,
    pub(crate) base: String,
    /// An attacker may have tokens of its own.
    pub(crate) secret: String,
    /// The auctions that honest clients bid on.
    pub(crate) honest: Vec<String>,
    /// An auction with 10,000 bids.
    pub(crate) long: String,
    pub(crate) seconds: f64,
    pub(crate) bytes_per_second: f64,
    pub(crate) addresses: Vec<Ipv4Addr>,
    pub(crate) seed: u64,
}

/// What it did.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) sent_bytes: u64,
    pub(crate) received_bytes: u64,
    pub(crate) requests: u64,
    /// Codes, statuses and closes, and how often each came.
    pub(crate) answers: BTreeMap<String, u64>,
}

/// The attacker.
pub(super) struct Attacker {
    pub(super) plan: Plan,
    pub(super) tasks: TaskTracker,
    began: OnceLock<Instant>,
    /// When the next byte may be sent.
    next: Mutex<Option<Instant>>,
    report: Mutex<Report>,
}

impl Attacker {
    pub(super) fn new(plan: Plan) -> Arc<Self> {
        Arc::new(Self {
            plan,
            tasks: TaskTracker::new(),
            began: OnceLock::new(),
            next: Mutex::default(),
            report: Mutex::default(),
        })
    }

    pub(super) fn begin(&self) {
        self.began.get_or_init(Instant::now);
    }

    fn end(&self) -> Instant {
        *self.began.get_or_init(Instant::now) + Duration::from_secs_f64(self.plan.seconds)
    }

    /// Waits for the end of the attack.
    pub(super) async fn ended(&self) {
        sleep_until(self.end().into()).await;
    }

    /// Waits until so many bytes may be sent. At the end of the attack it never returns: whatever
    /// is open then stays open.
    pub(super) async fn pace(&self, bytes: usize) {
        let now = Instant::now();
        let cost = Duration::from_secs_f64(bytes as f64 / self.plan.bytes_per_second);
        let at = {
            let mut next = self.next.lock().expect("nothing panics with it");
            let at = next.unwrap_or(now).max(now.checked_sub(BURST).unwrap_or(now));
            *next = Some(at + cost);
            at
        };
        sleep_until(at.into()).await;
        if Instant::now() >= self.end() {
            std::future::pending::<()>().await;
        }
        let mut report = self.report.lock().expect("nothing panics with it");
        report.sent_bytes += bytes as u64;
        report.requests += 1;
    }

    /// Starts so many workers for each address.
    pub(super) fn workers<F>(self: &Arc<Self>, each: usize, work: impl Fn(Arc<Self>, usize) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        for worker in 0..each * self.plan.addresses.len() {
            self.tasks.spawn(work(Arc::clone(self), worker));
        }
    }

    pub(super) fn address(&self, worker: usize) -> Ipv4Addr {
        self.plan.addresses[worker % self.plan.addresses.len()]
    }

    /// A number that is random and repeatable, of this worker's own.
    pub(super) fn rng(&self, worker: usize) -> StdRng {
        StdRng::seed_from_u64(self.plan.seed.wrapping_mul(0x9e37_79b9).wrapping_add(worker as u64))
    }

    pub(super) fn token(&self, user: &str, roles: &[&str]) -> String {
        Mint::new(&self.plan.secret).token(user, roles, HOUR).expect("a token")
    }

    /// Connects from the worker's address.
    pub(super) async fn connect(
        &self,
        worker: usize,
        receive_bytes: Option<u32>,
    ) -> Option<TcpStream> {
        let to: SocketAddr = self.plan.base.strip_prefix("http://")?.parse().ok()?;
        let socket = TcpSocket::new_v4().ok()?;
        if let Some(bytes) = receive_bytes {
            socket.set_recv_buffer_size(bytes).ok()?;
        }
        socket.set_reuseaddr(true).ok()?;
        socket.bind((self.address(worker), 0).into()).ok()?;
        match timeout(CONNECT_TIMEOUT, socket.connect(to)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true).ok();
                Some(stream)
            }
            _ => {
                self.tally("not connected", 0);
                None
            }
        }
    }

    /// Notes an answer, and how many bytes came with it.
    pub(super) fn tally(&self, answer: &str, bytes: usize) {
        let mut report = self.report.lock().expect("nothing panics with it");
        report.received_bytes += bytes as u64;
        if !answer.is_empty() {
            *report.answers.entry(answer.to_owned()).or_default() += 1;
        }
    }

    pub(super) fn report(&self) -> Report {
        self.report.lock().expect("nothing panics with it").clone()
    }
}

/// The code of the first error that a text shows near its beginning or end.
pub(super) fn code_in(text: &[u8]) -> Option<String> {
    const NAME: &[u8] = b"\"code\":\"";
    const HEAD: usize = 4096;
    const TAIL: usize = 1024;
    let tail = &text[text.len().saturating_sub(TAIL)..];
    [&text[..text.len().min(HEAD)], tail].into_iter().find_map(|part| {
        let at = part.windows(NAME.len()).position(|window| window == NAME)? + NAME.len();
        let end = part[at..].iter().position(|byte| *byte == b'"')?;
        Some(String::from_utf8_lossy(&part[at..at + end]).into_owned())
    })
}
