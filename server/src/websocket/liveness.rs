//! Whether a peer is alive: when to ping it, and when it has been silent for too long. Pure.

use std::time::{Duration, Instant};

use crate::limits;

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing yet.
    Nothing,
    /// A ping.
    Ping,
    /// The peer did not do in time what it was waited for.
    PeerIsLate,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// What the peer has to do first.
    Beginning,
    /// The time of the next ping.
    Ping,
    /// Any sign of life after a ping.
    Pong,
}

/// The wait for a peer, or for the next ping.
#[derive(Debug)]
pub(super) struct Liveness {
    due: Instant,
    wait: Wait,
    /// The remaining wait for the peer when `due` comes.
    last_look: Option<Duration>,
}

impl Liveness {
    /// Waits for what a peer has to do first.
    pub(super) fn new(time: Duration, now: Instant) -> Self {
        let mut liveness = Self { due: now, wait: Wait::Beginning, last_look: None };
        liveness.wait_for_peer(Wait::Beginning, time, now);
        liveness
    }

    /// When [`Self::tick`] is due.
    pub(super) fn deadline(&self) -> Instant {
        self.due
    }

    /// Waits for the peer, in two parts. If this process was suspended meanwhile, messages that
    /// arrived in time are read in the second part.
    fn wait_for_peer(&mut self, wait: Wait, time: Duration, now: Instant) {
        let last = limits::LAST_LOOK.min(time / 2);
        self.due = now + time.saturating_sub(last);
        (self.wait, self.last_look) = (wait, Some(last));
    }

    /// A frame of any kind has arrived.
    pub(super) fn heard(&mut self, now: Instant) {
        if self.wait == Wait::Pong {
            self.wait_to_ping(now);
        }
    }

    /// The peer has done what it was waited for.
    pub(super) fn wait_to_ping(&mut self, now: Instant) {
        self.due = now + limits::PING_EVERY;
        (self.wait, self.last_look) = (Wait::Ping, None);
    }

    /// The deadline has come. After a ping the peer is waited for.
    pub(super) fn tick(&mut self, now: Instant) -> Due {
        if now < self.due {
            return Due::Nothing;
        }
        if let Some(last) = self.last_look.take() {
            self.due = now + last;
            return Due::Nothing;
        }
        if self.wait != Wait::Ping {
            return Due::PeerIsLate;
        }
        self.wait_for_peer(Wait::Pong, limits::PONG_TIMEOUT, now);
        Due::Ping
    }

    /// Nothing is due any more.
    pub(super) fn stop(&mut self) {
        self.due += Duration::from_secs(3600);
    }
}
