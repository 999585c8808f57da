//! Budgets of work and memory: who pays for an operation, and how much each payer has.
//!
//! A caller with a token pays from the budget of their user, regardless of who shares their
//! address; one without pays from that of the address, and all of those together have a budget too.
//! What runs is never charged again: a client that is being served stays served.

use std::time::Duration;

use gavel_core::auction::{AuctionId, Timestamp, UserId};

use super::count::{Counts, Permit};
use super::rate::{Rate, RateLimiter};
use super::{Address, ClientLimiter, ClientLimits, Limit, TooMany};
use crate::auth::Principal;
use crate::limits;

/// Who pays.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Payer {
    /// A caller with a token.
    User(UserId),
    /// A caller without a token.
    Address(Address),
}

impl Payer {
    /// The payer of a caller.
    pub fn of(principal: &Principal, address: Address) -> Self {
        match &principal.user_id {
            Some(user_id) => Self::User(user_id.clone()),
            None => Self::Address(address),
        }
    }
}

/// Bytes of an answer, held until it is written.
#[derive(Debug)]
pub struct HeldBytes {
    client: Permit<Payer>,
    all: Permit<()>,
}

impl HeldBytes {
    /// The answer is no larger than this.
    pub fn shrink_to(&mut self, bytes: usize) {
        self.client.shrink_to(bytes);
        self.all.shrink_to(bytes);
    }
}

/// The weight of a group, held until it ends.
#[derive(Debug)]
pub struct HeldGroup {
    _address: Permit<Address>,
    _auction: Option<Permit<AuctionId>>,
    _all: Permit<()>,
}

/// The state of these budgets.
#[derive(Debug)]
pub(super) struct Work {
    users: RateLimiter<UserId>,
    addresses: RateLimiter<Address>,
    all_of_address: RateLimiter<Address>,
    anonymous: RateLimiter<()>,
    messages: RateLimiter<Payer>,
    operations_per_second: Option<Rate>,
    messages_per_second: Option<Rate>,
    probes: RateLimiter<Address>,
    replays: RateLimiter<Payer>,
    anonymous_replays: RateLimiter<()>,
    answers: Counts<Payer>,
    all_answers: Counts<()>,
    unread: Counts<Address>,
    address_groups: Counts<Address>,
    auction_groups: Counts<AuctionId>,
    groups: Counts<()>,
}

impl Work {
    pub(super) fn new(allowed: &ClientLimits) -> Self {
        let rate =
            |points| Rate::per_second(points).map(|rate| rate.with_burst(limits::WORK_BURST));
        let replays =
            |bids| Rate::per_second(bids).map(|rate| rate.with_burst(limits::REPLAY_BURST));
        Self {
            users: RateLimiter::new(rate(allowed.work_per_user)),
            addresses: RateLimiter::new(rate(allowed.work_per_address)),
            all_of_address: RateLimiter::new(rate(allowed.all_work_per_address)),
            anonymous: RateLimiter::new(rate(allowed.anonymous_work)),
            messages: RateLimiter::new(Rate::per_second(allowed.messages_per_client)),
            operations_per_second: rate(allowed.operations_per_second),
            messages_per_second: Rate::per_second(allowed.messages_per_second),
            probes: RateLimiter::new(Rate::per_second(allowed.probes_per_second)),
            replays: RateLimiter::new(replays(allowed.replays_per_second)),
            anonymous_replays: RateLimiter::new(replays(allowed.anonymous_replays)),
            answers: Counts::new(allowed.answer_bytes_per_client),
            all_answers: Counts::new(allowed.answer_bytes),
            unread: Counts::new(allowed.unread_bytes_per_address),
            address_groups: Counts::new(allowed.groups_per_address),
            auction_groups: Counts::new(allowed.groups_per_auction),
            groups: Counts::new(allowed.groups),
        }
    }

    pub(super) fn full(&self) -> u64 {
        self.users.full()
            + self.addresses.full()
            + self.messages.full()
            + self.probes.full()
            + self.replays.full()
    }
}

/// How long to wait for bytes or weight that somebody has to release first.
const HELD_RETRY: Duration = Duration::from_secs(1);

impl ClientLimiter {
    /// Takes points of work from the payer, and from the budget of its whole address.
    pub fn work(
        &self,
        (payer, address): (&Payer, Address),
        points: u64,
        now: Timestamp,
    ) -> Result<(), TooMany> {
        let work = &self.0.work;
        let taken = work.all_of_address.take_many(address, points, now);
        self.rate(taken, Limit::AllWorkPerAddress)?;
        match payer {
            Payer::User(user) => {
                self.rate(work.users.take_many(user.clone(), points, now), Limit::WorkPerUser)
            }
            Payer::Address(address) => {
                let taken = work.addresses.take_many(*address, points, now);
                self.rate(taken, Limit::WorkPerAddress)?;
                self.rate(work.anonymous.take_many((), points, now), Limit::AnonymousWork)
            }
        }
    }

