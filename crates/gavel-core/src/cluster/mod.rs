//! Several servers over one table: nodes, and a message bus between them.
//!
//! The bus makes things fast and nothing right: it may lose, repeat, delay and reorder. A number per
//! auction shows what is missing, digests show a lost last bid, and the table has the truth. A node
//! without a bus serves on its own. It never decides about auctions.

pub mod rendezvous;
pub mod election;
pub mod digest;
pub mod members;
pub mod bus;
pub mod counts;
pub mod message;
mod publisher;
mod readers;
mod node;

pub use bus::{Bus, Notice, Notices, Replier, Subject};
pub use node::{Node, Requests};
pub use publisher::{Announcer, Publisher};
pub use readers::{Permit, Readers};

pub use crate::store::lease::NodeId;
