//! What each client may do concurrently, and a second.
//!
//! Decisions are pure (`rate`, `address`, `origin`); the limiter holds their state. Each refusal is
//! counted by the name of its limit; docs/LIMITS.md lists them.

pub mod rate;
pub mod count;
pub mod address;
pub mod origin;
pub mod bound;
pub mod work;
pub mod unread;
pub mod reads;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName};
use tracing::debug;

pub use address::Address;
pub use bound::Bound;
pub use origin::Origins;
pub use reads::Turn;
pub use work::{HeldBytes, HeldGroup, Payer};

use gavel_core::auction::{AuctionId, Timestamp, UserId};
use gavel_core::metrics::{CounterVec, Gauge, GaugeGuard};

use self::count::Counts;
pub use self::count::Permit;
use self::rate::{Rate, RateLimiter};
use self::reads::Reads;
use self::work::Work;

/// The limits that depend on the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// HTTP connections of an address.
    ConnectionsPerAddress,
    /// Sockets of an address.
    SocketsPerAddress,
    /// Sockets of a user.
    SocketsPerUser,
    /// New sockets a second per address.
    HandshakesPerAddress,
    /// Bids a second per user.
    BidsPerUser,
    /// Bids a second per auction.
    BidsPerAuction,
    /// Points of work a second per user.
    WorkPerUser,
    /// Points of work a second per address, by callers without a token.
    WorkPerAddress,
    /// Points of work a second of all callers without a token.
    AnonymousWork,
    /// Points of work a second per address, by all callers, with or without a token.
    AllWorkPerAddress,
    /// Operations a second per socket.
    OperationsPerSocket,
    /// Messages a second on all sockets of a user, or of an address.
    MessagesPerClient,
    /// Requests for health and metrics a second per address.
    ProbesPerAddress,
    /// Bids of history sent a second to a user, or to an address.
    ReplaysPerClient,
    /// Bids of history sent a second to all callers without a token.
    AnonymousReplays,
    /// Bytes of answers that a user, or an address, has not read.
    AnswersPerClient,
    /// Bytes of unread answers of all clients.
    Answers,
    /// Bytes of an address's unfinished bodies and socket messages.
    UnreadPerAddress,
    /// Weight of the groups that an address has started.
    GroupsPerAddress,
    /// Weight of the groups of an auction.
    GroupsPerAuction,
    /// Weight of all groups.
    Groups,
    /// Auctions created a second per user.
    AuctionsPerUser,
}

impl Limit {
    /// Every limit.
    pub const ALL: [Self; 22] = [
        Self::ConnectionsPerAddress,
        Self::SocketsPerAddress,
        Self::SocketsPerUser,
        Self::HandshakesPerAddress,
        Self::BidsPerUser,
        Self::BidsPerAuction,
        Self::WorkPerUser,
        Self::WorkPerAddress,
        Self::AnonymousWork,
        Self::AllWorkPerAddress,
        Self::OperationsPerSocket,
        Self::MessagesPerClient,
        Self::ProbesPerAddress,
        Self::ReplaysPerClient,
        Self::AnonymousReplays,
        Self::AnswersPerClient,
        Self::Answers,
        Self::UnreadPerAddress,
        Self::GroupsPerAddress,
        Self::GroupsPerAuction,
        Self::Groups,
        Self::AuctionsPerUser,
    ];

    /// Whether it is a limit of one client, and not of the service.
    pub fn is_of_client(self) -> bool {
        !matches!(
            self,
            Self::AnonymousWork
                | Self::AnonymousReplays
                | Self::Answers
                | Self::GroupsPerAuction
                | Self::Groups
        )
    }

    /// Its name, in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::ConnectionsPerAddress => "connections_per_address",
            Self::SocketsPerAddress => "sockets_per_address",
            Self::SocketsPerUser => "sockets_per_user",
            Self::HandshakesPerAddress => "handshakes_per_address",
            Self::BidsPerUser => "bids_per_user",
            Self::BidsPerAuction => "bids_per_auction",
            Self::WorkPerUser => "work_per_user",
            Self::WorkPerAddress => "work_per_address",
            Self::AnonymousWork => "anonymous_work",
            Self::AllWorkPerAddress => "all_work_per_address",
            Self::MessagesPerClient => "messages_per_client",
            Self::OperationsPerSocket => "operation_rate_per_socket",
            Self::ProbesPerAddress => "probes_per_address",
            Self::ReplaysPerClient => "replays_per_client",
            Self::AnonymousReplays => "anonymous_replays",
            Self::AnswersPerClient => "answer_bytes_per_client",
            Self::Answers => "answer_bytes_in_memory",
            Self::UnreadPerAddress => "unread_bytes_per_address",
            Self::GroupsPerAddress => "groups_per_address",
            Self::GroupsPerAuction => "groups_per_auction",
            Self::Groups => "groups",
            Self::AuctionsPerUser => "auctions_per_user",
        }
    }
}