    /// Takes a request for health or metrics, from a budget of its own, so that a balancer can
    /// check the service whatever strangers ask for.
    pub fn probe(&self, address: Address, now: Timestamp) -> Result<(), TooMany> {
        self.rate(self.0.work.probes.take(address, now), Limit::ProbesPerAddress)
    }

    /// Takes bids of history, each counted once per KiB of its frame, or returns how long to wait.
    pub fn replay(&self, payer: &Payer, units: u64, now: Timestamp) -> Result<(), TooMany> {
        if units == 0 {
            return Ok(());
        }
        let work = &self.0.work;
        if matches!(payer, Payer::Address(_)) {
            let taken = work.anonymous_replays.take_many((), units, now);
            self.rate(taken, Limit::AnonymousReplays)?;
        }
        self.rate(work.replays.take_many(payer.clone(), units, now), Limit::ReplaysPerClient)
    }

    /// How often a socket may send operations.
    pub fn operation_rate(&self) -> Option<Rate> {
        self.0.work.operations_per_second
    }

    /// Takes a message of a socket, or returns how long to stop reading from it.
    pub fn message(&self, payer: &Payer, now: Timestamp) -> Result<(), TooMany> {
        self.rate(self.0.work.messages.take(payer.clone(), now), Limit::MessagesPerClient)
    }

    /// How fast the messages of a socket are read.
    pub fn message_rate(&self) -> Option<Rate> {
        self.0.work.messages_per_second
    }

    /// The refusal of a socket that sends operations too often.
    pub fn too_many_operations(&self, retry_after: Duration) -> TooMany {
        self.refuse(Limit::OperationsPerSocket, retry_after)
    }

    /// Takes the bytes of an answer.
    pub fn answer(&self, payer: &Payer, bytes: usize) -> Result<HeldBytes, TooMany> {
        let work = &self.0.work;
        let client = work.answers.take_many(payer, bytes);
        let client = client.ok_or_else(|| self.refuse(Limit::AnswersPerClient, HELD_RETRY))?;
        let all = work.all_answers.take_many(&(), bytes);
        let all = all.ok_or_else(|| self.refuse(Limit::Answers, HELD_RETRY))?;
        Ok(HeldBytes { client, all })
    }

    /// Takes bytes of unfinished bodies and messages.
    pub fn unread(&self, address: Address, bytes: usize) -> Result<Permit<Address>, TooMany> {
        let taken = self.0.work.unread.take_many(&address, bytes);
        taken.ok_or_else(|| self.refuse(Limit::UnreadPerAddress, HELD_RETRY))
    }

