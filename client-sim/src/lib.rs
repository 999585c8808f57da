//! client-sim: simulated bidders and watchers that time Gavel from client to client.
//!
//! It knows the service by its sockets and schema.graphql; its only link to the server crate is
//! [`server`], which starts one as a child process. Modules in reading order: what is asked, what
//! is sent, what came back, what it means.

pub mod clock;
pub mod base_url;
pub mod token;
pub mod modesty;
pub mod tokens;
pub mod trace;
pub mod stamp;
pub mod answer;
pub mod api;
pub mod admission;
mod credentials;
pub mod socket;
mod process;
pub mod server;
pub mod scrape;
pub mod probe;
pub mod scenario;
pub mod schedule;
pub mod market;
pub mod offer;
pub mod units;
pub mod environment;
pub mod open_files;
pub mod outputs;
pub mod path;
pub mod look;
pub mod progress;
pub mod dashboard;
pub mod last_mile;
pub mod delivery;
pub mod bidders;
pub mod watchers;
pub mod stage;
pub mod plan;
pub mod nodes;
pub mod chaos;
pub mod check;
pub mod latency;
pub mod hops;
pub mod series;
pub mod slo;
pub mod report;
pub mod show;
pub mod compare;
pub mod paper;
pub mod run;
pub mod lab;
pub mod cli;
pub mod watch;
pub mod bid;