/// The limits of each client; 0 for no limit.
#[derive(Debug, Clone, Default)]
pub struct ClientLimits {
    /// HTTP connections of an address, sockets excluded.
    pub connections_per_address: usize,
    /// Sockets of an address.
    pub sockets_per_address: usize,
    /// Sockets of a user.
    pub sockets_per_user: usize,
    /// New sockets a second per address.
    pub handshakes_per_second: u32,
    /// Bids a second per user.
    pub bids_per_user_per_second: u32,
    /// Bids a second per auction.
    pub bids_per_auction_per_second: u32,
    /// Points of work a second per user.
    pub work_per_user: u32,
    /// Points of work a second per address, by callers without a token.
    pub work_per_address: u32,
    /// Points of work a second per address, by all callers.
    pub all_work_per_address: u32,
    /// Points of work a second of all callers without a token.
    pub anonymous_work: u32,
    /// Messages a second on all sockets of a user, or of an address.
    pub messages_per_client: u32,
    /// Operations a second per socket.
    pub operations_per_second: u32,
    /// Messages a second per socket.
    pub messages_per_second: u32,
    /// Requests for health and metrics a second per address.
    pub probes_per_second: u32,
    /// Bids of history sent a second to a user, or to an address.
    pub replays_per_second: u32,
    /// The same for all callers without a token together.
    pub anonymous_replays: u32,
    /// Concurrent requests to the table for queries of a user, or an address.
    pub reads_per_client: usize,
    /// Bytes of answers that a user, or an address, has not read.
    pub answer_bytes_per_client: usize,
    /// Bytes of unread answers of all clients.
    pub answer_bytes: usize,
    /// Bytes of an address's unfinished bodies and socket messages.
    pub unread_bytes_per_address: usize,
    /// Weight of the groups that an address has started.
    pub groups_per_address: usize,
    /// Weight of the groups of an auction.
    pub groups_per_auction: usize,
    /// Weight of all groups.
    pub groups: usize,
    /// Auctions created a second per user.
    pub auctions_per_user_per_second: u32,
    /// The header in which one trusted proxy passes on its client's address.
    pub trusted_header: Option<HeaderName>,
    /// The origins that browsers may come from.
    pub origins: Origins,
}

/// The limit that a client has exceeded, and when to retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany {
    /// The limit.
    pub limit: Limit,
    /// How long to wait.
    pub retry_after: Duration,
}

/// Keeps each client within its limits. Clones share it.
#[derive(Debug, Clone)]
pub struct ClientLimiter(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    connections: Counts<Address>,
    sockets: Counts<Address>,
    users: Counts<UserId>,
    handshakes: RateLimiter<Address>,
    user_bids: RateLimiter<UserId>,
    auction_bids: RateLimiter<AuctionId>,
    work: Work,
    reads: Reads,
    user_auctions: RateLimiter<UserId>,
    trusted_header: Option<HeaderName>,
    origins: Origins,
    refused: [AtomicU64; Limit::ALL.len()],
    met: CounterVec<Bound>,
    open: Arc<Gauge>,
}

/// How long to wait for a permit that somebody has to release first.
const PLACE_RETRY: Duration = Duration::from_secs(1);

impl ClientLimiter {
    /// A limiter with these limits.
    pub fn new(allowed: ClientLimits) -> Self {
        Self(Arc::new(Inner {
            connections: Counts::new(allowed.connections_per_address),
            sockets: Counts::new(allowed.sockets_per_address),
            users: Counts::new(allowed.sockets_per_user),
            handshakes: RateLimiter::new(Rate::per_second(allowed.handshakes_per_second)),
            user_bids: RateLimiter::new(Rate::per_second(allowed.bids_per_user_per_second)),
            auction_bids: RateLimiter::new(Rate::per_second(allowed.bids_per_auction_per_second)),
            work: Work::new(&allowed),
            reads: Reads::new(allowed.reads_per_client),
            user_auctions: RateLimiter::new(Rate::per_second(allowed.auctions_per_user_per_second)),
            trusted_header: allowed.trusted_header,
            origins: allowed.origins,
            refused: Default::default(),
            met: CounterVec::default(),
            open: Arc::default(),
        }))
    }

    /// The origins that browsers may come from.
    pub fn origins(&self) -> &Origins {
        &self.0.origins
    }

    /// The client's address of a request.
    pub fn address(&self, peer: SocketAddr, headers: &HeaderMap) -> Address {
        address::client_address(peer, headers, self.0.trusted_header.as_ref())
    }

    /// A permit for an HTTP connection. Behind a proxy all come from one peer, which is not
    /// limited.
    pub fn connect(&self, peer: SocketAddr) -> Result<Option<Permit<Address>>, TooMany> {
        if self.0.trusted_header.is_some() {
            return Ok(None);
        }
        let place = self.0.connections.take(&Address::from(peer.ip()));
        self.place(place, Limit::ConnectionsPerAddress).map(Some)
    }