    /// Takes the weight of a group that an address starts on an auction.
    pub fn begin_group(
        &self,
        address: Address,
        auction: Option<&AuctionId>,
        weight: usize,
    ) -> Result<HeldGroup, TooMany> {
        let work = &self.0.work;
        let refuse = |limit| move || self.refuse(limit, HELD_RETRY);
        let of_address = work.address_groups.take_many(&address, weight);
        let of_address = of_address.ok_or_else(refuse(Limit::GroupsPerAddress))?;
        let of_auction = match auction {
            Some(auction) => {
                let taken = work.auction_groups.take_many(auction, weight);
                Some(taken.ok_or_else(refuse(Limit::GroupsPerAuction))?)
            }
            // A lobby is of no auction.
            None => None,
        };
        let all = work.groups.take_many(&(), weight).ok_or_else(refuse(Limit::Groups))?;
        Ok(HeldGroup { _address: of_address, _auction: of_auction, _all: all })
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn address(last: u8) -> Address {
        Address::from(IpAddr::from([192, 0, 2, last]))
    }

    fn limiter() -> ClientLimiter {
        ClientLimiter::new(ClientLimits {
            work_per_user: 100,
            work_per_address: 100,
            anonymous_work: 250,
            answer_bytes_per_client: 1000,
            answer_bytes: 1500,
            groups_per_address: 100,
            groups_per_auction: 150,
            groups: 180,
            ..ClientLimits::default()
        })
    }

    fn limit<T>(result: Result<T, TooMany>) -> Option<Limit> {
        result.err().map(|refused| refused.limit)
    }

    #[test]
    fn a_user_pays_for_itself_whoever_shares_its_address() {
        let limiter = limiter();
        let stranger = Payer::Address(address(1));
        let burst = 100 * limits::WORK_BURST.as_secs();
        assert_eq!(limiter.work((&stranger, address(1)), burst, NOW), Ok(()));
        assert_eq!(
            limit(limiter.work((&stranger, address(1)), 1, NOW)),
            Some(Limit::WorkPerAddress)
        );
        let ann = Payer::User("ann".into());
        assert_eq!(limiter.work((&ann, address(1)), burst, NOW), Ok(()));
        assert_eq!(limit(limiter.work((&ann, address(1)), 1, NOW)), Some(Limit::WorkPerUser));
        let later = NOW.plus(Duration::from_secs(1));
        assert_eq!(limiter.work((&stranger, address(1)), 100, later), Ok(()));
    }

    #[test]
    fn many_strangers_together_have_a_budget_and_users_are_not_of_them() {
        let limiter = limiter();
        let burst = 100 * limits::WORK_BURST.as_secs();
        let taken = (1..=16).map(|n| {
            let stranger = Payer::Address(address(n));
            limiter.work((&stranger, address(n)), burst, NOW)
        });
        let refused: Vec<_> = taken.filter_map(limit).collect();
        assert_eq!(refused.len(), 14);
        assert!(refused.iter().all(|limit| *limit == Limit::AnonymousWork));
        assert!(!Limit::AnonymousWork.is_of_client());
        assert_eq!(limiter.work((&Payer::User("ann".into()), address(1)), burst, NOW), Ok(()));
    }

    #[test]
    fn many_users_of_one_address_have_a_budget_together() {
        let allowed = ClientLimits {
            work_per_user: 100,
            all_work_per_address: 250,
            ..ClientLimits::default()
        };
        let limiter = ClientLimiter::new(allowed);
        let burst = 100 * limits::WORK_BURST.as_secs();
        let ask = |name: &str, from| limiter.work((&Payer::User(name.into()), from), burst, NOW);
        assert_eq!([ask("ann", address(1)), ask("bob", address(1))], [Ok(()), Ok(())]);
        assert_eq!(limit(ask("eve", address(1))), Some(Limit::AllWorkPerAddress));
        assert_eq!(ask("eve", address(2)), Ok(()));
    }

    #[test]
    fn history_is_sent_as_fast_as_a_payer_and_all_strangers_may_have_it() {
        let allowed = ClientLimits {
            replays_per_second: 100,
            anonymous_replays: 150,
            ..ClientLimits::default()
        };
        let limiter = ClientLimiter::new(allowed);
        let burst = 100 * limits::REPLAY_BURST.as_secs();
        let ask = |payer: Payer| limit(limiter.replay(&payer, burst, NOW));
        assert_eq!(ask(Payer::Address(address(1))), None);
        assert_eq!(ask(Payer::Address(address(2))), Some(Limit::AnonymousReplays));
        assert_eq!(ask(Payer::User("ann".into())), None);
        assert_eq!(ask(Payer::User("ann".into())), Some(Limit::ReplaysPerClient));
        assert_eq!(limiter.replay(&Payer::User("ann".into()), 0, NOW), Ok(()));
    }

    #[test]
    fn sockets_of_a_client_share_how_fast_they_are_read() {
        let allowed = ClientLimits { messages_per_client: 10, ..ClientLimits::default() };
        let limiter = ClientLimiter::new(allowed);
        let stranger = Payer::Address(address(1));
        let taken = (0..20).filter(|_| limiter.message(&stranger, NOW).is_ok()).count();
        assert_eq!(taken, 10);
        assert_eq!(limiter.message(&Payer::User("ann".into()), NOW), Ok(()));
    }

    #[test]
    fn unread_answers_are_bounded_by_client_and_all_together() {
        let limiter = limiter();
        let (ann, bob) = (Payer::User("ann".into()), Payer::User("bob".into()));
        let mut held = limiter.answer(&ann, 900).unwrap();
        assert_eq!(limit(limiter.answer(&ann, 200)), Some(Limit::AnswersPerClient));
        assert_eq!(limit(limiter.answer(&bob, 700)), Some(Limit::Answers));
        held.shrink_to(10);
        let more = limiter.answer(&bob, 700);
        assert!(more.is_ok());
        drop((held, more));
        assert!(limiter.answer(&ann, 1000).is_ok(), "all is given back");
    }

    #[test]
    fn groups_weigh_on_who_began_them_on_their_auction_and_on_all() {
        let limiter = limiter();
        let (a, b, c) = (AuctionId::random(), AuctionId::random(), AuctionId::random());
        let first = limiter.begin_group(address(1), Some(&a), 90);
        assert!(first.is_ok());
        assert_eq!(
            limit(limiter.begin_group(address(1), Some(&b), 20)),
            Some(Limit::GroupsPerAddress)
        );
        assert_eq!(
            limit(limiter.begin_group(address(2), Some(&a), 70)),
            Some(Limit::GroupsPerAuction)
        );
        let second = limiter.begin_group(address(2), Some(&b), 90);
        assert!(second.is_ok());
        assert_eq!(limit(limiter.begin_group(address(3), Some(&c), 10)), Some(Limit::Groups));
        drop((first, second));
        assert!(limiter.begin_group(address(3), Some(&c), 100).is_ok(), "all is given back");
    }
}
