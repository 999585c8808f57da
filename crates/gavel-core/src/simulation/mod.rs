//! From a bid to the topics that watchers read under one seed, in simulated time: a table and a stream
//! that fail, servers with lanes, relay and broker, and watchers that leave, stall and resume; for a
//! cluster also a bus that fails, and nodes that die and are replaced. Stamps are of the wall clock: no
//! auction ends by time. The server's own simulation adds groups and sockets
//! (`gavel_server::websocket`).
//!
//! Whatever happens, each watcher is told every bid after its first position once and in order, and
//! all of them within the time of the regular check once the faults are over. `GAVEL_SEED=<n>` runs
//! one seed, `GAVEL_SEED=<n>..<m>` those from n to m. A seed chooses bids, faults and watchers,
//! but pauses have a jitter of their own, so that a seed that failed may pass when it is run again.

mod stream;
mod bus;
mod server;
mod world;
#[cfg(test)]
mod watcher;
#[cfg(test)]
mod topics;

pub use server::Server;
pub use world::{Course, World, runs_all_seeds, seeds};
