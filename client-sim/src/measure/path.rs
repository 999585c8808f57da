//! The timed path: the names of its hops.

/// The names of the hops, in the order of the path.
pub const HOPS: [&str; 6] = ["schedule", "request", "lane", "store_and_stream", "relay", "deliver"];
