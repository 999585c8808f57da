//! Start options.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::contention::Limits;
use crate::control::Step;
use crate::faults::FaultRule;
use crate::latency::{Delay, Latency};
use crate::streams::{OPEN_MAX, StreamOptions};

/// How to start an [`Emulator`](crate::Emulator).
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen. Default 127.0.0.1, port 0: a free port is chosen.
    pub listen: SocketAddr,
    /// Where to keep the database. Default `None`: a temporary directory, on a
    /// memory file system if there is one, deleted at the end.
    ///
    /// Writes to a data directory are on disk before they are answered; writes
    /// to a temporary one are not.
    pub data_dir: Option<PathBuf>,
    /// The largest size of a temporary database, in bytes; it lies in memory.
    /// Beyond it, every write but `DeleteItem` is refused with
    /// `RequestLimitExceeded`. Default 1 GiB.
    pub temporary_bytes_max: u64,
    /// Added to each `TransactWriteItems`; other calls continue meanwhile.
    /// Default zero. Short for `behaviour.latency.transact`, which it replaces.
    pub transact_delay: Duration,
    /// How it behaves like AWS instead of like an ideal store. Default: in no way.
    pub behaviour: Behaviour,
    /// The seed of everything random. Default `None`: a new one each time,
    /// returned by [`Control::seed`](crate::Control::seed).
    pub seed: Option<u64>,
    /// Whether to serve the control endpoint, to anyone who can reach the port.
    /// Default no.
    pub control: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            data_dir: None,
            temporary_bytes_max: 1024 * 1024 * 1024,
            transact_delay: Duration::ZERO,
            behaviour: Behaviour::default(),
            seed: None,
            control: false,
        }
    }
}

impl Options {
    /// The latency to start with.
    pub(crate) fn latency(&self) -> Latency {
        let latency = self.behaviour.latency;
        if self.transact_delay.is_zero() {
            latency
        } else {
            Latency { transact: Delay::fixed(self.transact_delay), ..latency }
        }
    }
}

/// How an emulator behaves like AWS instead of like an ideal store.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// How long calls and propagation take.
    pub latency: Latency,
    /// How streams behave.
    pub streams: StreamOptions,
    /// What limits writes.
    pub limits: Limits,
    /// Faults in force from the start.
    pub faults: Vec<FaultRule>,
    /// Commands to carry out, each at its time.
    pub script: Vec<Step>,
    /// Whose figures these are, in a sentence; changes nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
}

impl Behaviour {
    /// AWS on a good day: its latencies, 4 shards, its limits, no faults.
    pub fn aws_like() -> Self {
        Self {
            latency: Latency::aws(),
            streams: StreamOptions::aws(),
            limits: Limits::aws(),
            ..Self::default()
        }
    }

    /// The first problem with it, in one line.
    pub fn problem(&self) -> Option<&'static str> {
        let has_shards = self.streams.shards > 0;
        if !self.latency.is_valid() {
            Some("latency: a delay must be a finite number that is not negative")
        } else if !self.latency.propagation.is_none() && !has_shards {
            Some("latency: propagation needs streams with at least 1 shard")
        } else if self.streams.shards as usize > OPEN_MAX {
            Some("streams: shards must be at most 256")
        } else if !self.faults.iter().all(FaultRule::is_valid) {
            Some(
                "faults: a rate must be from 0 to 1, an operation must exist in the API, and \
                  error, status (400 to 599) and message need the kind error",
            )
        } else if !has_shards && self.script.iter().any(|step| step.command.needs_shards()) {
            Some("script: a step on streams needs at least 1 shard")
        } else if self.script.iter().any(|step| !step.command.is_valid()) {
            Some(
                "script: a rate must be from 0 to 1, a delay a finite number that is not negative, \
                  and a fault as in faults",
            )
        } else if self.script.iter().any(|step| step.every_ms == Some(0)) {
            Some("script: every_ms must be at least 1")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Command, FaultKind, Propagation};

    fn told(change: impl FnOnce(&mut Behaviour)) -> Option<&'static str> {
        let mut behaviour = Behaviour::default();
        change(&mut behaviour);
        behaviour.problem()
    }

    fn step(command: Command) -> Step {
        Step { at_ms: 1, every_ms: None, command }
    }

    #[test]
    fn a_mistake_is_told_before_the_start() {
        const ROLL: Command = Command::Roll { shard: None, table: None };
        let late = Propagation { spread_ms: 1.0, ..Propagation::default() };
        let late = Latency { propagation: late, ..Latency::none() };
        let always_twice = FaultRule::new(FaultKind::LostAnswer).rate(2.0);
        assert_eq!(OPEN_MAX, 256, "the text below says so");
        for (begins, problem) in [
            ("latency:", told(|b| b.latency.write.base_ms = f64::NAN)),
            ("latency: propagation", told(|b| b.latency = late)),
            ("streams: shards must be at most 256", told(|b| b.streams.shards = 257)),
            ("faults:", told(|b| b.faults.push(always_twice.clone()))),
            ("script: a step on streams", told(|b| b.script.push(step(ROLL)))),
            ("script: a step on streams", told(|b| b.script.push(step(Command::Latency(late))))),
            ("script: a rate", told(|b| b.script.push(step(Command::Fault(always_twice.clone()))))),
            ("script: every_ms", {
                let again = Step { every_ms: Some(0), ..step(Command::ClearFaults) };
                told(|b| b.script.push(again))
            }),
        ] {
            assert!(problem.is_some_and(|told| told.starts_with(begins)), "{begins} {problem:?}");
        }
        assert_eq!(told(|_| {}), None);
        assert_eq!(Behaviour::aws_like().problem(), None);
    }
}
