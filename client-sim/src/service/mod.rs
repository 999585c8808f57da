//! How a service is reached, or started.

pub mod limits;
pub mod base_url;
pub mod token;
pub mod tokens;
pub mod trace;
pub mod answer;
pub mod api;
pub mod admission;
pub(crate) mod credentials;
pub mod socket;
mod process;
pub mod server;
pub mod bus;
pub mod nodes;
pub mod last_mile;
