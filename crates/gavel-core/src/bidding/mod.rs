//! Bidding: one writer per auction in a process, group commit.
//!
//! [`Lanes`] passes each command to the lane of its auction, a task that decides (`group`, pure),
//! writes (`commit`) and answers. It never talks to watchers; it reports its writes to its
//! [`CommitNotifier`].

pub mod command;
pub mod counts;
pub mod group;
pub mod notifier;
mod recent;
mod commit;
mod reject;
mod trace;
mod lane;
pub mod lanes;
mod forward_message;
pub mod forward;
pub mod schedule;

#[cfg(any(test, feature = "simulation"))]
pub mod testing;
#[cfg(test)]
mod group_tests;
#[cfg(test)]
mod group_properties;
#[cfg(test)]
pub(crate) mod lanes_tests;
#[cfg(test)]
mod lanes_life_tests;
#[cfg(test)]
mod lanes_chaos;
#[cfg(test)]
mod traffic_tests;

pub use command::{BidAnswer, Committed, LaneError, PlaceBid};
pub use forward::Bidding;
pub use lanes::{LaneSettings, Lanes};
pub use notifier::{CommitNotifier, Notified};
pub use trace::BidTrace;
