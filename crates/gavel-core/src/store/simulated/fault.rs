//! What can happen to a transaction, and in which order a seed lets it.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::time::Instant;

use crate::limits;

/// What happens to a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing bad.
    None,
    /// Carried out; the answer is lost.
    AnswerLost,
    /// Not carried out, and nobody is told.
    RequestLost,
    /// Given up by its sender, and carried out so much later.
    Late(Duration),
    /// Not carried out, and the answer says so.
    Unavailable,
    /// Not carried out: another transaction held an item.
    Busy,
    /// Another server's bid is written just before it.
    Overtaken,
    /// Carried out; the answer waits for [`super::Simulated::release`].
    Held,
}

/// Faults by a seed.
#[derive(Debug)]
pub(super) struct Chaos {
    random: StdRng,
    /// Until when every commit ends in this way: long enough that lanes give up.
    outage: Option<(Instant, Fault)>,
}

impl Chaos {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: StdRng::seed_from_u64(seed), outage: None }
    }

    /// How long a message is under way.
    pub(super) fn travel(&mut self) -> Duration {
        let slowest = if self.random.random_bool(0.1) { 200 } else { 20 };
        Duration::from_millis(self.random.random_range(0..slowest))
    }

    /// What happens to the next transaction.
    pub(super) fn fault(&mut self) -> Fault {
        let now = Instant::now();
        if let Some((until, fault)) = self.outage
            && now < until
        {
            return fault;
        }
        let fault = match self.random.random_range(0..100) {
            0..55 => Fault::None,
            55..65 => Fault::AnswerLost,
            65..72 => Fault::RequestLost,
            72..80 => Fault::Late(Duration::from_millis(self.random.random_range(1..3000))),
            80..86 => Fault::Unavailable,
            86..92 => Fault::Busy,
            _ => Fault::Overtaken,
        };
        let lasts = limits::UNKNOWN_OUTCOME_RETRY + Duration::from_secs(5);
        self.outage = self.random.random_bool(0.03).then_some((now + lasts, fault));
        fault
    }

    /// How long after its transaction an item can be read.
    pub(super) fn lands(&mut self) -> Duration {
        let slowest = if self.random.random_bool(0.2) { 200 } else { 5 };
        Duration::from_millis(self.random.random_range(0..slowest))
    }

    pub(super) fn read_fails(&mut self) -> bool {
        let unavailable = |(until, fault)| Instant::now() < until && fault == Fault::Unavailable;
        self.outage.is_some_and(unavailable) || self.random.random_bool(0.1)
    }
}
