//! The bus of a cluster over NATS. It speaks and listens; what messages mean is `gavel_core::cluster`.

mod nats;
mod connect;

pub use connect::{Connected, connect};