    /// A permit for a socket of an address.
    pub fn open_socket(&self, from: Address, now: Timestamp) -> Result<Permit<Address>, TooMany> {
        self.rate(self.0.handshakes.take(from, now), Limit::HandshakesPerAddress)?;
        self.place(self.0.sockets.take(&from), Limit::SocketsPerAddress)
    }

    /// A permit for a socket of a user.
    pub fn admit(&self, user: &UserId) -> Result<Permit<UserId>, TooMany> {
        self.place(self.0.users.take(user), Limit::SocketsPerUser)
    }

    /// Whether a user may bid on an auction now.
    pub fn bid(&self, user: &UserId, auction: &AuctionId, now: Timestamp) -> Result<(), TooMany> {
        self.rate(self.0.user_bids.take(user.clone(), now), Limit::BidsPerUser)?;
        self.rate(self.0.auction_bids.take(auction.clone(), now), Limit::BidsPerAuction)
    }

    /// Waits until this many requests to the table may be made for a query of the payer.
    pub async fn turn_to_read(&self, payer: &Payer, requests: usize) -> Option<Turn> {
        self.0.reads.turn(payer, requests, || self.record_limit(Bound::ReadsPerClient)).await
    }

    /// Whether a user may create an auction now.
    pub fn create(&self, user: &UserId, now: Timestamp) -> Result<(), TooMany> {
        self.rate(self.0.user_auctions.take(user.clone(), now), Limit::AuctionsPerUser)
    }

    /// How often each limit has refused.
    pub fn refusals(&self) -> impl Iterator<Item = (Limit, u64)> {
        let count = |limit: Limit| self.0.refused[limit as usize].load(Ordering::Relaxed);
        Limit::ALL.into_iter().map(move |limit| (limit, count(limit)))
    }

    /// Records that a limit of [`Bound`] was reached.
    pub fn record_limit(&self, bound: Bound) {
        self.0.met.inc(bound);
    }

    /// How often each limit of [`Bound`] was reached.
    pub fn met(&self) -> &CounterVec<Bound> {
        &self.0.met
    }

    /// How often a request was refused only because too many clients are remembered.
    pub fn rate_keys_full(&self) -> u64 {
        self.0.handshakes.full()
            + self.0.user_bids.full()
            + self.0.auction_bids.full()
            + self.0.user_auctions.full()
            + self.0.work.full()
    }

    /// Counts an HTTP connection as open while the result lives.
    pub fn hold_open(&self) -> GaugeGuard {
        GaugeGuard::one(Arc::clone(&self.0.open))
    }

    /// The number of open HTTP connections.
    pub fn open(&self) -> i64 {
        self.0.open.get()
    }

    fn place<T>(&self, place: Option<T>, limit: Limit) -> Result<T, TooMany> {
        place.ok_or_else(|| self.refuse(limit, PLACE_RETRY))
    }

    fn rate(&self, taken: Result<(), Duration>, limit: Limit) -> Result<(), TooMany> {
        taken.map_err(|retry_after| self.refuse(limit, retry_after))
    }

    fn refuse(&self, limit: Limit, retry_after: Duration) -> TooMany {
        self.0.refused[limit as usize].fetch_add(1, Ordering::Relaxed);
        debug!(limit = limit.name(), "a client is over its limit");
        TooMany { limit, retry_after }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    #[test]
    fn a_user_over_its_limit_costs_the_auction_s_other_bidders_nothing() {
        let limiter = ClientLimiter::new(ClientLimits {
            bids_per_user_per_second: 2,
            bids_per_auction_per_second: 3,
            ..ClientLimits::default()
        });
        let (ann, bob) = (UserId::from("ann"), UserId::from("bob"));
        let auction = AuctionId::random();
        let limit_of = |user| limiter.bid(user, &auction, NOW).map_err(|refused| refused.limit);
        assert_eq!([limit_of(&ann), limit_of(&ann)], [Ok(()), Ok(())]);
        assert_eq!(limit_of(&ann), Err(Limit::BidsPerUser));
        assert_eq!(limit_of(&bob), Ok(()));
        assert_eq!(limit_of(&bob), Err(Limit::BidsPerAuction));
        assert_eq!(limiter.bid(&bob, &AuctionId::random(), NOW.plus(PLACE_RETRY)), Ok(()));
        let refused: u64 = limiter.refusals().map(|(_, count)| count).sum();
        assert_eq!(refused, 2);
    }

    #[test]
    fn connections_behind_a_trusted_proxy_are_not_counted_by_its_own_address() {
        let peer: SocketAddr = "192.0.2.1:5".parse().unwrap();
        let trusted_header = Some(HeaderName::from_static("x-forwarded-for"));
        for (trusted_header, expected) in [(None, 2), (trusted_header, 5)] {
            let allowed =
                ClientLimits { connections_per_address: 2, trusted_header, ..Default::default() };
            let limiter = ClientLimiter::new(allowed);
            let held: Vec<_> = (0..5).map(|_| limiter.connect(peer)).collect();
            assert_eq!(held.iter().filter(|place| place.is_ok()).count(), expected);
        }
    }
}
