//! client-sim: simulated bidders and watchers that measure Gavel from client to client.
//!
//! It uses only the service's sockets and schema.graphql; its only link to the server crate is
//! [`service::server`], which starts one as a child process. Each module may import those above it.

use feature_set as _;

pub mod clock;
pub mod stamp;
pub mod units;
pub mod open_files;
pub mod service;
pub mod measure;
pub mod load;
pub mod output;
pub mod run;
pub mod lab;
pub mod probe;
pub mod blackbox;
pub mod cli;
